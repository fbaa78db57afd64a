import ConvergeCore
import Testing

@testable import ConvergeServer

@Suite("Removing methods of somebody who lost them")
struct WipeTests {
    private static let phone = "+447700900131"

    private struct World {
        let server: TestServer
        let ben: PersonID
        var administration: Administration { server.administration }

        func wipe(
            _ kinds: Set<MethodKind>? = nil, then after: Administration.AfterWipe = .pass(.init()), reason: String? = nil
        ) async throws -> Administration.Wiped {
            try await administration.wipe("ben", kinds, then: after, reason: reason)
        }

        func methods() async throws -> [MethodKind] { try await administration.show("ben").methods.map(\.method) }
        func person() async throws -> Person { try await server.record("ben").person }
    }

    /// Ben has an app, a phone and recovery codes, and the directory knows a mailbox.
    private func world(policy: PolicyDocument? = nil) async throws -> World {
        let server = try await TestServer(policy: policy)
        let ben = try await server.add("ben")
        try await server.give(ben, .totpApp, content: CredentialContent(secret: Secret("12345678901234567890")), by: .appCode)
        try await server.give(
            ben, .mobilePhone, content: CredentialContent(phone: PhoneNumber(e164: Self.phone)!), by: .text, ago: .days(91))
        try await server.give(ben, .recoveryCodes, content: CredentialContent(), by: .recoveryCode)
        try await server.give(
            ben, .email, content: CredentialContent(email: EmailAddress("ben@post.example")!), by: .emailCode, state: .unconfirmed,
            source: .directory)
        return World(server: server, ben: ben)
    }

    @Test func `everything goes but what the directory knows; the pass lets in, the password alone does not`() async throws {
        let world = try await world(), browser = TestBrowser(world.server)
        let before = try await world.person()
        let wiped = try await world.wipe(reason: "phone stolen")
        #expect(wiped.removed == [.mobilePhone, .recoveryCodes, .totpApp] && wiped.pass != nil)
        #expect(try await world.methods() == [.email, .temporaryAccessPass])
        let after = try await world.person()
        #expect(after.firstHeldAt == before.firstHeldAt && after.mfaFirstHeldAt == before.mfaFirstHeldAt && before.firstHeldAt != nil)
        #expect(after.securityVersion > before.securityVersion && after.sessionEpoch > before.sessionEpoch)

        let page = try await browser.signIn("ben")
        #expect(!page.says("Start"), "\(page.heading)")
        #expect(page.says("helpdesk") || page.says("pass"), "\(page.heading)")

        let owner = TestBrowser(world.server)
        try await owner.open("/sign-in/pass")
        let wizard = try await owner.submit("/sign-in/pass", ["name": "ben", "pass": wiped.pass!.pass.text])
        #expect(wizard.says("Start"), "\(wizard.heading)")
    }

    @Test func `one kind goes and the rest stays`() async throws {
        let world = try await world()
        let wiped = try await world.wipe([.mobilePhone], then: .whatIsLeft)
        #expect(wiped.removed == [.mobilePhone] && wiped.pass == nil)
        #expect(try await Set(world.methods()) == [.totpApp, .recoveryCodes, .email])
        #expect(try await world.person().mfaFirstHeldAt != nil)
    }

    @Test func `sessions end and the preference forgets what is gone`() async throws {
        let rule = MFARule(name: "Second step", required: true, allow: [.appCode, .text])
        let world = try await world(policy: PolicyDocument(mfa: [rule], reset: [], registration: []))
        let server = world.server, instance = server.instance
        let credentials = try await instance.database.read { db in try instance.credentials.all(of: world.ben, db) }
        let uses = [(MethodKind.totpApp, Capability.appCode), (.mobilePhone, .text)].map { kind, capability in
            credentials.first { $0.credential.method == kind }!.credential.use(capability)
        }
        try await instance.database.write { db in try instance.people.setPreference(world.ben, uses, db) }
        let browser = TestBrowser(server)
        try await browser.signIn("ben")
        try await browser.submit("/answer", ["code": browser.appCode(secret: Secret("12345678901234567890"))])
        #expect(try await browser.open("/").path == "/")
        _ = try await world.wipe([.totpApp], then: .whatIsLeft)
        #expect(try await browser.open("/").path.hasPrefix("/sign-in"))
        #expect(try await world.person().preference == [uses[1]])
    }

    @Test func `without anything left there is a pass, or the ticked password alone, or nothing happens`() async throws {
        let world = try await world()
        await #expect(throws: Administration.Problem.self) { try await world.wipe(then: .whatIsLeft) }
        await #expect(throws: Administration.Problem.self) { try await world.wipe([.totpApp], then: .passwordAlone) }
        await #expect(throws: Administration.Problem.self) { try await world.wipe([.passkey]) }
        #expect(try await world.methods().count == 4)
        #expect(try await world.server.waiting().isEmpty)

        let wiped = try await world.wipe(then: .passwordAlone, reason: "lost everything")
        #expect(wiped.pass == nil)
        let person = try await world.person()
        #expect(person.firstHeldAt == nil && person.mfaFirstHeldAt == nil)
        #expect(try await TestBrowser(world.server).signIn("ben").says("Start"))
        let rows = try await world.administration.audit(.init(category: "Administration", person: "ben"))
        #expect(rows.first { $0.activity == AuditActivity.passwordAloneAllowed.rawValue }?.details["reason"] == "lost everything")
    }

    @Test func `the tick works for somebody who was wiped before`() async throws {
        let world = try await world()
        _ = try await world.wipe()
        await #expect(throws: Administration.Problem.self) { try await world.wipe([.totpApp]) }
        #expect(try await world.wipe(then: .passwordAlone).removed == [.temporaryAccessPass])
        #expect(try await world.person().firstHeldAt == nil)
        #expect(try await world.methods() == [.email])
        #expect(try await world.wipe(then: .passwordAlone).removed.isEmpty)
        await #expect(throws: Administration.Problem.self) { try await world.wipe() }
    }

    @Test func `a suspended method is still the person's`() async throws {
        let world = try await world(), instance = world.server.instance, now = world.server.clock.now
        let app = try await instance.database.read { db in
            try instance.credentials.all(of: world.ben, db).first { $0.credential.method == .totpApp }!
        }
        _ = try await instance.database.write { db in try instance.credentials.suspend(app.id, at: now, db) }
        await #expect(throws: Administration.Problem.self) {
            try await world.wipe([.mobilePhone, .recoveryCodes], then: .passwordAlone)
        }
        await #expect(throws: Administration.Problem.self) {
            try await world.wipe([.mobilePhone, .recoveryCodes], then: .whatIsLeft)
        }
        #expect(try await world.wipe().removed.contains(.totpApp))
    }

    @Test func `old contacts are told without a link, and of the pass only what is left`() async throws {
        let world = try await world()
        _ = try await world.wipe()
        let messages = try await world.server.waiting()
        #expect(messages.map(\.to) == [Self.phone, "ben@post.example", "ben@post.example"])
        #expect(!messages[0].body.contains("not-me") && messages[1].body.contains("not-me"))
        let rows = try await world.administration.audit(.init(person: "ben"))
        #expect(rows.filter { $0.activity == AuditActivity.adminDeleted.rawValue }.count == 3)
        #expect(rows.contains { $0.activity == AuditActivity.passCreated.rawValue })
        #expect(!"\(rows)".contains("900131"))
    }

    @Test func `an administrator's wipe is told to the others`() async throws {
        let world = try await world()
        _ = try await world.administration.setRoles("ben", add: [.helpdesk], remove: [])
        try await world.server.add("dana@post.example", roles: [.globalAdministrator])
        _ = try await world.wipe()
        #expect(try await world.server.waiting().filter { $0.to == "dana@post.example" }.count == 1)
    }
}
