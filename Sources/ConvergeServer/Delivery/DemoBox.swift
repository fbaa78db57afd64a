import ConvergeCore
import Synchronization

/// The demo's box: texts and mails are kept in memory, newest first, and shown at `/dev/outbox`. Never a table in clear.
public final class DemoBox: Sendable {
    struct Entry: Sendable {
        let id: String
        let message: OutboxMessage
        let at: Moment
    }

    private let entries = Mutex<[Entry]>([])

    public init() {}

    /// The newest hundred messages.
    var all: [Entry] { entries.withLock { $0 } }

    /// Keeps a message; a repeat of one that is here already is left out.
    func put(_ message: OutboxMessage, id: String, at now: Moment) {
        entries.withLock { box in
            guard !box.contains(where: { $0.id == id }) else { return }
            box.insert(Entry(id: id, message: message, at: now), at: 0)
            if box.count > 100 { box.removeLast() }
        }
    }
}
