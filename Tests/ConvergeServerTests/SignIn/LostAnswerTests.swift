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

    private func sessions() async throws -> Int {
        let instance = home.server.instance, person = try await home.person().person, now = home.server.clock.now
        return try await instance.database.read { db in try instance.sessions.all(of: person, now: now, db) }.count
    }

    @Test func `the same step again by the same browser is signed in, with the same session`() async throws {
        let again = try await atTheQuestion(), code = home.appCode
        try await browser.submit("/answer", ["code": code])
        try await again.submit("/answer", ["code": code])
        #expect(again.page.status == 303 && again.headers[.location] == "/profile")
        #expect(again.cookies["converge"] == browser.cookies["converge"] && again.cookies["converge"] != nil)
        #expect(try await sessions() == 1)
    }

    @Test func `by address, too`() async throws {
        let again = try await atTheQuestion(), path = again.page.path
        try await browser.submit("/answer", ["code": home.appCode])
        try await again.open(path)
        #expect(again.headers[.location] == "/profile" && again.cookies["converge"] == browser.cookies["converge"])
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
        #expect(again.headers[.location] == "/sign-in" && again.cookies["converge"] == nil)
    }

    @Test func `a fresh proof leaves nobody signed out`() async throws {
        browser.followsRedirects = true
        try await home.signIn()
        home.server.clock.advance(by: .minutes(30))
        try await browser.open("/security-info")
        browser.followsRedirects = false
        let again = browser.tab(), code = home.appCode
        try await browser.submit("/answer", ["code": code])
        try await again.submit("/answer", ["code": code])
        #expect(again.headers[.location] == "/security-info" && again.cookies["converge"] == browser.cookies["converge"])
        #expect(try await sessions() == 1)
    }
}
