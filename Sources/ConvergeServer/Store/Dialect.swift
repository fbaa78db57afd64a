/// Where the two engines differ, and nowhere else. Everything not named here is SQL that both run unchanged.
public enum Dialect: String, Sendable, CaseIterable {
    case sqlite
    case postgres

    /// Put behind a `SELECT` that claims rows, so that two workers never wait for each other's rows. SQLite has
    /// one writer at a time and needs nothing.
    public var skipLocked: SQL {
        switch self {
        case .sqlite: ""
        case .postgres: " FOR UPDATE SKIP LOCKED"
        }
    }

    /// Tells all nodes something when the running transaction commits. SQLite's processes find out by looking.
    public func notify(_ channel: String, _ word: String) -> SQL? {
        switch self {
        case .sqlite: nil
        case .postgres: "SELECT pg_notify(\(channel), \(word))"
        }
    }

    /// Run first in a migration's transaction: only one node migrates. SQLite's write transaction is that lock.
    public var migrationLock: SQL? {
        switch self {
        case .sqlite: nil
        // A constant that only Converge's migrator uses; released with the transaction.
        case .postgres: "SELECT pg_advisory_xact_lock(4810283746510001)"
        }
    }

    /// Limits the statements of the running transaction. SQLite has no such limit; its statements end by design.
    ///
    /// - Parameter milliseconds: the limit for one statement.
    public func statementTimeout(milliseconds: Int) -> SQL? {
        switch self {
        case .sqlite: nil
        case .postgres: "SET LOCAL statement_timeout = \(raw: String(milliseconds))"
        }
    }
}
