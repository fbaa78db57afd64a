import ConvergeCore
import Synchronization
import Testing

@testable import ConvergeServer

/// Two who checked before either wrote. SQLite's one writer lets nobody come between; PostgreSQL does, and finds out.
@Suite("Races between check and write")
struct RaceTests {
    /// A server whose transactions can be held.
    private final class Stage: Sendable {
        let server: TestServer
        let pausing: PausingDatabase

        init(_ engine: Engine, policy: PolicyDocument? = nil) async throws {
            let box = Mutex<PausingDatabase?>(nil)
            server = try await TestServer(
                policy: policy, engine: engine,
                over: { inner in
                    let pausing = PausingDatabase(over: inner)
                    box.withLock { $0 = pausing }
                    return pausing
                })
            pausing = try #require(box.withLock { $0 })
        }

        /// Two at once; both were held between check and write.
        func both<First: Sendable, Second: Sendable>(
            at statements: String..., first: @escaping @Sendable () async throws -> First,
            second: @escaping @Sendable () async throws -> Second
        ) async throws -> (Result<First, any Error>, Result<Second, any Error>) {
            if statements.count == 1 { pausing.hold(at: statements[0]) } else { pausing.hold(at: statements[0], statements[1]) }
            async let one = Self.result(first), two = Self.result(second)
            let results = await (one, two)
            #expect(pausing.met || server.instance.database.dialect == .sqlite, "they did not meet")
            return results
        }

        /// What a person holds, and how it stands.
        func credentials(of person: PersonID) async throws -> [String] {
            let instance = server.instance
            return try await instance.database.read { db in
                try instance.credentials.all(of: person, db).map { "\($0.id) \($0.credential.state.rawValue)" }.sorted()
            }
        }

        private static func result<T: Sendable>(_ body: @Sendable () async throws -> T) async -> Result<T, any Error> {
            do { return .success(try await body()) } catch { return .failure(error) }
        }
    }

    /// The compare-and-set of what a person holds.
    private static let raise = "UPDATE person SET security_version"

    @Test("two tabs delete the last two methods: one stays", arguments: Engine.all)
    func lastTwo(engine: Engine) async throws {
        let stage = try await Stage(engine), home = try await Household(on: stage.server)
        try await home.signIn(to: "/security-info/delete/\(home.app)")
        let invariants = try await StoreInvariants(stage.server), second = home.browser.tab(), first = home.browser
        try await second.open("/security-info/delete/\(home.phone)")
        _ = try await stage.both(
            at: Self.raise, first: { try await first.submit("/security-info/delete/\(home.app)") },
            second: { try await second.submit("/security-info/delete/\(home.phone)") })
        let left = try await home.states()
        #expect(left == ["email active", "mobilePhone active"] || left == ["email active", "totpApp active"])
        #expect([first, second].filter { $0.page.says("We deleted") }.count == 1)
        #expect([first, second].filter { $0.page.heading.contains("Add another method first") }.count == 1)
        #expect(try await invariants.problems() == [])
    }

    @Test("two enrolments at “at most five”: five", arguments: Engine.all)
    func atMostFive(engine: Engine) async throws {
        let stage = try await Stage(engine), home = try await Household(on: stage.server)
        for number in 0..<3 {
            let secret = Secret(bytes: Array(repeating: UInt8(number), count: 20))
            try await stage.server.give(home.ada, .totpApp, content: CredentialContent(secret: secret), by: .appCode)
        }
        // Signed in twice: of two tabs one would lose its session to the other, whatever is counted.
        let first = home.browser, second = TestBrowser(stage.server)
        for browser in [first, second] { try await home.signIn(browser, to: "/security-info/add") }
        let invariants = try await StoreInvariants(stage.server)
        for browser in [first, second] { try await browser.submit("/security-info/add", ["method": "totpApp"]) }
        let keys = try [first, second].map { try #require($0.page.key) }
        _ = try await stage.both(
            at: Self.raise, first: { try await first.submit("/code", ["code": first.appCode(secret: keys[0])]) },
            second: { try await second.submit("/code", ["code": second.appCode(secret: keys[1])]) })
        #expect(try await home.states().filter { $0 == "totpApp active" }.count == 5)
        #expect([first, second].filter { $0.page.says("connected") }.count == 1, "\(first.page.text)\n\(second.page.text)")
        #expect(try await invariants.problems() == [])
    }

    @Test("two administrators demote each other: one stays, and the other is told why", arguments: Engine.all)
    func administrators(engine: Engine) async throws {
        let stage = try await Stage(engine), administration = stage.server.administration
        for name in ["dana", "erin"] { try await stage.server.add(name, roles: [.globalAdministrator]) }
        let results = try await stage.both(
            at: "UPDATE person SET roles",
            first: { try await administration.setRoles("dana", add: [], remove: [.globalAdministrator]) },
            second: { try await administration.setRoles("erin", add: [], remove: [.globalAdministrator]) })
        let refusals = [results.0, results.1].compactMap { if case .failure(let error) = $0 { "\(error)" } else { nil } }
        #expect(refusals.count == 1 && refusals[0].contains("last global administrator"), "\(refusals)")
        let instance = stage.server.instance
        #expect(try await instance.database.read { db in try instance.people.administrators(db).count } == 1)
        // On the engine that lets two come between check and write, the one that was refused had passed its check before.
        if engine == .postgres { #expect(stage.pausing.runs >= 2) }
    }

    @Test("a reset overtakes an enrolment: nothing of the enrolment is there after it, or all of it before", arguments: Engine.all)
    func resetAndEnrolment(engine: Engine) async throws {
        let stage = try await Stage(engine), story = try await ResetStory(stage.server), attacker = TestBrowser(stage.server)
        try await attacker.signIn("ada", returnTo: "/security-info/add")
        try await attacker.submit("/answer", ["code": attacker.appCode(secret: ResetStory.appSecret)])
        stage.server.clock.advance(by: .seconds(30))
        try await attacker.submit("/security-info/add", ["method": "totpApp"])
        let key = try #require(attacker.page.key)
        try await story.passBoth()
        let invariants = try await StoreInvariants(stage.server)
        _ = try await stage.both(
            at: Self.raise, "UPDATE person SET password_hash", first: { try await story.setPassword() },
            second: { try await attacker.submit("/code", ["code": attacker.appCode(secret: key)]) })
        let audit = try await stage.server.audit(of: story.ada).filter(\.success).map(\.activity)
        let reset = audit.firstIndex(of: .resetPassword), enrolled = audit.lastIndex(of: .registered)
        if let reset, let enrolled { #expect(enrolled < reset, "\(audit)") }
        #expect(reset != nil || enrolled != nil, "one of the two came through")
        #expect(try await invariants.problems() == [])
        // Whoever lost has lost: what was begun before the reset goes nowhere.
        if reset != nil {
            try await attacker.open("/security-info")
            #expect(attacker.page.path.hasPrefix("/sign-in"), "\(attacker.page.path)")
        } else {
            #expect(!story.browser.page.says("Your new password"), "\(story.browser.page.text)")
        }
    }

    @Test("a reset comes before an enrolment's transaction: nothing is enrolled, however right its code", arguments: Engine.all)
    func resetBeforeEnrolment(engine: Engine) async throws {
        let stage = try await Stage(engine), story = try await ResetStory(stage.server), attacker = TestBrowser(stage.server)
        try await attacker.signIn("ada", returnTo: "/security-info/add")
        try await attacker.submit("/answer", ["code": attacker.appCode(secret: ResetStory.appSecret)])
        stage.server.clock.advance(by: .seconds(30))
        try await attacker.submit("/security-info/add", ["method": "totpApp"])
        let key = try #require(attacker.page.key)
        try await story.passBoth()
        let invariants = try await StoreInvariants(stage.server), held = try await stage.credentials(of: story.ada)
        // Whatever the request has read by then, it has read before the reset.
        stage.pausing.holdNextWrite()
        async let enrolment = attacker.submit("/code", ["code": attacker.appCode(secret: key)])
        await until("the enrolment stands at the door") { stage.pausing.isStanding }
        try await story.setPassword()
        stage.pausing.letIn()
        _ = try await enrolment
        let audit = try await stage.server.audit(of: story.ada).filter(\.success).map(\.activity)
        #expect(audit.contains(.resetPassword) && !audit.contains(.registered), "\(audit)")
        #expect(try await stage.credentials(of: story.ada) == held)
        #expect(!attacker.page.says("connected"), "\(attacker.page.text)")
        try await attacker.open("/security-info")
        #expect(attacker.page.path.hasPrefix("/sign-in"), "\(attacker.page.path)")
        #expect(try await invariants.problems() == [])
    }

    /// Ben, who was asked for a text when texts were allowed.
    private struct Asked {
        let ben: PersonID
        let browser: TestBrowser
        let code: String
        let before: Int64

        init(_ server: TestServer) async throws {
            let number = "+447700900111"
            ben = try await server.add("ben")
            browser = TestBrowser(server)
            try await server.give(ben, .mobilePhone, content: CredentialContent(phone: PhoneNumber(e164: number)), by: .text)
            try await server.changePolicy { $0.registration = [] }
            try await browser.signIn("ben")
            code = try await server.latestCode(to: number)
            before = try await server.policyVersion()
        }

        func signedIn() async throws -> [AuditEvent] {
            try await browser.server.audit(of: ben).filter { $0.activity == .signedIn && $0.success }
        }
    }

    @Test("a policy change comes before an answer's transaction: its code is right, and signs nobody in any more", arguments: Engine.all)
    func policyBeforeAnswer(engine: Engine) async throws {
        let stage = try await Stage(engine), asked = try await Asked(stage.server), browser = asked.browser
        // Whatever the request has read by then, it has read under the policy of before.
        stage.pausing.holdNextWrite()
        async let answer = browser.submit("/answer", ["code": asked.code])
        await until("the answer stands at the door") { stage.pausing.isStanding }
        try await stage.server.changePolicy(past: stage.pausing) { $0.mfa[0].allow = [.appCode] }
        stage.pausing.letIn()
        _ = try await answer
        #expect(try await asked.signedIn().isEmpty && browser.cookies["converge"] == nil, "by a text, under a policy without texts")
        // It is the bridge to something that is accepted, and no more.
        try await browser.open(browser.page.path)
        #expect(browser.page.says("registered, but not accepted for this"), "\(browser.page.text)")
    }

    @Test("a policy change in the middle of an answer's transaction: it is decided under one policy and says which", arguments: Engine.all)
    func policyAndAnswer(engine: Engine) async throws {
        let stage = try await Stage(engine), server = stage.server, asked = try await Asked(server), browser = asked.browser
        let place = browser.page.path, code = asked.code
        let (answer, change) = try await stage.both(
            at: "UPDATE flow", "INSERT INTO policy_version", first: { try await browser.submit("/answer", ["code": code]) },
            second: { try await server.changePolicy { $0.mfa[0].allow = [.appCode] } })
        _ = (try answer.get(), try change.get())
        let version = try await server.policyVersion(), signedIn = try await asked.signedIn()
        #expect(version == asked.before + 1)
        // The answer came first, and the other did not have to wait for it. On one writer it may have come second.
        if engine == .postgres { #expect(signedIn.map(\.policyVersion) == [asked.before]) }
        #expect(signedIn.allSatisfy { $0.policyVersion == asked.before }, "by a text, under a policy without texts")
        #expect(signedIn.isEmpty == (browser.cookies["converge"] == nil))
        let flow = String(place.split(separator: "/")[1])
        let row = try await server.instance.database.read { try $0.row("SELECT policy_version FROM flow WHERE id = \(flow)") }
        #expect(try row?.integer("policy_version") == signedIn.first?.policyVersion ?? version, "the row says the same as the log")
        // The next answer of that kind finds the new policy.
        server.clock.advance(by: .minutes(12))
        let late = TestBrowser(server)
        try await late.signIn("ben")
        #expect(late.page.says("no longer accepts your mobile phone"), "\(late.page.text)")
    }

    @Test("a budget that two spend at once is spent twice, whichever engine", arguments: Engine.all)
    func budgets(engine: Engine) async throws {
        let stage = try await Stage(engine), instance = stage.server.instance, now = stage.server.clock.now
        let rule = Budgets.strangerCodes, key = "test"
        let spend = { @Sendable in
            try await instance.database.write { db in try instance.budgets.spend(key, rule, now: now, db) }
        }
        _ = try await stage.both(at: "INSERT INTO budget", first: spend, second: spend)
        #expect(try await stage.server.count("SELECT count AS n FROM budget WHERE key = \(key)") == 2)
        let allowed = try await withThrowingTaskGroup(of: Int.self) { group in
            for _ in 0..<40 { group.addTask { try await spend() == nil ? 1 : 0 } }
            return try await group.reduce(0, +)
        }
        #expect(allowed == rule.limit - 2)
    }
}

extension TestServer {
    fileprivate func policyVersion() async throws -> Int64 {
        let instance = self.instance
        return try await instance.database.read { db in try instance.policies.currentVersion(db) }
    }

    /// Changes the policy as another node would: past the one whose write stands at the door.
    fileprivate func changePolicy(past pausing: PausingDatabase, _ change: @Sendable (inout PolicyDocument) -> Void) async throws {
        let instance = self.instance, now = clock.now
        var document = try await pausing.inner.read { db in try #require(try instance.policies.all(db).last).document }
        change(&document)
        let changed = document
        try await pausing.inner.write { db in
            _ = try instance.policies.apply(changed, expected: changed.version, by: "another node", now: now, db)
        }
    }
}
