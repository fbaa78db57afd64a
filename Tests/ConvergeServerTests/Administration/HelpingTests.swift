import ConvergeCore
import Testing

@testable import ConvergeServer

@Suite("Helping people from the command line")
struct HelpingTests {
    private static let phone = "+447700900131", mailbox = "ben@post.example"

    /// Ben has a phone and a mailbox; Dana and Erin are administrators with mailboxes.
    private func server() async throws -> TestServer {
        let server = try await TestServer(policy: PolicyDocument(mfa: [], reset: [], registration: []))
        let ben = try await server.add("ben")
        try await server.give(
            ben, .mobilePhone, content: CredentialContent(phone: PhoneNumber(e164: Self.phone)!), by: .text, ago: .days(91))
        try await server.give(ben, .email, content: CredentialContent(email: EmailAddress(Self.mailbox)!), by: .emailCode)
        try await server.add("dana@post.example", display: "Dana Whitfield", roles: [.globalAdministrator])
        try await server.add("erin@post.example", roles: [.helpdesk])
        return server
    }

    @Test func `a new password is told at every contact point, opens locks and ends sessions`() async throws {
        let server = try await server(), browser = TestBrowser(server)
        try await browser.signIn("ben")
        #expect(try await browser.open("/profile").status == 200)
        let stranger = TestBrowser(server)
        for number in 0..<10 { try await stranger.signIn("ben", "wrong \(number)") }
        #expect(try await server.administration.show("ben").lockedUntil != nil)
        let password = try await server.administration.resetPassword("ben")
        #expect(try await server.administration.show("ben").lockedUntil == nil)
        let messages = try await server.waiting()
        #expect(messages.map(\.to) == [Self.phone, Self.mailbox])
        for message in messages {
            #expect(message.body.contains("assword") && message.body.contains("/not-me/") && !message.body.contains(password.text))
        }
        #expect(try await browser.open("/profile").path.hasPrefix("/sign-in"))
        #expect(try await TestBrowser(server).signIn("ben", password.text).says("Choose"))
        let rows = try await server.administration.audit(.init(person: "ben"))
        #expect(rows.contains { $0.activity == AuditActivity.resetByAdmin.rawValue && $0.actor == "command line" })
    }

    @Test func `the other administrators are told when one of them gets a password or a pass`() async throws {
        let server = try await server()
        _ = try await server.administration.resetPassword("dana@post.example")
        let pass = try await server.administration.makePass("dana@post.example", .init())
        let others = try await server.waiting().filter { $0.to == "erin@post.example" }
        #expect(others.count == 2)
        for message in others {
            #expect(message.body.contains("Dana Whitfield") && !message.body.contains("not-me") && !message.body.contains(pass.pass.text))
        }
        #expect(try await server.waiting().filter { $0.to == "dana@post.example" }.count == 2)
        #expect(try await server.waiting().filter { $0.to == Self.mailbox }.isEmpty)
    }

    @Test func `a policy that tells nobody of resets does not silence what administrators do`() async throws {
        let server = try await server()
        try await server.changePolicy {
            $0.reset = [ResetRule(name: "Quiet", gates: 1, allow: [.text], notifyPerson: false, notifyAdministrators: false)]
        }
        _ = try await server.administration.resetPassword("dana@post.example")
        #expect(try await Set(server.waiting().map(\.to)) == ["dana@post.example", "erin@post.example"])
    }

    @Test func `unlocking opens both locks and changes nothing that is held`() async throws {
        let server = try await server(), before = try await server.record("ben").person
        let browser = TestBrowser(server)
        for number in 0..<10 { try await browser.signIn("ben", "wrong \(number)") }
        #expect(try await browser.signIn("ben").path.hasPrefix("/sign-in"))
        #expect(try await server.administration.unlock("ben"))
        #expect(try await server.record("ben").person == before)
        #expect(try await browser.signIn("ben").path == "/")
        #expect(try await !server.administration.unlock("ben"))
    }

    @Test func `a blocked account says so after the right password; unblocking opens it`() async throws {
        let server = try await server(), browser = TestBrowser(server)
        try await browser.signIn("ben")
        try await server.administration.block("ben", reason: "reported by phone")
        #expect(try await browser.open("/").path.hasPrefix("/sign-in"))
        #expect(try await server.administration.show("ben").blockedBecause == "reported by phone")
        let page = try await TestBrowser(server).signIn("ben")
        #expect(page.says("blocked") || page.heading.contains("blocked"), "\(page.heading)")
        await #expect(throws: Administration.Problem.self) { try await server.administration.block("ben", reason: "again") }
        await #expect(throws: Administration.Problem.self) { try await server.administration.enable("ben") }
        try await server.administration.unblock("ben", reason: "it was a mistake")
        #expect(try await TestBrowser(server).signIn("ben").path == "/")
        let rows = try await server.administration.audit(.init(category: "Administration", person: "ben"))
        #expect(rows.map(\.activity) == [AuditActivity.unblocked.rawValue, AuditActivity.blocked.rawValue])
        #expect(rows.map { $0.details["reason"] } == ["it was a mistake", "reported by phone"])
    }

    @Test func `a disabled account looks like one that never was`() async throws {
        let server = try await server()
        try await server.administration.disable("ben")
        let page = try await TestBrowser(server).signIn("ben"), nobody = try await TestBrowser(server).signIn("nobody")
        #expect(page.status == nobody.status && page.text.replacing("ben", with: "nobody") == nobody.text)
        try await server.administration.enable("ben")
        #expect(try await TestBrowser(server).signIn("ben").path == "/")
    }

    @Test func `the last global administrator stays one`() async throws {
        let server = try await server(), administration = server.administration, dana = "dana@post.example"
        await #expect(throws: Administration.Problem.self) { try await administration.block(dana, reason: "x") }
        await #expect(throws: Administration.Problem.self) { try await administration.disable(dana) }
        await #expect(throws: Administration.Problem.self) {
            try await administration.setRoles(dana, add: [], remove: [.globalAdministrator])
        }
        #expect(try await administration.setRoles("ben", add: [.globalAdministrator], remove: []) == [.globalAdministrator])
        try await administration.disable(dana)
        // Dana is no administrator who could sign in any more.
        await #expect(throws: Administration.Problem.self) { try await administration.block("ben", reason: "x") }
    }

    // MARK: passes

    @Test func `a pass works in its time and as often as it was ordered`() async throws {
        let server = try await server(), start = server.clock.now + .hours(2)
        let made = try await server.administration.makePass(
            "ben", .init(length: 20, minutes: 30, once: false, starts: start))
        #expect(made.from == start && made.until == start + .minutes(30) && !made.once)
        #expect(made.pass.text.filter { $0 != "-" }.count == 20)
        let use = { try await self.signIn(made.pass, TestBrowser(server)) }
        #expect(try await use().path.hasPrefix("/sign-in"))
        server.clock.advance(by: .hours(2))
        #expect(try await use().path == "/")
        #expect(try await use().path == "/")
        server.clock.advance(by: .minutes(30))
        #expect(try await use().path.hasPrefix("/sign-in"))
        let once = try await server.administration.makePass("ben", .init())
        #expect(try await signIn(once.pass, TestBrowser(server)).path == "/")
        #expect(try await signIn(once.pass, TestBrowser(server)).path.hasPrefix("/sign-in"))
    }

    @Test(arguments: [(7, 60), (49, 60), (8, 9), (8, 43_201)])
    func `a pass outside the limits is refused`(length: Int, minutes: Int) async throws {
        let server = try await server()
        await #expect(throws: Administration.Problem.self) {
            try await server.administration.makePass("ben", .init(length: length, minutes: minutes))
        }
        let past = server.clock.now - .hours(2)
        await #expect(throws: Administration.Problem.self) {
            try await server.administration.makePass("ben", .init(minutes: 60, starts: past))
        }
        #expect(try await server.waiting().isEmpty)
    }

    private func signIn(_ pass: Secret, _ browser: TestBrowser) async throws -> TestPage {
        try await browser.open("/sign-in/pass")
        return try await browser.submit("/sign-in/pass", ["name": "ben", "pass": pass.text])
    }
}

@Suite struct WhenTextTests {
    private let when = WhenText(zone: "Europe/London", now: TestServer.start)

    @Test func `times are typed in the organisation's zone, or in UTC`() {
        #expect(when.read("2026-11-23 09:00") == TestServer.start)
        #expect(when.read("2026-07-01T10:00") == when.read("2026-07-01T09:00Z"))
        #expect(when.say(TestServer.start) == "2026-11-23 09:00")
        for wrong in ["", "tomorrow", "2026-11-23", "2026-02-30 09:00", "2026-11-23 25:00", "2026-11-23 09:00+01:00"] {
            #expect(when.read(wrong) == nil, "\(wrong)")
        }
    }
}
