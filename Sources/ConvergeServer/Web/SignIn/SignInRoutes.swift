import ConvergeCore
import HTTPTypes

/// Signing in with a first factor, and signing out.
enum SignInRoutes {
    static let routes: [Route] = [
        .open(.get, "/sign-in", signInPage),
        .open(.post, "/sign-in", signIn),
        .open(.get, "/sign-in/pass") { request, _ in .page(PassSignIn.page(request, name: request.query["name"])) },
        .open(.post, "/sign-in/pass", PassSignIn.run),
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

    static func link(_ path: String, _ request: AnonymousRequest) -> String { link(path, request.returnTo) }

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
                let reply = try SignInConversation.begin(record.id, .password, passEnds: nil, request, instance, db)
                // Last, because the network's count is everybody's who comes from there: it is held for a moment only.
                try door.forget(guess, db)
                return reply
            }
        }
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
