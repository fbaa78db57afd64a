/// Why a ceremony was refused. The log and the audit carry the code; the page says it in a sentence.
public enum PasskeyProblem: Error, Hashable, Sendable {
    case cbor(CBORError)
    /// Bytes that are not what they should be.
    case authenticatorData, clientData, attestationObject, credentialID, key
    /// What was signed is something else: another ceremony, another challenge, another site, a frame of another site.
    case ceremony, challenge, origin, crossOrigin, relyingParty
    case userPresence, userVerification
    /// "Is backed up" without "can be backed up", or the latter changed since the registration.
    case backup
    /// An algorithm that was not asked for, by its number.
    case algorithm(Int)
    /// A format of attestation that Converge does not read.
    case format(String)
    /// The statement of an attestation is wrong in itself, its signature or its certificate is.
    case statement, attestationSignature, attestationCertificate
    /// An attestation is demanded: there is none, or none that a trust anchor stands behind.
    case attestationMissing, attestationUntrusted
    /// The kind of authenticator is not one that the policy allows.
    case authenticator(AAGUID)
    case signature
    /// Not registered by this person.
    case unknownPasskey
    /// The authenticator's counter did not rise: there may be a copy of it.
    case counter

    public var code: String {
        switch self {
        case .cbor(let error): "cbor." + error.rawValue
        case .authenticatorData: "authenticator-data"
        case .clientData: "client-data"
        case .attestationObject: "attestation-object"
        case .credentialID: "credential-id"
        case .key: "key"
        case .ceremony: "ceremony"
        case .challenge: "challenge"
        case .origin: "origin"
        case .crossOrigin: "cross-origin"
        case .relyingParty: "relying-party"
        case .userPresence: "user-presence"
        case .userVerification: "user-verification"
        case .backup: "backup"
        case .algorithm(let number): "algorithm \(number)"
        case .format(let name): "format " + Self.shown(name)
        case .statement: "statement"
        case .attestationSignature: "attestation-signature"
        case .attestationCertificate: "attestation-certificate"
        case .attestationMissing: "attestation-missing"
        case .attestationUntrusted: "attestation-untrusted"
        case .authenticator(let kind): "authenticator \(kind)"
        case .signature: "signature"
        case .unknownPasskey: "unknown-passkey"
        case .counter: "counter"
        }
    }

    /// A name from outside, fit for a log.
    private static func shown(_ name: String) -> String {
        String(name.prefix(32).map { $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "-") ? $0 : "?" })
    }
}
