import ConvergeCore
import HTTPTypes
import Testing

@testable import ConvergeServer

@Suite("Deleting a method")
struct DeleteTests {
    private static let open = PolicyDocument(
        mfa: [MFARule(name: "Sign-in", required: false, allow: [.appCode, .text])],
        reset: [ResetRule(name: "Reset", gates: 1, allow: [.appCode, .text, .emailCode])],
        registration: [RegistrationRule(name: "Register", requireForMFA: false, requireForReset: false)])

    @Test func `it is asked for first, told, audited, and a deleted default is followed by the next`() async throws {
        let home = try await Household(), browser = home.browser
        try await home.signIn(to: "/security-info/delete/\(home.app)")
        #expect(browser.page.heading == "Delete your authenticator app?" && browser.page.says("A text to your mobile phone"))
        #expect(try await home.states().contains("totpApp active"))
        try await browser.submit("/security-info/delete/\(home.app)")
        #expect(browser.page.says("We deleted your authenticator app"))
        #expect(try await home.states() == ["email active", "mobilePhone active"])
        let row = try #require(try await home.server.audit(of: home.ada).last)
        #expect(row.activity == .deleted && row.success)
        _ = try await home.notMeLink()
    }

    @Test func `two tabs deleting two methods at once: one wins, the other is shown where things are`() async throws {
        let home = try await Household()
        try await home.signIn(to: "/security-info/delete/\(home.app)")
        let second = home.browser.tab()
        try await second.open("/security-info/delete/\(home.phone)")
        let server = home.server, cookies = home.browser.cookies
        let forms = [home.browser, second].compactMap { $0.page.forms.first { $0.action.hasPrefix("/security-info/delete/") } }
        let places = try await withThrowingTaskGroup(of: String.self) { group in
            for form in forms {
                group.addTask { try await Self.post(form.action, form.hidden, cookies, server) }
            }
            return try await group.reduce(into: []) { $0.append($1) }
        }
        #expect(places.filter { $0.contains("saved=deleted") }.count == 1)
        #expect(places.filter { $0.hasPrefix("/security-info/delete/") }.count == 1)
        #expect(try await home.states().count == 2)
        try await home.browser.open(try #require(places.first { $0.hasPrefix("/security-info/delete/") }))
        #expect(home.browser.page.heading.contains("Add another method first"))
    }

    /// Sends a form and says where the answer leads.
    private static func post(
        _ path: String, _ fields: [String: String], _ cookies: [String: String], _ server: TestServer
    ) async throws -> String {
        var headers = HTTPFields()
        headers[.cookie] = cookies.map { "\($0.key)=\($0.value)" }.joined(separator: "; ")
        headers[.contentType] = "application/x-www-form-urlencoded"
        headers[.origin] = "http://localhost:8080"
        let body = fields.map { PercentEncoding.encode($0.key) + "=" + PercentEncoding.encode($0.value) }.joined(separator: "&")
        return try await server.send(.post, path, headers: headers, body: body).1[.location] ?? "nowhere"
    }

    @Test func `a phone deleted elsewhere while its code is being typed: the code is worth nothing, and the page says why`() async throws {
        let home = try await Household(), browser = home.browser, other = TestBrowser(home.server), phone = home.phone
        try await home.signIn(to: "/security-info/delete/\(phone)")
        try await other.signIn("ada")
        try await other.submit("/use", ["use": "\(phone).text"])
        let code = try await home.server.latestCode(to: Household.phoneNumber)
        try await browser.submit("/security-info/delete/\(phone)")
        try await other.submit("/answer", ["code": code])
        #expect(other.page.status == 422 && other.page.says("was deleted or switched off in the meantime"), "\(other.page.text)")
        try await other.submit("/use", ["use": "\(home.app).appCode"])
        try await other.submit("/answer", ["code": home.appCode])
        #expect(other.page.path == "/", "\(other.page.text)")
    }

    @Test func `a page that another tab overtook asks again instead of deleting`() async throws {
        let home = try await Household(policy: Self.open)
        try await home.signIn(to: "/security-info")
        try await home.browser.open("/prove?return=/security-info")
        if home.browser.page.path.hasPrefix("/flows/") { try await home.browser.submit("/answer", ["code": home.appCode]) }
        let second = home.browser.tab()
        try await home.browser.open("/security-info/delete/\(home.app)")
        try await second.open("/security-info/delete/\(home.phone)")
        try await home.browser.submit("/security-info/delete/\(home.app)")
        try await second.submit("/security-info/delete/\(home.phone)")
        #expect(second.page.heading == "Delete your mobile phone?")
        #expect(try await home.states() == ["email active", "mobilePhone active"])
    }

    @Test func `the last that is wanted is refused, and a new one of its kind takes its place`() async throws {
        let home = try await Household(), browser = home.browser
        try await home.signIn(to: "/security-info/delete/\(home.app)")
        try await browser.submit("/security-info/delete/\(home.app)")
        try await browser.open("/security-info/delete/\(home.phone)")
        #expect(browser.page.heading.contains("Add another method first") && browser.page.says("Sign-in for everyone"))
        try await browser.post(
            "/security-info/delete/\(home.phone)", ["csrf": try #require(browser.page.forms.first?.hidden["csrf"]), "version": "0"])
        #expect(try await home.states() == ["email active", "mobilePhone active"])
        #expect(try await home.server.audit(of: home.ada).contains { $0.activity == .deleted && !$0.success })
        // An app is added; then the same page asks whether the phone may go.
        try await browser.submit("/security-info/replace", ["method": "totpApp"])
        let key = try #require(browser.page.key)
        try await browser.submit("/code", ["code": browser.appCode(secret: key)])
        #expect(browser.page.heading == "Delete your mobile phone?")
        // A new number instead of the old one, in one step.
        try await browser.post(
            "/security-info/replace", try #require(browser.page.forms.first).hidden.merging(["credential": home.phone.text]) { $1 })
        try await browser.submit("/phone", ["country": "GB", "number": "07700 900185"])
        try await browser.submit("/code", ["code": try await home.server.latestCode(to: "+447700900185")])
        #expect(try await home.states() == ["email active", "mobilePhone active", "totpApp active"])
    }

    @Test func `the owner's own deletion of everything lets the person begin anew, and it is said before`() async throws {
        let home = try await Household(policy: Self.open), browser = home.browser
        try await browser.signIn("ada", returnTo: "/security-info")
        if browser.page.path.hasPrefix("/flows/") { try await browser.submit("/answer", ["code": home.appCode]) }
        for id in [home.app, home.phone] {
            try await browser.open("/security-info/delete/\(id)")
            #expect(!browser.page.says("It is your last one"))
            try await browser.submit("/security-info/delete/\(id)")
        }
        #expect(try await home.person().person.mfaFirstHeldAt == nil)
        #expect(try await home.person().person.firstHeldAt != nil)
        try await browser.open("/security-info/delete/\(home.mail)")
        #expect(browser.page.says("It is your last one"))
        try await browser.submit("/security-info/delete/\(home.mail)")
        #expect(try await home.person().person.firstHeldAt == nil)
        #expect(browser.page.says("Nothing here yet"))
    }
}
