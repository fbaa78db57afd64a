import ConvergeCore
import Testing

@testable import ConvergeServer

@Suite("App passwords")
struct AppPasswordTests {
    private func home(allowed: Bool = true) async throws -> Household {
        let home = try await Household()
        try await home.server.changePolicy { $0.methods.appPasswords.allowed = allowed }
        return home
    }

    private func make(_ home: Household, _ name: String, for service: String) async throws -> String {
        try await home.browser.open("/security-info/app-passwords")
        try await home.browser.submit("/security-info/app-passwords", ["name": name, "service": service])
        return try #require(home.browser.page.html.firstMatch(of: /<p class="key">([a-z0-9-]+)<\/p>/)).output.1.description
    }

    private func opens(
        _ password: String, _ service: String, _ home: Household, as name: String = "ada", from network: String? = nil
    ) async throws -> Bool {
        let instance = home.server.instance, now = home.server.clock.now
        return try await instance.database.write { db in
            var ledger = Ledger(instance, db, now: now)
            ledger.network = network
            return try AppPasswords.verify(name: name, password: Secret(password), service: service, instance, ledger) != nil
        }
    }

    @Test func `one for each program: shown once, good for that one only, told, used, deleted`() async throws {
        let home = try await home(), browser = home.browser
        try await home.server.add("ben")
        try await home.signIn(to: "/security-info")
        #expect(browser.page.says("New app password"))
        let mail = try await make(home, "Mail on my laptop", for: "IMAP")
        let parts = mail.split(separator: "-")
        #expect(parts.count == 8 && parts.allSatisfy { $0.count == 4 })
        try await browser.open("/security-info")
        #expect(browser.page.says("Mail on my laptop") && browser.page.says("For IMAP.") && browser.page.says("Never used"))
        #expect(!browser.page.html.contains(mail))
        _ = try await home.notMeLink()

        #expect(try await opens(mail, "imap", home))
        #expect(try await opens(mail.uppercased().replacing("-", with: " "), "imap", home), "however it is typed")
        #expect(try await !opens(mail, "caldav", home), "not elsewhere")
        #expect(try await !opens(mail, "imap", home, as: "ben"))
        #expect(try await !opens(String(mail.dropLast()) + (mail.hasSuffix("a") ? "b" : "a"), "imap", home))
        #expect(try await !opens(TestServer.password, "imap", home), "the account's own password is none")
        #expect(try await !opens(mail, "imap", home, as: "nobody"))
        #expect(try await home.appPasswordsUsed() == 1)

        let id = try #require(try await home.appPasswords().first)
        try await browser.open("/security-info/delete/\(id)")
        try await browser.submit("/security-info/delete/\(id)")
        #expect(try await !opens(mail, "imap", home))
    }

    @Test func `two clicks make one; an empty form says what is missing and loses nothing`() async throws {
        let home = try await home(), browser = home.browser
        try await home.signIn(to: "/security-info/app-passwords")
        try await browser.submit("/security-info/app-passwords", ["name": "Laptop", "service": " "])
        #expect(browser.page.status == 422 && browser.page.html.contains(#"value="Laptop""#) && browser.page.says("Fill in this field"))
        let twin = browser.tab()
        try await browser.submit("/security-info/app-passwords", ["name": "Laptop", "service": "imap"])
        try await twin.submit("/security-info/app-passwords", ["name": "Laptop", "service": "imap"])
        #expect(try await home.appPasswords().count == 1)
    }

    @Test func `as long as nothing is registered that could be a second step, the password alone makes none`() async throws {
        let server = try await TestServer(), browser = TestBrowser(server)
        try await server.changePolicy {
            $0.methods.appPasswords.allowed = true
            $0.registration = []
        }
        try await server.add("ben")
        try await browser.signIn("ben", returnTo: "/security-info/app-passwords")
        #expect(!browser.page.forms.contains { $0.action == "/security-info/app-passwords" }, "\(browser.page.text)")
    }

    @Test func `forty and no more`() async throws {
        let home = try await home(), instance = home.server.instance, ada = home.ada, now = home.server.clock.now
        try await instance.database.write { db in
            for number in 1...40 {
                let dossier = try #require(try instance.dossier(ada, knownBrowser: true, now: now, db))
                _ = try AppPasswords.make(name: "\(number)", service: "imap", for: dossier, Ledger(instance, db, now: now))
            }
        }
        try await home.signIn(to: "/security-info/app-passwords")
        #expect(home.browser.page.says("Delete one before you add another"))
        try await home.browser.submit("/security-info/app-passwords", ["name": "one more", "service": "imap"])
        #expect(try await home.appPasswords().count == 40)
    }

    @Test func `when policy takes them back they stop, and can still be deleted`() async throws {
        let home = try await home()
        try await home.signIn(to: "/security-info")
        let mail = try await make(home, "Mail", for: "imap")
        try await home.server.changePolicy { $0.methods.appPasswords.allowed = false }
        #expect(try await !opens(mail, "imap", home))
        try await home.browser.open("/security-info")
        #expect(home.browser.page.says("Mail") && !home.browser.page.says("New app password"))
        let id = try #require(try await home.appPasswords().first)
        try await home.browser.open("/security-info/delete/\(id)")
        try await home.browser.submit("/security-info/delete/\(id)")
        #expect(try await home.appPasswords().isEmpty)
        try await home.browser.open("/security-info/app-passwords")
        #expect(home.browser.page.path == "/security-info")
    }

    @Test("a reset of the account's password ends them, unless policy says otherwise", arguments: [false, true])
    func reset(survives: Bool) async throws {
        let story = try await ResetStory(), server = story.server, instance = server.instance, ada = story.ada
        try await server.changePolicy {
            $0.methods.appPasswords = AppPasswordPolicy(allowed: true, survivesReset: survives)
        }
        let now = server.clock.now
        let password = try await instance.database.write { db in
            let dossier = try #require(try instance.dossier(ada, knownBrowser: true, now: now, db))
            return try AppPasswords.make(name: "Mail", service: "imap", for: dossier, Ledger(instance, db, now: now))
        }
        server.clock.advance(by: .days(2))
        try await story.passBoth()
        try await story.setPassword()
        let later = server.clock.now
        let owner = try await instance.database.write { db in
            try AppPasswords.verify(name: "ada", password: password, service: "imap", instance, Ledger(instance, db, now: later))
        }
        #expect((owner == ada) == survives)
    }

    @Test func `guessing is counted for its network, and locks the owner out nowhere else`() async throws {
        let home = try await home()
        try await home.signIn(to: "/security-info")
        let mail = try await make(home, "Mail", for: "imap")
        for _ in 0..<30 { #expect(try await !opens("wrong", "imap", home)) }
        #expect(try await !opens(mail, "imap", home))
        #expect(try await opens(mail, "imap", home, from: "198.51.100.7"))
        home.server.clock.advance(by: .hours(2))
        #expect(try await opens(mail, "imap", home))
    }
}

extension Household {
    func appPasswords() async throws -> [CredentialID] {
        let instance = server.instance, ada = self.ada
        return try await instance.database.read { db in try instance.credentials.all(of: ada, db) }
            .filter { $0.credential.method == .appPassword }.map(\.id)
    }

    /// How many of them a program has used.
    func appPasswordsUsed() async throws -> Int {
        let instance = server.instance, ada = self.ada
        return try await instance.database.read { db in try instance.credentials.all(of: ada, db) }
            .filter { $0.credential.method == .appPassword && !$0.lastUsed.isEmpty }.count
    }
}
