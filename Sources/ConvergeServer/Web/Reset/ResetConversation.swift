import ConvergeCore

/// A reset over HTTP: the same pages, sizes and work for every name until the first passed gate.
enum ResetConversation: Conversation {
    static let kind = FlowKind.reset
    static let start = "/reset-password"

    static func after(_ flow: FlowRecord, _ request: AnonymousRequest) -> Reply {
        .page(ExpiredPage(kind: .elsewhere, start: start), status: 410)
    }

    static var expired: Reply { .page(ExpiredPage(start: start), status: 410) }

    static func show(_ flow: FlowRecord, _ request: AnonymousRequest, _ instance: Instance) async throws -> Reply {
        let shown: Reply? = try await instance.database.read { db in
            guard let turn = try ResetTurn(flow, request, instance, db) else { return expired }
            // A reset that the world ended since (policy, deletion) has yet to be written down.
            return turn.needsStopNote ? nil : try ResetView(turn: turn).reply()
        }
        if let shown { return shown }
        return try await instance.database.write { db in
            guard var turn = try ResetTurn(flow, request, instance, db) else { return expired }
            try turn.noteStop()
            try save(turn)
            return try ResetView(turn: turn).reply()
        }
    }

    static func act(
        _ flow: FlowRecord, _ action: String, _ request: AnonymousRequest, _ instance: Instance
    ) async throws -> Reply {
        if action == "password" { return try await choosePassword(flow, request, instance) }
        return try await instance.database.write { db in
            guard var turn = try ResetTurn(flow, request, instance, db) else { return expired }
            let refusal = try turn.take(action)
            try turn.noteStop()
            try save(turn)
            guard let refusal, turn.showsRefusals else { return .redirect("/flows/\(flow.id)" + (turn.isStuck ? "?view=stuck" : "")) }
            return try ResetView(turn: turn, refusal: refusal).reply(status: 422)
        }
    }

    static func slowWork(
        _ flow: FlowRecord, _ action: String, _ request: AnonymousRequest, _ instance: Instance, _ db: any Connection
    ) throws -> [SlowJob] {
        // Where no try is left, or the reset waits, nothing is compared: so nothing is hashed.
        guard let turn = try ResetTurn(flow, request, instance, db), let challenge = turn.state.challenge, turn.state.triesLeft > 0,
            turn.pausedUntil() == nil
        else { return [] }
        return try turn.challenger.slowWork(request.form.answer, challenge)
    }

    private static func save(_ turn: ResetTurn) throws {
        let saved = try turn.instance.flows.update(
            turn.flow, state: turn.state, policyVersion: turn.dossier.document.version, now: turn.request.now, turn.ledger.db)
        guard saved else { throw Overtaken() }
    }

    /// The new password: checked and hashed outside the transaction, stored inside. A refused one keeps the passed gates.
    private static func choosePassword(_ flow: FlowRecord, _ request: AnonymousRequest, _ instance: Instance) async throws -> Reply {
        let dossier = try await instance.database.read { db -> Dossier? in
            guard let turn = try ResetTurn(flow, request, instance, db), case .newPassword = turn.page else { return nil }
            return turn.dossier
        }
        guard let dossier else { throw Overtaken() }
        let checked = try await PasswordChange.check(
            request.form, for: dossier.record, policy: dossier.policy.password, isReset: true, instance)
        switch checked {
        case .failure(let wrong):
            return .page(ResetView.passwordPage(flow.id, dossier, errors: wrong.errors), status: 422)
        case .success(let hash):
            return try await instance.database.write { db in
                guard var turn = try ResetTurn(flow, request, instance, db) else { throw Overtaken() }
                var reply = Reply.redirect("/flows/\(flow.id)")
                // The cookie of a session that ends with this reset goes too; somebody else's stays.
                let session = try instance.session(request.sessionSecret, now: request.now, db)
                if session?.person == turn.dossier.person.id { reply.session = Secret("") }
                try turn.finish(hash)
                try save(turn)
                return reply
            }
        }
    }
}
