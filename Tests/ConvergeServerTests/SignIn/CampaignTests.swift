import ConvergeCore
import Testing

@testable import ConvergeServer

@Suite("A campaign suggests something stronger")
struct CampaignTests {
    private func server() async throws -> (TestServer, PersonID) {
        var policy = PolicyDocument.initial
        policy.registration[0].requireForReset = false
        policy.reset[0].reconfirmDays = nil
        policy.campaigns = [CampaignRule(name: "An app for everybody", register: .appCode, snoozeDays: 2)]
        let server = try await TestServer(policy: policy), ben = try await server.add("ben")
        try await server.give(
            ben, .mobilePhone, content: CredentialContent(phone: PhoneNumber(e164: "+447700900111")), by: .text)
        return (server, ben)
    }

    private func signIn(_ server: TestServer) async throws -> TestBrowser {
        let browser = TestBrowser(server)
        try await browser.signIn("ben")
        try await browser.submit("/answer", ["code": try await server.latestCode(to: "+447700900111")])
        return browser
    }

    @Test func `put off, it comes back after its days; taken up, it never does`() async throws {
        let (server, ben) = try await server()
        var browser = try await signIn(server)
        #expect(browser.page.heading == "Would you like a safer way to sign in?" && browser.page.says("An app for everybody"))
        try await browser.submit("/postpone")
        #expect(browser.page.path == "/")
        #expect(try await server.audit(of: ben).contains { $0.activity == .postponedCampaign })
        server.clock.advance(by: .minutes(20))
        #expect(try await signIn(server).page.path == "/")
        server.clock.advance(by: .days(2))
        browser = try await signIn(server)
        try await browser.submit("/start")
        #expect(browser.page.step == "1 of 1")
        let key = try #require(browser.page.key)
        try await browser.submit("/code", ["code": browser.appCode(secret: key)])
        try await browser.submit("/kept", ["kept": "on"])
        try await browser.submit("/finish")
        #expect(browser.page.path == "/")
        server.clock.advance(by: .days(3))
        let again = TestBrowser(server)
        try await again.signIn("ben")
        try await again.submit("/answer", ["code": again.appCode(secret: key)])
        #expect(again.page.path == "/")
    }

    @Test func `a version kept from before campaigns has none`() throws {
        let text = String(decoding: try JSONText.bytes(PolicyDocument.initial), as: UTF8.self)
        #expect(text.contains(#""campaigns":[]"#))
        let old = text.replacing(#""campaigns":[],"#, with: "")
        #expect(try JSONText.decode(PolicyDocument.self, from: old) == .initial)
    }
}
