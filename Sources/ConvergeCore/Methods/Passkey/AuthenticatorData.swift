/// What an authenticator says and signs (WebAuthn level 3, section 6.1).
public struct AuthenticatorData: Hashable, Sendable {
    /// SHA-256 of the relying party's id.
    public let relyingPartyHash: [UInt8]
    public let isUserPresent: Bool
    public let isUserVerified: Bool
    /// The passkey may be copied to other devices by its provider.
    public let isBackupEligible: Bool
    public let isBackedUp: Bool
    public let counter: UInt32
    /// At a registration: the new passkey.
    public let attested: AttestedPasskey?

    /// A passkey at its registration.
    public struct AttestedPasskey: Hashable, Sendable {
        public let kind: AAGUID
        public let id: [UInt8]
        public let key: CBOR
    }

    /// The longest id of a passkey.
    public static let maximumIDLength = 1023

    private enum Flag {
        static let present: UInt8 = 0x01, verified: UInt8 = 0x04, eligible: UInt8 = 0x08, backedUp: UInt8 = 0x10
        static let attested: UInt8 = 0x40, extensions: UInt8 = 0x80
    }

    public init(_ bytes: [UInt8]) throws(PasskeyProblem) {
        guard bytes.count >= 37 else { throw .authenticatorData }
        let flags = bytes[32]
        relyingPartyHash = Array(bytes[..<32])
        isUserPresent = flags & Flag.present != 0
        isUserVerified = flags & Flag.verified != 0
        isBackupEligible = flags & Flag.eligible != 0
        isBackedUp = flags & Flag.backedUp != 0
        counter = bytes[33..<37].reduce(0) { $0 << 8 | UInt32($1) }
        guard isBackupEligible || !isBackedUp else { throw .backup }
        var rest = bytes[37...]
        attested = flags & Flag.attested != 0 ? try Self.attested(&rest) : nil
        if flags & Flag.extensions != 0 {
            // What an extension says is not used, but it has to be a map with names, and the last thing there is.
            let extensions = try Self.first(&rest)
            guard let entries = extensions.map, entries.allSatisfy({ $0.key.text != nil }) else { throw .authenticatorData }
        }
        guard rest.isEmpty else { throw .authenticatorData }
    }

    private static func attested(_ rest: inout ArraySlice<UInt8>) throws(PasskeyProblem) -> AttestedPasskey {
        guard rest.count >= 18, let kind = AAGUID(bytes: Array(rest.prefix(16))) else { throw .authenticatorData }
        let length = rest.dropFirst(16).prefix(2).reduce(0) { $0 << 8 | Int($1) }
        rest = rest.dropFirst(18)
        guard (1...maximumIDLength).contains(length) else { throw .credentialID }
        guard rest.count >= length else { throw .authenticatorData }
        let id = Array(rest.prefix(length))
        rest = rest.dropFirst(length)
        return AttestedPasskey(kind: kind, id: id, key: try first(&rest))
    }

    private static func first(_ rest: inout ArraySlice<UInt8>) throws(PasskeyProblem) -> CBOR {
        do {
            let (item, after) = try CBOR.readFirst(rest)
            rest = after
            return item
        } catch { throw .cbor(error) }
    }
}
