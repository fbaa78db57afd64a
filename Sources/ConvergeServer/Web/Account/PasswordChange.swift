import ConvergeCore

/// A new password: checked in one place, whether after a reset, forced at sign-in, or by one's own wish.
enum PasswordChange {
    /// What is wrong with what was typed.
    struct Wrong: Error {
        let errors: [FieldError]
    }

    /// The rules in words, the first beside the field.
    static func rules(_ policy: PasswordPolicy) -> [Message] {
        let rules = PasswordRules(
            profile: policy.profile, minimumLength: policy.minimumLength, minimumStrength: policy.profile == .nist ? 2 : nil)
        return rules.words.map { NewPasswordPage.rule($0.code, $0.arguments) }
    }

    /// Checks two typed passwords and hashes them. Runs outside a transaction: hashing takes its time.
    ///
    /// - Returns: the hash to store, or everything that is wrong at once.
    static func check(
        _ form: Fields, for record: PersonRecord, policy: PasswordPolicy, isReset: Bool, _ instance: Instance
    ) async throws -> Result<Secret, Wrong> {
        let new = Secret(form["new"])
        guard !new.bytes.isEmpty else { return .failure(Wrong(errors: [FieldError("new", Refusal(.fieldEmpty))])) }
        let door = PasswordDoor(instance: instance)
        let problems = try await door.problems(new, for: record, policy: policy, isReset: isReset)
        guard problems.isEmpty else {
            return .failure(Wrong(errors: problems.map { NewPasswordPage.problem($0.code, $0.arguments) }))
        }
        guard new == Secret(form["again"]) else { return .failure(Wrong(errors: [FieldError("again", Refusal(.passwordsDiffer))])) }
        return .success(try await door.hash(new))
    }

    /// Stores a new password with everything that goes with it: other sessions, remembered browsers and conversations end,
    /// locks open, the person's contact points are told. Throws `Overtaken` when what the person holds changed meanwhile.
    ///
    /// - Parameters:
    ///   - keepFlow: the conversation that goes on.
    ///   - proved: credentials that proved a reset; they are not told.
    static func commit(
        _ hash: Secret, for dossier: Dossier, isReset: Bool, keepFlow: FlowID?, proved: Set<CredentialID> = [], ledger: Ledger
    ) throws {
        let instance = ledger.instance, db = ledger.db, id = dossier.person.id, now = ledger.now
        guard try instance.people.raiseSecurityVersion(dossier.person, db) else { throw Overtaken() }
        try instance.people.setPassword(id, hash: hash, at: now, mustChange: false, db)
        try instance.people.raiseEpoch(id, db)
        try instance.sessions.forgetRemembered(of: id, db)
        try instance.flows.closeAll(of: id, except: keepFlow, now: now, db)
        try unlock(id, instance, db)
        try ledger.note(isReset ? .resetPassword : .changedPassword, dossier.record)
        if !isReset || dossier.policy.notifyPerson {
            try ledger.tell(isReset ? .passwordReset : .passwordChanged, dossier, except: proved)
        }
        if isReset { try ledger.tellAdministrators(about: dossier) }
    }

    /// Opens both locks on guessing a person's password.
    static func unlock(_ id: PersonID, _ instance: Instance, _ db: any Connection) throws {
        for known in [true, false] { try instance.passwordLocks.open(PasswordDoor.lockKey(id.text, known: known), db) }
    }
}
