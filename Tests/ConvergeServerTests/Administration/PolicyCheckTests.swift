import ConvergeCore
import Testing

@testable import ConvergeServer

@Suite("Checking and applying a policy")
struct PolicyCheckTests {
    /// Ada has nothing, Ben a phone and a mailbox, Dana is the administrator with an app.
    private func server() async throws -> TestServer {
        let server = try await TestServer()
        try await server.add("ada")
        let ben = try await server.add("ben"), dana = try await server.add("dana", roles: [.globalAdministrator])
        try await server.give(ben, .mobilePhone, content: CredentialContent(phone: PhoneNumber(e164: "+447700900131")!), by: .text)
        try await server.give(ben, .email, content: CredentialContent(email: EmailAddress("ben@post.example")!), by: .emailCode)
        try await server.give(dana, .totpApp, content: CredentialContent(secret: Secret("12345678901234567890")), by: .appCode)
        return server
    }

    private func text(_ change: (inout PolicyDocument) -> Void, _ groups: [GroupID: String] = [:]) -> String {
        var document = PolicyDocument.initial
        change(&document)
        return PolicyFile(groups: groups).write(document)
    }

    @Test("it says of everybody what a sign-in would do, before and after, and who is worse off")
    func people() async throws {
        let server = try await server(), administration = Administration(server.instance)
        var people: [String: Administration.CheckedPerson] = [:]
        let report = try await administration.check(text { $0.mfa[0].allow = [.appCode] }) { people[$0.name] = $0 }
        #expect(report.count == 3 && people.keys.sorted() == ["ada", "ben", "dana"])
        let ben = try #require(people["ben"])
        #expect(ben.before == "challenge" && ben.outcome == "bridge" && ben.effects == [.interrupted, .losesSecondStep])
        #expect(ben.secondStepMissing && ben.plan == ["totpApp"] && ben.countingForSignIn.isEmpty)
        #expect(ben.countingForReset.sorted() == ["emailCode", "text"])
        #expect(people["ada"]?.effects == [] && people["ada"]?.outcome == "wizard")
        #expect(report.outcomes == ["wizard": 1, "bridge": 1, "challenge": 1])
        #expect(report.administratorsBefore == 1 && report.administratorsAfter == 1 && report.obstacles.isEmpty)
        #expect(report.lint.contains { $0.code == "registration.open-doors" && $0.text.hasPrefix("1 person") })
        // Nothing was changed.
        #expect(try await administration.document(nil).version == 1)
    }

    @Test("its answer is that of the sign-in itself, for every person and some policies")
    func equalsForecast() async throws {
        let server = try await server(), administration = Administration(server.instance), instance = server.instance
        let policies: [(inout PolicyDocument) -> Void] = [
            { $0.mfa[0].allow = [.appCode] }, { $0.mfa[0].required = false },
            {
                $0.bridge.days = 0; $0.mfa[0].allow = [.appCode]
            },
            { $0.registration[0].guardKind = .accessPass }, { $0.reset[0].gates = 1 }, { $0.mfa[0].graceDays = 10 },
        ]
        for change in policies {
            var checked: [String: String] = [:]
            _ = try await administration.check(text(change)) { checked[$0.name] = $0.outcome }
            var document = PolicyDocument.initial
            change(&document)
            try await server.apply(document)
            for name in ["ada", "ben", "dana"] {
                let facts = try await instance.database.read { db in
                    let record = try administration.person(name, db)
                    let dossier = try instance.dossier(record, knownBrowser: false, now: server.clock.now, db)
                    return dossier.signInFacts(RequestFacts(), instance)
                }
                #expect(checked[name] == Forecast.atNextSignIn(facts).outcome.rawValue)
            }
            try await server.apply(.initial)
        }
    }

    @Test("for many different people its answer is that of the sign-in, whatever it remembers of others")
    func equalsForecastOfACrowd() async throws {
        let server = try await TestServer(), administration = Administration(server.instance)
        let crowd = try await Crowd.add(700, to: server)
        var document = PolicyDocument.initial
        document.mfa[0].graceDays = 20
        document.mfa.append(
            MFARule(name: "Red", scope: PolicyScope(.selected, groups: [crowd.groups[0]]), required: true, allow: [], exclude: [.appCode]))
        document.reset[0].reconfirmDays = 100
        document.reset.append(
            ResetRule(
                name: "Blue", scope: PolicyScope(.selected, groups: [crowd.groups[1]]), gates: 1, allow: [.text],
                exclude: [.appCode]))
        try await server.apply(document)
        var checked: [String: Administration.CheckedPerson] = [:], order: [String] = []
        let same = PolicyFile(groups: try await administration.groupNames()).write(document)
        let report = try await administration.check(same) {
            checked[$0.name] = $0
            order.append($0.name)
        }
        #expect(report.count == 700 && order == order.sorted() && report.outcomes.count >= 6, "\(report.outcomes)")
        for name in order { #expect(try await expected(name, server) == checked[name].map(Expected.init)) }
    }

    /// What a sign-in itself would say.
    private struct Expected: Equatable {
        let outcome: String
        let proofsMissing: Int
        let secondStepMissing: Bool
        let plan: [String]
        let signIn: [String]
        let reset: [String]

        init(_ person: Administration.CheckedPerson) {
            outcome = person.outcome
            proofsMissing = person.proofsMissing
            secondStepMissing = person.secondStepMissing
            plan = person.plan
            signIn = person.countingForSignIn
            reset = person.countingForReset
        }

        init(_ forecast: Forecast) {
            outcome = forecast.outcome.rawValue
            proofsMissing = forecast.requirements.reset
            secondStepMissing = forecast.requirements.mfa
            plan = forecast.plan.map(\.rawValue)
            signIn = forecast.countingForSignIn.map(\.capability.rawValue)
            reset = forecast.countingForReset.map(\.capability.rawValue)
        }
    }

    private func expected(_ name: String, _ server: TestServer) async throws -> Expected {
        let instance = server.instance, now = server.clock.now
        return try await instance.database.read { db in
            let record = try Administration(instance).person(name, db)
            let dossier = try instance.dossier(record, knownBrowser: false, now: now, db)
            return Expected(
                Forecast.atNextSignIn(
                    SignInFacts(
                        standing: dossier.standing, reach: .ofThisRelease(dossier.standing.credentials), now: now,
                        endOfDay: instance.endOfDay)
                ))
        }
    }

    @Test("a page of people takes three statements, and everybody is on one page")
    func statements() async throws {
        let server = try await TestServer(), instance = server.instance
        try await Crowd.add(120, to: server)
        let store = PeopleWalkStore(organisation: instance.organisation)
        let (counts, names) = try await instance.database.read { db in
            let recording = RecordingConnection(db)
            var names: [String] = [], last = "", counts: [Int] = []
            while true {
                let before = recording.statements.count, page = try store.page(after: last, limit: 50, recording)
                counts.append(recording.statements.count - before)
                guard let end = page.last else { return (counts, names) }
                names += page.map(\.name)
                last = end.nameKey
            }
        }
        #expect(counts == [3, 3, 3, 3] && names.count == 120 && Set(names).count == 120)
    }

    @Test("what nobody could meet is named with its groups")
    func lint() async throws {
        let server = try await server(), administration = Administration(server.instance), instance = server.instance
        let group = try await instance.database.write { db in
            let group = try instance.groups.ensure("Warehouse", id: instance.world.newID(), db)
            try instance.groups.add(administration.person("ada", db).id, to: group, db)
            return group
        }
        let codes = { (text: String) in try await administration.check(text).lint.map(\.code) }
        let warehouse = text(
            {
                $0.mfa.append(
                    MFARule(
                        name: "No", scope: PolicyScope(.selected, groups: [group]), required: true, allow: [], exclude: [.appCode, .text]))
            }, [group: "Warehouse"])
        let report = try await administration.check(warehouse)
        #expect(report.lint.contains { $0.code == "mfa.nobody-can" && $0.level == .error && $0.text.contains("“Warehouse”") })
        #expect(report.lint.contains { $0.code == "mfa.people-cannot" && $0.text.contains("1 person in “Warehouse”") })
        #expect(try await codes(text { $0.reset[0].allow = [.emailCode] }).contains("administrators.reset"))
        #expect(try await codes(text { $0.reset[0].allow = [.emailCode] }).contains("reset.nobody-can"))
        #expect(try await !codes(text { _ in }).contains("administrators.reset"))
        #expect(try await codes(text { $0.emergencyAccounts = ["gone"] }).contains("emergency.unknown"))
        #expect(try await !codes(text { $0.emergencyAccounts = ["Dana"] }).contains { $0.hasPrefix("emergency") })
        #expect(try await codes(text { $0.trustedNetworks = ["0.0.0.0/0"] }).contains("networks.everywhere"))
        let questions = PolicyDocument(mfa: [], reset: [ResetRule(name: "Q", gates: 1, allow: [.securityQuestions])], registration: [])
        #expect(PolicyLint(document: questions, groups: [:]).entries.contains { $0.code == "reset.questions-alone" })
        let push = PolicyDocument(mfa: [], reset: [ResetRule(name: "P", gates: 1, allow: [.appNotification])], registration: [])
        #expect(PolicyLint(document: push, groups: [:]).entries.contains { $0.code == "reset.push-alone" })
    }

    @Test("what is allowed and nothing carries is named, with what to set")
    func carriers() async throws {
        let everything: Set<Capability> = [.appCode, .appNotification, .text, .call, .officeCall]
        let policy = text {
            $0.mfa[0].allow = everything
            $0.mfa[0].exclude = [.officeCall]
            $0.reset[0].allow = [.appCode, .emailCode]
        }
        func entries(_ configure: (inout Config) -> Void, box: DemoBox? = nil) async throws -> [String: LintEntry] {
            let server = try await TestServer(configure: configure, box: box)
            let lint = try await Administration(server.instance).check(policy).lint.filter { $0.code.hasPrefix("carrier.") }
            return Dictionary(uniqueKeysWithValues: lint.map { ($0.code, $0) })
        }
        let bare = try await entries { $0.pushHosts = PushHosts([]) }
        #expect(Set(bare.keys) == ["carrier.text", "carrier.mail", "carrier.voice", "carrier.push"])
        #expect(bare.values.allSatisfy { $0.level == .warning })
        #expect(bare["carrier.text"]?.text.contains("text.url") == true && bare["carrier.mail"]?.text.contains("mail.host") == true)
        let calls = try #require(bare["carrier.voice"]?.text)
        #expect(calls.contains("carrier.callsFrom") && calls.contains("call.") && !calls.contains("officeCall"), "\(calls)")
        #expect(bare["carrier.push"]?.text.contains("push.hosts") == true)
        let texts = try await entries {
            $0.carrier = TelephoneCarrier.Settings(account: "AC1", token: Secret("x"), textsFrom: "+447700900001")
        }
        #expect(Set(texts.keys) == ["carrier.mail", "carrier.voice"], "the usual push services are named")
        #expect(try await entries({ _ in }, box: DemoBox()).isEmpty, "a demo shows what it would send")
    }

    @Test("applying writes what changed into the log, and old and new reset rules")
    func apply() async throws {
        let server = try await server(), administration = Administration(server.instance)
        let unchanged = try await administration.apply(try await administration.policyText(nil), expected: nil, force: false)
        #expect(unchanged == .init(version: 1, changed: []))
        let applied = try await administration.apply(text { $0.reset[0].gates = 1 }, expected: 1, force: false)
        #expect(applied == .init(version: 2, changed: ["reset[Password reset].gates"]))
        let rows = try await administration.audit(.init())
        let general = try #require(rows.first { $0.activity == AuditActivity.policyUpdated.rawValue })
        #expect(general.details == ["version": "2", "changed": "reset[Password reset].gates"] && general.actor == "command line")
        let reset = try #require(rows.first { $0.activity == AuditActivity.resetPolicyChanged.rawValue })
        #expect(reset.details["old"]?.contains("gates: 2") == true && reset.details["new"]?.contains("gates: 1") == true)
        #expect(try await administration.document(1).reset[0].gates == 2)
        await #expect(throws: Administration.Problem.self) {
            try await administration.apply(text { $0.bridge.days = 1 }, expected: 1, force: false)
        }
        _ = try await administration.apply(
            text {
                $0.bridge.days = 1; $0.reset[0].gates = 1
            }, expected: 2, force: false)
        #expect(try await administration.audit(.init(activity: AuditActivity.resetPolicyChanged.rawValue)).count == 1)
    }

    @Test("a policy under which no administrator gets in is refused, unless it is forced")
    func lastAdministrator() async throws {
        let server = try await server(), administration = Administration(server.instance)
        let locked = text {
            $0.mfa[0].allow = [.text]; $0.bridge.days = 0
        }
        let problem = await #expect(throws: Administration.Problem.self) {
            try await administration.apply(locked, expected: nil, force: false)
        }
        #expect(problem?.description.contains("no global administrator could sign in") == true)
        #expect(try await administration.document(nil).version == 1)
        #expect(try await administration.apply(locked, expected: nil, force: true).version == 2)
    }
}
