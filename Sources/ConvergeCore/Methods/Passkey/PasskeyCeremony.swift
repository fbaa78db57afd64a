import Crypto

/// What a ceremony must be bound to.
public struct PasskeyExpectation: Sendable {
    public let challenge: [UInt8]
    /// The one origin of the public address, for example with its port.
    public let origin: String
    /// The relying party's id: the host of the public address.
    public let relyingParty: String
    public let needsVerification: Bool

    public init(challenge: [UInt8], origin: String, relyingParty: String, needsVerification: Bool) {
        self.challenge = challenge
        self.origin = origin
        self.relyingParty = relyingParty
        self.needsVerification = needsVerification
    }
}

/// Which authenticators may be registered.
public struct AuthenticatorRules: Hashable, Codable, Sendable {
    /// Only these kinds; empty: all.
    public var allowed: Set<AAGUID>
    public var blocked: Set<AAGUID>
    /// A trust anchor must stand behind a new one. Never looked at again afterwards.
    public var needsAttestation: Bool

    public init(allowed: Set<AAGUID> = [], blocked: Set<AAGUID> = [], needsAttestation: Bool = false) {
        self.allowed = allowed
        self.blocked = blocked
        self.needsAttestation = needsAttestation
    }

    /// Whether passkeys of a kind may be registered and used.
    public func allows(_ kind: AAGUID) -> Bool { !blocked.contains(kind) && (allowed.isEmpty || allowed.contains(kind)) }

    /// Whether a browser is asked for the authenticator's kind and attestation; some ask the person before they tell.
    public var asksForAttestation: Bool { needsAttestation || !allowed.isEmpty || !blocked.isEmpty }
}

/// What is kept of a passkey.
public struct PasskeyContent: Hashable, Codable, Sendable {
    public let id: [UInt8]
    /// COSE_Key.
    public let key: [UInt8]
    public let kind: AAGUID
    public let strength: AttestationStrength
    public let isBackupEligible: Bool
    /// Whether it can tell who uses it, by a PIN or a finger, and did at its registration.
    public let verifiesUser: Bool
    /// How browsers reach it; only words of the specification's list.
    public let transports: [String]

    public init(
        id: [UInt8], key: [UInt8], kind: AAGUID, strength: AttestationStrength, isBackupEligible: Bool, verifiesUser: Bool,
        transports: [String]
    ) {
        self.id = id
        self.key = key
        self.kind = kind
        self.strength = strength
        self.isBackupEligible = isBackupEligible
        self.verifiesUser = verifiesUser
        self.transports = transports
    }
}

/// The two ceremonies of WebAuthn level 3, sections 7.1 and 7.2, from the side of the server.
public enum PasskeyCeremony {
    /// Bytes of a challenge.
    public static let challengeLength = 32
    static let transports: Set<String> = ["ble", "hybrid", "internal", "nfc", "smart-card", "usb"]

    /// A new passkey, or why it is none; `counter` is where the authenticator's counter stands.
    public static func register(
        clientData: [UInt8], attestation: [UInt8], transports: [String], _ expected: PasskeyExpectation, rules: AuthenticatorRules,
        trust: any AttestationTrust, now: Moment
    ) throws(PasskeyProblem) -> (passkey: PasskeyContent, counter: UInt32) {
        try check(clientData, .create, expected)
        let object = try AttestationObject(attestation)
        let data = try AuthenticatorData(object.authenticatorData)
        try check(data, expected)
        guard let attested = data.attested else { throw .authenticatorData }
        let key = try SigningKey(cose: attested.key)
        let strength = try object.strength(
            attested, key: key, clientDataHash: hash(clientData), trust: trust, now: now)
        guard rules.allows(attested.kind) else { throw .authenticator(attested.kind) }
        if rules.needsAttestation, strength != .anchored {
            throw strength == .certificate ? .attestationUntrusted : .attestationMissing
        }
        let passkey = PasskeyContent(
            id: attested.id, key: key.cose, kind: attested.kind, strength: strength, isBackupEligible: data.isBackupEligible,
            verifiesUser: data.isUserVerified, transports: transports.filter(Self.transports.contains).sorted())
        return (passkey, data.counter)
    }

    /// Proves that the passkey's key signed for this challenge here; returns the authenticator's data.
    ///
    /// The counter is compared by the caller, as it is spent in the store.
    public static func assert(
        clientData: [UInt8], authenticatorData: [UInt8], signature: [UInt8], by passkey: PasskeyContent, _ expected: PasskeyExpectation
    ) throws(PasskeyProblem) -> AuthenticatorData {
        try check(clientData, .get, expected)
        let data = try AuthenticatorData(authenticatorData)
        try check(data, expected)
        guard data.isBackupEligible == passkey.isBackupEligible else { throw .backup }
        let key = try SigningKey(cose: passkey.key)
        guard key.verifies(signature, of: authenticatorData + hash(clientData)) else { throw .signature }
        return data
    }

    private static func check(_ bytes: [UInt8], _ ceremony: ClientData.Ceremony, _ expected: PasskeyExpectation) throws(PasskeyProblem) {
        let client = try ClientData(bytes)
        guard client.ceremony == ceremony else { throw .ceremony }
        guard !expected.challenge.isEmpty, equalInConstantTime(client.challenge, expected.challenge) else { throw .challenge }
        guard client.origin == expected.origin else { throw .origin }
        guard !client.isCrossOrigin else { throw .crossOrigin }
    }

    private static func check(_ data: AuthenticatorData, _ expected: PasskeyExpectation) throws(PasskeyProblem) {
        guard data.relyingPartyHash == hash(Array(expected.relyingParty.utf8)) else { throw .relyingParty }
        guard data.isUserPresent else { throw .userPresence }
        guard data.isUserVerified || !expected.needsVerification else { throw .userVerification }
    }

    private static func hash(_ bytes: [UInt8]) -> [UInt8] { Array(SHA256.hash(data: bytes)) }
}
