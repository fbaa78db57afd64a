import ConvergeCore
import HTTPTypes
import Synchronization
import Testing

@testable import ConvergeServer

/// Counts transactions.
private final class CountingDatabase: Database {
    private let inner: any Database
    private let counts = Mutex((reads: 0, writes: 0)), asked = Mutex<[String: SQL]>([:])

    init(over inner: any Database) {
        self.inner = inner
    }

    /// The transactions since the last call.
    func take() -> (reads: Int, writes: Int) {
        counts.withLock { counts in
            defer { counts = (0, 0) }
            return counts
        }
    }

    /// The statements of all transactions that read, each text once.
    var reading: [SQL] { asked.withLock { Array($0.values) } }

    var dialect: Dialect { inner.dialect }

    func read<T: Sendable>(_ body: @escaping @Sendable (any Connection) throws -> T) async throws -> T {
        counts.withLock { $0.reads += 1 }
        return try await inner.read { db in
            let recording = RecordingConnection(db)
            defer { self.asked.withLock { asked in for statement in recording.statements { asked[statement.text] = statement } } }
            return try body(recording)
        }
    }

    func write<T: Sendable>(_ body: @escaping @Sendable (any Connection) throws -> T) async throws -> T {
        counts.withLock { $0.writes += 1 }
        return try await inner.write(body)
    }

    func close() async throws { try await inner.close() }
}

/// What the requests of some browsers cost at most, by their names.
private final class Meter: Sendable {
    typealias Cost = (reads: Int, writes: Int)

    private let take: @Sendable () -> Cost
    private let seen = Mutex<[String: Cost]>([:])

    /// - Parameter take: what was asked of the store since the last call.
    init(_ take: @escaping @Sendable () -> Cost) {
        self.take = take
    }

    /// Counts the ways there and back to PostgreSQL.
    static func ofTrips(_ server: TestServer) throws -> Meter {
        let database = try #require(server.instance.database as? PostgresDatabase)
        return Meter {
            database.trips.withLock { trips in
                defer { trips = (0, 0) }
                return trips
            }
        }
    }

    /// Counts what a browser asks for from now on.
    func listen(to browser: TestBrowser) {
        _ = take()
        browser.onAnswer = { [self] method, path in
            let cost = take(), parts = path.split(separator: "?")[0].split(separator: "/")
            // A conversation's address without its number.
            let name =
                parts.first == "flows" ? "/flows/…" + parts.dropFirst(2).map { "/" + $0 }.joined() : "/" + parts.joined(separator: "/")
            seen.withLock { seen in
                let key = "\(method) \(name)", most = seen[key] ?? (0, 0)
                seen[key] = (max(most.reads, cost.reads), max(most.writes, cost.writes))
            }
        }
    }

    /// Every request and its cost.
    var costs: [(request: String, cost: Cost)] {
        seen.withLock { $0 }.sorted { $0.key < $1.key }.map { (request: $0.key, cost: $0.value) }
    }
}

@Suite("A request asks the store seldom")
struct RoundTripTests {
    private static let token = Secret(bytes: Array(50..<70))
    /// A guess is counted before a password is hashed and forgotten after it, and neither may wait for the hash inside a transaction.
    private static let twoWrites: Set<String> = ["POST /sign-in"]

    @Test("two transactions that read and one that writes at most, in every request of a first day, a second one and a reset")
    func transactions() async throws {
        var counting: CountingDatabase?
        let server = try await TestServer(over: { inner in
            let database = CountingDatabase(over: inner)
            counting = database
            return database
        })
        let database = try #require(counting), meter = Meter { database.take() }
        try await play(on: server, meter)
        for (request, cost) in meter.costs {
            // The conversation and who is signed in, then what they hold at this moment.
            let writes = Self.twoWrites.contains(request) ? 2 : 1
            #expect(cost.reads <= 2 && cost.writes <= writes, "\(request): \(cost.reads) read, \(cost.writes) write")
        }
    }

    /// Such a table is memory of a hundred kilobytes, asked of the system and given back every time.
    @Test("what reads in SQLite is looked up in the tables that there are, without one of its own")
    func noTablesOfTheirOwn() async throws {
        var counting: CountingDatabase?
        let server = try await TestServer(
            engine: .sqlite,
            over: { inner in
                let database = CountingDatabase(over: inner)
                counting = database
                return database
            })
        let database = try #require(counting), meter = Meter { database.take() }
        try await play(on: server, meter)
        let reading = database.reading
        let built = try await server.instance.database.read { db in
            try (reading + ["SELECT 1 WHERE 1 IN (SELECT 2 UNION ALL SELECT 3)"]).filter { statement in
                try db.rows("EXPLAIN " + statement).contains { try $0.text("opcode") == "OpenEphemeral" }
            }
        }
        #expect(reading.count > 15 && built.map(\.text) == ["SELECT 1 WHERE 1 IN (SELECT 2 UNION ALL SELECT 3)"])
    }

    @Test(
        "on the way to PostgreSQL: there and back twice at most to read, and for no step more often than eleven times to write", .ofPostgres
    )
    func waysThereAndBack() async throws {
        let server = try await TestServer(engine: .postgres), meter = try Meter.ofTrips(server)
        try await play(on: server, meter)
        for (request, cost) in meter.costs {
            #expect(cost.reads <= 2 && cost.writes <= 11, "\(request): \(cost.reads) to read, \(cost.writes) to write")
        }
    }

    @Test("the same while a page waits for an app", .ofPostgres)
    func waitingForAnApp() async throws {
        let kit = try await AppKit(engine: .postgres), meter = try Meter.ofTrips(kit.server)
        for browser in [kit.browser, kit.phone.browser] { meter.listen(to: browser) }
        let path = try await kit.begin(kit.browser).page.path
        #expect(kit.browser.page.heading == "Approve on your phone")
        try await kit.browser.open(path + "/progress")
        try await kit.browser.open(path)
        try await kit.browser.submit("/answer")
        try await kit.phone.answer(try await kit.phone.asked(), number: kit.browser.page.number)
        try await kit.browser.submit("/answer")
        #expect(kit.browser.page.path == "/")
        let other = TestPhone(kit.server, key: 7)
        meter.listen(to: other.browser)
        kit.server.clock.advance(by: .minutes(9))
        try await kit.browser.open("/security-info/add")
        try await kit.browser.submit("/security-info/add", ["method": "convergeApp"])
        let waiting = kit.browser.tab()
        meter.listen(to: waiting)
        try await waiting.open(waiting.page.path + "/progress?seen=none")
        #expect(waiting.page.html.contains(#""over":false"#), "\(waiting.page.html)")
        try await kit.connect(other)
        #expect(kit.browser.page.heading == "Security info", "\(kit.browser.page.path)")
        #expect(meter.costs.map(\.request).contains { $0.hasPrefix("POST /authenticator/") }, "\(meter.costs)")
        for (request, cost) in meter.costs {
            #expect(cost.reads <= 2 && cost.writes <= 11, "\(request): \(cost.reads) to read, \(cost.writes) to write")
        }
    }

    /// A first day, a second one and two resets.
    private func play(on server: TestServer, _ meter: Meter) async throws {
        let browser = TestBrowser(server)
        try await server.add("ada")
        try await server.changePolicy {
            $0.reset[0].minimumAgeHours = 0
            $0.mfa[0].allow.insert(.hardwareCode)
            $0.reset[0].allow.insert(.securityQuestions)
        }
        let tokens = "serial number,secret key,time interval\nOT-00017,\(Base32.encode(Self.token.bytes)),60\n"
        #expect(try await server.administration.importTokens(csv: Array(tokens.utf8)) == 1)
        meter.listen(to: browser)
        try await firstDay(browser)
        try await secondDay(browser)
        try await reset(browser)
        try await resetByQuestions(browser)
        let requests = meter.costs.map(\.request)
        #expect(requests.count > 20 && requests.contains("POST /flows/…/enrol"), "\(requests)")
    }

    private func firstDay(_ browser: TestBrowser) async throws {
        let server = browser.server
        try await browser.signIn("ada")
        try await browser.submit("/start")
        let key = try #require(browser.page.key)
        try await browser.submit("/code", ["code": browser.appCode(secret: key)])
        try await browser.submit("/phone", ["country": "GB", "number": "07700 900184"])
        try await browser.submit("/code", ["code": server.latestCode(to: "+447700900184")])
        try await browser.submit("/kept", ["kept": "on"])
        try await browser.submit("/finish")
        for path in ["/security-info", "/profile", "/activity", "/security-info/default", "/security-info/add"] {
            try await browser.open(path)
        }
        try await browser.submit("/security-info/add", ["method": "email"])
        try await browser.submit("/email", ["email": "ada@okafor-family.example"])
        try await browser.submit("/code", ["code": server.latestCode(to: "ada@okafor-family.example")])
        try await registerBySets(browser)
        try await browser.open("/sign-out")
        try await browser.submit("/sign-out")
    }

    /// Whatever a page brings as a whole: a set of questions, a hardware token; wrong first.
    private func registerBySets(_ browser: TestBrowser) async throws {
        let totp = try #require(TOTP(secret: Self.token, period: 60)), now = browser.server.clock.now
        try await browser.open("/security-info/add")
        try await browser.submit("/security-info/add", ["method": "securityQuestions"])
        try await browser.submit("/enrol", FaultSideTests.answers.merging(["answer-1": ""]) { $1 })
        try await browser.submit("/enrol", FaultSideTests.answers)
        try await browser.open("/security-info/add")
        try await browser.submit("/security-info/add", ["method": "hardwareToken"])
        for code in ["000000", totp.code(step: totp.step(at: now)).text] {
            try await browser.submit("/enrol", ["serial": "OT-00017", "code": code])
        }
        #expect(browser.page.says("Hardware token") && browser.page.says("Security questions"), "\(browser.page.text)")
    }

    private func secondDay(_ browser: TestBrowser) async throws {
        browser.server.clock.advance(by: .hours(24))
        try await browser.signIn("ada")
        #expect(browser.page.path.hasPrefix("/flows/"), "\(browser.page.path)")
    }

    private func reset(_ browser: TestBrowser) async throws {
        let server = browser.server
        try await browser.open("/reset-password")
        try await browser.submit("/reset-password", ["name": "ada"])
        try await browser.submit("/reason", ["reason": "forgot"])
        try await browser.submit("/gate", ["gate": "text"])
        try await browser.submit("/contact", ["country": "GB", "number": "07700 900184"])
        try await browser.submit("/answer", ["code": server.latestCode(to: "+447700900184")])
        let mail = try #require(browser.page.html.firstMatch(of: /value="([^"]+\.emailCode)"/).map { String($0.1) })
        try await browser.submit("/gate", ["gate": mail])
        try await browser.submit("/answer", ["code": server.latestCode(to: "ada@okafor-family.example")])
        try await browser.submit("/password", ["new": "seven copper kettles sing", "again": "seven copper kettles sing"])
        #expect(browser.page.heading == "Your new password works")
    }

    private func resetByQuestions(_ browser: TestBrowser) async throws {
        let server = browser.server
        server.clock.advance(by: .hours(1))
        try await browser.open("/reset-password")
        try await browser.submit("/reset-password", ["name": "ada"])
        try await browser.submit("/reason", ["reason": "forgot"])
        try await browser.submit("/gate", ["gate": "text"])
        try await browser.submit("/contact", ["country": "GB", "number": "07700 900184"])
        try await browser.submit("/answer", ["code": server.latestCode(to: "+447700900184")])
        let set = try #require(browser.page.html.firstMatch(of: /value="([^"]+\.securityQuestions)"/).map { String($0.1) })
        try await browser.submit("/gate", ["gate": set])
        try await browser.submit("/answer", answers(browser.page).mapValues { "not " + $0 })
        #expect(browser.page.status == 422 && browser.page.says("tries left"), "\(browser.page.text)")
        try await browser.submit("/answer", answers(browser.page))
        try await browser.submit("/password", ["new": "eight copper kettles sing", "again": "eight copper kettles sing"])
        #expect(browser.page.heading == "Your new password works", "\(browser.page.text)")
    }

    /// The answers in the order in which a page asks.
    private func answers(_ page: TestPage) -> [String: String] {
        let known = ["first pet": "Mr. Whiskers", "first car": "green Mini", "soft toy": "Bertram"]
        let asked = known.compactMap { words, answer in page.text.firstRange(of: words).map { (at: $0.lowerBound, answer: answer) } }
            .sorted { $0.at < $1.at }
        return Dictionary(uniqueKeysWithValues: asked.enumerated().map { ("answer-\($0 + 1)", $1.answer) })
    }
}
