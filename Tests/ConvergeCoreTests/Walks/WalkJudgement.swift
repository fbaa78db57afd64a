@testable import ConvergeCore

/// What the three walks hold a state, and all states together, to.
extension SignInWalk {
    // MARK: judging one state

    func note(_ kind: WalkKind, _ what: String, _ node: Int) {
        guard broken.count < 3 else { return }
        var way: [Substring] = [], at = node
        while at != 0 {
            way.insert(nodes[at].how, at: 0)
            at = nodes[at].from
        }
        let shown = way.count > 12 ? ["…"] + way.suffix(12) : way
        broken.append((kind, "\(what); page: \(nodes[node].page.name); way: \(shown.joined(separator: " → "))"))
    }

    func judge(_ index: Int) {
        let node = nodes[index], tables = worlds[node.world].tables
        judgeAccount(node, tables.facts.person, index)
        judgeEnd(node, tables, index)
        judgeWizard(node, tables, index)
        judgeFairness(node, tables, index)
    }

    /// Safe: whoever was blocked, or whose sessions were ended, is out in the middle of it.
    private func judgeAccount(_ node: Node, _ person: Person, _ index: Int) {
        let isOut = node.page == .blocked || node.page == .outdated
        if isOut != (person.state != .enabled || node.state.epoch != person.sessionEpoch) {
            note(.safe, "whether the account may be used makes no difference", index)
        }
    }

    /// Safe: the session is what it says, and no session without a second step where one is demanded.
    private func judgeEnd(_ node: Node, _ tables: WalkTables, _ index: Int) {
        switch node.page {
        case .done(let grant):
            if tables.demanded, !grant.hasMFA { note(.safe, "a second step is demanded and none was proven", index) }
            if grant.hasMFA, !tables.isProven(node.state) { note(.safe, "an MFA session without a proof", index) }
            if grant.amr.contains("mfa") != (grant.hasMFA && node.state.firstFactor != .accessPass) {
                note(.safe, "the session does not tell the truth", index)
            }
            if grant.rememberDays > 0, !tables.isProven(node.state) || !tables.facts.person.roles.isEmpty {
                note(.safe, "the browser is remembered for nothing", index)
            }
            let hasPass = node.state.proofs.contains { $0.use.capability == .temporaryAccessPass }
            if hasPass, grant.endsAt == nil { note(.safe, "the session outlives its pass", index) }
        case .changePassword:
            if tables.demanded, !tables.isProven(node.state) { note(.safe, "the password is changed before the proof", index) }
        default: break
        }
    }

    /// Safe: the wizard and the review open behind a proof, over a bridge, or for a first registration.
    private func judgeWizard(_ node: Node, _ tables: WalkTables, _ index: Int) {
        guard node.page.altersSecurityInfo else { return }
        if !tables.isProven(node.state), !tables.isBridged(node.state), !tables.isRegistering(node.state) {
            note(.safe, "security info opens for nobody", index)
        }
    }

    /// Safe: the first registration opens for whoever never held anything, where the organisation's guard is met.
    func judgeDoor(_ index: Int, _ before: SignInState) {
        let tables = worlds[nodes[index].world].tables
        if tables.facts.person.firstHeldAt != nil { note(.safe, "a first registration of somebody who held something", index) }
        if !tables.isGuardMet(before) { note(.safe, "a first registration without its guard", index) }
    }

    /// Fair: a dead end, and a page without "Not now", only where a second step is demanded. Live: a dead end tells the truth.
    private func judgeFairness(_ node: Node, _ tables: WalkTables, _ index: Int) {
        switch node.page {
        case .deadEnd(let end):
            if !tables.demanded { note(.fair, "a dead end where no second step is demanded", index) }
            if !tables.isTrue(end, node.state) { note(.live, "the dead end does not say what is wrong", index) }
        case .unreachable:
            if !tables.demanded { note(.fair, "a dead end where no second step is demanded", index) }
            if !tables.isUnreachable { note(.live, "something could be reached", index) }
        case .challenge(_, _, .none), .bridge(_, .none), .directoryProof(_, .none):
            if !tables.demanded { note(.fair, "a proof without \"Not now\"", index) }
        case .campaign(_, _, .none):
            if !tables.demanded { note(.fair, "a campaign without \"Not now\"", index) }
        case .moreInformation(_, .none), .choose(_, _, _, .none), .register(_, _, _, _, .none):
            if !tables.demanded, !tables.areSkipsUsedUp { note(.fair, "a wizard without \"Not now\"", index) }
        default: break
        }
    }

    // MARK: judging the whole

    func judgeTheWhole() {
        let reached = reachedByPassword()
        byPassword = reached.count { $0 }
        var ways = [Int](repeating: 0, count: nodes.count), own = ways, entries = ways
        for edge in edges where edge.isForward {
            ways[edge.from] += 1
            entries[edge.to] += 1
            if edge.byPassword { own[edge.from] += 1 }
        }
        for index in nodes.indices {
            if ways[index] == 0, !nodes[index].page.isEnd { note(.live, "no way on", index) }
            if reached[index] { judgePassword(index, hasWay: own[index] > 0) }
        }
        judgeOrder(&entries)
    }

    private func reachedByPassword() -> [Bool] {
        var reached = [Bool](repeating: false, count: nodes.count)
        guard nodes[0].state.firstFactor == .password else { return reached }
        reached[0] = true
        // An edge leads to a later node but where nodes merge: repeat until nothing is new.
        var isNew = true
        while isNew {
            isNew = false
            for edge in edges where edge.byPassword && reached[edge.from] && !reached[edge.to] {
                reached[edge.to] = true
                isNew = true
            }
        }
        return reached
    }

    /// What somebody may have who came here with the password alone.
    private func judgePassword(_ index: Int, hasWay: Bool) {
        let node = nodes[index], world = worlds[node.world].world, tables = worlds[node.world].tables
        let hasOwnProof = node.state.proofs.contains { WalkWorld.isOwn($0.use) }
        if world.ownerHeld, !hasOwnProof {
            if node.page.altersSecurityInfo { note(.safe, "the password alone opens security info of its owner", index) }
            if case .done(let grant) = node.page, grant.hasMFA { note(.safe, "the password alone is an MFA session", index) }
        }
        if !tables.demanded, !hasWay, !node.page.isEndOfOwnAccord { note(.fair, "the password alone does not reach the end", index) }
    }

    /// No state twice: what leads on never leads back.
    private func judgeOrder(_ entries: inout [Int]) {
        var targets = [[Int]](repeating: [], count: nodes.count)
        for edge in edges where edge.isForward { targets[edge.from].append(edge.to) }
        var open = nodes.indices.filter { entries[$0] == 0 }, sorted = 0
        while let node = open.popLast() {
            sorted += 1
            for target in targets[node] {
                entries[target] -= 1
                if entries[target] == 0 { open.append(target) }
            }
        }
        guard sorted < nodes.count, let circle = nodes.indices.first(where: { entries[$0] > 0 }) else { return }
        note(.live, "the way leads back to where it was", circle)
    }
}
