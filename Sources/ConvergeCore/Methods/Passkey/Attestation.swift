import Crypto

/// What vouches for a new passkey (WebAuthn level 3, section 6.5). Two formats are read: `none`, and `packed`, which security keys use.
public struct AttestationObject: Hashable, Sendable {
    /// The largest that is read: a chain of certificates has a few kilobytes.
    public static let maximumLength = 16_384

    public let format: String
    public let statement: CBOR
    public let authenticatorData: [UInt8]

    public init(_ bytes: [UInt8]) throws(PasskeyProblem) {
        guard bytes.count <= Self.maximumLength else { throw .attestationObject }
        let item: CBOR
        do { item = try CBOR.read(bytes) } catch { throw .cbor(error) }
        guard let format = item["fmt"]?.text, let statement = item["attStmt"], statement.map != nil,
            let data = item["authData"]?.bytes, item.map?.count == 3
        else { throw .attestationObject }
        self.format = format
        self.statement = statement
        authenticatorData = data
    }
}

/// A certificate of an authenticator's maker, as far as the rules of `packed` look at it.
public struct AttestationCertificate: Sendable {
    public let isVersion3: Bool
    public let country: String?
    public let organisation: String?
    public let unit: String?
    public let commonName: String?
    public let isAuthority: Bool
    /// The kind of authenticator it was made for, where it says so.
    public let kind: AAGUID?
    public let key: SigningKey

    public init(
        isVersion3: Bool, country: String?, organisation: String?, unit: String?, commonName: String?, isAuthority: Bool, kind: AAGUID?,
        key: SigningKey
    ) {
        self.isVersion3 = isVersion3
        self.country = country
        self.organisation = organisation
        self.unit = unit
        self.commonName = commonName
        self.isAuthority = isAuthority
        self.kind = kind
        self.key = key
    }

    /// WebAuthn level 3, section 8.2.1.
    fileprivate func isFit(for kind: AAGUID) -> Bool {
        let isNamed = [country, organisation, commonName].allSatisfy { $0?.isEmpty == false }
        return isVersion3 && isNamed && unit == "Authenticator Attestation" && !isAuthority && (self.kind ?? kind) == kind
    }
}

/// Reads certificates and knows the trust anchors that the operator configured.
public protocol AttestationTrust: Sendable {
    /// A certificate in DER; nil when it is none, or its key is of a kind that is not accepted.
    func certificate(_ der: [UInt8]) -> AttestationCertificate?
    /// Whether the certificates, the first one first, lead to a trust anchor.
    func isAnchored(_ chain: [[UInt8]], at now: Moment) -> Bool
}

/// No trust anchors and no certificates: good where no attestation is asked for.
public struct NoAttestationTrust: AttestationTrust {
    public init() {}
    public func certificate(_ der: [UInt8]) -> AttestationCertificate? { nil }
    public func isAnchored(_ chain: [[UInt8]], at now: Moment) -> Bool { false }
}

/// How sure one may be of what kind of authenticator holds a passkey.
public enum AttestationStrength: String, Codable, Sendable, Comparable {
    /// Nobody vouches for it.
    case none
    /// Its own key does, which says only that it is consistent.
    case own
    /// A certificate does that no trust anchor stands behind.
    case certificate
    /// A trust anchor stands behind its certificate.
    case anchored

    public static func < (left: Self, right: Self) -> Bool { left.rank < right.rank }
    private var rank: Int {
        switch self {
        case .none: 0
        case .own: 1
        case .certificate: 2
        case .anchored: 3
        }
    }
}

extension AttestationObject {
    /// Longest chain that is looked at.
    static let maximumChain = 5

    /// Checks the statement over a new passkey.
    func strength(
        _ passkey: AuthenticatorData.AttestedPasskey, key: SigningKey, clientDataHash: [UInt8], trust: any AttestationTrust, now: Moment
    ) throws(PasskeyProblem) -> AttestationStrength {
        switch format {
        case "none":
            guard statement.map?.isEmpty == true else { throw .statement }
            return .none
        case "packed":
            guard let number = statement["alg"]?.integer, let signature = statement["sig"]?.bytes else { throw .statement }
            guard let algorithm = PasskeyAlgorithm(rawValue: number) else { throw .algorithm(number) }
            let signed = authenticatorData + clientDataHash
            guard let chain = statement["x5c"] else {
                guard algorithm == key.algorithm, statement.map?.count == 2 else { throw .statement }
                guard key.verifies(signature, of: signed) else { throw .attestationSignature }
                return .own
            }
            return try certified(chain, algorithm, signature, of: signed, passkey.kind, trust, now)
        default: throw .format(format)
        }
    }

    private func certified(
        _ chain: CBOR, _ algorithm: PasskeyAlgorithm, _ signature: [UInt8], of signed: [UInt8], _ kind: AAGUID,
        _ trust: any AttestationTrust,
        _ now: Moment
    ) throws(PasskeyProblem) -> AttestationStrength {
        let certificates = chain.array?.compactMap(\.bytes) ?? []
        guard (1...Self.maximumChain).contains(certificates.count), certificates.count == chain.array?.count, statement.map?.count == 3
        else { throw .statement }
        guard let leaf = trust.certificate(certificates[0]), leaf.isFit(for: kind), leaf.key.algorithm == algorithm
        else { throw .attestationCertificate }
        guard leaf.key.verifies(signature, of: signed) else { throw .attestationSignature }
        return trust.isAnchored(certificates, at: now) ? .anchored : .certificate
    }
}
