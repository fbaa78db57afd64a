import Crypto
import CryptoExtras
import Foundation

/// The signature algorithms that Converge asks authenticators for, by their numbers in the registry of COSE, best first.
///
/// ES256 is what nearly all make; Ed25519 some security keys prefer; RS256 is all that older Windows computers have. Others (ES384, ES512,
/// Ed448) are refused: no authenticator makes only those, and each would be one more thing to get wrong.
public enum PasskeyAlgorithm: Int, CaseIterable, Codable, Sendable {
    case es256 = -7
    case eddsa = -8
    case rs256 = -257
}

/// The public key of a passkey, or of a certificate that vouches for one.
public enum SigningKey: Hashable, Sendable {
    /// A point of P-256, without the byte for "uncompressed".
    case p256([UInt8])
    case ed25519([UInt8])
    case rsa(modulus: [UInt8], exponent: [UInt8])

    /// Bits that an RSA key has.
    public static let rsaBits = 2048...4096

    public var algorithm: PasskeyAlgorithm {
        switch self {
        case .p256: .es256
        case .ed25519: .eddsa
        case .rsa: .rs256
        }
    }

    /// Reads a key as an authenticator writes it (COSE_Key, RFC 9052 section 7 and RFC 9053), its algorithm included.
    public init(cose bytes: [UInt8]) throws(PasskeyProblem) {
        let item: CBOR
        do { item = try CBOR.read(bytes) } catch { throw .cbor(error) }
        try self.init(cose: item)
    }

    /// Reads a key that was already taken apart.
    public init(cose item: CBOR) throws(PasskeyProblem) {
        guard let number = item[3]?.integer else { throw .key }
        guard let algorithm = PasskeyAlgorithm(rawValue: number) else { throw .algorithm(number) }
        let key: SigningKey
        switch (algorithm, item[1]?.integer) {
        case (.es256, 2):
            guard item[-1]?.integer == 1, let x = item[-2]?.bytes, let y = item[-3]?.bytes, x.count == 32, y.count == 32
            else { throw .key }
            key = .p256(x + y)
        case (.eddsa, 1):
            guard item[-1]?.integer == 6, let x = item[-2]?.bytes, x.count == 32 else { throw .key }
            key = .ed25519(x)
        case (.rs256, 3):
            guard let modulus = item[-1]?.bytes, let exponent = item[-2]?.bytes, Self.isSound(modulus, exponent) else { throw .key }
            key = .rsa(modulus: modulus, exponent: exponent)
        default: throw .key
        }
        guard key.isUsable else { throw .key }
        self = key
    }

    /// A number as COSE writes it has no zeros in front; the exponent is odd and small.
    private static func isSound(_ modulus: [UInt8], _ exponent: [UInt8]) -> Bool {
        guard let first = modulus.first, first != 0, exponent.first ?? 0 != 0, (1...4).contains(exponent.count) else { return false }
        return rsaBits.contains(modulus.count * 8 - first.leadingZeroBitCount) && exponent.last! & 1 == 1 && exponent != [1]
    }

    /// Whether the numbers are a key: a point that lies on the curve, for example.
    private var isUsable: Bool {
        switch self {
        case .p256(let point): (try? P256.Signing.PublicKey(rawRepresentation: point)) != nil
        case .ed25519(let bytes): (try? Curve25519.Signing.PublicKey(rawRepresentation: bytes)) != nil
        case .rsa(let modulus, let exponent): (try? _RSA.Signing.PublicKey(n: modulus, e: exponent)) != nil
        }
    }

    /// Whether the signature is this key's over the data. ES256 signatures are DER, as WebAuthn has them.
    public func verifies(_ signature: [UInt8], of data: [UInt8]) -> Bool {
        switch self {
        case .p256(let point):
            guard let key = try? P256.Signing.PublicKey(rawRepresentation: point),
                let signature = try? P256.Signing.ECDSASignature(derRepresentation: signature)
            else { return false }
            return key.isValidSignature(signature, for: SHA256.hash(data: data))
        case .ed25519(let bytes):
            guard let key = try? Curve25519.Signing.PublicKey(rawRepresentation: bytes) else { return false }
            return key.isValidSignature(signature, for: data)
        case .rsa(let modulus, let exponent):
            guard let key = try? _RSA.Signing.PublicKey(n: modulus, e: exponent) else { return false }
            let signature = _RSA.Signing.RSASignature(rawRepresentation: signature)
            return key.isValidSignature(signature, for: SHA256.hash(data: data), padding: .insecurePKCS1v1_5)
        }
    }

    /// The key as an authenticator writes it; what is kept of a passkey.
    public var cose: [UInt8] {
        let entries: [(Int, CBOR)] =
            switch self {
            case .p256(let point):
                [
                    (1, .integer(2)), (3, .integer(-7)), (-1, .integer(1)), (-2, .bytes(Array(point[..<32]))),
                    (-3, .bytes(Array(point[32...]))),
                ]
            case .ed25519(let bytes): [(1, .integer(1)), (3, .integer(-8)), (-1, .integer(6)), (-2, .bytes(bytes))]
            case .rsa(let modulus, let exponent):
                [(1, .integer(3)), (3, .integer(-257)), (-1, .bytes(modulus)), (-2, .bytes(exponent))]
            }
        return CBOR.map(entries.map { CBOREntry(.integer($0.0), $0.1) }).encoded
    }
}
