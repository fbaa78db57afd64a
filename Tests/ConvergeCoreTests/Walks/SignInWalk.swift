import Foundation

@testable import ConvergeCore

/// The rules that are walked: those of the product, or a copy with a planted bug.
struct WalkRules: Sendable {
    let begin: @Sendable (SignInState, SignInFacts) -> SignInTransition
    let next: @Sendable (SignInState, SignInFacts) -> SignInDecision
    let step: @Sendable (SignInState, SignInEvent, SignInFacts) -> SignInTransition
    /// The part of the step behind its decision: the many events of one state need not decide it anew.
    let draw: @Sendable (SignInDecision, SignInEvent, SignInFacts) -> SignInTransition

    static let production = WalkRules(
        begin: { SignInMachine.begin($0, $1) }, next: { SignInDecision.next($0, $1) }, step: { SignInMachine.step($0, $1, $2) },
        draw: { SignInMachine.step($0, $1, $2) })
}

/// The three walks.
enum WalkKind: String, CaseIterable {
    case live, safe, fair, kept

    /// Whether a state comes back as it was from how it is stored between two steps, on whichever node the next one is taken.
    static func isKept<State: Codable & Equatable>(_ state: State) -> Bool {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return (try? JSONDecoder().decode(State.self, from: encoder.encode(state))) == state
    }
}

/// A walk from one setting through every state that the sign-in can reach.
///
/// Nodes are states in worlds, equal ones merged. Edges are what the page at hand offers, and one change from outside at any point of
/// the way.
final class SignInWalk {
    /// A state in a world, and the page it shows.
    struct Node {
        let decision: SignInDecision
        let world: Int
        let from: Int
        let how: Substring

        var state: SignInState { decision.state }
        var page: SignInPage { decision.page }
    }

    struct Edge {
        let from: Int
        let to: Int
        let byPassword: Bool
        let isForward: Bool
    }

    private struct Key: Hashable {
        let state: SignInState
        let world: Int

        func hash(into hasher: inout Hasher) {
            hasher.combine(world)
            hasher.combine(state.proofs.count)
            hasher.combine(state.wizard?.done.count)
            hasher.combine(state.wizard?.chosen.count)
            hasher.combine(state.closed.count)
            hasher.combine(state.leftOut)
        }
    }

    private let rules: WalkRules
    /// What may happen once, at any point of the way.
    private let outside: [WalkOutside]
    /// Also opens choices, posts from old tabs, and takes the whole step beside its second half.
    let isThorough: Bool
    private(set) var worlds: [(world: WalkWorld, facts: SignInFacts, tables: WalkTables)] = []
    private var worldIndex: [[WalkMark]: Int] = [:]
    private var nodeIndex: [Key: Int] = [:]
    private(set) var edges: [Edge] = []
    private(set) var nodes: [Node] = []
    private(set) var decisions = 0
    var broken: [(WalkKind, String)] = []

    /// No sign-in has more states by far (the tests print how many the largest has): what grows beyond this does not end.
    static let mostNodes = 20_000

    init(_ rules: WalkRules, _ setting: WalkSetting, outside: [WalkOutside], isThorough: Bool) {
        self.rules = rules
        self.outside = outside
        self.isThorough = isThorough
        begin(setting)
    }

    /// Walks everything that can be reached, then looks at the whole.
    func run() {
        var done = 0
        while done < nodes.count {
            guard nodes.count < Self.mostNodes else { return note(.live, "does not end", nodes.count - 1) }
            expand(done)
            done += 1
        }
        judgeTheWhole()
    }

    /// States behind a change from outside.
    var changed: Int { nodes.count { worlds[$0.world].world.wasOutside } }
    /// States that whoever has only the password reaches.
    var byPassword = 0

    // MARK: beginning

    private func begin(_ setting: WalkSetting) {
        var world = WalkWorld(setting)
        var state = SignInState(person: setting.person.id, firstFactor: setting.factor, epoch: setting.person.sessionEpoch)
        state.remember = true
        if setting.factor == .accessPass, let pass = setting.credentials.first(where: { $0.method == .temporaryAccessPass }) {
            state.passEnds = pass.validUntil
            state.proofs = [Proof(use: pass.use(.temporaryAccessPass), at: noon)]
        }
        let first = rules.begin(state, world.facts)
        if first.effects.contains(.startGrace) { world.take(.graceStarted) }
        _ = reach(first.state, intern(world), from: 0, how: "begin")
    }

    private func intern(_ world: WalkWorld) -> Int {
        if let known = worldIndex[world.marks] { return known }
        let facts = world.facts
        worlds.append((world, facts, WalkTables(facts)))
        worldIndex[world.marks] = worlds.count - 1
        return worlds.count - 1
    }

    private func world(_ index: Int, after marks: [WalkMark]) -> Int {
        guard !marks.isEmpty else { return index }
        if let known = worldIndex[worlds[index].world.marks + marks] { return known }
        var world = worlds[index].world
        for mark in marks { world.take(mark) }
        return intern(world)
    }

    private func reach(_ state: SignInState, _ world: Int, from: Int, how: Substring) -> Int {
        let raw = Key(state: state, world: world)
        if let known = nodeIndex[raw] { return known }
        let decision = rules.next(state, worlds[world].facts)
        decisions += 1
        let settled = Key(state: decision.state, world: world)
        if decision.state != state, let known = nodeIndex[settled] {
            nodeIndex[raw] = known
            return known
        }
        let node = nodes.count
        nodes.append(Node(decision: decision, world: world, from: from, how: how))
        nodeIndex[raw] = node
        if decision.state != state {
            nodeIndex[settled] = node
            decisions += 1
            let again = rules.next(decision.state, worlds[world].facts)
            if again.page != decision.page || again.state != decision.state {
                note(.live, "read again, the table says something else", node)
            }
        }
        if state.registrationVersion == nil, decision.state.registrationVersion != nil { judgeDoor(node, state) }
        judge(node)
        if node % 61 == 0, !WalkKind.isKept(decision.state) { note(.kept, "what is stored is something else", node) }
        return node
    }

    // MARK: moving

    private func expand(_ index: Int) {
        let node = nodes[index], facts = worlds[node.world].facts, isSample = isThorough && index % 5 == 3
        for move in moves(node) {
            let next = rules.draw(node.decision, move.event, facts)
            if isSample { compare(next, move, index) }
            if next.accepted {
                follow(move, next, index)
            } else {
                note(.live, "the page offers what the step refuses: \(move.name)", index)
            }
        }
        if case .done = node.page { return }
        if isSample { tryOldTabs(index) }
        guard !worlds[node.world].world.wasOutside else { return }
        for change in outside {
            let after = reach(node.state, world(node.world, after: [.outside(change)]), from: index, how: change.rawValue[...])
            edges.append(Edge(from: index, to: after, byPassword: true, isForward: false))
        }
    }

    /// The step as a whole does what its second half does.
    private func compare(_ drawn: SignInTransition, _ move: WalkMove, _ index: Int) {
        let next = rules.step(nodes[index].state, move.event, worlds[nodes[index].world].facts)
        decisions += 1
        if next.state != drawn.state || next.accepted != drawn.accepted || next.effects != drawn.effects {
            note(.safe, "the step depends on who decides: \(move.name)", index)
        }
    }

    private func follow(_ move: WalkMove, _ next: SignInTransition, _ index: Int) {
        var marks = move.marks
        for effect in next.effects {
            if effect == .countSkip { marks.append(.skipped) }
            if effect == .recordReview { marks.append(.reviewed) }
            if effect == .snoozeCampaign { marks.append(.campaignPutOff) }
        }
        let after = world(nodes[index].world, after: marks)
        var state = next.state
        if let use = move.enrols, worlds[after].tables.counts(use) {
            state = SignInMachine.proveByEnrolment(state, use, at: worlds[after].world.now)
        }
        let target = reach(state, after, from: index, how: move.name)
        edges.append(Edge(from: index, to: target, byPassword: move.byPassword, isForward: move.isForward))
        if move.enrols != nil, !worlds[after].world.wasOutside, nodes[target].page.asksForProof {
            note(.live, "who has registered just now is asked for a proof", target)
        }
    }

    /// Whatever does not belong to the page changes nothing.
    private func tryOldTabs(_ index: Int) {
        let node = nodes[index], facts = worlds[node.world].facts, offered = moves(node).map(\.event)
        let nobody = CredentialID("nobody's")
        let events: [SignInEvent] = [
            .postpone, .cancel, .startWizard, .openChoices, .closeChoices, .choose(.alternatePhone), .enrolled(nobody), .codesKept,
            .finishWizard, .reviewed, .passwordChanged, .proved(CredentialUse(credential: nobody, capability: .appCode)),
        ]
        for event in events where !offered.contains(event) {
            switch (event, node.page) {
            // Stopping where a page can be put off is putting it off, and the machine takes the shell's word for what was registered.
            case (.cancel, _) where offered.contains(.postpone), (.enrolled, .register), (.enrolled, .review): continue
            default: break
            }
            let next = rules.step(node.state, event, facts)
            decisions += 1
            if next.accepted || next.state != node.state || !next.effects.isEmpty {
                note(.safe, "an old tab does something: \(event)", index)
            }
        }
    }
}
