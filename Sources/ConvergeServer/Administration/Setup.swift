public import ConvergeCore

extension Administration {
    private var codes: AdminCodeStore { AdminCodeStore(organisation: instance.organisation) }

    /// A one-time code with which `/setup` makes the first administrator; 24 hours. Refused once there is one.
    public func makeAdminCode() async throws -> Secret {
        guard let code = ReadableCode(.accessPass, length: 16, random: instance.world.random(16)) else {
            throw Fault("no randomness for a code")
        }
        let now = self.now, hash = codeHash(code.canonical.text)
        try await instance.database.write { db in
            guard try isSetupOpen(db) else {
                throw Problem("There is a global administrator already. Add others with: converge user role NAME --add global")
            }
            try codes.replace(hash: hash, now: now, db)
        }
        return code.shown(.accessPass)
    }

    /// Whether nobody is a global administrator yet.
    func isSetupOpen(_ db: any Connection) throws -> Bool {
        try !instance.people.administrators(db).contains { $0.person.roles.contains(.globalAdministrator) }
    }

    /// Whether a code, as typed, would make the first administrator.
    func isSetupCode(_ typed: String, now: Moment, _ db: any Connection) throws -> Bool {
        try codes.isGood(hash: codeHash(typed), now: now, db)
    }

    /// Redeems a code: spends it and adds the first global administrator, or does neither.
    ///
    /// - Returns: what stands in the way; nil when it is done.
    func setUp(_ new: NewPerson, code typed: String, hash: Secret, ledger: Ledger) throws -> Refusal? {
        let db = ledger.db, now = ledger.now
        guard try isSetupOpen(db), try codes.isGood(hash: codeHash(typed), now: now, db) else { return Refusal(.setupCodeWrong) }
        guard let name = SignInName(new.name), try instance.people.find(nameKey: name.normalised, db) == nil else {
            return Refusal(.nameTaken)
        }
        guard try codes.spend(hash: codeHash(typed), now: now, db) else { return Refusal(.setupCodeWrong) }
        try insert(new, hash: hash, mustChange: false, now: now, db)
        try ledger.note(.administratorSetUp, person(new.name, db))
        return nil
    }

    private func codeHash(_ typed: String) -> String { instance.keyed("setup:" + (ReadableCode.normalise(typed) ?? ""), "setup") }
}
