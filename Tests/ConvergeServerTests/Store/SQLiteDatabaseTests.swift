import ConvergeServer
import Foundation
import Testing

/// What only the file has; the rest is in `DatabaseTests`.
@Suite struct SQLiteDatabaseTests {
    @Test func `every commit is flushed: synchronous FULL, write-ahead log, foreign keys, five seconds of patience`() async throws {
        let database = try SQLiteDatabase.temporary()
        #expect(try await database.pragma("synchronous") == "2")
        #expect(try await database.pragma("journal_mode") == "wal")
        #expect(try await database.pragma("foreign_keys") == "1")
        #expect(try await database.pragma("busy_timeout") == "5000")
        try await database.close()
    }

    @Test func `a new database file is nobody else's to read`() async throws {
        let folder = try TemporaryFolder()
        let database = try SQLiteDatabase(path: folder.path + "/c.db")
        try await database.write { try $0.execute("CREATE TABLE n (v BIGINT)") }
        for file in ["c.db", "c.db-wal"] {
            let mode = try FileManager.default.attributesOfItem(atPath: folder.path + "/" + file)[.posixPermissions] as? Int
            #expect(mode == 0o600)
        }
        try await database.close()
    }
}
