import ConvergeCore
import Foundation
import Testing

@testable import ConvergeServer

@Suite("Baseline: passwords, codes and their budgets")
struct SecretBaselineTests {
    private func hash(_ id: PersonID, _ server: TestServer) async throws -> String {
        let instance = server.instance
        return try #require(try await instance.database.read { db in try instance.people.find(id, db)?.passwordHash?.text })
    }

    // MARK: passwords

    @Test("a right password is hashed anew when the parameters have risen, a wrong one changes nothing")
    func rehash() async throws {
        let first = try await TestServer(policy: SessionBaselineTests.password), ada = try await first.add("ada")
        let old = try await hash(ada, first)
        let dearer = HashingCost(passes: 2, kibibytes: 64)
        let second = try await TestServer(folder: first.folder, clock: first.clock, hashing: dearer), browser = TestBrowser(second)
        try await browser.signIn("ada", "something else entirely")
        #expect(try await hash(ada, second) == old)
        try await browser.signIn("ada")
        let new = try await hash(ada, second)
        #expect(new.hasPrefix("$argon2id$v=19$m=64,t=2,p=1$") && new != old)
        try await TestBrowser(second).signIn("ada")
        #expect(try await hash(ada, second) == new, "and not again")
        #expect(browser.page.path == "/")
    }

    @Test("a locked account is told until when, a name that does not exist alike; a minute later it is open")
    func locks() async throws {
        let server = try await TestServer(policy: SessionBaselineTests.password)
        try await server.add("ada")
        var pages: [[String]] = []
        for name in ["ada", "nobody"] {
            let browser = TestBrowser(server)
            var seen: [String] = []
            for guess in 1...11 {
                try await browser.signIn(name, "wrong password \(guess)")
                seen.append("\(browser.page.status) \(browser.page.withoutIDs.replacingOccurrences(of: name, with: "NAME"))")
            }
            #expect(browser.page.says("locked") || browser.page.says("Too many"), "\(browser.page.text)")
            #expect(browser.page.says("09:01"), "until when: \(browser.page.text)")
            pages.append(seen)
        }
        #expect(pages[0] == pages[1])
        let browser = TestBrowser(server)
        server.clock.advance(by: Span(ms: 59_999))
        try await browser.signIn("ada")
        #expect(browser.page.status == 422, "the right one is not compared either")
        server.clock.advance(by: Span(ms: 1))
        try await browser.signIn("ada")
        #expect(browser.page.path == "/")
    }

    @Test("the same wrong password again costs nothing for an hour, over HTTP too")
    func repeated() async throws {
        let server = try await TestServer(policy: SessionBaselineTests.password), browser = TestBrowser(server)
        try await server.add("ada")
        for _ in 0..<30 { try await browser.signIn("ada", "yesterday's password") }
        try await browser.signIn("ada")
        #expect(browser.page.path == "/")
    }

    @Test("the access pass is a link on everyone's sign-in page, before any name is known")
    func passLink() async throws {
        let server = try await TestServer(), browser = TestBrowser(server)
        try await browser.open("/sign-in")
        #expect(browser.page.links.contains { $0.href == "/sign-in/pass" })
    }

    // MARK: what is stored

    @Test("recovery codes, passes and links are stored as keyed hashes: without the key ring they cannot be tried")
    func stored() async throws {
        let home = try await Household(), server = home.server, browser = home.browser, instance = server.instance
        try await home.signIn(to: "/security-info/codes")
        try await browser.submit("/security-info/codes")
        let codes = browser.page.html.matches(of: /<li[^>]*>\s*([A-Z0-9]{5}-[A-Z0-9]{5})/).map { String($0.1) }
        #expect(codes.count == 10, "\(browser.page.text)")
        let pass = try await Administration(instance).makePass("ada", .init()).pass.text
        let lines = try await server.dump()
        for secret in codes + [pass] {
            let bare = secret.replacingOccurrences(of: "-", with: "")
            #expect(!lines.contains { $0.contains(secret) || $0.contains(bare) || $0.lowercased().contains(bare.lowercased()) })
        }
        let context = instance.methodContext(accountName: "ada", now: server.clock.now)
        #expect(lines.filter { $0.hasPrefix("recovery_code ") && $0.contains(RecoveryCodes.hash(codes[0], context)) }.count == 1)
        #expect(lines.filter { $0.hasPrefix("access_pass ") && $0.contains(TemporaryAccessPass.hash(pass, context)) }.count == 1)
    }

    // MARK: codes

    @Test("a texted code of six digits lives five minutes less a millisecond, at a sign-in too")
    func textLives() async throws {
        for (wait, isGood) in [(Span(ms: Span.minutes(5).ms - 1), true), (.minutes(5), false)] {
            let server = try await TestServer(), ben = try await server.add("ben"), browser = TestBrowser(server)
            try await server.give(ben, .mobilePhone, content: CredentialContent(phone: PhoneNumber(e164: "+447700900111")), by: .text)
            try await browser.signIn("ben")
            let code = try await server.latestCode(to: "+447700900111")
            #expect(code.count == 6)
            server.clock.advance(by: wait)
            try await browser.submit("/answer", ["code": code])
            #expect((browser.page.status != 422) == isGood, "\(browser.page.heading)")
            if !isGood { #expect(browser.page.says("too old")) }
        }
    }

    @Test("a mailed code of eight digits lives ten minutes less a millisecond")
    func mailLives() async throws {
        for (wait, isGood) in [(Span(ms: Span.minutes(10).ms - 1), true), (.minutes(10), false)] {
            let story = try await ResetStory(), server = story.server, browser = story.browser
            try await story.begin()
            try await browser.submit("/gate", ["gate": "emailCode"])
            try await browser.submit("/contact", ["email": ResetStory.address])
            let code = try await server.latestCode(to: ResetStory.address)
            #expect(code.count == 8)
            server.clock.advance(by: wait)
            try await browser.submit("/answer", ["code": code])
            #expect((browser.page.status != 422) == isGood, "\(browser.page.heading)")
        }
    }

    @Test("five tries belong to a challenge: another code sent does not refill them, and each code sent is good until then")
    func triesDoNotRefill() async throws {
        let server = try await TestServer(), ben = try await server.add("ben"), browser = TestBrowser(server)
        try await server.give(ben, .mobilePhone, content: CredentialContent(phone: PhoneNumber(e164: "+447700900111")), by: .text)
        try await browser.signIn("ben")
        let first = try await server.latestCode(to: "+447700900111"), wrong = ResetStory.wrong(first)
        for _ in 0..<4 { try await browser.submit("/answer", ["code": wrong]) }
        #expect(browser.page.says("one try"))
        server.clock.advance(by: .seconds(30))
        try await browser.submit("/send")
        let twin = browser.tab()
        try await twin.submit("/answer", ["code": first])
        #expect(twin.page.status != 422, "the first code is good still")
    }

    @Test("the fifth wrong code ends the challenge: then the right one is not compared")
    func fiveTries() async throws {
        let server = try await TestServer(), ben = try await server.add("ben"), browser = TestBrowser(server)
        try await server.give(ben, .mobilePhone, content: CredentialContent(phone: PhoneNumber(e164: "+447700900111")), by: .text)
        try await browser.signIn("ben")
        let code = try await server.latestCode(to: "+447700900111")
        for _ in 0..<5 { try await browser.submit("/answer", ["code": ResetStory.wrong(code)]) }
        try await browser.submit("/answer", ["code": code])
        #expect(browser.page.status == 422 && browser.page.says("Too many wrong codes"))
        #expect(try await server.audit(of: ben).allSatisfy { $0.activity != .signedIn })
    }

    @Test("the last code that the budget allowed can be typed, at a sign-in and as a fresh proof")
    func lastCode() async throws {
        let server = try await TestServer(), ben = try await server.add("ben"), instance = server.instance, browser = TestBrowser(server)
        try await server.give(ben, .mobilePhone, content: CredentialContent(phone: PhoneNumber(e164: "+447700900111")), by: .text)
        try await server.changePolicy { $0.registration = [] }
        func spendAllButOne() async throws {
            let now = server.clock.now
            try await instance.database.write { db in
                try instance.budgets.clear(Budgets.send(ben), db)
                for _ in 1..<Budgets.sendsPerPerson.limit {
                    _ = try instance.budgets.spend(Budgets.send(ben), Budgets.sendsPerPerson, now: now, db)
                }
            }
        }
        try await spendAllButOne()
        try await browser.signIn("ben", returnTo: "/security-info")
        try await browser.open(browser.page.path)
        #expect(browser.page.heading == "Enter the code we texted you")
        try await browser.submit("/send")
        #expect(browser.page.says("Too many codes"), "\(browser.page.text)")
        try await browser.submit("/answer", ["code": server.latestCode(to: "+447700900111")])
        #expect(browser.page.path == "/security-info", "\(browser.page.heading)")
        server.clock.advance(by: .minutes(11))
        try await spendAllButOne()
        try await browser.open("/security-info")
        #expect(browser.page.heading == "Enter the code we texted you")
        try await browser.submit("/answer", ["code": server.latestCode(to: "+447700900111")])
        #expect(browser.page.path == "/security-info", "\(browser.page.heading)")
    }

    @Test("a code of the app that was used already costs no try of the account either")
    func spentCostsNothing() async throws {
        let server = try await TestServer(), ada = try await server.add("ada"), key = Secret(bytes: Array(0..<20)),
            instance = server.instance
        let app = try await server.give(ada, .totpApp, content: CredentialContent(secret: key), by: .appCode)
        try await server.changePolicy { $0.registration = [] }
        let first = TestBrowser(server), other = TestBrowser(server)
        try await first.signIn("ada")
        let code = first.appCode(secret: key)
        try await first.submit("/answer", ["code": code])
        try await other.signIn("ada")
        for _ in 0..<15 {
            try await other.submit("/answer", ["code": code])
            #expect(other.page.says("used already"))
        }
        let now = server.clock.now
        #expect(
            try await instance.database.read { db in try Budgets.closed(app, knownBrowser: false, now: now, instance.budgets, db) } == nil)
        server.clock.advance(by: .seconds(30))
        try await other.submit("/answer", ["code": other.appCode(secret: key)])
        #expect(other.page.path == "/")
    }

    @Test("100 wrong codes in all close a credential even to its owner's browser, until she proves another way")
    func ceiling() async throws {
        let server = try await TestServer(), ben = try await server.add("ben"), instance = server.instance, own = TestBrowser(server)
        let key = Secret(bytes: Array(0..<20))
        let phone = try await server.give(
            ben, .mobilePhone, content: CredentialContent(phone: PhoneNumber(e164: "+447700900111")), by: .text)
        try await server.give(ben, .totpApp, content: CredentialContent(secret: key), by: .appCode)
        try await own.signIn("ben")
        try await own.submit("/answer", ["code": own.appCode(secret: key)])
        func open() async throws -> Bool {
            let now = server.clock.now
            return try await instance.database.read { db in
                try Budgets.closed(phone, knownBrowser: true, now: now, instance.budgets, db) == nil
            }
        }
        for count in 1...100 {
            #expect(try await open(), "before the \(count)th")
            let now = server.clock.now
            _ = try await instance.database.write { db in
                try Budgets.spendTry(phone, knownBrowser: count.isMultiple(of: 2), now: now, instance.budgets, db)
            }
            server.clock.advance(by: .hours(25))
        }
        #expect(try await open() == false)
        server.clock.advance(by: .days(1000))
        #expect(try await open() == false, "time does not open it")
        let again = own.tab()
        try await again.signIn("ben")
        #expect(again.page.heading == "Enter the code from your authenticator app", "the other way stays")
    }

    @Test("texts go to open countries only, never to premium numbers")
    func countries() async throws {
        let home = try await Household(), browser = home.browser
        try await home.signIn(to: "/security-info")
        let hidden = try #require(browser.page.forms.first { $0.hidden["credential"] == home.phone.text }).hidden
        try await browser.post("/security-info/change", hidden)
        let sent = try await home.server.messages().count
        for (country, number, sentence) in [
            ("RU", "+7 912 345 67 89", "don’t send codes to that country"), ("GB", "0909 879 1234", "costs extra"),
            ("GB", "070 1234 5678", "costs extra"), ("GB", "07640 123456", "Texts don’t reach that number"),
            ("GB", "+882 13 300655", "don’t send codes to that country"),
        ] {
            try await browser.submit("/phone", ["country": country, "number": number])
            #expect(browser.page.status == 422 && browser.page.says(sentence), "\(number): \(browser.page.text)")
        }
        #expect(try await home.server.messages().count == sent)
    }

    @Test("codes sent are budgeted for the person, the destination, the network, the country and the organisation, each apart")
    func sends() async throws {
        let server = try await TestServer(configure: { $0.textCountries = ["GB", "DE"] }), instance = server.instance,
            now = server.clock.now
        let people = [try await server.add("ada"), try await server.add("ben")]
        /// How many codes go out until a budget says no.
        func sent(_ limit: Int, _ next: (Int) -> (person: Int, number: String, network: String)) async throws -> (Int, Refusal?) {
            var count = 0
            for index in 0..<limit {
                let (who, number, network) = next(index), id = people[who]
                let refusal = try await instance.database.write { db -> Refusal? in
                    let record = try #require(try instance.people.find(id, db))
                    var ledger = Ledger(instance, db, now: now)
                    ledger.network = network
                    let message = CodeMessage(
                        channel: .text(PhoneNumber(e164: number)!), code: Secret("123456"), notAfter: now + .minutes(5), purpose: .signIn)
                    return try ledger.send(message, to: record)
                }
                if let refusal { return (count, refusal) }
                count += 1
            }
            return (count, nil)
        }
        func clear() async throws { try await instance.database.write { db in try db.execute("DELETE FROM budget") } }
        let same = "+447700900111"
        func numbered(_ index: Int) -> String { "+4477009" + String(10_000 + index) }
        #expect(try await sent(20) { (0, numbered($0), "net\($0)") }.0 == Budgets.sendsPerPerson.limit)
        try await clear()
        #expect(try await sent(20) { ($0 % 2, same, "net\($0)") }.0 == Budgets.sendsPerDestination.limit)
        try await clear()
        // Ten a person and hour would be the first limit here: two people, a new hour of theirs each time.
        var fromOneNetwork = 0
        for round in 0..<10 {
            fromOneNetwork += try await sent(8) { ($0 % 2, numbered(round * 100 + $0), "one") }.0
            try await instance.database.write { db in try db.execute("DELETE FROM budget WHERE key LIKE 'send:person:%'") }
        }
        #expect(fromOneNetwork == instance.config.limits.codesPerNetwork)
        for (prefix, limit) in [("+4916000", instance.config.limits.textsPerCountry), ("+4477009", 400)] {
            try await clear()
            var abroad = 0
            for round in 0..<100 {
                abroad += try await sent(4) { ($0 % 2, prefix + String(10_000 + round * 100 + $0), "\(round)") }.0
                try await instance.database.write { db in try db.execute("DELETE FROM budget WHERE key LIKE 'send:person:%'") }
            }
            #expect(abroad == limit, "\(prefix)")
        }
    }
}
