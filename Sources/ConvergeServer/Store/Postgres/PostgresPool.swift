import NIOPosix

/// A bounded number of sessions, each lent to one borrower at a time, on threads of their own.
final class PostgresPool: Sendable {
    /// Moves a session to a thread; sound because it has one borrower at a time.
    struct Lent: @unchecked Sendable {
        fileprivate let session: PostgresSession
    }

    /// A place in the pool: with a session that is open, or one to be opened.
    enum Seat: Sendable {
        case session(Lent)
        case empty
    }

    private struct State {
        var idle: [Lent] = []
        var open = 0
        var isClosed = false
    }

    private let line: WaitingLine<State, Seat>
    private let threads: NIOThreadPool
    private let open: @Sendable () throws -> PostgresSession

    /// - Parameters:
    ///   - mostWaiting: how many wait for a session at most.
    ///   - seconds: how long one waits at most.
    init(size: Int, mostWaiting: Int, seconds: Int, open: @escaping @Sendable () throws -> PostgresSession) {
        let size = max(1, size)
        self.open = open
        threads = NIOThreadPool(numberOfThreads: size)
        threads._start(threadNamePrefix: "store-")
        line = WaitingLine(State(), most: mostWaiting, seconds: seconds) { state in
            if state.isClosed { throw StoreError.fault("the store is closed") }
            if let lent = state.idle.popLast() { return .session(lent) }
            guard state.open < size else { return nil }
            state.open += 1
            return .empty
        }
    }

    /// How many sessions are open.
    var opened: Int { line.look { $0.open } }

    /// How many wait for one.
    var waiting: Int { line.waiting }

    deinit { threads.shutdownGracefully { _ in } }

    /// Runs a closure with a session on a thread of the pool. A session that broke is not lent again.
    ///
    /// - Throws: what the closure and `seat` throw.
    func run<T: Sendable>(_ body: @escaping @Sendable (PostgresSession) throws -> T) async throws -> T {
        try await run(on: seat(), body)
    }

    /// Waits for a place, which is to be used once.
    ///
    /// - Throws: as `WaitingLine.enter` does.
    func seat(first: Bool = false) async throws -> Seat { try await line.enter(first: first) }

    /// Runs a closure on a place.
    func run<T: Sendable>(on seat: Seat, _ body: @escaping @Sendable (PostgresSession) throws -> T) async throws -> T {
        let open = self.open
        let outcome: (left: Lent?, result: Result<T, any Error>)
        do {
            outcome = try await threads.runIfActive {
                do {
                    let lent: Lent = if case .session(let lent) = seat { lent } else { Lent(session: try open()) }
                    let result = Result { try body(lent.session) }
                    return (lent.session.isBroken || !lent.session.isIdle ? nil : lent, result)
                } catch {
                    return (nil, .failure(error))
                }
            }
        } catch {
            give(nil)
            throw error
        }
        give(outcome.left)
        return try outcome.result.get()
    }

    /// Ends the threads and the idle sessions; callers that wait are refused.
    func close() async throws {
        line.change { state in
            state.isClosed = true
            state.idle = []
        }
        try await threads.shutdownGracefully()
    }

    /// Drops the idle sessions: after a fail-over they lead to the wrong server.
    func forgetIdle() {
        line.change { state in
            state.open -= state.idle.count
            state.idle = []
        }
    }

    /// Gives a place back; nil: its session is gone.
    private func give(_ lent: Lent?) {
        line.change { state in
            if let lent, !state.isClosed { state.idle.append(lent) } else { state.open -= 1 }
        }
    }
}
