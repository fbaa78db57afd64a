import ConvergeCore
import Foundation
import Testing

@testable import ConvergeServer

@Suite("Somebody forgets the password and resets it")
struct ResetStoryTests {
    @Test("two proofs, a new password, told elsewhere, old sessions gone, and a sign-in with it")
    func wholeStory() async throws {
        let story = try await ResetStory(), browser = story.browser, server = story.server
        let old = TestBrowser(server)
        try await old.signIn("ada", returnTo: "/profile")
        try await old.submit("/answer", ["code": old.appCode(secret: ResetStory.appSecret)])
        #expect(old.page.path == "/profile")
        server.clock.advance(by: .minutes(2))

        try await story.begin()
        #expect(browser.page.html.contains("value=\"emailCode\"") && !browser.page.says("84"))
        try await browser.submit("/gate", ["gate": "text"])
        try await browser.submit("/contact", ResetStory.typedNumber)
        #expect(browser.page.says("If that is on this account, a code is on its way"))
        try await browser.submit("/answer", ["code": server.latestCode(to: ResetStory.number)])
        #expect(browser.page.title.contains("Second proof"))
        #expect(!browser.page.says("Text a code"), "another gate, not the same again")
        #expect(browser.page.says("a…@o…"), "her own, masked")
        try await browser.submit("/gate", ["gate": "\(story.app).appCode"])
        try await browser.submit("/answer", ["code": browser.appCode(secret: ResetStory.appSecret)])
        #expect(browser.page.heading == "Choose your new password")

        try await story.setPassword("short")
        #expect(browser.page.title.hasPrefix("Error:") && browser.page.says("at least 12 characters"))
        try await story.setPassword(again: "something else entirely")
        #expect(browser.page.says("Type the same new password in both fields"))
        try await story.setPassword(TestServer.password)
        #expect(browser.page.says("password you have now"))
        try await story.setPassword()
        #expect(browser.page.heading == "Your new password works")
        #expect(browser.cookies["converge"] == nil, "a reset never signs in")

        let told = try await story.messages().filter { $0.code == nil }
        #expect(told.map(\.to) == [ResetStory.address], "the phone and the app proved it, the mailbox is told")
        try await old.open("/profile")
        #expect(old.page.path.hasPrefix("/sign-in"))
        try await browser.open("/sign-in")
        try await browser.submit("/sign-in", ["name": "ada", "password": TestServer.password])
        #expect(browser.page.status == 422)
        try await browser.signIn("ada", ResetStory.newPassword)
        #expect(browser.page.path.hasPrefix("/flows/"), "the second step is asked for as ever")
    }

    @Test("every step is in the log, and no secret is")
    func log() async throws {
        let story = try await ResetStory()
        try await story.passBoth()
        try await story.setPassword()
        let steps = try await story.steps()
        #expect(steps == ["user identified", "reason given", "code sent", "gate 1 passed", "gate 2 passed"])
        let events = try await story.server.audit(of: story.ada)
        #expect(events.last?.activity == .resetPassword && events.last?.success == true)
        let words = events.map { "\($0)" }.joined()
        for secret in [ResetStory.number, "7700900184", ResetStory.address, ResetStory.newPassword] {
            #expect(!words.contains(secret))
        }
    }

    @Test("known but locked: two proofs and one press open the locks, and the password stays")
    func unlock() async throws {
        let story = try await ResetStory(), browser = story.browser, stranger = TestBrowser(story.server)
        for guess in 0..<10 { try await stranger.signIn("ada", "wrong guess number \(guess)") }
        try await browser.signIn("ada")
        #expect(browser.page.status == 422, "locked for browsers that are not hers")
        try await story.passBoth(reason: "locked")
        #expect(browser.page.forms.contains { $0.action.hasSuffix("/unlock") })
        try await browser.submit("/unlock")
        #expect(browser.page.heading == "Your account is unlocked")
        #expect(try await story.activities().last == .unlocked)
        #expect(try await story.messages().first { $0.code == nil }?.to == ResetStory.address)
        try await browser.signIn("ada")
        #expect(browser.page.path.hasPrefix("/flows/"))
    }

    @Test("at the unlock one may choose a new password after all")
    func unlockAfterAll() async throws {
        let story = try await ResetStory()
        try await story.passBoth(reason: "locked")
        try await story.browser.submit("/reason", ["reason": "forgot"])
        #expect(story.browser.page.heading == "Choose your new password")
        try await story.setPassword()
        #expect(story.browser.page.heading == "Your new password works")
    }

    @Test("an administrator passes two proofs whatever the rule says, and the other administrators are told")
    func administrator() async throws {
        let story = try await ResetStory(roles: [.userAdministrator]), browser = story.browser
        try await story.server.changePolicy { $0.reset[0].gates = 1 }
        let other = try await story.server.add("olga", roles: [.globalAdministrator])
        try await story.server.give(other, .email, content: CredentialContent(email: EmailAddress("olga@home.example")), by: .emailCode)
        try await story.passFirst()
        #expect(browser.page.forms.contains { $0.action.hasSuffix("/gate") })
        try await browser.submit("/gate", ["gate": "\(story.app).appCode"])
        try await browser.submit("/answer", ["code": browser.appCode(secret: ResetStory.appSecret)])
        try await story.setPassword()
        #expect(browser.page.heading == "Your new password works")
        #expect(try await story.messages().filter { $0.code == nil }.map(\.to).contains("olga@home.example"))
    }

    @Test("one gate is enough where the rule says one")
    func oneGate() async throws {
        let story = try await ResetStory()
        try await story.server.changePolicy { $0.reset[0].gates = 1 }
        try await story.passFirst()
        #expect(story.browser.page.heading == "Choose your new password")
    }

    @Test("no second method: the contact path with the reference of the log, contacts told once, a young method named")
    func notEnough() async throws {
        let server = try await TestServer()
        let ben = try await server.add("ben@example.org")
        try await server.give(ben, .mobilePhone, content: CredentialContent(phone: PhoneNumber(e164: ResetStory.number)), by: .text)
        try await server.give(
            ben, .email, content: CredentialContent(email: EmailAddress("ben@home.example")), by: .emailCode, ago: .hours(2))
        let browser = TestBrowser(server)
        try await browser.open("/reset-password?name=ben@example.org")
        #expect(browser.page.html.contains("value=\"ben@example.org\""))
        try await browser.submit("/reset-password", ["name": "ben@example.org"])
        try await browser.submit("/reason", ["reason": "forgot"])
        try await browser.submit("/gate", ["gate": "text"])
        try await browser.submit("/contact", ResetStory.typedNumber)
        try await browser.submit("/answer", ["code": server.latestCode(to: ResetStory.number)])
        #expect(browser.page.heading == "This is not enough to be sure it’s you")
        #expect(browser.page.says("Email") && browser.page.says("tomorrow"), "named, with the time from which it can be used")
        try await browser.open(browser.page.path)
        let stops = try await server.audit(of: ben).filter { $0.caseCode != nil }
        #expect(stops.count == 1)
        #expect(browser.page.says(try #require(stops.first?.caseCode)))
        #expect(try await server.messages().filter { $0.code == nil }.map(\.to) == ["ben@home.example"])
        let taken = try await browser.post(browser.page.path + "/password", ["csrf": "", "new": "x", "again": "x"])
        #expect(taken.status == 403)
    }

    @Test("“I can't use any of these” names somebody to ask, with the reference of the log")
    func cannot() async throws {
        let story = try await ResetStory()
        try await story.begin()
        try await story.browser.submit("/cannot")
        let event = try #require(try await story.server.audit(of: story.ada).last)
        #expect(event.activity == .resetProgress && !event.success)
        #expect(story.browser.page.says(try #require(event.caseCode)))
        try await story.browser.open(String(story.browser.page.path.prefix { $0 != "?" }))
        #expect(story.browser.page.title.contains("First proof"), "and back")
    }
}
