import ConvergeCore
import Testing

@testable import ConvergeServer

/// What both engines do alike.
@Suite struct DatabaseTests {
    struct Stop: Error, Equatable {}

    /// Two tables to play with.
    private func with(_ engine: Engine, _ run: (any Database) async throws -> Void) async throws {
        try await engine.with { database async throws in
            try await database.write { connection in
                try connection.execute("CREATE TABLE person (id TEXT PRIMARY KEY, name TEXT UNIQUE, age BIGINT, ok BOOLEAN, data BYTEA)")
                try connection.execute("CREATE TABLE pet (id TEXT PRIMARY KEY, owner TEXT NOT NULL REFERENCES person (id))")
            }
            try await run(database)
        }
    }

    @Test(arguments: Engine.all) func `every kind of value comes back as it went in`(engine: Engine) async throws {
        try await with(engine) { database async throws in
            let id = PersonID("p1")
            try await database.write {
                try $0.execute(
                    "INSERT INTO person VALUES (\(id), \("Ada"), \(Int64.max), \(true), \([UInt8(0), 255])), ('p2', NULL, NULL, FALSE, NULL)"
                )
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
        }
    }

    @Test(arguments: Engine.all) func `execute counts the rows of its own statement`(engine: Engine) async throws {
        try await with(engine) { database async throws in
            let counts = try await database.write { connection in
                [
                    try connection.execute("INSERT INTO person (id) VALUES ('a'), ('b'), ('c')"),
                    try connection.execute("UPDATE person SET age = 1 WHERE id = 'nobody'"),
                    try connection.execute("CREATE INDEX person_age ON person (age)"),
                    try connection.execute("DELETE FROM person WHERE id <> \("a")"),
                ]
            }
            #expect(counts == [3, 0, 0, 2])
        }
    }

    @Test(arguments: Engine.all) func `a write that throws leaves nothing behind`(engine: Engine) async throws {
        try await with(engine) { database async throws in
            await #expect(throws: Stop()) {
                try await database.write { connection in
                    try connection.execute("INSERT INTO person (id) VALUES ('a')")
                    throw Stop()
                }
            }
            #expect(try await database.read { try $0.rows("SELECT id FROM person") }.isEmpty)
        }
    }

    @Test(arguments: Engine.all) func `what is not unique and what refers to nothing are conflicts that name the constraint`(engine: Engine)
        async throws
    {
        try await with(engine) { database async throws in
            try await database.write { try $0.execute("INSERT INTO person (id, name) VALUES ('a', 'Ada')") }
            await #expect(throws: StoreError.conflict(constraint: "person.name")) {
                try await database.write { try $0.execute("INSERT INTO person (id, name) VALUES ('b', 'Ada')") }
            }
            await #expect(throws: StoreError.conflict(constraint: "foreign key")) {
                try await database.write { try $0.execute("INSERT INTO pet (id, owner) VALUES ('c', 'nobody')") }
            }
            await #expect(throws: StoreError.self) { try await database.read { try $0.rows("SELECT nothing FROM nowhere") } }
        }
    }

    @Test(arguments: Engine.all) func `a reader cannot write`(engine: Engine) async throws {
        try await with(engine) { database async throws in
            let error = await #expect(throws: StoreError.self) {
                try await database.read { try $0.execute("INSERT INTO person (id) VALUES ('a')") }
            }
            // Not "unavailable": nothing would be gained by another try.
            if case .fault = error {} else { Issue.record("\(String(describing: error))") }
            #expect(try await database.read { try $0.rows("SELECT id FROM person") }.isEmpty)
        }
    }

    @Test(arguments: Engine.all) func `of two writers that spend the same secret one wins`(engine: Engine) async throws {
        try await with(engine) { database async throws in
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
        }
    }

    @Test(arguments: Engine.all) func `two processes' worth of pools wait for each other's writes`(engine: Engine) async throws {
        try await engine.withPools(2) { pools in
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
        }
    }

    @Test(arguments: Engine.all) func `two statements in one text are refused`(engine: Engine) async throws {
        try await with(engine) { database async throws in
            await #expect(throws: StoreError.self) {
                try await database.write { try $0.execute(SQL(raw: "INSERT INTO person (id) VALUES ('a'); DELETE FROM person")) }
            }
        }
    }

    @Test(arguments: Engine.all) func `what waits for a commit runs after it, and not after a transaction that was undone`(
        engine: Engine
    ) async throws {
        try await with(engine) { database async throws in
            let first = Tally(), second = Tally()
            try await database.write { connection in
                connection.afterCommit { first.add() }
                try connection.execute("INSERT INTO person (id) VALUES ('a')")
                #expect(first.count == 0)
            }
            await #expect(throws: Stop()) {
                try await database.write { connection in
                    connection.afterCommit { second.add() }
                    throw Stop()
                }
            }
            #expect(first.count == 1 && second.count == 0)
        }
    }

    @Test(arguments: Engine.all) func `a conflict of several columns names them all, and what was done before it is undone`(
        engine: Engine
    ) async throws {
        try await with(engine) { database async throws in
            try await database.write { connection in
                try connection.execute("CREATE TABLE pair (a TEXT, b TEXT, CONSTRAINT pair_key UNIQUE (a, b))")
                try connection.execute("INSERT INTO pair VALUES ('1', 'x)=(y')")
            }
            await #expect(throws: StoreError.conflict(constraint: "pair.a, pair.b")) {
                try await database.write { connection in
                    try connection.execute("INSERT INTO person (id) VALUES ('a')")
                    try connection.execute("INSERT INTO pair VALUES ('1', 'x)=(y')")
                }
            }
            // Shrugged off or not: nothing of a transaction stays in which a statement failed, or the whole of it does.
            _ = try? await database.write { connection in
                try connection.execute("INSERT INTO person (id) VALUES ('b')")
                _ = try? connection.execute("INSERT INTO pair VALUES ('1', 'x)=(y')")
                throw Stop()
            }
            #expect(try await database.read { try $0.rows("SELECT id FROM person") }.isEmpty)
        }
    }
}
