public import ConvergeCore

/// Questions that people answer on a telephone or another device: asked once, decided once, spent once.
public struct ApprovalStore: Sendable {
    public let organisation: OrganisationID

    public init(organisation: OrganisationID) {
        self.organisation = organisation
    }

    /// Where a decision or a step towards one is told of.
    static let channel = "converge_approval"

    /// Writes down that somebody is being asked.
    public func insert(
        _ draft: ApprovalDraft, person: PersonID, purpose: Purpose, flow: FlowID?, asked: AskedFacts? = nil, now: Moment,
        _ db: any Connection
    ) throws {
        let facts = try asked.map { try JSONText.encode($0) }
        try db.later(
            """
            INSERT INTO approval (id, organisation_id, person_id, credential_id, capability, purpose, flow_id, made_ms, until_ms,
                progress, outcome, wrong_keys, asked)
            VALUES (\(draft.id), \(organisation), \(person), \(orNull: draft.credential), \(draft.capability), \(purpose), \(orNull: flow), \(now),
                \(draft.until), \(ApprovalProgress.queued), \(ApprovalOutcome.pending), 0, \(orNull: facts))
            """)
        if asked != nil { db.tell(Self.channel) }
    }

    /// What somebody is asked now, oldest first.
    func open(of person: PersonID, now: Moment, _ db: any Connection) throws -> [Approval] {
        try askOpen(of: .person(person), now: now, db).answer()
    }

    /// Asks for the same.
    func askOpen(of whom: Whom, now: Moment, _ db: any Connection) throws -> Asked<[Approval]> {
        try db.ask(
            """
            SELECT * FROM approval WHERE person_id = \(fragment: whom.id) AND until_ms > \(now) AND organisation_id = \(organisation)
                AND outcome = \(ApprovalOutcome.pending) ORDER BY made_ms, id
            """
        ).map { try $0.map(approval) }
    }

    /// Ends what was asked before in the same conversation, so that one call at most can still be answered.
    public func replace(in flow: FlowID, of person: PersonID, now: Moment, _ db: any Connection) throws {
        try db.later(
            """
            UPDATE approval SET outcome = \(ApprovalOutcome.failed), failure = \(ApprovalFailure.replaced), decided_ms = \(now)
            WHERE person_id = \(person) AND flow_id = \(flow) AND until_ms > \(now) AND outcome = \(ApprovalOutcome.pending)
            """)
    }

    public func find(_ id: ApprovalID, _ db: any Connection) throws -> Approval? { try ask(id, db).answer() }

    /// Asks for the same.
    public func ask(_ id: ApprovalID, _ db: any Connection) throws -> Asked<Approval?> {
        try db.askRow("SELECT * FROM approval WHERE id = \(id) AND organisation_id = \(organisation)").map { try $0.map(approval) }
    }

    /// Asks what was asked last in a conversation.
    func askNewest(in flow: FlowID, _ db: any Connection) throws -> Asked<Approval?> {
        try db.askRow(
            """
            SELECT * FROM approval WHERE flow_id = \(flow) AND organisation_id = \(organisation)
            ORDER BY made_ms DESC, id DESC LIMIT 1
            """
        ).map { try $0.map(approval) }
    }

    /// Does what asking costs, where nobody is asked.
    func insertDecoy(_ id: ApprovalID, flow: FlowID?, person: PersonID, now: Moment, _ db: any Connection) throws {
        if let flow { try replace(in: flow, of: person, now: now, db) }
        try db.later(
            """
            INSERT INTO approval (id, organisation_id, person_id, credential_id, capability, purpose, flow_id, made_ms, until_ms,
                progress, outcome, wrong_keys)
            VALUES (\(id), \(organisation), '', NULL, \(Capability.call), \(Purpose.reset), NULL, \(now), \(now),
                \(ApprovalProgress.queued), \(ApprovalOutcome.failed), 0)
            """)
    }

    /// Whether a carrier's call is the one that this approval is about. The first that reports becomes it.
    public func adopt(_ id: ApprovalID, call: String, _ db: any Connection) throws -> Bool {
        try db.execute(
            "UPDATE approval SET carrier_id = \(call) WHERE id = \(id) AND (carrier_id IS NULL OR carrier_id = \(call))") == 1
    }

    /// Whether the carrier has reported anything: it has the call, whatever became of the answer to our request.
    public func isTaken(_ id: ApprovalID, _ db: any Connection) throws -> Bool {
        try db.row("SELECT 1 AS n FROM approval WHERE id = \(id) AND carrier_id IS NOT NULL") != nil
    }

    /// Goes forward, never back: reports may overtake each other.
    public func advance(_ id: ApprovalID, to progress: ApprovalProgress, _ db: any Connection) throws {
        let earlier = ApprovalProgress.allCases.filter { $0 < progress }.map(\.rawValue)
        let changed = try db.execute(
            """
            UPDATE approval SET progress = \(progress)
            WHERE id = \(id) AND outcome = \(ApprovalOutcome.pending) AND progress IN \(fragment: .list(earlier))
            """)
        if changed == 1 { db.tell(Self.channel) }
    }

    /// Counts a key that means nothing.
    ///
    /// - Returns: how many there were by now.
    public func countWrongKey(_ id: ApprovalID, _ db: any Connection) throws -> Int {
        let row = try db.row(
            """
            UPDATE approval SET wrong_keys = wrong_keys + 1, progress = \(ApprovalProgress.wrongKey)
            WHERE id = \(id) AND outcome = \(ApprovalOutcome.pending) RETURNING wrong_keys
            """)
        db.tell(Self.channel)
        return try row?.int("wrong_keys") ?? 0
    }

    /// The one decision: the first that comes in time.
    ///
    /// - Returns: whether this was it.
    public func decide(
        _ id: ApprovalID, _ outcome: ApprovalOutcome, _ failure: ApprovalFailure? = nil, by credential: CredentialID? = nil, now: Moment,
        _ db: any Connection
    ) throws -> Bool {
        let won = try !db.rows(
            """
            UPDATE approval SET outcome = \(outcome), failure = \(orNull: failure), decided_ms = \(now), decided_by = \(orNull: credential)
            WHERE id = \(id) AND outcome = \(ApprovalOutcome.pending) AND until_ms > \(now) RETURNING id
            """
        ).isEmpty
        if won { db.tell(Self.channel) }
        return won
    }

    /// Spends what was approved: of many rivals one wins.
    public func spend(_ id: ApprovalID, now: Moment, _ db: any Connection) throws -> Bool {
        try !db.rows(
            """
            UPDATE approval SET spent_ms = \(now)
            WHERE id = \(id) AND outcome = \(ApprovalOutcome.approved) AND spent_ms IS NULL AND until_ms > \(now) RETURNING id
            """
        ).isEmpty
    }

    private func approval(_ row: Row) throws -> Approval {
        Approval(
            id: try row.id("id", as: ApprovalSubject.self), person: try row.id("person_id", as: PersonSubject.self),
            credential: try row.optionalText("credential_id").map { CredentialID($0) },
            capability: try row.choice("capability", as: Capability.self), purpose: try row.choice("purpose", as: Purpose.self),
            flow: try row.optionalText("flow_id").map { FlowID($0) }, until: try row.moment("until_ms"),
            progress: try row.choice("progress", as: ApprovalProgress.self),
            outcome: try row.choice("outcome", as: ApprovalOutcome.self),
            failure: try row.optionalText("failure").flatMap { ApprovalFailure(rawValue: $0) },
            wrongKeys: try row.int("wrong_keys"), isSpent: try row.optionalMoment("spent_ms") != nil,
            asked: try row.optionalText("asked").map { try JSONText.decode(AskedFacts.self, from: $0) } ?? AskedFacts(),
            decidedBy: try row.optionalText("decided_by").map { CredentialID($0) })
    }
}
