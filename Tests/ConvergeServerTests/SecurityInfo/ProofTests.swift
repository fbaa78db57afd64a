import ConvergeCore
import Testing

@testable import ConvergeServer

@Suite("A fresh proof")
struct ProofTests {
    private static let password = PolicyDocument(
        mfa: [MFARule(name: "Sign-in", required: false, allow: [.appCode, .text])],
        reset: [ResetRule(name: "Reset", gates: 1, allow: [.emailCode])],
        registration: [RegistrationRule(name: "Register", requireForMFA: false, requireForReset: false)])

    private func session(_ browser: TestBrowser) async throws -> SessionRecord {
        let instance = browser.server.instance, secret = browser.cookies["converge"].map { Secret($0) }, now = browser.server.clock.now
        return try #require(try await instance.database.read { db in try instance.session(secret, now: now, db) })
    }

    @Test func `somebody who never held anything opens the page with the password, and sees directory data masked`() async throws {
        let server = try await TestServer(policy: Self.password), browser = TestBrowser(server)
        let ben = try await server.add("ben")
        try await server.give(
            ben, .mobilePhone, content: CredentialContent(phone: PhoneNumber(e164: "+447700900111")), by: .text, state: .unconfirmed,
            source: .directory)
        try await browser.signIn("ben", returnTo: "/security-info")
        #expect(browser.page.path == "/security-info" && browser.page.says("… 11") && !browser.page.says("900111"))
    }

    @Test func `where the guard wants a contact of the directory, that is asked for, and nothing else will do`() async throws {
        var policy = Self.password
        policy.registration[0].guardKind = .directoryContact
        let server = try await TestServer(policy: policy), browser = TestBrowser(server)
        let ben = try await server.add("ben")
        try await browser.signIn("ben", returnTo: "/security-info")
        #expect(browser.page.heading == "You need one more thing to begin")
        let dead = try #require(try await server.audit(of: ben).last)
        let code = try #require(dead.caseCode)
        #expect(dead.activity == .deadEndShown && browser.page.says(code))
        try await server.give(
            ben, .mobilePhone, content: CredentialContent(phone: PhoneNumber(e164: "+447700900111")), by: .text, state: .unconfirmed,
            source: .directory)
        try await browser.open("/security-info")
        try await browser.submit("/answer", ["code": try await server.latestCode(to: "+447700900111")])
        #expect(browser.page.path == "/security-info")
    }

    @Test func `a mailbox for reset proves it where nothing signs in, and is no second step`() async throws {
        let server = try await TestServer(policy: Self.password), browser = TestBrowser(server)
        let ben = try await server.add("ben")
        try await server.give(ben, .email, content: CredentialContent(email: EmailAddress("ben@home.example")), by: .emailCode)
        try await browser.signIn("ben", returnTo: "/security-info")
        try await browser.submit("/answer", ["code": try await server.latestCode(to: "ben@home.example")])
        #expect(browser.page.path == "/security-info")
        #expect(try await session(browser).amr == ["pwd", "otp"])
    }

    @Test func `an app's code makes a password session one with a second step`() async throws {
        let home = try await Household(policy: Self.password), browser = home.browser
        try await browser.signIn("ada")
        #expect(try await session(browser).amr == ["pwd"])
        try await browser.open("/security-info")
        try await browser.submit("/answer", ["code": home.appCode])
        #expect(try await session(browser).amr == ["pwd", "otp", "mfa"])
    }

    @Test func `a text starts by itself once in ten minutes, then only by a button`() async throws {
        let server = try await TestServer(policy: Self.password), browser = TestBrowser(server)
        let ben = try await server.add("ben")
        try await server.give(ben, .mobilePhone, content: CredentialContent(phone: PhoneNumber(e164: "+447700900111")), by: .text)
        try await browser.signIn("ben", returnTo: "/security-info")
        #expect(browser.page.heading == "Enter the code we texted you")
        try await browser.open("/security-info")
        #expect(browser.page.heading == "Shall we send you a code?")
        let sent = try await server.audit(of: ben).filter { $0.activity == .challengeSent }
        #expect(sent.count == 1)
    }

    @Test func `what a report switched off proves nothing, and the person is told whom to ask`() async throws {
        let server = try await TestServer(policy: Self.password), browser = TestBrowser(server)
        let ben = try await server.add("ben")
        let phone = try await server.give(
            ben, .mobilePhone, content: CredentialContent(phone: PhoneNumber(e164: "+447700900111")), by: .text)
        let instance = server.instance, now = server.clock.now
        _ = try await instance.database.write { db in try instance.credentials.suspend(phone, at: now, db) }
        try await browser.signIn("ben", returnTo: "/security-info")
        #expect(browser.page.heading == "You can’t finish signing in yet" && browser.page.says("Reference"))
    }

    @Test func `with the budget spent it says until when, and is never called unregistered`() async throws {
        let server = try await TestServer(policy: Self.password), browser = TestBrowser(server)
        let ben = try await server.add("ben")
        try await server.give(ben, .mobilePhone, content: CredentialContent(phone: PhoneNumber(e164: "+447700900111")), by: .text)
        let instance = server.instance, now = server.clock.now
        try await instance.database.write { db in
            for _ in 0...Budgets.sendsPerPerson.limit {
                _ = try instance.budgets.spend(Budgets.send(ben), Budgets.sendsPerPerson, now: now, db)
            }
        }
        try await browser.signIn("ben", returnTo: "/security-info")
        #expect(browser.page.heading == "We can’t reach you right now" && browser.page.says("Try again from"))
    }

    @Test func `codes are counted, and a sixth is not compared`() async throws {
        let home = try await Household(policy: Self.password), browser = home.browser
        try await browser.signIn("ada", returnTo: "/security-info")
        for _ in 0..<5 { try await browser.submit("/answer", ["code": "000000"]) }
        try await browser.submit("/answer", ["code": home.appCode])
        #expect(browser.page.status == 422 && browser.page.says("Too many wrong codes"))
    }

    @Test func `a proof leads to a page of this server only`() async throws {
        let home = try await Household(), browser = home.browser
        try await home.signIn()
        for place in ["//evil.example/", "https://evil.example/", "/\\evil.example"] {
            try await browser.open("/prove?return=" + PercentEncoding.encode(place))
            #expect(browser.page.path == "/")
        }
    }
}
