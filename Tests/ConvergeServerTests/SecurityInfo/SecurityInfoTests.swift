import ConvergeCore
import HTTPTypes
import Testing

@testable import ConvergeServer

@Suite("Security info")
struct SecurityInfoTests {
    @Test func `the short link leads to the list, with full values after the proof, the default and no wizard`() async throws {
        let home = try await Household(), browser = home.browser
        try await home.signIn(to: "/setupsecurityinfo")
        #expect(browser.page.path == "/security-info")
        #expect(browser.page.says("+44 7700 900184") && browser.page.says(Household.address) && browser.page.says("Default"))
        #expect(browser.page.says("For password reset only") && browser.page.says("Added by you on"))
    }

    @Test func `an old proof is asked for again, comes back, and gives a new session`() async throws {
        let home = try await Household(), browser = home.browser
        try await home.signIn()
        let before = browser.cookies["converge"], old = browser.tab()
        home.server.clock.advance(by: .minutes(11))
        try await browser.open("/security-info/default")
        #expect(browser.page.heading == "Enter the code from your authenticator app")
        try await browser.submit("/answer", ["code": "000000"])
        #expect(browser.page.status == 422)
        try await browser.submit("/answer", ["code": home.appCode])
        #expect(browser.page.path == "/security-info/default")
        #expect(browser.cookies["converge"] != before)
        try await old.open("/security-info")
        #expect(old.page.heading == "Sign in")
    }

    @Test func `somebody else's proof or registration cannot be opened by its address`() async throws {
        let home = try await Household(), browser = home.browser
        try await home.signIn()
        home.server.clock.advance(by: .minutes(11))
        try await browser.open("/security-info")
        let flow = browser.page.path
        let other = TestBrowser(home.server)
        try await other.open(flow)
        #expect(other.page.status == 410)
    }

    @Test func `a method is added with its code, and a registration asks again for a proof that grew old`() async throws {
        let home = try await Household(), browser = home.browser
        try await home.signIn(to: "/security-info")
        try await browser.follow(link: "Add a method")
        #expect(browser.page.says("as many as one can have"))
        try await browser.submit("/security-info/add", ["method": "totpApp"])
        let flow = browser.page.path, key = try #require(browser.page.key)
        home.server.clock.advance(by: .minutes(11))
        try await browser.submit("/code", ["code": browser.appCode(secret: key)])
        #expect(browser.page.heading == "Enter the code from your authenticator app")
        try await browser.submit("/answer", ["code": home.appCode])
        #expect(browser.page.path == flow)
        try await browser.submit("/code", ["code": browser.appCode(secret: key)])
        #expect(browser.page.path.hasPrefix("/security-info") && browser.page.says("connected"))
        #expect(try await home.states().filter { $0 == "totpApp active" }.count == 2)
        #expect(try await home.server.audit(of: home.ada).contains { $0.activity == .registered && $0.details["method"] == "totpApp" })
    }

    @Test func `what was registered in one and the same moment stays in the order of its registration`() async throws {
        let server = try await TestServer(), instance = server.instance, ada = try await server.add("ada")
        var given: [CredentialID] = []
        for _ in 0..<6 { given.append(try await server.give(ada, .totpApp, content: CredentialContent(), by: .appCode)) }
        let bea = try await server.add("bea"), first = try await server.give(bea, .totpApp, content: CredentialContent(), by: .appCode)
        let (order, moments) = try await instance.database.read { db in
            let all = try instance.credentials.all(of: ada, db)
            let other = try instance.credentials.find(first, of: bea, db)?.credential.addedAt
            return (all.map(\.id), all.map(\.credential.addedAt) + [other])
        }
        #expect(order == given)
        #expect(moments.first == moments.last, "another person's is dated as it is")
    }

    @Test func `a number changes only with the code sent to the new one, and stays the default`() async throws {
        let home = try await Household(), browser = home.browser
        try await home.signIn(to: "/security-info")
        try await browser.follow(link: "Change default")
        try await browser.submit("/security-info/default", ["default": "\(home.phone).text"])
        try await browser.post(
            "/security-info/change", try #require(browser.page.forms.first { $0.hidden["credential"] == home.phone.text }).hidden)
        #expect(browser.page.heading == "Change your mobile phone")
        try await browser.submit("/phone", ["country": "GB", "number": "07700 900185"])
        #expect(try await home.person().person.preference.first?.credential == home.phone)
        try await browser.submit("/code", ["code": try await home.server.latestCode(to: "+447700900185")])
        #expect(browser.page.says("+44 7700 900185") && !browser.page.says("900184"))
        let first = try #require(try await home.person().person.preference.first)
        #expect(first.capability == .text && first.credential != home.phone)
        #expect(browser.page.says("A text to your mobile phone"))
    }

    @Test func `a number of the directory is confirmed with its code, or another is typed when it is wrong`() async throws {
        let server = try await TestServer(), browser = TestBrowser(server)
        let ben = try await server.add("ben"), secret = Secret(bytes: Array(0..<20))
        try await server.give(ben, .totpApp, content: CredentialContent(secret: secret), by: .appCode)
        try await server.give(ben, .email, content: CredentialContent(email: EmailAddress("ben@home.example")), by: .emailCode)
        try await server.give(
            ben, .mobilePhone, content: CredentialContent(phone: PhoneNumber(e164: "+447700900111")), by: .text, state: .unconfirmed,
            source: .directory)
        try await browser.signIn("ben", returnTo: "/security-info")
        try await browser.submit("/answer", ["code": browser.appCode(secret: secret)])
        try await browser.submit("/review")
        #expect(browser.page.says("Not confirmed"))
        try await browser.submit("/security-info/confirm")
        #expect(browser.page.heading == "Is this your number?")
        try await browser.submit("/wrong")
        #expect(browser.page.heading == "Change your mobile phone")
        try await browser.open("/security-info")
        try await browser.submit("/security-info/confirm")
        let code = try await server.latestCode(to: "+447700900111")
        #expect(code == "none")
        try await browser.submit("/confirm")
        try await browser.submit("/code", ["code": try await server.latestCode(to: "+447700900111")])
        #expect(browser.page.says("You confirmed your mobile phone") && !browser.page.says("Not confirmed"))
    }

    @Test func `the default is among what signs in, is masked in the log, and cannot be a stranger's`() async throws {
        let home = try await Household(), browser = home.browser
        try await home.signIn(to: "/security-info/default")
        #expect(!browser.page.says(Household.address))
        try await browser.submit("/security-info/default", ["default": "\(home.mail).emailCode"])
        #expect(browser.page.status == 422)
        try await browser.submit("/security-info/default", ["default": "\(home.phone).text"])
        let row = try #require(try await home.server.audit(of: home.ada).last)
        #expect(row.activity == .changedDefault && row.details["hint"] == "84")
        #expect(!row.details.values.contains { $0.contains("7700") })
    }

    @Test func `recovery codes are shown once, a form sent twice makes one set, and coming back loses nobody`() async throws {
        let home = try await Household(), browser = home.browser
        try await home.signIn(to: "/security-info/codes")
        let form = try #require(browser.page.forms.first { $0.action == "/security-info/codes" })
        try await browser.submit("/security-info/codes")
        #expect(browser.page.heading == "Your recovery codes")
        let shown = browser.page.text
        try await browser.post("/security-info/codes", form.hidden)
        #expect(browser.page.path == "/security-info" && browser.page.says("You have 10 codes left"))
        try await browser.open("/security-info/codes")
        #expect(browser.page.text != shown && browser.page.says("They stop working"))
        #expect(try await home.server.audit(of: home.ada).filter { $0.activity == .registered }.count == 1)
    }

    @Test func `signing out everywhere ends this browser and the other`() async throws {
        let home = try await Household(), other = TestBrowser(home.server)
        try await home.signIn()
        try await home.signIn(other)
        try await home.browser.open("/sign-out-everywhere")
        try await home.browser.submit("/sign-out-everywhere")
        for browser in [home.browser, other] {
            try await browser.open("/profile")
            #expect(browser.page.heading == "Sign in")
        }
    }

    @Test func `a guest is told that a reset is not for guests`() async throws {
        let server = try await TestServer(), browser = TestBrowser(server), secret = Secret(bytes: Array(0..<20))
        let guest = try await server.add("visitor", kind: .guest)
        try await server.give(guest, .totpApp, content: CredentialContent(secret: secret), by: .appCode)
        try await browser.signIn("visitor", returnTo: "/security-info")
        try await browser.submit("/answer", ["code": browser.appCode(secret: secret)])
        #expect(browser.page.path == "/security-info" && browser.page.says("You are a guest here"))
    }

    @Test func `every form of somebody signed in has a page at its address to come back to`() {
        let pages = Set(Routes.all.filter { $0.method == .get }.map(\.path))
        let lost = Routes.all.filter {
            $0.method == .post && ($0.access == .signedIn || $0.access == .recentlyVerified) && !pages.contains($0.path)
        }
        #expect(lost.map(\.path) == [])
    }
}
