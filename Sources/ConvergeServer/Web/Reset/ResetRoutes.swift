import ConvergeCore
import HTTPTypes

/// Where a reset begins: the same for every name.
enum ResetRoutes {
    static let routes: [Route] = [
        .open(.get, "/reset-password") { request, _ in .page(ResetFindPage(name: request.query["name"])) },
        .open(.post, "/reset-password", begin),
    ]

    /// More of a name is not kept; no name is longer.
    private static let longestName = 256

    private static func begin(_ request: AnonymousRequest, _ instance: Instance) async throws -> Reply {
        let typed = String(request.form["name"].trimmingSpaces().prefix(longestName))
        guard !typed.isEmpty else {
            return .page(ResetFindPage(errors: [FieldError("name", Refusal(.fieldEmpty))]), status: 422)
        }
        return try await instance.database.write { db in
            if let until = try instance.spend([Budgets.from(request.network, .reset, instance)], now: request.now, db) {
                return .page(TooManyPage(until: until, again: "/reset-password"), status: 429)
            }
            let id: FlowID = instance.world.newID()
            let found = try instance.people.find(nameKey: SignInName(typed)?.normalised ?? "", db)
            let dossier = try instance.dossier(
                found ?? ResetNobody.record(typed, instance, now: request.now), knownBrowser: false, now: request.now, db)
            let mayReset = found != nil && ResetMachine.mayReset(dossier.standing)
            let state = ResetState(
                name: typed, person: mayReset ? dossier.person.id : nil, epoch: mayReset ? dossier.person.sessionEpoch : nil,
                startedAt: request.now)
            // The row names nobody: whether a flow is closed with the person's others would tell that the person exists. The
            // sealed state knows, and the session epoch ends it.
            try instance.flows.insert(
                id, kind: .reset, state: state, person: nil, epoch: nil, browserHash: request.browserHash, returnTo: "/sign-in",
                policyVersion: dossier.document.version, now: request.now, life: ResetState.life, db)
            let reason = found == nil ? "unknown name" : dossier.person.state == .enabled ? "not in scope" : dossier.person.state.rawValue
            try Ledger(instance, db, request: request, correlation: id.text).note(
                .resetProgress, found, success: mayReset, reason: mayReset ? nil : reason, by: .anonymous,
                details: ["step": mayReset ? "user identified" : "user not identified"])
            return .redirect("/flows/\(id)")
        }
    }
}

/// Stands in for a name that may not reset here: nothing is held, nothing can be right, and every counter is kept as for others.
enum ResetNobody {
    static func record(_ name: String, _ instance: Instance, now: Moment) -> PersonRecord {
        let key = SignInName(name)?.normalised ?? name
        let id = PersonID("nobody-" + instance.keyed(key, "name").prefix(32))
        return PersonRecord(
            person: Person(id: id), organisation: instance.organisation, name: name, displayName: name, createdAt: now)
    }
}
