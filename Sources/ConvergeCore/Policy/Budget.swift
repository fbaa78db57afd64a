/// How often something may be done: so many times in a window, and what happens beyond.
public struct BudgetRule: Hashable, Codable, Sendable {
    /// Times allowed in one window; zero allows none.
    public let limit: Int
    /// The window's length. It opens with the first spending and is fixed, so twice the limit may fall close together at its edge.
    public let window: Span
    /// How long the first refused attempt closes everything; nil: only until the window ends.
    public let lock: Span?

    public init(limit: Int, window: Span, lock: Span? = nil) {
        self.limit = max(0, limit)
        self.window = window
        self.lock = lock
    }
}

/// What is stored of one budget. No row means nothing spent: `BudgetState.unspent`.
public struct BudgetState: Hashable, Codable, Sendable {
    /// Spent in the present window.
    public let count: Int
    /// When the window opened; nil before the first spending.
    public let windowStart: Moment?
    /// Closed until then, exclusive.
    public let lockedUntil: Moment?

    public init(count: Int, windowStart: Moment?, lockedUntil: Moment? = nil) {
        self.count = count
        self.windowStart = windowStart
        self.lockedUntil = lockedUntil
    }

    /// Nothing was ever spent.
    public static let unspent = BudgetState(count: 0, windowStart: nil)
}

/// Whether it may be done, what to store in the same transaction, and until when it may not.
public struct BudgetOutcome: Hashable, Sendable {
    /// Whether it may be done now.
    public let allowed: Bool
    /// The state to store, also after a refusal.
    public let state: BudgetState
    /// When it may be tried again; nil when it was allowed.
    public let until: Moment?
}

extension BudgetRule {
    /// Spends one. A window lasts from its start to just before start + window; a lock ends at `lockedUntil` and opens a new window.
    ///
    /// A refused attempt during a lock does not prolong it, so nobody is kept out by somebody who keeps knocking. A state from the future
    /// (clocks of two nodes differ) is treated as of now, so that no wrong clock closes anything for longer than the rule.
    public func spend(_ stored: BudgetState, at now: Moment) -> BudgetOutcome {
        let state = current(stored, at: now)
        if let until = state.lockedUntil { return BudgetOutcome(allowed: false, state: state, until: until) }
        let start = state.windowStart ?? now
        if state.count < limit {
            return BudgetOutcome(allowed: true, state: BudgetState(count: state.count + 1, windowStart: start), until: nil)
        }
        let until = lock.map { now + $0 }
        let refused = BudgetState(count: state.count, windowStart: start, lockedUntil: until)
        return BudgetOutcome(allowed: false, state: refused, until: until ?? start + window)
    }

    /// How many are left, without spending: what *offered* asks.
    public func left(_ stored: BudgetState, at now: Moment) -> Int {
        let state = current(stored, at: now)
        return state.lockedUntil == nil ? max(0, limit - state.count) : 0
    }

    /// Until when nothing can be spent, without spending; nil when something can.
    public func closedUntil(_ stored: BudgetState, at now: Moment) -> Moment? {
        let state = current(stored, at: now)
        if let until = state.lockedUntil { return until }
        return state.count < limit ? nil : (state.windowStart ?? now) + window
    }

    private func current(_ stored: BudgetState, at now: Moment) -> BudgetState {
        if let until = stored.lockedUntil {
            guard now < until else { return .unspent }
            let latest = now + (lock ?? window)
            return BudgetState(count: stored.count, windowStart: stored.windowStart, lockedUntil: min(until, latest))
        }
        guard let start = stored.windowStart, now < start + window else { return .unspent }
        return BudgetState(count: stored.count, windowStart: min(start, now))
    }
}
