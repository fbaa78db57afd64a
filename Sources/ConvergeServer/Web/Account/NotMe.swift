import ConvergeCore

/// "This wasn't me": switches off what was changed and signs everything out. It never restores and never deletes.
enum NotMe {
    /// Carries a report out, in the transaction that spends its link.
    ///
    /// - Parameters:
    ///   - credential: what was added or changed; what replaced it since is switched off too.
    ///   - actor: nil: the person, signed in.
    /// - Returns: the kind of method that was switched off.
    static func report(
        _ event: NoticeEvent, credential: CredentialID?, of id: PersonID, by actor: AuditActor?, _ request: AnonymousRequest,
        _ instance: Instance, _ db: any Connection
    ) throws -> MethodKind? {
        guard let (before, _) = try instance.dossier(id, request, db) else { throw Overtaken() }
        guard try instance.people.raiseSecurityVersion(before.person, db) else { throw Overtaken() }
        let suspended = try credential.flatMap { try suspend($0, before, request, instance, db) }
        try instance.people.raiseEpoch(id, db)
        try instance.sessions.forgetRemembered(of: id, db)
        try instance.flows.closeAll(of: id, now: request.now, db)
        if event.isPassword { try instance.people.setPasswordKnownToOthers(id, db) }
        guard let (after, _) = try instance.dossier(id, request, db) else { throw Overtaken() }
        let ledger = Ledger(instance, db, request: request)
        var details = ["what": event.name]
        if let suspended { details["method"] = suspended.credential.method.rawValue }
        try ledger.note(.reportedNotMe, after.record, by: actor, details: details)
        // The one that was switched off is not told: it may be somebody else's.
        try ledger.tell(
            suspended.map { .methodSuspended($0.credential.method) } ?? .reported, after, except: Set([suspended?.id].compactMap { $0 }))
        return suspended?.credential.method
    }

    private static func suspend(
        _ id: CredentialID, _ dossier: Dossier, _ request: AnonymousRequest, _ instance: Instance, _ db: any Connection
    ) throws -> CredentialRecord? {
        guard let record = try instance.credentials.successor(of: id, of: dossier.person.id, db),
            try instance.credentials.suspend(record.id, at: request.now, db)
        else { return nil }
        return record
    }
}
