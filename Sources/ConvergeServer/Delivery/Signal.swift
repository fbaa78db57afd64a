import Synchronization

/// Wakes whoever waits for something to be written: the outbox worker, so that a code leaves at once; a page whose call was answered.
/// Missing a signal costs at most the waiter's own pause.
final class Signal: Sendable {
    private struct State {
        var generation: UInt64 = 0
        var waiters: [Waiter] = []
    }

    private let state = Mutex(State())

    /// Counts the signals. Read it before looking for work, and wait for a later one.
    var generation: UInt64 { state.withLock { $0.generation } }

    /// Something may be waiting. Cheap; called after every post.
    func wake() {
        let waiters = state.withLock { state in
            state.generation &+= 1
            defer { state.waiters = [] }
            return state.waiters
        }
        for waiter in waiters { waiter.finish() }
    }

    /// Returns at a signal later than the one seen, after a time, or when the task is cancelled.
    func wait(since seen: UInt64, atMost pause: Duration) async {
        let waiter = Waiter()
        let isLate = state.withLock { state in
            if state.generation == seen { state.waiters.append(waiter) }
            return state.generation != seen
        }
        guard !isLate else { return }
        let timer = Task {
            // A cancelled timer must not end anything.
            guard (try? await Task.sleep(for: pause)) != nil else { return }
            waiter.finish()
        }
        await withTaskCancellationHandler {
            await withCheckedContinuation { waiter.arm($0) }
        } onCancel: {
            waiter.finish()
        }
        timer.cancel()
        state.withLock { $0.waiters.removeAll { $0 === waiter } }
    }
}

extension Signal {
    /// Looks for news until there is some, or so many times: at once, at each signal, and a second later in case one was missed. As a
    /// signal may be meant for somebody else, nobody looks more often than four times a second.
    func look<Found>(times: Int, _ look: () async throws -> (found: Found, isNews: Bool)) async throws -> Found {
        var left = times
        while true {
            let seen = generation, pause = Task { _ = try? await Task.sleep(for: .milliseconds(250)) }
            defer { pause.cancel() }
            let (found, isNews) = try await look()
            left -= 1
            if isNews || left <= 0 || Task.isCancelled { return found }
            await wait(since: seen, atMost: .seconds(1))
            await pause.value
        }
    }
}

/// One wait, ended once by whoever comes first.
private final class Waiter: Sendable {
    private enum State {
        case new, finished
        case waiting(CheckedContinuation<Void, Never>)
    }

    private let state = Mutex(State.new)

    func arm(_ continuation: CheckedContinuation<Void, Never>) {
        let isFinished = state.withLock { state in
            if case .finished = state { return true }
            state = .waiting(continuation)
            return false
        }
        if isFinished { continuation.resume() }
    }

    func finish() {
        let continuation = state.withLock { state -> CheckedContinuation<Void, Never>? in
            defer { state = .finished }
            if case .waiting(let continuation) = state { return continuation }
            return nil
        }
        continuation?.resume()
    }
}
