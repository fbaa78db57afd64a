import ConvergeCore
import HTTPTypes

/// "My phone was lost or stolen": what was on it is switched off at once, and everything that it may have opened is closed.
///
/// Whoever knows the password may say so, for the owner has nothing else at that moment. It opens nothing: a suspended method is as good
/// as held, so that the password alone leads to no registration.
enum LostPhone {
    static let path = "/security-info/lost"

    static let routes: [Route] = [
        .signedIn(.get, path) { signedIn, instance in
            .page(
                try page(signedIn.dossier, things(signedIn.session, signedIn.dossier), form: Form(path), cancel: "/security-info", instance)
            )
        },
        .signedIn(.post, path, report),
        .signedIn(.get, path + "/done") { _, _ in .page(LostPhoneDonePage(next: "/sign-in")) },
    ]

    /// What is gone with the phone.
    static func onPhone(_ dossier: Dossier) -> [CredentialRecord] {
        dossier.credentials.filter { $0.credential.traits.onPhone && $0.credential.state == .active }
    }

    /// And what may have been on it, as only the person knows: a passkey is kept by a phone, a laptop or a key on a ring. It takes more
    /// than the password to switch it off: whoever has learned that one could take away the very thing that they cannot use.
    static func things(_ session: SessionRecord, _ dossier: Dossier) -> [CredentialRecord] {
        let passkeys = dossier.credentials.filter { $0.credential.method == .passkey && $0.credential.state == .active }
        return onPhone(dossier) + (session.proofs.isEmpty ? [] : passkeys)
    }

    /// Asks what was on it: ticked is what surely was.
    ///
    /// - Parameter cancel: where somebody goes who found it in a pocket.
    static func page(
        _ dossier: Dossier, _ things: [CredentialRecord], form: Form, cancel: String, errors: [FieldError] = [], _ instance: Instance
    ) throws -> LostPhonePage {
        let items = try things.map { record in
            LostPhonePage.Item(
                name: field(record.id), title: MethodWords.title(record.credential), detail: try detail(record, instance),
                isTicked: record.credential.traits.onPhone)
        }
        return LostPhonePage(items: items, form: form, cancel: cancel, errors: errors)
    }

    private static func detail(_ record: CredentialRecord, _ instance: Instance) throws -> Message? {
        guard record.credential.traits.onPhone else {
            return LostPhonePage.passkey(named: try MethodWords.value(record, isProven: false, instance).0 ?? "")
        }
        return record.hint.isEmpty ? nil : CodeSent.numberEnding(record.hint).label
    }

    private static func field(_ id: CredentialID) -> String { "lost-\(id)" }

    /// Switches off what was ticked, in one transaction with everything that follows. Throws `Overtaken` when what the person holds has
    /// changed meanwhile.
    ///
    /// - Parameter keepFlow: the sign-in that goes on.
    /// - Returns: false where nothing was ticked, and nothing was done.
    static func report(
        _ form: Fields, _ dossier: Dossier, _ things: [CredentialRecord], keepFlow: FlowID?, _ ledger: Ledger
    ) throws -> Bool {
        let lost = things.filter { form.isTicked(field($0.id)) }
        guard !lost.isEmpty else { return false }
        let instance = ledger.instance, db = ledger.db, id = dossier.person.id
        guard try instance.people.raiseSecurityVersion(dossier.person, db) else { throw Overtaken() }
        for record in lost { _ = try instance.credentials.suspend(record.id, at: ledger.now, db) }
        // What was replaced lately may be on that phone: it does not come back.
        try instance.credentials.forgetReplaced(of: id, db)
        try AppPasswords.revokeAll(of: dossier, ledger)
        try instance.people.raiseEpoch(id, db)
        try instance.sessions.forgetRemembered(of: id, db)
        try instance.flows.closeAll(of: id, except: keepFlow, now: ledger.now, db)
        let kinds = Set(lost.map(\.credential.method.rawValue)).sorted()
        try ledger.note(.reportedLost, dossier.record, details: ["methods": kinds.joined(separator: ", ")])
        // Whoever has the phone is not told there.
        try ledger.tell(.phoneLost, dossier, except: Set(lost.map(\.id)))
        return true
    }

    private static func report(_ signedIn: SignedInRequest, _ instance: Instance) async throws -> Reply {
        let request = signedIn.request
        return try await instance.database.write { db in
            guard let (dossier, _) = try instance.dossier(signedIn.dossier.person.id, request, db) else { throw Overtaken() }
            let things = things(try instance.liveSession(signedIn, db), dossier)
            guard try report(request.form, dossier, things, keepFlow: nil, Ledger(instance, db, request: request)) else {
                return .page(
                    try page(
                        dossier, things, form: Form(path), cancel: "/security-info",
                        errors: [FieldError(nil, Refusal(.nothingTicked))], instance),
                    status: 422)
            }
            var reply = Reply.page(LostPhoneDonePage(next: "/sign-in"))
            reply.session = Secret("")
            return reply
        }
    }
}
