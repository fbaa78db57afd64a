import ConvergeCore

/// The one place where a password is compared: guesses are counted before, unknown names cost the same as known ones.
struct PasswordDoor: Sendable {
    let instance: Instance

    enum Outcome: Sendable {
        case right(PersonRecord, knownBrowser: Bool)
        case refused(Refusal)
    }

    /// What is known before the comparison.
    private struct Attempt: Sendable {
        let record: PersonRecord?
        let knownBrowser: Bool
        let lockKey: String
        let guess: PasswordLockOutcome
    }

    /// Compares a password typed for a name.
    func compare(name: String, password: Secret, _ request: AnonymousRequest) async throws -> Outcome {
        let key = SignInName(name)?.normalised ?? ""
        let attempt = try await charge(key, password, request)
        guard attempt.guess.allowed else {
            try await note(attempt, request, reason: Refusal.Code.signInLocked.rawValue)
            return .refused(Refusal(.signInLocked, until: attempt.guess.until))
        }
        let isRight: Bool
        do {
            isRight = try await verify(password, attempt.record?.passwordHash)
        } catch {
            try await forgive(attempt)
            throw error
        }
        guard isRight, let record = attempt.record, record.person.state != .disabled else {
            try await note(attempt, request, reason: isRight ? "disabled" : Refusal.Code.signInWrong.rawValue)
            return .refused(Refusal(.signInWrong))
        }
        try await forgive(attempt)
        try await renewHash(record, password)
        return .right(record, knownBrowser: attempt.knownBrowser)
    }

    /// Compares the password of somebody known, for example before a voluntary change.
    func isRight(_ password: Secret, for record: PersonRecord) async throws -> Bool {
        try await verify(password, record.passwordHash)
    }

    /// The hash of a new password.
    func hash(_ password: Secret) async throws -> Secret {
        guard let normalised = PasswordText.normalised(password) else { throw Fault("a password that was not checked") }
        return Secret(try await instance.hasher.hash(normalised))
    }

    /// What is wrong with a new password; empty when it may be used.
    func problems(_ password: Secret, for record: PersonRecord, policy: PasswordPolicy, isReset: Bool) async throws -> [PasswordProblem] {
        let names = [record.name, record.displayName, instance.config.organisation.name]
            .flatMap { $0.split(whereSeparator: { " @._-".contains($0) }).map(String.init) + [$0] }
        let same = policy.refusesLast(isReset: isReset) ? try await isRight(password, for: record) : false
        return PasswordFacts(
            password: password, rules: policy.rules, names: names, banned: policy.bannedWords,
            isBreached: instance.breached?.contains(password) ?? false, sameAsLast: same,
            strengthScore: Strength(of: password, words: names + policy.bannedWords).score
        ).problems
    }

    // MARK: steps

    private func charge(_ key: String, _ password: Secret, _ request: AnonymousRequest) async throws -> Attempt {
        let instance = self.instance
        return try await instance.database.write { db in
            let record = try instance.people.find(nameKey: key, db)
            // Looked up for names that do not exist too: the same statements for everybody.
            let person = record?.person ?? Person(id: PersonID("nobody"))
            let known = try instance.browser(request, person, db).isKnown
            let subject = record?.id.text ?? instance.keyed(key, "name")
            let lockKey = Self.lockKey(subject, known: known)
            let normalised = PasswordText.normalised(password)?.text ?? ""
            let hash = Array(instance.keyed("\(subject):\(normalised)", "guess").utf8)
            let guess = try instance.passwordLocks.guess(lockKey, hash: hash, now: request.now, db)
            return Attempt(record: record, knownBrowser: known, lockKey: lockKey, guess: guess)
        }
    }

    /// The key of one of a person's two locks.
    static func lockKey(_ subject: String, known: Bool) -> String { "lock:\(known ? "known" : "other"):\(subject)" }

    private func verify(_ password: Secret, _ hash: Secret?) async throws -> Bool {
        guard let normalised = PasswordText.normalised(password), let hash else {
            _ = try await instance.hasher.verifyDummy(password)
            return false
        }
        return try await instance.hasher.verify(normalised, against: hash.text)
    }

    /// A right password, or one that could not be compared: nothing stays of the guess.
    private func forgive(_ attempt: Attempt) async throws {
        let instance = self.instance
        try await instance.database.write { db in try instance.passwordLocks.open(attempt.lockKey, db) }
    }

    private func renewHash(_ record: PersonRecord, _ password: Secret) async throws {
        guard let old = record.passwordHash, instance.hasher.needsRehash(old.text) else { return }
        let new = try await hash(password), instance = self.instance
        try await instance.database.write { db in try instance.people.rehash(record.id, from: old, to: new, db) }
    }

    private func note(_ attempt: Attempt, _ request: AnonymousRequest, reason: String) async throws {
        let instance = self.instance
        try await instance.database.write { db in
            try Ledger(instance, db, request: request).note(
                .signInRefused, attempt.record, success: false, reason: reason, by: .anonymous)
        }
    }
}
