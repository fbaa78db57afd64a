import Synchronization

@testable import ConvergeServer

/// A database of a node that hears nothing of the others and tells them nothing, as when every notification is lost.
final class DeafDatabase: Database {
    private struct Door {
        /// Reads that may still pass; nil: all.
        var left: Int?
        var standing: [CheckedContinuation<Void, Never>] = []
    }

    let inner: any Database
    private let door = Mutex(Door())

    init(over inner: any Database) {
        self.inner = inner
    }

    var dialect: Dialect { inner.dialect }

    /// So many reads pass; those that follow stand at the door until `letIn`.
    func holdReads(after count: Int) { door.withLock { $0.left = count } }

    /// Whether a read stands there.
    var isStanding: Bool { door.withLock { !$0.standing.isEmpty } }

    func letIn() {
        let standing = door.withLock { door in
            defer { door = Door() }
            return door.standing
        }
        for continuation in standing { continuation.resume() }
    }

    private func comeToTheDoor() async {
        await withCheckedContinuation { continuation in
            let mustStand = door.withLock { door in
                guard let left = door.left else { return false }
                door.left = max(0, left - 1)
                if left == 0 { door.standing.append(continuation) }
                return left == 0
            }
            if !mustStand { continuation.resume() }
        }
    }

    func read<T: Sendable>(_ body: @escaping @Sendable (any Connection) throws -> T) async throws -> T {
        await comeToTheDoor()
        return try await inner.read(body)
    }

    @discardableResult
    func write<T: Sendable>(_ body: @escaping @Sendable (any Connection) throws -> T) async throws -> T {
        try await inner.write { db in try body(DumbConnection(inner: db)) }
    }

    func notifications(_ channel: String) -> AsyncStream<Void>? { nil }

    func close() async throws { try await inner.close() }
}

/// Tells nobody anything.
private struct DumbConnection: Connection {
    let inner: any Connection

    func rows(_ sql: SQL) throws -> [Row] { try inner.rows(sql) }
    func ask(_ sql: SQL) throws -> Asked<[Row]> { try inner.ask(sql) }
    func execute(_ sql: SQL) throws -> Int { try inner.execute(sql) }
    func later(_ sql: SQL) throws { try inner.later(sql) }
    func settle() throws { try inner.settle() }
    func afterCommit(_ action: @escaping @Sendable () -> Void) { inner.afterCommit(action) }
    func tell(_ channel: String) {}
    func beginMigration() throws { try inner.beginMigration() }
}
