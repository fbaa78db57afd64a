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

    /// Looks at several without counting, in one statement however many they are.
    ///
    /// - Returns: until when each is closed; those that are open are left out.
    public func exhausted(_ rules: [String: BudgetRule], now: Moment, _ db: any Connection) throws -> [String: Moment] {
        let rows = try db.rows("SELECT * FROM budget WHERE key IN \(fragment: .list(rules.keys.sorted()))")
        return try rows.reduce(into: [:]) { closed, row in
            let key = try row.text("key")
            closed[key] = rules[key]?.closedUntil(try Self.state(row), at: now)
        }
    }

    /// Takes one spend back that turned out to cost nothing; a lock stays.
    public func giveBack(_ keys: [String], _ db: any Connection) throws {
        try db.execute(
            "UPDATE budget SET count = count - 1 WHERE key IN \(fragment: .list(keys)) AND count > 0 AND locked_until_ms IS NULL")
    }

    /// Forgets what was spent.
    public func clear(_ keys: [String], _ db: any Connection) throws {
        try db.execute("DELETE FROM budget WHERE key IN \(fragment: .list(keys))")
    }

    /// Forgets what was spent.
    public func clear(_ key: String, _ db: any Connection) throws { try clear([key], db) }

    private func state(_ key: String, _ db: any Connection) throws -> BudgetState {
        try db.row("SELECT * FROM budget WHERE key = \(key)").map(Self.state) ?? .unspent
    }

    private static func state(_ row: Row) throws -> BudgetState {
        BudgetState(
            count: try row.int("count"), windowStart: try row.moment("window_start_ms"),
            lockedUntil: try row.optionalMoment("locked_until_ms"))
    }

    private func save(_ key: String, _ state: BudgetState, _ db: any Connection) throws {
        try db.later(
            """
            INSERT INTO budget (key, count, window_start_ms, locked_until_ms)
            VALUES (\(key), \(state.count), \(state.windowStart?.ms ?? 0), \(state.lockedUntil))
            ON CONFLICT (key) DO UPDATE SET count = excluded.count, window_start_ms = excluded.window_start_ms,
                locked_until_ms = excluded.locked_until_ms
            """)
    }
}
