import ConvergeCore

@testable import ConvergeServer

/// What must hold of a store at any moment between two transactions, whatever went wrong before.
struct StoreInvariants {
    let server: TestServer
    /// Credentials that a test wrote by hand, so that no audit row tells of them.
    private let given: Set<String>
    private let versions: [String: Int64]

    /// Notes how things are before the story begins.
    init(_ server: TestServer) async throws {
        self.server = server
        (given, versions) = try await server.instance.database.read { db in
            let given = try db.rows("SELECT id FROM credential").map { try $0.text("id") }
            let versions = try db.rows("SELECT id, security_version FROM person").map {
                (try $0.text("id"), try $0.integer("security_version"))
            }
            return (Set(given), Dictionary(uniqueKeysWithValues: versions))
        }
    }

    /// Everything that does not hold.
    func problems() async throws -> [String] {
        let instance = server.instance
        return try await instance.database.read { db in
            try credentials(db, instance) + people(db) + codes(db) + flows(db, instance) + notices(db)
        }
    }

    /// No credential without its audit row, none half made, none that cannot be opened, none retired that is still there.
    private func credentials(_ db: any Connection, _ instance: Instance) throws -> [String] {
        let told = Set(
            try db.rows(
                """
                SELECT details FROM audit WHERE result = 'success'
                    AND activity IN (\(AuditActivity.registered), \(AuditActivity.updated))
                """
            ).compactMap { try JSONText.decode([String: String].self, from: $0.text("details"))["credential"] })
        return try db.rows("SELECT id, person_id, state, source, sealed, replaced_by, retired_reason FROM credential").flatMap {
            row -> [String] in
            let id = try row.text("id"), state = try row.text("state")
            var wrong: [String] = []
            if state == "pending" { wrong.append("credential \(id) is half made") }
            if try row.text("source") == "self", !given.contains(id), !told.contains(id) {
                wrong.append("credential \(id) has no audit row")
            }
            if state == "retired" {
                // What was replaced can be taken back for a day.
                let undoable = try row.optionalText("retired_reason") == "replaced"
                if !undoable, try !row.text("sealed").isEmpty { wrong.append("retired credential \(id) keeps its content") }
                if let next = try row.optionalText("replaced_by"), try db.row("SELECT id FROM credential WHERE id = \(next)") == nil {
                    wrong.append("credential \(id) was replaced by nothing")
                }
            } else if let record = try instance.credentials.find(CredentialID(id), of: PersonID(row.text("person_id")), db),
                (try? instance.credentials.open(record)) == nil
            {
                wrong.append("credential \(id) does not open")
            }
            return wrong
        }
    }

    /// The security version moved once for each change of what a person holds, and the marks of history fit.
    private func people(_ db: any Connection) throws -> [String] {
        try db.rows("SELECT id, name, security_version, first_held_ms FROM person").flatMap { row -> [String] in
            let id = try row.text("id"), name = try row.text("name")
            let changes = try db.rows("SELECT activity FROM audit WHERE person_id = \(id) AND result = 'success'").filter {
                try isChange($0.choice("activity", as: AuditActivity.self))
            }
            let moved = try row.integer("security_version") - (versions[id] ?? 0)
            var wrong: [String] = []
            if moved != Int64(changes.count) {
                wrong.append("\(name): the security version moved \(moved) times for \(changes.count) changes")
            }
            let held = try db.row(
                "SELECT COUNT(*) AS n FROM credential WHERE person_id = \(id) AND state = 'active' AND method NOT IN ('temporaryAccessPass', 'recoveryCodes')"
            )?.int("n")
            if (held ?? 0) > 0, try row.optionalMoment("first_held_ms") == nil {
                wrong.append("\(name) holds something and never held anything")
            }
            return wrong
        }
    }

    private func isChange(_ activity: AuditActivity) -> Bool {
        switch activity {
        case .registered, .updated, .deleted, .changedPassword, .resetPassword, .reportedNotMe, .reportedLost, .undone, .fraudReported: true
        default: false
        }
    }

    /// A set of recovery codes is whole or gone, and says how many are left.
    private func codes(_ db: any Connection) throws -> [String] {
        try db.rows("SELECT id, state, remaining FROM credential WHERE method = 'recoveryCodes'").compactMap { row in
            let id = try row.text("id"), isGone = try row.text("state") == "retired"
            let all = try db.row("SELECT COUNT(*) AS n FROM recovery_code WHERE credential_id = \(id)")?.int("n")
            let left = try db.row("SELECT COUNT(*) AS n FROM recovery_code WHERE credential_id = \(id) AND spent_ms IS NULL")?.int("n")
            if isGone { return all == 0 ? nil : "retired recovery codes \(id) are still there" }
            let says = try row.optionalInt("remaining")
            return all == RecoveryCodes.count && left == says
                ? nil : "of recovery codes \(id) \(all ?? 0) are there, \(left ?? 0) unspent, it says \(says ?? -1)"
        }
    }

    /// Every conversation that is open can go on.
    private func flows(_ db: any Connection, _ instance: Instance) throws -> [String] {
        try db.rows("SELECT id FROM flow WHERE closed_ms IS NULL").compactMap { row in
            let id = FlowID(try row.text("id"))
            guard let flow = try instance.flows.find(id, db) else { return "flow \(id) is gone" }
            let opens: Bool =
                switch flow.kind {
                case .signIn: try instance.flows.state(SignInFlowState.self, of: flow) != nil
                case .reset: try instance.flows.state(ResetState.self, of: flow) != nil
                case .enrolment: try instance.flows.state(EnrolmentFlowState.self, of: flow) != nil
                case .proof: try instance.flows.state(ProofFlowState.self, of: flow) != nil
                }
            return opens ? nil : "flow \(id) does not open"
        }
    }

    /// A link is never there without a message that carries it.
    private func notices(_ db: any Connection) throws -> [String] {
        try db.rows("SELECT DISTINCT at_ms, person_id FROM notice_link").compactMap { row in
            let at = try row.moment("at_ms"), person = try row.text("person_id")
            let sent = try db.row("SELECT COUNT(*) AS n FROM outbox WHERE person_id = \(person) AND created_ms = \(at)")?.int("n")
            return (sent ?? 0) > 0 ? nil : "a link without a message"
        }
    }
}
