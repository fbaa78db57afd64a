import ConvergeCore
import Foundation
import Synchronization
import Testing

@testable import ConvergeServer

/// Sessions at PostgreSQL: how they begin, what becomes of those that break, and what is told from one to another.
@Suite(.ofPostgres) struct PostgresSessionTests {
    // MARK: connections that break

    @Test(arguments: [false, true])
    func `a node that was paused inside a transaction until the server gave it up begins it again`(atItsEnd: Bool) async throws {
        try await TestPostgres.withNumbers { database, _ async throws in
            let runs = Tally()
            try await database.write { connection in
                try connection.execute("UPDATE n SET v = v + 1 WHERE id = 'a'")
                guard runs.add() == 1 else { return }
                try connection.execute("SET LOCAL idle_in_transaction_session_timeout = 20")
                let process = try connection.processID(), end = Date().addingTimeInterval(60)
                while kill(process, 0) == 0, Date() < end { usleep(1000) }
                if !atItsEnd { try connection.execute("UPDATE n SET v = v + 1 WHERE id = 'b'") }
            }
            #expect(try await [database.number("a"), database.number("b")] == [1, 0])
            #expect(runs.count == 2)
        }
    }

    @Test func `a session that cannot be opened costs none of those that are`() async throws {
        try await TestPostgres.withNumbers { _, settings async throws in
            let opened = Tally(), tries = Meeting(2), fails = Meeting(2)
            let database = try await PostgresDatabase(settings) {
                if opened.add() == 2 {
                    tries.arrive()
                    fails.arrive()
                    throw PostgresError(kind: .connection, reason: "too many connections")
                }
                return try PostgresSession(settings.address.completed(password: nil, statementSeconds: 60), deadlineSeconds: 60)
            }
            let holds = Meeting(2), done = Meeting(2)
            let first = Task {
                try await database.read { connection in
                    holds.arrive()
                    done.arrive()
                    return try connection.processID()
                }
            }
            await holds.arriveAsync()
            let second = Task { try await database.read { try $0.processID() } }
            await tries.arriveAsync()
            await done.arriveAsync()
            let kept = try await first.value
            await fails.arriveAsync()
            #expect(try await second.value == kept)
            #expect(opened.count == 2 && database.pool.opened == 1)
            try await database.close()
        }
    }

    @Test func `where the server has no room for all sessions, those that found it do the work`() async throws {
        try await TestPostgres.withNumbers { _, settings async throws in
            let name = try #require(settings.address.values["dbname"]), role = name + "_few"
            try await TestPostgres.command("CREATE ROLE \(role) LOGIN CONNECTION LIMIT 2")
            let few = try await PostgresDatabase(TestPostgres.settings(name, "user=\(role)"))
            let used = try await withThrowingTaskGroup(of: Set<pid_t>.self) { group in
                for _ in 0..<4 {
                    group.addTask {
                        var used: Set<pid_t> = []
                        for _ in 0..<50 { used.insert(try await few.read { try $0.processID() }) }
                        return used
                    }
                }
                return try await group.reduce(into: Set()) { $0.formUnion($1) }
            }
            #expect(used.count == 2)
            try await few.close()
            try await TestPostgres.command("DROP ROLE \(role)")
        }
    }

    @Test func `what a commit is worth, and how bytes are written, is not left to the server's settings but to the operator's address`()
        async throws
    {
        try await TestPostgres.withNumbers { database, settings async throws in
            let name = try #require(settings.address.values["dbname"])
            try await TestPostgres.command("ALTER DATABASE \(name) SET synchronous_commit = off")
            try await TestPostgres.command("ALTER DATABASE \(name) SET bytea_output = escape")
            func seen(_ more: String) async throws -> (String?, [UInt8]?) {
                let other = try await PostgresDatabase(TestPostgres.settings(name, more))
                let seen = try await other.read { connection in
                    try connection.row("SELECT current_setting('synchronous_commit') AS s, '\\x00ff61'::bytea AS b")
                        .map { (try $0.text("s"), try $0.bytes("b")) }
                }
                try await other.close()
                return (seen?.0, seen?.1)
            }
            #expect(try await seen("") == ("on", [0, 0xFF, 0x61]))
            #expect(try await seen("options='-c synchronous_commit=remote_write'").0 == "remote_write")
        }
    }

    @Test(arguments: [false, true]) func `a session that the server ends is made anew without a word`(isWrite: Bool) async throws {
        try await TestPostgres.withNumbers(sessions: 1) { database, _ async throws in
            @Sendable func used(_ connection: any ConvergeServer.Connection) throws -> pid_t {
                if isWrite { try connection.execute("UPDATE n SET v = v + 1 WHERE id = 'a'") }
                return try connection.processID()
            }
            var last = try await database.read { try $0.processID() }
            for _ in 0..<3 {
                // Returns when the process is gone.
                try await TestPostgres.command("SELECT pg_terminate_backend(\(last), 60000)")
                let next = isWrite ? try await database.write(used(_:)) : try await database.read(used(_:))
                #expect(next != last && next > 0)
                last = next
            }
            #expect(try await database.number("a") == (isWrite ? 3 : 0), "and what was written was written once")
        }
    }

    @Test func `a connection that breaks before the commit runs again, one that breaks while it is confirmed does not`() async throws {
        try await TestPostgres.withNumbers { database, _ async throws in
            let runs = Tally()
            try await database.write { connection in
                let isFirst = runs.add() == 1
                try connection.execute("UPDATE n SET v = v + 1 WHERE id = 'a'")
                if isFirst { _ = try connection.rows("SELECT pg_terminate_backend(pg_backend_pid())") }
            }
            #expect(try await database.number("a") == 1 && runs.count == 2)
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

    @Test func `a server that falls silent in the middle of a statement costs its time, and its session is not lent again`() async throws {
        try await TestPostgres.withNumbers(sessions: 1, seconds: 1, silence: 0.5) { database, _ async throws in
            let runs = Tally(), silent = Mutex<pid_t?>(nil), began = World.system().stopwatch()
            let error = await #expect(throws: StoreError.self) {
                try await database.write { connection in
                    runs.add()
                    try connection.execute("UPDATE n SET v = 5 WHERE id = 'a'")
                    let process = try connection.processID()
                    kill(process, SIGSTOP)
                    silent.withLock { $0 = process }
                    try connection.execute("UPDATE n SET v = 6 WHERE id = 'a'")
                }
            }
            let process = try #require(silent.withLock { $0 }), took = Double(World.system().stopwatch() - began) / 1e9
            defer { kill(process, SIGCONT) }
            if case .unavailable = error {} else { Issue.record("\(String(describing: error))") }
            #expect(took >= 1.5 && runs.count == 1)
            let seen = try await database.read { (try $0.processID(), try $0.row("SELECT v FROM n WHERE id = 'a'")?.int("v")) }
            #expect(seen.0 != process && seen.1 == 0)
        }
    }

    // MARK: notifications

    @Test func `what is told is heard when it is committed`() async throws {
        try await TestPostgres.withNumbers { database, settings async throws in
            let other = try await PostgresDatabase(settings), stream = try #require(database.notifications("converge_test"))
            var heard = stream.makeAsyncIterator()
            #expect(await heard.next() != nil, "each new connection looks once")
            try await other.write { connection in
                try connection.execute("UPDATE n SET v = 7 WHERE id = 'a'")
                connection.tell("converge_test")
            }
            #expect(await heard.next() != nil)
            #expect(try await database.number("a") == 7)
            try await other.close()
        }
    }

    /// The server delivers in the order of the commits, and there is one session to commit: what the first transaction had told would
    /// be there before what the second one says.
    @Test(arguments: [false, true]) func `what is undone is not told, and what runs again is told once`(collides: Bool) async throws {
        try await TestPostgres.withNumbers(sessions: 1) { database, settings async throws in
            let ear = try PostgresSession(settings.address.completed(password: nil, statementSeconds: 60), deadlineSeconds: 60)
            try ear.run("LISTEN converge_test")
            let runs = Tally()
            _ = try? await database.write { connection in
                connection.tell("converge_test")
                guard runs.add() == 1 else { return }
                guard collides else { throw DatabaseTests.Stop() }
                _ = try connection.rows("DO $$ BEGIN RAISE EXCEPTION 'again' USING ERRCODE = 'serialization_failure'; END $$")
            }
            #expect(runs.count == (collides ? 2 : 1))
            // A hint says nothing but that it is there.
            try await database.write { _ = try $0.rows("SELECT pg_notify('converge_test', 'the end')") }
            var heard: [String] = []
            let end = Date().addingTimeInterval(60)
            while !heard.contains("the end"), Date() < end { heard += try ear.notification(within: 1) }
            #expect(heard == (collides ? ["", "the end"] : ["the end"]))
        }
    }

    @Test func `a listener whose connection breaks listens again`() async throws {
        try await TestPostgres.withNumbers { database, settings async throws in
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
