public import ConvergeCore

/// What is delivered: a text or a mail, complete, so that the worker only carries it.
public struct OutboxMessage: Codable, Sendable, Hashable {
    public enum Kind: String, Codable, Sendable { case text, mail }

    public var kind: Kind
    /// E.164 number or mail address.
    public var to: String
    public var subject: String
    /// The text, or the plain part of the mail.
    public var body: String
    public var html: String?
    /// For a page of the demo: the code by itself.
    public var code: String?

    public init(kind: Kind, to: String, subject: String = "", body: String, html: String? = nil, code: String? = nil) {
        self.kind = kind
        self.to = to
        self.subject = subject
        self.body = body
        self.html = html
        self.code = code
    }
}

/// A message claimed for delivery. Its id is the idempotency key: a repeat carries the same.
public struct OutboxRecord: Sendable {
    public let id: String
    public let kind: OutboxMessage.Kind
    public let tries: Int
    public let notAfter: Moment
    public let createdAt: Moment
    let sealed: String
}

/// Messages on their way, bodies and destinations sealed, wiped on success or expiry.
public struct OutboxStore: Sendable {
    public let organisation: OrganisationID
    public let keys: KeyRing

    public init(organisation: OrganisationID, keys: KeyRing) {
        self.organisation = organisation
        self.keys = keys
    }

    public func insert(
        _ message: OutboxMessage, id: String, person: PersonID?, notAfter: Moment, now: Moment, _ db: any Connection
    ) throws {
        let sealed = try keys.seal(JSONText.bytes(message), aad: Self.aad(id))
        try db.execute(
            """
            INSERT INTO outbox (id, organisation_id, person_id, kind, sealed, not_after_ms, state, tries, next_ms, created_ms)
            VALUES (\(id), \(organisation), \(person), \(message.kind), \(sealed), \(notAfter), 'waiting', 0, \(now), \(now))
            """)
    }

    /// Claims due messages for one worker until `lease`; another worker takes over when this one dies.
    public func claim(limit: Int, now: Moment, lease: Span, _ db: any Connection, _ dialect: Dialect) throws -> [OutboxRecord] {
        try db.rows(
            """
            UPDATE outbox SET next_ms = \(now + lease), tries = tries + 1
            WHERE id IN (SELECT id FROM outbox WHERE state = 'waiting' AND next_ms <= \(now) ORDER BY next_ms LIMIT \(limit)
                \(fragment: dialect.skipLocked))
            RETURNING id, kind, tries, not_after_ms, created_ms, sealed
            """
        ).map { row in
            OutboxRecord(
                id: try row.text("id"), kind: try row.choice("kind", as: OutboxMessage.Kind.self), tries: try row.int("tries"),
                notAfter: try row.moment("not_after_ms"), createdAt: try row.moment("created_ms"), sealed: try row.text("sealed"))
        }
    }

    public func open(_ record: OutboxRecord) throws -> OutboxMessage {
        try JSONText.decode(OutboxMessage.self, from: keys.open(Sealed(record.sealed), aad: Self.aad(record.id)))
    }

    /// Delivered, refused for good, or too late: the content is wiped.
    public func finish(_ id: String, state: String, failure: String?, now: Moment, _ db: any Connection) throws {
        try db.execute(
            "UPDATE outbox SET state = \(state), sealed = NULL, failure = \(failure), done_ms = \(now) WHERE id = \(id)")
    }

    /// To be tried again later.
    public func retry(_ id: String, at next: Moment, failure: String, _ db: any Connection) throws {
        try db.execute("UPDATE outbox SET next_ms = \(next), failure = \(failure) WHERE id = \(id) AND state = 'waiting'")
    }

    /// Whether the newest messages of a kind all failed: the gateway is down. Looks at the last few minutes only.
    public func isGatewayDown(_ kind: OutboxMessage.Kind, since: Moment, _ db: any Connection) throws -> Bool {
        let rows = try db.rows(
            """
            SELECT state, tries, failure FROM outbox WHERE kind = \(kind) AND created_ms >= \(since)
            ORDER BY created_ms DESC LIMIT 3
            """)
        guard !rows.isEmpty else { return false }
        return try rows.allSatisfy { row in
            try row.text("state") == "gaveUp" || (row.text("state") == "waiting" && row.optionalText("failure") != nil)
        }
    }

    private static func aad(_ id: String) -> String { "outbox:\(id)" }
}
