import ConvergeCore
import Foundation
import HTTPTypes
import Hummingbird
import Logging
import NIOCore
import NIOEmbedded
import Synchronization
import Testing

@testable import ConvergeServer

@Suite("What the server counts")
struct MetricsTests {
    private static let key = Secret("12345678901234567890")

    /// Ada has an app.
    private func server() async throws -> TestServer {
        let rule = MFARule(name: "Codes", required: true, allow: [.appCode])
        let server = try await TestServer(policy: PolicyDocument(mfa: [rule], reset: [], registration: []))
        let ada = try await server.add("ada")
        try await server.give(ada, .totpApp, content: CredentialContent(secret: Self.key), by: .appCode)
        return server
    }

    @Test func `sign-ins, codes and requests are counted by what came of them`() async throws {
        let server = try await server(), metrics = server.instance.metrics, browser = TestBrowser(server)
        try await browser.signIn("ada", "wrong")
        try await browser.signIn("nobody", "wrong")
        try await browser.signIn("ada")
        try await browser.submit("/answer", ["code": "000000"])
        try await browser.submit("/answer", ["code": browser.appCode(secret: Self.key)])
        #expect(metrics.value(.signIns, "sign-in.wrong") == 2)
        #expect(metrics.value(.challenges, "appCode", "code.wrong") == 1)
        #expect(metrics.value(.challenges, "appCode", "right") == 1)
        #expect(metrics.value(.signIns, "signed-in") == 1)
        #expect(metrics.value(.requests, "GET", "/sign-in", "200") == 3)
        #expect(metrics.value(.requests, "POST", "/sign-in", "303") == 1)
    }

    @Test func `the proofs of a reset are counted with all others, and so is how it ended`() {
        let metrics = Metrics(startedAt: Moment(ms: 0))
        let event = { (step: String, success: Bool, reason: String?, code: String?) in
            AuditEvent(
                .resetProgress, success: success, reason: reason, actor: .anonymous, caseCode: code,
                details: ["step": step, "capability": "text"])
        }
        metrics.count(event("code sent", true, nil, nil))
        metrics.count(event("gate 1 failed", false, "code.wrong", nil))
        metrics.count(event("gate 1 passed", true, nil, nil))
        metrics.count(event("not enough methods", false, "reset.not-enough", "7QK2MX"))
        metrics.count(AuditEvent(.resetBlocked, success: false, actor: .anonymous))
        metrics.count(AuditEvent(.resetPassword, actor: .anonymous))
        metrics.count(AuditEvent(.signInRefused, success: false, reason: "ada typed this", actor: .anonymous))
        #expect(metrics.value(.challenges, "text", "code.wrong") == 1 && metrics.value(.challenges, "text", "right") == 1)
        for outcome in ["reset.not-enough", "blocked", "reset"] { #expect(metrics.value(.resets, outcome) == 1, "\(outcome)") }
        #expect(metrics.value(.signIns, "other") == 1)
        var text = MetricsText()
        metrics.write(to: &text)
        #expect(!text.text.contains("ada"))
    }

    @Test func `what is rolled back is not counted`() async throws {
        struct Undone: Error {}
        let server = try await server(), instance = server.instance, now = server.clock.now
        await #expect(throws: Undone.self) {
            try await instance.database.write { db in
                try Ledger(instance, db, now: now).note(.unlocked, nil)
                throw Undone()
            }
        }
        #expect(instance.metrics.value(.resets, "unlocked") == 0)
        try await instance.database.write { db in try Ledger(instance, db, now: now).note(.unlocked, nil) }
        #expect(instance.metrics.value(.resets, "unlocked") == 1)
    }

    @Test func `the text is what Prometheus reads, and holds no name, number or address`() async throws {
        let server = try await server(), browser = TestBrowser(server)
        try await browser.signIn("ada")
        try await browser.open("/security-info/delete/somebody?name=ada")
        try await browser.open("/nowhere/ada")
        let instance = server.instance, now = server.clock.now
        try await instance.database.write { db in
            try Ledger(instance, db, now: now).send(
                OutboxMessage(kind: .text, to: "+447700900131", body: "hello"), to: nil, notAfter: now + .hours(1))
        }
        server.clock.advance(by: .seconds(90))
        let page = try await browser.open("/metrics")
        #expect(page.status == 200)
        let lines = page.html.split(separator: "\n").map(String.init)
        #expect(lines.contains("converge_outbox_waiting{kind=\"text\"} 1"))
        #expect(lines.contains("converge_outbox_oldest_seconds{kind=\"text\"} 90.0"))
        #expect(lines.contains("converge_hashing_refused_total 0"))
        #expect(lines.contains { $0.hasPrefix("converge_hashing_total ") })
        #expect(lines.contains { $0.hasPrefix("process_resident_memory_bytes ") })
        #expect(lines.contains { $0.hasPrefix("converge_http_requests_total{method=\"GET\",route=\"none\",status=\"404\"} 1") })
        #expect(!page.html.contains("ada") && !page.html.contains("900131"))
        let sample = /[a-z_]+(\{[a-z]+="[^"]*"(,[a-z]+="[^"]*")*\})? -?[0-9.e+]+/
        for line in lines where !line.hasPrefix("#") {
            #expect(line.replacing("+Inf", with: "Inf").wholeMatch(of: sample) != nil, "\(line)")
        }
        // Every family is announced once, before its samples.
        let announced = lines.filter { $0.hasPrefix("# TYPE") }
        #expect(Set(announced).count == announced.count)
    }

    @Test func `a histogram's buckets add up`() {
        let metrics = Metrics(startedAt: Moment(ms: 0))
        for milliseconds in [0, 1, 2, 5, 6, 9_999, 20_000] {
            metrics.request("GET", "/x", status: 200, nanoseconds: Int64(milliseconds) * 1_000_000)
        }
        var text = MetricsText()
        metrics.write(to: &text)
        func bucket(_ bound: String) -> Bool { text.text.contains("duration_seconds_bucket{method=\"GET\",route=\"/x\",le=\"\(bound)") }
        for (bound, count) in [("0.001", 2), ("0.005", 4), ("0.01", 5), ("5", 5), ("10", 6), ("+Inf", 7)] {
            #expect(bucket("\(bound)\"} \(count)\n"), "\(bound)")
        }
        #expect(text.text.contains("duration_seconds_count{method=\"GET\",route=\"/x\"} 7\n"))
        #expect(text.text.contains("duration_seconds_sum{method=\"GET\",route=\"/x\"} 30.013\n"))
    }

    @Test func `callers whom hashing sends away are counted`() async throws {
        let world = World.fixed()
        let hasher = try PasswordHasher(cost: .cheap, workers: 1, queue: 0, world: world)
        #expect(hasher.load == .init(running: 0, waiting: 0, refused: 0))
        // As long as one is being served, the next one finds the queue full.
        let refused = await withTaskGroup(of: Bool.self) { group in
            for _ in 0..<200 {
                group.addTask {
                    do {
                        _ = try await hasher.hash(Secret("x"))
                        return false
                    } catch { return error is Overloaded }
                }
            }
            return await group.reduce(0) { $0 + ($1 ? 1 : 0) }
        }
        #expect(hasher.load == .init(running: 0, waiting: 0, refused: refused) && refused > 0)
        #expect(hasher.rounds == 200 - refused)
        try await hasher.close()
    }

    // MARK: who may read it

    private struct Caller {
        var peer = "127.0.0.1"
        var host = "127.0.0.1:8080"
        var headers: [String: String] = [:]
    }

    private func status(_ caller: Caller, _ configure: (inout Config) -> Void = { _ in }) async throws -> Int {
        let server = try await TestServer(configure: {
            $0.publicURL = "https://id.example.org"
            configure(&$0)
        })
        let channel = EmbeddedChannel()
        channel.remoteAddress = try SocketAddress(ipAddress: caller.peer, port: 50_000)
        var fields = HTTPFields()
        for (name, value) in caller.headers { fields[HTTPField.Name(name)!] = value }
        let head = HTTPRequest(method: .get, scheme: "http", authority: caller.host, path: "/metrics", headerFields: fields)
        let context = FrontContext(source: ApplicationRequestContextSource(channel: channel, logger: server.instance.log))
        let response = try await Front(server.instance).router().buildResponder()
            .respond(to: Request(head: head, body: RequestBody(buffer: ByteBuffer())), context: context)
        return Int(response.status.code)
    }

    @Test func `this machine and the networks of the configuration may read it, whatever came through a proxy may not`() async throws {
        #expect(try await status(Caller()) == 200)
        #expect(try await status(Caller(peer: "::1", host: "localhost:8080")) == 200)
        #expect(try await status(Caller(peer: "203.0.113.7")) == 404)
        // A proxy on this machine, with the public name or with a header that gives it away.
        #expect(try await status(Caller(host: "id.example.org")) == 404)
        for header in ["X-Forwarded-For", "Forwarded", "X-Real-IP", "Via"] {
            #expect(try await status(Caller(headers: [header: "127.0.0.1"])) == 404)
        }
        let trusting: (inout Config) -> Void = { $0.trustedProxies = [try! CIDR("127.0.0.0/8")] }
        #expect(try await status(Caller(host: "id.example.org", headers: ["X-Forwarded-For": "203.0.113.7"]), trusting) == 404)
        #expect(try await status(Caller(host: "id.example.org"), trusting) == 404)
        let network: (inout Config) -> Void = {
            trusting(&$0)
            $0.metricsNetworks = [try! CIDR("203.0.113.0/24")]
        }
        #expect(try await status(Caller(peer: "203.0.113.7"), network) == 200)
        #expect(try await status(Caller(host: "id.example.org", headers: ["X-Forwarded-For": "203.0.113.7"]), network) == 200)
        #expect(try await status(Caller(), network) == 404)
        #expect(try await status(Caller()) { $0.metricsNetworks = [] } == 404)
    }
}

@Suite("Health")
struct HealthTests {
    @Test func `a server that cannot read its store is not ready`() async throws {
        let server = try await TestServer(), browser = TestBrowser(server)
        #expect(try await browser.open("/healthz").status == 200)
        #expect(try await browser.open("/readyz").status == 200)
        try await server.instance.database.close()
        #expect(try await browser.open("/healthz").status == 200)
        let page = try await browser.open("/readyz")
        #expect(page.status == 503 && page.html == "not ready: the store cannot be read\n")
    }
}

@Suite("Log lines")
struct LogTests {
    private final class Lines: Sendable {
        private let texts = Mutex<[String]>([])
        var all: [[String: String]] {
            texts.withLock { $0 }.compactMap { try? JSONDecoder().decode([String: String].self, from: Data($0.utf8)) }
        }
        var text: String { texts.withLock { $0.joined() } }
        func add(_ line: String) { texts.withLock { $0.append(line) } }

        func logger(_ level: Logger.Level, _ world: World) -> Logger {
            var log = Logger(label: "test") { _ in LogLines(world: world) { self.add($0) } }
            log.logLevel = level
            return log
        }
    }

    @Test func `each request is one line with its id, and nothing that anybody typed`() async throws {
        let lines = Lines(), clock = TestClock(now: TestServer.start)
        let server = try await TestServer(clock: clock, log: lines.logger(.info, .fixed(clock: clock)))
        try await server.add("ada")
        let browser = TestBrowser(server)
        try await browser.signIn("ada", "a secret word")
        try await browser.open("/sign-in?name=ada&return=%2Fprofile")
        try await browser.open("/wp-login.php/ada")
        try await browser.open("/healthz")
        let requests = lines.all.filter { $0["message"] == "request" }
        #expect(requests.map { $0["route"] } == ["/sign-in", "/sign-in", "/sign-in", "none"])
        #expect(requests.map { $0["status"] } == ["200", "422", "200", "404"])
        #expect(requests.allSatisfy { $0["at"] == "2026-11-23T09:00:00.000Z" && $0["network"] == "127.0.0.1" && $0["milliseconds"] != nil })
        #expect(Set(requests.compactMap { $0["request"] }).count == 4)
        #expect(!lines.text.contains("ada") && !lines.text.contains("secret word") && !lines.text.contains("profile"))
    }

    @Test func `the id of a line is in the answer, and a fault's reason beside it`() async throws {
        let lines = Lines(), clock = TestClock(now: TestServer.start)
        let server = try await TestServer(clock: clock, log: lines.logger(.info, .fixed(clock: clock)))
        try await server.instance.database.close()
        let (status, headers, html) = try await server.send(.get, "/profile", headers: HTTPFields([(.cookie, "converge=abc")]), body: nil)
        let id = try #require(headers[HTTPField.Name("X-Request-Id")!])
        #expect(status == 500 && html.contains(id))
        let both = lines.all.filter { $0["request"] == id }
        #expect(both.map { $0["message"] } == ["request failed", "request"] && both[0]["reason"] != nil)
    }

    @Test func `moments are written to the millisecond`() {
        #expect(Moment(ms: 1_795_424_400_007).precise == "2026-11-23T09:00:00.007Z")
        #expect(Moment(ms: -1).precise == "1969-12-31T23:59:59.999Z")
    }
}

extension HTTPFields {
    fileprivate init(_ pairs: [(HTTPField.Name, String)]) {
        self.init()
        for (name, value) in pairs { self[name] = value }
    }
}
