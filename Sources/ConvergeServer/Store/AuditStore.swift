public import ConvergeCore

/// Who did something.
public enum AuditActor: Sendable, Hashable {
    case person(PersonID, name: String)
    /// Somebody at the command line.
    case operatorConsole
    case system
    /// Nobody signed in: a refused sign-in, a reset.
    case anonymous
}

/// One thing that happened. Codes, secrets and full contact data are never in it.
public struct AuditEvent: Sendable, Hashable {
    public var activity: AuditActivity
    public var success: Bool
    public var reason: String?
    public var person: PersonID?
    public var personName: String?
    public var actor: AuditActor
    public var correlation: String?
    public var caseCode: String?
    public var network: String?
    public var agent: String?
    /// Nil: the one in force when it is written.
    public var policyVersion: Int64?
    public var details: [String: String]

    public init(
        _ activity: AuditActivity, success: Bool = true, reason: String? = nil, person: PersonID? = nil, personName: String? = nil,
        actor: AuditActor, correlation: String? = nil, caseCode: String? = nil, network: String? = nil, agent: String? = nil,
        policyVersion: Int64? = nil, details: [String: String] = [:]
    ) {
        self.activity = activity
        self.success = success
        self.reason = reason
        self.person = person
        self.personName = personName
        self.actor = actor
        self.correlation = correlation
        self.caseCode = caseCode
        self.network = network
        self.agent = agent
        self.policyVersion = policyVersion
        self.details = details
    }
}

/// A stored event.
public struct AuditRecord: Sendable, Hashable {
    public let id: String
    public let at: Moment
    public let event: AuditEvent
    public let category: AuditCategory
}

/// What to look for in the log. Nil: anything.
public struct AuditFilter: Sendable, Hashable {
    public var category: AuditCategory?
    public var activity: AuditActivity?
    public var person: PersonID?
    public var success: Bool?
    public var from: Moment?
    public var to: Moment?
    public var correlation: String?
    public var caseCode: String?
    /// The last event of the page before: newest first, keyset-paged.
    public var before: (at: Moment, id: String)?
    public var limit: Int

    public init(limit: Int = 100) {
        self.limit = limit
    }

    public static func == (left: Self, right: Self) -> Bool { left.hashValue == right.hashValue }

    public func hash(into hasher: inout Hasher) {
        hasher.combine(category)
        hasher.combine(activity)
        hasher.combine(person)
        hasher.combine(success)
        hasher.combine(from)
        hasher.combine(to)
        hasher.combine(before?.id)
    }
}

/// The audit log: written in the transaction of the change it tells of.
public struct AuditStore: Sendable {
    public let organisation: OrganisationID

    public init(organisation: OrganisationID) {
        self.organisation = organisation
    }

    public func write(_ event: AuditEvent, id: String, at now: Moment, _ db: any Connection) throws {
        let (kind, actorID, actorName): (String, String?, String?) =
            switch event.actor {
            case .person(let id, let name): ("person", id.text, name)
            case .operatorConsole: ("operator", nil, "command line")
            case .system: ("system", nil, nil)
            case .anonymous: ("anonymous", nil, nil)
            }
        let version: SQL =
            event.policyVersion.map { "\($0)" }
            ?? "(SELECT COALESCE(MAX(version), 0) FROM policy_version WHERE organisation_id = \(organisation))"
        try db.later(
            """
            INSERT INTO audit (id, organisation_id, at_ms, category, activity, result, reason, person_id, person_name, actor_kind,
                actor_id, actor_name, correlation_id, case_code, network, agent, policy_version, details)
            VALUES (\(id), \(organisation), \(now), \(event.activity.category), \(event.activity),
                \(event.success ? "success" : "failure"), \(orNull: event.reason), \(orNull: event.person), \(orNull: event.personName), \(kind),
                \(orNull: actorID), \(orNull: actorName), \(orNull: event.correlation), \(orNull: event.caseCode), \(orNull: event.network), \(orNull: event.agent),
                \(fragment: version), \(try JSONText.encode(event.details)))
            """)
    }

    /// Events that match, newest first.
    public func find(_ filter: AuditFilter, _ db: any Connection) throws -> [AuditRecord] { try db.rows(query(filter)).map(record) }

    func query(_ filter: AuditFilter) -> SQL {
        var query: SQL = "SELECT * FROM audit WHERE organisation_id = \(organisation)"
        if let category = filter.category { query += " AND category = \(category)" }
        if let activity = filter.activity { query += " AND activity = \(activity)" }
        if let person = filter.person { query += " AND person_id = \(person)" }
        if let success = filter.success { query += " AND result = \(success ? "success" : "failure")" }
        if let from = filter.from { query += " AND at_ms >= \(from)" }
        if let to = filter.to { query += " AND at_ms < \(to)" }
        if let correlation = filter.correlation { query += " AND correlation_id = \(correlation)" }
        if let caseCode = filter.caseCode { query += " AND case_code = \(caseCode)" }
        if let before = filter.before {
            // A comparison of rows is a range of the index; two comparisons with OR between them would read everything newer again.
            query += " AND (at_ms, id) < (\(before.at), \(before.id))"
        }
        return query + " ORDER BY at_ms DESC, id DESC LIMIT \(filter.limit)"
    }

    /// One event about a person.
    public func find(id: String, about person: PersonID, _ db: any Connection) throws -> AuditRecord? {
        try db.row("SELECT * FROM audit WHERE id = \(id) AND organisation_id = \(organisation) AND person_id = \(person)").map(record)
    }

    private func record(_ row: Row) throws -> AuditRecord {
        let actor: AuditActor =
            switch try row.text("actor_kind") {
            case "person": .person(PersonID(try row.optionalText("actor_id") ?? ""), name: try row.optionalText("actor_name") ?? "")
            case "operator": .operatorConsole
            case "system": .system
            default: .anonymous
            }
        let event = AuditEvent(
            try row.choice("activity", as: AuditActivity.self), success: try row.text("result") == "success",
            reason: try row.optionalText("reason"), person: try row.optionalID("person_id", as: PersonSubject.self),
            personName: try row.optionalText("person_name"), actor: actor, correlation: try row.optionalText("correlation_id"),
            caseCode: try row.optionalText("case_code"), network: try row.optionalText("network"),
            agent: try row.optionalText("agent"), policyVersion: try row.optionalInteger("policy_version"),
            details: try JSONText.decode([String: String].self, from: row.text("details")))
        return AuditRecord(
            id: try row.text("id"), at: try row.moment("at_ms"), event: event,
            category: try row.choice("category", as: AuditCategory.self))
    }
}
