import Foundation
import Synchronization
import Testing

/// Where so many meet before any goes on; whoever comes later passes.
final class Meeting: Sendable {
    private let condition = NSCondition()
    private let missing: Mutex<Int>

    init(_ count: Int) {
        missing = Mutex(count)
    }

    /// Waits on this thread, which must be none of the cooperative ones.
    func arrive() {
        condition.lock()
        missing.withLock { $0 -= 1 }
        condition.broadcast()
        while missing.withLock({ $0 }) > 0 { condition.wait() }
        condition.unlock()
    }

    /// The same from a task.
    func arriveAsync() async {
        await withCheckedContinuation { continuation in
            Thread.detachNewThread {
                self.arrive()
                continuation.resume()
            }
        }
    }
}

/// Looks again and again until something is so. A test that waits in vain must say so and end.
func until(_ what: String, _ isTrue: () async throws -> Bool) async rethrows {
    let end = Date().addingTimeInterval(60)
    while try await !isTrue() {
        guard Date() < end else {
            Issue.record("never: \(what)")
            return
        }
        try? await Task.sleep(for: .milliseconds(5))
    }
}

/// Counts from anywhere.
final class Tally: Sendable {
    private let value = Mutex(0)

    var count: Int { value.withLock { $0 } }

    /// How often it was called, this time included.
    @discardableResult
    func add() -> Int {
        value.withLock { value in
            value += 1
            return value
        }
    }
}
