import ConvergeCore
import Foundation
import Synchronization
import Testing

@testable import ConvergeServer

/// What the driver for PostgreSQL does with statements and what it says of their failures, each against a real server.
@Suite(.ofPostgres) struct PostgresDriverTests {
    // MARK: statements

    @Test func `a text is prepared once for a session, and a session keeps so many of them`() async throws {
        try await TestPostgres.withNumbers(sessions: 1) { database, _ async throws in
            func prepared() async throws -> [String] {
                try await database.read { try $0.rows("SELECT statement AS s FROM pg_prepared_statements").map { try $0.text("s") } }
            }
            for id in ["a", "b", "c"] { _ = try await database.number(id) }
            #expect(try await prepared().filter { $0.contains("SELECT v FROM n") }.count == 1)
            for count in 1...(PostgresSession.preparedMax + 50) {
                let list = (0..<count).map { "\($0)" }
                _ = try await database.read { try $0.rows("SELECT v FROM n WHERE id IN \(fragment: .list(list))") }
            }
            #expect(try await prepared().count <= PostgresSession.preparedMax)
            #expect(try await database.number("a") == 0)
        }
    }

    @Test func `writes are serializable, reads see one moment and change nothing`() async throws {
        try await TestPostgres.withNumbers { database, _ async throws in
            #expect(
                try await database.write { try $0.row("SHOW transaction_isolation")?.text("transaction_isolation") } == "serializable")
            let seen = try await database.read { connection in
                (
                    try connection.row("SHOW transaction_isolation")?.text("transaction_isolation"),
                    try connection.row("SHOW transaction_read_only")?.text("transaction_read_only")
                )
            }
            #expect(seen == ("repeatable read", "on"))
        }
    }

    // MARK: what goes wrong, in the store's words

    @Test(arguments: [
        ("disk_full", StoreError.full), ("program_limit_exceeded", .tooLarge), ("lock_not_available", .held),
        ("foreign_key_violation", .conflict(constraint: "foreign key")),
    ])
    func `a refusal of the server is named`(condition: String, error: StoreError) async throws {
        try await TestPostgres.withNumbers { database, _ async throws in
            await #expect(throws: error) {
                try await database.write {
                    try $0.execute(SQL(raw: "DO $$ BEGIN RAISE EXCEPTION 'no' USING ERRCODE = '\(condition)'; END $$"))
                }
            }
        }
    }

    @Test func `a key that no index takes is too large, a NUL is refused, and neither says what it was`() async throws {
        try await TestPostgres.withNumbers { database, _ async throws in
            // Not to be compressed below a third of a page.
            let long = (0..<40_000).map { String(($0 &* 2_654_435_761) & 0xFFFF, radix: 36) }.joined()
            await #expect(throws: StoreError.tooLarge) {
                try await database.write { try $0.execute("INSERT INTO n VALUES (\(long), 0)") }
            }
            let error = await #expect(throws: StoreError.self) {
                try await database.write { try $0.execute("INSERT INTO n VALUES (\("secret\0"), 0)") }
            }
            #expect(error == .fault("a text with a NUL"))
            let wrong = await #expect(throws: StoreError.self) {
                try await database.write { try $0.execute("INSERT INTO n VALUES ('c', \("secret"))") }
            }
            #expect(wrong?.description.contains("22P02") == true)
            #expect(try await database.number("a") == 0)
        }
    }

    @Test func `what breaks a check is a mistake of ours, and says the constraint without the row`() async throws {
        try await TestPostgres.withNumbers { database, _ async throws in
            try await database.write { try $0.execute("ALTER TABLE n ADD CONSTRAINT small CHECK (v < 10)") }
            let error = await #expect(throws: StoreError.self) {
                try await database.write { try $0.execute("INSERT INTO n VALUES ('secret', \(4711))") }
            }
            #expect(error?.description.contains("small") == true && error?.description.contains("4711") == false)
        }
    }

    // MARK: statements that nobody waits for

    @Test(arguments: ["", "another statement", "another, and nobody listens"])
    func `a statement that nobody waited for fails with the next one or the commit, and nothing is kept`(then: String) async throws {
        try await TestPostgres.withNumbers { database, _ async throws in
            let error = await #expect(throws: StoreError.self) {
                try await database.write { connection in
                    try connection.execute("UPDATE n SET v = 9 WHERE id = 'b'")
                    try connection.later("INSERT INTO n VALUES ('a', 1)")
                    if then == "another statement" { _ = try connection.rows("SELECT 1 AS n") }
                    if then == "another, and nobody listens" { _ = try? connection.rows("SELECT 1 AS n") }
                }
            }
            #expect(error == .conflict(constraint: "n.id"))
            #expect(try await [database.number("a"), database.number("b")] == [0, 0])
        }
    }

    @Test(arguments: [false, true])
    func `a collision in a statement that nobody waited for runs the transaction again`(another: Bool) async throws {
        try await TestPostgres.withNumbers { database, _ async throws in
            let runs = Tally()
            try await database.write { connection in
                try connection.execute("UPDATE n SET v = v + 1 WHERE id = 'a'")
                guard runs.add() == 1 else { return }
                try connection.later("DO $$ BEGIN RAISE EXCEPTION 'again' USING ERRCODE = 'serialization_failure'; END $$")
                if another { _ = try connection.rows("SELECT 1 AS n") }
            }
            #expect(try await database.number("a") == 1 && runs.count == 2)
        }
    }
}
