import ConvergeCore

/// Signing in with a temporary access pass in place of the password.
///
/// A sign-in that begins takes its id from the browser and from what was typed: who never gets the answer and types it again finds what the
/// first one began, though the pass is spent.
enum PassSignIn {
    static func page(_ request: AnonymousRequest, name: String, errors: [FieldError] = []) -> AccessPassPage {
        AccessPassPage(
            form: SignInRoutes.form("/sign-in/pass", request), name: name, errors: errors, signIn: SignInRoutes.link("/sign-in", request))
    }

    static func run(_ request: AnonymousRequest, _ instance: Instance) async throws -> Reply {
        let typed = Typed(request, instance)
        // One transaction: a pass is never spent without the sign-in that it begins.
        return try await instance.database.write { db in
            switch try take(typed, request, instance, db) {
            case .begun(let reply): return reply
            case .taken(let pass):
                return try SignInConversation.begin(
                    pass.person, .accessPass, id: pass.flow, proof: Proof(use: pass.use, at: request.now), passEnds: pass.endsAt, request,
                    instance, db)
            case .refused(let refusal):
                return .page(page(request, name: typed.name, errors: [FieldError("pass", refusal)]), status: 422)
            }
        }
    }

    /// What somebody typed, and the sign-in that it begins.
    private struct Typed: Sendable {
        let name: String
        /// What the name is found by.
        let key: String
        /// The keyed hash of the pass, however it is written.
        let hash: String
        let flow: FlowID

        init(_ request: AnonymousRequest, _ instance: Instance) {
            name = request.form["name"].trimmingSpaces()
            key = SignInName(name)?.normalised ?? ""
            hash = TemporaryAccessPass.hash(request.form["pass"], instance.methodContext(accountName: name, now: request.now))
            let all = [request.browserHash, key, hash].map { "\($0.utf8.count):\($0)" }.joined()
            flow = FlowID(String(instance.keyed(all, "pass sign-in").prefix(32)))
        }
    }

    private enum Outcome {
        case taken(Taken)
        /// It was taken a moment ago, by the same browser.
        case begun(Reply)
        case refused(Refusal)
    }

    private struct Taken {
        let person: PersonID
        let use: CredentialUse
        let endsAt: Moment?
        /// Nil: another one.
        let flow: FlowID?
    }

    /// Spends one use of a pass. Unknown names, spent and expired passes are answered alike, and by the same statements.
    ///
    /// Guesses from browsers that have signed in as the person before are counted apart, so that a stranger keeps no owner out.
    private static func take(
        _ typed: Typed, _ request: AnonymousRequest, _ instance: Instance, _ db: any Connection
    ) throws -> Outcome {
        let now = request.now, before = try instance.flows.ask(typed.flow, db)
        let whom = Whom.named(typed.key, in: instance.organisation), credentials = try instance.credentials.ask(of: whom, db)
        let (record, isKnown) = try instance.met(whom, request, db), subject = record?.id.text ?? instance.keyed(typed.key, "name")
        let budget = "pass:\(isKnown ? "known" : "other"):\(subject)"
        if let until = try instance.budgets.spend(budget, Budgets.passGuesses, now: now, db) {
            return .refused(Refusal(.codeTooMany, until: until))
        }
        let flow = try before.answer()
        if let reply = try SignInConversation.again(flow, request, instance) {
            try instance.budgets.giveBack([budget], db)
            return .begun(reply)
        }
        let ledger = Ledger(instance, db, request: request)
        let held = try credentials.answer(), pass = held.first { $0.credential.method == .temporaryAccessPass }
        let won = try instance.credentials.win(.pass(pass?.id ?? CredentialID("none"), hash: typed.hash), at: now, db)
        guard let record, record.person.state != .disabled, let pass, won else {
            try ledger.note(.signInRefused, record, success: false, reason: Refusal.Code.passWrong.rawValue, by: .anonymous)
            return .refused(Refusal(.passWrong))
        }
        // The owner proved another way: closed credentials may be tried again.
        try instance.budgets.clear([budget] + held.map { Budgets.ceiling($0.id) }, db)
        try instance.credentials.used(pass.id, for: .signIn, at: now, db)
        return .taken(
            Taken(
                person: record.id, use: pass.credential.use(.temporaryAccessPass), endsAt: pass.credential.validUntil,
                flow: flow == nil ? typed.flow : nil))
    }
}
