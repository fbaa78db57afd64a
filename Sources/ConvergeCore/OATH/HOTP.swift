import Crypto

/// The hash under an HMAC-based code: RFC 4226 knows SHA1, RFC 6238 §1.2 adds the others. The raw value is how a key URI names it.
public enum OTPAlgorithm: String, Codable, Sendable, CaseIterable {
    case sha1 = "SHA1"
    case sha256 = "SHA256"
    case sha512 = "SHA512"
}

/// How many digits a code has. RFC 4226 §5.3 allows six, seven or eight, so nothing else can be said.
public enum OTPDigits: Int, Codable, Sendable, CaseIterable {
    case six = 6
    case seven = 7
    case eight = 8
}

/// HMAC-based one-time passwords, RFC 4226.
public enum HOTP {
    /// The value for one counter, as digits with leading zeros (RFC 4226 §5.3).
    public static func code(
        secret: Secret, counter: UInt64, algorithm: OTPAlgorithm = .sha1, digits: OTPDigits = .six
    ) -> Secret {
        var rest = truncate(hmac(secret: secret, counter: counter, algorithm: algorithm))
        var text = [UInt8](repeating: UInt8(ascii: "0"), count: digits.rawValue)
        for index in text.indices.reversed() {
            text[index] += UInt8(rest % 10)
            rest /= 10
        }
        return Secret(bytes: text)
    }

    /// Step 1 of RFC 4226 §5.3: the HMAC over the counter as eight bytes, highest first.
    static func hmac(secret: Secret, counter: UInt64, algorithm: OTPAlgorithm) -> [UInt8] {
        let key = SymmetricKey(data: secret.bytes)
        let message = (0..<8).map { UInt8(truncatingIfNeeded: counter >> UInt64(56 - 8 * $0)) }
        return switch algorithm {
        case .sha1: Array(HMAC<Insecure.SHA1>.authenticationCode(for: message, using: key))
        case .sha256: Array(HMAC<SHA256>.authenticationCode(for: message, using: key))
        case .sha512: Array(HMAC<SHA512>.authenticationCode(for: message, using: key))
        }
    }

    /// Step 2, dynamic truncation: 31 bits from the offset that the last four bits name.
    static func truncate(_ mac: [UInt8]) -> UInt32 {
        let offset = Int(mac[mac.count - 1] & 0x0F)
        return mac[offset..<offset + 4].reduce(0) { $0 << 8 | UInt32($1) } & 0x7FFF_FFFF
    }
}
