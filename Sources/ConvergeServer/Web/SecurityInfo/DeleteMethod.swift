import ConvergeCore

/// Deleting a method: asked first, refused where something that is wanted would be missing, and never half done.
struct DeleteMethod {
    let dossier: Dossier
    let instance: Instance

    init(_ dossier: Dossier, _ instance: Instance) {
        self.dossier = dossier
        self.instance = instance
    }

    private static func path(_ id: CredentialID) -> String { "/security-info/delete/\(id)" }

    // MARK: asking

    /// What goes and what stays; or why it cannot go, and what could take its place.
    func page(_ id: CredentialID) throws -> Reply {
        guard let record = dossier.credential(id), record.credential.state != .unconfirmed, let deletion = dossier.standing.deletion(of: id)
        else {
            return .redirect("/security-info")
        }
        guard deletion.refusedFor.isEmpty else { return .page(refused(record.credential, deletion)) }
        var row = MethodRow(icon: record.credential.traits.icon, title: MethodWords.title(record.credential))
        (row.value, row.isNumber) = try MethodWords.value(record, isProven: true, instance)
        var consequences: [Message] = []
        if let use = deletion.newDefault { consequences.append(DeletePage.newDefault(.asked(use.capability.rawValue))) }
        if let stays = deletion.resetStays { consequences.append(stays ? DeletePage.resetStays : DeletePage.resetGoes) }
        return .page(
            DeletePage(
                form: Form(Self.path(id), hidden: ["version": String(dossier.person.securityVersion)]), row: row,
                method: .yourMethod(record.credential.method.rawValue), consequences: consequences, isLast: deletion.isLast))
    }

    private func refused(_ credential: Credential, _ deletion: Deletion) -> DeleteRefusedPage {
        let items = deletion.replacements.map { kind in
            let isSame = kind == credential.method, name = kind.rawValue
            return Choice(
                isSame ? Message("refused.anew.\(name)") : .method(name),
                hint: isSame ? Message("refused.anew-hint") : Message("method.hint.\(name)"), icon: MethodRegistry.traits(of: kind).icon,
                .button(name: isSame ? "credential" : "method", value: isSame ? credential.id.text : name))
        }
        // A new one of the same kind takes the place at once; another kind is added, and then this page asks again.
        let form = Form("/security-info/replace", hidden: ["return": Self.path(credential.id)])
        return DeleteRefusedPage(
            method: .yourMethod(credential.method.rawValue), isForSignIn: deletion.refusedFor.contains(.signIn),
            reasons: reasons(credential, deletion),
            choices: Choices(items, form: form), lost: credential.traits.onPhone ? .link(LostPhone.path) : nil)
    }

    private func reasons(_ credential: Credential, _ deletion: Deletion) -> [Reason] {
        let standing = dossier.standing, policy = dossier.policy
        var reasons: [Reason] = []
        if deletion.refusedFor.contains(.signIn) {
            let rules = policy.mfaRules.isEmpty ? policy.registrationRules : policy.mfaRules
            reasons.append(
                rules.isEmpty
                    ? Reason(.policy, Message(dossier.person.isAdministrator ? "more.why.administrator" : "more.why.personal"))
                    : Reason(.policy, Message("refused.because.sign-in", ["policy": .text(rules.joined(separator: ", "))])))
        }
        if deletion.refusedFor.contains(.reset) {
            reasons.append(
                Reason(
                    .policy,
                    Message(
                        "refused.because.reset",
                        ["policy": .text(policy.resetRules.joined(separator: ", ")), "gates": .number(policy.resetGates)])))
        }
        for other in standing.credentials where other.id != credential.id && other.traits.counted && other.method != .recoveryCodes {
            if deletion.refusedFor.contains(.signIn), !standing.counts(other, for: .signIn) {
                let isForReset = standing.counts(other, for: .reset), name = MessageArgument.message(.method(other.method.rawValue))
                reasons.append(
                    Reason(
                        .blocked,
                        Message(isForReset ? "refused.because.reset-only" : "refused.because.not-counting", ["method": name])))
            }
        }
        return reasons
    }

    // MARK: deleting

    static func run(_ verified: RecentlyVerifiedRequest, _ instance: Instance) async throws -> Reply {
        let request = verified.request, id = CredentialID(request.parameters["id"] ?? "")
        return try await instance.database.write { db in
            guard let (dossier, _) = try instance.dossier(verified.dossier.person.id, request, db) else { throw Overtaken() }
            let ledger = Ledger(instance, db, request: request)
            guard let record = dossier.credential(id), record.credential.state != .unconfirmed,
                let deletion = dossier.standing.deletion(of: id)
            else { return .redirect("/security-info") }
            guard deletion.refusedFor.isEmpty else {
                try ledger.note(
                    .deleted, dossier.record, success: false, reason: Refusal.Code.lastMethod.rawValue,
                    details: ["method": record.credential.method.rawValue, "hint": record.hint])
                return .redirect(path(id))
            }
            // What the page said may be wrong by now: another tab was faster.
            guard request.form["version"] == String(dossier.person.securityVersion) else { return .redirect(path(id)) }
            try delete(record, deletion, dossier, ledger)
            return .redirect(SavedNotice.deleted(record.credential.method).path("/security-info"))
        }
    }

    private static func delete(_ record: CredentialRecord, _ deletion: Deletion, _ dossier: Dossier, _ ledger: Ledger) throws {
        let instance = ledger.instance, db = ledger.db, person = dossier.person
        guard try instance.people.raiseSecurityVersion(person, db) else { throw Overtaken() }
        try instance.credentials.retire(record.id, reason: "deleted", replacedBy: nil, at: ledger.now, db)
        if deletion.isLast || deletion.isLastSecondStep { try instance.people.clearHeld(person.id, everything: deletion.isLast, db) }
        let preference = person.preference.filter { $0.credential != record.id }
        if preference != person.preference { try instance.people.setPreference(person.id, preference, db) }
        let method = record.credential.method
        try ledger.note(.deleted, dossier.record, details: ["method": method.rawValue, "hint": record.hint])
        try ledger.tell(.methodRemoved(method), dossier, gone: [record.id])
    }
}
