import ConvergeCore

/// The password that must be changed inside a sign-in: set by an administrator, or known to others.
enum SignInPassword {
    /// The page that asks for it.
    static func page(_ flow: FlowID, _ dossier: Dossier, errors: [FieldError]) -> NewPasswordPage {
        NewPasswordPage(
            kind: .forced(why: dossier.person.passwordKnownToOthers ? "known" : "reset"), form: Form("/flows/\(flow)/password"),
            username: dossier.record.name, rules: PasswordChange.rules(dossier.policy.password), errors: errors,
            who: Who(name: dossier.record.name))
    }

    /// Takes the new password. Hashing happens outside the transaction; everything else inside one.
    static func change(_ flow: FlowRecord, _ request: AnonymousRequest, _ instance: Instance) async throws -> Reply {
        let dossier = try await instance.database.read { db -> Dossier? in
            guard let turn = try SignInTurn(flow, request, instance, db), case .changePassword = turn.decision.page else { return nil }
            return turn.dossier
        }
        guard let dossier else { throw Overtaken() }
        let checked = try await PasswordChange.check(
            request.form, for: dossier.record, policy: dossier.policy.password, isReset: false, instance)
        switch checked {
        case .failure(let wrong):
            return .page(page(flow.id, dossier, errors: wrong.errors), status: 422)
        case .success(let hash):
            return try await instance.database.write { db in
                guard var turn = try SignInTurn(flow, request, instance, db), case .changePassword = turn.decision.page else {
                    throw Overtaken()
                }
                try PasswordChange.commit(hash, for: turn.dossier, isReset: false, keepFlow: flow.id, ledger: turn.ledger)
                try turn.reload()
                // This very sign-in goes on; every other one ended.
                turn.state.core.epoch = turn.dossier.person.sessionEpoch
                let end = try turn.settle(returnTo: flow.returnTo)
                return try turn.save(flow, end) ?? .redirect("/flows/\(flow.id)")
            }
        }
    }
}
