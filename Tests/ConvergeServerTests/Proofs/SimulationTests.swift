import ConvergeCore
import Testing

@testable import ConvergeServer

/// What `policy check` says of a person is what happens at that person's next sign-in: checked over the whole way of a
/// request, for many people under many policies.
@Suite("Simulation is the truth")
struct SimulationTests {
    /// What somebody sees after the password, told apart by what stands on the page.
    private struct Reached {
        let outcome: String
        /// How many methods the wizard asks for.
        var ways: Int?
    }

    @Test("over 400 people under random policies reach the page that the check of the policy named")
    func everybodyReachesWhatWasSaid() async throws {
        var chance = Seeded(), pairs = 0, outcomes: [String: Int] = [:]
        let seed = chance.seed
        print("simulation: CONVERGE_TEST_SEED=\(seed)")
        for round in 0..<9 {
            let server = try await TestServer(), people = try await SimulationPeople(server)
            let hash = try await PasswordDoor(instance: server.instance).hash(Secret(TestServer.password))
            for version in 0..<6 {
                for number in 0..<2 { try await people.add("p\(round)-\(version)-\(number)", hash, &chance) }
                let checked = try await applyChecked(people.policy(&chance), server)
                for person in checked {
                    let reached = try await signIn(person, server)
                    pairs += 1
                    outcomes[reached.outcome, default: 0] += 1
                    #expect(
                        reached.outcome == person.outcome,
                        "seed \(seed), round \(round), version \(version), \(person.name): plan \(person.plan)")
                    if let ways = reached.ways { #expect(ways == person.plan.count, "seed \(seed): \(person.name) has \(person.plan)") }
                }
                server.clock.advance(by: .hours(chance.number(2...300)))
            }
        }
        print(
            "simulation: \(pairs) sign-ins, \(outcomes.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" }.joined(separator: ", "))")
        #expect(pairs >= 300)
        // A check that names the same page for everybody would prove nothing.
        #expect(outcomes.count >= 8, "seed \(seed): only \(outcomes.keys.sorted())")
    }

    /// Checks a policy as the command does, from its file, and puts it into force.
    private func applyChecked(_ document: PolicyDocument, _ server: TestServer) async throws -> [Administration.CheckedPerson] {
        let administration = Administration(server.instance)
        let text = PolicyFile(groups: try await administration.groupNames()).write(document)
        var checked: [Administration.CheckedPerson] = []
        _ = try await administration.check(text) { checked.append($0) }
        _ = try await administration.apply(text, expected: nil, force: true)
        return checked
    }

    /// Signs in from a browser that nobody knows, with the right password, up to the first page that wants something.
    private func signIn(_ person: Administration.CheckedPerson, _ server: TestServer) async throws -> Reached {
        let browser = TestBrowser(server)
        try await browser.signIn(person.name, returnTo: "/profile")
        let page = browser.page, say = server.instance.renderer.speaker(language: "en", now: server.clock.now)
        func heading(_ id: String, _ arguments: [String: MessageArgument] = [:]) -> String { say(Message(id, arguments)) }
        let ends = [
            "profile.heading": "signed-in", "sign-in.heading": "disabled", "dead-end.heading.blocked": "blocked",
            "dead-end.heading.guarded": "registration.guarded", "unreachable.heading": "unreachable", "review.heading": "review",
            "password.heading.new": "change-password",
        ]
        if let end = ends.first(where: { heading($0.key) == page.heading }) { return Reached(outcome: end.value) }
        if page.heading == heading("dead-end.heading.stranded") { return Reached(outcome: try await deadEnd(person, server)) }
        for ways in 1...5 where page.heading == heading("more.heading", ["count": .number(ways)]) {
            let canWait = page.forms.contains { $0.action.hasSuffix("/postpone") }
            return Reached(outcome: canWait ? "wizard-postponable" : "wizard", ways: ways)
        }
        let proofs = ["code.heading.app", "code.heading.text", "code.heading.mail", "code.heading.recovery", "code.heading.pass", "passkey.use.heading"]
        let asking =
            ["text", "mail", "call", "app"].map { "send.heading.\($0)" } + ["calling.heading", "approve.heading", "others.heading"]
        guard (proofs + asking).contains(where: { heading($0) == page.heading }) else {
            return Reached(outcome: "“\(page.heading)” \(page.status)")
        }
        return Reached(outcome: try await proof(person, server))
    }

    /// Two dead ends look alike; the log tells them apart.
    private func deadEnd(_ person: Administration.CheckedPerson, _ server: TestServer) async throws -> String {
        let instance = server.instance
        let record = try #require(try await instance.database.read { db in try instance.people.find(nameKey: person.name, db) })
        return try await server.audit(of: record.id).last { $0.activity == .deadEndShown }?.reason ?? "not written down"
    }

    /// Pages that ask for a proof look alike too; what the person has and had tells them apart.
    private func proof(_ person: Administration.CheckedPerson, _ server: TestServer) async throws -> String {
        let instance = server.instance, now = server.clock.now
        return try await instance.database.read { db in
            guard let record = try instance.people.find(nameKey: person.name, db) else { return "nobody" }
            let dossier = try instance.dossier(record, knownBrowser: false, now: now, db)
            if dossier.standing.anythingCountsForSignIn { return "challenge" }
            return record.person.firstHeldAt != nil ? "bridge" : "directory-proof"
        }
    }
}
