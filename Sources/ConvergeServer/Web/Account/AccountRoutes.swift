import ConvergeCore
import HTTPTypes

/// The person's own pages: applications, profile, password, recent activity, signing out everywhere.
enum AccountRoutes {
    static let routes: [Route] = [
        .signedIn(.get, "/") { signedIn, _ in .page(HomePage(firstName: signedIn.person.shortName)) },
        .signedIn(.get, "/profile", profile),
        .recentlyVerified(.get, "/password") { verified, _ in .page(passwordPage(verified.dossier, errors: [])) },
        .recentlyVerified(.post, "/password", changePassword),
        .signedIn(.get, "/activity", activity),
        .signedIn(.get, "/sign-out-everywhere") { _, _ in .page(SignOutEverywherePage(form: Form("/sign-out-everywhere"))) },
        .signedIn(.post, "/sign-out-everywhere", signOutEverywhere),
    ]

    private static func profile(_ signedIn: SignedInRequest, _ instance: Instance) async throws -> Reply {
        let record = signedIn.person
        return .page(
            ProfilePage(
                displayName: record.displayName, userName: record.name, email: nil, passwordSet: record.passwordSetAt,
                canChangePassword: record.passwordHash != nil,
                notice: signedIn.request.query["saved"] == "password" ? .passwordChanged : nil))
    }

    // MARK: password

    private static func passwordPage(_ dossier: Dossier, errors: [FieldError]) -> NewPasswordPage {
        NewPasswordPage(
            kind: .voluntary, form: Form("/password"), username: dossier.record.name,
            rules: PasswordChange.rules(dossier.policy.password), errors: errors, asksCurrent: true)
    }

    private static func changePassword(_ verified: RecentlyVerifiedRequest, _ instance: Instance) async throws -> Reply {
        let dossier = verified.dossier, request = verified.request
        // The current password is a guess like any other: counted, and compared in the one place for it.
        let current = try await PasswordDoor(instance: instance).compare(
            name: dossier.record.name, password: Secret(request.form["current"]), request)
        if case .refused(let refusal) = current {
            let shown = refusal.code == .signInLocked ? refusal : Refusal(.passwordCurrentWrong)
            return .page(passwordPage(dossier, errors: [FieldError("current", shown)]), status: 422)
        }
        switch try await PasswordChange.check(request.form, for: dossier.record, policy: dossier.policy.password, isReset: false, instance) {
        case .failure(let wrong):
            return .page(passwordPage(dossier, errors: wrong.errors), status: 422)
        case .success(let hash):
            return try await instance.database.write { db in
                let ledger = Ledger(instance, db, request: request)
                try PasswordChange.commit(hash, for: dossier, isReset: false, keepFlow: nil, ledger: ledger)
                guard let (fresh, _) = try instance.dossier(dossier.person.id, request, db) else { throw Overtaken() }
                var reply = Reply.redirect("/profile?saved=password")
                reply.session = try instance.renewSession(verified.session, fresh, adding: nil, request, db)
                return reply
            }
        }
    }

    // MARK: sessions

    private static func signOutEverywhere(_ signedIn: SignedInRequest, _ instance: Instance) async throws -> Reply {
        let id = signedIn.dossier.person.id
        try await instance.database.write { db in
            try instance.people.raiseEpoch(id, db)
            try instance.sessions.forgetRemembered(of: id, db)
            try instance.flows.closeAll(of: id, now: signedIn.request.now, db)
            try Ledger(instance, db, request: signedIn.request).note(.sessionsRevoked, signedIn.person)
        }
        var reply = Reply.redirect("/signed-out")
        reply.session = Secret("")
        return reply
    }

    // MARK: activity

    private static func activity(_ signedIn: SignedInRequest, _ instance: Instance) async throws -> Reply {
        var filter = AuditFilter(limit: 100)
        filter.person = signedIn.dossier.person.id
        filter.from = signedIn.request.now - .days(30)
        let wanted = filter
        let rows = try await instance.database.read { db in try instance.audit.find(wanted, db) }
        return .page(ActivityPage(events: rows.compactMap { event($0, signedIn) }))
    }

    private static func event(_ row: AuditRecord, _ signedIn: SignedInRequest) -> ActivityPage.Event? {
        let kind = row.event.details["method"] ?? MethodKind.totpApp.rawValue
        let (icon, title): (String, Message)
        switch (row.event.activity, row.event.success) {
        case (.signedIn, true): (icon, title) = ("laptop", .event("signed-in"))
        case (.signInRefused, _), (.challengeAnswered, false): (icon, title) = ("danger", .event("sign-in-refused"))
        case (.signedOut, true): (icon, title) = ("laptop", .event("signed-out"))
        case (.sessionsRevoked, true): (icon, title) = ("laptop", .event("signed-out-everywhere"))
        case (.registered, true) where kind == MethodKind.recoveryCodes.rawValue: (icon, title) = ("codes", .event("codes-made"))
        case (.registered, true): (icon, title) = ("shield", .event("added", method: kind))
        case (.updated, true): (icon, title) = ("shield", .event("changed", method: kind))
        case (.deleted, true): (icon, title) = ("shield", .event("deleted", method: kind))
        case (.changedDefault, true):
            let capability = (row.event.details["default"] ?? "").split(separator: " ").first.map(String.init) ?? Capability.appCode.rawValue
            (icon, title) = ("star", Message("event.default", ["method": .message(.asked(capability))]))
        case (.reviewed, true): (icon, title) = ("check", .event("reviewed"))
        case (.changedPassword, true): (icon, title) = ("lock", .event("password-changed"))
        case (.resetPassword, true): (icon, title) = ("lock", .event("password-reset"))
        case (.resetByAdmin, true): (icon, title) = ("lock", .event("password-reset-by-administrator"))
        case (.unlocked, true): (icon, title) = ("lock", .event("unlocked"))
        case (.passCreated, true): (icon, title) = ("pass", .event("pass-made"))
        case (.reportedNotMe, true): (icon, title) = ("warning", .event("reported"))
        default: return nil
        }
        let browser = row.event.agent.map(BrowserName.of) ?? ""
        return ActivityPage.Event(icon: icon, title: title, detail: browser.isEmpty ? nil : browser, at: row.at)
    }
}
