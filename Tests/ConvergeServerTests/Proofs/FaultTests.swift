import ConvergeCore
import Foundation
import Testing

@testable import ConvergeServer

@Suite("Whatever statement fails, nothing is half done and the story goes on")
struct FaultTests {
    private static let number = "+447700900184", typed = ["country": "GB", "number": "07700 900184"]

    @Test("somebody new signs in and registers app and phone")
    func wizard() async throws {
        let walk = try await FaultWalk(), server = walk.server
        let ada = try await server.add("ada", display: "Ada Okafor")
        try await walk.open("/sign-in?return=/profile")
        try await walk.submit("/sign-in", ["name": "ada", "password": TestServer.password])
        try await walk.submit("/start")
        let key = try #require(walk.page.key)
        try await walk.submit("/code", ["code": "000000"])
        try await walk.submit("/code", ["code": walk.browser.appCode(secret: key)])
        try await walk.submit("/phone", Self.typed)
        try await walk.submit("/again")
        try await walk.submit("/code", ["code": server.latestCode(to: Self.number)])
        #expect(walk.page.heading == "Your recovery codes")
        try await walk.submit("/kept", ["kept": "on"])
        try await walk.submit("/finish")
        #expect(walk.page.path == "/profile")
        let activities = try await server.audit(of: ada).filter(\.success).map(\.activity)
        #expect(activities.filter { $0 == .registered }.count == 3 && activities.last == .signedIn)
        #expect(walk.failures > 150, "\(walk.failures) failures in \(walk.steps) steps")
        walk.expectPosts("wizard")
    }

    @Test("calls: a phone registered, a second one, a sign-in, a fraud reported, each key decided or not at all")
    func calls() async throws {
        let walk = try await FaultWalk(policy: CallKit.policy(), configure: { $0.carrier = CallKit.settings }), server = walk.server
        let ada = try await server.add("ada"), call = ["CallSid": "CA1"]
        try await walk.open("/sign-in?return=/profile")
        try await walk.submit("/sign-in", ["name": "ada", "password": TestServer.password])
        try await walk.submit("/start")
        try await walk.submit("/phone", Self.typed.merging(["by": "call"]) { $1 })
        var path = try await server.latestCallPath()
        try await walk.report(path, call)
        try await walk.report(path + "/key", call.merging(["Digits": "#"]) { $1 })
        try await walk.submit("/enrol")
        try await walk.submit("/finish")
        #expect(walk.page.path == "/profile")
        try await walk.post("/security-info/add", ["method": "alternatePhone", "csrf": walk.page.forms.first?.hidden["csrf"] ?? ""])
        try await walk.submit("/phone", ["country": "GB", "number": "07700 900199"])
        path = try await server.latestCallPath()
        try await walk.report(path + "/key", ["CallSid": "CA2", "Digits": "#"])
        try await walk.submit("/enrol")
        #expect(walk.page.path.hasPrefix("/security-info"))
        try await walk.open("/sign-out")
        try await walk.submit("/sign-out")
        try await walk.open("/sign-in")
        try await walk.submit("/sign-in", ["name": "ada", "password": TestServer.password])
        path = try await server.latestCallPath()
        try await walk.report(path + "/status", ["CallSid": "CA3", "CallStatus": "ringing"])
        try await walk.report(path + "/key", ["CallSid": "CA3", "Digits": "#"])
        try await walk.submit("/answer")
        #expect(walk.page.path == "/")
        try await fraud(walk)
        #expect(try await server.audit(of: ada).filter(\.success).map(\.activity).contains(.fraudReported))
        walk.expectPosts("calls")
    }

    @Test("the app: connected, asked, approved, refused; each answer is taken or not at all")
    func authenticator() async throws {
        let walk = try await FaultWalk(policy: AppKit.policy), server = walk.server, phone = TestPhone(server)
        let ada = try await server.add("ada")
        try await walk.open("/sign-in?return=/profile")
        try await walk.submit("/sign-in", ["name": "ada", "password": TestServer.password])
        try await walk.submit("/start")
        let code = walk.page.activation
        try await walk.app(phone) { try await $0.activate(code) }
        try await walk.submit("/enrol")
        var number = walk.page.number
        try await walk.app(phone) { _ = try await $0.poll() }
        var asked = try await phone.asked()
        try await walk.app(phone) { [asked, number] in try await $0.answer(asked, number: number) }
        try await walk.submit("/enrol")
        try await walk.submit("/finish")
        #expect(walk.page.path == "/profile", "\(walk.page.heading)")
        let key = phone.publicKey, secret = Base64URL.encode([UInt8](repeating: 1, count: 16))
        try await walk.app(phone) { try await $0.subscribe("https://fcm.googleapis.com/a", key, secret) }
        for decision in [AppDecision.approve, .fraud] {
            server.clock.advance(by: .minutes(11))
            try await walk.open("/sign-out")
            try await walk.submit("/sign-out")
            try await walk.open("/sign-in")
            try await walk.submit("/sign-in", ["name": "ada", "password": TestServer.password])
            (number, asked) = (walk.page.number, try await phone.asked())
            try await walk.app(phone) { [asked, number] in try await $0.answer(asked, decision, number: decision == .approve ? number : "")
            }
            if decision == .approve { try await walk.submit("/answer") }
        }
        #expect(try await server.audit(of: ada).filter(\.success).map(\.activity).contains(.fraudReported))
        walk.expectPosts("authenticator")
    }

    /// The next sign-in is reported as somebody else's; and a text of before did not arrive.
    private func fraud(_ walk: FaultWalk) async throws {
        let server = walk.server, instance = server.instance, now = server.clock.now
        try await walk.open("/sign-out")
        try await walk.submit("/sign-out")
        try await walk.open("/sign-in")
        try await walk.submit("/sign-in", ["name": "ada", "password": TestServer.password])
        let message = try await server.latestCall(), path = try await server.latestCallPath()
        try await walk.report(path + "/key", ["CallSid": "CA4", "Digits": "0"])
        try await walk.report(path + "/report", ["CallSid": "CA4", "Digits": "#"])
        let text = OutboxMessage(kind: .text, to: Self.number, body: "a notice")
        try await instance.database.write { db in
            try instance.outbox.insert(text, id: "text-1", person: nil, notAfter: now + .minutes(5), now: now, db)
        }
        try await walk.report("/callbacks/text/text-1", ["MessageSid": "SM1", "MessageStatus": "failed", "To": Self.number])
        instance.box?.put(message, id: "call-1", at: now)
        try await walk.open("/dev/outbox")
        try await walk.submit("/dev/calls", ["press": "approve"])
    }

    @Test("the next sign-in with the app, from a text to the app, and out again")
    func challenge() async throws {
        let walk = try await FaultWalk(), server = walk.server, key = Secret(bytes: Array(0..<20))
        let ada = try await server.add("ada")
        try await server.give(ada, .mobilePhone, content: CredentialContent(phone: PhoneNumber(e164: Self.number)), by: .text)
        let app = try await server.give(ada, .totpApp, content: CredentialContent(secret: key), by: .appCode)
        try await server.changePolicy { $0.registration = [] }
        try await walk.open("/sign-in")
        try await walk.submit("/sign-in", ["name": "ada", "password": "something else"])
        try await walk.submit("/sign-in", ["name": "ada", "password": TestServer.password])
        let uses = walk.page.forms.first { $0.action.hasSuffix("/use") }?.buttons.map(\.value) ?? []
        try await walk.submit("/use", ["use": try #require(uses.first { $0.hasSuffix(".text") })])
        try await walk.submit("/use", ["use": "\(app).appCode"])
        try await walk.submit("/answer", ["code": "000000"])
        try await walk.submit("/answer", ["code": walk.browser.appCode(secret: key)])
        #expect(walk.page.path == "/")
        try await walk.open("/sign-out")
        try await walk.submit("/sign-out")
        #expect(try await server.audit(of: ada).filter(\.success).map(\.activity).suffix(3) == [.challengeAnswered, .signedIn, .signedOut])
        walk.expectPosts("challenge")
    }

    @Test("an access pass and a recovery code are spent with the step that they open, or not at all")
    func emergency() async throws {
        let walk = try await FaultWalk(), server = walk.server, instance = server.instance
        let ada = try await server.add("ada")
        try await server.give(ada, .mobilePhone, content: CredentialContent(phone: PhoneNumber(e164: Self.number)), by: .text)
        try await server.changePolicy { $0.registration[0].requireForReset = false }
        let pass = try await Administration(instance).makePass("ada", .init()).pass.text
        try await walk.open("/sign-in/pass")
        try await walk.submit("/sign-in/pass", ["name": "ada", "pass": "AAAA-AAAA"])
        try await walk.submit("/sign-in/pass", ["name": "ada", "pass": pass])
        #expect(walk.page.path == "/", "\(walk.page.heading)")
        try await walk.open("/security-info/codes")
        try await walk.submit("/security-info/codes")
        let code = try #require(walk.page.html.firstMatch(of: /<li[^>]*>\s*([A-Z0-9]{5}-[A-Z0-9]{5})/).map { String($0.1) })
        walk.changeBrowser()
        try await walk.open("/sign-in")
        try await walk.submit("/sign-in", ["name": "ada", "password": TestServer.password])
        let uses = walk.page.forms.first { $0.action.hasSuffix("/use") }?.buttons.map(\.value) ?? []
        try await walk.submit("/use", ["use": try #require(uses.first { $0.hasSuffix(".recoveryCode") })])
        try await walk.submit("/answer", ["code": code])
        #expect(walk.page.path == "/", "\(walk.page.heading)")
        walk.expectPosts("emergency")
    }

    @Test("a reset with two proofs")
    func reset() async throws {
        let walk = try await FaultWalk(), story = try await ResetStory(walk.server), server = walk.server
        try await walk.open("/reset-password")
        try await walk.submit("/reset-password", ["name": "ada"])
        try await walk.submit("/reason", ["reason": "forgot"])
        try await walk.submit("/gate", ["gate": "text"])
        try await walk.submit("/contact", ["country": "GB", "number": "07700 900999"])
        try await walk.submit("/change")
        try await walk.submit("/contact", ResetStory.typedNumber)
        try await walk.submit("/answer", ["code": "000000"])
        try await walk.submit("/answer", ["code": server.latestCode(to: ResetStory.number)])
        try await walk.submit("/gate", ["gate": "\(story.app).appCode"])
        try await walk.submit("/answer", ["code": walk.browser.appCode(secret: ResetStory.appSecret)])
        try await walk.submit("/password", ["new": "short", "again": "short"])
        try await walk.submit("/password", ["new": ResetStory.newPassword, "again": ResetStory.newPassword])
        #expect(walk.page.heading == "Your new password works")
        #expect(try await story.activities().filter { $0 == .resetPassword }.count == 1)
        let browser = TestBrowser(server)
        try await browser.signIn("ada", ResetStory.newPassword)
        #expect(browser.page.heading == "Enter the code from your authenticator app")
        walk.expectPosts("reset")
    }

    @Test("a reset for a name that does not exist, and an unlock")
    func resetOfNobody() async throws {
        let walk = try await FaultWalk(), story = try await ResetStory(walk.server)
        try await walk.open("/reset-password")
        try await walk.submit("/reset-password", ["name": "nobody"])
        try await walk.submit("/reason", ["reason": "forgot"])
        try await walk.submit("/gate", ["gate": "text"])
        try await walk.submit("/contact", ResetStory.typedNumber)
        try await walk.submit("/answer", ["code": "000000"])
        walk.changeBrowser()
        try await walk.open("/reset-password")
        try await walk.submit("/reset-password", ["name": "ada"])
        try await walk.submit("/reason", ["reason": "locked"])
        try await walk.submit("/gate", ["gate": "emailCode"])
        try await walk.submit("/contact", ["email": ResetStory.address])
        try await walk.submit("/answer", ["code": walk.server.latestCode(to: ResetStory.address)])
        try await walk.submit("/gate", ["gate": "\(story.app).appCode"])
        try await walk.submit("/answer", ["code": walk.browser.appCode(secret: ResetStory.appSecret)])
        try await walk.submit("/unlock")
        #expect(walk.page.heading == "Your account is unlocked")
        walk.expectPosts("resetOfNobody")
    }

    @Test("security info: proof, add, change, default, delete, password, “this wasn’t me”")
    func securityInfo() async throws {
        let walk = try await FaultWalk(), story = try await ResetStory(walk.server), server = walk.server
        try await walk.open("/sign-in")
        try await walk.submit("/sign-in", ["name": "ada", "password": TestServer.password])
        try await walk.submit("/answer", ["code": walk.browser.appCode(secret: ResetStory.appSecret)])
        server.clock.advance(by: .minutes(11))
        try await walk.open("/security-info")
        try await walk.submit("/answer", ["code": walk.browser.appCode(secret: ResetStory.appSecret)])
        #expect(walk.page.path == "/security-info", "\(walk.page.heading)")
        try await walk.open("/security-info/add")
        try await walk.submit("/security-info/add", ["method": "totpApp"])
        let key = try #require(walk.page.key)
        try await walk.submit("/code", ["code": walk.browser.appCode(secret: key)])
        let phone = try #require(walk.page.forms.first { $0.hidden["credential"] == story.phone.text }).hidden
        try await walk.post("/security-info/change", phone)
        try await walk.submit("/phone", ["country": "GB", "number": "07700 900999"])
        try await walk.submit("/code", ["code": server.latestCode(to: "+447700900999")])
        try await walk.open("/security-info/default")
        try await walk.submit("/security-info/default", ["default": "\(story.app).appCode"])
        try await walk.open("/security-info/delete/\(story.mail)")
        try await walk.submit("/security-info/delete/\(story.mail)")
        try await walk.open("/password")
        let new = "seven grey herons in fog"
        try await walk.submit("/password", ["current": TestServer.password, "new": new, "again": new])
        walk.changeBrowser()
        try await walk.open(try await server.notMeLink())
        try await walk.submit("/not-me")
        #expect(walk.page.heading == "Thank you for telling us")
        #expect(walk.survived <= 2, "only the idle limit may")
        walk.expectPosts("securityInfo")
    }

    @Test("passkeys: in a wizard, one more with a name, as second step and without a password")
    func passkeys() async throws {
        let walk = try await FaultWalk(), server = walk.server, first = SoftKey(), second = SoftKey()
        try await server.changePolicy {
            $0.mfa[0].allow = [.passkey]
            $0.reset = []
        }
        let ada = try await server.add("ada")
        try await walk.open("/sign-in")
        try await walk.submit("/sign-in", ["name": "ada", "password": TestServer.password])
        try await walk.submit("/start")
        try await walk.submit("/enrol", ["problem": "cancelled"])
        try await walk.submit("/enrol", first.create(walk.page))
        try await walk.submit("/kept", ["kept": "on"])
        try await walk.submit("/finish")
        try await walk.open("/security-info/add")
        try await walk.submit("/security-info/add", ["method": "passkey"])
        try await walk.submit("/enrol", second.create(walk.page, name: "Second"))
        let id = try #require(walk.page.html.firstMatch(of: /\/security-info\/rename\/([A-Za-z0-9_-]+)/)).1
        try await walk.open("/security-info/rename/\(id)")
        try await walk.submit("/security-info/rename/\(id)", ["name": "First"])
        try await walk.open("/sign-out")
        try await walk.submit("/sign-out")
        try await walk.open("/sign-in")
        try await walk.submit("/sign-in/passkey", ["problem": "cancelled"])
        try await walk.submit("/sign-in/passkey", first.use(walk.page))
        #expect(walk.page.path == "/", "\(walk.page.text)")
        walk.changeBrowser()
        try await walk.open("/sign-in")
        try await walk.submit("/sign-in", ["name": "ada", "password": TestServer.password])
        try await walk.submit("/answer", second.use(walk.page))
        #expect(walk.page.path == "/", "\(walk.page.text)")
        #expect(try await server.audit(of: ada).filter { $0.activity == .registered && $0.success }.count == 3)
        walk.expectPosts("passkeys")
    }

    @Test("the first administrator, and a password that must be changed")
    func setUp() async throws {
        let walk = try await FaultWalk(), server = walk.server, administration = Administration(server.instance)
        let code = try await administration.makeAdminCode().text
        try await walk.open("/setup")
        try await walk.submit(
            "/setup",
            [
                "code": code, "name": "dana", "display": "Dana", "email": "", "new": "nine brown bears at sea",
                "again": "nine brown bears at sea",
            ])
        #expect(walk.page.heading == "Sign in", "\(walk.page.text)")
        try await server.changePolicy {
            $0.registration = []; $0.mfa[0].required = false
        }
        let password = try await administration.add(.init(name: "eve", displayName: "Eve")).text
        walk.changeBrowser()
        try await walk.open("/sign-in")
        try await walk.submit("/sign-in", ["name": "eve", "password": password])
        let new = "four green kites by noon"
        try await walk.submit("/password", ["new": new, "again": new])
        #expect(walk.page.path == "/", "\(walk.page.heading)")
        walk.expectPosts("setUp")
    }

    @Test("an answer that is lost after its transaction: asked again, the page shows where things are, and nothing happens twice")
    func lostAnswers() async throws {
        let walk = try await FaultWalk(), server = walk.server, ada = try await server.add("ada")
        try await walk.open("/sign-in")
        try await walk.submitLosingAnswer("/sign-in", ["name": "ada", "password": TestServer.password])
        try await walk.submitLosingAnswer("/start")
        let key = try #require(walk.page.key)
        try await walk.submitLosingAnswer("/code", ["code": walk.browser.appCode(secret: key)])
        try await walk.submitLosingAnswer("/phone", Self.typed)
        try await walk.submitLosingAnswer("/code", ["code": server.latestCode(to: Self.number)])
        #expect(walk.page.heading == "Your recovery codes", "shown although the first answer with them was lost")
        try await walk.submitLosingAnswer("/kept", ["kept": "on"])
        let registered = try await server.audit(of: ada).filter { $0.activity == .registered && $0.success }
        #expect(registered.count == 3)
    }
}

extension TestServer {
    /// The newest "this wasn't me" link in a message.
    func notMeLink() async throws -> String {
        let bodies = try await messages().map(\.body)
        return String(
            try #require(bodies.lazy.compactMap { $0.firstMatch(of: /http:\/\/localhost:8080(\/not-me\/[A-Za-z0-9_-]+)/) }.first).1)
    }
}
