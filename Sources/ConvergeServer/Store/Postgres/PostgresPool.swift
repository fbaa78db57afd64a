import NIOPosix
import Synchronization

/// A bounded number of sessions, each lent to one borrower at a time, on threads of their own.
final class PostgresPool: Sendable {
    /// Moves a session to a thread; sound because it has one borrower at a time.
    private struct Lent: @unchecked Sendable {
        let session: PostgresSession
    }

    private struct State {
        var idle: [Lent] = []
        var open = 0
        var waiters: [(id: UInt64, continuation: CheckedContinuation<Seat, any Error>)] = []
        var next: UInt64 = 0
        var isClosed = false
    }

    /// A place in the pool: with a session that is open, or one to be opened.
    private enum Seat: Sendable {
        case session(Lent)
        case empty
    }

    private let state = Mutex(State())
    private let size: Int
    private let threads: NIOThreadPool
    private let open: @Sendable () throws -> PostgresSession

    init(size: Int, open: @escaping @Sendable () throws -> PostgresSession) {
        self.size = max(1, size)
        self.open = open
        threads = NIOThreadPool(numberOfThreads: max(1, size))
        threads._start(threadNamePrefix: "store-")
    }

    /// How many sessions are open.
    var opened: Int { state.withLock { $0.open } }

    deinit { threads.shutdownGracefully { _ in } }

    /// Runs a closure with a session on a thread of the pool. A session that broke is not lent again.
    ///
    /// - Throws: what the closure throws; `CancellationError` for a caller that was cancelled while it waited for its turn.
    func run<T: Sendable>(_ body: @escaping @Sendable (PostgresSession) throws -> T) async throws -> T {
        let seat = try await take()
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
        let waiters = state.withLock { state in
            state.isClosed = true
            state.idle = []
            defer { state.waiters = [] }
            return state.waiters
        }
        for waiter in waiters { waiter.continuation.resume(throwing: StoreError.fault("the store is closed")) }
        try await threads.shutdownGracefully()
    }

    /// Drops the idle sessions: after a fail-over they lead to the wrong server.
    func forgetIdle() {
        state.withLock { state in
            state.open -= state.idle.count
            state.idle = []
        }
    }

    private func take() async throws -> Seat {
        let id = state.withLock { state in
            state.next += 1
            return state.next
        }
        return try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                let now: Result<Seat, any Error>? = state.withLock { state in
                    if state.isClosed { return .failure(StoreError.fault("the store is closed")) }
                    // Cancelled before it came to wait: the handler found nobody.
                    if Task.isCancelled { return .failure(CancellationError()) }
                    if let lent = state.idle.popLast() { return .success(.session(lent)) }
                    if state.open < size {
                        state.open += 1
                        return .success(.empty)
                    }
                    state.waiters.append((id, continuation))
                    return nil
                }
                if let now { continuation.resume(with: now) }
            }
        } onCancel: {
            let waiter = state.withLock { state in
                state.waiters.firstIndex { $0.id == id }.map { state.waiters.remove(at: $0) }
            }
            waiter?.continuation.resume(throwing: CancellationError())
        }
    }

    /// Gives a place back; nil: its session is gone.
    private func give(_ lent: Lent?) {
        let next = state.withLock { state -> CheckedContinuation<Seat, any Error>? in
            guard state.waiters.isEmpty else { return state.waiters.removeFirst().continuation }
            if let lent, !state.isClosed { state.idle.append(lent) } else { state.open -= 1 }
            return nil
        }
        next?.resume(returning: lent.map { .session($0) } ?? .empty)
    }
}
