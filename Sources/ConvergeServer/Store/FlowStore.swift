public import ConvergeCore

/// The kinds of conversations.
public enum FlowKind: String, Codable, Sendable {
    case signIn = "sign-in"
    case reset
    /// Adding, changing or confirming one credential on the Security info page.
    case enrolment
    /// A fresh proof before security info opens.
    case proof
}

/// The envelope of a conversation: one row with a version. Any node may take the next step.
public struct FlowRecord: Sendable, Hashable {
    public let id: FlowID
    public let kind: FlowKind
    public let version: Int64
    public let person: PersonID?
    public let epoch: Int64?
    /// Hash of the anonymous browser cookie that began it: the id in a URL alone opens nothing.
    public let browserHash: String
    public let returnTo: String
    public let createdAt: Moment
    public let expiresAt: Moment
    public let closedAt: Moment?
    let sealed: String
}

/// The last answer of a conversation that opened a session.
public struct FlowEnd: Codable, Sendable {
    /// Where the browser was sent.
    public let location: String
    /// The session. Its secret is not kept.
    public let session: SessionID
    /// The hash of the session cookie that came with the last step; nil: there was none.
    public let presented: String?

    public init(location: String, session: SessionID, presented: String?) {
        self.location = location
        self.session = session
        self.presented = presented
    }
}

/// Flows, their states sealed.
public struct FlowStore: Sendable {
    public let organisation: OrganisationID
    public let keys: KeyRing

    public init(organisation: OrganisationID, keys: KeyRing) {
        self.organisation = organisation
        self.keys = keys
    }

    public func find(_ id: FlowID, _ db: any Connection) throws -> FlowRecord? { try ask(id, db).answer() }

    /// Asks for the same.
    public func ask(_ id: FlowID, _ db: any Connection) throws -> Asked<FlowRecord?> {
        try db.askRow("SELECT * FROM flow WHERE id = \(id) AND organisation_id = \(organisation)").map { try $0.map(record) }
    }

    /// Opens the state of a flow. A state that this release does not know is nil: the flow is closed politely, never guessed.
    public func state<State: Decodable>(_ type: State.Type, of flow: FlowRecord) throws -> State? {
        let bytes = try keys.open(Sealed(flow.sealed), aad: Self.aad(flow.id))
        return try? JSONText.decode(type, from: bytes)
    }

    /// Begins a flow.
    ///
    /// - Parameter isOver: it ended at once; `state` is what it ended with when that was a session.
    public func insert(
        _ id: FlowID, kind: FlowKind, state: some Encodable, person: PersonID?, epoch: Int64?, browserHash: String,
        returnTo: String, policyVersion: Int64, isOver: Bool = false, now: Moment, life: Span, _ db: any Connection
    ) throws {
        let sealed = try keys.seal(JSONText.bytes(state), aad: Self.aad(id))
        try db.later(
            """
            INSERT INTO flow (id, organisation_id, kind, sealed, version, policy_version, person_id, session_epoch, browser_hash,
                return_to, created_ms, expires_ms, closed_ms)
            VALUES (\(id), \(organisation), \(kind), \(sealed), 1, \(policyVersion), \(orNull: person), \(orNull: epoch), \(browserHash),
                \(returnTo), \(now), \(now + life), \(orNull: isOver ? now : nil))
            """)
    }

    /// Writes the next state, provided that nobody else took a step since: a stale step loses.
    ///
    /// - Returns: false when the version had moved.
    public func update(
        _ flow: FlowRecord, state: some Encodable, policyVersion: Int64, close: Bool = false, now: Moment, _ db: any Connection
    ) throws -> Bool {
        try write(flow, state, policyVersion: policyVersion, close: close, now: now, db)
    }

    /// For so long the answer that opened a session is given again: for longer than a page waits for a store that never confirms.
    public static let endLife = Span.minutes(1)

    /// Ends a flow by a step that opened a session, provided that nobody else took a step since. What it ended with takes the place of
    /// the state: an answer that never arrives can be given again.
    ///
    /// - Returns: false when the version had moved.
    public func end(_ flow: FlowRecord, with end: FlowEnd, policyVersion: Int64, now: Moment, _ db: any Connection) throws -> Bool {
        try write(flow, end, policyVersion: policyVersion, close: true, now: now, db)
    }

    /// What a flow ended with just now, when that was a session.
    public func end(of flow: FlowRecord, now: Moment) throws -> FlowEnd? {
        // A clock that was put back does not open it again; those of two nodes differ by less than this.
        guard let closedAt = flow.closedAt, closedAt - Self.endLife < now, now < closedAt + Self.endLife else { return nil }
        return try state(FlowEnd.self, of: flow)
    }

    /// Another session takes the place of the one that a flow ended with.
    public func renewEnd(_ end: FlowEnd, of flow: FlowRecord, _ db: any Connection) throws {
        let sealed = try keys.seal(JSONText.bytes(end), aad: Self.aad(flow.id))
        try db.later("UPDATE flow SET sealed = \(sealed) WHERE id = \(flow.id)")
    }

    /// Whoever signs out at a browser is not signed in again by what a flow of theirs ended with: it is no browser's any more.
    public func forgetEnds(of person: PersonID, browserHash: String, now: Moment, _ db: any Connection) throws {
        try db.later(
            """
            UPDATE flow SET browser_hash = ''
            WHERE person_id = \(person) AND browser_hash = \(browserHash) AND closed_ms > \(now - Self.endLife)
            """)
    }

    private func write(
        _ flow: FlowRecord, _ state: some Encodable, policyVersion: Int64, close: Bool, now: Moment, _ db: any Connection
    ) throws -> Bool {
        let sealed = try keys.seal(JSONText.bytes(state), aad: Self.aad(flow.id))
        return try db.execute(
            """
            UPDATE flow SET sealed = \(sealed), version = version + 1, policy_version = \(policyVersion),
                closed_ms = \(orNull: close ? now : nil)
            WHERE id = \(flow.id) AND version = \(flow.version) AND closed_ms IS NULL
            """) == 1
    }

    /// Ends a flow.
    public func close(_ id: FlowID, now: Moment, _ db: any Connection) throws {
        try db.later("UPDATE flow SET closed_ms = \(now), version = version + 1 WHERE id = \(id) AND closed_ms IS NULL")
    }

    /// Ends every open flow of a person.
    public func closeAll(of person: PersonID, except: FlowID? = nil, now: Moment, _ db: any Connection) throws {
        try db.later(
            """
            UPDATE flow SET closed_ms = \(now), version = version + 1
            WHERE person_id = \(person) AND closed_ms IS NULL AND id <> \(except?.text ?? "")
            """)
    }

    /// Forgets flows that ended long ago.
    public func sweep(before: Moment, _ db: any Connection) throws {
        try db.later("DELETE FROM flow WHERE expires_ms < \(before)")
    }

    static func aad(_ id: FlowID) -> String { "flow:\(id)" }

    private func record(_ row: Row) throws -> FlowRecord {
        FlowRecord(
            id: try row.id("id", as: FlowSubject.self), kind: try row.choice("kind", as: FlowKind.self),
            version: try row.integer("version"), person: try row.optionalID("person_id", as: PersonSubject.self),
            epoch: try row.optionalInteger("session_epoch"), browserHash: try row.text("browser_hash"),
            returnTo: try row.text("return_to"), createdAt: try row.moment("created_ms"), expiresAt: try row.moment("expires_ms"),
            closedAt: try row.optionalMoment("closed_ms"), sealed: try row.text("sealed"))
    }
}
