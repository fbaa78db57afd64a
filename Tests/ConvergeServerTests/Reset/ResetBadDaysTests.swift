import ConvergeCore
import Foundation
import HTTPTypes
import Testing

@testable import ConvergeServer

@Suite("A reset on bad days")
struct ResetBadDaysTests {
    @Test("fifteen minutes for the whole, and not a millisecond more")
    func expiry() async throws {
        let story = try await ResetStory(), server = story.server
        let begun = server.clock.now
        try await story.passBoth()
        let path = story.browser.page.path, late = story.browser.tab()
        server.clock.advance(by: (begun + .minutes(15) - Span(ms: 1)) - server.clock.now)
        try await story.browser.open(path)
        #expect(story.browser.page.heading == "Choose your new password")
        server.clock.advance(by: Span(ms: 1))
        try await late.submit("/password", ["new": ResetStory.newPassword, "again": ResetStory.newPassword])
        #expect(late.page.status == 410 && late.page.links.contains { $0.href == "/reset-password" })
        #expect(try await story.activities().contains(.resetPassword) == false)
    }

    @Test("a double click, a second tab and the back button lead to where the reset is")
    func staleSteps() async throws {
        let story = try await ResetStory(), server = story.server, browser = story.browser
        try await story.begin()
        let atChoice = browser.tab()
        try await browser.submit("/gate", ["gate": "text"])
        try await browser.submit("/contact", ResetStory.typedNumber)
        let atCode = browser.tab(), code = try await server.latestCode(to: ResetStory.number)
        try await browser.submit("/answer", ["code": code])
        try await atCode.submit("/answer", ["code": code])
        #expect(atCode.page.title.contains("Second proof"), "the same code twice passes one gate")
        try await atChoice.submit("/gate", ["gate": "emailCode"])
        #expect(atChoice.page.title.contains("Second proof"))
        try await browser.submit("/gate", ["gate": "\(story.app).appCode"])
        try await browser.submit("/answer", ["code": browser.appCode(secret: ResetStory.appSecret)])
        let twin = browser.tab()
        try await story.setPassword()
        try await story.setPassword("another seven copper kettles", in: twin)
        #expect(twin.page.heading == "Your new password works")
        #expect(try await story.activities().filter { $0 == .resetPassword }.count == 1)
        try await browser.signIn("ada", ResetStory.newPassword)
        #expect(browser.page.status == 200, "the first one counts")
    }

    @Test("one right code posted many times at once passes one gate")
    func parallel() async throws {
        let story = try await ResetStory(), server = story.server, browser = story.browser
        try await story.begin()
        try await browser.submit("/gate", ["gate": "text"])
        try await browser.submit("/contact", ResetStory.typedNumber)
        let code = try await server.latestCode(to: ResetStory.number)
        let form = try #require(browser.page.forms.first { $0.action.hasSuffix("/answer") })
        let cookies = browser.cookies.map { "\($0.key)=\($0.value)" }.joined(separator: "; ")
        let body = form.hidden.merging(["code": code]) { $1 }.map {
            PercentEncoding.encode($0.key) + "=" + PercentEncoding.encode($0.value)
        }
        .joined(separator: "&")
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<20 {
                group.addTask {
                    _ = try await server.send(
                        .post, form.action,
                        headers: [.cookie: cookies, .contentType: "application/x-www-form-urlencoded", .origin: "http://localhost:8080"],
                        body: body)
                }
            }
            try await group.waitForAll()
        }
        #expect(try await story.steps().filter { $0 == "gate 1 passed" }.count == 1)
        try await browser.open(browser.page.path)
        #expect(browser.page.title.contains("Second proof"))
    }

    @Test("a restart between any two steps loses nothing")
    func restart() async throws {
        let story = try await ResetStory()
        var browser = story.browser
        func restart() async throws {
            browser = browser.tab(on: try await TestServer(folder: story.server.folder, clock: story.server.clock))
        }
        try await browser.open("/reset-password")
        try await restart()
        try await browser.submit("/reset-password", ["name": "ada"])
        try await restart()
        try await browser.submit("/reason", ["reason": "forgot"])
        try await restart()
        try await browser.submit("/gate", ["gate": "text"])
        try await restart()
        try await browser.submit("/contact", ResetStory.typedNumber)
        try await restart()
        try await browser.submit("/answer", ["code": browser.server.latestCode(to: ResetStory.number)])
        try await restart()
        try await browser.submit("/gate", ["gate": "\(story.app).appCode"])
        try await restart()
        try await browser.submit("/answer", ["code": browser.appCode(secret: ResetStory.appSecret)])
        try await restart()
        try await story.setPassword(in: browser)
        #expect(browser.page.heading == "Your new password works")
    }

    @Test("a reset belongs to the browser that began it")
    func otherBrowser() async throws {
        let story = try await ResetStory(), thief = TestBrowser(story.server)
        try await story.passBoth()
        try await thief.open(story.browser.page.path)
        #expect(thief.page.status == 410)
        try await thief.open("/reset-password")
        let csrf = try #require(thief.page.forms.first?.hidden["csrf"])
        try await thief.post(
            story.browser.page.path + "/password", ["csrf": csrf, "new": ResetStory.newPassword, "again": ResetStory.newPassword])
        #expect(thief.page.status == 410)
    }

    @Test("steps out of order change nothing")
    func outOfOrder() async throws {
        let story = try await ResetStory(), browser = story.browser
        try await story.begin()
        let path = browser.page.path, csrf = try #require(browser.page.forms.first?.hidden["csrf"])
        for (action, fields) in [
            ("unlock", [:]), ("password", ["new": ResetStory.newPassword, "again": ResetStory.newPassword]), ("answer", ["code": "123456"]),
            ("again", [:]), ("change", [:]), ("gate", ["gate": "\(story.app).appCode"]), ("gate", ["gate": "recoveryCode"]),
            ("nonsense", [:]),
        ] {
            try await browser.post("\(path)/\(action)", fields.merging(["csrf": csrf]) { $1 })
            #expect(browser.page.status == 200 && browser.page.title.contains("First proof"), "\(action)")
        }
        let activities = try await story.activities()
        #expect(!activities.contains(.unlocked) && !activities.contains(.resetPassword))
    }

    @Test("five wrong codes after a proof end the reset; five such resets a day pause the rest, but not in a known browser")
    func afterAProof() async throws {
        let story = try await ResetStory(), server = story.server, browser = story.browser
        let own = TestBrowser(server)
        try await own.signIn("ada")
        try await own.submit("/answer", ["code": own.appCode(secret: ResetStory.appSecret)])
        for round in 1...5 {
            server.clock.advance(by: .minutes(61))
            try await story.passFirst()
            try await browser.submit("/gate", ["gate": "\(story.mail).emailCode"])
            for _ in 0..<(round == 1 ? 5 : 1) { try await browser.submit("/answer", ["code": "999"]) }
            if round == 1 { #expect(browser.page.says("this attempt ends here")) }
        }
        server.clock.advance(by: .minutes(61))
        try await story.passFirst()
        #expect(browser.page.heading == "Please wait a while", "told, and until when, after a proof")
        let path = browser.page.path
        let csrf = try #require(try await browser.tab().open("/reset-password").forms.first?.hidden["csrf"])
        try await browser.post("\(path)/gate", ["csrf": csrf, "gate": "\(story.app).appCode"])
        #expect(browser.page.heading == "Please wait a while")
        #expect(try await story.activities().filter { $0 == .resetBlocked }.count == 1)
        try await story.passFirst(in: own)
        #expect(own.page.title.contains("Second proof"))
        server.clock.advance(by: .hours(24))
        try await story.passBoth()
        #expect(browser.page.heading == "Choose your new password", "the next day it is open again")
    }

    @Test("the gateway down is told, before anything about the number, and another way stays open")
    func gatewayDown() async throws {
        let story = try await ResetStory(), server = story.server, browser = story.browser
        let instance = server.instance, now = server.clock.now
        try await instance.database.write { db in try instance.outbox.noteTrouble("text", at: now, db) }
        for name in ["ada", "nobody"] {
            try await story.begin(name)
            try await browser.submit("/gate", ["gate": "text"])
            try await browser.submit("/contact", ResetStory.typedNumber)
            #expect(browser.page.says("We can’t send codes right now"))
            #expect(browser.page.html.contains("07700 900184"), "nothing typed is lost")
        }
        try await story.begin()
        try await browser.submit("/gate", ["gate": "appCode"])
        try await browser.submit("/answer", ["code": browser.appCode(secret: ResetStory.appSecret)])
        #expect(browser.page.title.contains("Second proof"))
        try await instance.database.write { db in try instance.outbox.noteTrouble("mail", at: now, db) }
        try await browser.open(browser.page.path)
        #expect(browser.page.heading == "We can’t reach you right now", "never “not enough”")
        #expect(try await server.messages().filter { $0.code == nil }.isEmpty, "and nobody is alarmed")
    }

    @Test("at most three codes for one choice, any of them good; a fourth is refused")
    func sends() async throws {
        let story = try await ResetStory(), server = story.server, browser = story.browser
        try await story.begin()
        try await browser.submit("/gate", ["gate": "text"])
        try await browser.submit("/contact", ResetStory.typedNumber)
        let first = try await server.latestCode(to: ResetStory.number), until = browser.tab()
        server.clock.advance(by: .minutes(1))
        try await browser.open(browser.page.path.replacingOccurrences(of: "/contact", with: ""))
        #expect(browser.page.text == until.page.text, "reading the page again moves no time")
        try await browser.submit("/again")
        let offer = browser.tab()
        try await browser.submit("/again")
        #expect(!browser.page.forms.contains { $0.action.hasSuffix("/again") })
        try await offer.submit("/again")
        #expect(offer.page.status == 422)
        #expect(try await server.messages().count == 3)
        try await browser.submit("/answer", ["code": first])
        #expect(browser.page.title.contains("Second proof"))
    }

    @Test("a used code of the app is named and costs no try; a late code is named")
    func spentAndLate() async throws {
        let story = try await ResetStory(), server = story.server, browser = story.browser, own = TestBrowser(server)
        try await own.signIn("ada")
        let code = own.appCode(secret: ResetStory.appSecret)
        try await own.submit("/answer", ["code": code])
        try await story.begin()
        try await browser.submit("/gate", ["gate": "appCode"])
        try await browser.submit("/answer", ["code": code])
        #expect(browser.page.says("used already"))
        try await browser.submit("/answer", ["code": ""])
        #expect(browser.page.says("Type the code"))
        try await browser.submit("/answer", ["code": "12345"])
        #expect(browser.page.says("4 tries"))
        try await browser.submit("/back")
        try await browser.submit("/gate", ["gate": "text"])
        try await browser.submit("/contact", ResetStory.typedNumber)
        let sent = try await server.latestCode(to: ResetStory.number)
        server.clock.advance(by: .minutes(5))
        try await browser.submit("/answer", ["code": sent])
        #expect(browser.page.says("too old"))
    }

    @Test("a method that policy drops between challenge and answer proves nothing")
    func policyBetween() async throws {
        let story = try await ResetStory(), server = story.server, browser = story.browser
        try await story.passFirst()
        try await browser.submit("/gate", ["gate": "\(story.mail).emailCode"])
        let code = try await server.latestCode(to: ResetStory.address)
        try await server.changePolicy { $0.reset[0].allow = [.text, .appCode] }
        try await browser.submit("/answer", ["code": code])
        #expect(browser.page.title.contains("Second proof"))
        #expect(!browser.page.html.contains("emailCode"))
    }

    @Test("a password changed elsewhere between the proofs and the new one ends the reset")
    func changedElsewhere() async throws {
        let story = try await ResetStory(), server = story.server
        try await story.passBoth()
        let other = TestBrowser(server)
        server.clock.advance(by: .minutes(1))
        try await story.passBoth(in: other)
        try await story.setPassword(in: other)
        try await story.setPassword("a second pair of kettles sings")
        #expect(story.browser.page.status == 410)
        #expect(try await story.activities().filter { $0 == .resetPassword }.count == 1)
    }

    @Test("nothing typed is lost, an empty name is named, and many resets from one network are slowed down")
    func beginning() async throws {
        let server = try await TestServer(), browser = TestBrowser(server)
        try await browser.open("/reset-password")
        try await browser.submit("/reset-password", ["name": "  "])
        #expect(browser.page.status == 422)
        for time in 1...61 {
            try await browser.open("/reset-password")
            try await browser.submit("/reset-password", ["name": "x"])
            #expect(browser.page.status == (time <= 60 ? 200 : 429))
        }
    }
}
