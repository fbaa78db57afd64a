public import ConvergeCore

/// A signed-in browser.
public struct SessionRecord: Sendable, Hashable {
    public let id: SessionID
    public let person: PersonID
    public let epoch: Int64
    public let createdAt: Moment
    public let seenAt: Moment
    /// Unused until then, the session ends.
    public let idleUntil: Moment
    public let endsAt: Moment
    public let amr: [String]
    public let proofs: [Proof]
    public let agent: String
    public let network: String

    /// The latest proof of this session.
    public var latestProof: Moment? { proofs.map(\.at).max() }
}

/// What a browser is to a person: known (has signed in before) and remembered (need not repeat the second step).
public struct BrowserRecord: Sendable, Hashable {
    public let isKnown: Bool
    public let rememberedUntil: Moment?
}

/// Sessions and browsers. Their secrets are stored only as keyed hashes.
public struct SessionStore: Sendable {
    public let organisation: OrganisationID

    public init(organisation: OrganisationID) {
        self.organisation = organisation
    }

    /// The live session with a secret's hash: not revoked, not idle, not ended, begun in the person's current epoch.
    public func find(secretHash: String, now: Moment, _ db: any Connection) throws -> SessionRecord? {
        try ask(secretHash: secretHash, now: now, db).answer()
    }

    /// Asks for the same.
    public func ask(secretHash: String, now: Moment, _ db: any Connection) throws -> Asked<SessionRecord?> {
        try askLive("session.secret_hash = \(secretHash)", now: now, db)
    }

    /// The live session with an id.
    public func find(_ id: SessionID, now: Moment, _ db: any Connection) throws -> SessionRecord? {
        try askLive("session.id = \(id)", now: now, db).answer()
    }

    private func askLive(_ which: SQL, now: Moment, _ db: any Connection) throws -> Asked<SessionRecord?> {
        try db.askRow(
            """
            SELECT session.* FROM session JOIN person ON person.id = session.person_id
            WHERE \(fragment: which) AND session.revoked_ms IS NULL AND session.idle_ms > \(now)
                AND session.ends_ms > \(now) AND session.epoch = person.session_epoch AND person.state = 'enabled'
            """
        ).map { try $0.map(record) }
    }

    public func insert(_ session: SessionRecord, secretHash: String, _ db: any Connection) throws {
        try db.later(
            """
            INSERT INTO session (id, organisation_id, person_id, secret_hash, epoch, created_ms, seen_ms, idle_ms, ends_ms, amr,
                proofs, agent, network)
            VALUES (\(session.id), \(organisation), \(session.person), \(secretHash), \(session.epoch), \(session.createdAt),
                \(session.seenAt), \(session.idleUntil), \(session.endsAt), \(session.amr.joined(separator: " ")),
                \(try JSONText.encode(session.proofs)), \(session.agent), \(session.network))
            """)
    }

    /// Moves the idle limit on.
    public func touch(_ id: SessionID, now: Moment, idleUntil: Moment, _ db: any Connection) throws {
        try db.later("UPDATE session SET seen_ms = \(now), idle_ms = \(idleUntil) WHERE id = \(id)")
    }

    public func revoke(_ id: SessionID, now: Moment, _ db: any Connection) throws {
        try db.later("UPDATE session SET revoked_ms = \(now) WHERE id = \(id) AND revoked_ms IS NULL")
    }

    /// Live sessions of a person, newest first.
    public func all(of person: Person, now: Moment, _ db: any Connection) throws -> [SessionRecord] {
        try db.rows(
            """
            SELECT * FROM session WHERE person_id = \(person.id) AND revoked_ms IS NULL AND idle_ms > \(now) AND ends_ms > \(now)
                AND epoch = \(person.sessionEpoch) ORDER BY created_ms DESC
            """
        ).map(record)
    }

    /// Asks what a browser is to a person, once it is known who that is.
    public func askBrowser(
        secretHash: String, _ whom: Whom, now: Moment, _ db: any Connection
    ) throws -> (_ person: Person) throws -> BrowserRecord {
        let row = try db.askRow(
            "SELECT remembered_until_ms, epoch FROM browser WHERE secret_hash = \(secretHash) AND person_id = \(fragment: whom.id)")
        return { person in
            guard let row = try row.answer() else { return BrowserRecord(isKnown: false, rememberedUntil: nil) }
            let until = try row.optionalMoment("remembered_until_ms")
            let current = try row.integer("epoch") == person.sessionEpoch
            return BrowserRecord(isKnown: true, rememberedUntil: current ? until.flatMap { $0 > now ? $0 : nil } : nil)
        }
    }

    /// Notes that a browser has signed in as a person, remembered until a moment or not.
    public func noteBrowser(
        secretHash: String, person: Person, now: Moment, rememberUntil: Moment?, agent: String, _ db: any Connection
    ) throws {
        try db.later(
            """
            INSERT INTO browser (secret_hash, person_id, organisation_id, known_ms, remembered_until_ms, epoch, agent)
            VALUES (\(secretHash), \(person.id), \(organisation), \(now), \(orNull: rememberUntil), \(person.sessionEpoch), \(agent))
            ON CONFLICT (secret_hash, person_id) DO UPDATE SET known_ms = excluded.known_ms, agent = excluded.agent,
                remembered_until_ms = CASE
                    WHEN excluded.remembered_until_ms IS NOT NULL THEN excluded.remembered_until_ms
                    WHEN browser.epoch = excluded.epoch THEN browser.remembered_until_ms ELSE NULL END,
                epoch = excluded.epoch
            """)
    }

    /// Asks how many browsers need not repeat the second step now.
    public func askRemembered(of person: Person, now: Moment, _ db: any Connection) throws -> Asked<Int> {
        try db.askRow(
            """
            SELECT COUNT(*) AS n FROM browser WHERE person_id = \(person.id) AND remembered_until_ms > \(now)
                AND epoch = \(person.sessionEpoch)
            """
        ).map { try $0?.int("n") ?? 0 }
    }

    /// Every browser of a person asks for the second step again.
    public func forgetRemembered(of person: PersonID, _ db: any Connection) throws {
        try db.later("UPDATE browser SET remembered_until_ms = NULL WHERE person_id = \(person)")
    }

    private func record(_ row: Row) throws -> SessionRecord {
        SessionRecord(
            id: try row.id("id", as: SessionSubject.self), person: try row.id("person_id", as: PersonSubject.self),
            epoch: try row.integer("epoch"), createdAt: try row.moment("created_ms"), seenAt: try row.moment("seen_ms"),
            idleUntil: try row.moment("idle_ms"), endsAt: try row.moment("ends_ms"),
            amr: try row.text("amr").split(separator: " ").map(String.init),
            proofs: try JSONText.decode([Proof].self, from: row.text("proofs")), agent: try row.text("agent"),
            network: try row.text("network"))
    }
}
