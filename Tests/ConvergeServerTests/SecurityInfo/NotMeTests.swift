import ConvergeCore
import Testing

@testable import ConvergeServer

@Suite("This wasn't me")
struct NotMeTests {
    /// A number is added by whoever sits at the browser; the owner reads the mail.
    private func added() async throws -> (Household, link: String) {
        let home = try await Household()
        try await home.signIn(to: "/security-info")
        let hidden = try #require(home.browser.page.forms.first { $0.hidden["credential"] == home.phone.text }).hidden
        try await home.browser.post("/security-info/change", hidden)
        try await home.browser.submit("/phone", ["country": "GB", "number": "07700 900999"])
        try await home.browser.submit("/code", ["code": try await home.server.latestCode(to: "+447700900999")])
        return (home, try await home.notMeLink())
    }

    @Test func `the link shows what happened and does nothing; the button switches it off and signs out, once`() async throws {
        let (home, link) = try await added()
        let owner = TestBrowser(home.server)
        try await owner.open(link)
        #expect(owner.page.heading == "Was this really not you?" && owner.page.says("Mobile phone changed"))
        #expect(try await home.states().contains("mobilePhone active"))
        let form = try #require(owner.page.forms.first { $0.action == "/not-me" })
        try await owner.submit("/not-me")
        #expect(owner.page.says("Switched off: Mobile phone"))
        #expect(try await home.states() == ["email active", "mobilePhone suspended", "totpApp active"])
        try await home.browser.open("/profile")
        #expect(home.browser.page.heading == "Sign in")
        try await owner.post("/not-me", form.hidden)
        #expect(owner.page.status == 410)
        let row = try #require(try await home.server.audit(of: home.ada).last)
        #expect(row.activity == .reportedNotMe && row.actor == .anonymous)
    }

    @Test func `after seven days it is over, and a made-up one never was`() async throws {
        let (home, link) = try await added()
        let owner = TestBrowser(home.server)
        home.server.clock.advance(by: Span(ms: Span.days(7).ms - 1))
        try await owner.open(link)
        #expect(owner.page.status == 200)
        home.server.clock.advance(by: Span(ms: 1))
        try await owner.submit("/not-me")
        #expect(owner.page.heading == "This link no longer works")
        try await owner.open("/not-me/AAAAAAAA")
        #expect(owner.page.status == 410)
        #expect(try await home.states().contains("mobilePhone active"))
    }

    @Test func `what took its place since is switched off too`() async throws {
        let (home, link) = try await added()
        let hidden = try #require(
            home.browser.page.forms.first { $0.action == "/security-info/change" && $0.hidden["credential"] != home.mail.text }
        ).hidden
        try await home.browser.post("/security-info/change", hidden)
        try await home.browser.submit("/phone", ["country": "GB", "number": "07700 900998"])
        try await home.browser.submit("/code", ["code": try await home.server.latestCode(to: "+447700900998")])
        let owner = TestBrowser(home.server)
        try await owner.open(link)
        try await owner.submit("/not-me")
        #expect(try await home.states() == ["email active", "mobilePhone suspended", "totpApp active"])
    }

    @Test func `a half-done registration ends with the report`() async throws {
        let (home, link) = try await added()
        try await home.browser.open("/security-info/add")
        try await home.browser.submit("/security-info/add", ["method": "totpApp"])
        let key = try #require(home.browser.page.key)
        let owner = TestBrowser(home.server)
        try await owner.open(link)
        try await owner.submit("/not-me")
        try await home.browser.submit("/code", ["code": home.browser.appCode(secret: key)])
        #expect(try await home.states().filter { $0.hasPrefix("totpApp") } == ["totpApp active"])
    }

    @Test func `from recent activity it takes a fresh proof and a button`() async throws {
        let (home, _) = try await added()
        try await home.browser.open("/activity")
        #expect(home.browser.page.says("Mobile phone changed") && home.browser.page.says("Signed in"))
        try await home.browser.follow(link: "This wasn’t me")
        #expect(home.browser.page.heading == "Was this really not you?")
        #expect(try await home.states().contains("mobilePhone active"))
        let action = try #require(home.browser.page.forms.first { $0.action.hasPrefix("/activity/not-me/") }).action
        try await home.browser.submit(action)
        #expect(try await home.states().contains("mobilePhone suspended"))
        try await home.browser.open("/activity")
        #expect(home.browser.page.heading == "Sign in")
    }

    @Test func `a password that somebody else changed must be changed again`() async throws {
        let home = try await Household(), browser = home.browser
        try await home.signIn(to: "/password")
        try await browser.submit(
            "/password", ["current": TestServer.password, "new": "seven grey herons in fog", "again": "seven grey herons in fog"])
        #expect(browser.page.path.hasPrefix("/profile") && browser.page.says("signed out everywhere else"))
        let owner = TestBrowser(home.server)
        try await owner.open(try await home.notMeLink())
        try await owner.submit("/not-me")
        #expect(try await home.person().person.passwordKnownToOthers)
    }
}
