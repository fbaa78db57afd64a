import Synchronization

/// What few may have at once and more want. Whoever finds none free waits in a line: not for ever, and not behind just anybody, so that a
/// server that stands still costs neither memory without end nor answers that never come.
final class WaitingLine<State: Sendable, Place: Sendable>: Sendable {
    private struct Waiter {
        let id: UInt64
        /// When it is sent away, by the stopwatch.
        let end: Int64
        let continuation: CheckedContinuation<Place, any Error>
    }

    private struct Shared {
        var state: State
        var waiters: [Waiter] = []
        var next: UInt64 = 0
        /// Somebody looks whose time is over.
        var isWatched = false
    }

    private let shared: Mutex<Shared>
    private let most: Int
    private let patience: Int64
    private let take: @Sendable (inout State) throws -> Place?
    private let clock = World.system().stopwatch

    /// - Parameters:
    ///   - most: how many wait at most; the next one is told at once that the store is busy.
    ///   - seconds: how long one waits at most, to be told the same.
    ///   - take: a place where one is free.
    init(_ state: State, most: Int, seconds: Int, take: @escaping @Sendable (inout State) throws -> Place?) {
        shared = Mutex(Shared(state: state))
        self.most = most
        patience = Int64(seconds) * 1_000_000_000
        self.take = take
    }

    /// How many wait now.
    var waiting: Int { shared.withLock { $0.waiters.count } }

    /// Something of the state.
    func look<Result: Sendable>(_ body: (State) -> Result) -> Result { shared.withLock { body($0.state) } }

    /// Waits for a place.
    ///
    /// - Parameter first: before everybody who waits, and however many those are: for those who had their turn and must begin again.
    /// - Throws: `StoreError.busy`; `CancellationError` for a caller that was cancelled while it waited; what `take` throws.
    func enter(first: Bool = false) async throws -> Place {
        let id = shared.withLock { shared in
            shared.next += 1
            return shared.next
        }
        return try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                let now = shared.withLock { enter(Waiter(id: id, end: clock() + patience, continuation: continuation), first, &$0) }
                if let now { continuation.resume(with: now) } else { watch() }
            }
        } onCancel: {
            let waiter = shared.withLock { shared in
                shared.waiters.firstIndex { $0.id == id }.map { shared.waiters.remove(at: $0) }
            }
            waiter?.continuation.resume(throwing: CancellationError())
        }
    }

    /// What becomes of somebody new at once; nil: it waits.
    private func enter(_ waiter: Waiter, _ first: Bool, _ shared: inout Shared) -> Result<Place, any Error>? {
        // Cancelled before it came to wait: the handler found nobody.
        if Task.isCancelled { return .failure(CancellationError()) }
        do {
            if let place = try take(&shared.state) { return .success(place) }
        } catch {
            return .failure(error)
        }
        guard first || shared.waiters.count < most else { return .failure(StoreError.busy) }
        shared.waiters.insert(waiter, at: first ? 0 : shared.waiters.count)
        return nil
    }

    /// Changes the state, and lets in whoever finds a place now.
    func change(_ body: (inout State) -> Void) {
        let served = shared.withLock { shared in
            body(&shared.state)
            var served: [(CheckedContinuation<Place, any Error>, Result<Place, any Error>)] = []
            while let next = shared.waiters.first {
                do {
                    guard let place = try take(&shared.state) else { break }
                    served.append((next.continuation, .success(place)))
                } catch {
                    served.append((next.continuation, .failure(error)))
                }
                shared.waiters.removeFirst()
            }
            return served
        }
        for (continuation, result) in served { continuation.resume(with: result) }
    }

    /// One looks for all who wait: a timer for each would cost more than most waits take.
    private func watch() {
        let isWatched = shared.withLock { shared in
            defer { shared.isWatched = true }
            return shared.isWatched
        }
        guard !isWatched else { return }
        Task { while let pause = sendAway() { try? await Task.sleep(for: pause) } }
    }

    /// Sends away those whose time is over.
    ///
    /// - Returns: how long until the next one's is; nil when nobody waits.
    private func sendAway() -> Duration? {
        let now = clock()
        let (over, next) = shared.withLock { shared in
            let over = shared.waiters.filter { $0.end <= now }
            shared.waiters.removeAll { $0.end <= now }
            let next = shared.waiters.map(\.end).min()
            shared.isWatched = next != nil
            return (over, next)
        }
        for waiter in over { waiter.continuation.resume(throwing: StoreError.busy) }
        return next.map { .nanoseconds($0 - now) }
    }
}
