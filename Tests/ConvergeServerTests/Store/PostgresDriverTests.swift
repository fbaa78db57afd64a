import ConvergeCore
import Foundation
import Synchronization
import Testing

@testable import ConvergeServer

/// What the driver for PostgreSQL does that the other engine has no need of, each against a real server.
@Suite(.ofPostgres) struct PostgresDriverTests {
    /// A database of its own with a table of numbers.
    private func with(
        sessions: Int = 4, seconds: Int = 60, silence: Double = 5, _ run: (PostgresDatabase, PostgresDatabase.Settings) async throws -> Void
    ) async throws {
        try await TestPostgres.withDatabase { settings in
            var settings = settings
            settings.sessions = sessions
            settings.statementSeconds = seconds
            settings.silenceSeconds = silence
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
            #expect(tries.count > 3 && tries.count <= PostgresDatabase.collisionsMax)
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
        let gate = WriteGate(most: 8, mostWaiting: 6, seconds: 60), inside = Tally()
        for _ in 0..<20 {
            try await gate.enter()
            gate.leave(collided: true)
        }
        #expect(gate.width == 2)
        for _ in 0..<2 { try await gate.enter() }
        let waiting = (0..<6).map { _ in
            Task {
                try await gate.enter()
                inside.add()
                gate.leave(collided: false)
            }
        }
        await until("six wait") { gate.waiting == 6 }
        #expect(inside.count == 0)
        for _ in 0..<2 { gate.leave(collided: false) }
        for task in waiting { try await task.value }
        #expect(inside.count == 6)
        for _ in 0..<40 {
            try await gate.enter()
            gate.leave(collided: false)
        }
        #expect(gate.width == 8)
    }

    @Test func `who collided has the next turn, however many wait`() async throws {
        let gate = WriteGate(most: 2, mostWaiting: 1, seconds: 60), order = Heard()
        for _ in 0..<2 { try await gate.enter() }
        func come(_ name: String, first: Bool) -> Task<Void, any Error> {
            Task {
                try await gate.enter(first: first)
                order.append(name)
                gate.leave(collided: false)
            }
        }
        let patient = come("patient", first: false)
        await until("one waits") { gate.waiting == 1 }
        await #expect(throws: StoreError.busy, "the line is as long as it may be") { try await gate.enter() }
        let again = come("again", first: true)
        await until("both wait") { gate.waiting == 2 }
        gate.leave(collided: false)
        for task in [patient, again] { try await task.value }
        #expect(order.all == ["again", "patient"])
    }

    // MARK: what goes wrong, in the store's words

    @Test(arguments: [
        ("disk_full", StoreError.full), ("program_limit_exceeded", .tooLarge), ("lock_not_available", .held),
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

    /// Holds every session while something runs.
    private func holding(
        _ database: PostgresDatabase, sessions: Int, writing: Bool = false, _ run: () async throws -> Void
    ) async throws {
        let holds = Meeting(sessions + 1), done = Meeting(sessions + 1)
        let hold: @Sendable (any ConvergeServer.Connection) -> Void = { _ in
            holds.arrive()
            done.arrive()
        }
        let holders = (0..<sessions).map { _ in
            Task { if writing { try await database.write(hold) } else { try await database.read(hold) } }
        }
        await holds.arriveAsync()
        let outcome: Result<Void, any Error>
        do { outcome = .success(try await run()) } catch { outcome = .failure(error) }
        await done.arriveAsync()
        for holder in holders { try await holder.value }
        try outcome.get()
    }

    @Test(arguments: [false, true])
    func `a caller that is cancelled while it waits for its turn goes away, and the others get theirs`(writing: Bool) async throws {
        try await with(sessions: 2) { database, _ async throws in
            let ran = Tally(), both = Tally()
            let work: @Sendable (Tally) async throws -> Void = { tally in
                if writing { try await database.write { _ in _ = tally.add() } } else { try await database.read { _ in _ = tally.add() } }
            }
            func waiting() -> Int { writing ? database.gate.waiting : database.pool.waiting }
            var patient: Task<Void, any Error>?
            try await holding(database, sessions: 2, writing: writing) {
                let waiter = Task { try await work(ran) }
                await until("one waits") { waiting() == 1 }
                patient = Task { try await work(both) }
                await until("both wait") { waiting() == 2 }
                waiter.cancel()
                await #expect(throws: CancellationError.self) { try await waiter.value }
                #expect(waiting() == 1)
            }
            try await patient?.value
            #expect(ran.count == 0 && both.count == 1)
        }
    }

    @Test func `nobody waits for a session for ever, and what comes beyond a long line is told at once`() async throws {
        try await with(sessions: 1, seconds: 1) { database, _ async throws in
            try await holding(database, sessions: 1) {
                await #expect(throws: StoreError.busy) { try await value("a", database) }
                await #expect(throws: StoreError.busy) { try await database.write { try $0.execute("UPDATE n SET v = 1") } }
                #expect(database.pool.waiting == 0 && database.gate.waiting == 0)
            }
            #expect(try await value("a", database) == 0)
        }
        try await with(sessions: 1) { database, _ async throws in
            var line: [Task<Int?, any Error>] = []
            try await holding(database, sessions: 1) {
                line = (0..<PostgresDatabase.waitersEach).map { _ in Task { try await value("a", database) } }
                await until("the line is full") { database.pool.waiting == PostgresDatabase.waitersEach }
                await #expect(throws: StoreError.busy) { try await value("a", database) }
                #expect(database.pool.waiting == PostgresDatabase.waitersEach)
            }
            for task in line { #expect(try await task.value == 0) }
        }
    }

    @Test func `a server that falls silent in the middle of a statement costs its time, and its session is not lent again`() async throws {
        try await with(sessions: 1, seconds: 1, silence: 0.5) { database, _ async throws in
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

    // MARK: statements that nobody waits for

    @Test(arguments: ["", "another statement", "another, and nobody listens"])
    func `a statement that nobody waited for fails with the next one or the commit, and nothing is kept`(then: String) async throws {
        try await with { database, _ async throws in
            let error = await #expect(throws: StoreError.self) {
                try await database.write { connection in
                    try connection.execute("UPDATE n SET v = 9 WHERE id = 'b'")
                    try connection.later("INSERT INTO n VALUES ('a', 1)")
                    if then == "another statement" { _ = try connection.rows("SELECT 1 AS n") }
                    if then == "another, and nobody listens" { _ = try? connection.rows("SELECT 1 AS n") }
                }
            }
            #expect(error == .conflict(constraint: "n.id"))
            #expect(try await [value("a", database), value("b", database)] == [0, 0])
        }
    }

    @Test(arguments: [false, true])
    func `a collision in a statement that nobody waited for runs the transaction again`(another: Bool) async throws {
        try await with { database, _ async throws in
            let runs = Tally()
            try await database.write { connection in
                try connection.execute("UPDATE n SET v = v + 1 WHERE id = 'a'")
                guard runs.add() == 1 else { return }
                try connection.later("DO $$ BEGIN RAISE EXCEPTION 'again' USING ERRCODE = 'serialization_failure'; END $$")
                if another { _ = try connection.rows("SELECT 1 AS n") }
            }
            #expect(try await value("a", database) == 1 && runs.count == 2)
        }
    }

    // MARK: connections that break

    @Test(arguments: [false, true])
    func `a node that was paused inside a transaction until the server gave it up begins it again`(atItsEnd: Bool) async throws {
        try await with { database, _ async throws in
            let runs = Tally()
            try await database.write { connection in
                try connection.execute("UPDATE n SET v = v + 1 WHERE id = 'a'")
                guard runs.add() == 1 else { return }
                try connection.execute("SET LOCAL idle_in_transaction_session_timeout = 20")
                let process = try connection.processID(), end = Date().addingTimeInterval(60)
                while kill(process, 0) == 0, Date() < end { usleep(1000) }
                if !atItsEnd { try connection.execute("UPDATE n SET v = v + 1 WHERE id = 'b'") }
            }
            #expect(try await [value("a", database), value("b", database)] == [1, 0])
            #expect(runs.count == 2)
        }
    }

    @Test func `a session that cannot be opened costs none of those that are`() async throws {
        try await with { _, settings async throws in
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
        try await with { _, settings async throws in
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
        try await with { database, settings async throws in
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
        try await with(sessions: 1) { database, _ async throws in
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
            #expect(try await value("a", database) == (isWrite ? 3 : 0), "and what was written was written once")
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

    @Test func `what is told is heard when it is committed`() async throws {
        try await with { database, settings async throws in
            let other = try await PostgresDatabase(settings), stream = try #require(database.notifications("converge_test"))
            var heard = stream.makeAsyncIterator()
            #expect(await heard.next() != nil, "each new connection looks once")
            try await other.write { connection in
                try connection.execute("UPDATE n SET v = 7 WHERE id = 'a'")
                connection.tell("converge_test")
            }
            #expect(await heard.next() != nil)
            #expect(try await value("a", database) == 7)
            try await other.close()
        }
    }

    /// The server delivers in the order of the commits, and there is one session to commit: what the first transaction had told would
    /// be there before what the second one says.
    @Test(arguments: [false, true]) func `what is undone is not told, and what runs again is told once`(collides: Bool) async throws {
        try await with(sessions: 1) { database, settings async throws in
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

extension ConvergeServer.Connection {
    /// The server's process on the other side.
    fileprivate func processID() throws -> pid_t {
        pid_t(try row("SELECT pg_backend_pid()::bigint AS n")?.integer("n") ?? 0)
    }
}
