import ConvergeCore
import Foundation
import HTTPTypes
import Synchronization
import Testing

@testable import ConvergeServer

@Suite("Bad days: disk, locks, clocks, relays and crowds")
struct BadDaysTests {
    // MARK: the disk

    @Test("a full disk is said in a sentence, changes nothing, and is over when there is room again", .ofTheFile)
    func fullDisk() async throws {
        let server = try await TestServer(), browser = TestBrowser(server),
            sqlite = try #require(server.instance.database as? SQLiteDatabase)
        try await server.add("ada")
        try await browser.signIn("ada")
        try await browser.submit("/start")
        let key = try #require(browser.page.key), invariants = try await StoreInvariants(server)
        let pages = try #require(try await sqlite.pragma("page_count"))
        #expect(try await sqlite.pragma("max_page_count = \(pages)") == pages)
        // Free places in the file take a few more rows; then nothing does.
        var full = browser, before: [String] = []
        for _ in 0..<500 where full.page.status != 503 {
            full = TestBrowser(server)
            try await full.open("/reset-password")
            before = try await server.dump()
            try await full.submit("/reset-password", ["name": "ada"])
            server.clock.advance(by: .seconds(1))
        }
        #expect(full.page.status == 503 && full.page.says("Nothing can be saved at the moment"), "\(full.page.status) \(full.page.text)")
        #expect(full.headers[.retryAfter] == "60")
        #expect(!full.page.html.contains("SQLite") && !full.page.html.contains("INSERT"))
        #expect(try await invariants.problems() == [])
        #expect(try await server.dump() == before)
        // Pages that only read are there.
        let reader = TestBrowser(server)
        for path in ["/sign-in", "/healthz", "/readyz", "/helpdesk"] {
            try await reader.open(path)
            #expect(reader.page.status == 200, "\(path)")
        }
        #expect(try await sqlite.pragma("max_page_count = 1073741823") != pages)
        try await browser.submit("/code", ["code": browser.appCode(secret: key)])
        #expect(browser.page.step == "2 of 2", "\(browser.page.text)")
        #expect(try await invariants.problems() == [])
    }

    // MARK: the lock of another process

    @Test("a store that another process holds is answered with “try again”, and works when it is free", .ofTheFile)
    func lockedStore() async throws {
        let server = try await TestServer(), browser = TestBrowser(server)
        try await server.add("ada")
        try await browser.open("/sign-in")
        let other = try SQLiteDatabase(path: server.instance.config.databasePath)
        let locked = Gateway(), free = Gateway()
        let holder = Task {
            try await other.write { db in
                try db.execute("UPDATE organisation SET name = name")
                locked.open()
                free.wait()
            }
        }
        await locked.waitAsync()
        let tab = browser.tab()
        try await tab.submit("/sign-in", ["name": "ada", "password": TestServer.password])
        #expect(tab.page.status == 503 && tab.headers[.retryAfter] == "2" && tab.page.says("Nothing was lost"), "\(tab.page.status)")
        let reader = TestBrowser(server)
        try await reader.open("/reset-password")
        #expect(reader.page.status == 200, "reading waits for nobody")
        free.open()
        try await holder.value
        try await other.close()
        try await browser.submit("/sign-in", ["name": "ada", "password": TestServer.password])
        #expect(browser.page.title.contains("More information required"))
    }

    // MARK: the clock

    @Test("a clock that jumps back or ahead opens nothing that was closed and closes nothing for longer than its rule")
    func clocks() async throws {
        for jump in [Span.hours(-2), .hours(2), .days(-40), .days(40)] {
            let server = try await TestServer(), story = try await ResetStory(server), browser = TestBrowser(server)
            try await server.changePolicy { $0.registration = [] }
            try await browser.signIn("ada")
            let code = browser.appCode(secret: ResetStory.appSecret), before = browser.tab()
            try await browser.submit("/answer", ["code": code])
            #expect(browser.page.path == "/")
            let stranger = TestBrowser(server)
            for guess in 0..<10 { try await stranger.signIn("ada", "wrong password \(guess)") }
            server.clock.advance(by: jump)
            // What was spent stays spent, whatever the time says.
            try await before.submit("/answer", ["code": code])
            #expect(!before.page.path.hasPrefix("/profile") && before.cookies["converge"] == nil)
            let other = TestBrowser(server)
            try await other.signIn("ada")
            if jump < .days(0) { #expect(other.page.status == 422, "\(jump): a lock is not lifted by a clock that goes back") }
            // Nobody is kept out for longer than the longest lock, and codes of the new time work once it is past what was spent.
            server.clock.advance(by: .hours(25))
            if jump < .days(0) { server.clock.advance(by: .days(40)) }
            let later = TestBrowser(server)
            try await later.signIn("ada")
            try await later.submit("/answer", ["code": later.appCode(secret: ResetStory.appSecret)])
            #expect(later.page.path == "/", "\(jump): \(later.page.text)")
            _ = story
        }
    }

    // MARK: the relay

    @Test("a mail server that takes the connection and never answers delays neither pages nor texts")
    func silentRelay() async throws {
        let heard = Heard()
        let silent = try await LoopbackServer { MailConversation(heard: heard, replies: ["GREETING": ""]) }
        let gateway = try await ScriptedGateway("200 OK")
        let server = try await TestServer(
            configure: {
                $0.mail = MailTransport.Settings(
                    host: "127.0.0.1", port: silent.port, security: .none, user: nil, password: nil, caFile: nil)
                $0.mailFrom = EmailAddress("id@example.org")
                $0.text = TextGateway.Settings(
                    url: "http://127.0.0.1:\(gateway.server.port)/", authorization: nil, toField: "to", textField: "text",
                    idempotencyField: "")
            }, box: nil)
        let story = try await ResetStory(server), curl = Curl(threads: 2)
        let worker = OutboxWorker(server.instance, curl: curl, limits: .init(connectSeconds: 1, totalSeconds: 1))
        try await story.begin()
        try await story.browser.submit("/gate", ["gate": "emailCode"])
        try await story.browser.submit("/contact", ["email": ResetStory.address])
        #expect(story.browser.page.says("a code is on its way"))
        let records = try await worker.claim([.mail: 10])
        #expect(records.count == 1)
        let mail = Task { for record in records { await worker.deliver(record) } }
        // While the relay is silent, another reset by text goes its whole way.
        let other = TestBrowser(server)
        try await story.begin(in: other)
        try await other.submit("/gate", ["gate": "text"])
        try await other.submit("/contact", ResetStory.typedNumber)
        for record in try await worker.claim([.text: 10]) { await worker.deliver(record) }
        #expect(gateway.bodies.count == 1)
        await mail.value
        let row = try #require(try await server.instance.database.read { db in try db.row("SELECT * FROM outbox WHERE kind = 'mail'") })
        #expect(try row.text("state") == "waiting" && row.int("tries") == 1 && row.optionalText("failure") != nil)
        try await story.begin(in: other)
        try await other.submit("/gate", ["gate": "emailCode"])
        try await other.submit("/contact", ["email": ResetStory.address])
        #expect(other.page.says("We can’t send codes right now"), "the next one is told")
        try await curl.close()
    }

    // MARK: the crowd

    @Test("more sign-ins than can be hashed: 503 with Retry-After for some, the others in, and every other page at once")
    func crowd() async throws {
        let server = try await TestServer(
            policy: SessionBaselineTests.password,
            configure: {
                $0.passwords.workers = 1
                $0.passwords.queue = 2
            }, hashing: HashingCost(passes: 2, kibibytes: 64 * 1024))
        for index in 0..<24 { try await server.add("p\(index)") }
        let answers = try await withThrowingTaskGroup(of: (Int, String?, String).self) { group in
            for index in 0..<24 {
                group.addTask {
                    let mark = String(repeating: "c", count: 41) + String(10 + index), csrf = server.instance.keyed(mark, "csrf")
                    let answer = try await server.send(
                        .post, "/sign-in",
                        headers: [.cookie: "converge-browser=\(mark)", .contentType: "application/x-www-form-urlencoded"],
                        body: "csrf=\(csrf)&name=p\(index)&password=" + PercentEncoding.encode(TestServer.password))
                    return (answer.0, answer.1[.retryAfter], answer.2)
                }
            }
            for path in ["/sign-in", "/reset-password", "/healthz", "/readyz"] {
                group.addTask {
                    let answer = try await server.send(.get, path, headers: [:], body: nil)
                    #expect(answer.0 == 200, "\(path)")
                    return (0, nil, "")
                }
            }
            return try await group.reduce(into: []) { $0.append($1) }.filter { $0.0 != 0 }
        }
        let turnedAway = answers.filter { $0.0 == 503 }
        #expect(!turnedAway.isEmpty && answers.contains { $0.0 == 303 } && answers.allSatisfy { [303, 503].contains($0.0) })
        #expect(turnedAway.allSatisfy { $0.1.flatMap { Int($0) }.map { $0 > 0 } == true && $0.2.contains("Nothing was lost") })
        try await expectFastPages(server)
        // Whoever was turned away has lost no try.
        for index in 0..<24 {
            let browser = TestBrowser(server)
            try await browser.signIn("p\(index)")
            #expect(browser.page.path == "/")
        }
    }
}

extension BadDaysTests {
    /// While the only place for hashing is taken and the queue before it is full, a page that needs no hash is there in less time
    /// than one hash takes. Compared within this run: a page that waited its turn would take several.
    private func expectFastPages(_ server: TestServer) async throws {
        let hasher = server.instance.hasher, clock = ContinuousClock(), isOver = Flag()
        let alone = try await clock.measure { _ = try await hasher.verifyDummy(Secret("nobody's")) }
        let crowd = (0..<3).map { _ in
            Task { while !isOver.isUp { _ = try? await hasher.verifyDummy(Secret("nobody's")) } }
        }
        while hasher.load.waiting < 2 { await Task.yield() }
        var times: [Duration] = []
        for path in Array(repeating: ["/sign-in", "/reset-password", "/helpdesk", "/readyz"], count: 4).flatMap({ $0 }) {
            let isBusy = hasher.load.running == 1
            var status = 0
            times.append(try await clock.measure { status = try await server.send(.get, path, headers: [:], body: nil).0 })
            #expect(status == 200 && isBusy && hasher.load.running == 1, "there was no crowd at \(path)")
        }
        isOver.raise()
        for task in crowd { await task.value }
        let median = times.sorted()[times.count / 2]
        #expect(median < alone, "a page took \(median), one hash alone \(alone)")
    }
}

/// Told to tasks that run beside each other.
private final class Flag: Sendable {
    private let state = Mutex(false)

    var isUp: Bool { state.withLock { $0 } }
    func raise() { state.withLock { $0 = true } }
}

/// Opens once, for a thread that waits and for a task that does.
private final class Gateway: Sendable {
    private let semaphore = DispatchSemaphore(value: 0)

    func open() { semaphore.signal() }
    func wait() { semaphore.wait() }

    func waitAsync() async {
        await withCheckedContinuation { continuation in
            DispatchQueue.global().async {
                self.semaphore.wait()
                continuation.resume()
            }
        }
    }
}
