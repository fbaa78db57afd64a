import ConvergeCore

/// What is asked for first at a sign-in: chosen by the person among what may be it now.
struct ChangeDefault {
    let dossier: Dossier
    let instance: Instance

    init(_ dossier: Dossier, _ instance: Instance) {
        self.dossier = dossier
        self.instance = instance
    }

    /// What may be asked for first, in the order in which it would be chosen automatically.
    static func candidates(_ dossier: Dossier) -> [CredentialUse] {
        let implemented = dossier.standing.counting(for: .signIn).filter { MethodRegistry.implementedCapabilities.contains($0.capability) }
        return dossier.standing.inDefaultOrder(implemented)
    }

    func page(errors: [FieldError] = []) throws -> Reply {
        let candidates = Self.candidates(dossier), now = dossier.standing.usualDefault
        guard candidates.count > 1, !dossier.policy.methods.strongestFirst else { return .redirect("/security-info") }
        let choices = try candidates.map { use in
            let value = try dossier.credential(use.credential).flatMap { try MethodWords.value($0, isProven: true, instance).0 }
            return ChangeDefaultPage.choice(use.capability.rawValue, value: use.formValue, detail: value, isNow: use == now)
        }
        let resetOnly = dossier.standing.credentials.contains {
            dossier.standing.counts($0, for: .reset) && !dossier.standing.counts($0, for: .signIn)
        }
        let page = ChangeDefaultPage(form: Form("/security-info/default"), choices: choices, hasResetOnly: resetOnly, errors: errors)
        return .page(page, status: errors.isEmpty ? 200 : 422)
    }

    static func run(_ verified: RecentlyVerifiedRequest, _ instance: Instance) async throws -> Reply {
        let request = verified.request
        return try await instance.database.write { db in
            guard let (dossier, _) = try instance.dossier(verified.dossier.person.id, request, db) else { throw Overtaken() }
            guard let use = CredentialUse(form: request.form["default"]), candidates(dossier).contains(use),
                !dossier.policy.methods.strongestFirst,
                let record = dossier.credential(use.credential)
            else {
                return try ChangeDefault(dossier, instance).page(errors: [FieldError("default", Refusal(.changedElsewhere))])
            }
            try instance.people.setPreference(dossier.person.id, [use], db)
            try Ledger(instance, db, request: request).note(
                .changedDefault, dossier.record,
                details: ["method": record.credential.method.rawValue, "capability": use.capability.rawValue, "hint": record.hint])
            return .redirect(SavedNotice.defaultChanged(use.capability).path("/security-info"))
        }
    }
}
