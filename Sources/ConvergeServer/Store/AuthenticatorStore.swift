public import ConvergeCore

/// Where a browser takes push messages.
public struct PushSubscription: Codable, Sendable, Hashable {
    public var endpoint: String
    public var keys: PushKeys

    public init(endpoint: String, keys: PushKeys) {
        self.endpoint = endpoint
        self.keys = keys
    }
}

/// What is kept of an app beside its credential.
public struct AuthenticatorContent: Codable, Sendable, Hashable {
    /// The key of its codes, until it has come for it.
    public var secret: Secret
    public var key: AppKey?
    public var label: String
    /// The step of the first right code.
    public var step: Int64?
    public var push: PushSubscription?

    public init(secret: Secret, key: AppKey? = nil, label: String = "", step: Int64? = nil, push: PushSubscription? = nil) {
        self.secret = secret
        self.key = key
        self.label = label
        self.step = step
        self.push = push
    }
}

/// An installed app, or a registration that waits for one. It has the id of its credential before there is one.
public struct AuthenticatorRecord: Sendable {
    public let id: CredentialID
    public let person: PersonID
    public let flow: FlowID
    public let until: Moment
    public let activatedAt: Moment?
    public var content: AuthenticatorContent
}

/// Installed apps and the registrations that wait for them.
public struct AuthenticatorStore: Sendable {
    public let organisation: OrganisationID
    public let keys: KeyRing

    public init(organisation: OrganisationID, keys: KeyRing) {
        self.organisation = organisation
        self.keys = keys
    }

    /// Waits for an app. Codes of the same conversation that no app came with are good no more.
    public func insert(_ offer: AppOffer, of person: PersonID, flow: FlowID, _ db: any Connection) throws {
        try db.later("DELETE FROM authenticator WHERE flow_id = \(flow) AND activated_ms IS NULL")
        let sealed = try keys.seal(JSONText.bytes(AuthenticatorContent(secret: offer.secret)), aad: Self.aad(offer.credential.text))
        try db.later(
            """
            INSERT INTO authenticator (id, organisation_id, person_id, flow_id, code_hash, until_ms, sealed)
            VALUES (\(offer.credential), \(organisation), \(person), \(flow), \(offer.codeHash), \(offer.until), \(sealed))
            """)
    }

    /// Takes the one app that comes with a code in time.
    ///
    /// - Returns: nil: no such code, or it was used, or it is over.
    public func activate(
        _ codeHash: String, key: AppKey, label: String, now: Moment, _ db: any Connection
    ) throws -> AuthenticatorRecord? {
        let row = try db.row(
            """
            UPDATE authenticator SET activated_ms = \(now), code_hash = NULL
            WHERE code_hash = \(codeHash) AND organisation_id = \(organisation) AND until_ms > \(now) AND activated_ms IS NULL RETURNING *
            """)
        guard var record = try row.map(record) else { return nil }
        record.content.key = key
        record.content.label = label
        try save(record, db)
        db.tell(ApprovalStore.channel)
        return record
    }

    /// Who waits with a code, without taking it.
    public func person(waitingWith codeHash: String, now: Moment, _ db: any Connection) throws -> PersonID? {
        try db.row("SELECT person_id FROM authenticator WHERE code_hash = \(codeHash) AND until_ms > \(now)")
            .map { try $0.id("person_id", as: PersonSubject.self) }
    }

    public func find(_ id: CredentialID, _ db: any Connection) throws -> AuthenticatorRecord? { try ask(id, db).answer() }

    /// Asks for the same.
    func ask(_ id: CredentialID, _ db: any Connection) throws -> Asked<AuthenticatorRecord?> {
        try db.askRow("SELECT * FROM authenticator WHERE id = \(id) AND organisation_id = \(organisation)").map { try $0.map(record) }
    }

    /// Asks whether an app came with the code of a conversation, and whether one is waited for.
    func askWaited(in flow: FlowID, _ db: any Connection) throws -> Asked<(isActivated: Bool, isWaited: Bool)> {
        try db.ask("SELECT DISTINCT activated_ms IS NOT NULL AS came FROM authenticator WHERE flow_id = \(flow)").map { rows in
            let came = try rows.map { try $0.bool("came") }
            return (came.contains(true), came.contains(false))
        }
    }

    /// Asks what a method sees of an app that came.
    func askSeen(_ id: CredentialID, _ db: any Connection) throws -> Asked<SeenApp?> {
        try ask(id, db).map { record in
            guard let content = record?.content, let key = content.key else { return nil }
            return SeenApp(key: key, label: content.label, step: content.step)
        }
    }

    /// Writes what is kept of an app.
    public func save(_ record: AuthenticatorRecord, _ db: any Connection) throws {
        let sealed = try keys.seal(JSONText.bytes(record.content), aad: Self.aad(record.id.text))
        try db.later("UPDATE authenticator SET sealed = \(sealed) WHERE id = \(record.id)")
    }

    /// The apps that are asked: those of a person whose credential is active, or the one that is being registered.
    public func asked(of person: PersonID, only: CredentialID?, _ db: any Connection) throws -> [AuthenticatorRecord] {
        if let only { return try find(only, db).map { [$0] } ?? [] }
        return try db.rows(
            """
            SELECT authenticator.* FROM authenticator JOIN credential ON credential.id = authenticator.id
            WHERE authenticator.person_id = \(person) AND credential.state = 'active' ORDER BY authenticator.id
            """
        ).map(record)
    }

    static func aad(_ id: String) -> String { "authenticator:\(id)" }

    private func record(_ row: Row) throws -> AuthenticatorRecord {
        let id = try row.id("id", as: CredentialSubject.self)
        let bytes = try keys.open(Sealed(row.text("sealed")), aad: Self.aad(id.text))
        return AuthenticatorRecord(
            id: id, person: try row.id("person_id", as: PersonSubject.self), flow: try row.id("flow_id", as: FlowSubject.self),
            until: try row.moment("until_ms"), activatedAt: try row.optionalMoment("activated_ms"),
            content: try JSONText.decode(AuthenticatorContent.self, from: bytes))
    }
}
