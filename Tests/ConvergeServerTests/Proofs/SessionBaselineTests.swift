import ConvergeCore
import Foundation
import HTTPTypes
import Testing

@testable import ConvergeServer

@Suite("Baseline: sessions and cookies")
struct SessionBaselineTests {
    /// The attributes of the cookies of an answer, by the cookie's name.
    private func cookies(_ headers: HTTPFields) -> [String: Set<String>] {
        headers[values: .setCookie].reduce(into: [:]) { found, text in
            let parts = text.split(separator: ";").map { $0.trimmingCharacters(in: .whitespaces) }
            found[String(parts[0].prefix { $0 != "=" })] = Set(parts.dropFirst())
        }
    }

    private func isLive(_ secret: String, _ server: TestServer) async throws -> Bool {
        let instance = server.instance, now = server.clock.now
        return try await instance.database.read { db in try instance.session(Secret(secret), now: now, db) != nil }
    }

    @Test("over https cookies are __Host-, Secure, HttpOnly, Lax; on plain loopback without the prefix and Secure")
    func attributes() async throws {
        let lax: Set<String> = ["Path=/", "HttpOnly", "SameSite=Lax"], year: Set<String> = ["Max-Age=34560000"]
        for (address, prefix, more) in [("http://localhost:8080", "", Set<String>()), ("https://id.example.org", "__Host-", ["Secure"])] {
            let server = try await TestServer(policy: Self.password, configure: { $0.publicURL = address }), browser = TestBrowser(server)
            try await server.add("ada")
            try await browser.open("/sign-in")
            #expect(cookies(browser.headers) == [prefix + "converge-browser": lax.union(more).union(year)])
            browser.followsRedirects = false
            try await browser.submit("/sign-in", ["name": "ada", "password": TestServer.password])
            #expect(browser.page.status == 303)
            // It ends with the browser: no age. The domain is never named, so that no other host gets it.
            #expect(cookies(browser.headers) == [prefix + "converge": lax.union(more)])
            let csrf = server.instance.keyed(browser.cookies[prefix + "converge"]!, "csrf")
            try await browser.post("/sign-out", ["csrf": csrf])
            #expect(cookies(browser.headers) == [prefix + "converge": lax.union(more).union(["Max-Age=0"])])
        }
    }

    /// A second step of nobody, nothing to register.
    static let password: PolicyDocument = {
        var policy = PolicyDocument.initial
        policy.mfa[0].required = false
        policy.registration = []
        return policy
    }()

    @Test("a session's secret has 256 bits and is stored only as a keyed hash")
    func secret() async throws {
        let server = try await TestServer(policy: Self.password), browser = TestBrowser(server)
        try await server.add("ada")
        try await browser.signIn("ada")
        let secret = try #require(browser.cookies["converge"]), mark = try #require(browser.cookies["converge-browser"])
        for cookie in [secret, mark] {
            #expect(cookie.count == 43, "32 bytes in base64url")
            #expect(try await server.dump().allSatisfy { !$0.contains(cookie) })
        }
        let hash = server.instance.keyed(secret, "session")
        #expect(try await server.dump(["session"]).filter { $0.contains(hash) }.count == 1)
        let other = TestBrowser(server)
        try await other.signIn("ada")
        #expect(other.cookies["converge"] != secret)
    }

    @Test("a new session id at each rise of assurance: sign-in, fresh proof, registration, new password; the old one is good no more")
    func rotation() async throws {
        let home = try await Household(policy: Self.password), browser = home.browser
        var secrets: [String] = []
        func rises(_ what: Comment) async throws {
            let secret = try #require(browser.cookies["converge"])
            #expect(!secrets.contains(secret), what)
            if let last = secrets.last { #expect(try await isLive(last, home.server) == false, what) }
            #expect(try await isLive(secret, home.server), what)
            secrets.append(secret)
        }
        // What somebody planted in the browser before is never taken over.
        try await browser.signIn("ada")
        try await rises("password")
        try await browser.open("/security-info")
        try await browser.submit("/answer", ["code": home.appCode])
        try await rises("a fresh proof")
        try await browser.open("/security-info/add")
        try await browser.submit("/security-info/add", ["method": "totpApp"])
        let key = try #require(browser.page.key)
        try await browser.submit("/code", ["code": browser.appCode(secret: key)])
        try await rises("a registration")
        let new = "seven grey herons in fog"
        try await browser.open("/password")
        try await browser.submit("/password", ["current": TestServer.password, "new": new, "again": new])
        try await rises("a new password")
        try await browser.open("/sign-out")
        try await browser.submit("/sign-out")
        #expect(try await isLive(secrets.last!, home.server) == false)
    }

    @Test("a secret that was planted before the sign-in is not the session's")
    func fixation() async throws {
        let server = try await TestServer(policy: Self.password), browser = TestBrowser(server)
        try await server.add("ada")
        try await browser.open("/sign-in")
        let planted = String(repeating: "p", count: 43), csrf = server.instance.keyed(planted, "csrf")
        let body = "csrf=\(csrf)&name=ada&password=" + PercentEncoding.encode(TestServer.password)
        let mark = try #require(browser.cookies["converge-browser"])
        let answer = try await server.send(
            .post, "/sign-in",
            headers: [.cookie: "converge=\(planted); converge-browser=\(mark)", .contentType: "application/x-www-form-urlencoded"],
            body: body)
        #expect(answer.0 == 303 && cookies(answer.1)["converge"] != nil)
        #expect(try await isLive(planted, server) == false)
    }

    @Test("the idle limit ends a session to the millisecond, and every use moves it")
    func idle() async throws {
        let server = try await TestServer(policy: Self.password), browser = TestBrowser(server)
        try await server.add("ada")
        try await browser.signIn("ada")
        server.clock.advance(by: Span(ms: Span.minutes(60).ms - 1))
        try await browser.open("/profile")
        #expect(browser.page.path == "/profile", "an hour less a millisecond")
        server.clock.advance(by: Span(ms: Span.minutes(60).ms - 1))
        try await browser.open("/profile")
        #expect(browser.page.path == "/profile", "the use before moved it")
        server.clock.advance(by: .minutes(60))
        try await browser.open("/profile")
        #expect(browser.page.heading == "Sign in")
    }

    @Test("the absolute limit ends a session to the millisecond, however busy it is")
    func absolute() async throws {
        let server = try await TestServer(policy: Self.password), browser = TestBrowser(server)
        try await server.add("ada")
        let begun = server.clock.now
        try await browser.signIn("ada")
        while server.clock.now + .minutes(50) < begun + .hours(12) {
            server.clock.advance(by: .minutes(50))
            try await browser.open("/profile")
            #expect(browser.page.path == "/profile")
        }
        server.clock.advance(by: (begun + .hours(12) - Span(ms: 1)) - server.clock.now)
        try await browser.open("/profile")
        #expect(browser.page.path == "/profile")
        server.clock.advance(by: Span(ms: 1))
        try await browser.open("/profile")
        #expect(browser.page.heading == "Sign in")
    }

    @Test("a proof opens security info for ten minutes less a millisecond, the code of a registration too")
    func fresh() async throws {
        let home = try await Household(), browser = home.browser
        try await browser.signIn("ada", returnTo: "/security-info")
        try await browser.submit("/answer", ["code": home.appCode])
        home.server.clock.advance(by: Span(ms: Span.minutes(10).ms - 1))
        try await browser.open("/security-info")
        #expect(browser.page.path == "/security-info")
        try await browser.open("/security-info/add")
        try await browser.submit("/security-info/add", ["method": "totpApp"])
        let key = try #require(browser.page.key)
        try await browser.submit("/code", ["code": browser.appCode(secret: key)])
        home.server.clock.advance(by: Span(ms: Span.minutes(10).ms - 1))
        try await browser.open("/security-info")
        #expect(browser.page.path == "/security-info", "proven by the registration")
        home.server.clock.advance(by: Span(ms: 1))
        try await browser.open("/security-info")
        #expect(browser.page.heading == "Enter the code from your authenticator app")
    }

    @Test("blocked, disabled or signed out everywhere: every session of the person is over at once, and nobody else's")
    func revocation() async throws {
        for end in ["block", "disable", "everywhere"] {
            let server = try await TestServer(policy: Self.password), ada = TestBrowser(server), twin = TestBrowser(server)
            let other = TestBrowser(server), id = try await server.add("ada"), instance = server.instance
            try await server.add("ben")
            for (browser, name) in [(ada, "ada"), (twin, "ada"), (other, "ben")] { try await browser.signIn(name) }
            if end == "everywhere" {
                try await ada.open("/sign-out-everywhere")
                try await ada.submit("/sign-out-everywhere")
            } else {
                try await instance.database.write { db in try instance.people.setState(id, end == "block" ? .blocked : .disabled, db) }
            }
            for browser in [ada, twin] {
                try await browser.open("/profile")
                #expect(browser.page.heading == "Sign in", "\(end)")
            }
            try await other.open("/profile")
            #expect(other.page.path == "/profile", "\(end)")
        }
    }

    @Test("the references of a session are those of RFC 8176 and of what was really proven", arguments: Capability.allCases)
    func references(_ capability: Capability) {
        let registered: Set<String> = ["hwk", "kba", "mfa", "otp", "pwd", "sms", "swk", "tel"]
        #expect(registered.contains(AuthenticationReference.value(of: capability)))
    }
}
