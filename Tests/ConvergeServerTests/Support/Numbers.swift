import Foundation
import Testing

@testable import ConvergeServer

extension TestPostgres {
    /// Runs something with a database of its own that has a table of numbers.
    static func withNumbers(
        _ numbers: KeyValuePairs<String, Int> = ["a": 0, "b": 0], sessions: Int = 4, seconds: Int = 60, silence: Double = 5,
        _ run: (PostgresDatabase, PostgresDatabase.Settings) async throws -> Void
    ) async throws {
        try await withDatabase { settings in
            var settings = settings
            settings.sessions = sessions
            settings.statementSeconds = seconds
            settings.silenceSeconds = silence
            let database = try await PostgresDatabase(settings)
            try await database.write { connection in
                try connection.execute("CREATE TABLE n (id TEXT PRIMARY KEY, v BIGINT NOT NULL)")
                for (id, value) in numbers { try connection.execute("INSERT INTO n VALUES (\(id), \(value))") }
            }
            try await run(database, settings)
            try await database.close()
        }
    }
}

extension PostgresDatabase {
    /// What such a table has.
    func number(_ id: String) async throws -> Int? {
        try await read { try $0.row("SELECT v FROM n WHERE id = \(id)")?.int("v") }
    }
}

extension ConvergeServer.Connection {
    /// The server's process on the other side.
    func processID() throws -> pid_t {
        pid_t(try row("SELECT pg_backend_pid()::bigint AS n")?.integer("n") ?? 0)
    }
}
