import ConvergeCore
import Testing

@testable import ConvergeServer

/// Whatever ends by itself, one millisecond before its end and at its end. (Resets, their codes' age, links in notices, set-up
/// codes, grace and the bridge are passed by a millisecond where they are tested otherwise.)
@Suite("Every limit holds to the millisecond")
struct ExpiryTests {
    private static let lastMoment = Span(ms: -1)
    private static let end = Span(ms: 0)

    /// The first instant that is too late, or the last that is not.
    private func after(_ limit: Span, _ difference: Span) -> Span { Span(ms: limit.ms + difference.ms) }

    /// Ada at a sign-in that asks for a text.
    private func atText() async throws -> (Household, code: String) {
        let home = try await Household()
        try await home.browser.signIn("ada")
        let text = try #require(home.browser.page.forms.flatMap(\.buttons).first { $0.value.hasSuffix(".text") })
        try await home.browser.submit("/use", ["use": text.value])
        return (home, try await home.server.latestCode(to: Household.phoneNumber))
    }

    @Test(arguments: [lastMoment, end]) func `a code by text: five minutes`(difference: Span) async throws {
        let (home, code) = try await atText()
        home.server.clock.advance(by: after(.minutes(5), difference))
        try await home.browser.submit("/answer", ["code": code])
        #expect((home.browser.page.path == "/") == (difference < Self.end))
        #expect(home.browser.page.says("That code is too old") == (difference == Self.end))
    }

    @Test(arguments: [lastMoment, end]) func `a code by mail: ten minutes`(difference: Span) async throws {
        let story = try await ResetStory(), browser = story.browser
        try await story.begin()
        try await browser.submit("/gate", ["gate": "emailCode"])
        try await browser.submit("/contact", ["email": ResetStory.address])
        let code = try await story.server.latestCode(to: ResetStory.address)
        story.server.clock.advance(by: after(.minutes(10), difference))
        try await browser.submit("/answer", ["code": code])
        #expect(browser.page.says("Now one more") == (difference < Self.end))
    }

    @Test(arguments: [lastMoment, end]) func `a code of an app: its own half minute and the next`(difference: Span) async throws {
        let home = try await Household()
        let ahead = home.server.clock.now.ms % 30_000
        try await home.browser.signIn("ada")
        let code = home.appCode
        home.server.clock.advance(by: after(Span(ms: 60_000 - ahead), difference))
        try await home.browser.submit("/answer", ["code": code])
        #expect((home.browser.page.path == "/") == (difference < Self.end))
    }

    @Test(arguments: [lastMoment, end]) func `a sign-in: an hour from the password`(difference: Span) async throws {
        let home = try await Household()
        try await home.browser.signIn("ada")
        home.server.clock.advance(by: after(.hours(1), difference))
        try await home.browser.submit("/answer", ["code": home.appCode])
        #expect((home.browser.page.path == "/") == (difference < Self.end))
        #expect((home.browser.page.status == 410) == (difference == Self.end))
    }

    @Test(arguments: [lastMoment, end]) func `a proof opens security info for ten minutes`(difference: Span) async throws {
        let home = try await Household()
        try await home.browser.signIn("ada")
        try await home.browser.submit("/answer", ["code": home.appCode])
        home.server.clock.advance(by: after(.minutes(10), difference))
        try await home.browser.open("/security-info")
        #expect((home.browser.page.heading == "Security info") == (difference < Self.end))
    }

    @Test(arguments: [lastMoment, end]) func `a page that asks for a proof: fifteen minutes`(difference: Span) async throws {
        let home = try await Household()
        try await home.signIn()
        home.server.clock.advance(by: .minutes(20))
        try await home.browser.open("/security-info")
        home.server.clock.advance(by: after(.minutes(15), difference))
        try await home.browser.submit("/answer", ["code": home.appCode])
        #expect((home.browser.page.heading == "Security info") == (difference < Self.end))
        #expect((home.browser.page.status == 410) == (difference == Self.end))
    }

    @Test(arguments: [lastMoment, end]) func `a session: an hour without use`(difference: Span) async throws {
        let home = try await Household()
        try await home.browser.signIn("ada")
        try await home.browser.submit("/answer", ["code": home.appCode])
        home.server.clock.advance(by: after(.minutes(60), difference))
        try await home.browser.open("/profile")
        #expect((home.browser.page.heading == "Profile") == (difference < Self.end))
    }

    @Test(arguments: [lastMoment, end]) func `a session: twelve hours, used or not`(difference: Span) async throws {
        let home = try await Household()
        try await home.browser.signIn("ada")
        try await home.browser.submit("/answer", ["code": home.appCode])
        for _ in 0..<23 {
            home.server.clock.advance(by: .minutes(30))
            try await home.browser.open("/profile")
        }
        #expect(home.browser.page.heading == "Profile")
        home.server.clock.advance(by: after(.minutes(30), difference))
        try await home.browser.open("/profile")
        #expect((home.browser.page.heading == "Profile") == (difference < Self.end))
    }

    @Test(arguments: [lastMoment, end]) func `a browser that need not be asked again: fourteen days`(difference: Span) async throws {
        let home = try await Household()
        try await home.browser.signIn("ada")
        try await home.browser.submit("/answer", ["code": home.appCode, "remember": "yes"])
        home.server.clock.advance(by: after(.days(14), difference))
        try await home.browser.signIn("ada")
        #expect((home.browser.page.path == "/") == (difference < Self.end))
    }

    @Test(arguments: [lastMoment, end]) func `an access pass, and the session that it opened`(difference: Span) async throws {
        let home = try await Household(), administration = home.server.administration
        let made = try await administration.makePass("ada", .init(minutes: 30, once: false))
        let browser = TestBrowser(home.server), late = TestBrowser(home.server)
        for browser in [browser, late] { try await browser.open("/sign-in/pass") }
        try await browser.submit("/sign-in/pass", ["name": "ada", "pass": made.pass.text])
        #expect(browser.page.path == "/")
        home.server.clock.advance(by: after(.minutes(30), difference))
        try await browser.open("/profile")
        #expect((browser.page.heading == "Profile") == (difference < Self.end), "the session ends with its pass")
        try await late.submit("/sign-in/pass", ["name": "ada", "pass": made.pass.text])
        #expect((late.page.path == "/") == (difference < Self.end))
    }

    @Test(arguments: [lastMoment, end]) func `ten wrong passwords: a minute`(difference: Span) async throws {
        let home = try await Household()
        for guess in 0..<10 { try await home.browser.signIn("ada", "guess number \(guess)") }
        home.server.clock.advance(by: after(.seconds(60), difference))
        try await home.browser.signIn("ada")
        #expect(home.browser.page.says("Too many wrong passwords") == (difference < Self.end))
    }
}
