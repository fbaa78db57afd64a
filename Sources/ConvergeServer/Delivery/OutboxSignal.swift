import Synchronization

/// Wakes the outbox worker when something was written, so that a code leaves at once. Missing a signal costs at most the
/// worker's own pause.
final class OutboxSignal: Sendable {
    private struct State {
        var isSet = false
        var waiter: CheckedContinuation<Void, Never>?
    }

    private let state = Mutex(State())

    /// Something may be waiting. Cheap; called after every post.
    func wake() {
        let waiter = state.withLock { state -> CheckedContinuation<Void, Never>? in
            state.isSet = true
            defer { state.waiter = nil }
            return state.waiter
        }
        waiter?.resume()
    }

    /// Returns at the next signal, after a time, or when the task is cancelled.
    func wait(atMostMs: Int) async {
        let timer = Task {
            try? await Task.sleep(for: .milliseconds(atMostMs))
            wake()
        }
        defer { timer.cancel() }
        await withTaskCancellationHandler {
            await withCheckedContinuation { (continuation: CheckedContinuation<Void, Never>) in
                let isSet = state.withLock { state -> Bool in
                    guard !state.isSet, !Task.isCancelled else { return true }
                    state.waiter = continuation
                    return false
                }
                if isSet { continuation.resume() }
            }
        } onCancel: {
            wake()
        }
        state.withLock { $0.isSet = false }
    }
}
