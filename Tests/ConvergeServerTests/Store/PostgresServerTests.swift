import ConvergeCore
import Foundation
import HTTPTypes
import Testing

@testable import ConvergeServer

/// What happens to the store when something happens to its server: it goes and comes back, another takes over, or it is not the one
/// that it says.
@Suite(.ofPostgres, .serialized) struct PostgresServerTests {
    private func settings(_ conninfo: String, seconds: Int = 10) throws -> PostgresDatabase.Settings {
        PostgresDatabase.Settings(address: try PostgresAddress(conninfo), sessions: 4, statementSeconds: seconds)
    }

    // MARK: it goes and comes back

    @Test func `a server that is started again is found again, and what it confirmed is there`() async throws {
        try await OwnPostgres.with { server in
            let database = try await PostgresDatabase(settings(server.conninfo + " dbname=postgres"))
            try await database.write { try $0.execute("CREATE TABLE done (n BIGINT PRIMARY KEY)") }
            let confirmed = Confirmed()
            let writers = (0..<4).map { writer in
                Task {
                    for n in 0..<100 {
                        let number = writer * 1000 + n
                        do {
                            try await database.write { try $0.execute("INSERT INTO done VALUES (\(number))") }
                            confirmed.yes(number)
                        } catch StoreError.unavailable {
                            confirmed.unknown(number)
                        }
                    }
                }
            }
            try await server.control("restart")
            for writer in writers { try await writer.value }
            let there = try await database.read { try Set($0.rows("SELECT n FROM done").map { try $0.int("n") }) }
            #expect(confirmed.yes.subtracting(there).isEmpty, "confirmed and lost")
            #expect(there.subtracting(confirmed.yes).isSubset(of: confirmed.unknown), "done, and somebody was told that it was not")
            #expect(confirmed.yes.count > 300)
            // A write that waits for nothing runs again, too: it had not come to its end.
            try await server.control("restart")
            try await database.write { try $0.later("INSERT INTO done VALUES (8888)") }
            #expect(try await database.read { try $0.row("SELECT n FROM done WHERE n = 8888") } != nil)
            // And one that stays away is sought for as long as a statement may take, not only some times.
            let other = try await PostgresDatabase(settings(server.conninfo + " dbname=postgres", seconds: 4))
            try await server.control("stop")
            let began = World.system().stopwatch()
            let error = await #expect(throws: StoreError.self) {
                try await other.write { try $0.execute("INSERT INTO done VALUES (9999)") }
            }
            if case .unavailable = error {} else { Issue.record("\(String(describing: error))") }
            #expect(World.system().stopwatch() - began >= 4_000_000_000)
            try await other.close()
            try await database.close()
        }
    }

    @Test func `while it is away people are told to try again, a monitor sees it, and then everything goes on`() async throws {
        try await OwnPostgres.with { own in
            let settings = try settings(own.conninfo + " dbname=postgres", seconds: 1)
            let server = try await TestServer(engine: .sqlite, configure: { $0.postgres = settings }), browser = TestBrowser(server)
            try await server.add("ada")
            try await browser.open("/sign-in")
            try await own.control("stop")
            let tab = browser.tab()
            try await tab.submit("/sign-in", ["name": "ada", "password": TestServer.password])
            #expect(tab.page.status == 503 && tab.headers[.retryAfter] == "10", "\(tab.page.status)")
            #expect(tab.page.says("could not be reached") && !tab.page.html.contains("127.0.0.1"), "\(tab.page.text)")
            try await tab.open("/readyz")
            #expect(tab.page.status == 503)
            try await own.control("start")
            try await browser.submit("/sign-in", ["name": "ada", "password": TestServer.password])
            #expect(browser.page.title.contains("More information required"), "\(browser.page.text)")
            try await tab.open("/readyz")
            #expect(tab.page.status == 200)
            try await server.instance.close()
        }
    }

    @Test func `a monitor is told soon where nobody gets a session, and stands in no line afterwards`() async throws {
        try await TestPostgres.withDatabase { place in
            let server = try await TestServer(
                engine: .sqlite,
                configure: { config in
                    config.postgres = place
                    config.postgres?.sessions = 1
                })
            let database = try #require(server.instance.database as? PostgresDatabase), holds = Meeting(2), done = Meeting(2)
            let holder = Task {
                try await database.read { _ in
                    holds.arrive()
                    done.arrive()
                }
            }
            await holds.arriveAsync()
            let browser = TestBrowser(server), began = World.system().stopwatch()
            #expect(try await browser.open("/readyz").status == 503)
            #expect(World.system().stopwatch() - began < 30_000_000_000, "as long as a session is waited for here")
            await until("nobody waits") { database.pool.waiting == 0 }
            await done.arriveAsync()
            try await holder.value
            #expect(try await browser.open("/readyz").status == 200)
            try await server.instance.close()
        }
    }

    @Test func `a database whose tables may not be read is no empty one: no key ring is made beside it`() async throws {
        try await TestPostgres.withDatabase { place in
            let server = try await TestServer(engine: .sqlite, configure: { $0.postgres = place })
            try await server.instance.close()
            let name = try #require(place.address.values["dbname"]), role = name + "_poor"
            try await TestPostgres.command("CREATE ROLE \(role) LOGIN")
            try FileManager.default.removeItem(atPath: server.instance.config.keyRingPath)
            let poor = try TestPostgres.settings(name, "user=\(role)")
            let error = await #expect(throws: StoreError.self) {
                try await TestServer(folder: server.folder, engine: .sqlite, configure: { $0.postgres = poor })
            }
            #expect(error?.description.contains("42501") == true, "\(String(describing: error))")
            #expect(!FileManager.default.fileExists(atPath: server.instance.config.keyRingPath))
            let database = try await PostgresDatabase(poor)
            let migrator = try Migrator(folder: ResourceFolder.find(environment: [:]).sub("migrations"), dialect: .postgres)
            await #expect(throws: StoreError.self) { try await migrator.pending(database) }
            try await database.close()
            try await TestPostgres.command("DROP ROLE \(role)")
        }
    }

    // MARK: its own tools

    @Test func `what pg_dump wrote goes into an empty database, and Ada signs in there with her app`() async throws {
        let folder = try TemporaryFolder(), file = folder.path + "/converge.dump", key = Secret("12345678901234567890")
        try await TestPostgres.withDatabase { first in
            try await TestPostgres.withDatabase { second in
                let server = try await TestServer(engine: .sqlite, configure: { $0.postgres = first }), ada = try await server.add("ada")
                try await server.give(ada, .totpApp, content: CredentialContent(secret: key), by: .appCode)
                // Somebody has the password right and a message waits when the copy is made.
                let before = TestBrowser(server)
                try await before.signIn("ada")
                let place = before.page.path
                #expect(place.hasPrefix("/flows/"))
                try await server.instance.database.write { [instance = server.instance, now = server.clock.now] db in
                    let message = OutboxMessage(kind: .mail, to: "x@example.org", body: "x")
                    try instance.outbox.insert(message, id: "old", person: ada, notAfter: now + .minutes(5), now: now, db)
                }
                try Self.run("pg_dump", "--format=custom", "--file=\(file)", "--dbname=\(Self.words(first))")
                try Self.run("pg_restore", "--exit-on-error", "--dbname=\(Self.words(second))", file)
                // The key ring is the same one: it lies in the folder.
                var config = server.instance.config
                config.postgres = second
                let resources = try ResourceFolder.find(environment: [:])
                let report = try await Restore(config: config, world: .fixed(clock: server.clock), resources: resources).settle()
                #expect(report.people == 1)
                let restored = try await TestServer(
                    folder: server.folder, clock: server.clock, engine: .sqlite, configure: { $0.postgres = second })
                #expect(try await before.open(place).status == 200)
                #expect(try await before.tab(on: restored).open(place).status == 410, "what may have ended since is over")
                let waiting = try await restored.instance.database.read {
                    try $0.row("SELECT COUNT(*) AS n FROM outbox WHERE state = 'waiting'")?.int("n")
                }
                #expect(waiting == 0)
                server.clock.advance(by: .minutes(1))
                let browser = TestBrowser(restored)
                try await browser.open("/sign-in")
                try await browser.submit("/sign-in", ["name": "ada", "password": TestServer.password])
                try await browser.submit("/answer", ["code": browser.appCode(secret: key)])
                // The code was right: what is asked for next is a second proof for a reset.
                #expect(browser.page.title.contains("More information required"), "\(browser.page.text)")
                for server in [server, restored] { try await server.instance.close() }
            }
        }
    }

    private static func words(_ settings: PostgresDatabase.Settings) -> String {
        settings.address.values.map { "\($0.key)='\($0.value)'" }.sorted().joined(separator: " ")
    }

    private static func run(_ tool: String, _ arguments: String...) throws {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/" + tool)
        process.arguments = arguments
        try process.run()
        process.waitUntilExit()
        #expect(process.terminationStatus == 0, "\(tool)")
    }

    // MARK: another takes over

    @Test func `of several the one that takes writes is used, also when that changes`() async throws {
        try await OwnPostgres.with { server in
            let shared = try #require(TestPostgres.conninfo)
            func port(_ conninfo: String) throws -> String { String(try #require(conninfo.firstMatch(of: /port=(\d+)/)).1) }
            let own = try port(server.conninfo), other = try port(shared)
            try await TestPostgres.withDatabase { place in
                let name = try #require(place.address.values["dbname"])
                let admin = try await PostgresDatabase(settings(server.conninfo + " dbname=postgres"))
                try await admin.command("CREATE DATABASE \(name)")
                let database = try await PostgresDatabase(
                    settings("host=127.0.0.1,127.0.0.1 port=\(own),\(other) user=converge dbname=\(name)"))
                func used() async throws -> String? {
                    try await database.write { connection in
                        try connection.execute("CREATE TABLE IF NOT EXISTS n (v BIGINT)")
                        return try connection.row("SELECT current_setting('port') AS p")?.text("p")
                    }
                }
                #expect(try await used() == own)
                // The first is demoted under its sessions: it refuses writes from now on, as a standby does.
                let second = try await PostgresDatabase(place)
                try await second.write { try $0.execute("CREATE TABLE n (v BIGINT)") }
                try await second.close()
                try await admin.command("ALTER SYSTEM SET default_transaction_read_only = on")
                try await admin.command("SELECT pg_reload_conf()")
                // A statement that nobody waits for is refused together with the commit, which then certainly did not happen.
                func put() async throws -> String? {
                    try await database.write { connection in
                        let port = try connection.row("SELECT current_setting('port') AS p")?.text("p")
                        try connection.later("INSERT INTO n (v) VALUES (1)")
                        return port
                    }
                }
                let failures = Tally()
                await until("it refuses writes") {
                    do { return try await put() == other } catch {
                        failures.add()
                        return false
                    }
                }
                #expect(failures.count == 0)
                #expect(try await used() == other)
                try await database.close()
                let fresh = try await PostgresDatabase(
                    settings("host=127.0.0.1,127.0.0.1 port=\(own),\(other) user=converge dbname=\(name)"))
                #expect(try await fresh.read { try $0.row("SELECT current_setting('port') AS p")?.text("p") } == other)
                try await fresh.close()
                try await admin.close()
            }
        }
    }

    // MARK: it is not the one that it says

    @Test func `the server's certificate is checked: who signed it, and its name`() async throws {
        let conninfo = try #require(TestPostgres.conninfo), folder = try TemporaryFolder()
        let ca = try #require(ProcessInfo.processInfo.environment["CONVERGE_TEST_POSTGRES_CA"])
        func open(_ host: String, _ root: String) async throws -> PostgresDatabase {
            try await PostgresDatabase(settings("\(conninfo) host=\(host) dbname=postgres sslmode=verify-full sslrootcert=\(root)"))
        }
        let database = try await open("localhost", ca)
        let facts = try await database.facts()
        #expect(facts.isEncrypted)
        #expect(facts.unsafe == ["fsync", "full_page_writes"], "the doctor would say so of this server")
        try await database.close()
        for (host, root) in [("127.0.0.1", ca), ("localhost", try other(folder)), ("localhost", folder.path + "/nowhere.pem")] {
            let error = await #expect(throws: StoreError.self, "\(host) \(root)") { try await open(host, root) }
            #expect(error?.description.contains("certificate") == true, "\(String(describing: error))")
        }
    }

    /// A certificate of somebody else.
    private func other(_ folder: TemporaryFolder) throws -> String {
        let path = folder.path + "/other.pem", process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/openssl")
        process.arguments = [
            "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-subj", "/CN=Somebody else",
            "-keyout", folder.path + "/other.key", "-out", path,
        ]
        process.standardError = FileHandle.nullDevice
        try process.run()
        process.waitUntilExit()
        return path
    }

    @Test func `a connection to elsewhere is verified unless the operator says otherwise, and one on this machine need not be`() throws {
        func mode(_ text: String) throws -> String? {
            try PostgresAddress(text + " dbname=converge").completed(password: nil, statementSeconds: 10)["sslmode"]
        }
        #expect(try mode("host=db1.example.org") == "verify-full" && mode("host=127.0.0.1,db1.example.org") == "verify-full")
        #expect(try mode("host=/var/run/postgresql") == nil && mode("host=localhost") == nil)
        #expect(try mode("host=db1.example.org sslmode=require") == "require")
        let address = try PostgresAddress("postgresql://converge@db1.example.org:5433,db2.example.org/id?sslmode=verify-full")
        #expect(address.description == "id at db1.example.org, db2.example.org" && address.isProtected && !address.isLocal)
        #expect(try !PostgresAddress("host=db1.example.org dbname=converge sslmode=require").isProtected)
        let all = address.completed(password: Secret("x"), statementSeconds: 3)
        #expect(
            all["password"] == "x" && all["target_session_attrs"] == "read-write"
                && all["options"]?.contains("statement_timeout=3000") == true)
        #expect(
            try PostgresAddress("host=a dbname=b options='-c search_path=x'").completed(password: nil, statementSeconds: 1)["options"]?
                .hasSuffix("-c search_path=x") == true)
    }

    // MARK: what belongs to it

    @Test func `the doctor looks at the server, and says what is missing`() async throws {
        let server = try await TestServer(engine: .postgres)
        try await server.add("dana", roles: [.globalAdministrator])
        try await server.instance.close()
        var config = server.instance.config
        config.isDemo = false
        func examine(_ config: Config) async throws -> [String: Doctor.Finding] {
            let curl = Curl()
            let doctor = Doctor(config: config, world: .fixed(clock: server.clock), environment: [:], curl: curl)
            let findings = await doctor.examine()
            try await curl.close()
            return Dictionary(findings.map { ($0.check, $0) }, uniquingKeysWith: { $1 })
        }
        let findings = try await examine(config)
        for check in ["database", "connection", "collation", "migrations", "secrets", "people"] {
            #expect(findings[check]?.state == .ok, "\(check): \(findings[check]?.text ?? "missing")")
        }
        #expect(findings["disk"] == nil)
        #expect(findings["durability"]?.state == .fail && findings["durability"]?.text.contains("fsync=off") == true)
        let empty = try await TestPostgres.withDatabase { settings in
            config.postgres = settings
            return try await examine(config)
        }
        #expect(empty["database"]?.state == .ok && empty["migrations"]?.state == .fail)
        let nowhere = try await examine(config)
        #expect(nowhere["database"]?.state == .fail && nowhere["database"]?.text.contains("does not exist") == true)
    }

    @Test func `backup and restore say that the server has its own`() async throws {
        let server = try await TestServer(engine: .postgres), folder = try TemporaryFolder()
        let problem = await #expect(throws: Administration.Problem.self) {
            try await server.administration.backup(to: folder.path + "/copy")
        }
        #expect(problem.map { "\($0)" }?.contains("pg_dump") == true)
        let restore = Restore(config: server.instance.config, world: .system(), resources: try ResourceFolder.find(environment: [:]))
        let refused = await #expect(throws: Administration.Problem.self) { try await restore.run(folder.path + "/copy", force: true) }
        #expect(refused.map { "\($0)" }?.contains("pg_restore") == true)
        try await server.instance.close()
    }

    @Test func `a worker is woken by what another node writes`() async throws {
        let server = try await TestServer(engine: .postgres), other = try await TestServer(folder: server.folder, engine: .postgres)
        let signal = server.instance.outboxSignal, curl = Curl(threads: 1), worker = OutboxWorker(server.instance, curl: curl)
        var seen = signal.generation
        let running = Task { try await worker.run() }
        // The worker looks by itself now and then; only being told raises the count, as nothing here is ever sent.
        await signal.wait(since: seen, atMost: .seconds(60))
        #expect(signal.generation > seen, "a new connection looks once")
        seen = signal.generation
        let instance = other.instance, now = other.clock.now
        try await instance.database.write { db in
            try instance.outbox.insertDecoy(
                OutboxMessage(kind: .mail, to: "x@example.org", body: "x"), id: "decoy", notAfter: now + .minutes(5), now: now, db)
        }
        await signal.wait(since: seen, atMost: .seconds(60))
        #expect(signal.generation > seen)
        running.cancel()
        _ = try? await running.value
        try await curl.close()
        for server in [server, other] { try await server.instance.close() }
    }

    @Test func `a page that waits is woken by what another node was told, and a node listens with two connections`() async throws {
        try await TestPostgres.withDatabase { place in
            let server = try await TestServer(engine: .sqlite, configure: { $0.postgres = place })
            let other = try await TestServer(folder: server.folder, engine: .sqlite, configure: { $0.postgres = place })
            let signal = server.instance.approvalSignal, curl = Curl(threads: 1), ear = ApprovalEar(server.instance)
            let worker = OutboxWorker(server.instance, curl: curl)
            var seen = signal.generation
            let running = [Task { try await ear.run() }, Task { try await worker.run() }]
            await signal.wait(since: seen, atMost: .seconds(60))
            #expect(signal.generation > seen, "a new connection looks once")
            try await until("it listens to the outbox") { try await Self.listening(place) >= 2 }
            #expect(try await Self.listening(place) == 2)
            seen = signal.generation
            let instance = other.instance, now = other.clock.now, id = instance.approvalID(Secret("handle"))
            try await instance.database.write { db in
                let draft = ApprovalDraft(id: id, capability: .call, credential: nil, until: now + .minutes(5))
                try instance.approvals.insert(draft, person: PersonID("p"), purpose: .signIn, flow: nil, now: now, db)
            }
            #expect(signal.generation == seen)
            try await instance.database.write { db in _ = try instance.approvals.decide(id, .approved, nil, now: now, db) }
            await signal.wait(since: seen, atMost: .seconds(60))
            #expect(signal.generation > seen)
            for task in running { task.cancel() }
            for task in running { _ = try? await task.value }
            try await curl.close()
            for server in [server, other] { try await server.instance.close() }
        }
    }

    /// How many connections to a database listen.
    private static func listening(_ place: PostgresDatabase.Settings) async throws -> Int {
        let database = try await PostgresDatabase(place)
        let count = try await database.read { db in
            try db.row("SELECT COUNT(*) AS n FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'LISTEN%'")?.int("n")
        }
        try await database.close()
        return count ?? 0
    }
}

/// What writers were told.
private final class Confirmed: @unchecked Sendable {
    private let lock = NSLock()
    private var confirmed: Set<Int> = [], open: Set<Int> = []

    func yes(_ number: Int) { lock.withLock { _ = confirmed.insert(number) } }
    func unknown(_ number: Int) { lock.withLock { _ = open.insert(number) } }
    var yes: Set<Int> { lock.withLock { confirmed } }
    var unknown: Set<Int> { lock.withLock { open } }
}

extension PostgresDatabase {
    /// Runs one statement outside of any transaction.
    func command(_ statement: String) async throws { try await pool.run { try $0.run(statement) } }
}
