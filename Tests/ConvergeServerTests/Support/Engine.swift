import ConvergeCore
import Foundation
import Synchronization
import Testing

@testable import ConvergeServer

/// The engines of the store. PostgreSQL is there when the tests run below `scripts/with-postgres`, as `make test` does.
enum Engine: String, CaseIterable, CustomTestStringConvertible {
    case sqlite, postgres

    /// What a test of both engines runs on.
    static let all: [Engine] = TestPostgres.isThere ? allCases : [.sqlite]

    /// What whole servers run on: SQLite, or with `CONVERGE_TEST_ENGINE=postgres` the other one.
    static let ofServers = Engine(rawValue: ProcessInfo.processInfo.environment["CONVERGE_TEST_ENGINE"] ?? "sqlite") ?? .sqlite

    var testDescription: String { rawValue }

    /// Runs something with several pools over one empty database, as several processes have them.
    func withPools<Result>(_ count: Int, _ run: ([any Database]) async throws -> Result) async throws -> Result {
        switch self {
        case .sqlite:
            let folder = try TemporaryFolder()
            let pools = try (0..<count).map { _ in try SQLiteDatabase(path: folder.path + "/c.db") }
            defer { withExtendedLifetime(folder) {} }
            return try await Self.closing(pools, run)
        case .postgres:
            return try await TestPostgres.withDatabase { settings in
                var pools: [any Database] = []
                for _ in 0..<count { pools.append(try await PostgresDatabase(settings)) }
                return try await Self.closing(pools, run)
            }
        }
    }

    /// Runs something with an empty database.
    func with<Result>(_ run: (any Database) async throws -> Result) async throws -> Result {
        try await withPools(1) { try await run($0[0]) }
    }

    private static func closing<Result>(
        _ pools: [any Database], _ run: ([any Database]) async throws -> Result
    ) async throws -> Result {
        do {
            let result = try await run(pools)
            for pool in pools { try await pool.close() }
            return result
        } catch {
            for pool in pools { try? await pool.close() }
            throw error
        }
    }
}

extension Trait where Self == ConditionTrait {
    /// For tests whose subject is SQLite's file: not where whole servers run on PostgreSQL.
    static var ofTheFile: Self { .enabled(if: Engine.ofServers == .sqlite) }

    /// For tests that need a PostgreSQL server.
    static var ofPostgres: Self { .enabled(if: TestPostgres.isThere, "needs scripts/with-postgres") }
}

extension Dialect {
    /// In which order rows were written: one clock of the tests stands still for many.
    var order: SQL {
        switch self {
        case .sqlite: "rowid"
        case .postgres: "created_ms, xmin::text::bigint, ctid"
        }
    }
}

/// The server that `scripts/with-postgres` started.
enum TestPostgres {
    static let conninfo = ProcessInfo.processInfo.environment["CONVERGE_TEST_POSTGRES"]

    static var isThere: Bool { conninfo != nil }

    /// Few sessions: many tests run at once, and what may take seconds in use takes longer among them.
    static func settings(_ database: String, _ more: String = "", sessions: Int = 4, seconds: Int = 60) throws -> PostgresDatabase.Settings
    {
        let address = try PostgresAddress("\(try #require(conninfo)) dbname=\(database) \(more)")
        return PostgresDatabase.Settings(address: address, sessions: sessions, statementSeconds: seconds)
    }

    /// Runs something with the settings of an empty database, and drops it.
    static func withDatabase<Result>(_ run: (PostgresDatabase.Settings) async throws -> Result) async throws -> Result {
        let name = "t_" + UUID().uuidString.lowercased().replacing("-", with: "")
        try await command("CREATE DATABASE \(name)")
        do {
            let result = try await run(settings(name))
            try await command("DROP DATABASE \(name) WITH (FORCE)")
            return result
        } catch {
            try? await command("DROP DATABASE \(name) WITH (FORCE)")
            throw error
        }
    }

    /// Where a whole server whose files are in a folder has its tables: a schema of its own, which a second server finds again.
    static func settings(folder: String) async throws -> PostgresDatabase.Settings {
        let schema = "s_" + (folder as NSString).lastPathComponent.lowercased().filter { $0.isLetter || $0.isNumber }
        try await command("CREATE SCHEMA IF NOT EXISTS \(schema)")
        return try settings("postgres", "options='-c search_path=\(schema)'")
    }

    /// Runs one statement outside of any transaction.
    static func command(_ statement: String, seconds: Double = 60) async throws {
        try await commands.get().run { session in
            session.deadlineSeconds = seconds
            try session.run(statement)
        }
    }

    private static let commands = Result {
        let parameters = try settings("postgres").address.completed(password: nil, statementSeconds: 60)
        return PostgresPool(size: 2, mostWaiting: 10_000, seconds: 600) { try PostgresSession(parameters, deadlineSeconds: 60) }
    }
}
