import ConvergeCore
import HTTPTypes

/// Signing in with a first factor, and signing out.
enum SignInRoutes {
    static let routes: [Route] = [
        .open(.get, "/sign-in", signInPage),
        .open(.post, "/sign-in", signIn),
        .open(.get, "/sign-in/pass") { request, _ in
            .page(AccessPassPage(form: form("/sign-in/pass", request), name: request.query["name"], signIn: link("/sign-in", request)))
        },
        .open(.post, "/sign-in/pass", signInWithPass),
        .open(.get, "/sign-in/passkey") { request, _ in .redirect(link("/sign-in", request)) },
        .open(.post, "/sign-in/passkey", PasskeySignIn.run),
        .open(.get, "/sign-out") { _, _ in .page(SignOutPage()) },
        .open(.post, "/sign-out", signOut),
        .open(.get, "/signed-out") { _, _ in .page(SignedOutPage()) },
    ]

    // MARK: the page

    private static func signInPage(_ request: AnonymousRequest, _ instance: Instance) async throws -> Reply {
        let isSignedIn = try await instance.database.read { db in
            // What the page offers depends on the policy in force.
            let policies = try instance.policyCache.ask(instance.policies, db)
            let session = try instance.session(request.sessionSecret, now: request.now, db)
            _ = try policies.answer()
            return session != nil
        }
        if isSignedIn { return .redirect(request.returnTo) }
        let notices = [
            "password-changed": PasswordPage.passwordChanged, "unlocked": PasswordPage.unlocked, "set-up": PasswordPage.setUp,
            "ended": PasswordPage.endedElsewhere,
            "expired": PasswordPage.expired,
        ]
        return .page(page(request, instance, name: request.query["name"], notice: notices[request.query["notice"]]))
    }

    static func page(
        _ request: AnonymousRequest, _ instance: Instance, name: String, errors: [FieldError] = [], notice: Notice? = nil
    ) -> PasswordPage {
        PasswordPage(
            form: form("/sign-in", request), name: name, errors: errors, notice: notice,
            passkey: PasskeySignIn.isOpen(instance) ? PasskeySignIn.ceremony(request, instance) : nil,
            accessPass: link("/sign-in/pass", request))
    }

    static func form(_ action: String, _ request: AnonymousRequest) -> Form {
        Form(action, hidden: ["return": request.returnTo])
    }

    private static func link(_ path: String, _ request: AnonymousRequest) -> String { link(path, request.returnTo) }

    /// An address that leads on to another one afterwards.
    static func link(_ path: String, _ returnTo: String) -> String {
        returnTo == "/" ? path : path + "?return=" + PercentEncoding.encode(returnTo)
    }

    // MARK: the first factor

    private static func signIn(_ request: AnonymousRequest, _ instance: Instance) async throws -> Reply {
        let name = request.form["name"].trimmingSpaces(), password = Secret(request.form["password"])
        var missing: [FieldError] = []
        if name.isEmpty { missing.append(FieldError("name", Refusal(.fieldEmpty))) }
        if password.bytes.isEmpty { missing.append(FieldError("password", Refusal(.fieldEmpty))) }
        guard missing.isEmpty else { return .page(page(request, instance, name: name, errors: missing), status: 422) }
        let door = PasswordDoor(instance: instance)
        switch try await door.compare(name: name, password: password, from: request.network, request) {
        case .tooMany(let until):
            return .page(TooManyPage(until: until, again: "/sign-in"), status: 429)
        case .refused(let refusal):
            return .page(page(request, instance, name: name, errors: [FieldError("password", refusal)]), status: 422)
        case .right(let record, let guess):
            return try await instance.database.write { db in
                try door.forget(guess, db)
                return try SignInConversation.begin(record.id, .password, passEnds: nil, request, instance, db)
            }
        }
    }

    private static func signInWithPass(_ request: AnonymousRequest, _ instance: Instance) async throws -> Reply {
        let name = request.form["name"].trimmingSpaces(), typed = request.form["pass"]
        // One transaction: a pass is never spent without the sign-in that it begins.
        return try await instance.database.write { db in
            switch try takePass(name, typed, request, instance, db) {
            case .success(let pass):
                return try SignInConversation.begin(
                    pass.person, .accessPass, proof: Proof(use: pass.use, at: request.now), passEnds: pass.endsAt, request, instance, db)
            case .failure(let refusal):
                let page = AccessPassPage(
                    form: form("/sign-in/pass", request), name: name, errors: [FieldError("pass", refusal)],
                    signIn: link("/sign-in", request))
                return .page(page, status: 422)
            }
        }
    }

    private struct TakenPass: Sendable {
        let person: PersonID
        let use: CredentialUse
        let endsAt: Moment?
    }

    /// Spends one use of a pass. Unknown names, spent and expired passes are answered alike, and by the same statements.
    ///
    /// Guesses from browsers that have signed in as the person before are counted apart, so that a stranger keeps no owner out.
    private static func takePass(
        _ name: String, _ typed: String, _ request: AnonymousRequest, _ instance: Instance, _ db: any Connection
    ) throws -> Result<TakenPass, Refusal> {
        let key = SignInName(name)?.normalised ?? "", now = request.now
        let whom = Whom.named(key, in: instance.organisation), credentials = try instance.credentials.ask(of: whom, db)
        let (record, isKnown) = try instance.met(whom, request, db), subject = record?.id.text ?? instance.keyed(key, "name")
        let budget = "pass:\(isKnown ? "known" : "other"):\(subject)"
        if let until = try instance.budgets.spend(budget, Budgets.passGuesses, now: now, db) {
            return .failure(Refusal(.codeTooMany, until: until))
        }
        let ledger = Ledger(instance, db, request: request)
        let context = instance.methodContext(accountName: name, now: now)
        let hash = TemporaryAccessPass.hash(typed, context)
        let held = try credentials.answer(), pass = held.first { $0.credential.method == .temporaryAccessPass }
        let won = try instance.credentials.win(.pass(pass?.id ?? CredentialID("none"), hash: hash), at: now, db)
        guard let record, record.person.state != .disabled, let pass, won else {
            try ledger.note(.signInRefused, record, success: false, reason: Refusal.Code.passWrong.rawValue, by: .anonymous)
            return .failure(Refusal(.passWrong))
        }
        // The owner proved another way: closed credentials may be tried again.
        try instance.budgets.clear([budget] + held.map { Budgets.ceiling($0.id) }, db)
        try instance.credentials.used(pass.id, for: .signIn, at: now, db)
        return .success(TakenPass(person: record.id, use: pass.credential.use(.temporaryAccessPass), endsAt: pass.credential.validUntil))
    }

    // MARK: leaving

    private static func signOut(_ request: AnonymousRequest, _ instance: Instance) async throws -> Reply {
        try await instance.database.write { db in
            guard let session = try instance.session(request.sessionSecret, now: request.now, db) else { return }
            try instance.sessions.revoke(session.id, now: request.now, db)
            try instance.flows.forgetEnds(of: session.person, browserHash: request.browserHash, now: request.now, db)
            try Ledger(instance, db, request: request).note(.signedOut, instance.people.find(session.person, db))
        }
        var reply = Reply.redirect("/signed-out")
        reply.session = Secret("")
        return reply
    }
}
