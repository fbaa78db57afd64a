public import ConvergeCore

/// Counters of tries and sends, counted before the comparison, one statement at a time.
public struct BudgetStore: Sendable {
    public init() {}

    /// Counts one spend and tells whether it was within the rule.
    ///
    /// - Returns: nil when allowed, else the moment from which there is budget again.
    public func spend(_ key: String, _ rule: BudgetRule, now: Moment, _ db: any Connection) throws -> Moment? {
        try spend([(key, rule)], now: now, db)
    }

    /// Counts one spend of several different ones in turn, up to the first that says no, and that one too. They are read at once.
    ///
    /// - Returns: nil when all allowed it, else the moment from which there is budget again.
    public func spend(_ budgets: [(key: String, rule: BudgetRule)], now: Moment, _ db: any Connection) throws -> Moment? {
        try firstSpent(budgets, now: now, db)?.until
    }

    /// The same, and which one says no.
    public func firstSpent(
        _ budgets: [(key: String, rule: BudgetRule)], now: Moment, _ db: any Connection
    ) throws -> (key: String, until: Moment)? {
        let states = try states(budgets.map(\.key), db)
        for (key, rule) in budgets {
            let result = rule.spend(states[key] ?? .unspent, at: now)
            try save(key, result.state, db)
            if !result.allowed { return (key, result.until ?? now) }
        }
        return nil
    }

    /// Looks without counting.
    public func exhausted(_ key: String, _ rule: BudgetRule, now: Moment, _ db: any Connection) throws -> Moment? {
        rule.closedUntil(try states([key], db)[key] ?? .unspent, at: now)
    }

    /// Asks what was spent of the budgets of a person and of every credential that the person has.
    ///
    /// - Parameters:
    ///   - personal: what keys begin with that end with the person's id.
    ///   - perCredential: what keys begin with that end with a credential's id.
    /// - Returns: by key; of what is left out nothing was spent.
    public func ask(
        _ personal: [String], perCredential: [String], of whom: Whom, _ db: any Connection
    ) throws -> Asked<[String: BudgetState]> {
        try db.ask(
            """
            SELECT budget.* FROM \(fragment: .rows(of: personal, as: "begins")) CROSS JOIN budget
                WHERE key = begins || \(fragment: whom.id)
            UNION ALL
            SELECT budget.* FROM \(fragment: .rows(of: perCredential, as: "begins")) CROSS JOIN credential CROSS JOIN budget
                WHERE person_id = \(fragment: whom.id) AND state <> 'retired' AND key = begins || credential.id
            """
        ).map(Self.states)
    }

    /// Takes one spend back that turned out to cost nothing; a lock stays.
    public func giveBack(_ keys: [String], _ db: any Connection) throws {
        try db.later(
            "UPDATE budget SET count = count - 1 WHERE key IN \(fragment: .list(keys)) AND count > 0 AND locked_until_ms IS NULL")
    }

    /// Forgets what was spent.
    public func clear(_ keys: [String], _ db: any Connection) throws {
        try db.later("DELETE FROM budget WHERE key IN \(fragment: .list(keys))")
    }

    /// Forgets what was spent.
    public func clear(_ key: String, _ db: any Connection) throws { try clear([key], db) }

    private func states(_ keys: [String], _ db: any Connection) throws -> [String: BudgetState] {
        let each = keys.map { "SELECT * FROM budget WHERE key = \($0)" as SQL }
        return try Self.states(db.rows(.joined(each, by: " UNION ALL ")))
    }

    private static func states(_ rows: [Row]) throws -> [String: BudgetState] {
        try rows.reduce(into: [:]) { $0[try $1.text("key")] = try state($1) }
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
            VALUES (\(key), \(state.count), \(state.windowStart?.ms ?? 0), \(orNull: state.lockedUntil))
            ON CONFLICT (key) DO UPDATE SET count = excluded.count, window_start_ms = excluded.window_start_ms,
                locked_until_ms = excluded.locked_until_ms
            """)
    }
}
