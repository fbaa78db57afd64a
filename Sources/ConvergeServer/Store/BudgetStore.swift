public import ConvergeCore

/// Counters of tries and sends, counted before the comparison, one statement at a time.
public struct BudgetStore: Sendable {
    public init() {}

    /// Counts one spend and tells whether it was within the rule.
    ///
    /// - Returns: nil when allowed, else the moment from which there is budget again.
    public func spend(_ key: String, _ rule: BudgetRule, now: Moment, _ db: any Connection) throws -> Moment? {
        let result = rule.spend(try state(key, db), at: now)
        try save(key, result.state, db)
        return result.allowed ? nil : result.until ?? now
    }

    /// Looks without counting.
    public func exhausted(_ key: String, _ rule: BudgetRule, now: Moment, _ db: any Connection) throws -> Moment? {
        rule.closedUntil(try state(key, db), at: now)
    }

    /// Forgets what was spent.
    public func clear(_ key: String, _ db: any Connection) throws { try clear([key], db) }

    /// Forgets what was spent under several keys.
    public func clear(_ keys: [String], _ db: any Connection) throws {
        guard !keys.isEmpty else { return }
        try db.execute("DELETE FROM budget WHERE key IN \(fragment: .list(keys))")
    }

    private func state(_ key: String, _ db: any Connection) throws -> BudgetState {
        guard let row = try db.row("SELECT * FROM budget WHERE key = \(key)") else { return .unspent }
        return BudgetState(
            count: try row.int("count"), windowStart: try row.moment("window_start_ms"),
            lockedUntil: try row.optionalMoment("locked_until_ms"))
    }

    private func save(_ key: String, _ state: BudgetState, _ db: any Connection) throws {
        try db.execute(
            """
            INSERT INTO budget (key, count, window_start_ms, locked_until_ms)
            VALUES (\(key), \(state.count), \(state.windowStart?.ms ?? 0), \(state.lockedUntil))
            ON CONFLICT (key) DO UPDATE SET count = excluded.count, window_start_ms = excluded.window_start_ms,
                locked_until_ms = excluded.locked_until_ms
            """)
    }
}
