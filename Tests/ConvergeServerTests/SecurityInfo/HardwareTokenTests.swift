import ConvergeCore
import Testing

@testable import ConvergeServer

@Suite("Hardware tokens")
struct HardwareTokenTests {
    private static let key = Secret(bytes: Array(50..<82))
    private static let file = """
        upn,serial number,secret key,time interval,manufacturer,model,hash function
        ,OT-000 17,\(Base32.encode(key.bytes)),60,Vane & Sons,Fob 2,HmacSHA256
        ben,OT-00018,\(Base32.encode(Array(1...20))),30,Vane & Sons,Fob 1,
        """
    private static let allows = PolicyDocument(
        mfa: [MFARule(name: "Sign-in", required: true, allow: [.appCode, .hardwareCode, .text])], reset: [],
        registration: [RegistrationRule(name: "Register", requireForMFA: true, requireForReset: false)])

    /// What the fob shows when its clock differs by some steps.
    private static func shown(_ now: Moment, off steps: Int = 0) throws -> String {
        let totp = try #require(TOTP(secret: key, algorithm: .sha256, period: 60))
        return totp.code(step: totp.step(at: now) + Int64(steps)).text
    }

    private func home() async throws -> Household {
        let home = try await Household(policy: Self.allows)
        try await home.server.add("ben")
        #expect(try await home.server.administration.importTokens(csv: Array(Self.file.utf8)) == 2)
        return home
    }

    private func inventory(_ server: TestServer) async throws -> [String] {
        var lines: [String] = []
        try await server.administration.listTokens { page in
            for token in page { lines.append("\(token.serial) \(token.state.rawValue) \(token.person ?? "-")") }
        }
        return lines
    }

    private func addToken(_ browser: TestBrowser, serial: String, code: String) async throws {
        try await browser.open("/security-info/add")
        try await browser.submit("/security-info/add", ["method": "hardwareToken"])
        try await browser.submit("/enrol", ["serial": serial, "code": code])
    }

    @Test func `a token that was replaced lies in the drawer again: nobody takes that back`() async throws {
        let home = try await home(), server = home.server, browser = home.browser, instance = server.instance, ada = home.ada
        try await home.signIn(to: "/security-info")
        try await addToken(browser, serial: "OT-000 17", code: Self.shown(server.clock.now))
        try await server.administration.returnToken("OT-00018")
        try await browser.open("/security-info")
        let csrf = try #require(browser.page.forms.first { $0.hidden["csrf"] != nil }?.hidden["csrf"])
        try await browser.post("/security-info/replace", ["csrf": csrf, "credential": try await home.token().text])
        let totp = try #require(TOTP(secret: Secret(bytes: Array(1...20))))
        try await browser.submit("/enrol", ["serial": "OT-00018", "code": totp.code(step: totp.step(at: server.clock.now)).text])
        #expect(try await inventory(server) == ["OT-000 17 available -", "OT-00018 activated ada"], "\(browser.page.text)")
        let now = server.clock.now
        #expect(try await instance.database.read { db in try instance.credentials.undoable(of: ada, now: now, db).isEmpty })
    }

    @Test func `from the drawer to a sign-in and back: a fob whose clock is minutes off`() async throws {
        let home = try await home(), server = home.server, browser = home.browser
        #expect(try await inventory(server) == ["OT-000 17 available -", "OT-00018 assigned ben"])
        try await home.signIn(to: "/security-info")
        try await addToken(browser, serial: " ot00017", code: Self.shown(server.clock.now, off: -4))
        #expect(browser.page.says("Hardware token") && browser.page.says("OT-000 17"))
        #expect(try await inventory(server) == ["OT-000 17 activated ada", "OT-00018 assigned ben"])

        let other = TestBrowser(server)
        try await other.signIn("ada")
        let use = try await home.token()
        try await other.submit("/use", ["use": "\(use).hardwareCode"])
        try await other.submit("/answer", ["code": Self.shown(server.clock.now, off: -4)])
        #expect(other.page.says("Wait for the next code"), "the code that activated it is spent")
        server.clock.advance(by: .seconds(60))
        try await other.submit("/answer", ["code": Self.shown(server.clock.now, off: 4)])
        #expect(other.page.says("Check the code"), "another clock's code is none")
        // It lost two more minutes in half a year.
        server.clock.advance(by: .days(180))
        try await other.signIn("ada")
        try await other.submit("/use", ["use": "\(use).hardwareCode"])
        try await other.submit("/answer", ["code": Self.shown(server.clock.now, off: -6)])
        #expect(other.page.path == "/")
        server.clock.advance(by: .days(90))
        let third = TestBrowser(server)
        try await third.signIn("ada")
        try await third.submit("/use", ["use": "\(use).hardwareCode"])
        try await third.submit("/answer", ["code": Self.shown(server.clock.now, off: -8)])
        #expect(third.page.path == "/", "the drift is kept from use to use")

        try await server.administration.returnToken("OT-00017")
        #expect(try await inventory(server).first == "OT-000 17 available -")
        #expect(try await home.states().contains { $0.hasPrefix("hardwareToken") } == false)
    }

    @Test func `one token is one person's: kept for another, in use, unknown`() async throws {
        let home = try await home(), server = home.server, browser = home.browser
        try await home.signIn(to: "/security-info")
        for serial in ["OT-00018", "nothing"] {
            try await addToken(browser, serial: serial, code: "123456")
            #expect(browser.page.status == 422 && browser.page.says("Check the number on the back"))
        }
        try await addToken(browser, serial: "OT-00017", code: "")
        #expect(browser.page.says("Type the code"))
        try await addToken(browser, serial: "OT-00017", code: Self.shown(server.clock.now, off: 100))
        #expect(browser.page.says("tries left"))
        try await addToken(browser, serial: "OT-00017", code: Self.shown(server.clock.now))
        let cara = try await server.add("cara")
        try await server.give(cara, .totpApp, content: CredentialContent(secret: home.secret), by: .appCode)
        let other = TestBrowser(server)
        try await other.signIn("cara", returnTo: "/security-info")
        try await other.submit("/answer", ["code": home.appCode])
        server.clock.advance(by: .seconds(60))
        try await addToken(other, serial: "OT-00017", code: Self.shown(server.clock.now))
        #expect(other.page.says("Check the number on the back"))
        #expect(try await inventory(server).first == "OT-000 17 activated ada")
        for change in [server.administration.removeToken, { try await server.administration.assignToken($0, to: "ben") }] {
            await #expect(throws: Administration.Problem.self) { try await change("OT-00017") }
        }
    }

    @Test func `two people with the same token at the same moment: one gets it`() async throws {
        let home = try await home(), server = home.server, instance = server.instance
        let cara = try await server.add("cara"), ada = home.ada
        let won = try await server.instance.database.write { db in
            let token = try #require(try instance.tokens.free(serial: "OT-00017", for: ada, db))
            return try [ada, cara].map { person in
                let id: CredentialID = instance.world.newID()
                try instance.credentials.insert(
                    Credential(id: id, method: .hardwareToken, capabilities: [.hardwareCode], channel: "t\(id)", addedAt: server.clock.now),
                    of: person, content: CredentialContent(token: token), hint: "", db)
                return try instance.tokens.activate(token.id, as: id, of: person, db)
            }
        }
        #expect(won == [true, false])
    }

    @Test func `an assigned token is proposed, and what its owner deletes is available again`() async throws {
        let home = try await home(), server = home.server, browser = home.browser
        try await server.administration.assignToken("OT-00017", to: "ada")
        try await home.signIn(to: "/security-info")
        try await browser.open("/security-info/add")
        try await browser.submit("/security-info/add", ["method": "hardwareToken"])
        #expect(browser.page.html.contains(#"value="OT-000 17""#))
        try await browser.submit("/enrol", ["serial": "OT-000 17", "code": Self.shown(server.clock.now)])
        let path = "/security-info/delete/\(try await home.token())"
        try await browser.open(path)
        try await browser.submit(path)
        #expect(try await inventory(server).first == "OT-000 17 available -")
        try await server.administration.removeToken("ot 00017")
        #expect(try await inventory(server) == ["OT-00018 assigned ben"])
    }

    @Test func `every broken row of a file is named, and no token is added`() async throws {
        let server = try await TestServer()
        let wrong = """
            upn,serial number,secret key,time interval,manufacturer,model,hash function,digits
            ,,MFRGGZDFMZTWQ2LKNNWG23TP,30,,,,
            ,1,not base 32!,30,,,,
            ,2,MFRGG,30,,,,
            ,3,MFRGGZDFMZTWQ2LKNNWG23TP,45,,,,
            ,4,MFRGGZDFMZTWQ2LKNNWG23TP,30,,,md5,
            ,5,MFRGGZDFMZTWQ2LKNNWG23TP,30,,,,9
            nobody,6,MFRGGZDFMZTWQ2LKNNWG23TP,30,,,,
            ,7,MFRGGZDFMZTWQ2LKNNWG23TP,30,,,,
            ,7,MFRGGZDFMZTWQ2LKNNWG23TP,30,,,,
            """
        let error = await #expect(throws: Administration.Problem.self) {
            try await server.administration.importTokens(csv: Array(wrong.utf8))
        }
        let lines = "\(try #require(error))".split(separator: "\n")
        #expect(lines.count == 9 && lines.last == "No token was added.", "\(lines)")
        #expect(try await inventory(server).isEmpty)
        await #expect(throws: Administration.Problem.self) {
            try await server.administration.importTokens(csv: Array("serial number,secret key\n".utf8))
        }
    }
}

extension Household {
    /// The hardware token that Ada holds.
    func token() async throws -> CredentialID {
        let instance = server.instance, ada = self.ada
        let all = try await instance.database.read { db in try instance.credentials.all(of: ada, db) }
        return try #require(all.first { $0.credential.method == .hardwareToken }).id
    }
}
