import ConvergeCore
import Foundation
import HTTPTypes
import Testing

@testable import ConvergeServer

/// Guesses are counted before they are compared, however many come at once, and a stranger's guesses are not the owner's.
@Suite("Guesses are counted once, and a stranger locks nobody out")
struct CountedOnceTests {
    private static let number = "+447700900111"

    /// Posts one form many times at once, as somebody could who does not wait for answers.
    private func flood(
        _ server: TestServer, _ browsers: [TestBrowser], _ action: String, _ fields: @escaping @Sendable (Int) -> [String: String],
        times: Int
    )
        async throws -> [Int]
    {
        let forms = try browsers.map { browser in
            (try #require(browser.page.forms.first { $0.action.hasSuffix(action) }), browser.cookies)
        }
        return try await withThrowingTaskGroup(of: Int.self) { group in
            for index in 0..<times {
                let (form, cookies) = forms[index % forms.count]
                let body = form.hidden.merging(fields(index)) { $1 }
                    .map { PercentEncoding.encode($0.key) + "=" + PercentEncoding.encode($0.value) }.joined(separator: "&")
                let headers: HTTPFields = [
                    .cookie: cookies.map { "\($0.key)=\($0.value)" }.joined(separator: "; "),
                    .contentType: "application/x-www-form-urlencoded", .origin: "http://localhost:8080",
                ]
                group.addTask { try await server.send(.post, form.action, headers: headers, body: body).0 }
            }
            return try await group.reduce(into: []) { $0.append($1) }
        }
    }

    private func counted(_ key: String, _ server: TestServer) async throws -> Int {
        try await server.count("SELECT count AS n FROM budget WHERE key = \(key)")
    }

    @Test("200 wrong codes at once for one challenge: five are compared")
    func oneChallenge() async throws {
        let server = try await TestServer(), ben = try await server.add("ben"), browser = TestBrowser(server)
        let phone = try await server.give(ben, .mobilePhone, content: CredentialContent(phone: PhoneNumber(e164: Self.number)), by: .text)
        try await browser.signIn("ben")
        let code = try await server.latestCode(to: Self.number)
        // A step that comes too late loses with everything that it counted, so several rounds of stragglers are sent.
        for round in 0..<4 {
            _ = try await flood(server, [browser], "/answer", { ["code": Self.wrong(code, round * 50 + $0)] }, times: 50)
            try await browser.open(browser.page.path.replacingOccurrences(of: "/answer", with: ""))
        }
        let audit = try await server.audit(of: ben).filter { $0.activity == .challengeAnswered }
        #expect(try await counted(Budgets.stranger(phone), server) == 5)
        #expect((1...4).contains(audit.filter { $0.reason == Refusal.Code.codeWrong.rawValue }.count))
        // The five are spent: now the right code is not compared any more.
        if browser.page.forms.contains(where: { $0.action.hasSuffix("/answer") }) {
            _ = try await flood(server, [browser], "/answer", { _ in ["code": code] }, times: 5)
        }
        #expect(try await counted(Budgets.stranger(phone), server) == 5)
        #expect(try await server.audit(of: ben).allSatisfy { $0.activity != .challengeAnswered || !$0.success })
    }

    @Test("200 wrong codes at once over forty sign-ins: ten are compared, texts and apps alike")
    func manyChallenges() async throws {
        let server = try await TestServer(), ben = try await server.add("ben"), ada = try await server.add("ada")
        let phone = try await server.give(ben, .mobilePhone, content: CredentialContent(phone: PhoneNumber(e164: Self.number)), by: .text)
        let app = try await server.give(ada, .totpApp, content: CredentialContent(secret: Secret(bytes: Array(0..<20))), by: .appCode)
        try await server.changePolicy { $0.registration = [] }
        for (name, person, credential) in [("ben", ben, phone), ("ada", ada, app)] {
            var browsers: [TestBrowser] = []
            for _ in 0..<40 where browsers.count < 40 {
                let browser = TestBrowser(server)
                try await browser.signIn(name)
                if name == "ben" {
                    // A text starts by itself once in ten minutes; the others ask for theirs while the budget lasts.
                    if browser.page.forms.contains(where: { $0.action.hasSuffix("/use") && $0.hidden["use"] != nil }) {
                        try await browser.submit("/use")
                    }
                }
                if browser.page.forms.contains(where: { $0.action.hasSuffix("/answer") }) { browsers.append(browser) }
            }
            #expect(browsers.count >= 5, "\(name)")
            _ = try await flood(server, browsers, "/answer", { ["code": String(100_000 + $0 * 17)] }, times: 200)
            let compared = try await server.audit(of: person).filter {
                $0.activity == .challengeAnswered && $0.reason == Refusal.Code.codeWrong.rawValue
            }
            #expect((1...Budgets.strangerCodes.limit).contains(compared.count), "\(name)")
            // A step that comes too late is rolled back with its count; its answer tells nothing either.
            let count = try await counted(Budgets.stranger(credential), server)
            let log = try await server.audit(of: person).map { "\($0.activity) \($0.reason ?? "")" }
            #expect(count > 0 && count <= Budgets.strangerCodes.limit, "\(name): \(log)")
        }
    }

    /// A code that is surely another one.
    private static func wrong(_ code: String, _ index: Int) -> String {
        let number = ((Int(code) ?? 0) + 1 + index) % 1_000_000
        return String(repeating: "0", count: 6 - String(number).count) + String(number)
    }

    @Test("200 wrong passwords at once: ten are compared")
    func passwords() async throws {
        let server = try await TestServer(configure: { $0.passwords.queue = 1000 }), ada = try await server.add("ada"),
            browser = TestBrowser(server)
        try await browser.open("/sign-in")
        let answers = try await flood(server, [browser], "/sign-in", { ["name": "ada", "password": "wrong \($0)"] }, times: 200)
        #expect(answers.allSatisfy { $0 == 422 })
        let audit = try await server.audit(of: ada)
        #expect(audit.filter { $0.reason == Refusal.Code.signInWrong.rawValue }.count == 10)
        #expect(audit.filter { $0.reason == Refusal.Code.signInLocked.rawValue }.count == 190)
    }

    // MARK: the stranger

    @Test("10,000 wrong guesses of a stranger with time and networks: the owner's browser and her other ways stay open")
    func stranger() async throws {
        let server = try await TestServer(configure: { $0.trustedProxies = [try! CIDR("127.0.0.0/8")] })
        let story = try await ResetStory(server), own = TestBrowser(server), instance = server.instance
        try await server.skipFlushes()
        try await own.signIn("ada")
        try await own.submit("/answer", ["code": own.appCode(secret: ResetStory.appSecret)])
        #expect(own.page.path == "/")
        let attack = StrangerAttack(server)
        // Passwords, as fast as the lock lets them; passes; codes at the reset of a number and a mailbox that the stranger knows.
        try await attack.passwords(7600)
        try await attack.passes(1400)
        try await attack.codes(kind: "text", contact: ["country": "GB", "number": "07700 900184"], 500)
        try await attack.codes(kind: "appCode", contact: nil, 500)
        #expect(attack.guesses == 10_000)
        let now = server.clock.now
        let isClosed = try await instance.database.read { db in
            try Budgets.closed(story.app, knownBrowser: false, now: now, instance.budgets, db) != nil
        }
        #expect(isClosed, "the attack was one")
        // Her own browser, right now: password, then a way that was not attacked or one that her browser has its own budget for.
        let again = own.tab()
        try await again.open("/sign-out")
        try await again.submit("/sign-out")
        try await again.signIn("ada")
        #expect(again.page.status == 200 && again.page.heading != "Sign in", "\(again.page.text)")
        #expect(again.page.heading == "Enter the code from your authenticator app", "\(again.page.text)")
        try await again.submit("/answer", ["code": again.appCode(secret: ResetStory.appSecret)])
        #expect(again.page.path == "/", "\(again.page.text)")
        // Any other browser: the gate that nobody guessed at.
        let other = TestBrowser(server)
        other.address = "192.0.2.200"
        try await other.open("/reset-password")
        try await other.submit("/reset-password", ["name": "ada"])
        try await other.submit("/reason", ["reason": "forgot"])
        try await other.submit("/gate", ["gate": "emailCode"])
        try await other.submit("/contact", ["email": ResetStory.address])
        try await other.submit("/answer", ["code": server.latestCode(to: ResetStory.address)])
        #expect(other.page.title.contains("Second proof"), "\(other.page.text)")
    }

    @Test("wrong passes from strangers keep nobody out who has a pass and a browser that is known")
    func passOfOwner() async throws {
        let server = try await TestServer(), own = TestBrowser(server), stranger = TestBrowser(server)
        try await server.changePolicy {
            $0.registration = []; $0.mfa[0].required = false
        }
        try await server.add("ada")
        try await own.signIn("ada")
        let pass = try await Administration(server.instance).makePass("ada", .init()).pass.text
        for guess in 0..<12 {
            try await stranger.open("/sign-in/pass")
            try await stranger.submit("/sign-in/pass", ["name": "ada", "pass": "AAAA-\(1000 + guess)"])
        }
        #expect(stranger.page.says("Too many"))
        try await own.open("/sign-out")
        try await own.submit("/sign-out")
        try await own.open("/sign-in/pass")
        try await own.submit("/sign-in/pass", ["name": "ada", "pass": pass])
        #expect(own.page.path == "/", "\(own.page.text)")
    }

    @Test("after 100 wrong codes in all a credential is closed to everybody, until its owner signs in another way")
    func ceilingIsLifted() async throws {
        let server = try await TestServer(), story = try await ResetStory(server), instance = server.instance, own = TestBrowser(server)
        try await server.changePolicy { $0.registration = [] }
        try await own.signIn("ada")
        try await own.submit("/answer", ["code": own.appCode(secret: ResetStory.appSecret)])
        for _ in 0..<100 {
            let now = server.clock.now
            _ = try await instance.database.write { db in
                try Budgets.spendTry(story.phone, knownBrowser: false, now: now, instance.budgets, db)
            }
            server.clock.advance(by: .hours(3))
        }
        func isClosed() async throws -> Bool {
            let now = server.clock.now
            return try await instance.database.read { db in
                try Budgets.closed(story.phone, knownBrowser: true, now: now, instance.budgets, db) != nil
            }
        }
        #expect(try await isClosed())
        // One gate of a reset is no sign-in: whoever holds the mailbox lifts nothing.
        try await story.begin()
        try await story.browser.submit("/gate", ["gate": "emailCode"])
        try await story.browser.submit("/contact", ["email": ResetStory.address])
        try await story.browser.submit("/answer", ["code": server.latestCode(to: ResetStory.address)])
        #expect(story.browser.page.title.contains("Second proof"))
        #expect(try await isClosed())
        let again = TestBrowser(server)
        try await again.signIn("ada")
        try await again.submit("/answer", ["code": again.appCode(secret: ResetStory.appSecret)])
        #expect(again.page.path == "/", "\(again.page.heading)")
        #expect(try await isClosed() == false)
    }
}

extension TestServer {
    /// For tests of ten thousand steps whose subject is not the disk: nothing is flushed any more.
    func skipFlushes() async throws {
        let inner = (instance.database as? FailingDatabase)?.inner ?? instance.database
        // The throw-away server of the other engine flushes nothing.
        guard let sqlite = inner as? SQLiteDatabase else { return }
        _ = try await sqlite.pragma("synchronous = OFF")
        #expect(try await sqlite.pragma("synchronous") == "0")
    }
}

/// Somebody who knows a name and a number, has any number of networks and browsers, and all the time in the world.
final class StrangerAttack: @unchecked Sendable {
    private let server: TestServer
    private(set) var guesses = 0

    init(_ server: TestServer) {
        self.server = server
    }

    private func post(_ path: String, _ fields: [(String, String)], _ mark: String) async throws -> (Int, HTTPFields) {
        let all = [("csrf", server.instance.keyed(mark, "csrf"))] + fields
        let headers: HTTPFields = [
            .cookie: "converge-browser=\(mark)", .contentType: "application/x-www-form-urlencoded", .origin: "http://localhost:8080",
            .init("X-Forwarded-For")!: "10.0.\(guesses / 256 % 256).\(guesses % 256)",
        ]
        let body = all.map { PercentEncoding.encode($0.0) + "=" + PercentEncoding.encode($0.1) }.joined(separator: "&")
        let answer = try await server.send(.post, path, headers: headers, body: body)
        return (answer.0, answer.1)
    }

    private func mark() -> String {
        let text = String(guesses)
        return String(repeating: "z", count: 43 - text.count) + text
    }

    /// Each guess another password; the clock goes on a little with each.
    func passwords(_ count: Int) async throws {
        for _ in 0..<count {
            _ = try await post("/sign-in", [("name", "ada"), ("password", "guess number \(guesses)")], mark())
            guesses += 1
            server.clock.advance(by: .seconds(20))
        }
    }

    func passes(_ count: Int) async throws {
        for _ in 0..<count {
            _ = try await post("/sign-in/pass", [("name", "ada"), ("pass", "AAAA\(1000 + guesses)")], mark())
            guesses += 1
            server.clock.advance(by: .seconds(60))
        }
    }

    /// Five codes for each reset that is begun.
    func codes(kind: String, contact: [String: String]?, _ count: Int) async throws {
        var left = count
        while left > 0 {
            let mark = mark()
            let (_, headers) = try await post("/reset-password", [("name", "ada")], mark)
            let flow = headers[.location] ?? ""
            _ = try await post(flow + "/reason", [("reason", "forgot")], mark)
            _ = try await post(flow + "/gate", [("gate", kind)], mark)
            if let contact { _ = try await post(flow + "/contact", contact.map { ($0.key, $0.value) }, mark) }
            for _ in 0..<min(5, left) {
                _ = try await post(flow + "/answer", [("code", String(100_000 + guesses))], mark)
                guesses += 1
                left -= 1
            }
            server.clock.advance(by: .minutes(20))
        }
    }
}
