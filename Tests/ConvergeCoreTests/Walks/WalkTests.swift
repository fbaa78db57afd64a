import Foundation
import Testing

@testable import ConvergeCore

/// What a walk over many cases saw.
struct WalkTally: Sendable {
    var cases = 0
    var states = 0
    /// States of the case that has most.
    var largest = 0
    var decisions = 0
    var byPassword = 0
    /// States by the value of each dimension, by page, and by what happened outside.
    var choices = WalkSpace.dimensions.map { [Int](repeating: 0, count: $0.choices.count) }
    var pages: [String: Int] = [:]
    var outside: [String: Int] = [:]
    var factors: [String: Int] = [:]
    var broken: [WalkKind: [String]] = [:]

    mutating func add(_ walk: SignInWalk, _ one: WalkCase) {
        cases += 1
        states += walk.nodes.count
        largest = max(largest, walk.nodes.count)
        decisions += walk.decisions
        byPassword += walk.byPassword
        for (dimension, choice) in one.choices.enumerated() { choices[dimension][choice] += walk.nodes.count }
        for node in walk.nodes { pages[node.page.name, default: 0] += 1 }
        for change in one.outside { outside[change.rawValue, default: 0] += walk.changed }
        factors[one.factor.rawValue, default: 0] += walk.nodes.count
        for (kind, what) in walk.broken { broken[kind, default: []].append("\(what)\n    in \(one.names)") }
    }

    mutating func add(_ other: WalkTally) {
        cases += other.cases
        states += other.states
        largest = max(largest, other.largest)
        decisions += other.decisions
        byPassword += other.byPassword
        for (dimension, counts) in other.choices.enumerated() {
            for (choice, count) in counts.enumerated() { choices[dimension][choice] += count }
        }
        pages.merge(other.pages, uniquingKeysWith: +)
        outside.merge(other.outside, uniquingKeysWith: +)
        factors.merge(other.factors, uniquingKeysWith: +)
        broken.merge(other.broken, uniquingKeysWith: +)
    }

    /// A line for each dimension, the same in every run.
    var lines: [String] {
        let dimensions = zip(WalkSpace.dimensions, choices).map { dimension, counts in
            (dimension.name, zip(dimension.choices.map(\.name), counts).map { ($0, $1) })
        }
        let others = [("first factor", factors), ("page", pages), ("changed on the way", outside)].map { name, counts in
            (name, counts.sorted { $0.key < $1.key }.map { ($0.key, $0.value) })
        }
        let most = "at most \(largest) of one case, \(byPassword) within reach of the password alone"
        return ["sign-in: \(cases) cases, \(states) states, \(most)"]
            + (dimensions + others).map { name, counts in "\(name): " + counts.map { "\($0) \($1)" }.joined(separator: " · ") }
    }
}

/// The walks themselves, each taken once for all tests that look at it.
enum Walks {
    /// Half the product in the everyday run, the whole of it where `CONVERGE_EVERY_CASE` is set.
    static let cases = WalkCases.all(half: ProcessInfo.processInfo.environment["CONVERGE_EVERY_CASE"] == nil)
    static let signIn = Task { await walk(cases, .production) }

    /// Walks cases on every processor, and leaves room for other tests between two of them.
    static func walk(_ cases: [WalkCase], _ rules: WalkRules) async -> WalkTally {
        let workers = ProcessInfo.processInfo.activeProcessorCount
        return await withTaskGroup(of: WalkTally.self) { group in
            for worker in 0..<workers {
                group.addTask {
                    var tally = WalkTally()
                    for index in stride(from: worker, to: cases.count, by: workers) {
                        let walk = SignInWalk(rules, cases[index].setting, outside: cases[index].outside, isThorough: index % 16 == 0)
                        walk.run()
                        tally.add(walk, cases[index])
                        await Task.yield()
                    }
                    return tally
                }
            }
            return await group.reduce(into: WalkTally()) { $0.add($1) }
        }
    }
}

@Suite("Three walks over the sign-in")
struct WalkTests {
    private func expectNothing(_ kind: WalkKind, sourceLocation: SourceLocation = #_sourceLocation) async {
        let broken = await Walks.signIn.value.broken[kind] ?? []
        #expect(broken.isEmpty, "\(broken.count) times:\n\(broken.prefix(5).joined(separator: "\n"))", sourceLocation: sourceLocation)
    }

    @Test func `live: whoever answers what they hold gets in, or to a page that says what is wrong; no state comes twice`() async {
        await expectNothing(.live)
    }

    @Test func `safe: the password alone opens nothing of anybody who has held something`() async {
        await expectNothing(.safe)
    }

    @Test func `fair: a dead end, and a page without "Not now", only where a second step is demanded`() async {
        await expectNothing(.fair)
    }

    @Test func `kept: a state is the same when it comes back from the store`() async {
        await expectNothing(.kept)
    }

    @Test func `a state that loses something on its way to the store is seen`() {
        struct Leaky: Codable, Equatable {
            var kept = 1
            var lost = 2
            enum CodingKeys: CodingKey { case kept }
        }
        #expect(!WalkKind.isKept(Leaky(lost: 3)))
    }

    @Test func `every value of every dimension, every page and every change is met`() async {
        let tally = await Walks.signIn.value
        for line in tally.lines { print("walks: " + line) }
        #expect(tally.states >= 400_000)
        #expect(tally.choices.allSatisfy { $0.allSatisfy { $0 > 0 } })
        #expect(tally.pages.count == 20 && tally.outside.count == WalkOutside.allCases.count)
    }

    @Test func `any three values of what is multiplied meet, and any two of all`() {
        let met = Walks.cases.reduce(into: Set<[Int]>()) { met, one in met.insert(one.choices) }
        let sizes = WalkSpace.dimensions.map(\.choices.count)
        func expect(_ dimensions: [Int]) {
            let found = Set(met.map { choices in dimensions.map { choices[$0] } }).count
            let names = dimensions.map { WalkSpace.dimensions[$0].name }
            #expect(found == dimensions.map { sizes[$0] }.reduce(1, *), "\(names)")
        }
        for dimensions in [[0, 1, 2], [0, 1, 3], [0, 2, 3], [1, 2, 3]] { expect(dimensions) }
        for turn in 4..<8 {
            // What was never held has no bridge and no outage.
            for other in 0..<turn where !(other == 3 && turn < 6) { expect([other, turn]) }
        }
    }

    @Test func `the situations of the table are what they are meant to be`() {
        for choice in WalkSpace.demand.choices {
            for had in [false, true] {
                var setting = WalkSetting()
                choice.apply(&setting)
                if had { setting.person.mfaFirstHeldAt = noon - .days(90) }
                let facts = WalkWorld(setting).facts
                let demanded = WalkTables.isDemanded(facts.person, facts.policy, facts.request, facts.now)
                #expect(demanded == (had ? setting.demanded.had : setting.demanded.never), "\(choice.name), had: \(had)")
            }
        }
    }
}

@Suite("Walks over the reset")
struct ResetWalkTests {
    /// The first case in which a walk fails, whatever the rules.
    private func walk(_ rules: ResetRules, stopAt kind: WalkKind? = nil) async -> (states: Int, broken: [(WalkKind, String)]) {
        var states = 0, broken: [(WalkKind, String)] = []
        for one in ResetCase.all {
            let walk = ResetWalk(rules, one)
            states += walk.nodes.count
            broken += walk.broken.map { ($0.0, "\($0.1)\n    in \(one.names)") }
            if let kind, broken.contains(where: { $0.0 == kind }) { break }
            await Task.yield()
        }
        return (states, broken)
    }

    @Test func `one channel never passes two gates, and whoever holds enough gets through`() async {
        let (states, broken) = await walk(ResetRules())
        print("walks: reset: \(ResetCase.all.count) cases, \(states) states")
        #expect(states >= 100_000)
        #expect(broken.isEmpty, "\(broken.count) times:\n\(broken.prefix(5).map { "\($0.0): \($0.1)" }.joined(separator: "\n"))")
    }

    @Test func `a bug that takes every credential for a channel of its own fails`() async {
        let rules = ResetRules { facts in
            Self.changed(facts) { credential in
                Credential(
                    id: credential.id, method: credential.method, state: credential.state, source: credential.source,
                    serves: credential.serves, capabilities: credential.capabilities, channel: credential.id.text,
                    addedAt: credential.addedAt, inOwnMailDomain: credential.inOwnMailDomain)
            }
        }
        #expect(await walk(rules, stopAt: .safe).broken.contains { $0.0 == .safe })
    }

    @Test func `a bug that forgets who is an administrator fails`() async {
        let rules = ResetRules { facts in
            guard let standing = facts.standing else { return facts }
            var person = standing.person
            person.roles = []
            return ResetFacts(
                standing: Standing(person: person, credentials: standing.credentials, policy: facts.document.resolve(for: person)),
                document: facts.document, reach: facts.reach, now: facts.now)
        }
        #expect(await walk(rules, stopAt: .safe).broken.contains { $0.0 == .safe })
    }

    private static func changed(_ facts: ResetFacts, _ change: (Credential) -> Credential) -> ResetFacts {
        guard let standing = facts.standing else { return facts }
        return ResetFacts(
            standing: Standing(person: standing.person, credentials: standing.credentials.map(change), policy: standing.policy),
            document: facts.document, reach: facts.reach, now: facts.now)
    }
}

@Suite("Planted bugs")
struct PlantedBugTests {
    /// Cases far apart from each other, one after the other.
    private func scattered(_ number: Int) -> WalkCase { Walks.cases[number * 7919 % Walks.cases.count] }

    @Test(arguments: PlantedBug.allCases) func `fails a walk`(_ bug: PlantedBug) async {
        var states = 0
        for number in 0..<20_000 {
            let one = scattered(number), walk = SignInWalk(.planted(bug), one.setting, outside: one.outside, isThorough: false)
            walk.run()
            states += walk.nodes.count
            if let found = walk.broken.first(where: { $0.0 == bug.walk }) {
                print("walks: planted \(bug.rawValue): \(bug.walk.rawValue) fails after \(states) states: \(found.1)")
                return
            }
            await Task.yield()
        }
        Issue.record("no walk sees \(bug.rawValue)")
    }

    @Test func `the copy without a bug passes, and is where the product is`() async {
        let cases = (0..<300).map(scattered)
        let copy = await Walks.walk(cases, .planted(nil)), product = await Walks.walk(cases, .production)
        #expect(copy.broken.isEmpty)
        #expect(copy.lines == product.lines)
    }
}
