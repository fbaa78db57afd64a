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

    /// Tells all nodes something. SQLite's processes find out by looking.
    public func notify(_ channel: String) -> SQL? {
        switch self {
        case .sqlite: nil
        case .postgres: "SELECT pg_notify(\(channel), '')"
        }
    }

    /// The names of all tables.
    var tableNames: SQL {
        switch self {
        case .sqlite: "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
        case .postgres: "SELECT tablename AS name FROM pg_tables WHERE schemaname = current_schema()"
        }
    }

    /// Whether there is a table, readable or not.
    func has(table name: String, _ db: any Connection) throws -> Bool {
        try db.rows(tableNames).contains { try $0.text("name") == name }
    }

    /// Makes the running transaction a migration's: only one node migrates at a time, what the one before did is seen, and a
    /// statement may take as long as it must. But it waits for a table that somebody reads, a backup for example, only so long that those
    /// who wait behind it are served: then it is busy, and tried again. SQLite's write transaction is that lock.
    var migration: [SQL] {
        switch self {
        case .sqlite: []
        case .postgres:
            [
                // Each statement sees what is committed then: a snapshot of before the lock would not know what the other node did.
                "SET TRANSACTION ISOLATION LEVEL READ COMMITTED", "SET LOCAL statement_timeout = 0", "SET LOCAL lock_timeout = 0",
                // A constant that only Converge's migrator uses; released with the transaction.
                "SELECT pg_advisory_xact_lock(4810283746510001)", "SET LOCAL lock_timeout = '2s'",
            ]
        }
    }
}
