public import ConvergeCore

extension Administration {
    // MARK: passwords and sessions

    /// Sets a generated password that must be changed, ends every session, opens the locks. The person is told, and where the
    /// person is an administrator the others too.
    public func resetPassword(_ name: String) async throws -> Secret {
        let password = Self.generatedPassword(instance)
        let hash = try await PasswordDoor(instance: instance).hash(password)
        try await change(name) { change in
            try instance.people.setPassword(change.record.id, hash: hash, at: change.ledger.now, mustChange: true, change.ledger.db)
            try endEverything(change.record, change.ledger)
            try openLocks(change.record, change.ledger)
            try change.ledger.note(.resetByAdmin, change.record, by: .operatorConsole)
            try change.ledger.tell(.passwordResetByAdministrator, change.dossier)
            try change.ledger.tellAdministrators(.passwordGiven, about: change.dossier)
        }
        return password
    }

    /// Ends every session, remembered browser and pending conversation of a person.
    public func revokeSessions(_ name: String) async throws {
        try await change(name) { change in
            try endEverything(change.record, change.ledger)
            try change.ledger.note(.sessionsRevoked, change.record, by: .operatorConsole)
        }
    }

    /// Opens the locks that wrong passwords closed. The password stays.
    ///
    /// - Returns: whether one was closed.
    public func unlock(_ name: String) async throws -> Bool {
        let wasLocked = try await show(name).lockedUntil != nil
        // Whoever is registering something right now goes on.
        try await change(name, raisesVersion: false) { change in
            try openLocks(change.record, change.ledger)
            try change.ledger.note(.unlockedByAdmin, change.record, by: .operatorConsole)
        }
        return wasLocked
    }

    // MARK: accounts

    /// Closes an account: after a fraud report, for example. The person is told so after the right password, and nothing is sent.
    public func block(_ name: String, reason: String) async throws {
        try await move(name, from: .enabled, to: .blocked, .blocked, reason: reason)
    }

    /// Opens a blocked account again.
    public func unblock(_ name: String, reason: String) async throws {
        try await move(name, from: .blocked, to: .enabled, .unblocked, reason: reason)
    }

    /// Closes an account without a word: it looks like one that never was.
    public func disable(_ name: String, reason: String? = nil) async throws {
        try await move(name, from: .enabled, to: .disabled, .disabled, reason: reason)
    }

    /// Opens a disabled account again.
    public func enable(_ name: String, reason: String? = nil) async throws {
        try await move(name, from: .disabled, to: .enabled, .enabled, reason: reason)
    }

    private func move(
        _ name: String, from: PersonState, to: PersonState, _ activity: AuditActivity, reason: String?
    ) async throws {
        try await change(name) { change in
            let record = change.record
            guard record.person.state == from else {
                throw Problem("\(record.name) is \(record.person.state.rawValue), not \(from.rawValue). Nothing was changed.")
            }
            if to != .enabled { try keepAnAdministrator(without: record, change.ledger.db) }
            try instance.people.setState(record.id, to, change.ledger.db)
            try endEverything(record, change.ledger)
            try change.ledger.note(activity, record, by: .operatorConsole, details: reason.map { ["reason": $0] } ?? [:])
        }
    }

    /// Adds or takes roles. The last global administrator keeps the role.
    public func setRoles(_ name: String, add: Set<Role>, remove: Set<Role>) async throws -> [Role] {
        try await change(name) { change in
            let record = change.record, roles = record.person.roles.union(add).subtracting(remove)
            if !roles.contains(.globalAdministrator) { try keepAnAdministrator(without: record, change.ledger.db) }
            try instance.people.setRoles(record.id, roles, change.ledger.db)
            try change.ledger.note(
                .roleChanged, record, by: .operatorConsole,
                details: ["roles": roles.map(\.rawValue).sorted().joined(separator: ",")])
            return roles.sorted { $0.rawValue < $1.rawValue }
        }
    }

    // MARK: what every change shares

    /// A change of one person, in its transaction.
    struct Change {
        /// How things were before.
        let dossier: Dossier
        let ledger: Ledger

        var record: PersonRecord { dossier.record }
    }

    /// Changes a person in one transaction. Whoever read the person before meets a higher security version, unless nothing changes
    /// that a person holds.
    func change<Result: Sendable>(
        _ name: String, raisesVersion: Bool = true, _ body: @escaping @Sendable (Change) throws -> Result
    ) async throws -> Result {
        let now = self.now, instance = self.instance
        return try await instance.database.write { db in
            let dossier = try instance.dossier(person(name, db), knownBrowser: true, now: now, db)
            guard try !raisesVersion || instance.people.raiseSecurityVersion(dossier.person, db) else {
                throw Problem("Somebody else changed this person just now. Try again.")
            }
            return try body(Change(dossier: dossier, ledger: Ledger(instance, db, now: now)))
        }
    }

    func endEverything(_ record: PersonRecord, _ ledger: Ledger) throws {
        try instance.people.raiseEpoch(record.id, ledger.db)
        try instance.sessions.forgetRemembered(of: record.id, ledger.db)
        try instance.flows.closeAll(of: record.id, now: ledger.now, ledger.db)
    }

    private func openLocks(_ record: PersonRecord, _ ledger: Ledger) throws {
        for known in [true, false] { try instance.passwordLocks.open(PasswordDoor.lockKey(record.id.text, known: known), ledger.db) }
    }

    /// Without the last global administrator nobody could help anybody.
    private func keepAnAdministrator(without record: PersonRecord, _ db: any Connection) throws {
        guard record.person.roles.contains(.globalAdministrator), record.person.state == .enabled else { return }
        let others = try instance.people.administrators(db).filter {
            $0.id != record.id && $0.person.roles.contains(.globalAdministrator)
        }
        guard !others.isEmpty else {
            throw Problem("\(record.name) is the last global administrator who can sign in, and stays it. Nothing was changed.")
        }
    }
}
