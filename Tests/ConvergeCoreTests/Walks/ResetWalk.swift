@testable import ConvergeCore

/// What somebody holds, what is asked of them, and what happens on the way: one case of a reset.
struct ResetCase: Sendable {
    /// What happens beside the reset.
    enum Outside: String, CaseIterable, Sendable {
        case nothing, secondGateAsked, oneGateIsEnough, methodRemoved, nothingReachable, everythingBack, becomesAdministrator,
            credentialAdded
        case credentialsSuspended, disabled, sessionsEnded, timePasses
    }

    let holding: Int
    let gates: Int
    let allow: Int
    let isAdministrator: Bool
    let unlock: Bool
    /// The channels that this person can answer; nil: all, as the owner.
    let channel: String?
    let outside: Outside

    static let holdings: [(name: String, credentials: [Credential])] = [
        ("nothing", []),
        ("phone", [phone]),
        ("app", [app]),
        ("phone and mailbox", [phone, mailbox]),
        ("app, phone, mailbox", [app, phone, mailbox]),
        ("phone, office with its number", [phone, office(on: "phone")]),
        ("phone, office", [phone, office(on: "office")]),
        ("phone, second number", [phone, credential(.alternatePhone) { $0.channel = "second" }, mailbox]),
        ("two apps", [app, credential(.totpApp, "second app") { $0.channel = "second app" }]),
        ("Converge app", [credential(.convergeApp) { $0.channel = "app" }]),
        ("Converge app, phone", [credential(.convergeApp) { $0.channel = "app" }, phone]),
        ("mailbox, questions", [mailbox, questions]),
        (
            "passkey, hardware token, mailbox",
            [
                credential(.passkey) { $0.channel = "passkey" }, credential(.hardwareToken) { $0.channel = "token" }, mailbox,
            ]
        ),
        ("questions", [questions]),
        ("phone, recovery codes", [phone, credential(.recoveryCodes) { $0.channel = "codes" }]),
        ("directory phone, mailbox", [unconfirmed(phone), mailbox]),
        ("phone added today, mailbox", [added(phone), mailbox]),
        (
            "phone, mailbox of the organisation",
            [
                phone,
                credential(.email) {
                    $0.channel = "mailbox"; $0.inOwnMailDomain = true
                },
            ]
        ),
        (
            "phone for sign-in only, mailbox",
            [
                credential(.mobilePhone) {
                    $0.channel = "phone"; $0.serves = [.signIn]
                }, mailbox,
            ]
        ),
        ("suspended phone, app, mailbox", [suspended(phone), app, mailbox]),
        (
            "office and second number on the phone",
            [
                phone, office(on: "phone"), credential(.alternatePhone) { $0.channel = "phone" }, app,
            ]
        ),
    ]

    static let allowed: [Set<Capability>] = [
        [.appCode, .text, .emailCode], [.text, .emailCode], everything, [.appNotification], [.emailCode, .securityQuestions],
    ]

    private static let phone = credential(.mobilePhone) { $0.channel = "phone" }
    private static let app = credential(.totpApp) { $0.channel = "app" }
    private static let mailbox = credential(.email) { $0.channel = "mailbox" }
    private static let questions = credential(.securityQuestions) { $0.channel = "questions" }

    private static func office(on channel: String) -> Credential { credential(.officePhone) { $0.channel = channel } }

    private static func unconfirmed(_ one: Credential) -> Credential {
        var one = one
        one.state = .unconfirmed
        one.source = .directory
        return one
    }

    private static func added(_ one: Credential) -> Credential {
        var one = one
        one = Credential(
            id: one.id, method: one.method, capabilities: one.capabilities, verifiedBy: one.verifiedBy, channel: one.channel,
            addedAt: noon - .hours(2))
        return one
    }

    private static func suspended(_ one: Credential) -> Credential {
        var one = one
        one.state = .suspended
        return one
    }

    /// The whole product, but for what happens beside it: that takes turns.
    static let all: [ResetCase] = {
        var cases: [ResetCase] = [], turns = Repeatable(seed: 7)
        for (holding, held) in holdings.enumerated() {
            let channels = [nil] + Set(held.credentials.map(\.channel)).sorted().map(Optional.some)
            for gates in 1...2 {
                for allow in allowed.indices {
                    for isAdministrator in [false, true] {
                        for channel in channels {
                            for outside in Outside.allCases.shuffled(using: &turns).prefix(2) {
                                cases.append(
                                    ResetCase(
                                        holding: holding, gates: gates, allow: allow, isAdministrator: isAdministrator,
                                        unlock: cases.count % 3 == 0, channel: channel, outside: outside))
                            }
                        }
                    }
                }
            }
        }
        return cases
    }()

    var names: String {
        "\(Self.holdings[holding].name), \(gates) gates of \(Self.allowed[allow].map(\.rawValue).sorted()), administrator "
            + "\(isAdministrator), unlock \(unlock), answers \(channel ?? "everything"), outside \(outside.rawValue)"
    }
}

/// The rules of a reset that are walked, or what a bug makes of them.
struct ResetRules: Sendable {
    /// What the machine is shown; the walk itself looks at the truth.
    var seen: @Sendable (ResetFacts) -> ResetFacts = { $0 }
}

/// A walk from one case through every state that a reset can reach.
final class ResetWalk {
    struct Node {
        let state: ResetState
        let isAfter: Bool
        let page: ResetPage
    }

    private struct Key: Hashable {
        let state: ResetState
        let isAfter: Bool

        func hash(into hasher: inout Hasher) {
            hasher.combine(isAfter)
            hasher.combine(state.passed.count)
            hasher.combine(state.kind)
            hasher.combine(state.sends)
            hasher.combine(state.triesLeft)
            hasher.combine(state.challenge?.use)
        }
    }

    private struct Move {
        let event: ResetEvent
        var isForward = true
    }

    private let rules: ResetRules
    private let one: ResetCase
    private let facts: [ResetFacts]
    private var index: [Key: Int] = [:]
    private var edges: [(from: Int, to: Int, isForward: Bool)] = []
    private(set) var nodes: [Node] = []
    private(set) var broken: [(WalkKind, String)] = []

    init(_ rules: ResetRules, _ one: ResetCase) {
        self.rules = rules
        self.one = one
        var document = PolicyDocument(
            mfa: [],
            reset: [ResetRule(name: "reset", gates: one.gates, allow: ResetCase.allowed[one.allow], unlockWithoutReset: one.unlock)],
            registration: [RegistrationRule(name: "registration", requireForMFA: true, requireForReset: true)])
        document.reset[0].options = one.allow == 2 ? [.alternatePhone, .recoveryCode] : []
        let person = Person(id: PersonID("ada"), roles: one.isAdministrator ? [.helpdesk] : [])
        let before = Self.facts(person, ResetCase.holdings[one.holding].credentials, document)
        facts = [before, Self.after(one.outside, before)]
        _ = reach(ResetState(name: "ada", person: person.id, epoch: 0, startedAt: noon), isAfter: false)
        var done = 0
        while done < nodes.count {
            expand(done)
            done += 1
        }
        judge()
    }

    // MARK: the world

    private static func facts(
        _ person: Person, _ credentials: [Credential], _ document: PolicyDocument, reach: Reachability = .open, now: Moment = noon
    ) -> ResetFacts {
        let standing = Standing(person: person, credentials: credentials, policy: document.resolve(for: person))
        return ResetFacts(standing: standing, document: document, reach: reach, now: now)
    }

    private static func after(_ outside: ResetCase.Outside, _ before: ResetFacts) -> ResetFacts {
        guard let standing = before.standing else { return before }
        var person = standing.person, credentials = standing.credentials, document = before.document, now = noon
        var reach = Reachability.open
        switch outside {
        case .nothing, .everythingBack: break
        case .secondGateAsked: document.reset[0].gates = 2
        case .oneGateIsEnough: document.reset[0].gates = 1
        case .methodRemoved: document.reset[0].allow.subtract([.text, .call])
        case .nothingReachable:
            for credential in credentials {
                for capability in credential.capabilities { reach.gaps[credential.use(capability)] = Reachability.Gap(.gateway) }
            }
        case .becomesAdministrator: person.roles = [.userAdministrator]
        case .credentialAdded: credentials.append(credential(.officePhone, "desk") { $0.channel = credentials.first?.channel ?? "desk" })
        case .credentialsSuspended: for index in credentials.indices { credentials[index].state = .suspended }
        case .disabled: person.state = .disabled
        case .sessionsEnded: person.sessionEpoch += 1
        case .timePasses: now = noon + .minutes(15)
        }
        return facts(person, credentials, document, reach: reach, now: now)
    }

    private func facts(_ isAfter: Bool) -> ResetFacts { facts[isAfter ? 1 : 0] }

    private func shown(_ isAfter: Bool) -> ResetFacts { rules.seen(facts(isAfter)) }

    // MARK: moving

    private func reach(_ state: ResetState, isAfter: Bool) -> Int {
        let key = Key(state: state, isAfter: isAfter)
        if let known = index[key] { return known }
        nodes.append(Node(state: state, isAfter: isAfter, page: ResetMachine.page(state, shown(isAfter))))
        index[key] = nodes.count - 1
        if nodes.count % 7 == 0, !WalkKind.isKept(state) { note(.kept, "what is stored is something else", nodes[nodes.count - 1]) }
        return nodes.count - 1
    }

    private func expand(_ number: Int) {
        let node = nodes[number]
        for move in moves(node) {
            guard let next = ResetMachine.step(node.state, move.event, shown(node.isAfter)) else { continue }
            edges.append((number, reach(next, isAfter: node.isAfter), move.isForward))
        }
        if case .code = node.page, node.state.triesLeft > 0 {
            var wrong = node.state
            wrong.triesLeft = wrong.triesLeft > 1 ? 1 : 0
            edges.append((number, reach(wrong, isAfter: node.isAfter), false))
        }
        if !node.isAfter, one.outside != .nothing { edges.append((number, reach(node.state, isAfter: true), false)) }
    }

    /// What the page offers, as the server takes it. Whoever answers something proves it whatever the page asked for.
    private func moves(_ node: Node) -> [Move] {
        switch node.page {
        case .reason: return [Move(event: .because(.forgotten)), Move(event: .because(.locked))]
        case .chooseKind(let kinds): return kinds.map { Move(event: .choose($0)) }
        case .contact(let kind): return contacts(kind, node) + [Move(event: .back, isForward: false)]
        case .code(let kind):
            let again =
                node.state.canSendAgain && node.state.sends == 1 ? contacts(kind, node).map { Move(event: $0.event, isForward: false) } : []
            return answers(node) + again + [Move(event: .back, isForward: false), Move(event: .changeContact, isForward: false)]
        case .chooseUse(let uses): return uses.map { Move(event: .chooseUse(challenge($0), until: nil)) }
        case .newPassword: return [Move(event: .passwordSet)]
        case .unlock: return [Move(event: .unlocked), Move(event: .because(.forgotten), isForward: false)]
        case .expired, .unreachable, .notEnough, .outOfTries, .done: return []
        }
    }

    /// Somebody's own contact, or one that is nobody's.
    private func contacts(_ kind: Capability, _ node: Node) -> [Move] {
        let own = ResetMachine.firstGateUses(kind, node.state, shown(node.isAfter)).map { Optional(challenge($0)) }
        return (own + [nil]).map { Move(event: .challenged($0, typed: "typed", region: nil, until: nil)) }
    }

    private func challenge(_ use: CredentialUse) -> ChallengeState { ChallengeState(use: use, purpose: .reset, startedAt: noon) }

    private func answers(_ node: Node) -> [Move] {
        guard node.state.triesLeft > 0, let standing = facts(node.isAfter).standing else { return [] }
        return standing.credentials.filter { one.channel == nil || $0.channel == one.channel }.flatMap { credential in
            credential.capabilities.sorted().map { Move(event: .proved(credential.use($0))) }
        }
    }

    // MARK: judging

    private func note(_ kind: WalkKind, _ what: String, _ node: Node) {
        guard broken.count < 3 else { return }
        broken.append((kind, "\(what); page: \(node.page), passed \(node.state.passed.map(\.use.capability.rawValue))"))
    }

    private func judge() {
        var ways = [Int](repeating: 0, count: nodes.count)
        for edge in edges where edge.isForward { ways[edge.from] += 1 }
        for (number, node) in nodes.enumerated() {
            judge(node)
            if ways[number] == 0, !isEnd(node) { note(.live, "no way on", node) }
        }
        judgeOrder()
        guard one.channel == nil else { return }
        let isReached = nodes.contains { !$0.isAfter && [.newPassword, .unlock].contains($0.page) }
        if isReached != canReset {
            note(.live, canReset ? "who holds enough cannot reset" : "who does not hold enough can reset", nodes[0])
        }
    }

    /// Two gates are two: other groups over other channels; and nothing opens with fewer than are asked for now.
    private func judge(_ node: Node) {
        guard let standing = facts(node.isAfter).standing else { return }
        let passed = node.state.passed
        let truth = passed.compactMap { gate in standing.credentials.first { $0.id == gate.use.credential } }
        switch node.page {
        case .newPassword, .unlock:
            let channels = Set(truth.map(\.channel)), groups = Set(truth.compactMap(\.traits.group))
            let needed = standing.person.roles.isEmpty ? facts(node.isAfter).document.reset[0].gates : 2
            if channels.count < needed || groups.count < needed { note(.safe, "\(needed) gates are asked for, one was passed", node) }
            if needed == 2, one.channel != nil { note(.safe, "one channel passes two gates", node) }
        default: break
        }
    }

    /// A way on, or a page that says why there is none. Where nothing of what is held may be the first gate, every code is wrong:
    /// that page is the same for everybody.
    private func isEnd(_ node: Node) -> Bool {
        switch node.page {
        case .expired, .unreachable, .notEnough, .outOfTries, .done: return true
        case .chooseKind(let kinds): return kinds.isEmpty
        case .code:
            if node.state.triesLeft == 0 || one.channel != nil { return true }
            guard node.state.passed.isEmpty, let kind = node.state.kind else { return false }
            return ResetMachine.firstGateUses(kind, node.state, shown(node.isAfter)).isEmpty
        default: return false
        }
    }

    private func judgeOrder() {
        var entries = [Int](repeating: 0, count: nodes.count), targets = [[Int]](repeating: [], count: nodes.count)
        for edge in edges where edge.isForward {
            entries[edge.to] += 1
            targets[edge.from].append(edge.to)
        }
        var open = nodes.indices.filter { entries[$0] == 0 }, sorted = 0
        while let node = open.popLast() {
            sorted += 1
            for target in targets[node] {
                entries[target] -= 1
                if entries[target] == 0 { open.append(target) }
            }
        }
        if sorted < nodes.count { note(.live, "the way leads back to where it was", nodes[0]) }
    }

    /// Whether what is held, all of it answered, is enough: written down without the machine.
    private var canReset: Bool {
        guard let standing = facts[0].standing else { return false }
        let rule = facts[0].document.reset[0], two = one.isAdministrator || rule.gates == 2
        func serves(_ credential: Credential, _ capability: Capability, first: Bool) -> Bool {
            let isThere = credential.state == .active || credential.state == .unconfirmed
            guard isThere, credential.serves.contains(.reset), !credential.inOwnMailDomain else { return false }
            guard credential.addedAt <= noon - .hours(24) else { return false }
            switch capability {
            case .recoveryCode: return two && rule.options.contains(.recoveryCode)
            case .alternateCall: return rule.allow.contains(capability) && rule.options.contains(.alternatePhone)
            // Push has no code to type before the first proof, and questions come second.
            case .appNotification: return two && !first && rule.allow.contains(capability)
            case .securityQuestions: return two && !first && !one.isAdministrator && rule.allow.contains(capability)
            default: return rule.allow.contains(capability)
            }
        }
        func gates(first: Bool) -> [Credential] {
            standing.credentials.filter { one in one.capabilities.contains { serves(one, $0, first: first) } }
        }
        let firsts = gates(first: true)
        guard two else { return !firsts.isEmpty }
        return firsts.contains { first in
            gates(first: false).contains { $0.traits.group != first.traits.group && $0.channel != first.channel }
        }
    }
}
