import ConvergeCore

/// App passwords in the store: made, revoked, and checked for whatever front end has a program at the other end.
enum AppPasswords {
    /// Makes one, which is shown this once. Throws `Overtaken` when what the person holds has changed meanwhile.
    static func make(name: String, service: String, for dossier: Dossier, _ ledger: Ledger) throws -> Secret {
        let instance = ledger.instance, db = ledger.db
        guard try instance.people.raiseSecurityVersion(dossier.person, db) else { throw Overtaken() }
        let made = AppPassword.make(context(dossier.record, instance, ledger.now)), id: CredentialID = instance.world.newID()
        let credential = Credential(
            id: id, method: .appPassword, capabilities: [.appPassword], channel: "app-password:\(id)", addedAt: ledger.now)
        try instance.credentials.insert(
            credential, of: dossier.person.id,
            content: CredentialContent(label: name, service: service, keyedHash: made.hash), hint: made.selector, db)
        try ledger.note(
            .registered, dossier.record, details: ["method": MethodKind.appPassword.rawValue, "credential": id.text, "for": service])
        try ledger.tell(.methodAdded(.appPassword), dossier, credential: id)
        return made.shown
    }

    /// Those that a person has.
    static func all(of dossier: Dossier) -> [CredentialRecord] {
        dossier.credentials.filter { $0.credential.method == .appPassword && $0.credential.state == .active }
    }

    /// Ends all of them.
    static func revokeAll(of dossier: Dossier, _ ledger: Ledger) throws {
        for record in all(of: dossier) {
            try ledger.instance.credentials.retire(record.id, reason: "reset", replacedBy: nil, at: ledger.now, ledger.db)
        }
    }

    /// Whether a program may act for a person at a service. The one check for every front end that cannot show a sign-in page.
    ///
    /// A wrong one is counted for the network that the ledger names.
    /// - Parameter service: what the front end is, compared without capitals: `imap`, or a host name.
    /// - Returns: whose it is; nil: refused.
    static func verify(
        name: String, password: Secret, service: String, _ instance: Instance, _ ledger: Ledger
    ) throws -> PersonID? {
        let db = ledger.db, now = ledger.now
        let budget = Budgets.from(ledger.network, .appPassword, instance)
        guard try instance.budgets.exhausted(budget.key, budget.rule, now: now, db) == nil else { return nil }
        guard let key = SignInName(name)?.normalised, let record = try instance.people.find(nameKey: key, db),
            record.person.state == .enabled,
            let dossier = try instance.dossier(record.id, knownBrowser: false, now: now, db), dossier.standing.mayMakeAppPasswords,
            let read = AppPassword.read(password.text, context(record, instance, now)),
            let found = all(of: dossier).first(where: { $0.hint == read.selector }),
            let content = try? instance.credentials.open(found).content,
            equalInConstantTime(Array((content.keyedHash ?? "").utf8), Array(read.hash.utf8)),
            content.service?.compatibilityFolded == service.compatibilityFolded
        else {
            _ = try instance.budgets.spend([budget], now: now, db)
            return nil
        }
        try instance.credentials.used(found.id, for: .signIn, at: now, db)
        return record.id
    }

    private static func context(_ record: PersonRecord, _ instance: Instance, _ now: Moment) -> MethodContext {
        instance.methodContext(accountName: record.name, now: now)
    }
}
