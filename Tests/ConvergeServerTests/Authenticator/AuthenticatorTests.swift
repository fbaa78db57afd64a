import ConvergeCore
import Foundation
import HTTPTypes
import Testing

@testable import ConvergeServer

/// The app on a phone, and the page that waits for it.
@Suite("Converge app")
struct AuthenticatorTests {
    // MARK: connecting

    @Test("one registration in the wizard brings approvals and codes")
    func registration() async throws {
        let kit = try await AppKit()
        #expect(kit.browser.page.path == "/profile", "\(kit.browser.page.heading)")
        #expect(try await kit.states() == ["convergeApp active"])
        #expect(try await kit.amr() == ["pwd", "swk", "mfa"])
        #expect(kit.phone.account?.name == "ada" && kit.phone.account?.person == kit.ada.text)
        let tab = try await kit.begin()
        #expect(tab.page.heading == "Approve on your phone")
        try await tab.submit("/use", ["use": "\(kit.phone.credential).appCode"])
        try await tab.submit("/answer", ["code": kit.phone.code])
        #expect(tab.page.path == "/", "\(tab.page.heading)")
        #expect(try await kit.amr() == ["pwd", "otp", "mfa"])
    }

    @Test("a code is good once and for ten minutes, a new one makes the old one void, and guessing ends soon")
    func activation() async throws {
        let server = try await TestServer(policy: AppKit.policy), browser = TestBrowser(server), phone = TestPhone(server)
        try await server.add("ada")
        try await browser.signIn("ada")
        try await browser.submit("/start")
        #expect(browser.page.heading == "Connect the Converge app" && browser.page.says("/authenticator"))
        let old = browser.page.activation
        #expect(try await browser.submit("/enrol").says("The app is not connected yet"))
        try await browser.submit("/again")
        let code = browser.page.activation
        #expect(code != old && code != "none")
        for wrong in [old, "AAAA-AAAA", "", "AAAA", String(repeating: "A", count: 4000)] {
            #expect(try await phone.activate(wrong).problem == "code" && phone.browser.page.status == 422, "\(wrong.prefix(10))")
        }
        #expect(try await phone.activate(code.lowercased().replacing("-", with: " ")).problem == nil)
        #expect(try await TestPhone(server, key: 2).activate(code).problem == "code", "used")
        try await browser.submit("/enrol")
        try await browser.submit("/change")
        #expect(browser.page.heading == "Connect the Converge app")
        server.clock.advance(by: .minutes(10))
        #expect(try await phone.activate(browser.page.activation).problem == "code", "ten minutes are over")
        for _ in 0..<20 { try await phone.activate("AAAA-AAAA") }
        #expect(try await phone.activate("AAAA-AAAA").problem == "busy" && phone.browser.page.status == 429)
    }

    @Test("the code alone connects nothing: the app signs with the key that it brings, and its first code has to be right")
    func first() async throws {
        let server = try await TestServer(policy: AppKit.policy), browser = TestBrowser(server), phone = TestPhone(server)
        let ada = try await server.add("ada")
        try await browser.signIn("ada")
        try await browser.submit("/start")
        let foreign = [
            "code": browser.page.activation, "key": TestPhone(server, key: 2).publicKey, "time": "0", "signature": phone.sign([1]),
        ]
        #expect(try await phone.browser.post("/authenticator/activate", foreign).status == 403)
        #expect(try await phone.browser.post("/authenticator/activate", foreign.merging(["key": "AAAA"]) { $1 }).status == 422)
        try await phone.activate(browser.page.activation)
        #expect(try await phone.poll().0?.requests.isEmpty == true)
        try await browser.submit("/enrol")
        let asked = try await phone.asked()
        #expect(asked.first && asked.purpose == "change" && asked.application == "Harbour & Vale" && asked.known)
        let wrong = phone.code == "000000" ? "000001" : "000000"
        #expect(try await phone.answer(asked, number: browser.page.number, code: wrong).problem == "first-code")
        #expect(try await browser.submit("/enrol").says("Your phone has not answered yet"))
        #expect(try await phone.answer(asked, number: browser.page.number).outcome == "approved")
        // The app's first code was its proof, and is none again.
        try await browser.submit("/enrol")
        try await browser.submit("/finish")
        let app = try await server.instance.database.read { db in try server.instance.credentials.all(of: ada, db).first }
        let totp = TOTP(secret: Secret(bytes: Base32.decode(try #require(phone.account).secret)!))!
        #expect(app?.spentStep == totp.step(at: server.clock.now) && app?.id == phone.credential)
    }

    @Test("the sixth app is refused, tokens and other apps counted with it")
    func sixth() async throws {
        let kit = try await AppKit()
        for number in 0..<3 {
            try await kit.server.give(
                kit.ada, .totpApp, content: CredentialContent(secret: Secret(bytes: [UInt8](repeating: UInt8(number), count: 20))),
                by: .appCode)
        }
        _ = try await kit.another(5)
        #expect(try await kit.states().count == 5)
        try await kit.browser.open("/security-info/add")
        try await kit.browser.post("/security-info/add", ["method": "convergeApp", "csrf": kit.browser.page.forms[0].hidden["csrf"] ?? ""])
        #expect(kit.browser.page.status == 422)
        #expect(try await kit.states().count == 5)
    }

    // MARK: answering

    @Test("the number of the page, typed in the app, signs in")
    func approve() async throws {
        let kit = try await AppKit(), tab = try await kit.begin(), asked = try await kit.phone.asked(), path = tab.page.path
        #expect(asked.purpose == "signIn" && asked.known && !asked.first && asked.until - asked.made == 60_000)
        #expect(try await tab.submit("/answer").says("Your phone has not answered yet"))
        #expect(try await kit.phone.answer(asked, number: tab.page.number).outcome == "approved")
        let told = TestBrowser(kit.server).tab()
        #expect(try await tab.tab().open(path + "/progress").html.contains(#""approved":true"#))
        #expect(try await told.open(path + "/progress").html == #"{"over":true}"#, "not this browser's")
        try await tab.submit("/answer")
        #expect(tab.page.path == "/")
        #expect(try await kit.amr() == ["pwd", "swk", "mfa"])
        #expect(try await kit.phone.poll().0?.requests.isEmpty == true)
    }

    @Test("refused, or another number: the page says so, and another request can be sent")
    func refuse() async throws {
        for (decision, number, outcome, heading) in [
            (AppDecision.deny, "", "denied", "Your phone said no"), (.approve, "07", "wrongNumber", "That was another number"),
        ] {
            let kit = try await AppKit(), tab = try await kit.begin(), asked = try await kit.phone.asked(), path = tab.page.path
            #expect(try await kit.phone.answer(asked, decision, number: number).outcome == outcome)
            #expect(try await tab.open(path).heading == heading && tab.page.number == "none")
            #expect(try await kit.phone.answer(asked, number: "11").problem == "decided", "it has ended")
            try await tab.submit("/send")
            #expect(tab.page.heading == "Approve on your phone")
            try await kit.phone.answer(try await kit.phone.asked(), number: tab.page.number)
            #expect(try await tab.submit("/answer").path == "/")
            let refused = try await kit.server.audit(of: kit.ada).first { $0.activity == .challengeAnswered && !$0.success }
            #expect(refused?.reason == (decision == .deny ? "approval.denied" : "approval.wrong"))
        }
    }

    @Test("“this wasn’t me” ends everything, makes the password known to others and tells people; the app stays")
    func fraud() async throws {
        let kit = try await AppKit(), server = kit.server
        let chief = try await server.add("chief", roles: [.globalAdministrator])
        try await server.give(chief, .email, content: CredentialContent(email: EmailAddress("chief@mail.example")), by: .emailCode)
        try await server.give(kit.ada, .email, content: CredentialContent(email: EmailAddress("ada@mail.example")), by: .emailCode)
        let stranger = TestBrowser(server)
        server.clock.advance(by: .minutes(11))
        try await stranger.signIn("ada")
        let asked = try await kit.phone.asked(), path = stranger.page.path
        #expect(!asked.known)
        #expect(try await kit.phone.answer(asked, .fraud).outcome == "fraud")
        #expect(try await stranger.open(path).heading != "Approve on your phone")
        #expect(try await kit.browser.open("/security-info").path.hasPrefix("/sign-in"), "her own session has ended too")
        let person = try await server.instance.database.read { db in try server.instance.people.find(kit.ada, db)?.person }
        #expect(person?.passwordKnownToOthers == true && person?.state == .enabled)
        #expect(try await kit.states().contains("convergeApp active"))
        #expect(
            try await server.audit(of: kit.ada).contains { $0.activity == .fraudReported && $0.details["action"] == "everything ended" })
        let told = try await server.instance.database.read { db in
            try db.rows("SELECT * FROM outbox WHERE kind = 'mail' AND sealed IS NOT NULL").map { row in
                try server.instance.outbox.open(
                    OutboxRecord(
                        id: row.text("id"), kind: .mail, tries: 0, notAfter: row.moment("not_after_ms"),
                        createdAt: row.moment("created_ms"),
                        sealed: row.text("sealed"))
                ).to
            }
        }
        #expect(Set(told).isSuperset(of: ["chief@mail.example", "ada@mail.example"]))
    }

    @Test("altered, signed by another key, of another person, replayed or late: nothing is decided")
    func forged() async throws {
        let kit = try await AppKit(), ben = try await kit.server.add("ben"), tab = try await kit.begin()
        let asked = try await kit.phone.asked(), number = tab.page.number
        let changes: [(String, (inout ApprovalStatement) -> Void)] = [
            ("challenge", { $0.challenge = ApprovalID("x") }), ("person", { $0.person = ben }),
            ("credential", { $0.credential = CredentialID("x") }),
            ("origin", { $0.origin = "https://localhost:8080" }), ("application", { $0.application = "x" }),
            ("number", { $0.number = "11" }),
            ("decision", { $0.decision = .deny }), ("expiry", { $0.expiry = $0.expiry + .seconds(1) }),
        ]
        for (name, change) in changes {
            #expect(try await kit.phone.answer(asked, number: number, signing: change).problem == "foreign", "\(name)")
        }
        let thief = TestPhone(kit.server, key: 9)
        try await thief.browser.post(
            "/authenticator/answer",
            [
                "credential": kit.phone.credential.text, "challenge": asked.challenge, "decision": "approve", "number": number,
                "signature": thief.sign(
                    ApprovalStatement(
                        challenge: ApprovalID(asked.challenge), person: kit.ada, credential: kit.phone.credential,
                        origin: "http://localhost:8080",
                        application: asked.application, number: number, decision: .approve, expiry: Moment(ms: asked.until)
                    ).bytes),
            ])
        #expect(thief.browser.page.status == 403)
        for junk in [["signature": "AAAA"], ["signature": "?"], ["decision": "maybe"], ["challenge": "x"], ["credential": "x"]] {
            try await kit.phone.answer(asked, number: number) { _ in
            } sending: {
                $0.merge(junk) { $1 }
            }
            #expect(kit.phone.browser.page.status >= 400, "\(junk)")
        }
        #expect(try await tab.submit("/answer").says("Your phone has not answered yet"))
        // One answer, sent twice.
        #expect(try await kit.phone.answer(asked, number: number).outcome == "approved")
        #expect(try await kit.phone.answer(asked, number: number).problem == "decided")
        #expect(try await tab.submit("/answer").path == "/")
        let later = try await kit.begin(), second = try await kit.phone.asked()
        #expect(try await kit.phone.answer(asked, number: number).problem == "decided", "an older one")
        kit.server.clock.advance(by: .seconds(60))
        #expect(try await kit.phone.answer(second, number: later.page.number).problem == "late")
        #expect(try await later.open(later.page.path).heading == "That request is over")
    }

    @Test("two phones answer one request: the first decides, and it is the one that counts")
    func twoPhones() async throws {
        let kit = try await AppKit(), other = try await kit.another(2), tab = try await kit.begin()
        let asked = try await kit.phone.asked(), same = try await other.asked()
        #expect(asked.challenge == same.challenge)
        #expect(try await other.answer(same, number: tab.page.number).outcome == "approved")
        #expect(try await kit.phone.answer(asked, .deny).problem == "decided")
        #expect(try await tab.submit("/answer").path == "/")
        let used = try await kit.server.instance.database.read { db in
            try kit.server.instance.credentials.all(of: kit.ada, db).max {
                ($0.lastUsed[.signIn]?.ms ?? 0) < ($1.lastUsed[.signIn]?.ms ?? 0)
            }?.id
        }
        #expect(used == other.credential)
    }

    @Test("approved after the code was typed: nothing waits for it any more")
    func afterTheCode() async throws {
        let kit = try await AppKit(), tab = try await kit.begin(), asked = try await kit.phone.asked(), number = tab.page.number
        try await tab.submit("/use", ["use": "\(kit.phone.credential).appCode"])
        try await tab.submit("/answer", ["code": kit.phone.code])
        #expect(tab.page.path == "/")
        #expect(try await kit.phone.poll().0?.requests.isEmpty == true)
        #expect(try await kit.phone.answer(asked, number: number).problem == "decided")
        // And the next sign-in may ask at once.
        let next = TestBrowser(kit.server)
        try await next.signIn("ada")
        #expect(next.page.heading == "Approve on your phone")
    }

    @Test("one request at a time, three in ten minutes; then the code of the same app is asked for")
    func budget() async throws {
        let kit = try await AppKit(), tab = try await kit.begin()
        let first = try await kit.phone.asked()
        let stranger = TestBrowser(kit.server)
        try await stranger.signIn("ada")
        #expect(stranger.page.heading == "Enter the code from your authenticator app", "one is open")
        #expect(try await kit.phone.poll().0?.requests.map(\.challenge) == [first.challenge])
        for _ in 0..<2 { try await tab.submit("/send") }
        #expect(try await kit.phone.poll().0?.requests.count == 1)
        #expect(try await kit.phone.asked().challenge != first.challenge)
        #expect(try await kit.phone.answer(first, number: "11").problem == "decided", "replaced")
        try await kit.phone.answer(try await kit.phone.asked(), number: tab.page.number)
        #expect(try await tab.submit("/answer").path == "/")
        let fourth = TestBrowser(kit.server)
        try await fourth.signIn("ada")
        #expect(fourth.page.heading == "Enter the code from your authenticator app")
        kit.server.clock.advance(by: .minutes(10))
        let fifth = TestBrowser(kit.server)
        try await fifth.signIn("ada")
        #expect(fifth.page.heading == "Approve on your phone")
    }

    @Test("a phone's clock that is ninety seconds off is told the time, and nothing it signs then is worth less")
    func clock() async throws {
        let kit = try await AppKit(), tab = try await kit.begin()
        for drift in [Span.seconds(90), .seconds(-90)] {
            kit.phone.drift = drift
            let said = try await kit.phone.poll().1
            #expect(said.problem == "clock" && said.now == kit.server.clock.now.ms)
        }
        kit.phone.drift = .seconds(59)
        let asked = try await kit.phone.asked()
        kit.phone.drift = .seconds(90)
        #expect(try await kit.phone.answer(asked, number: tab.page.number).outcome == "approved", "an answer carries no time of its own")
    }

    @Test("an app that was deleted is told so, one that is suspended too, and nobody else is told anything")
    func gone() async throws {
        let kit = try await AppKit(), id = kit.phone.credential, instance = kit.server.instance, now = kit.server.clock.now
        #expect(try await kit.phone.poll { $0["signature"] = kit.phone.sign([1]) }.1.problem == "foreign")
        #expect(try await kit.phone.poll { $0["credential"] = "nobody" }.1.problem == "gone")
        #expect(try await kit.phone.poll { $0["time"] = "" }.1.problem == "malformed")
        _ = try await instance.database.write { db in try instance.credentials.suspend(id, at: now, db) }
        #expect(try await kit.phone.poll().1.problem == "suspended")
        try await instance.database.write { db in try instance.credentials.retire(id, reason: "deleted", replacedBy: nil, at: now, db) }
        #expect(try await kit.phone.poll().1.problem == "gone")
    }

    @Test("an app that was replaced keeps what it has for a day, and is good again when its owner takes the change back")
    func replaced() async throws {
        let kit = try await AppKit(), server = kit.server, browser = kit.browser, old = kit.phone.credential,
            other = TestPhone(server, key: 2)
        // Long after its activation: what is over was swept.
        server.clock.advance(by: .days(30))
        try await browser.signIn("ada", returnTo: "/security-info/new-phone")
        if browser.page.number != "none" {
            try await kit.phone.answer(try await kit.phone.asked(), number: browser.page.number)
            try await browser.submit("/answer")
        }
        let form = try #require(browser.page.forms.first { $0.hidden["credential"] == old.text }, "\(browser.page.text)")
        try await browser.post(form.action, form.hidden)
        try await kit.connect(other)
        #expect(try await kit.phone.poll().1.problem == "replaced")
        #expect(await Sweeper(server.instance).sweep() == [])
        #expect(try await kit.phone.poll().1.problem == "replaced")
        try await browser.open("/security-info")
        try await browser.submit("/security-info/undo", ["credential": old.text])
        #expect(browser.page.says("We took the change back"), "\(browser.page.text)")
        #expect(try await kit.phone.poll().1.problem == nil)
        #expect(try await other.poll().1.problem == "gone")
        let tab = try await kit.begin()
        try await kit.phone.answer(try await kit.phone.asked(), number: tab.page.number)
        try await tab.submit("/answer")
        #expect(tab.page.path == "/", "\(tab.page.text)")
    }

    @Test("a second gate of a reset")
    func reset() async throws {
        let kit = try await AppKit(), server = kit.server
        try await server.give(kit.ada, .mobilePhone, content: CredentialContent(phone: PhoneNumber(e164: AppKit.number)), by: .text)
        server.clock.advance(by: .minutes(11))
        let tab = TestBrowser(server)
        try await tab.open("/reset-password")
        try await tab.submit("/reset-password", ["name": "ada"])
        try await tab.submit("/reason", ["reason": "forgot"])
        #expect(!tab.page.says("Approve on my phone"), "a stranger asks no phone")
        try await tab.submit("/gate", ["gate": "text"])
        try await tab.submit("/contact", ["country": "GB", "number": "07700 900184"])
        try await tab.submit("/answer", ["code": server.latestCode(to: AppKit.number)])
        try await tab.submit("/gate", ["gate": "\(kit.phone.credential).appNotification"])
        #expect(tab.page.heading == "Approve on your phone")
        let asked = try await kit.phone.asked()
        #expect(asked.purpose == "reset")
        #expect(try await tab.submit("/answer").says("Your phone has not answered yet"))
        try await kit.phone.answer(asked, number: tab.page.number)
        try await tab.submit("/answer")
        #expect(tab.page.heading == "Choose your new password", "\(tab.page.heading)")
    }

    @Test("a fresh proof by the app opens security info")
    func proof() async throws {
        let kit = try await AppKit()
        kit.server.clock.advance(by: .minutes(11))
        try await kit.browser.open("/security-info")
        #expect(kit.browser.page.heading == "Approve on your phone")
        try await kit.phone.answer(try await kit.phone.asked(), number: kit.browser.page.number)
        #expect(try await kit.browser.submit("/answer").path == "/security-info")
    }

    // MARK: what is written down

    @Test("neither the codes' key nor the number of a page is in the store in clear, and an app's row goes with its credential")
    func store() async throws {
        let kit = try await AppKit(), tab = try await kit.begin(), instance = kit.server.instance, now = kit.server.clock.now
        let dump = try await kit.server.dump(["authenticator", "approval", "credential", "flow"]).joined(separator: "\n")
        let account = try #require(kit.phone.account), number = tab.page.number
        #expect(!dump.contains(account.secret) && !dump.contains("=\(number) "))
        #expect(try await rows(kit) == 1)
        kit.server.clock.advance(by: .days(8))
        #expect(await Sweeper(instance).sweep() == [])
        #expect(try await rows(kit) == 1)
        try await instance.database.write { db in
            try instance.credentials.retire(kit.phone.credential, reason: "deleted", replacedBy: nil, at: now, db)
        }
        #expect(await Sweeper(instance).sweep() == [])
        #expect(try await rows(kit) == 0)
    }

    private func rows(_ kit: AppKit) async throws -> Int {
        try await kit.server.instance.database.read { db in try db.row("SELECT COUNT(*) AS n FROM authenticator")?.int("n") ?? 0 }
    }

    @Test("the app's files keep their addresses, the worker has leave for the whole app, and only this page may use a camera")
    func files() async throws {
        let server = try await TestServer(), browser = TestBrowser(server)
        try await browser.open("/authenticator")
        #expect(browser.page.status == 200 && browser.headers[.init("Permissions-Policy")!]?.hasPrefix("camera=(self)") == true)
        #expect(!browser.page.html.contains("csrf"))
        for file in ["app.js", "store.js", "codes.js", "server.js", "worker.js", "icon-192.png", "icon-512.png", "manifest.webmanifest"] {
            try await browser.open("/authenticator/\(file)")
            #expect(browser.page.status == 200 && browser.headers[.cacheControl] == "no-cache", "\(file)")
            #expect((browser.headers[.init("Service-Worker-Allowed")!] == "/authenticator") == (file == "worker.js"), "\(file)")
        }
        #expect(try await browser.open("/authenticator/nothing.js").status == 404)
        #expect(try await browser.open("/authenticator/..%2Fconverge.css").status == 404)
        #expect(try await browser.open("/authenticator/manifest.webmanifest").html.contains(#""start_url":"/authenticator""#))
    }
}
