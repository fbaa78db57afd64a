import Synchronization

/// How many writes go on at once: as many as get along with each other.
///
/// The engine notices by pages of an index what two transactions read and wrote, so that in a small table any two of them may collide,
/// and whoever collides does everything again. Beyond some number more at once are fewer done. That number is found as networks find
/// theirs: a collision takes a share away, each success gives a little back.
final class WriteGate: Sendable {
    private struct State {
        var width: Double
        var inside = 0
        var waiters: [CheckedContinuation<Void, Never>] = []
    }

    private let most: Double
    private let state: Mutex<State>

    /// Never fewer than so many: one would wait for the disk alone.
    static let least = 2.0
    /// What a collision leaves.
    static let share = 0.8

    init(most: Int) {
        self.most = max(Self.least, Double(most))
        state = Mutex(State(width: self.most))
    }

    /// How many may be inside now.
    var width: Int { state.withLock { Int($0.width) } }

    /// Waits for a place; `leave` gives it back.
    func enter() async {
        await withCheckedContinuation { continuation in
            let now = state.withLock { state in
                guard state.inside >= Int(state.width) else {
                    state.inside += 1
                    return true
                }
                state.waiters.append(continuation)
                return false
            }
            if now { continuation.resume() }
        }
    }

    /// - Parameter collided: the engine wants the transaction to run again.
    func leave(collided: Bool) {
        let next = state.withLock { state -> [CheckedContinuation<Void, Never>] in
            state.width = collided ? max(Self.least, state.width * Self.share) : min(most, state.width + 1 / state.width)
            state.inside -= 1
            let free = max(0, min(Int(state.width) - state.inside, state.waiters.count))
            defer { state.waiters.removeFirst(free) }
            state.inside += free
            return Array(state.waiters.prefix(free))
        }
        for waiter in next { waiter.resume() }
    }
}
