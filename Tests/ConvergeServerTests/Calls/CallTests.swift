import ConvergeCore
import Foundation
import HTTPTypes
import Testing

@testable import ConvergeServer

/// What a call comes to, whatever the carrier reports, in whatever order.
@Suite("Calls")
struct CallTests {
    /// Somebody with a phone has begun to sign in, and it rings.
    private func ringing(
        _ policy: PolicyDocument = CallKit.policy(), configure: @escaping (inout Config) -> Void = { _ in }
    ) async throws -> (TestServer, TestBrowser, String, PersonID) {
        let server = try await CallKit.server(policy, configure: configure), browser = TestBrowser(server),
            ada = try await server.add("ada")
        try await server.give(ada, .mobilePhone, content: CredentialContent(phone: PhoneNumber(e164: CallKit.number)), by: .call)
        try await browser.signIn("ada")
        #expect(browser.page.heading == "Answer your phone and press #")
        return (server, browser, try await server.latestCallPath(), ada)
    }

    // MARK: the carrier's signature

    @Test("the carrier's published example of a signature")
    func signature() {
        let fields = [
            "CallSid": "CA1234567890ABCDE", "Caller": "+14158675309", "Digits": "1234", "From": "+14158675309", "To": "+18005551212",
        ]
        let address = "https://mycompany.com/myapp.php?foo=1&bar=2"
        #expect(CarrierSignature.of(address, fields, token: Secret("12345")) == "RSOYDt4T1cUTdK1PDd93/VVr8B8=")
    }

    @Test("no signature, a wrong one, one of another address or of other fields: refused, counted, and nothing is decided")
    func forged() async throws {
        let (server, browser, path, _) = try await ringing(), pressed = ["Digits": "#"]
        let elsewhere = CarrierSignature.of(
            "https://id.example.org" + path + "/key", ["CallSid": "CA1"].merging(pressed) { $1 }, token: CallKit.token)
        let other = CarrierSignature.of(
            server.instance.config.publicURL + path + "/key", ["CallSid": "CA1", "Digits": "1"], token: CallKit.token)
        for signature in ["", "nonsense", elsewhere, other] {
            #expect(try await CallKit.report(server, path + "/key", pressed, signature: signature).status == 403)
        }
        #expect(server.instance.metrics.value(.reports, "voice", "forged") == 4)
        #expect(try await server.approval(path).outcome == .pending)
        #expect(try await browser.submit("/answer").says("We have not heard the # yet"))
        // Where no carrier is configured, nobody can sign.
        let none = try await TestServer()
        #expect(try await CallKit.report(none, path + "/key", pressed).status == 403)
    }

    // MARK: keys

    @Test("only the key approves: neither an answer, nor silence, nor a machine does")
    func onlyTheKey() async throws {
        let (server, browser, path, ada) = try await ringing()
        let said = try await CallKit.report(server, path).body
        #expect(said.contains("numDigits=\"1\" finishOnKey=\"\"") && said.components(separatedBy: "<Gather").count == 3)
        #expect(
            said.contains("language=\"en-GB\"") && said.contains("To sign in, press the hash key.")
                && said.hasSuffix("<Hangup/></Response>"))
        #expect(try await browser.submit("/answer").status == 422)
        #expect(try await CallKit.report(server, path + "/key", ["Digits": "#"]).body.contains("Thank you"))
        #expect(try await browser.submit("/answer").path == "/")
        let answered = try await server.audit(of: ada).filter { $0.activity == .challengeAnswered }
        #expect(answered.map(\.success) == [false, true])
        // Neither tries nor budgets were spent by asking too early.
        let (late, _, machine, _) = try await ringing()
        _ = try await CallKit.report(late, machine, ["AnsweredBy": "machine_end_beep"])
        #expect(try await late.approval(machine).failure == .machine)
        #expect(try await CallKit.report(late, machine + "/key", ["Digits": "#"]).body.contains("This call is over"))
        #expect(try await late.approval(machine).outcome == .failed)
    }

    @Test("one approval is spent once, by whichever of many tabs comes first")
    func once() async throws {
        let (server, browser, path, _) = try await ringing(), other = browser.tab()
        _ = try await CallKit.report(server, path + "/key", ["Digits": "#"])
        let won = try await withThrowingTaskGroup(of: Bool.self) { group in
            let id = try await server.approval(path).id, instance = server.instance, now = server.clock.now
            for _ in 0..<20 { group.addTask { try await instance.database.write { db in try instance.approvals.spend(id, now: now, db) } } }
            return try await group.reduce(0) { $0 + ($1 ? 1 : 0) }
        }
        #expect(won == 1)
        #expect(try await other.submit("/answer").says("That call is over"))
    }

    @Test("reports overtake each other, come twice, or are about another call: the first decision stands")
    func order() async throws {
        let (server, _, path, _) = try await ringing()
        _ = try await CallKit.report(server, path)
        _ = try await CallKit.report(server, path + "/status", ["CallStatus": "ringing"])
        #expect(try await server.approval(path).progress == .answered)
        #expect(try await CallKit.report(server, path + "/status", ["CallStatus": "busy"], call: "CA2").status == 204)
        #expect(try await CallKit.report(server, path + "/key", ["Digits": "#"], call: "CA2").body.contains("This call is over"))
        #expect(try await server.approval(path).outcome == .pending)
        for _ in 0..<2 { #expect(try await CallKit.report(server, path + "/key", ["Digits": "#"]).body.contains("Thank you")) }
        _ = try await CallKit.report(server, path + "/status", ["CallStatus": "completed"])
        _ = try await CallKit.report(server, path + "/report", ["Digits": "#"])
        #expect(try await server.approval(path).outcome == .approved)
        #expect(server.instance.metrics.value(.reports, "voice", "late") > 2)
        #expect(try await CallKit.report(server, "/callbacks/voice/nobody/key", ["Digits": "#"]).status == 404)
    }

    @Test("a key pressed at the last moment counts, a millisecond later it does not")
    func late() async throws {
        for (wait, outcome) in [(Approval.life.ms - 1, ApprovalOutcome.approved), (Approval.life.ms, .pending)] {
            let (server, browser, path, _) = try await ringing()
            server.clock.advance(by: Span(ms: wait))
            _ = try await CallKit.report(server, path + "/key", ["Digits": "#"])
            #expect(try await server.approval(path).outcome == outcome)
            #expect(try await browser.submit("/answer").path == (outcome == .approved ? "/" : browser.page.path))
        }
    }

    @Test(
        "how a call ends is named on the page",
        arguments: [
            ("busy", "The line is busy"), ("no-answer", "Nobody answered"), ("failed", "The call did not get through"),
            ("completed", "The call ended without a #"), ("canceled", "Nobody answered"),
        ])
    func ends(status: String, heading: String) async throws {
        let (server, browser, path, ada) = try await ringing()
        #expect(try await CallKit.report(server, path + "/status", ["CallStatus": status]).status == 204)
        let noted = try await server.audit(of: ada).filter { $0.activity == .challengeAnswered && !$0.success }
        #expect(noted.count == 1 && noted.first?.reason?.hasPrefix("call.") == true, "\(noted)")
        #expect(try await browser.open(browser.page.path).heading == heading)
        #expect(browser.page.says("Call again") && !browser.page.says("I have pressed #"))
    }

    @Test("calling again ends the call before: its key means nothing any more; three calls are as many as one challenge has")
    func again() async throws {
        let (server, browser, first, _) = try await ringing()
        try await browser.submit("/send")
        let second = try await server.latestCallPath()
        #expect(first != second)
        #expect(try await CallKit.report(server, first + "/key", ["Digits": "#"]).body.contains("This call is over"))
        #expect(try await browser.submit("/answer").status == 422)
        try await browser.submit("/send")
        #expect(!browser.page.says("Call again"))
    }

    @Test("wrong keys are answered twice and then end the call")
    func wrongKeys() async throws {
        let (server, browser, path, _) = try await ringing()
        for _ in 0..<2 { #expect(try await CallKit.report(server, path + "/key", ["Digits": "7"]).body.contains("That was another key")) }
        #expect(try await browser.open(browser.page.path).says("That was another key. Press # on the phone."))
        #expect(try await CallKit.report(server, path + "/key", ["Digits": "7"]).body.contains("Goodbye"))
        #expect(try await browser.open(browser.page.path).heading == "Those were other keys")
    }

    // MARK: fraud

    @Test("0 and # end everything that is open, suspend the phone, and the password has to change")
    func fraud() async throws {
        let (server, browser, path, ada) = try await ringing()
        #expect(try await CallKit.report(server, path + "/key", ["Digits": "0"]).body.contains("press the hash key now"))
        #expect(try await server.approval(path).outcome == .pending)
        #expect(try await CallKit.report(server, path + "/report", ["Digits": "#"]).body.contains("We have stopped it"))
        #expect(try await browser.open(browser.page.path).path.hasPrefix("/sign-in"))
        let (record, credentials) = try await server.instance.database.read { db in
            (try server.instance.people.find(ada, db), try server.instance.credentials.all(of: ada, db))
        }
        #expect(record?.person.passwordKnownToOthers == true && record?.person.state == .enabled && record?.person.sessionEpoch == 1)
        #expect(credentials.map(\.credential.state) == [.suspended])
        #expect(try await server.audit(of: ada).contains { $0.activity == .fraudReported })
        // Guard G3: the password alone opens nothing.
        try await browser.signIn("ada")
        #expect(browser.page.heading != "Add your mobile phone" && !browser.page.forms.contains { $0.action.hasSuffix("/start") })
    }

    @Test("where policy says so the account is closed, and opens again when its days are over; the last administrator's is not")
    func blocked() async throws {
        var policy = CallKit.policy()
        policy.fraud = FraudPolicy(blockDays: 90)
        let (server, _, path, ada) = try await ringing(policy)
        _ = try await CallKit.report(server, path + "/key", ["Digits": "0#"])
        let state = { try await server.instance.database.read { db in try server.instance.people.find(ada, db)?.person.state } }
        #expect(try await state() == .blocked)
        server.clock.advance(by: .days(90))
        #expect(await Sweeper(server.instance).sweep() == [])
        #expect(try await state() == .blocked)
        server.clock.advance(by: .days(1))
        #expect(await Sweeper(server.instance).sweep() == [])
        #expect(try await state() == .enabled)
        #expect(try await server.audit(of: ada).contains { $0.activity == .unblocked })

        let other = try await CallKit.server(policy), browser = TestBrowser(other),
            dana = try await other.add("dana", roles: [.globalAdministrator])
        try await other.give(dana, .mobilePhone, content: CredentialContent(phone: PhoneNumber(e164: CallKit.number)), by: .call)
        try await browser.signIn("dana")
        _ = try await CallKit.report(other, other.latestCallPath() + "/key", ["Digits": "0#"])
        #expect(try await other.instance.database.read { db in try other.instance.people.find(dana, db)?.person.state } == .enabled)
    }

    @Test("before the first gate of a reset a report tells the page nothing and switches nothing off")
    func fraudAtReset() async throws {
        let (server, _, _, ada) = try await ringing(), stranger = TestBrowser(server)
        try await stranger.open("/reset-password")
        try await stranger.submit("/reset-password", ["name": "ada"])
        try await stranger.submit("/gate", ["gate": "call"])
        try await stranger.submit("/contact", ["country": "GB", "number": CallKit.number])
        let path = try await server.latestCallPath(), before = stranger.page.text
        _ = try await CallKit.report(server, path + "/key", ["Digits": "0#"])
        #expect(try await stranger.open(stranger.page.path).text == before)
        #expect(
            try await server.instance.database.read { db in try server.instance.credentials.all(of: ada, db).map(\.credential.state) } == [
                .active
            ])
        #expect(try await server.audit(of: ada).last { $0.activity == .fraudReported }?.details["action"] == "proof refused")
    }

    // MARK: languages

    @Test("a call speaks the person's language, with a voice for it; where there are no such words, English")
    func languages() throws {
        let folder = try TemporaryFolder(), files = FileManager.default
        for part in ["static", "templates"] {
            try files.copyItem(atPath: Example.resources + "/" + part, toPath: folder.path + "/" + part)
        }
        try files.createDirectory(atPath: folder.path + "/messages", withIntermediateDirectories: false)
        let english = try Data(contentsOf: URL(fileURLWithPath: Example.resources + "/messages/en.json"))
        var words = try #require(try JSONSerialization.jsonObject(with: english) as? [String: Any])
        words["call.ask.signIn"] = "I fewngofnodi, pwyswch y botwm sgwar."
        words["call.voice"] = "cy-GB"
        try english.write(to: URL(fileURLWithPath: folder.path + "/messages/en.json"))
        try JSONSerialization.data(withJSONObject: words).write(to: URL(fileURLWithPath: folder.path + "/messages/cy.json"))
        let renderer = try Renderer(resources: folder.path, organisation: Example.renderer.organisation)
        func asked(_ language: String) -> CallScript {
            CallWords(speaker: renderer.speaker(language: language, now: TestServer.start), fraudDigits: "0").ask(.signIn)
        }
        #expect(asked("cy").say.first == "I fewngofnodi, pwyswch y botwm sgwar." && asked("cy").voice == "cy-GB")
        #expect(asked("cy").say.count == 2, "what is not translated is there all the same")
        #expect(asked("is").say == asked("en").say && asked("is").voice == asked("en").voice)
    }

    // MARK: budgets and countries

    @Test("calls have a count of their own, and a country that is not open is not called")
    func budgets() async throws {
        let (server, browser, _, _) = try await ringing()
        for _ in 0..<2 { try await browser.submit("/send") }
        for _ in 0..<2 {
            try await browser.signIn("ada")
            for _ in 0..<3 where browser.page.forms.contains(where: { $0.action.hasSuffix("/use") || $0.action.hasSuffix("/send") }) {
                let form = browser.page.forms.contains { $0.action.hasSuffix("/send") } ? "/send" : "/use"
                try await browser.submit(form)
            }
        }
        let calls = try await server.instance.database.read { db in try db.row("SELECT COUNT(*) AS n FROM approval")?.int("n") }
        #expect(calls == Budgets.callsPerPerson.limit)
        #expect(!server.instance.config.isCountryOpenForCalls(PhoneNumber(e164: "+33612345678")!))
        let abroad = try await CallKit.server(), other = TestBrowser(abroad), eve = try await abroad.add("eve")
        try await abroad.give(eve, .mobilePhone, content: CredentialContent(phone: PhoneNumber(e164: "+33612345678")), by: .call)
        try await other.signIn("eve")
        if other.page.forms.contains(where: { $0.action.hasSuffix("/use") }) { try await other.submit("/use") }
        #expect(other.page.says("We don’t send codes to that country"))
    }

    // MARK: registering

    @Test("the office number that is the mobile's too is one channel, and one gate")
    func oneChannel() async throws {
        var policy = CallKit.policy([.text])
        policy.reset[0].gates = 2
        let server = try await CallKit.server(policy), ada = try await server.add("ada"), phone = PhoneNumber(e164: CallKit.number)
        try await server.give(ada, .mobilePhone, content: CredentialContent(phone: phone), by: .call)
        try await server.give(ada, .officePhone, content: CredentialContent(phone: phone), by: .officeCall)
        let standing = try await server.instance.database.read { db in
            try server.instance.dossier(ada, knownBrowser: true, now: server.clock.now, db)?.standing
        }
        #expect(standing?.missingGates == 1)
    }

    /// Ada with a number of the directory, when only office phones count.
    private func office(byOwner: Bool = false) async throws -> (TestServer, TestBrowser, PersonID) {
        var policy = CallKit.policy()
        policy.mfa[0].allow = [.officeCall]
        policy.reset[0].allow = [.officeCall]
        policy.phones.officeByOwner = byOwner
        let server = try await CallKit.server(policy), browser = TestBrowser(server), ada = try await server.add("ada")
        try await server.give(
            ada, .officePhone, content: CredentialContent(phone: PhoneNumber(e164: "+441174960150")), by: .officeCall, state: .unconfirmed,
            source: .directory)
        try await browser.signIn("ada")
        return (server, browser, ada)
    }

    private func calls(_ server: TestServer) async throws -> Int? {
        try await server.instance.database.read { db in try db.row("SELECT COUNT(*) AS n FROM approval")?.int("n") }
    }

    @Test("the directory's office number is confirmed as it is: no form that somebody writes names another")
    func officeIsTheDirectorys() async throws {
        let (server, browser, ada) = try await office()
        try await browser.submit("/start")
        let form = try #require(browser.page.forms.first { $0.action.hasSuffix("/confirm") }, "\(browser.page.text)")
        let flow = String(form.action.dropLast("/confirm".count))
        for (action, fields) in [
            ("/phone", ["country": "GB", "number": "07700 900999"]), ("/wrong", [:]), ("/change", [:]),
            ("/phone", ["country": "GB", "number": "0117 496 0150 ext. 4"]),
        ] {
            try await browser.post(flow + action, form.hidden.merging(fields) { $1 })
            #expect(try await calls(server) == 0, "\(action) called somebody")
        }
        #expect(!browser.page.forms.contains { $0.action.hasSuffix("/phone") }, "\(browser.page.text)")
        try await browser.open(flow)
        try await browser.submit("/confirm")
        #expect(try await calls(server) == 1)
        _ = try await CallKit.report(server, server.latestCallPath() + "/key", ["Digits": "#"])
        try await browser.submit("/enrol")
        let states = try await server.instance.database.read { db in try server.instance.credentials.all(of: ada, db) }
        #expect(states.map(\.credential.state) == [.active] && states.first?.hint == "50", "\(browser.page.text)")
    }

    @Test("an office number that was reported is not asked for again, and no other takes its place")
    func reportedOffice() async throws {
        let (server, browser, ada) = try await office()
        try await browser.submit("/start")
        try await browser.submit("/confirm")
        _ = try await CallKit.report(server, server.latestCallPath() + "/key", ["Digits": "#"])
        try await browser.submit("/enrol")
        let other = TestBrowser(server)
        try await other.signIn("ada")
        if other.page.forms.contains(where: { $0.action.hasSuffix("/use") }) { try await other.submit("/use") }
        _ = try await CallKit.report(server, server.latestCallPath() + "/key", ["Digits": "0#"])
        let standing = try await server.instance.database.read { db in
            try server.instance.dossier(ada, knownBrowser: true, now: server.clock.now, db)?.standing
        }
        #expect(standing?.credentials.map(\.state) == [.suspended] && standing?.person.hasDirectoryOfficePhone == false)
    }

    @Test("an extension makes no second telephone of a number that rings already")
    func oneTelephone() async throws {
        let (server, _, ada) = try await office(byOwner: true), browser = TestBrowser(server)
        try await server.give(ada, .mobilePhone, content: CredentialContent(phone: PhoneNumber(e164: CallKit.number)), by: .call)
        try await server.changePolicy {
            $0.mfa[0].allow = [.call, .officeCall]
            $0.registration = []
        }
        try await browser.signIn("ada", returnTo: "/security-info")
        _ = try await CallKit.report(server, server.latestCallPath() + "/key", ["Digits": "#"])
        try await browser.submit("/answer")
        let row = try #require(browser.page.forms.first { $0.action == "/security-info/confirm" }, "\(browser.page.text)")
        try await browser.post(row.action, row.hidden)
        try await browser.submit("/wrong")
        try await browser.submit("/phone", ["country": "GB", "number": "07700 900131 ext. 1"])
        _ = try await CallKit.report(server, server.latestCallPath() + "/key", ["Digits": "#"])
        try await browser.submit("/enrol")
        #expect(browser.page.status == 422 && browser.page.says("Type another number"), "\(browser.page.text)")
    }

    @Test("where policy opens it, the owner types another office number, and deletes it")
    func officeByOwner() async throws {
        let (server, browser, ada) = try await office(byOwner: true)
        try await browser.submit("/start")
        try await browser.submit("/confirm")
        _ = try await CallKit.report(server, server.latestCallPath() + "/key", ["Digits": "#"])
        try await browser.submit("/enrol")
        try await browser.submit("/finish")
        try await browser.open("/security-info")
        let row = try #require(browser.page.forms.first { $0.action == "/security-info/change" }, "\(browser.page.text)")
        try await browser.post(row.action, row.hidden)
        try await browser.submit("/phone", ["country": "GB", "number": "0117 496 0188 ext. 7"])
        _ = try await CallKit.report(server, server.latestCallPath() + "/key", ["Digits": "#"])
        try await browser.submit("/enrol")
        let held = try await server.instance.database.read { db in try server.instance.credentials.all(of: ada, db) }
        #expect(held.map(\.credential.state) == [.active] && held.first?.hint == "07", "\(browser.page.text)")
        #expect(browser.page.links.contains { $0.href.hasPrefix("/security-info/delete/") })
    }

    @Test(
        "one or more digits before # report fraud, as the organisation chose; nothing else does", arguments: [("0", "0#"), ("12", "12#")])
    func digits(chosen: String, typed: String) async throws {
        let (server, browser, path, ada) = try await ringing(configure: { $0.fraudDigits = chosen })
        _ = try await CallKit.report(server, path + "/key", ["Digits": typed])
        #expect(try await server.audit(of: ada).contains { $0.activity == .fraudReported })
        #expect(try await browser.open(browser.page.path).path.hasPrefix("/sign-in"))
    }

    @Test("an extension is read behind an office number only, and dialled after a pause")
    func extensions() async throws {
        let context = try await CallKit.server().instance.methodContext(accountName: "ada", now: TestServer.start)
        let office = try context.readCalled("0117 496 0150 ext. 45", "GB", true).get()
        #expect(office.number.e164 == "+441174960150" && office.extension == "45" && office.channelSource == "tel:+441174960150;ext=45")
        #expect(office.lastTwo == "45" && context.isLandline(office.number))
        guard case .failure(let refusal) = context.readCalled("0117 496 0150 ext. 45", "GB", false) else { Issue.record("read"); return }
        #expect(refusal.code == .phoneExtension)
        guard case .failure(let premium) = context.readCalled("0909 879 0000", "GB", true) else { Issue.record("read"); return }
        #expect(premium.code == .phonePremium)
    }
}
