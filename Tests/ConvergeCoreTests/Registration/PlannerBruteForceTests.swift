import ConvergeCore
import Testing

/// A plan searched in the dullest way: every subset of every kind, checked against the tables as they are written.
private struct BruteForce {
    /// Kind, what it can do, its group; strongest first. Nothing here is read from the product.
    static let kinds: [(kind: MethodKind, can: Set<Capability>, group: String)] = [
        (.passkey, [.passkey], "passkey"), (.convergeApp, [.appNotification, .appCode], "app"), (.totpApp, [.appCode], "app"),
        (.mobilePhone, [.text, .call], "phone"), (.officePhone, [.officeCall], "office"), (.email, [.emailCode], "email"),
        (.securityQuestions, [.securityQuestions], "questions"),
    ]
    static let can: [MethodKind: Set<Capability>] = Dictionary(uniqueKeysWithValues: kinds.map { ($0.kind, $0.can) })
    static let groups: [MethodKind: String] = Dictionary(uniqueKeysWithValues: kinds.map { ($0.kind, $0.group) })
    static let signIn: Set<Capability> = [.passkey, .appNotification, .appCode, .text, .call, .officeCall]

    let scene: Scene
    let wantsMFA: Bool
    let wantsReset: Bool

    var admin: Bool { !scene.person.roles.isEmpty }
    var rule: ResetRule { scene.document.reset[0] }
    var gates: Int { admin ? 2 : rule.gates }
    var inScope: Bool { scene.person.kind == .member || rule.includeGuests }

    func signsIn(_ can: Set<Capability>) -> Bool { !can.intersection(Self.signIn).isDisjoint(with: scene.document.mfa[0].allow) }

    func resets(_ can: Set<Capability>) -> Bool {
        inScope
            && can.intersection(rule.allow).contains { capability in
                switch capability {
                case .appNotification: gates == 2
                case .securityQuestions: gates == 2 && !admin
                case .passkey: rule.options.contains(.passkey)
                case .appCode, .text, .call, .officeCall, .emailCode: true
                default: false
                }
            }
    }

    /// Group and channel of everything that is registered and counts.
    var heldGates: [(group: String, channel: String)] {
        scene.credentials.filter {
            $0.state == .active && $0.serves.contains(.reset) && resets($0.capabilities)
                && (!$0.inOwnMailDomain || rule.ownMailDomainsCount)
        }.map { (Self.groups[$0.method]!, $0.channel) }
    }

    var hasMFA: Bool { scene.credentials.contains { $0.state == .active && $0.serves.contains(.signIn) && signsIn($0.capabilities) } }

    func canMFA(_ subset: [MethodKind]) -> Bool { hasMFA || subset.contains { kind in signsIn(abilities(kind)) } }

    /// A group that counts already is not registered again for the sake of a reset.
    func canReset(_ subset: [MethodKind]) -> Bool {
        let held = heldGates
        let all =
            held
            + subset.filter { kind in resets(abilities(kind)) && !held.contains { $0.group == Self.groups[kind]! } }
            .map { (Self.groups[$0]!, channel($0)) }
        let first = all.filter { $0.group != "questions" }
        if gates == 1 { return !first.isEmpty }
        return first.contains { one in all.contains { $0.group != one.group && $0.channel != one.channel } }
    }

    func abilities(_ kind: MethodKind) -> Set<Capability> { Self.can[kind]! }

    /// A number of the directory is what it is; everything else may be registered with a channel of its own.
    func channel(_ kind: MethodKind) -> String {
        scene.credentials.first { kind == .officePhone && $0.method == kind && $0.state == .unconfirmed }?.channel ?? "new \(kind)"
    }

    var available: [MethodKind] {
        Self.kinds.map(\.kind).filter { kind in
            kind != .officePhone || scene.person.hasDirectoryOfficePhone
                || scene.credentials.contains { $0.method == .officePhone && $0.state == .unconfirmed }
        }
    }

    var needsMFA: Bool { wantsMFA && !hasMFA }
    var needsReset: Bool { wantsReset && inScope && !canReset([]) }
    var mfaImpossible: Bool { needsMFA && !canMFA(available) }
    var resetImpossible: Bool { needsReset && !canReset(available) }
    var appKind: MethodKind {
        let push =
            (wantsMFA && scene.document.mfa[0].allow.contains(.appNotification))
            || (needsReset && gates == 2 && rule.allow.contains(.appNotification))
        return push ? .convergeApp : .totpApp
    }

    /// What is missing and can be met.
    var goal: (mfa: Bool, reset: Bool) { (needsMFA && !mfaImpossible, needsReset && !resetImpossible) }

    func meets(_ subset: [MethodKind], _ goal: (mfa: Bool, reset: Bool)) -> Bool {
        (!goal.mfa || canMFA(subset)) && (!goal.reset || canReset(subset))
    }

    /// Every smallest subset that meets whatever can be met.
    func smallest() -> [[MethodKind]] {
        let available = available
        let all = (0..<(1 << available.count)).map { bits in available.indices.filter { bits & (1 << $0) != 0 }.map { available[$0] } }
        let needed = goal
        let fitting = all.filter { meets($0, needed) }
        let size = fitting.map(\.count).min() ?? 0
        return fitting.filter { $0.count == size }
    }

    /// The strongest of the smallest, first serving sign-in where that is missing.
    func best(_ smallest: [[MethodKind]]) -> [MethodKind]? {
        let other: MethodKind = appKind == .totpApp ? .convergeApp : .totpApp
        let rank = Dictionary(uniqueKeysWithValues: Self.kinds.enumerated().map { ($1.kind, $0) })
        return smallest.filter { !$0.contains(other) }.map { subset in
            guard needsMFA, !mfaImpossible, let first = subset.firstIndex(where: { signsIn(abilities($0)) }) else { return subset }
            return [subset[first]] + subset[..<first] + subset[(first + 1)...]
        }.min { $0.map { rank[$0]! }.lexicographicallyPrecedes($1.map { rank[$0]! }) }
    }
}

@Suite("Plans against brute force")
struct PlannerBruteForceTests {
    static let allowable: [Capability] = [.appNotification, .appCode, .text, .call, .officeCall, .emailCode, .securityQuestions, .passkey]

    private func randomScene(_ random: inout Repeatable) -> Scene {
        func some(_ chance: Int) -> Bool { Int.random(in: 0..<100, using: &random) < chance }
        func subset(_ chance: Int) -> Set<Capability> { Set(Self.allowable.filter { _ in some(chance) }) }
        let person = [Cast.ada, Cast.ada, Cast.ada, Cast.ben, Cast.cleo, Cast.dora].randomElement(using: &random)!
        var credentials: [Credential] = []
        for (kind, _, _) in BruteForce.kinds where some(30) {
            credentials.append(
                credential(kind) { made in
                    made.state = some(55) ? .active : some(75) ? .unconfirmed : .suspended
                    if made.state == .unconfirmed { made.source = .directory }
                    if kind == .mobilePhone, some(30) { made.capabilities = [.call] }
                    if [.mobilePhone, .officePhone].contains(kind), some(60) { made.channel = "the same line" }
                    if kind == .email, some(30) { made.inOwnMailDomain = true }
                    if some(15) { made.serves = [some(50) ? .signIn : .reset] }
                })
        }
        let document = policy(mfa: subset(35), reset: subset(40), gates: Int.random(in: 1...2, using: &random)) {
            $0.reset[0].includeGuests = some(50)
            $0.reset[0].ownMailDomainsCount = some(30)
            if some(20) { $0.reset[0].options = [.passkey] }
        }
        return Scene(person, credentials, document)
    }

    /// The facts after a method was registered, or a credential confirmed.
    private func registering(_ item: PlanItem, in scene: Scene) -> Scene {
        var scene = scene
        if let known = scene.credentials.firstIndex(where: { $0.id == item.confirms }) {
            scene.credentials[known].state = .active
            scene.credentials[known].serves = [.signIn, .reset]
        } else {
            scene.credentials.append(credential(item.method, "registered \(scene.credentials.count)"))
        }
        return scene
    }

    @Test func `size, feasibility, order and alternatives are those of the dull search`() {
        var random = Repeatable(seed: 20_260_601), sizes: [Int: Int] = [:], confirming = 0, choices = 0
        for number in 0..<4_000 {
            let scene = randomScene(&random)
            let wantsMFA = Bool.random(using: &random) || Bool.random(using: &random), wantsReset = Bool.random(using: &random) || !wantsMFA
            let brute = BruteForce(scene: scene, wantsMFA: wantsMFA, wantsReset: wantsReset)
            let requirements = scene.standing.requirements(mfaWanted: wantsMFA, resetWanted: wantsReset)
            let planner = Planner(scene.standing), found = planner.plan(requirements), kinds = found.plan.items.map(\.method)
            let smallest = brute.smallest(), goal = brute.goal
            let told: Comment = "case \(number): \(scene.document.mfa[0].allow) / \(scene.document.reset[0].allow)"

            #expect(requirements.mfa == brute.needsMFA && (requirements.reset > 0) == brute.needsReset, told)
            #expect(found.mfaImpossible == brute.mfaImpossible && found.resetImpossible == brute.resetImpossible, told)
            #expect(brute.meets(kinds, goal), told)
            #expect(kinds.count == smallest[0].count, told)
            if brute.needsMFA, !brute.mfaImpossible { #expect(brute.signsIn(brute.abilities(kinds[0])), told) }
            if scene.credentials.allSatisfy({ $0.state != .unconfirmed }) {
                #expect(kinds == brute.best(smallest), told)
            } else if found.plan.items.contains(where: { $0.confirms != nil }) {
                confirming += 1
            }
            let other: MethodKind = brute.appKind == .totpApp ? .convergeApp : .totpApp
            #expect(!kinds.contains(other), told)
            for slot in kinds.indices {
                let fitting = brute.available.filter { kind in
                    var changed = kinds
                    changed[slot] = kind
                    return !kinds.contains(kind) && kind != other && brute.meets(changed, goal)
                }
                #expect(found.plan.alternatives[slot].map(\.method) == fitting, told)
                for item in found.plan.alternatives[slot] {
                    choices += 1
                    let rest = kinds.indices.filter { $0 != slot }.map { kinds[$0] }
                    let chosen = planner.plan(requirements, chosen: [item.method] + rest).plan
                    #expect(Set(chosen.items.map(\.method)) == Set(rest + [item.method]), told)
                }
            }
            sizes[kinds.count, default: 0] += 1
        }
        print(
            "plans by size:", sizes.sorted { $0.key < $1.key }.map { "\($0.key): \($0.value)" }.joined(separator: ", "),
            "· confirming: \(confirming) · choices: \(choices)")
        #expect(sizes[0, default: 0] < 3_000 && sizes[1, default: 0] > 300 && sizes[2, default: 0] > 300 && sizes[3, default: 0] > 5)
        #expect(confirming > 50 && choices > 500)
    }

    @Test func `whatever is chosen on the way, every step registered shortens the plan by one`() {
        var random = Repeatable(seed: 7), longest = 0, safer = 0
        for number in 0..<2_000 {
            var scene = randomScene(&random), chosen: [MethodKind] = [], done: [MethodKind] = []
            for _ in 0..<12 {
                func plan() -> Plan {
                    Planner(scene.standing).plan(scene.standing.requirements(mfaWanted: true, resetWanted: true), chosen: chosen).plan
                }
                for _ in 0..<Int.random(in: 0...2, using: &random) {
                    let now = plan()
                    guard let item = ((now.alternatives.first ?? []) + now.saferButLonger).randomElement(using: &random) else { continue }
                    let longer = now.saferButLonger.contains(item)
                    chosen = [item.method] + (longer ? now.items[...] : now.items.dropFirst()).map(\.method)
                    let changed = plan()
                    #expect(changed.items.contains(item), "case \(number)")
                    #expect(changed.items.count <= now.items.count + (longer ? 1 : 0), "case \(number)")
                    if longer { safer += 1 }
                }
                let now = plan()
                guard let first = now.items.first else { break }
                #expect(!done.contains(first.method), "case \(number): \(first.method) again")
                done.append(first.method)
                scene = registering(first, in: scene)
                #expect(plan().items.count == now.items.count - 1, "case \(number)")
            }
            longest = max(longest, done.count)
        }
        #expect(longest >= 3 && safer > 5)
    }
}
