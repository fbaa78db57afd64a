import ConvergeCore

/// The lock on guessing passwords: one state for browsers that have signed in as the person before, one for all others,
/// so that a stranger cannot lock the owner out. Unknown names are locked alike.
struct PasswordLockStore: Sendable {
    /// Charges one guess before it is compared.
    func guess(_ key: String, hash: [UInt8], now: Moment, _ db: any Connection) throws -> PasswordLockOutcome {
        let outcome = PasswordLockRule.standard.guess(try state(key, db), hash: hash, at: now)
        try save(key, outcome.state, db)
        return outcome
    }

    /// Takes a guess back that could not be compared; all others stay counted.
    func takeBack(_ guess: PasswordLockOutcome, _ key: String, _ db: any Connection) throws {
        let stored = try state(key, db), state = PasswordLockRule.standard.takingBack(guess, from: stored)
        if state != stored { try save(key, state, db) }
    }

    /// Until when somebody is locked; nil when not.
    func lockedUntil(_ key: String, now: Moment, _ db: any Connection) throws -> Moment? {
        PasswordLockRule.standard.lockedUntil(try state(key, db), at: now)
    }

    /// After a right password, a new one, or an unlock.
    func open(_ key: String, _ db: any Connection) throws {
        try db.later("DELETE FROM budget WHERE key = \(key)")
    }

    private func state(_ key: String, _ db: any Connection) throws -> PasswordLockState {
        guard let note = try db.row("SELECT note FROM budget WHERE key = \(key)")?.optionalText("note") else { return .open }
        return try JSONText.decode(PasswordLockState.self, from: note)
    }

    private func save(_ key: String, _ state: PasswordLockState, _ db: any Connection) throws {
        try db.later(
            """
            INSERT INTO budget (key, count, window_start_ms, locked_until_ms, note)
            VALUES (\(key), \(state.wrong), 0, \(orNull: state.lockedUntil), \(try JSONText.encode(state)))
            ON CONFLICT (key) DO UPDATE SET count = excluded.count, locked_until_ms = excluded.locked_until_ms, note = excluded.note
            """)
    }
}
