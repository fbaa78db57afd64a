import ConvergeCore

/// A new password: checked in one place, whether after a reset, forced at sign-in, or by one's own wish.
enum PasswordChange {
    /// What is wrong with what was typed.
    struct Wrong: Error {
        let errors: [FieldError]
    }

    /// The rules in words, the first beside the field. Only what is checked is said.
    static func rules(_ policy: PasswordPolicy, isReset: Bool = false) -> [Message] {
        policy.rules.words
            .filter { $0 != .notTheLastOne || policy.refusesLast(isReset: isReset) }
            .map { NewPasswordPage.rule($0.code, $0.arguments) }
    }

    /// What is wrong with a new password, at its field.
    static func fieldErrors(_ problems: [PasswordProblem]) -> [FieldError] {
        problems.map { NewPasswordPage.problem($0.code, $0.arguments) }
    }

    /// Checks two typed passwords and hashes them. Runs outside a transaction: hashing takes its time.
    ///
    /// - Returns: the hash to store, or everything that is wrong at once.
    static func check(
        _ form: Fields, for record: PersonRecord, policy: PasswordPolicy, isReset: Bool, _ instance: Instance
    ) async throws -> Result<Secret, Wrong> {
        let new = Secret(form["new"]), again = Secret(form["again"])
        let empty = [("new", new), ("again", again)].filter { $0.1.bytes.isEmpty }
        guard empty.isEmpty else { return .failure(Wrong(errors: empty.map { FieldError($0.0, Refusal(.fieldEmpty)) })) }
        let door = PasswordDoor(instance: instance)
        var errors = fieldErrors(try await door.problems(new, for: record, policy: policy, isReset: isReset))
        if PasswordText.normalised(new) != PasswordText.normalised(again) {
            errors.append(FieldError("again", Refusal(.passwordsDiffer)))
        }
        guard errors.isEmpty else { return .failure(Wrong(errors: errors)) }
        return .success(try await door.hash(new))
    }

    /// Stores a new password with everything that goes with it: other sessions, remembered browsers and conversations end,
    /// locks open, the person's contact points are told. Throws `Overtaken` when what the person holds changed meanwhile.
    ///
    /// - Parameters:
    ///   - dossier: as it was when the password was checked, or as it is now.
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
        if isReset, !dossier.policy.methods.appPasswords.survivesReset { try AppPasswords.revokeAll(of: dossier, ledger) }
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

extension PasswordPolicy {
    /// The rules that a new password is held against.
    var rules: PasswordRules {
        PasswordRules(profile: profile, minimumLength: minimumLength, minimumStrength: profile == .nist ? 2 : nil)
    }

    /// Whether the present password is refused as the new one. A reset in the Entra profile takes it, as Entra does.
    func refusesLast(isReset: Bool) -> Bool { !reuseLast && !(profile == .entra && isReset) }
}
