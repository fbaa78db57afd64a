import ConvergeCore
import Logging

/// The one place where a password is compared: guesses are counted before, unknown names cost the same as known ones.
struct PasswordDoor: Sendable {
    let instance: Instance

    enum Outcome: Sendable {
        /// The transaction that follows forgets the guess: `forget`.
        case right(PersonRecord, guess: Guess)
        case refused(Refusal)
        /// Too many from one network; nothing was compared.
        case tooMany(until: Moment)
    }

    /// What a guess was charged to.
    struct Guess: Sendable {
        fileprivate let lockKey: String
        fileprivate let budget: String?
    }

    /// What is known before the comparison.
    private struct Attempt: Sendable {
        let record: PersonRecord?
        let lockKey: String
        /// The key of the network's budget.
        let budget: String?
        let guess: PasswordLockOutcome
    }

    /// Compares a password typed for a name.
    ///
    /// - Parameter network: where a sign-in comes from; its budget is spent first.
    func compare(name: String, password: Secret, from network: String? = nil, _ request: AnonymousRequest) async throws -> Outcome {
        let attempt: Attempt
        switch try await charge(SignInName(name)?.normalised ?? "", password, from: network, request) {
        case .failure(let spent): return .tooMany(until: spent.until)
        case .success(let charged): attempt = charged
        }
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
        await renewHash(record, password)
        return .right(record, guess: Guess(lockKey: attempt.lockKey, budget: attempt.budget))
    }

    /// Nothing stays of a guess that was right.
    func forget(_ guess: Guess, _ db: any Connection) throws {
        try instance.passwordLocks.open(guess.lockKey, db)
        if let budget = guess.budget { try instance.budgets.giveBack([budget], db) }
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

    private struct NetworkSpent: Error {
        let until: Moment
    }

    private func charge(
        _ key: String, _ password: Secret, from network: String?, _ request: AnonymousRequest
    ) async throws -> Result<Attempt, NetworkSpent> {
        let instance = self.instance
        let budget = network.map { Budgets.from($0, .signIn, instance) }
        return try await instance.database.write { db in
            if let budget, let until = try instance.spend([budget], now: request.now, db) {
                return .failure(NetworkSpent(until: until))
            }
            let (record, known) = try instance.met(.named(key, in: instance.organisation), request, db)
            let subject = record?.id.text ?? instance.keyed(key, "name")
            let lockKey = Self.lockKey(subject, known: known)
            let normalised = PasswordText.normalised(password)?.text ?? ""
            let hash = Array(instance.keyed("\(subject):\(normalised)", "guess").utf8)
            let guess = try instance.passwordLocks.guess(lockKey, hash: hash, now: request.now, db)
            return .success(Attempt(record: record, lockKey: lockKey, budget: budget?.key, guess: guess))
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

    /// A password that could not be compared: nothing stays of that guess.
    private func forgive(_ attempt: Attempt) async throws {
        let instance = self.instance
        try await instance.database.write { db in
            try instance.passwordLocks.takeBack(attempt.guess, attempt.lockKey, db)
            if let budget = attempt.budget { try instance.budgets.giveBack([budget], db) }
        }
    }

    /// Hashes a password that is right once more when the cost has changed. What hinders it hinders nobody: the next sign-in tries again.
    private func renewHash(_ record: PersonRecord, _ password: Secret) async {
        guard let old = record.passwordHash, instance.hasher.needsRehash(old.text) else { return }
        do {
            let new = try await hash(password), instance = self.instance
            try await instance.database.write { db in try instance.people.rehash(record.id, from: old, to: new, db) }
        } catch {
            instance.log.notice("a password was not hashed again", metadata: ["reason": "\(error)"])
        }
    }

    private func note(_ attempt: Attempt, _ request: AnonymousRequest, reason: String) async throws {
        let instance = self.instance
        try await instance.database.write { db in
            try Ledger(instance, db, request: request).note(
                .signInRefused, attempt.record, success: false, reason: reason, by: .anonymous)
        }
    }
}
