/// The lock on guessing a password: ten wrong ones close the account for a minute, then longer and longer.
public struct PasswordLockRule: Hashable, Codable, Sendable {
    /// Wrong guesses before the first lock.
    public let tries: Int
    /// The first lock; each further wrong guess doubles it.
    public let firstLock: Span
    /// No lock is longer.
    public let longestLock: Span
    /// How long a guess is remembered, so that the same one again is not counted.
    public let memory: Span

    public init(tries: Int = 10, firstLock: Span = .seconds(60), longestLock: Span = .hours(24), memory: Span = .hours(1)) {
        self.tries = max(1, tries)
        self.firstLock = firstLock
        self.longestLock = max(firstLock, longestLock)
        self.memory = memory
    }

    /// Ten wrong ones, a minute, doubling up to a day; guesses remembered for an hour.
    public static let standard = PasswordLockRule()
}

/// What is stored of one person's lock. Keep one for known browsers and one for all others, so that a stranger cannot lock the owner.
public struct PasswordLockState: Hashable, Codable, Sendable {
    /// Wrong guesses counted since the last right one or unlock.
    public let wrong: Int
    /// Locked until then, exclusive; nil when no lock was set or it ended.
    public let lockedUntil: Moment?
    /// Guesses of the last hour, the newest last, as keyed hashes.
    public let remembered: [RememberedGuess]

    public init(wrong: Int, lockedUntil: Moment?, remembered: [RememberedGuess]) {
        self.wrong = wrong
        self.lockedUntil = lockedUntil
        self.remembered = remembered
    }

    /// Nobody guessed. The state after a right password, a new password and an administrator's unlock.
    public static let open = PasswordLockState(wrong: 0, lockedUntil: nil, remembered: [])
}

/// A guess that can be recognised but not read.
public struct RememberedGuess: Hashable, Codable, Sendable {
    /// The keyed hash, in hexadecimal.
    public let hash: String
    /// When it was last typed.
    public let at: Moment

    public init(hash: String, at: Moment) {
        self.hash = hash
        self.at = at
    }
}

/// Whether the guess may be compared, and what to store before it is.
public struct PasswordLockOutcome: Hashable, Sendable {
    /// Whether the password may be compared at all. If not, nothing tells a right one from a wrong one.
    public let allowed: Bool
    /// The state to store *before* the comparison, so that guesses made at once are all counted. When it was right, store `open`
    /// afterwards; when it could not be compared (overload, a fault), `takingBack`.
    public let state: PasswordLockState
    /// Whether it was counted; a repeated one is not.
    public let counted: Bool
    /// Until when the account is locked: at a refusal, and with the guess that locks it, should it be wrong.
    public let until: Moment?
}

extension PasswordLockRule {
    /// Most guesses remembered; an older one is forgotten first.
    public static let maximumRemembered = 10

    /// Charges one guess before it is compared.
    ///
    /// `hash` is a keyed hash over the person and the normalised password. The same guess within an hour of its last time costs nothing:
    /// a device that keeps trying yesterday's password locks nobody out. During a lock nothing is counted, compared or prolonged; after it
    /// every further wrong guess locks again, twice as long.
    public func guess(_ stored: PasswordLockState, hash: [UInt8], at now: Moment) -> PasswordLockOutcome {
        let state = current(stored, at: now)
        if let until = state.lockedUntil { return PasswordLockOutcome(allowed: false, state: state, counted: false, until: until) }
        let text = Hex.encode(hash)
        let former = state.remembered.first { equalInConstantTime(Array($0.hash.utf8), Array(text.utf8)) }
        let isRepeated = former != nil
        // Later than before, so that the first of two at once cannot be taken back when the second was compared for nothing.
        let last = former.map { max(now, $0.at + Span(ms: 1)) } ?? now
        let others = state.remembered.filter { $0.hash != text }.suffix(Self.maximumRemembered - 1)
        let wrong = isRepeated ? state.wrong : min(state.wrong, Int.max - 1) + 1
        let until = isRepeated ? nil : lock(afterWrong: wrong).map { now + $0 }
        let next = PasswordLockState(wrong: wrong, lockedUntil: until, remembered: others + [RememberedGuess(hash: text, at: last)])
        return PasswordLockOutcome(allowed: true, state: next, counted: !isRepeated, until: until)
    }

    /// What is stored without a guess that could not be compared after all. What others guessed before and meanwhile stays counted: else
    /// whoever can overload the server would guess for ever. Where it is not remembered as it was charged, somebody opened the lock, or
    /// typed the same again, since: then nothing is given back.
    public func takingBack(_ guess: PasswordLockOutcome, from stored: PasswordLockState) -> PasswordLockState {
        guard guess.counted, stored.wrong > 0, let own = guess.state.remembered.last, stored.remembered.contains(own) else {
            return stored
        }
        return PasswordLockState(
            wrong: stored.wrong - 1, lockedUntil: stored.lockedUntil == guess.until ? nil : stored.lockedUntil,
            remembered: stored.remembered.filter { $0.hash != own.hash })
    }

    /// Until when the account is locked; nil when it is not.
    public func lockedUntil(_ stored: PasswordLockState, at now: Moment) -> Moment? { current(stored, at: now).lockedUntil }

    /// The lock that the n-th wrong guess brings: none before the last free one, then the first lock, doubled each time.
    public func lock(afterWrong wrong: Int) -> Span? {
        guard wrong >= tries else { return nil }
        var span = firstLock
        for _ in 0..<min(wrong - tries, 62) where span < longestLock { span = span * 2 }
        return min(span, longestLock)
    }

    /// The stored state as of now: an ended lock gone, forgotten guesses gone, nothing from the future. Also for the sweeper that
    /// wipes them.
    public func current(_ stored: PasswordLockState, at now: Moment) -> PasswordLockState {
        let until = stored.lockedUntil.flatMap { now < $0 ? min($0, now + longestLock) : nil }
        let remembered = stored.remembered.filter { now < $0.at + memory }.map { RememberedGuess(hash: $0.hash, at: min($0.at, now)) }
        return PasswordLockState(wrong: stored.wrong, lockedUntil: until, remembered: remembered)
    }
}
