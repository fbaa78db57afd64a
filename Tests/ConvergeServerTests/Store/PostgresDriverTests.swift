import ConvergeCore
import Foundation
import Testing

@testable import ConvergeServer

/// What the driver for PostgreSQL does that the other engine has no need of, each against a real server.
@Suite(.ofPostgres) struct PostgresDriverTests {
    /// A database of its own with a table of numbers.
    private func with(
        sessions: Int = 4, seconds: Int = 60, _ run: (PostgresDatabase, PostgresDatabase.Settings) async throws -> Void
    ) async throws {
        try await TestPostgres.withDatabase { settings in
            var settings = settings
            settings.sessions = sessions
            settings.statementSeconds = seconds
            let database = try await PostgresDatabase(settings)
            try await database.write { connection in
                try connection.execute("CREATE TABLE n (id TEXT PRIMARY KEY, v BIGINT NOT NULL)")
                try connection.execute("INSERT INTO n VALUES ('a', 0), ('b', 0)")
            }
            try await run(database, settings)
            try await database.close()
        }
    }

    private func value(_ id: String, _ database: PostgresDatabase) async throws -> Int? {
        try await database.read { try $0.row("SELECT v FROM n WHERE id = \(id)")?.int("v") }
    }

    // MARK: statements

    @Test func `a text is prepared once for a session, and a session keeps so many of them`() async throws {
        try await with(sessions: 1) { database, _ async throws in
            func prepared() async throws -> [String] {
                try await database.read { try $0.rows("SELECT statement AS s FROM pg_prepared_statements").map { try $0.text("s") } }
            }
            for id in ["a", "b", "c"] { _ = try await value(id, database) }
            #expect(try await prepared().filter { $0.contains("SELECT v FROM n") }.count == 1)
            for count in 1...(PostgresSession.preparedMax + 50) {
                let list = (0..<count).map { "\($0)" }
                _ = try await database.read { try $0.rows("SELECT v FROM n WHERE id IN \(fragment: .list(list))") }
            }
            #expect(try await prepared().count <= PostgresSession.preparedMax)
            #expect(try await value("a", database) == 0)
        }
    }

    @Test func `writes are serializable, reads see one moment and change nothing`() async throws {
        try await with { database, _ async throws in
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

    // MARK: collisions

    /// Both read both rows, then each writes the one that it did not look at for: none of the two orders gives what both would leave.
    @Test func `of two that overtake each other one runs again and sees what the other did`() async throws {
        try await with { database, _ async throws in
            let both = Meeting(2), runs = Tally()
            try await withThrowingTaskGroup(of: Void.self) { group in
                for (mine, other) in [("a", "b"), ("b", "a")] {
                    group.addTask {
                        try await database.write { connection in
                            let sum = try connection.row("SELECT SUM(v) AS n FROM n")?.int("n") ?? -1
                            runs.add()
                            both.arrive()
                            // At most one of the two is to be taken.
                            guard sum == 0 else { return }
                            try connection.execute("UPDATE n SET v = 1 WHERE id = \(mine)")
                            _ = other
                        }
                    }
                }
                try await group.waitForAll()
            }
            let sum = try await database.read { try $0.row("SELECT SUM(v) AS n FROM n")?.int("n") }
            #expect(sum == 1 && runs.count == 3)
        }
    }

    @Test func `of two that wait for each other's rows one runs again`() async throws {
        try await with { database, _ async throws in
            let both = Meeting(2), runs = Tally()
            try await withThrowingTaskGroup(of: Void.self) { group in
                for (first, second) in [("a", "b"), ("b", "a")] {
                    group.addTask {
                        try await database.write { connection in
                            runs.add()
                            try connection.execute("UPDATE n SET v = v + 1 WHERE id = \(first)")
                            both.arrive()
                            try connection.execute("UPDATE n SET v = v + 1 WHERE id = \(second)")
                        }
                    }
                }
                try await group.waitForAll()
            }
            #expect(try await [value("a", database), value("b", database)] == [2, 2])
            #expect(runs.count > 2)
        }
    }

    @Test func `what collides again and again ends as busy, after so many tries`() async throws {
        try await with { database, _ async throws in
            let tries = Tally()
            await #expect(throws: StoreError.busy) {
                try await database.write { connection in
                    tries.add()
                    _ = try connection.rows("DO $$ BEGIN RAISE EXCEPTION 'again' USING ERRCODE = 'serialization_failure'; END $$")
                }
            }
            // On a machine that is busy the time for all of them may be over first.
            #expect(tries.count > 3 && tries.count <= PostgresDatabase.triesMax)
        }
    }

    @Test func `a collision that a closure takes for something else runs again all the same`() async throws {
        try await with { database, _ async throws in
            let tries = Tally()
            try await database.write { connection in
                let isFirst = tries.add() == 1
                guard isFirst else { return }
                do {
                    _ = try connection.rows("DO $$ BEGIN RAISE EXCEPTION 'again' USING ERRCODE = 'deadlock_detected'; END $$")
                } catch {
                    throw DatabaseTests.Stop()
                }
            }
            #expect(tries.count == 2)
        }
    }

    @Test func `collisions let fewer in at once, successes more again, and nobody is forgotten`() async throws {
        let gate = WriteGate(most: 8), inside = Tally()
        for _ in 0..<20 {
            await gate.enter()
            gate.leave(collided: true)
        }
        #expect(gate.width == 2)
        for _ in 0..<2 { await gate.enter() }
        let waiting = (0..<6).map { _ in
            Task {
                await gate.enter()
                inside.add()
                gate.leave(collided: false)
            }
        }
        await Task.yield()
        #expect(inside.count == 0)
        for _ in 0..<2 { gate.leave(collided: false) }
        for task in waiting { await task.value }
        #expect(inside.count == 6)
        for _ in 0..<40 {
            await gate.enter()
            gate.leave(collided: false)
        }
        #expect(gate.width == 8)
    }

    // MARK: what goes wrong, in the store's words

    @Test(arguments: [
        ("disk_full", StoreError.full), ("program_limit_exceeded", .tooLarge), ("lock_not_available", .busy),
        ("foreign_key_violation", .conflict(constraint: "foreign key")),
    ])
    func `a refusal of the server is named`(condition: String, error: StoreError) async throws {
        try await with { database, _ async throws in
            await #expect(throws: error) {
                try await database.write {
                    try $0.execute(SQL(raw: "DO $$ BEGIN RAISE EXCEPTION 'no' USING ERRCODE = '\(condition)'; END $$"))
                }
            }
        }
    }

    @Test func `a key that no index takes is too large, a NUL is refused, and neither says what it was`() async throws {
        try await with { database, _ async throws in
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
            #expect(try await value("a", database) == 0)
        }
    }

    @Test func `what breaks a check is a mistake of ours, and says the constraint without the row`() async throws {
        try await with { database, _ async throws in
            try await database.write { try $0.execute("ALTER TABLE n ADD CONSTRAINT small CHECK (v < 10)") }
            let error = await #expect(throws: StoreError.self) {
                try await database.write { try $0.execute("INSERT INTO n VALUES ('secret', \(4711))") }
            }
            #expect(error?.description.contains("small") == true && error?.description.contains("4711") == false)
        }
    }

    // MARK: waiting

    @Test func `a statement that takes too long is ended, and the session works on`() async throws {
        try await with(sessions: 1, seconds: 1) { database, _ async throws in
            await #expect(throws: StoreError.busy) { try await database.read { _ = try $0.rows("SELECT pg_sleep(30)") } }
            #expect(try await value("a", database) == 0)
        }
    }

    @Test func `who waits for a lock for too long is told, and the holder is not disturbed`() async throws {
        try await with(seconds: 1) { database, _ async throws in
            let holds = Meeting(2), done = Meeting(2)
            let holder = Task {
                try await database.write { connection in
                    try connection.execute("UPDATE n SET v = 5 WHERE id = 'a'")
                    holds.arrive()
                    done.arrive()
                }
            }
            await holds.arriveAsync()
            await #expect(throws: StoreError.busy) { try await database.write { try $0.execute("UPDATE n SET v = 6 WHERE id = 'a'") } }
            await done.arriveAsync()
            try await holder.value
            #expect(try await value("a", database) == 5)
        }
    }

    @Test func `a caller that is cancelled while it waits for a session goes away, and the others get theirs`() async throws {
        try await with(sessions: 2) { database, _ async throws in
            let holds = Meeting(3), done = Meeting(3)
            let holders = (0..<2).map { _ in
                Task {
                    try await database.read { _ in
                        holds.arrive()
                        done.arrive()
                    }
                }
            }
            await holds.arriveAsync()
            let ran = Tally()
            let waiter = Task { try await database.read { _ in ran.add() } }
            let patient = Task { try await value("a", database) }
            waiter.cancel()
            await #expect(throws: CancellationError.self) { try await waiter.value }
            await done.arriveAsync()
            for holder in holders { try await holder.value }
            #expect(try await patient.value == 0)
            #expect(ran.count == 0)
        }
    }

    @Test func `many callers share few sessions`() async throws {
        try await with(sessions: 2) { database, _ async throws in
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<40 {
                    group.addTask { _ = try await database.write { try $0.execute("UPDATE n SET v = v + 1 WHERE id = 'a'") } }
                }
                try await group.waitForAll()
            }
            #expect(try await value("a", database) == 40)
            let open = try await database.read {
                try $0.row("SELECT COUNT(*) AS n FROM pg_stat_activity WHERE datname = current_database()")?.int("n")
            }
            #expect(open == 2)
        }
    }

    // MARK: connections that break

    @Test func `a session that the server ends is made anew without a word`() async throws {
        try await with { database, _ async throws in
            for _ in 0..<3 {
                try await TestPostgres.command(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname LIKE 't\\_%' AND query LIKE '%marked%'")
                #expect(try await database.read { try $0.row("SELECT 1 AS n /* marked */")?.int("n") } == 1)
            }
        }
    }

    @Test func `a connection that breaks before the commit runs again, one that breaks while it is confirmed does not`() async throws {
        try await with { database, _ async throws in
            let runs = Tally()
            try await database.write { connection in
                let isFirst = runs.add() == 1
                try connection.execute("UPDATE n SET v = v + 1 WHERE id = 'a'")
                if isFirst { _ = try connection.rows("SELECT pg_terminate_backend(pg_backend_pid())") }
            }
            #expect(try await value("a", database) == 1 && runs.count == 2)
            // Ends the session at the commit, as a server does that goes away right then.
            try await database.write { connection in
                try connection.execute(
                    """
                    CREATE FUNCTION go() RETURNS trigger LANGUAGE plpgsql AS
                    $$ BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NULL; END $$
                    """)
                try connection.execute(
                    "CREATE CONSTRAINT TRIGGER going AFTER UPDATE ON n DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION go()")
            }
            let error = await #expect(throws: StoreError.self) {
                try await database.write { connection in
                    runs.add()
                    try connection.execute("UPDATE n SET v = v + 1 WHERE id = 'a'")
                }
            }
            if case .unavailable = error {} else { Issue.record("\(String(describing: error))") }
            #expect(runs.count == 3)
        }
    }

    @Test func `nobody at the address is told within the time of a statement, and so is a wrong password`() async throws {
        let nobody = try PostgresAddress("host=127.0.0.1 port=1 dbname=x user=x")
        let error = await #expect(throws: StoreError.self) { try await PostgresDatabase(.init(address: nobody)) }
        if case .unavailable = error {} else { Issue.record("\(String(describing: error))") }
        try await TestPostgres.command("CREATE ROLE knocks LOGIN PASSWORD 'open sesame'")
        let address = try PostgresAddress("\(TestPostgres.conninfo!) dbname=postgres user=knocks")
        let database = try await PostgresDatabase(.init(address: address, password: Secret("open sesame"), sessions: 1))
        #expect(try await database.read { try $0.row("SELECT 1 AS n")?.int("n") } == 1)
        try await database.close()
        for password in [Secret("sesame"), nil] {
            let refused = await #expect(throws: StoreError.self) {
                try await PostgresDatabase(.init(address: address, password: password, sessions: 1))
            }
            #expect(refused?.description.contains("password") == true && refused?.description.contains("sesame") == false)
        }
    }

    // MARK: notifications

    @Test func `what is told is heard when it is committed, and what is undone is not told`() async throws {
        try await with { database, settings async throws in
            let other = try await PostgresDatabase(settings), stream = try #require(database.notifications("converge_test"))
            var heard = stream.makeAsyncIterator()
            #expect(await heard.next() != nil, "each new connection looks once")
            _ = try? await other.write { connection in
                connection.tell("converge_test")
                throw DatabaseTests.Stop()
            }
            let written = Tally()
            try await other.write { connection in
                try connection.execute("UPDATE n SET v = 7 WHERE id = 'a'")
                connection.tell("converge_test")
                written.add()
            }
            #expect(await heard.next() != nil)
            #expect(written.count == 1, "the transaction that was undone told nothing")
            #expect(try await value("a", database) == 7)
            try await other.close()
        }
    }

    @Test func `a listener whose connection breaks listens again`() async throws {
        try await with { database, settings async throws in
            let stream = try #require(database.notifications("converge_test"))
            var heard = stream.makeAsyncIterator()
            #expect(await heard.next() != nil)
            let name = settings.address.values["dbname"]!
            try await TestPostgres.command(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '\(name)' AND query LIKE 'LISTEN%'")
            #expect(await heard.next() != nil, "a new connection looks once, as something may have been told meanwhile")
            try await database.write { $0.tell("converge_test") }
            #expect(await heard.next() != nil)
        }
    }
}
