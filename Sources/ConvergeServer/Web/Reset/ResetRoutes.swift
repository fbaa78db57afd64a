import ConvergeCore
import HTTPTypes

/// Where a reset begins: the same for every name.
enum ResetRoutes {
    static let routes: [Route] = [
        .open(.get, "/reset-password") { request, _ in
            .page(ResetFindPage(name: request.query["name"]))
        },
        .open(.post, "/reset-password", begin),
    ]

    /// How many resets one network may begin.
    private static let perNetwork = BudgetRule(limit: 60, window: .hours(1))

    private static func begin(_ request: AnonymousRequest, _ instance: Instance) async throws -> Reply {
        let typed = request.form["name"].trimmingSpaces()
        guard !typed.isEmpty else {
            return .page(ResetFindPage(errors: [FieldError("name", Refusal(.fieldEmpty))]), status: 422)
        }
        return try await instance.database.write { db in
            let network = "reset:from:" + instance.keyed(request.network, "budget")
            if let until = try instance.budgets.spend(network, perNetwork, now: request.now, db) {
                return .page(TooManyPage(until: until, again: "/reset-password"), status: 429)
            }
            let id: FlowID = instance.world.newID()
            let person = try eligible(typed, instance, db)
            let state = ResetState(name: typed, person: person?.id, epoch: person?.person.sessionEpoch, startedAt: request.now)
            try instance.flows.insert(
                id, kind: .reset, state: state, person: person?.id, epoch: person?.person.sessionEpoch, browserHash: request.browserHash,
                returnTo: "/sign-in", policyVersion: instance.policies.currentVersion(db), now: request.now, life: ResetState.life, db)
            try Ledger(instance, db, request: request, correlation: id.text).note(
                .resetProgress, person, success: person != nil, by: .anonymous,
                details: ["step": person == nil ? "name not eligible" : "user identified"])
            return .redirect("/flows/\(id)")
        }
    }

    /// Whoever may reset here. Everybody else gets the same pages, where every code is wrong.
    private static func eligible(_ typed: String, _ instance: Instance, _ db: any Connection) throws -> PersonRecord? {
        guard let record = try instance.people.find(nameKey: SignInName(typed)?.normalised ?? "", db) else { return nil }
        let policy = try instance.policyCache.versions(instance.policies, db).resolve(for: record.person)
        return policy.resetInScope && record.person.state == .enabled ? record : nil
    }
}
