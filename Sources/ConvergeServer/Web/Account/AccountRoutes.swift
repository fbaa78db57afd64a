import ConvergeCore
import HTTPTypes

/// The person's own pages beside security info: applications, profile, password, activity.
enum AccountRoutes {
    static let routes: [Route] = [
        .signedIn(.get, "/", home),
        .signedIn(.get, "/profile", profile),
        .signedIn(.get, "/profile/forget-browsers") { _, _ in .redirect("/profile") },
        .signedIn(.post, "/profile/forget-browsers", forgetBrowsers),
        .signedIn(.get, "/profile/sessions/end") { _, _ in .redirect("/profile") },
        .signedIn(.post, "/profile/sessions/end", endSession),
        .recentlyVerified(.get, "/password") { verified, _ in OwnPassword.page(verified.dossier) },
        .recentlyVerified(.post, "/password", OwnPassword.run),
        .signedIn(.get, "/activity") { signedIn, instance in try await OwnActivity(signedIn, instance).page() },
        .recentlyVerified(.get, "/activity/not-me/:event") { verified, instance in
            try await OwnActivity(verified.signedIn, instance).ask(verified.request.parameters["event"] ?? "")
        },
        .recentlyVerified(.post, "/activity/not-me/:event") { verified, instance in
            try await OwnActivity(verified.signedIn, instance).report(verified.request.parameters["event"] ?? "")
        },
    ]

    private static func home(_ signedIn: SignedInRequest, _ instance: Instance) async throws -> Reply {
        let dossier = signedIn.dossier, standing = dossier.standing
        var hints: [Help] = []
        if !standing.ownRequirements.isEmpty {
            hints.append(
                Help(
                    icon: "shield", title: Message("home.hint.wanting"), href: "/security-info", hint: Message("home.hint.wanting-text")))
        } else if standing.credentials.contains(where: { $0.state == .unconfirmed && standing.wouldServe($0) }) {
            hints.append(
                Help(
                    icon: "people", title: Message("home.hint.unconfirmed"), href: "/security-info",
                    hint: Message("home.hint.unconfirmed-text")))
        }
        if NewRecoveryCodes.mayMake(dossier), (NewRecoveryCodes.left(dossier) ?? 0) == 0 {
            hints.append(
                Help(icon: "codes", title: Message("home.hint.codes"), href: "/security-info/codes", hint: Message("home.hint.codes-text")))
        }
        return .page(HomePage(firstName: signedIn.person.shortName, hints: hints, notice: SavedNotice.notice(signedIn.request)))
    }

    private static func profile(_ signedIn: SignedInRequest, _ instance: Instance) async throws -> Reply {
        let record = signedIn.person, now = signedIn.request.now
        let (sessions, remembered) = try await instance.database.read { db in
            let remembered = try instance.sessions.askRemembered(of: record.person, now: now, db)
            return (try instance.sessions.all(of: record.person, now: now, db), try remembered.answer())
        }
        var page = ProfilePage(displayName: record.displayName, userName: record.name, passwordSet: record.passwordSetAt)
        page.canChangePassword = record.passwordHash != nil
        page.remembered = remembered
        page.forget = signedIn.dossier.policy.rememberBrowserDays > 0 || remembered > 0 ? .post(Form("/profile/forget-browsers")) : nil
        page.signOutEverywhere = .link("/sign-out-everywhere")
        page.sessions = rows(sessions, current: signedIn.session.id)
        page.notice = SavedNotice.notice(signedIn.request)
        return .page(page)
    }

    /// The browser at hand first, then the one that was seen last.
    private static func rows(_ sessions: [SessionRecord], current: SessionID) -> [MethodRow] {
        let others = sessions.filter { $0.id != current }.sorted { $0.seenAt > $1.seenAt }
        return (sessions.filter { $0.id == current } + others).map { session in
            ProfilePage.session(
                browser: BrowserName.of(session.agent), network: session.network, since: session.createdAt, seen: session.seenAt,
                end: session.id == current ? nil : .post(Form("/profile/sessions/end", hidden: ["session": session.id.text])))
        }
    }

    /// Signs one other browser out. Only the person's own: an id of somebody else's ends nothing.
    private static func endSession(_ signedIn: SignedInRequest, _ instance: Instance) async throws -> Reply {
        let id = SessionID(signedIn.request.form["session"]), person = signedIn.dossier.person, now = signedIn.request.now
        return try await instance.database.write { db in
            guard try instance.sessions.all(of: person, now: now, db).contains(where: { $0.id == id }) else {
                return .redirect("/profile")
            }
            try instance.sessions.revoke(id, now: now, db)
            try Ledger(instance, db, request: signedIn.request).note(
                .sessionsRevoked, signedIn.person, details: ["what": "one browser", "session": id.text])
            return .redirect(SavedNotice.sessionEnded.path("/profile"))
        }
    }

    /// All of them at once: nobody remembers which browser was which.
    private static func forgetBrowsers(_ signedIn: SignedInRequest, _ instance: Instance) async throws -> Reply {
        try await instance.database.write { db in
            try instance.sessions.forgetRemembered(of: signedIn.dossier.person.id, db)
            try Ledger(instance, db, request: signedIn.request).note(
                .sessionsRevoked, signedIn.person, details: ["what": "remembered browsers"])
        }
        return .redirect(SavedNotice.forgotten.path("/profile"))
    }
}

/// A new password by its owner's own wish: the old one and a fresh proof are asked for.
enum OwnPassword {
    static func page(_ dossier: Dossier, errors: [FieldError] = []) -> Reply {
        guard dossier.record.passwordHash != nil else { return .redirect("/profile") }
        let page = NewPasswordPage(
            kind: .voluntary, form: Form("/password"), username: dossier.record.name, rules: PasswordChange.rules(dossier.policy.password),
            errors: errors)
        return .page(page, status: errors.isEmpty ? 200 : 422)
    }

    static func run(_ verified: RecentlyVerifiedRequest, _ instance: Instance) async throws -> Reply {
        let request = verified.request, dossier = verified.dossier
        let current = Secret(request.form["current"])
        guard !current.bytes.isEmpty else { return page(dossier, errors: [FieldError("current", Refusal(.fieldEmpty))]) }
        let record: PersonRecord, door = PasswordDoor(instance: instance)
        switch try await door.compare(name: dossier.record.name, password: current, request) {
        case .right(let found, let guess) where found.id == dossier.person.id:
            try await instance.database.write { db in try door.forget(guess, db) }
            record = found
        case .right, .tooMany: throw Overtaken()
        case .refused(let refusal):
            let shown = refusal.code == .signInLocked ? refusal : Refusal(.passwordCurrentWrong)
            try await instance.database.write { db in
                try Ledger(instance, db, request: request).note(
                    .changedPassword, dossier.record, success: false, reason: shown.code.rawValue)
            }
            return page(dossier, errors: [FieldError("current", shown)])
        }
        switch try await PasswordChange.check(request.form, for: record, policy: dossier.policy.password, isReset: false, instance) {
        case .failure(let wrong):
            return page(dossier, errors: wrong.errors)
        case .success(let hash):
            return try await commit(hash, over: record, verified, instance)
        }
    }

    /// Stores it; other sessions end, this one goes on under a new secret.
    private static func commit(
        _ hash: Secret, over record: PersonRecord, _ verified: RecentlyVerifiedRequest, _ instance: Instance
    ) async throws -> Reply {
        let request = verified.request
        return try await instance.database.write { db in
            let session = try instance.liveSession(verified.signedIn, db)
            // Of two changes with the same old password one wins.
            guard let (dossier, _) = try instance.dossier(record.id, request, db), dossier.record.passwordSetAt == record.passwordSetAt,
                dossier.person.sessionEpoch == record.person.sessionEpoch
            else { throw Overtaken() }
            try PasswordChange.commit(
                hash, for: dossier, isReset: false, keepFlow: nil, ledger: Ledger(instance, db, request: request))
            guard let (after, _) = try instance.dossier(record.id, request, db) else { throw Overtaken() }
            return .redirect(SavedNotice.password.path("/profile"), opening: try instance.renewSession(session, after, request, db))
        }
    }
}
