import ConvergeCore
import Foundation
import Testing

@testable import ConvergeServer

@Suite struct SQLiteDatabaseTests {
    struct Stop: Error, Equatable {}

    private func database() async throws -> SQLiteDatabase {
        let database = try SQLiteDatabase.temporary()
        try await database.write { connection in
            try connection.execute("CREATE TABLE person (id TEXT PRIMARY KEY, name TEXT UNIQUE, age BIGINT, ok BOOLEAN, data BYTEA)")
            try connection.execute("CREATE TABLE pet (id TEXT PRIMARY KEY, owner TEXT NOT NULL REFERENCES person (id))")
        }
        return database
    }

    @Test func `every commit is flushed: synchronous FULL, write-ahead log, foreign keys, five seconds of patience`() async throws {
        let database = try await database()
        #expect(try await database.pragma("synchronous") == "2")
        #expect(try await database.pragma("journal_mode") == "wal")
        #expect(try await database.pragma("foreign_keys") == "1")
        #expect(try await database.pragma("busy_timeout") == "5000")
        try await database.close()
    }

    @Test func `every kind of value comes back as it went in`() async throws {
        let database = try await database()
        let id = PersonID("p1")
        try await database.write {
            try $0.execute(
                "INSERT INTO person VALUES (\(id), \("Ada"), \(Int64.max), \(true), \([UInt8(0), 255])), ('p2', NULL, NULL, FALSE, NULL)")
        }
        let rows = try await database.read { try $0.rows("SELECT * FROM person ORDER BY id") }
        #expect(try rows[0].id("id", as: PersonSubject.self) == id)
        #expect(try rows[0].text("name") == "Ada")
        #expect(try rows[0].moment("age") == Moment(ms: .max))
        #expect(try rows[0].bool("ok"))
        #expect(try rows[0].bytes("data") == [0, 255])
        #expect(try rows[1].optionalText("name") == nil)
        #expect(try rows[1].bool("ok") == false)
        #expect(try rows[1].optionalBytes("data") == nil)
        try await database.close()
    }

    @Test func `execute counts the rows of its own statement`() async throws {
        let database = try await database()
        let counts = try await database.write { connection in
            [
                try connection.execute("INSERT INTO person (id) VALUES ('a'), ('b'), ('c')"),
                try connection.execute("UPDATE person SET age = 1 WHERE id = 'nobody'"),
                try connection.execute("CREATE INDEX person_age ON person (age)"),
                try connection.execute("DELETE FROM person WHERE id <> \("a")"),
            ]
        }
        #expect(counts == [3, 0, 0, 2])
        try await database.close()
    }

    @Test func `a write that throws leaves nothing behind`() async throws {
        let database = try await database()
        await #expect(throws: Stop()) {
            try await database.write { connection in
                try connection.execute("INSERT INTO person (id) VALUES ('a')")
                throw Stop()
            }
        }
        #expect(try await database.read { try $0.rows("SELECT id FROM person") }.isEmpty)
        try await database.close()
    }

    @Test func `what is not unique and what refers to nothing are conflicts that name the constraint`() async throws {
        let database = try await database()
        try await database.write { try $0.execute("INSERT INTO person (id, name) VALUES ('a', 'Ada')") }
        await #expect(throws: StoreError.conflict(constraint: "person.name")) {
            try await database.write { try $0.execute("INSERT INTO person (id, name) VALUES ('b', 'Ada')") }
        }
        await #expect(throws: StoreError.conflict(constraint: "foreign key")) {
            try await database.write { try $0.execute("INSERT INTO pet (id, owner) VALUES ('c', 'nobody')") }
        }
        await #expect(throws: StoreError.self) { try await database.read { try $0.rows("SELECT nothing FROM nowhere") } }
        try await database.close()
    }

    @Test func `a reader cannot write`() async throws {
        let database = try await database()
        await #expect(throws: StoreError.self) { try await database.read { try $0.execute("INSERT INTO person (id) VALUES ('a')") } }
        #expect(try await database.read { try $0.rows("SELECT id FROM person") }.isEmpty)
        try await database.close()
    }

    @Test func `of two writers that spend the same secret one wins`() async throws {
        let database = try await database()
        let rounds = 40
        try await database.write { connection in
            for round in 0..<rounds { try connection.execute("INSERT INTO person (id, age) VALUES (\("code\(round)"), 0)") }
        }
        for round in 0..<rounds {
            let spent = try await withThrowingTaskGroup(of: Int.self) { group in
                for _ in 0..<2 {
                    group.addTask {
                        try await database.write {
                            try $0.rows("UPDATE person SET age = 1 WHERE id = \("code\(round)") AND age = 0 RETURNING id").count
                        }
                    }
                }
                return try await group.reduce(0, +)
            }
            #expect(spent == 1)
        }
        try await database.close()
    }

    @Test func `two processes' worth of pools wait for each other's writes`() async throws {
        let folder = try TemporaryFolder()
        let pools = [try SQLiteDatabase(path: folder.path + "/c.db"), try SQLiteDatabase(path: folder.path + "/c.db")]
        try await pools[0].write { connection in
            try connection.execute("CREATE TABLE n (v BIGINT)")
            try connection.execute("INSERT INTO n VALUES (0)")
        }
        try await withThrowingTaskGroup(of: Void.self) { group in
            for pool in pools {
                group.addTask {
                    for _ in 0..<50 {
                        try await pool.write { connection in
                            let value = try connection.row("SELECT v FROM n")?.int("v") ?? -1
                            try connection.execute("UPDATE n SET v = \(value + 1)")
                        }
                    }
                }
            }
            try await group.waitForAll()
        }
        #expect(try await pools[1].read { try $0.row("SELECT v FROM n")?.int("v") } == 100)
        for pool in pools { try await pool.close() }
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

    @Test func `two statements in one text are refused`() async throws {
        let database = try await database()
        await #expect(throws: StoreError.self) {
            try await database.write { try $0.execute(SQL(raw: "INSERT INTO person (id) VALUES ('a'); DELETE FROM person")) }
        }
        try await database.close()
    }
}
