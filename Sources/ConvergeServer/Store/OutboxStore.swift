public import ConvergeCore

/// What is delivered: a text, a mail, a call or a push message, complete, so that the worker only carries it.
public struct OutboxMessage: Codable, Sendable, Hashable {
    public enum Kind: String, Codable, CaseIterable, Sendable {
        case text, mail, voice, push

        /// How the code of a capability travels; nil for what is not sent as a message.
        public init?(_ capability: Capability) {
            switch MethodRegistry.traits(of: capability).manner.carrier {
            case .text: self = .text
            case .mail: self = .mail
            case .voice: self = .voice
            // The app asks by itself where nothing is pushed.
            case .push, nil: return nil
            }
        }
    }

    public var kind: Kind
    /// E.164 number, mail address, or where a browser takes push messages.
    public var to: String
    public var subject: String
    /// The text, or the plain part of the mail.
    public var body: String
    public var html: String?
    /// For a page of the demo: the code by itself.
    public var code: String?
    /// The handle of the approval that a call asks for.
    public var handle: Secret?
    /// Digits that a call dials behind the number.
    public var `extension`: String?
    /// The app that a push message is for, and what it is encrypted with.
    public var app: CredentialID?
    public var pushKeys: PushKeys?

    public init(
        kind: Kind, to: String, subject: String = "", body: String, html: String? = nil, code: String? = nil, handle: Secret? = nil,
        extension digits: String? = nil, app: CredentialID? = nil, pushKeys: PushKeys? = nil
    ) {
        self.app = app
        self.pushKeys = pushKeys
        self.kind = kind
        self.to = to
        self.handle = handle
        self.extension = digits
        self.subject = subject
        self.body = body
        self.html = html
        self.code = code
    }
}

/// How the way of a message ended.
public enum OutboxEnd: String, Sendable {
    case sent
    /// The gateway will not take this message, however often it is asked.
    case refused
    /// The last try failed, and the next one would be too late.
    case gaveUp
    /// Its time was over before it could be sent.
    case expired
}

/// A message claimed for delivery. Its id is the idempotency key: a repeat carries the same.
public struct OutboxRecord: Sendable {
    public let id: String
    public let kind: OutboxMessage.Kind
    /// Counts claims. Whoever claims later has a higher number, and only the latest may write what came of it.
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
        try db.later(
            """
            INSERT INTO outbox (id, organisation_id, person_id, kind, sealed, not_after_ms, state, tries, next_ms, created_ms)
            VALUES (\(id), \(organisation), \(orNull: person), \(message.kind), \(sealed), \(notAfter), 'waiting', 0, \(now), \(now))
            """)
        db.tell(Self.channel)
    }

    /// Does what `insert` costs, for a message that nobody gets: a row of the same size with nothing in it, over from the start.
    public func insertDecoy(_ message: OutboxMessage, id: String, notAfter: Moment, now: Moment, _ db: any Connection) throws {
        let nothing = [UInt8](repeating: 0, count: try JSONText.bytes(message).count)
        let sealed = try keys.seal(nothing, aad: Self.aad(id))
        try db.later(
            """
            INSERT INTO outbox (id, organisation_id, person_id, kind, sealed, not_after_ms, state, tries, next_ms, created_ms, done_ms)
            VALUES (\(id), \(organisation), NULL, \(message.kind), \(sealed), \(notAfter), 'decoy', 0, \(now), \(now), \(now))
            """)
        // What stands for a message takes the time of one.
        db.tell(Self.channel)
    }

    /// The kinds of which something is due. Looks without claiming, so that an idle worker never writes. What a newer program put in of a
    /// kind that this one does not know is left to the newer one.
    public func dueKinds(now: Moment, _ db: any Connection) throws -> Set<OutboxMessage.Kind> {
        Set(
            try db.rows("SELECT DISTINCT kind FROM outbox WHERE state = 'waiting' AND next_ms <= \(now)")
                .compactMap { OutboxMessage.Kind(rawValue: try $0.text("kind")) })
    }

    /// Claims due messages for one worker until the lease ends; another worker takes over when this one dies.
    ///
    /// What has the least time left goes first: codes before notices.
    public func claim(
        _ kind: OutboxMessage.Kind, limit: Int, now: Moment, lease: Span, _ db: any Connection, _ dialect: Dialect
    ) throws -> [OutboxRecord] {
        try db.rows(
            """
            UPDATE outbox SET next_ms = \(now + lease), tries = tries + 1
            WHERE id IN (SELECT id FROM outbox WHERE state = 'waiting' AND next_ms <= \(now) AND kind = \(kind)
                ORDER BY not_after_ms, created_ms, id LIMIT \(limit)\(fragment: dialect.skipLocked))
            RETURNING id, kind, tries, not_after_ms, created_ms, sealed
            """
        ).map { row in
            OutboxRecord(
                id: try row.text("id"), kind: try row.choice("kind", as: OutboxMessage.Kind.self), tries: try row.int("tries"),
                notAfter: try row.moment("not_after_ms"), createdAt: try row.moment("created_ms"), sealed: try row.text("sealed"))
        }.sorted { ($0.notAfter, $0.createdAt, $0.id) < ($1.notAfter, $1.createdAt, $1.id) }
    }

    /// How many messages of each kind that is known here wait, and since when the oldest does.
    func backlog(_ db: any Connection) throws -> [OutboxMessage.Kind: (count: Int, oldest: Moment)] {
        try db.rows("SELECT kind, COUNT(*) AS n, MIN(created_ms) AS oldest FROM outbox WHERE state = 'waiting' GROUP BY kind")
            .reduce(into: [:]) { known, row in
                guard let kind = OutboxMessage.Kind(rawValue: try row.text("kind")) else { return }
                known[kind] = (try row.int("n"), try row.moment("oldest"))
            }
    }

    public func open(_ record: OutboxRecord) throws -> OutboxMessage {
        try JSONText.decode(OutboxMessage.self, from: keys.open(Sealed(record.sealed), aad: Self.aad(record.id)))
    }

    /// The way of a message is over: its content is wiped. Nothing happens when another worker has claimed it since.
    ///
    /// - Returns: whether this claim was still the latest.
    @discardableResult
    public func finish(
        _ record: OutboxRecord, _ end: OutboxEnd, failure: String?, carrierID: String? = nil, now: Moment, _ db: any Connection
    ) throws -> Bool {
        try db.execute(
            """
            UPDATE outbox SET state = \(end.rawValue), sealed = NULL, failure = \(orNull: failure), carrier_id = \(orNull: carrierID), done_ms = \(now)
            WHERE id = \(record.id) AND state = 'waiting' AND tries = \(record.tries)
            """) == 1
    }

    /// Whether a carrier's report about a message can be true: it was handed over, under that name or under none yet.
    func isCarried(_ id: String, as carrierID: String, _ db: any Connection) throws -> Bool {
        try db.row(
            """
            SELECT 1 AS n FROM outbox WHERE id = \(id) AND organisation_id = \(organisation) AND kind = \(OutboxMessage.Kind.text)
                AND state <> 'decoy' AND (carrier_id IS NULL OR carrier_id = \(carrierID))
            """) != nil
    }

    /// To be tried again later.
    public func retry(_ record: OutboxRecord, at next: Moment, failure: String, _ db: any Connection) throws {
        try db.execute(
            """
            UPDATE outbox SET next_ms = \(next), failure = \(failure)
            WHERE id = \(record.id) AND state = 'waiting' AND tries = \(record.tries)
            """)
    }

    /// Notes that a gateway, or one number or mailbox, could not be reached. The first failure counts: somebody is waiting.
    ///
    /// - Parameter channel: a kind's raw value for a whole gateway, else the channel key of a credential.
    public func noteTrouble(_ channel: String, at now: Moment, _ db: any Connection) throws {
        try db.execute(
            """
            INSERT INTO delivery_trouble (organisation_id, channel, failed_ms) VALUES (\(organisation), \(channel), \(now))
            ON CONFLICT (organisation_id, channel) DO UPDATE SET failed_ms = excluded.failed_ms
            """)
    }

    /// Something got through.
    public func clearTrouble(_ channels: [String], _ db: any Connection) throws {
        try db.execute(
            "DELETE FROM delivery_trouble WHERE organisation_id = \(organisation) AND channel IN \(fragment: .list(channels))")
    }

    /// Asks which of some kinds, and of the channels that the credentials of a person travel over, failed lately with nothing getting
    /// through since. Afterwards they are offered again: somebody has to try.
    ///
    /// - Parameter alsoAs: what else a channel is called: put before its key.
    public func askTroubled(
        _ kinds: [String], channelsOf whom: Whom, alsoAs prefix: String, since: Moment, _ db: any Connection
    ) throws -> Asked<Set<String>> {
        try db.ask(
            """
            SELECT channel FROM \(fragment: .rows(of: kinds, as: "kind_name")) CROSS JOIN delivery_trouble
                WHERE organisation_id = \(organisation) AND channel = kind_name AND failed_ms >= \(since)
            UNION ALL
            SELECT channel FROM \(fragment: .rows(of: ["", prefix], as: "begins")) CROSS JOIN credential CROSS JOIN delivery_trouble
                WHERE person_id = \(fragment: whom.id) AND state <> 'retired'
                    AND delivery_trouble.organisation_id = \(organisation) AND channel = begins || channel_key AND failed_ms >= \(since)
            """
        ).map { Set(try $0.map { try $0.text("channel") }) }
    }

    /// Whether a gateway took any message of a kind for a person since some moment.
    public func wasSent(_ kind: OutboxMessage.Kind, to person: PersonID, since: Moment, _ db: any Connection) throws -> Bool {
        try db.row(
            """
            SELECT 1 AS n FROM outbox
            WHERE done_ms >= \(since) AND person_id = \(person) AND kind = \(kind) AND state = 'sent' LIMIT 1
            """) != nil
    }

    /// Where new messages are told of.
    static let channel = "converge_outbox"

    static func aad(_ id: String) -> String { "outbox:\(id)" }
}
