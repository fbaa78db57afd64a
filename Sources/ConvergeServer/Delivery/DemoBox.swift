import ConvergeCore
import Synchronization

/// The demo's box: texts and mails are kept in memory, newest first, and shown at `/dev/outbox`. Never a table in clear.
public final class DemoBox: Sendable {
    struct Entry: Sendable {
        let message: OutboxMessage
        let at: Moment
    }

    private let entries = Mutex<[Entry]>([])

    public init() {}

    /// The newest hundred messages.
    var all: [Entry] { entries.withLock { $0 } }

    func put(_ message: OutboxMessage, at now: Moment) {
        entries.withLock { box in
            box.insert(Entry(message: message, at: now), at: 0)
            if box.count > 100 { box.removeLast() }
        }
    }
}
