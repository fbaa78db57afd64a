import ConvergeCore
import Foundation
import Testing

private let start = Moment(ms: 1_700_000_000_000)

extension Moment {
    fileprivate func after(_ ms: Int64) -> Moment { Moment(ms: self.ms + ms) }
}

@Suite("Budgets")
struct BudgetTests {
    private let plain = BudgetRule(limit: 3, window: .minutes(10))
    private let locking = BudgetRule(limit: 3, window: .minutes(10), lock: .hours(1))

    private func spent(_ rule: BudgetRule, _ times: Int) -> BudgetState {
        (0..<times).reduce(.unspent) { state, _ in rule.spend(state, at: start).state }
    }

    @Test func `as many as the limit are allowed, the next is not and says until when`() {
        var state = BudgetState.unspent
        for left in [3, 2, 1] {
            #expect(plain.left(state, at: start) == left && plain.closedUntil(state, at: start) == nil)
            let outcome = plain.spend(state, at: start)
            #expect(outcome.allowed && outcome.until == nil)
            state = outcome.state
        }
        let refused = plain.spend(state, at: start.after(1))
        #expect(!refused.allowed && refused.until == start + .minutes(10))
        #expect(plain.left(state, at: start) == 0 && plain.closedUntil(state, at: start) == start + .minutes(10))
        #expect(refused.state == state)
    }

    @Test func `the window ends with its last millisecond`() {
        let state = spent(plain, 3)
        #expect(!plain.spend(state, at: start.after(599_999)).allowed)
        let next = plain.spend(state, at: start.after(600_000))
        #expect(next.allowed && next.state == BudgetState(count: 1, windowStart: start.after(600_000)))
        #expect(plain.left(state, at: start.after(599_999)) == 0)
        #expect(plain.left(state, at: start.after(600_000)) == 3)
    }

    @Test func `the window opens with the first spending and does not move`() {
        let second = plain.spend(spent(plain, 1), at: start.after(599_999)).state
        #expect(second == BudgetState(count: 2, windowStart: start))
        #expect(plain.spend(second, at: start.after(600_000)).state.count == 1)
    }

    @Test func `a lock begins with the first refusal, is not prolonged and ends with its last millisecond`() {
        let refused = locking.spend(spent(locking, 3), at: start.after(5))
        #expect(!refused.allowed && refused.until == start.after(5) + .hours(1))
        let again = locking.spend(refused.state, at: start.after(1_000_000))
        #expect(!again.allowed && again.until == refused.until && again.state == refused.state)
        #expect(!locking.spend(refused.state, at: start.after(3_600_004)).allowed)
        #expect(locking.closedUntil(refused.state, at: start.after(3_600_004)) == refused.until)
        let open = locking.spend(refused.state, at: start.after(3_600_005))
        #expect(open.allowed && open.state == BudgetState(count: 1, windowStart: start.after(3_600_005)))
    }

    @Test func `a lock shorter than its window opens a new window`() {
        let rule = BudgetRule(limit: 1, window: .hours(1), lock: .seconds(1))
        let refused = rule.spend(rule.spend(.unspent, at: start).state, at: start)
        #expect(!rule.spend(refused.state, at: start.after(999)).allowed)
        #expect(rule.spend(refused.state, at: start.after(1000)).allowed)
    }

    @Test func `a clock that ran ahead closes nothing for longer than the rule`() {
        let ahead = BudgetState(count: 3, windowStart: start + .days(30))
        #expect(plain.spend(ahead, at: start).until == start + .minutes(10))
        let locked = BudgetState(count: 3, windowStart: start, lockedUntil: start + .days(30))
        #expect(locking.spend(locked, at: start).until == start + .hours(1))
    }

    @Test func `a limit of nothing allows nothing`() {
        let rule = BudgetRule(limit: -1, window: .minutes(1))
        #expect(!rule.spend(.unspent, at: start).allowed)
        #expect(rule.closedUntil(.unspent, at: start) == start + .minutes(1))
    }

    @Test func `no more than the limit ever falls into one window, whenever they come`() {
        var random = Repeatable(seed: 23)
        for _ in 0..<200 {
            var state = BudgetState.unspent
            var now = start
            var allowed: [Moment: Int] = [:]
            for _ in 0..<60 {
                now = now.after(Int64.random(in: 0...400_000, using: &random))
                let couldSpend = plain.left(state, at: now) > 0
                let outcome = plain.spend(state, at: now)
                #expect(outcome.allowed == couldSpend && (outcome.until == nil) == outcome.allowed)
                if outcome.allowed, let window = outcome.state.windowStart { allowed[window, default: 0] += 1 }
                if let until = outcome.until { #expect(plain.spend(outcome.state, at: until).allowed) }
                state = outcome.state
            }
            #expect(allowed.values.allSatisfy { $0 <= 3 })
        }
    }

    @Test func `the state survives its row`() throws {
        let state = BudgetState(count: 3, windowStart: start, lockedUntil: start + .hours(1))
        #expect(try JSONDecoder().decode(BudgetState.self, from: JSONEncoder().encode(state)) == state)
    }
}

@Suite("The lock on guessing passwords")
struct PasswordLockTests {
    private let rule = PasswordLockRule.standard

    private func wrong(_ times: Int, from state: PasswordLockState = .open, at now: Moment = start) -> PasswordLockState {
        (0..<times).reduce(state) { state, index in rule.guess(state, hash: [UInt8(state.wrong), UInt8(index)], at: now).state }
    }

    @Test func `nine wrong ones lock nothing, the tenth locks for a minute to the millisecond`() {
        #expect(rule.lockedUntil(wrong(9), at: start) == nil)
        let tenth = rule.guess(wrong(9), hash: [99], at: start)
        #expect(tenth.allowed && tenth.counted && tenth.until == start + .seconds(60))
        #expect(rule.lockedUntil(tenth.state, at: start.after(59_999)) == start + .seconds(60))
        #expect(rule.lockedUntil(tenth.state, at: start.after(60_000)) == nil)
    }

    @Test func `during a lock nothing is compared, counted or prolonged`() {
        let locked = wrong(10)
        let refused = rule.guess(locked, hash: [7], at: start.after(59_999))
        #expect(!refused.allowed && !refused.counted && refused.until == start + .seconds(60))
        #expect(refused.state.wrong == 10)
        #expect(rule.guess(locked, hash: [7], at: start.after(60_000)).allowed)
    }

    @Test func `every further wrong one locks twice as long, up to a day`() {
        let expected = [60, 120, 240, 480, 960, 1920, 3840, 7680, 15360, 30720, 61440, 86400, 86400]
        var state = wrong(9)
        var now = start
        for (index, seconds) in expected.enumerated() {
            let outcome = rule.guess(state, hash: [200, UInt8(index)], at: now)
            #expect(outcome.until == now + .seconds(seconds))
            state = outcome.state
            now = now + .seconds(seconds)
        }
        #expect(rule.lock(afterWrong: Int.max) == .hours(24))
        #expect(rule.lock(afterWrong: 0) == nil)
    }

    @Test func `a guess that could not be compared is taken back, and all others stay counted`() {
        let before = wrong(8), guess = rule.guess(before, hash: [98], at: start)
        #expect(rule.takingBack(guess, from: guess.state) == before)
        // Somebody guessed wrong meanwhile, and that locked.
        let rival = rule.guess(guess.state, hash: [99], at: start), after = rule.takingBack(guess, from: rival.state)
        #expect(after.wrong == 9 && after.lockedUntil == rival.until && rival.until != nil)
        // Its own lock goes with it.
        #expect(rule.takingBack(rival, from: rival.state) == guess.state)
        // The same guess again was not counted, and a right one meanwhile forgot all.
        let again = rule.guess(guess.state, hash: [98], at: start.after(5))
        #expect(rule.takingBack(again, from: again.state) == again.state && again.state.wrong == 9)
        #expect(rule.takingBack(guess, from: .open) == .open)
        // The second of two copies at once costs nothing, so the first is not given back; nor is the guess of somebody else after an unlock.
        let copy = rule.guess(guess.state, hash: [98], at: start)
        #expect(rule.takingBack(guess, from: copy.state) == copy.state && copy.state.wrong == 9)
        let afterwards = rule.guess(.open, hash: [5], at: start).state
        #expect(rule.takingBack(guess, from: afterwards) == afterwards)
    }

    @Test func `a right password, a new one or an unlock starts again`() {
        #expect(rule.lockedUntil(.open, at: start) == nil)
        #expect(rule.guess(.open, hash: [1], at: start).state.wrong == 1)
    }

    @Test func `the same wrong password again within an hour of its last time is not counted`() {
        let once = rule.guess(.open, hash: [1, 2, 3], at: start)
        let again = rule.guess(once.state, hash: [1, 2, 3], at: start.after(3_599_999))
        #expect(again.allowed && !again.counted && again.state.wrong == 1)
        let later = rule.guess(again.state, hash: [1, 2, 3], at: start.after(3_599_999 + 3_599_999))
        #expect(!later.counted)
        let forgotten = rule.guess(once.state, hash: [1, 2, 3], at: start.after(3_600_000))
        #expect(forgotten.counted && forgotten.state.wrong == 2)
    }

    @Test func `a device with yesterday's password locks nobody out`() {
        var state = PasswordLockState.open
        for minute in 0..<2000 { state = rule.guess(state, hash: [5], at: start + .minutes(minute)).state }
        #expect(state.wrong == 1 && state.lockedUntil == nil && state.remembered.count == 1)
    }

    @Test func `a repeated guess after a lock does not lock again, a new one does`() {
        let after = start.after(60_000)
        let locked = rule.guess(wrong(9), hash: [99], at: start).state
        #expect(rule.guess(locked, hash: [99], at: after).until == nil)
        #expect(rule.guess(locked, hash: [98], at: after).until == after + .seconds(120))
    }

    @Test func `ten guesses are remembered, the oldest is forgotten first, none outlives its hour`() {
        let many = PasswordLockRule(tries: 100)
        var state = PasswordLockState.open
        for index in 0..<11 { state = many.guess(state, hash: [UInt8(index)], at: start.after(Int64(index))).state }
        #expect(state.remembered.count == 10)
        #expect(many.guess(state, hash: [0], at: start.after(20)).counted)
        #expect(!many.guess(state, hash: [1], at: start.after(20)).counted)
        #expect(many.current(state, at: start.after(3_600_009)).remembered.count == 1)
        #expect(many.current(state, at: start.after(3_600_010)).remembered.isEmpty)
    }

    @Test func `a clock that ran ahead locks nobody for longer than the longest lock`() {
        let future = start + .days(30)
        let ahead = PasswordLockState(wrong: 10, lockedUntil: future, remembered: [RememberedGuess(hash: "01", at: future)])
        #expect(rule.lockedUntil(ahead, at: start) == start + .hours(24))
        #expect(rule.current(ahead, at: start).remembered.first?.at == start)
    }

    @Test func `the state survives its row`() throws {
        let state = wrong(10)
        #expect(try JSONDecoder().decode(PasswordLockState.self, from: JSONEncoder().encode(state)) == state)
    }
}
