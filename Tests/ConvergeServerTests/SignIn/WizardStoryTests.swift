import ConvergeCore
import Testing

@testable import ConvergeServer

@Suite("Somebody new signs in and registers once")
struct WizardStoryTests {
    @Test("app and phone are asked for, and the person lands where she was going")
    func wholeWizard() async throws {
        let server = try await TestServer(), browser = TestBrowser(server)
        let ada = try await server.add("ada", display: "Ada Okafor")
        try await browser.signIn("ada", returnTo: "/profile")
        #expect(browser.page.title.contains("More information required"))
        #expect(browser.page.says("Sign-in for everyone"))
        try await browser.submit("/start")
        #expect(browser.page.step == "1 of 2")
        let key = try #require(browser.page.key)
        try await browser.submit("/code", ["code": "000000"])
        #expect(browser.page.title.hasPrefix("Error:"))
        try await browser.submit("/code", ["code": browser.appCode(secret: key)])
        #expect(browser.page.step == "2 of 2")
        try await browser.submit("/phone", ["country": "GB", "number": "07700 900184 ext 5"])
        #expect(browser.page.says("extension"))
        try await browser.submit("/phone", ["country": "GB", "number": "07700 900184"])
        #expect(browser.page.heading == "Enter the code we texted you")
        try await browser.submit("/code", ["code": server.latestCode(to: "+447700900184")])
        #expect(browser.page.heading == "Your recovery codes")
        try await browser.submit("/kept")
        #expect(browser.page.title.hasPrefix("Error:"))
        try await browser.submit("/kept", ["kept": "on"])
        #expect(browser.page.heading.contains("all set"))
        try await browser.submit("/finish")
        #expect(browser.page.path == "/profile")
        let activities = try await server.audit(of: ada).map(\.activity)
        #expect(activities.contains(.registeredAllRequired) && activities.last == .signedIn)
    }

    @Test("the next sign-in asks for the app's code, and a used code is good no more")
    func nextDay() async throws {
        let server = try await TestServer()
        let ada = try await server.add("ada")
        let secret = Secret(bytes: Array(0..<20))
        try await server.give(ada, .totpApp, content: CredentialContent(secret: secret), by: .appCode)
        try await server.give(ada, .mobilePhone, content: CredentialContent(phone: PhoneNumber(e164: "+447700900184")), by: .text)
        let browser = TestBrowser(server)
        try await browser.signIn("ada")
        #expect(browser.page.heading == "Enter the code from your authenticator app")
        let code = browser.appCode(secret: secret)
        try await browser.submit("/answer", ["code": code])
        #expect(browser.page.status != 422)
        let other = TestBrowser(server)
        try await other.signIn("ada")
        try await other.submit("/answer", ["code": code])
        #expect(other.page.says("used already"))
    }
}
