import ConvergeCore
import HTTPTypes

/// "Keep your account secure": the page, its actions, and the short links that lead here.
enum SecurityInfoRoutes {
    static let routes: [Route] = [
        .open(.get, "/setupsecurityinfo") { _, _ in .redirect("/security-info") },
        .open(.get, "/securityinfoguide") { _, _ in .page(GuidePage()) },
        .recentlyVerified(.get, "/security-info", show),
        .recentlyVerified(.get, "/security-info/delete/:id") { verified, instance in
            try DeleteMethod(verified.dossier, instance).page(CredentialID(verified.request.parameters["id"] ?? ""))
        },
        .recentlyVerified(.post, "/security-info/delete/:id", DeleteMethod.run),
        .recentlyVerified(.get, "/security-info/rename/:id") { verified, instance in try RenamePasskey.page(verified, instance) },
        .recentlyVerified(.post, "/security-info/rename/:id", RenamePasskey.run),
        .recentlyVerified(.get, "/security-info/default") { verified, instance in try ChangeDefault(verified.dossier, instance).page() },
        .recentlyVerified(.post, "/security-info/default", ChangeDefault.run),
        .recentlyVerified(.get, "/security-info/codes") { verified, _ in NewRecoveryCodes.page(verified.dossier) },
        .recentlyVerified(.post, "/security-info/codes", NewRecoveryCodes.run),
        .signedIn(.get, "/security-info/codes/kept") { _, _ in .redirect("/security-info") },
        .signedIn(.post, "/security-info/codes/kept") { _, _ in .redirect(SavedNotice.codes.path("/security-info")) },
        .signedIn(.get, "/sign-out-everywhere") { _, _ in .page(SignOutEverywherePage(form: Form("/sign-out-everywhere"))) },
        .signedIn(.post, "/sign-out-everywhere", SignOutEverywhere.run),
    ]

    private static func show(_ verified: RecentlyVerifiedRequest, _ instance: Instance) async throws -> Reply {
        let undoable = try await instance.database.read { db in
            try instance.credentials.undoable(of: verified.dossier.person.id, now: verified.request.now, db)
        }
        return .page(try SecurityInfoList(verified, instance, undoable: undoable).page)
    }
}

/// Ends every session, this one too, and every remembered browser.
enum SignOutEverywhere {
    static func run(_ signedIn: SignedInRequest, _ instance: Instance) async throws -> Reply {
        let request = signedIn.request, id = signedIn.dossier.person.id
        try await instance.database.write { db in
            try instance.people.raiseEpoch(id, db)
            try instance.sessions.forgetRemembered(of: id, db)
            try instance.flows.closeAll(of: id, now: request.now, db)
            try Ledger(instance, db, request: request).note(.sessionsRevoked, signedIn.person)
        }
        var reply = Reply.redirect("/signed-out")
        reply.session = Secret("")
        return reply
    }
}

/// A fresh set of recovery codes, shown once.
enum NewRecoveryCodes {
    /// Codes are for people who have something that counts: they let in when it is gone.
    static func mayMake(_ dossier: Dossier) -> Bool { dossier.policy.recoveryCodes && dossier.standing.anythingCountsForSignIn }

    /// How many are left; nil: no set.
    static func left(_ dossier: Dossier) -> Int? {
        let sets = dossier.credentials.map(\.credential).filter { $0.method == .recoveryCodes && $0.state == .active }
        return sets.isEmpty ? nil : sets.compactMap(\.remaining).reduce(0, +)
    }

    static func page(_ dossier: Dossier) -> Reply {
        guard mayMake(dossier) else { return .redirect("/security-info") }
        return .page(MakeCodesPage(form: Form("/security-info/codes", hidden: version(dossier)), left: left(dossier)))
    }

    /// Which state of the person's security info a form was made for: a form sent twice makes one set.
    private static func version(_ dossier: Dossier) -> [String: String] { ["version": String(dossier.person.securityVersion)] }

    static func run(_ verified: RecentlyVerifiedRequest, _ instance: Instance) async throws -> Reply {
        let request = verified.request
        return try await instance.database.write { db in
            guard let (dossier, _) = try instance.dossier(verified.dossier.person.id, request, db), mayMake(dossier),
                request.form["version"] == String(dossier.person.securityVersion)
            else { return .redirect("/security-info") }
            let ledger = Ledger(instance, db, request: request)
            let codes = try Registrar(instance: instance, dossier: dossier, ledger: ledger).makeRecoveryCodes(fromFirstWizard: false)
            let made = try instance.credentials.all(of: dossier.person.id, db).first { $0.credential.method == .recoveryCodes }
            try ledger.tell(.recoveryCodesMade, dossier, credential: made?.id)
            return .page(
                RecoveryCodesPage(
                    codes: codes.map(\.text), form: Form("/security-info/codes/kept"), name: dossier.record.name, madeAt: request.now))
        }
    }
}
