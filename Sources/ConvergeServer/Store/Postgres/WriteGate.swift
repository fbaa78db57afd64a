/// How many writes go on at once: as many as get along with each other.
///
/// The engine notices by pages of an index what two transactions read and wrote, so that in a small table any two of them may collide,
/// and whoever collides does everything again. Beyond some number more at once are fewer done. That number is found as networks find
/// theirs: a collision takes a share away, each success gives a little back.
final class WriteGate: Sendable {
    private struct State {
        var width: Double
        var inside = 0
    }

    private let most: Double
    private let line: WaitingLine<State, Void>

    /// Never fewer than so many: one would wait for the disk alone.
    static let least = 2.0
    /// What a collision leaves.
    static let share = 0.8

    /// - Parameters:
    ///   - mostWaiting: how many wait at most.
    ///   - seconds: how long one waits at most.
    init(most: Int, mostWaiting: Int, seconds: Int) {
        self.most = max(Self.least, Double(most))
        line = WaitingLine(State(width: self.most), most: mostWaiting, seconds: seconds) { state in
            guard state.inside < Int(state.width) else { return nil }
            state.inside += 1
            return ()
        }
    }

    /// How many may be inside now.
    var width: Int { line.look { Int($0.width) } }

    /// How many wait.
    var waiting: Int { line.waiting }

    /// Waits for a place; `leave` gives it back.
    ///
    /// - Parameter first: before all others: it collided, and would else be the one that waits longest.
    /// - Throws: as `WaitingLine.enter` does.
    func enter(first: Bool = false) async throws { try await line.enter(first: first) }

    /// - Parameter collided: the engine wants the transaction to run again.
    func leave(collided: Bool) {
        line.change { state in
            state.width = collided ? max(Self.least, state.width * Self.share) : min(most, state.width + 1 / state.width)
            state.inside -= 1
        }
    }
}
