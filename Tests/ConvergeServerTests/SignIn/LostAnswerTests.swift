import ConvergeCore
import HTTPTypes
import Testing

@testable import ConvergeServer

/// Somebody presses twice, or the line breaks: the answer that carried the new session never arrived, and the step is done.
@Suite("The last answer is lost")
struct LostAnswerTests {
    private let home: Household
    private var browser: TestBrowser { home.browser }

    init() async throws {
        home = try await Household()
        browser.followsRedirects = false
    }

    /// At the question of a sign-in; the tab is the same browser without what it is about to be told.
    private func atTheQuestion() async throws -> TestBrowser {
        browser.followsRedirects = true
        try await browser.signIn("ada", returnTo: "/profile")
        browser.followsRedirects = false
        return browser.tab()
    }

    private func atTheFreshProof() async throws -> TestBrowser {
        browser.followsRedirects = true
        try await home.signIn()
        home.server.clock.advance(by: .minutes(30))
        try await browser.open("/security-info")
        browser.followsRedirects = false
        return browser.tab()
    }

    /// The code of the app was used: a text does it too.
    private func anotherProof(_ browser: TestBrowser) async throws -> String {
        try await browser.submit("/use", ["use": "\(home.phone).text"])
        return try await home.server.latestCode(to: Household.phoneNumber)
    }

    private func sessions() async throws -> Int {
        let instance = home.server.instance, person = try await home.person().person, now = home.server.clock.now
        return try await instance.database.read { db in try instance.sessions.all(of: person, now: now, db) }.count
    }

    @Test func `the same step again by the same browser is signed in, under another secret`() async throws {
        let again = try await atTheQuestion(), third = again.tab(), code = home.appCode
        try await browser.submit("/answer", ["code": code])
        for tab in [again, third] {
            let path = tab.page.path
            try await tab.submit("/answer", ["code": code])
            #expect(
                tab.page.status == 303 && tab.headers[.location] == path && tab.cookies["converge"] == nil, "one is answered with a session"
            )
            try await tab.open(path)
            #expect(tab.page.status == 303 && tab.headers[.location] == "/profile" && tab.cookies["converge"] != nil)
            try await tab.open("/profile")
            #expect(tab.page.status == 200)
            #expect(try await sessions() == 1)
        }
        // Whoever has the new cookie needs no other.
        let cookie = third.cookies["converge"]
        try await third.open(third.page.path)
        #expect(third.cookies["converge"] == cookie)
    }

    @Test func `by address, too`() async throws {
        let again = try await atTheQuestion(), path = again.page.path
        try await browser.submit("/answer", ["code": home.appCode])
        try await again.open(path)
        #expect(again.headers[.location] == "/profile" && again.cookies["converge"] != nil)
        #expect(try await sessions() == 1)
    }

    @Test func `not in another browser`() async throws {
        let again = try await atTheQuestion(), path = again.page.path, other = TestBrowser(home.server)
        try await browser.submit("/answer", ["code": home.appCode])
        try await other.open(path)
        #expect(other.page.status == 410 && other.cookies["converge"] == nil)
    }

    @Test func `not after a minute`() async throws {
        let again = try await atTheQuestion()
        try await browser.submit("/answer", ["code": home.appCode])
        home.server.clock.advance(by: .minutes(1))
        try await again.submit("/answer", ["code": "000000"])
        #expect(again.headers[.location] == "/sign-in" && again.cookies["converge"] == nil)
    }

    @Test func `not after signing out`() async throws {
        let again = try await atTheQuestion()
        try await browser.submit("/answer", ["code": home.appCode])
        try await browser.open("/sign-out")
        try await browser.submit("/sign-out")
        try await again.submit("/answer", ["code": "000000"])
        #expect(again.page.status == 410 && again.cookies["converge"] == nil, "it is no browser's any more")
    }

    @Test func `not after signing out, though the cookie of the session never arrived`() async throws {
        let again = try await atTheFreshProof(), path = again.page.path
        try await browser.submit("/answer", ["code": home.appCode])
        try await again.open("/sign-out")
        try await again.submit("/sign-out")
        try await again.open(path)
        #expect(again.cookies["converge"]?.isEmpty ?? true, "\(again.cookies)")
    }

    @Test func `not a session before the one that was signed out`() async throws {
        let again = try await atTheQuestion(), path = again.page.path
        try await browser.submit("/answer", ["code": home.appCode])
        home.server.clock.advance(by: .seconds(1))
        again.followsRedirects = true
        try await again.signIn("ada")
        try await again.submit("/answer", ["code": try await anotherProof(again)])
        try await again.open("/sign-out")
        try await again.submit("/sign-out")
        try await again.open(path)
        #expect(again.page.status == 410 && again.cookies["converge"]?.isEmpty ?? true, "\(again.page.path)")
    }

    @Test func `not to somebody else who signed in meanwhile`() async throws {
        let again = try await atTheQuestion(), path = again.page.path
        try await browser.submit("/answer", ["code": home.appCode])
        try await home.server.changePolicy {
            $0.mfa = []; $0.registration = []
        }
        try await home.server.add("ben")
        try await again.signIn("ben")
        let cookie = again.cookies["converge"]
        try await again.open(path)
        #expect(cookie != nil && again.cookies["converge"] == cookie)
    }

    @Test func `a fresh proof leaves nobody signed out`() async throws {
        let again = try await atTheFreshProof(), code = home.appCode
        let path = again.page.path
        try await browser.submit("/answer", ["code": code])
        try await again.submit("/answer", ["code": code])
        #expect(again.headers[.location] == path)
        try await again.open(path)
        #expect(again.headers[.location] == "/security-info")
        try await again.open("/security-info")
        #expect(again.page.status == 200)
        #expect(try await sessions() == 1)
    }

    /// Before the page that asks for an access pass, which lets in once.
    private func beforeThePass(_ name: String = "ada") async throws -> [String: String] {
        let made = try await home.server.administration.makePass(name, .init())
        try await browser.open("/sign-in/pass")
        return ["name": name, "pass": made.pass.text]
    }

    @Test func `an access pass is spent, and whoever typed it is signed in all the same`() async throws {
        let typed = try await beforeThePass(), again = browser.tab()
        try await browser.submit("/sign-in/pass", typed)
        #expect(browser.headers[.location] == "/" && browser.cookies["converge"] != nil)
        try await again.submit("/sign-in/pass", typed)
        let path = try #require(again.headers[.location])
        #expect(again.page.status == 303 && path.hasPrefix("/flows/") && again.cookies["converge"] == nil)
        try await again.open(path)
        #expect(again.headers[.location] == "/" && again.cookies["converge"] != nil)
        #expect(try await sessions() == 1)
    }

    @Test func `an access pass is spent, and its sign-in goes on where it was`() async throws {
        try await home.server.add("ben")
        let typed = try await beforeThePass("ben"), again = browser.tab()
        try await browser.submit("/sign-in/pass", typed)
        let path = browser.headers[.location]
        try await again.submit("/sign-in/pass", typed)
        #expect(path?.hasPrefix("/flows/") == true && again.headers[.location] == path)
    }

    @Test func `whoever goes back and types the access pass on a new page is signed in as well, and no try is spent`() async throws {
        let typed = try await beforeThePass(), again = browser.tab()
        try await browser.submit("/sign-in/pass", typed)
        for _ in 0..<12 {
            try await again.open("/sign-in/pass")
            try await again.submit("/sign-in/pass", ["name": " ADA", "pass": typed["pass"]!.lowercased() + " "])
            #expect(again.headers[.location]?.hasPrefix("/flows/") == true, "\(again.page.text)")
        }
    }

    @Test func `a spent access pass lets in nobody else, and not later`() async throws {
        let typed = try await beforeThePass(), again = browser.tab(), other = TestBrowser(home.server)
        try await browser.submit("/sign-in/pass", typed)
        try await other.open("/sign-in/pass")
        try await other.submit("/sign-in/pass", typed)
        #expect(other.page.status == 422 && other.page.says("access pass"), "\(other.page.text)")
        try await again.submit("/sign-in/pass", ["name": "ada", "pass": "AAAA-AAAA"])
        #expect(again.page.status == 422)
        let late = browser.tab()
        home.server.clock.advance(by: .minutes(1))
        try await late.open("/sign-in/pass")
        try await late.submit("/sign-in/pass", typed)
        #expect(late.page.status == 422)
        #expect(try await sessions() == 1)
    }

    @Test func `an access pass that may be used again begins another sign-in after signing out`() async throws {
        let made = try await home.server.administration.makePass("ada", .init(minutes: 30, once: false))
        try await browser.open("/sign-in/pass")
        let typed = ["name": "ada", "pass": made.pass.text], again = browser.tab()
        try await browser.submit("/sign-in/pass", typed)
        try await browser.open("/sign-out")
        try await browser.submit("/sign-out")
        try await again.submit("/sign-in/pass", typed)
        #expect(again.headers[.location] == "/" && again.cookies["converge"] != nil, "\(again.page.text)")
    }
}
