import ConvergeCore
import Foundation
import Testing

@testable import ConvergeServer

/// What only the file has; the rest is in `DatabaseTests`.
@Suite struct SQLiteDatabaseTests {
    struct Stop: Error, Equatable {}

    private func database() async throws -> SQLiteDatabase {
        let database = try SQLiteDatabase.temporary()
        try await database.write { try $0.execute("CREATE TABLE person (id TEXT PRIMARY KEY, age BIGINT)") }
        return database
    }

    @Test func `every commit is flushed: synchronous FULL, write-ahead log, foreign keys, five seconds of patience`() async throws {
        let database = try SQLiteDatabase.temporary()
        #expect(try await database.pragma("synchronous") == "2")
        #expect(try await database.pragma("journal_mode") == "wal")
        #expect(try await database.pragma("foreign_keys") == "1")
        #expect(try await database.pragma("busy_timeout") == "5000")
        try await database.close()
    }

    @Test func `of many writes at once each stands or falls alone, and each sees those before it`() async throws {
        let database = try await database()
        let outcomes = try await withThrowingTaskGroup(of: Bool.self) { group in
            for number in 0..<300 {
                group.addTask {
                    do {
                        try await database.write { connection in
                            try connection.execute("INSERT INTO person (id, age) VALUES (\("p\(number % 100)"), \(number))")
                            if number % 7 == 0 { throw Stop() }
                        }
                        return true
                    } catch StoreError.conflict {
                        return false
                    } catch is Stop {
                        return false
                    }
                }
            }
            return try await group.reduce(into: 0) { $0 += $1 ? 1 : 0 }
        }
        let rows = try await database.read { try $0.rows("SELECT age FROM person").map { try $0.int("age") } }
        #expect(rows.count == outcomes && Set(rows.map { $0 % 100 }).count == rows.count)
        #expect(rows.allSatisfy { $0 % 7 != 0 } && rows.count == 100)
        try await database.close()
    }

    /// Holds the writer until so many writes wait, and lets them go at once.
    private func together(_ database: SQLiteDatabase, _ writes: [@Sendable (any ConvergeServer.Connection) throws -> Void]) async throws
        -> [Result<Void, any Error>]
    {
        let holds = Meeting(2), done = Meeting(2)
        let holder = Task {
            try await database.write { _ in
                holds.arrive()
                done.arrive()
            }
        }
        await holds.arriveAsync()
        let tasks = writes.enumerated().map { _, write in Task { try await database.write(write) } }
        await until("all wait") { database.waiting == writes.count }
        await done.arriveAsync()
        try await holder.value
        var results: [Result<Void, any Error>] = []
        for task in tasks { results.append(await task.result) }
        return results
    }

    /// How often something was committed: the frames of the write-ahead log that end a transaction.
    private func commits(_ path: String) throws -> Int {
        let log = [UInt8](try Data(contentsOf: URL(fileURLWithPath: path + "-wal")))
        func number(_ place: Int) -> Int { log[place..<(place + 4)].reduce(0) { $0 << 8 | Int($1) } }
        let page = number(8), salts = log[16..<24]
        return stride(from: 32, to: log.count - page, by: 24 + page).count { frame in
            number(frame + 4) > 0 && log[(frame + 8)..<(frame + 16)].elementsEqual(salts)
        }
    }

    @Test func `writes that wait together share one commit`() async throws {
        let folder = try TemporaryFolder(), path = folder.path + "/c.db", database = try SQLiteDatabase(path: path)
        try await database.write { try $0.execute("CREATE TABLE n (v BIGINT)") }
        let before = try commits(path)
        let outcomes = try await together(
            database, (0..<40).map { number in { @Sendable in _ = try $0.execute("INSERT INTO n (v) VALUES (\(number))") } })
        for outcome in outcomes { try outcome.get() }
        #expect(try await database.read { try $0.row("SELECT COUNT(*) AS n FROM n")?.int("n") } == 40)
        // What held the others up has written nothing.
        #expect(try commits(path) - before == 1)
        try await database.close()
    }

    @Test func `of writes that share a commit those that throw leave nothing, and cost the others nothing`() async throws {
        let folder = try TemporaryFolder(), path = folder.path + "/c.db", database = try SQLiteDatabase(path: path)
        try await database.write { try $0.execute("CREATE TABLE n (v BIGINT PRIMARY KEY)") }
        let before = try commits(path), runs = Tally(), told = Tally()
        let outcomes = try await together(
            database,
            (0..<6).map { number in
                { @Sendable connection in
                    runs.add()
                    connection.afterCommit { told.add() }
                    try connection.execute("INSERT INTO n (v) VALUES (\(number))")
                    if number == 2 { throw Stop() }
                    // What another one of the group wrote before it.
                    if number == 4 { try connection.execute("INSERT INTO n (v) VALUES (1)") }
                }
            })
        for (number, outcome) in outcomes.enumerated() {
            switch number {
            case 2: #expect(throws: Stop()) { try outcome.get() }
            case 4: #expect(throws: StoreError.conflict(constraint: "n.v")) { try outcome.get() }
            default: try outcome.get()
            }
        }
        #expect(try await database.read { try $0.rows("SELECT v FROM n ORDER BY v").map { try $0.int("v") } } == [0, 1, 3, 5])
        #expect(try commits(path) - before == 1 && runs.count == 6 && told.count == 4)
        try await database.close()
    }

    @Test func `where the common commit fails, each write stands or falls alone`() async throws {
        let folder = try TemporaryFolder(), path = folder.path + "/c.db", database = try SQLiteDatabase(path: path)
        try await database.write { connection in
            try connection.execute("CREATE TABLE parent (id BIGINT PRIMARY KEY)")
            try connection.execute("CREATE TABLE child (id BIGINT REFERENCES parent(id) DEFERRABLE INITIALLY DEFERRED)")
        }
        let before = try commits(path), runs = Tally(), told = Tally()
        let outcomes = try await together(
            database,
            (0..<5).map { number in
                { @Sendable connection in
                    runs.add()
                    connection.afterCommit { told.add() }
                    if number != 2 { try connection.execute("INSERT INTO parent (id) VALUES (\(number))") }
                    // Missed at the commit and not before: the parent of the third is not there.
                    try connection.execute("INSERT INTO child (id) VALUES (\(number))")
                }
            })
        for (number, outcome) in outcomes.enumerated() {
            if number == 2 {
                #expect(throws: StoreError.conflict(constraint: "foreign key")) { try outcome.get() }
            } else {
                try outcome.get()
            }
        }
        #expect(runs.count == 10 && told.count == 4)
        #expect(try commits(path) - before == 4)
        let kept = try await database.read { try $0.rows("SELECT id FROM child ORDER BY id").map { try $0.int("id") } }
        #expect(kept == [0, 1, 3, 4])
        try await database.close()
    }

    @Test func `more readers than connections wait, and see one moment each`() async throws {
        let database = try await database()
        try await database.write { try $0.execute("INSERT INTO person (id, age) VALUES ('a', 0)") }
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<200 {
                group.addTask { _ = try await database.write { try $0.execute("UPDATE person SET age = age + 1") } }
                group.addTask {
                    let pair = try await database.read { connection in
                        try (0..<2).map { _ in try connection.row("SELECT age FROM person")?.int("age") }
                    }
                    #expect(pair[0] == pair[1])
                    return
                }
            }
            try await group.waitForAll()
        }
        #expect(try await database.read { try $0.row("SELECT age FROM person")?.int("age") } == 200)
        try await database.close()
        await #expect(throws: StoreError.self) { try await database.write { try $0.execute("DELETE FROM person") } }
    }

    @Test func `statements prepared before a table grew by a column go on`() async throws {
        let database = try await database()
        try await database.write { try $0.execute("INSERT INTO person (id, age) VALUES ('a', 7)") }
        #expect(try await database.read { try $0.row("SELECT * FROM person")?.int("age") } == 7)
        try await database.write { try $0.execute("ALTER TABLE person ADD COLUMN more TEXT DEFAULT 'new'") }
        for _ in 0..<8 { #expect(try await database.read { try $0.row("SELECT * FROM person")?.int("age") } == 7) }
        #expect(try await database.read { try $0.row("SELECT id, more FROM person")?.text("more") } == "new")
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

    @Test func `a file that nobody holds any more is closed, though nobody closed it`() async throws {
        let folder = try TemporaryFolder()
        func open() throws -> Int {
            try FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd")
                .count {
                    (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/fd/" + $0))?.hasPrefix(folder.path) == true
                }
        }
        do {
            let database = try SQLiteDatabase(path: folder.path + "/c.db")
            try await database.write { try $0.execute("CREATE TABLE n (v BIGINT)") }
            #expect(try open() > 0)
        }
        for _ in 0..<3000 where try open() > 0 { try await Task.sleep(for: .milliseconds(10)) }
        #expect(try open() == 0)
    }
}
