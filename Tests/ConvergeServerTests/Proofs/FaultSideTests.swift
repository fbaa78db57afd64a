import ConvergeCore
import Foundation
import Testing

@testable import ConvergeServer

@Suite("Whatever statement fails, beside the main road too")
struct FaultSideTests {
    private static let number = "+447700900184", typed = ["country": "GB", "number": "07700 900184"]
    private static let secret = ResetStory.appSecret

    @Test("a wizard in which somebody looks around, chooses, changes the number and stops")
    func wizardAside() async throws {
        let walk = try await FaultWalk(), server = walk.server
        try await server.add("ada")
        try await walk.open("/sign-in")
        try await walk.submit("/sign-in", ["name": "ada", "password": TestServer.password])
        try await walk.submit("/start")
        try await walk.submit("/choices")
        try await walk.submit("/no-choice")
        try await walk.submit("/choices")
        try await walk.submit("/method", ["method": "email"])
        // The mailbox does not sign in, so the phone comes first.
        try await walk.submit("/phone", Self.typed)
        try await walk.submit("/change")
        try await walk.submit("/stop")
        #expect(walk.page.says("stopped"), "\(walk.page.text)")
        walk.expectPosts("wizardAside")
    }

    @Test("a code asked for again, a campaign put off, and a mailbox registered in the wizard")
    func campaign() async throws {
        var policy = PolicyDocument.initial
        policy.registration[0].requireForReset = false
        policy.reset[0].reconfirmDays = nil
        policy.campaigns = [CampaignRule(name: "An app for everybody", register: .appCode, snoozeDays: 2)]
        let walk = try await FaultWalk(policy: policy), server = walk.server, ben = try await server.add("ben")
        try await server.give(ben, .mobilePhone, content: CredentialContent(phone: PhoneNumber(e164: Self.number)), by: .text)
        try await walk.open("/sign-in")
        try await walk.submit("/sign-in", ["name": "ben", "password": TestServer.password])
        try await walk.submit("/send")
        try await walk.submit("/answer", ["code": server.latestCode(to: Self.number)])
        #expect(walk.page.heading == "Would you like a safer way to sign in?")
        try await walk.submit("/postpone")
        #expect(walk.page.path == "/")
        walk.changeBrowser()
        try await server.changePolicy {
            $0.campaigns = []
            $0.registration[0].requireForReset = true
        }
        server.clock.advance(by: .minutes(20))
        try await walk.open("/sign-in")
        try await walk.submit("/sign-in", ["name": "ben", "password": TestServer.password])
        try await walk.submit("/answer", ["code": server.latestCode(to: Self.number)])
        try await walk.submit("/start")
        try await walk.submit("/choices")
        try await walk.submit("/method", ["method": "email"])
        try await walk.submit("/email", ["email": ResetStory.address])
        try await walk.submit("/code", ["code": server.latestCode(to: ResetStory.address)])
        #expect(walk.page.heading == "Your recovery codes", "\(walk.page.text)")
        walk.expectPosts("campaign")
    }

    @Test("a review: a number of the directory confirmed, and on to a change")
    func review() async throws {
        let walk = try await FaultWalk(), server = walk.server
        try await household(server)
        for last in ["/review", "/review-change"] {
            try await walk.open("/sign-in")
            try await walk.submit("/sign-in", ["name": "ben", "password": TestServer.password])
            try await walk.submit("/answer", ["code": walk.browser.appCode(secret: Self.secret)])
            if last == "/review-change" {
                try await walk.submit("/confirm-start")
                try await walk.submit("/confirm-cancel")
                try await walk.submit("/confirm-start")
                try await walk.submit("/confirm")
                try await walk.submit("/code", ["code": server.latestCode(to: "+447700900111")])
            }
            try await walk.submit(last)
            #expect(walk.page.path == (last == "/review" ? "/" : "/security-info"), "\(walk.page.text)")
            walk.changeBrowser()
            // The next review.
            server.clock.advance(by: .days(200))
        }
        walk.expectPosts("review")
    }

    /// Ben: an app, perhaps a mailbox, and a number that only the directory knows.
    private func household(_ server: TestServer, mailbox: Bool = true) async throws {
        let ben = try await server.add("ben")
        try await server.give(ben, .totpApp, content: CredentialContent(secret: Self.secret), by: .appCode)
        if mailbox {
            try await server.give(ben, .email, content: CredentialContent(email: EmailAddress(ResetStory.address)), by: .emailCode)
        }
        try await server.give(
            ben, .mobilePhone, content: CredentialContent(phone: PhoneNumber(e164: "+447700900111")), by: .text, state: .unconfirmed,
            source: .directory)
        let cara = try await server.add("cara")
        try await server.give(cara, .totpApp, content: CredentialContent(secret: Self.secret), by: .appCode)
        try await server.give(cara, .mobilePhone, content: CredentialContent(phone: PhoneNumber(e164: "+447700900155")), by: .text)
    }

    @Test("a reset: another proof instead, another code, and nothing that helps")
    func resetAside() async throws {
        let walk = try await FaultWalk(), story = try await ResetStory(walk.server)
        try await walk.open("/reset-password")
        try await walk.submit("/reset-password", ["name": "ada"])
        try await walk.submit("/reason", ["reason": "forgot"])
        try await walk.submit("/gate", ["gate": "text"])
        try await walk.submit("/back")
        try await walk.submit("/gate", ["gate": "emailCode"])
        try await walk.submit("/contact", ["email": ResetStory.address])
        try await walk.submit("/again")
        try await walk.submit("/back")
        try await walk.submit("/cannot")
        #expect(try await story.activities().last == .resetProgress)
        walk.expectPosts("resetAside")
    }

    @Test("security info: a proof by text, the directory's number, a new method in place of the last, codes")
    func securityInfoAside() async throws {
        let walk = try await FaultWalk(), server = walk.server
        try await household(server)
        try await walk.open("/sign-in")
        try await walk.submit("/sign-in", ["name": "ben", "password": TestServer.password])
        try await walk.submit("/answer", ["code": walk.browser.appCode(secret: Self.secret)])
        try await walk.submit("/review-change")
        try await walk.submit("/security-info/confirm")
        try await walk.submit("/wrong")
        try await walk.submit("/phone", Self.typed)
        try await walk.submit("/change")
        try await walk.submit("/phone", Self.typed)
        try await walk.submit("/again")
        try await walk.submit("/code", ["code": server.latestCode(to: Self.number)])
        #expect(walk.page.path.hasPrefix("/security-info?"), "\(walk.page.text)")
        try await walk.open("/security-info/codes")
        try await walk.submit("/security-info/codes")
        try await walk.submit("/security-info/codes/kept")
        server.clock.advance(by: .minutes(11))
        try await walk.open("/security-info/add")
        let uses = walk.page.forms.first { $0.action.hasSuffix("/use") }?.buttons.map(\.value) ?? []
        try await walk.submit("/use", ["use": try #require(uses.first { $0.hasSuffix(".text") }, "\(walk.page.text)")])
        try await walk.submit("/send")
        try await walk.submit("/answer", ["code": server.latestCode(to: Self.number)])
        #expect(walk.page.path == "/security-info/add", "\(walk.page.text)")
        try await walk.post("/security-info/replace", try #require(walk.page.forms.first).hidden.merging(["method": "totpApp"]) { $1 })
        let key = try #require(walk.page.key)
        try await walk.submit("/code", ["code": walk.browser.appCode(secret: key)])
        walk.expectPosts("securityInfoAside")
    }

    @Test("a wizard that asks for security questions")
    func sets() async throws {
        let walk = try await FaultWalk(), server = walk.server
        try await server.changePolicy {
            $0.mfa = []
            $0.reset[0].allow = [.emailCode, .securityQuestions]
            $0.reset[0].gates = 2
            $0.registration = [RegistrationRule(name: "Register", requireForMFA: false, requireForReset: true, recoveryCodes: false)]
        }
        try await server.add("ben")
        try await walk.open("/sign-in")
        try await walk.submit("/sign-in", ["name": "ben", "password": TestServer.password])
        try await walk.submit("/start")
        try await walk.submit("/email", ["email": "ben@mail.example"])
        try await walk.submit("/code", ["code": server.latestCode(to: "ben@mail.example")])
        try await walk.submit("/enrol", Self.answers)
        try await walk.submit("/finish")
        #expect(walk.page.path == "/", "\(walk.page.text)")
        walk.expectPosts("sets")
    }

    static let answers = [
        "question-1": "first-pet", "answer-1": "Mr. Whiskers", "question-2": "first-car", "answer-2": "green Mini",
        "question-3": "soft-toy", "answer-3": "Bertram",
    ]

    @Test("security info: an app password, a set of questions")
    func ownThings() async throws {
        let walk = try await FaultWalk(), server = walk.server
        try await server.changePolicy {
            $0.registration = []
            $0.reset[0].allow.insert(.securityQuestions)
            $0.methods.appPasswords.allowed = true
        }
        try await household(server)
        try await walk.open("/sign-in")
        try await walk.submit("/sign-in", ["name": "ben", "password": TestServer.password])
        try await walk.submit("/answer", ["code": walk.browser.appCode(secret: Self.secret)])
        try await walk.open("/security-info/app-passwords")
        try await walk.submit("/security-info/app-passwords", ["name": "Mail", "service": "imap"])
        try await walk.open("/security-info/add")
        try await walk.post(
            "/security-info/add", try #require(walk.page.forms.first).hidden.merging(["method": "securityQuestions"]) { $1 })
        try await walk.submit("/enrol", Self.answers)
        #expect(walk.page.path.hasPrefix("/security-info?"), "\(walk.page.text)")
        walk.expectPosts("ownThings")
    }

    @Test("the phone is lost at a sign-in; a new app, taken back; then the app is lost too")
    func phoneGone() async throws {
        let walk = try await FaultWalk(), server = walk.server
        try await server.changePolicy { $0.registration = [] }
        try await household(server)
        try await walk.open("/sign-in")
        try await walk.submit("/sign-in", ["name": "cara", "password": TestServer.password])
        try await walk.open(walk.page.path + "?view=phone-lost")
        let phone = try #require(walk.page.html.firstMatch(of: /name="(lost-[^"]+)"[^>]*><span>Mobile/)).output.1.description
        try await walk.submit("/lost", [phone: "yes"])
        try await walk.open(walk.page.path + "?view=next")
        try await walk.submit("/answer", ["code": walk.browser.appCode(secret: Self.secret)])
        server.clock.advance(by: .seconds(30))
        try await walk.open("/security-info/new-phone")
        let form = try #require(walk.page.forms.first { $0.action == "/security-info/replace" }, "\(walk.page.text)")
        try await walk.post(form.action, form.hidden)
        try await walk.submit("/code", ["code": walk.browser.appCode(secret: try #require(walk.page.key))])
        try await walk.open("/security-info")
        try await walk.submit("/security-info/undo")
        try await walk.open("/security-info/lost")
        let app = try #require(walk.page.html.firstMatch(of: /name="(lost-[^"]+)"/)).output.1.description
        try await walk.submit("/security-info/lost", [app: "yes"])
        #expect(walk.page.heading == "Your phone is switched off", "\(walk.page.text)")
        walk.expectPosts("phoneGone")
    }

    @Test("security info: the directory's number is right, a mailbox more")
    func contacts() async throws {
        let walk = try await FaultWalk(), server = walk.server
        try await server.changePolicy { $0.registration = [] }
        try await household(server, mailbox: false)
        try await walk.open("/sign-in")
        try await walk.submit("/sign-in", ["name": "ben", "password": TestServer.password])
        try await walk.submit("/answer", ["code": walk.browser.appCode(secret: Self.secret)])
        try await walk.open("/security-info")
        try await walk.submit("/security-info/confirm")
        try await walk.submit("/confirm")
        try await walk.submit("/code", ["code": server.latestCode(to: "+447700900111")])
        #expect(walk.page.says("You confirmed your mobile phone"), "\(walk.page.text)")
        try await walk.open("/security-info/add")
        try await walk.submit("/security-info/add", ["method": "email"])
        try await walk.submit("/email", ["email": "ben@elsewhere.example"])
        try await walk.submit("/code", ["code": server.latestCode(to: "ben@elsewhere.example")])
        #expect(walk.page.path.hasPrefix("/security-info?"), "\(walk.page.text)")
        walk.expectPosts("contacts")
    }

    @Test("the profile: one browser signed out, all forgotten, everybody out; and “this wasn’t me” from the list")
    func profile() async throws {
        let walk = try await FaultWalk(), story = try await ResetStory(walk.server), server = walk.server
        try await server.changePolicy { $0.registration = [] }
        let other = TestBrowser(server)
        try await other.signIn("ada")
        try await other.submit("/answer", ["code": other.appCode(secret: Self.secret), "remember": "on"])
        server.clock.advance(by: .seconds(30))
        func signIn() async throws {
            walk.changeBrowser()
            try await walk.open("/sign-in")
            try await walk.submit("/sign-in", ["name": "ada", "password": TestServer.password])
            try await walk.submit("/answer", ["code": walk.browser.appCode(secret: Self.secret)])
            server.clock.advance(by: .seconds(30))
        }
        try await signIn()
        try await walk.open("/profile")
        try await walk.submit("/profile/sessions/end")
        #expect(walk.page.says("That browser is signed out"))
        try await walk.submit("/profile/forget-browsers")
        try await walk.open("/sign-out-everywhere")
        try await walk.submit("/sign-out-everywhere")
        try await signIn()
        try await walk.open("/security-info/delete/\(story.mail)")
        try await walk.submit("/security-info/delete/\(story.mail)")
        try await walk.open("/activity")
        try await walk.open(try #require(walk.page.links.first { $0.href.hasPrefix("/activity/not-me/") }?.href))
        let action = try #require(walk.page.forms.first { $0.action.hasPrefix("/activity/not-me/") }).action
        try await walk.submit(action)
        #expect(try await story.activities().contains(.reportedNotMe))
        walk.expectPosts("profile")
    }
}
