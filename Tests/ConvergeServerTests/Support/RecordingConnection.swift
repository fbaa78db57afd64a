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

    func execute(_ sql: SQL) throws -> Int {
        statements.append(sql)
        return try inner.execute(sql)
    }
}
