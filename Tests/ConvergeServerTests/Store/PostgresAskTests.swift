import ConvergeCore
import Foundation
import Synchronization
import Testing

@testable import ConvergeServer

/// Statements that are asked and answered later, all of one session: whatever is left over meets the next transaction.
@Suite(.ofPostgres) struct PostgresAskTests {
    private typealias Connection = ConvergeServer.Connection

    private static let collision: SQL = "DO $$ BEGIN RAISE EXCEPTION 'again' USING ERRCODE = 'serialization_failure'; END $$"

    private func with(_ run: (PostgresDatabase, PostgresDatabase.Settings) async throws -> Void) async throws {
        try await TestPostgres.withNumbers(["a": 1, "b": 2, "c": 3], sessions: 1, run)
    }

    private func run<T: Sendable>(
        _ database: PostgresDatabase, isWrite: Bool, _ body: @escaping @Sendable (any Connection) throws -> T
    ) async throws -> T {
        isWrite ? try await database.write(body) : try await database.read(body)
    }

    private static func value(_ id: String, _ connection: any Connection) throws -> Asked<Int?> {
        try connection.askRow("SELECT v FROM n WHERE id = \(id)").map { try $0?.int("v") }
    }

    /// The next transactions find what is in the table, on the session that was there before.
    private func isUsable(_ database: PostgresDatabase, _ values: [Int], process: pid_t) async throws -> Bool {
        for isWrite in [false, true, false] {
            let seen = try await run(database, isWrite: isWrite) { connection in
                let asked = try ["a", "b", "c"].map { try Self.value($0, connection) }
                return (try connection.processID(), try asked.map { try $0.answer() })
            }
            guard seen.0 == process, seen.1 == values else {
                Issue.record("\(seen)")
                return false
            }
        }
        return true
    }

    @Test(arguments: [false, true]) func `answers are taken in any order, and each has its own rows`(isWrite: Bool) async throws {
        try await with { database, _ async throws in
            let before = database.trips.withLock { $0.reads + $0.writes }
            let seen = try await run(database, isWrite: isWrite) { connection in
                let a = try Self.value("a", connection), all = try connection.ask("SELECT id FROM n ORDER BY id")
                let none = try Self.value("nobody", connection), c = try Self.value("c", connection)
                let last = try c.answer(), again = try c.answer()
                return ([last, try none.answer(), try a.answer(), again], try all.answer().map { try $0.text("id") })
            }
            #expect(seen.0 == [3, nil, 1, 3] && seen.1 == ["a", "b", "c"])
            // All together, and the commit of a write.
            #expect(database.trips.withLock { $0.reads + $0.writes } - before == (isWrite ? 2 : 1))
        }
    }

    @Test func `what is asked before a change and after it says so, whenever its answer is taken`() async throws {
        try await with { database, _ async throws in
            let seen = try await database.write { connection in
                let before = try Self.value("a", connection)
                try connection.later("UPDATE n SET v = 5 WHERE id = 'a'")
                let between = try Self.value("a", connection)
                let changed = try connection.execute("UPDATE n SET v = v + 1 WHERE id IN ('a', 'b')")
                let after = try Self.value("a", connection)
                return [try after.answer(), changed, try before.answer(), try between.answer()]
            }
            #expect(seen == [6, 2, 1, 5])
        }
    }

    @Test func `more texts than a session keeps are asked at once`() async throws {
        try await with { database, _ async throws in
            let count = PostgresSession.preparedMax + 50
            let seen = try await database.read { connection in
                let asked = try (0..<count).map { number in try connection.askRow("SELECT \(raw: String(number)) AS n") }
                return try asked.reversed().map { try $0.answer()?.int("n") }
            }
            #expect(seen == (0..<count).reversed().map { $0 })
        }
    }

    // MARK: failures

    @Test(arguments: [false, true], [0, 1, 2]) func `one that fails fails with all that were asked with it, and nothing is kept`(
        isWrite: Bool, taken: Int
    ) async throws {
        try await with { database, _ async throws in
            let process = try await database.read { try $0.processID() }
            let error = await #expect(throws: StoreError.self) {
                try await run(database, isWrite: isWrite) { connection in
                    if isWrite { try connection.execute("UPDATE n SET v = 9 WHERE id = 'a'") }
                    let asked = [
                        try Self.value("b", connection), try connection.askRow("SELECT v / (v - 2) AS v FROM n").map { try $0?.int("v") },
                        try Self.value("c", connection),
                    ]
                    return try asked[taken].answer()
                }
            }
            #expect(error?.description.contains("22012") == true, "\(String(describing: error))")
            #expect(try await isUsable(database, [1, 2, 3], process: process))
        }
    }

    @Test(arguments: [false, true]) func `a failure that is shrugged off gives no rows to those behind it, and nothing is kept`(
        isWrite: Bool
    ) async throws {
        try await with { database, _ async throws in
            let process = try await database.read { try $0.processID() }, wrong = Tally()
            _ = try? await run(database, isWrite: isWrite) { connection in
                if isWrite { try connection.execute("UPDATE n SET v = 9 WHERE id = 'a'") }
                let failing = try connection.ask("SELECT 1 / (v - 2) AS v FROM n"), behind = try Self.value("c", connection)
                // No row is an answer, too.
                if (try? failing.map { _ in true }.answer()) == true { wrong.add() }
                if (try? behind.map { _ in true }.answer()) == true { wrong.add() }
                if (try? Self.value("b", connection).map { _ in true }.answer()) == true { wrong.add() }
            }
            #expect(wrong.count == 0)
            #expect(try await isUsable(database, [1, 2, 3], process: process))
        }
    }

    // MARK: answers that nobody takes

    /// The rows of the second one are more than the sockets hold.
    @Test(arguments: [false, true], ["SELECT id, v FROM n", "SELECT v, repeat('x', 1000) AS x FROM generate_series(1, 20000) AS v"])
    func `an answer that is never taken does no harm to the next transaction`(isWrite: Bool, text: String) async throws {
        try await with { database, _ async throws in
            let process = try await database.read { try $0.processID() }
            try await run(database, isWrite: isWrite) { connection in
                if isWrite { try connection.later("UPDATE n SET v = 9 WHERE id = 'a'") }
                _ = try connection.ask(SQL(raw: text))
            }
            #expect(try await isUsable(database, [isWrite ? 9 : 1, 2, 3], process: process))
        }
    }

    @Test func `an answer that is never taken and says no undoes a write`() async throws {
        try await with { database, _ async throws in
            let process = try await database.read { try $0.processID() }
            await #expect(throws: StoreError.self) {
                try await database.write { connection in
                    try connection.execute("UPDATE n SET v = 9 WHERE id = 'a'")
                    _ = try connection.ask("SELECT 1 / 0 AS n")
                }
            }
            #expect(try await isUsable(database, [1, 2, 3], process: process))
        }
    }

    /// The server would leave out the commit behind the failure, and the next one to whom the session is lent would meet it.
    @Test func `an answer that is never taken and says no fails its own read, and no other`() async throws {
        try await with { database, _ async throws in
            await #expect(throws: StoreError.self) { try await database.read { _ = try $0.ask("SELECT 1 / 0 AS n") } }
            #expect(try await database.read { try Self.value("a", $0).answer() } == 1)
        }
    }

    /// Also where the failure takes the session with it: a new one is opened without a word.
    @Test(arguments: [false, true], ["SELECT v FROM n", "SELECT 1 / 0 AS v"])
    func `whoever stops before the answer leaves nothing behind`(isWrite: Bool, text: String) async throws {
        try await with { database, _ async throws in
            await #expect(throws: DatabaseTests.Stop()) {
                try await run(database, isWrite: isWrite) { connection in
                    if isWrite { try connection.later("UPDATE n SET v = 9 WHERE id = 'a'") }
                    _ = try connection.ask(SQL(raw: text))
                    throw DatabaseTests.Stop()
                }
            }
            let process = try await database.read { try $0.processID() }
            #expect(try await isUsable(database, [1, 2, 3], process: process))
        }
    }

    // MARK: what runs again

    @Test(arguments: ["taken", "never taken", "taken for something else", "shrugged off"])
    func `a collision that an asked statement hears of runs the transaction again`(answer: String) async throws {
        try await with { database, _ async throws in
            let runs = Tally()
            try await database.write { connection in
                try connection.execute("UPDATE n SET v = v + 10 WHERE id = 'a'")
                guard runs.add() == 1 else { return }
                let asked = try connection.ask(Self.collision)
                switch answer {
                case "taken": _ = try asked.answer()
                case "never taken": break
                case "shrugged off": _ = try? asked.answer()
                default: do { _ = try asked.answer() } catch { throw DatabaseTests.Stop() }
                }
            }
            #expect(runs.count == 2)
            #expect(try await database.read { try Self.value("a", $0).answer() } == 11)
        }
    }

    @Test(arguments: [false, true], [false, true])
    func `a connection that ends between a question and its answer is made anew, and everything is asked again`(
        isWrite: Bool, isShruggedOff: Bool
    ) async throws {
        try await with { database, settings async throws in
            let runs = Tally()
            let seen = try await run(database, isWrite: isWrite) { connection in
                if isWrite { try connection.execute("UPDATE n SET v = v + 10 WHERE id = 'a'") }
                let process = try connection.processID(), a = try Self.value("a", connection), b = try Self.value("b", connection)
                if runs.add() == 1 {
                    let other = try PostgresSession(settings.address.completed(password: nil, statementSeconds: 60), deadlineSeconds: 60)
                    try other.run("SELECT pg_terminate_backend(\(process), 60000)")
                }
                guard isShruggedOff else { return [try b.answer(), try a.answer()] }
                return [(try? b.answer()) ?? nil, (try? a.answer()) ?? nil]
            }
            #expect(seen == [2, isWrite ? 11 : 1] && runs.count == 2)
            #expect(try await database.read { try Self.value("a", $0).answer() } == (isWrite ? 11 : 1))
        }
    }
}
