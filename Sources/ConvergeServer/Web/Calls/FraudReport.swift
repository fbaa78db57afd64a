import ConvergeCore

/// "I did not begin this": said with `0#` on the telephone, or on another device that was asked to approve.
enum FraudReport {
    /// Draws the consequences, in the transaction of the decision.
    ///
    /// An app that signed the report is the owner's, and stays.
    ///
    /// At a sign-in, or behind one, somebody else knows the password: what was asked for ends with everything else that is open, the
    /// credential is suspended until another proof, and the password has to change. At a reset nobody has proven anything of the kind:
    /// that reset ends, and no more, so that a stranger can switch nothing off by annoying somebody. Whoever is called while a number
    /// is being registered may have nothing to do with the account: the number is not registered.
    static func take(_ approval: Approval, now: Moment, _ instance: Instance, _ db: any Connection) throws {
        guard let before = try instance.dossier(approval.person, knownBrowser: true, now: now, db) else { return }
        let ledger = Ledger(instance, db, now: now, correlation: approval.flow?.text)
        var details = ["purpose": approval.purpose.rawValue, "capability": approval.capability.rawValue]
        guard let credential = approval.credential else {
            details["action"] = "registration ended"
            return try ledger.note(.fraudReported, before.record, by: .anonymous, details: details)
        }
        if approval.purpose == .reset {
            details["action"] = try endReset(approval.flow, now: now, instance, db) ? "reset ended" : "proof refused"
        } else {
            let isCall = MethodRegistry.traits(of: approval.capability).manner == .answeredCall
            details["action"] = try endEverything(before, suspending: isCall ? credential : nil, ledger)
        }
        try ledger.note(.fraudReported, before.record, details: details)
        try ledger.tell(.fraudReported, before, except: [credential])
        try ledger.tellEveryAdministrator(.fraudReported, about: before)
    }

    /// Ends a reset between two gates. Before the first its page goes on as that of a number which is nobody's.
    private static func endReset(_ id: FlowID?, now: Moment, _ instance: Instance, _ db: any Connection) throws -> Bool {
        guard let id, let flow = try instance.flows.find(id, db), let state = try instance.flows.state(ResetState.self, of: flow),
            !state.passed.isEmpty
        else { return false }
        try instance.flows.close(id, now: now, db)
        return true
    }

    /// - Returns: what was done, for the log.
    private static func endEverything(_ dossier: Dossier, suspending credential: CredentialID?, _ ledger: Ledger) throws -> String {
        let instance = ledger.instance, db = ledger.db, person = dossier.person.id
        guard try instance.people.raiseSecurityVersion(dossier.person, db) else { throw Overtaken() }
        if let credential { _ = try instance.credentials.suspend(credential, at: ledger.now, db) }
        // What somebody else may have made or taken over goes with the rest.
        try instance.credentials.forgetReplaced(of: person, db)
        try AppPasswords.revokeAll(of: dossier, ledger)
        try instance.people.raiseEpoch(person, db)
        try instance.people.setPasswordKnownToOthers(person, db)
        try instance.sessions.forgetRemembered(of: person, db)
        try instance.flows.closeAll(of: person, now: ledger.now, db)
        let days = dossier.document.fraud.blockDays
        guard days > 0, dossier.person.state == .enabled, try !isLastAdministrator(dossier, ledger) else {
            return credential == nil ? "everything ended" : "method suspended, everything ended"
        }
        let until = instance.endOfDay(ledger.now, days)
        try instance.people.block(person, until: until, db)
        try ledger.note(.blocked, dossier.record, by: .system, details: ["reason": "fraud report", "days": String(days)])
        return "blocked for \(days) days"
    }

    /// An organisation is never left without an administrator who can open accounts again.
    private static func isLastAdministrator(_ dossier: Dossier, _ ledger: Ledger) throws -> Bool {
        guard dossier.person.roles.contains(.globalAdministrator) else { return false }
        return try !ledger.instance.people.administrators(ledger.db).contains {
            $0.id != dossier.person.id && $0.person.roles.contains(.globalAdministrator)
        }
    }
}
