@testable import ConvergeServer

/// Keeps the statements that go through a connection.
final class RecordingConnection: Connection {
    private let inner: any Connection
    private(set) var statements: [SQL] = []

    init(_ inner: any Connection) {
        self.inner = inner
    }

    func rows(_ sql: SQL) throws -> [Row] {
        statements.append(sql)
        return try inner.rows(sql)
    }

    func ask(_ sql: SQL) throws -> Asked<[Row]> {
        statements.append(sql)
        return try inner.ask(sql)
    }

    func execute(_ sql: SQL) throws -> Int {
        statements.append(sql)
        return try inner.execute(sql)
    }

    func later(_ sql: SQL) throws {
        statements.append(sql)
        try inner.later(sql)
    }

    func settle() throws { try inner.settle() }
    func afterCommit(_ action: @escaping @Sendable () -> Void) { inner.afterCommit(action) }
    func tell(_ channel: String) { inner.tell(channel) }
    func beginMigration() throws { try inner.beginMigration() }
}
