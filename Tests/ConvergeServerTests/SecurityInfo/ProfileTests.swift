import ConvergeCore
import Testing

@testable import ConvergeServer

@Suite("Profile")
struct ProfileTests {
    private static let new = "seven grey herons in fog"

    @Test func `a new password needs the old one, ends other sessions and keeps this one under a new secret`() async throws {
        let home = try await Household(), other = TestBrowser(home.server), browser = home.browser
        try await home.signIn(other)
        try await home.signIn(to: "/password")
        let before = browser.cookies["converge"]
        try await browser.submit("/password", ["current": "wrong", "new": Self.new, "again": Self.new])
        #expect(browser.page.status == 422 && browser.page.says("That is not your current password"))
        try await browser.submit("/password", ["current": TestServer.password, "new": Self.new, "again": "other"])
        #expect(browser.page.status == 422)
        try await browser.submit("/password", ["current": TestServer.password, "new": Self.new, "again": Self.new])
        #expect(browser.page.path.hasPrefix("/profile"))
        #expect(browser.cookies["converge"] != before)
        try await other.open("/profile")
        #expect(other.page.heading == "Sign in")
        try await other.signIn("ada", Self.new)
        #expect(other.page.heading == "Enter the code from your authenticator app")
        let activities = try await home.server.audit(of: home.ada).filter { $0.activity == .changedPassword }
        #expect(activities.map(\.success) == [false, true])
    }

    @Test func `guessing the current password is counted like any other guess`() async throws {
        let home = try await Household(), browser = home.browser
        try await home.signIn(to: "/password")
        for number in 0..<11 {
            try await browser.submit("/password", ["current": "wrong \(number)", "new": Self.new, "again": Self.new])
        }
        try await browser.submit("/password", ["current": TestServer.password, "new": Self.new, "again": Self.new])
        #expect(browser.page.status == 422 && browser.page.says("Too many wrong passwords"))
    }

    @Test func `the browsers that are signed in are listed, and any other can be signed out, nobody else's`() async throws {
        let home = try await Household(), other = TestBrowser(home.server), stranger = TestBrowser(home.server)
        try await home.server.changePolicy { $0.registration = [] }
        try await home.server.add("dana")
        try await home.signIn(other)
        try await home.signIn(to: "/profile")
        #expect(home.browser.page.says("Signed-in browsers") && home.browser.page.says("This browser"))
        let forms = home.browser.page.forms.filter { $0.action == "/profile/sessions/end" }
        #expect(forms.count == 1, "this browser has its own way out")
        let hidden = try #require(forms.first?.hidden["session"])
        let mine = try await home.server.instance.database.read { [ada = home.ada] db in
            try db.row("SELECT id FROM session WHERE person_id = \(ada) AND id <> \(hidden) AND revoked_ms IS NULL")?.text("id")
        }
        // Somebody else's id ends nothing.
        try await home.server.changePolicy { $0.mfa = [] }
        try await stranger.signIn("dana", returnTo: "/profile")
        let token = stranger.page.forms.compactMap { $0.hidden["csrf"] }.first ?? ""
        try await stranger.post("/profile/sessions/end", ["session": hidden, "csrf": token])
        #expect(try await other.open("/profile").heading == "Profile")
        try await home.browser.submit("/profile/sessions/end")
        #expect(home.browser.page.says("That browser is signed out"))
        #expect(try await other.open("/profile").heading == "Sign in")
        #expect(try await home.browser.open("/profile").heading == "Profile" && mine != nil)
        #expect(try await home.server.audit(of: home.ada).contains { $0.details["what"] == "one browser" })
    }

    @Test func `remembered browsers are forgotten all at once`() async throws {
        let home = try await Household(), browser = home.browser
        try await browser.signIn("ada")
        try await browser.submit("/answer", ["code": home.appCode, "remember": "on"])
        try await browser.open("/profile")
        #expect(browser.page.says("One browser does not ask"))
        try await browser.submit("/profile/forget-browsers")
        #expect(browser.page.says("Every browser asks for your second step again"))
        home.server.clock.advance(by: .minutes(1))
        try await browser.open("/sign-out")
        try await browser.submit("/sign-out")
        try await browser.signIn("ada")
        #expect(browser.page.heading == "Enter the code from your authenticator app")
    }

    @Test func `an access pass opens security info, so that a lost phone can be replaced`() async throws {
        let home = try await Household(), browser = home.browser, server = home.server
        let pass = "Abcd-efgh-jkmn", instance = server.instance, now = server.clock.now, ada = home.ada
        let id: CredentialID = instance.world.newID()
        let context = instance.methodContext(accountName: "ada", now: now)
        try await instance.database.write { db in
            let credential = Credential(
                id: id, method: .temporaryAccessPass, source: .administrator, capabilities: [.temporaryAccessPass], channel: "pass:\(id)",
                addedAt: now, validFrom: now, validUntil: now + .hours(1), remaining: 1)
            try instance.credentials.insert(credential, of: ada, content: CredentialContent(), hint: "", db)
            try instance.credentials.insertPass(id, hash: TemporaryAccessPass.hash(pass, context), usesLeft: 1, db)
        }
        try await browser.open("/sign-in/pass?return=/security-info")
        try await browser.submit("/sign-in/pass", ["name": "ada", "pass": pass])
        #expect(browser.page.path == "/security-info")
    }
}
