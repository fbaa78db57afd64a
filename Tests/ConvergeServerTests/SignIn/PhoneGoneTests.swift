import ConvergeCore
import Testing

@testable import ConvergeServer

@Suite("The day the phone is gone")
struct PhoneGoneTests {
    private static let codes = ["k7m4q2x9pd", "w3n8r5t6vh"]

    /// Ada with app, phone and mailbox; recovery codes in a drawer.
    private func home(codes: Bool = true) async throws -> Household {
        let home = try await Household(), server = home.server, instance = server.instance, ada = home.ada
        guard codes else { return home }
        let id = try await server.give(ada, .recoveryCodes, content: CredentialContent(), by: .recoveryCode, remaining: 2)
        try await instance.database.write { db in
            let context = instance.methodContext(accountName: "ada", now: server.clock.now)
            try instance.credentials.insertRecoveryCodes(Self.codes.map { RecoveryCodes.hash($0, context) }, of: id, db)
        }
        return home
    }

    private func use(_ page: TestPage, _ capability: Capability) throws -> String {
        let buttons = page.forms.filter { $0.action.hasSuffix("/use") }.flatMap(\.buttons).map(\.value)
        return try #require(buttons.first { $0.hasSuffix("." + capability.rawValue) }, "\(page.text)")
    }

    @Test func `left at home: another proof, and no second step in this browser until midnight, nothing deleted`() async throws {
        let home = try await home(), server = home.server, browser = home.browser
        try await browser.signIn("ada")
        try await browser.follow(link: "I don’t have my phone")
        #expect(browser.page.heading == "Where is your phone?")
        try await browser.follow(link: "I left it somewhere safe")
        #expect(!browser.page.says("Text a code") && !browser.page.says("authenticator app"), "nothing that needs the phone")
        try await browser.submit("/use", ["use": use(browser.page, .recoveryCode), "phone": "today"])
        try await browser.submit("/answer", ["code": Self.codes[0]])
        #expect(browser.page.path == "/", "\(browser.page.text)")
        #expect(try await home.states().filter { $0.hasSuffix("active") }.count == 4)
        let again = browser.tab()
        try await again.open("/sign-out")
        try await again.submit("/sign-out")
        try await again.signIn("ada")
        #expect(again.page.path == "/", "not asked again today")
        let elsewhere = TestBrowser(server)
        try await elsewhere.signIn("ada")
        #expect(elsewhere.page.path.hasPrefix("/flows/"), "asked in another browser")
        server.clock.advance(by: instance(home).endOfDay(server.clock.now, 0) - server.clock.now)
        try await again.signIn("ada")
        #expect(again.page.path.hasPrefix("/flows/"), "asked after midnight")
    }

    private func instance(_ home: Household) -> Instance { home.server.instance }

    @Test func `an administrator is asked at every sign-in, phone or no phone`() async throws {
        let home = try await home(), browser = home.browser
        _ = try await home.server.administration.setRoles("ada", add: [.helpdesk], remove: [])
        try await browser.signIn("ada")
        try await browser.open(browser.page.path + "?view=phone-today")
        #expect(browser.page.says("As an administrator"))
        try await browser.submit("/use", ["use": use(browser.page, .recoveryCode), "phone": "today"])
        try await browser.submit("/answer", ["code": Self.codes[0]])
        try await browser.open("/sign-out")
        try await browser.submit("/sign-out")
        try await browser.signIn("ada")
        #expect(browser.page.path.hasPrefix("/flows/"))
    }

    @Test func `who takes the phone after all has not left it at home`() async throws {
        let home = try await home(), browser = home.browser
        try await browser.signIn("ada")
        let flow = browser.page.path
        try await browser.open(flow + "?view=phone-today")
        try await browser.submit("/use", ["use": use(browser.page, .recoveryCode), "phone": "today"])
        try await browser.open(flow + "?view=others")
        try await browser.submit("/use", ["use": "\(home.app).appCode"])
        try await browser.submit("/answer", ["code": home.appCode])
        try await browser.open("/sign-out")
        try await browser.submit("/sign-out")
        try await browser.signIn("ada")
        #expect(browser.page.path.hasPrefix("/flows/"))
    }

    @Test func `lost or stolen: off at once, everybody out, told elsewhere, and the sign-in goes on with what is left`() async throws {
        let home = try await home(), server = home.server, browser = home.browser, thief = TestBrowser(server)
        try await home.signIn(thief)
        try await browser.signIn("ada")
        let flow = browser.page.path
        try await browser.open(flow + "?view=phone-lost")
        #expect(browser.page.heading == "Was your phone lost or stolen?")
        try await browser.submit("/lost")
        #expect(browser.page.status == 422 && browser.page.says("Tick what was on the phone"))
        try await browser.submit("/lost", ["lost-\(home.app)": "yes", "lost-\(home.phone)": "yes"])
        #expect(browser.page.heading == "Your phone is switched off")
        #expect(try await home.states() == ["email active", "mobilePhone suspended", "recoveryCodes active", "totpApp suspended"])
        try await thief.open("/security-info")
        #expect(thief.page.path.hasPrefix("/sign-in"), "whoever has it is out")
        let told = try await server.messages().filter { $0.body.contains("lost or stolen") }
        #expect(told.map(\.to) == [Household.address], "not at the number that was lost")
        #expect(try await server.audit(of: home.ada).contains { $0.activity == .reportedLost })

        try await browser.open(flow + "?view=next")
        #expect(!browser.page.says("Text a code"), "\(browser.page.text)")
        #expect(browser.page.heading == "Enter a recovery code", "the only way left, so it is asked for at once")
        try await browser.submit("/answer", ["code": Self.codes[0]])
        #expect(browser.page.says("Connect") || browser.page.says("Start") || browser.page.path == "/", "\(browser.page.text)")
    }

    @Test func `a passkey may have been on it: only its owner knows, so it is offered and not ticked`() async throws {
        let home = try await home(), browser = home.browser
        let passkey = try await home.server.give(home.ada, .passkey, content: CredentialContent(label: "My telephone"), by: .passkey)
        try await home.signIn(to: "/security-info/lost")
        #expect(browser.page.says("My telephone. Tick it if that phone keeps it."))
        #expect(browser.page.html.contains("name=\"lost-\(home.app)\" value=\"yes\" checked"))
        #expect(browser.page.html.contains("name=\"lost-\(passkey)\" value=\"yes\">"))
        try await browser.submit("/security-info/lost", ["lost-\(home.app)": "yes", "lost-\(passkey)": "yes"])
        let states = try await home.states()
        #expect(states.contains("passkey suspended") && states.contains("mobilePhone active"), "\(states)")
    }

    @Test func `whoever knows the password alone switches no passkey off`() async throws {
        let home = try await home(), browser = home.browser
        let passkey = try await home.server.give(home.ada, .passkey, content: CredentialContent(label: "My telephone"), by: .passkey)
        try await browser.signIn("ada")
        try await browser.open(browser.page.path + "?view=phone-lost")
        #expect(!browser.page.says("My telephone"))
        try await browser.submit("/lost", ["lost-\(home.app)": "yes", "lost-\(passkey)": "yes"])
        let states = try await home.states()
        #expect(states.contains("passkey active") && states.contains("totpApp suspended"), "\(states)")
    }

    @Test func `lost with nothing but the mailbox: the password alone opens nothing`() async throws {
        let home = try await home(codes: false), browser = home.browser
        try await browser.signIn("ada")
        let flow = browser.page.path
        try await browser.open(flow + "?view=phone-lost")
        try await browser.submit("/lost", ["lost-\(home.app)": "yes", "lost-\(home.phone)": "yes"])
        try await browser.open(flow + "?view=next")
        #expect(!browser.page.says("Connect an authenticator app") && !browser.page.says("Security info"), "\(browser.page.text)")
        try await browser.open("/security-info")
        #expect(browser.page.path.hasPrefix("/sign-in"))
    }

    @Test func `from Security info it is the same, and this browser is out too`() async throws {
        let home = try await home(), browser = home.browser
        try await home.signIn(to: "/security-info")
        try await browser.follow(link: "My phone was lost or stolen")
        try await browser.submit("/security-info/lost", ["lost-\(home.app)": "yes"])
        #expect(browser.page.heading == "Your phone is switched off")
        #expect(try await home.states().contains("totpApp suspended"))
        try await browser.open("/security-info")
        #expect(browser.page.path.hasPrefix("/sign-in"))
    }

    @Test func `a new one: proved otherwise, the new app takes the old one's place in one step, and can be taken back for a day`()
        async throws
    {
        let home = try await home(), server = home.server, browser = home.browser
        try await browser.signIn("ada")
        try await browser.open(browser.page.path + "?view=phone-new")
        try await browser.submit("/use", ["use": use(browser.page, .recoveryCode), "phone": "new"])
        try await browser.submit("/answer", ["code": Self.codes[0]])
        #expect(browser.page.heading == "Move to your new phone", "\(browser.page.text)")
        let form = try #require(browser.page.forms.first { $0.hidden["credential"] == home.app.text })
        try await browser.post(form.action, form.hidden)
        let key = try #require(browser.page.key)
        #expect(try await home.states().contains("totpApp active"), "the old one works until the new one is proven")
        try await browser.submit("/code", ["code": browser.appCode(secret: key)])
        #expect(browser.page.heading == "Move to your new phone")
        try await browser.open("/security-info")
        #expect(browser.page.says("Replaced within the last day") && browser.page.says("You replaced your authenticator app"))
        server.clock.advance(by: .hours(23))
        try await browser.signIn("ada", returnTo: "/security-info")
        try await browser.submit("/use", ["use": use(browser.page, .recoveryCode)])
        try await browser.submit("/answer", ["code": Self.codes[1]])
        try await browser.submit("/security-info/undo", ["credential": home.app.text])
        #expect(browser.page.says("sign in again with what you have now"), "\(browser.page.text)")
        #expect(try await home.states().filter { $0.hasPrefix("totpApp") } == ["totpApp active"], "still the new one")
        let anew = TestBrowser(server)
        try await anew.signIn("ada", returnTo: "/security-info")
        try await anew.submit("/answer", ["code": anew.appCode(secret: key)])
        try await anew.submit("/security-info/undo", ["credential": home.app.text])
        #expect(anew.page.says("We took the change back"), "\(anew.page.text)")
        #expect(try await home.states().filter { $0.hasPrefix("totpApp") } == ["totpApp active"])
        let other = TestBrowser(server)
        try await other.signIn("ada")
        try await other.submit("/use", ["use": "\(home.app).appCode"])
        try await other.submit("/answer", ["code": home.appCode])
        #expect(other.page.path == "/", "the old app is good again")
    }

    @Test func `whoever has only the old phone takes nothing back, however fresh the proof with it`() async throws {
        let home = try await home(), browser = home.browser, thief = TestBrowser(home.server)
        try await home.signIn(to: "/security-info/new-phone")
        try await home.signIn(thief, to: "/security-info")
        let form = try #require(browser.page.forms.first { $0.hidden["credential"] == home.app.text }, "\(browser.page.text)")
        try await browser.post(form.action, form.hidden)
        try await browser.submit("/code", ["code": browser.appCode(secret: try #require(browser.page.key))])
        try await thief.open("/security-info")
        try await thief.submit("/security-info/undo", ["credential": home.app.text])
        #expect(thief.page.says("sign in again with what you have now"))
        try await browser.open("/security-info")
        try await browser.submit("/security-info/undo", ["credential": home.app.text])
        #expect(browser.page.says("We took the change back"), "the new one is proven in this session")
    }

    @Test func `a replacement that was taken back is nobody's successor`() async throws {
        let home = try await home(), browser = home.browser, instance = home.server.instance, ada = home.ada, app = home.app
        try await home.signIn(to: "/security-info/new-phone")
        let form = try #require(browser.page.forms.first { $0.hidden["credential"] == home.app.text }, "\(browser.page.text)")
        try await browser.post(form.action, form.hidden)
        try await browser.submit("/code", ["code": browser.appCode(secret: try #require(browser.page.key))])
        let new = try #require(try await instance.database.read { db in try instance.credentials.successor(of: app, of: ada, db) }).id
        #expect(new != app)
        try await browser.open("/security-info")
        try await browser.submit("/security-info/undo", ["credential": app.text])
        let then = try await instance.database.read { db in try instance.credentials.successor(of: new, of: ada, db) }
        #expect(then?.id == new && then?.credential.state == .retired)
    }

    @Test func `with a fresh proof to give: ways without the phone, the quickest first, and on to the new one`() async throws {
        let home = try await home(), browser = home.browser
        try await home.signIn()
        home.server.clock.advance(by: .minutes(20))
        try await browser.open("/security-info")
        try await browser.follow(link: "I don’t have my phone")
        #expect(!browser.page.says("we don’t ask again in this browser today"))
        try await browser.follow(link: "I have a new one")
        #expect(!browser.page.says("Text a code") && !browser.page.says("authenticator app"), "\(browser.page.text)")
        try await browser.submit("/use", ["use": use(browser.page, .recoveryCode), "phone": "new"])
        try await browser.submit("/answer", ["code": Self.codes[0]])
        #expect(browser.page.heading == "Move to your new phone", "\(browser.page.text)")
    }

    @Test func `after a day, or after a loss, nothing can be taken back`() async throws {
        let home = try await home(), server = home.server, browser = home.browser
        func replaceApp() async throws {
            try await browser.open("/security-info/new-phone")
            let form = try #require(browser.page.forms.first { $0.hidden["credential"] == home.app.text }, "\(browser.page.text)")
            try await browser.post(form.action, form.hidden)
            try await browser.submit("/code", ["code": browser.appCode(secret: try #require(browser.page.key))])
        }
        try await home.signIn(to: "/security-info")
        try await replaceApp()
        server.clock.advance(by: .hours(24))
        let instance = server.instance, ada = home.ada, now = server.clock.now
        #expect(try await instance.database.read { db in try instance.credentials.undoable(of: ada, now: now, db).isEmpty })
        #expect(await Sweeper(instance).sweep() == [])
        let kept = try await instance.database.read { db in
            try db.rows("SELECT id FROM credential WHERE state = 'retired' AND sealed <> ''").count
        }
        #expect(kept == 0, "its key is forgotten")
    }

    @Test func `what was replaced before a loss does not come back either`() async throws {
        let home = try await home(), instance = home.server.instance, browser = home.browser, ada = home.ada
        try await home.signIn(to: "/security-info/new-phone")
        let form = try #require(browser.page.forms.first { $0.hidden["credential"] == home.app.text }, "\(browser.page.text)")
        try await browser.post(form.action, form.hidden)
        try await browser.submit("/code", ["code": browser.appCode(secret: try #require(browser.page.key))])
        let now = home.server.clock.now
        func undoable() async throws -> Int {
            try await instance.database.read { db in try instance.credentials.undoable(of: ada, now: now, db).count }
        }
        #expect(try await undoable() == 1)
        try await browser.open("/security-info/lost")
        try await browser.submit("/security-info/lost", ["lost-\(home.phone)": "yes"])
        #expect(try await undoable() == 0)
    }
}
