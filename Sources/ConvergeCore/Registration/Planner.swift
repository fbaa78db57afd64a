/// One step of a plan.
public struct PlanItem: Hashable, Codable, Sendable {
    public let method: MethodKind
    /// The unconfirmed credential that the step confirms, instead of registering a new one.
    public let confirms: CredentialID?

    public init(_ method: MethodKind, confirms: CredentialID? = nil) {
        self.method = method
        self.confirms = confirms
    }
}

/// The smallest set of methods that meets all unmet requirements, in the order in which to register them.
public struct Plan: Hashable, Sendable {
    public var items: [PlanItem]
    /// For each item what could stand in its place with the rest kept, strongest first.
    public var alternatives: [[PlanItem]]
    /// Stronger methods that would cost one step more; shown on request, never proposed.
    public var saferButLonger: [PlanItem]

    public init(items: [PlanItem], alternatives: [[PlanItem]], saferButLonger: [PlanItem] = []) {
        self.items = items
        self.alternatives = alternatives
        self.saferButLonger = saferButLonger
    }

    /// Whether the person has any choice.
    public var hasChoice: Bool { alternatives.contains { !$0.isEmpty } || !saferButLonger.isEmpty }
}

/// What planning found. A requirement without a plan is named, never asked for.
public struct PlanOutcome: Hashable, Sendable {
    /// The plan for whatever can be met; empty when nothing is missing or nothing can be met.
    public var plan: Plan
    /// Nothing that policy allows could meet the sign-in requirement.
    public var mfaImpossible: Bool
    /// Everything that policy allows together could not meet the reset requirement.
    public var resetImpossible: Bool

    /// Nothing is missing.
    public static let nothingToPlan = PlanOutcome(
        plan: Plan(items: [], alternatives: []), mfaImpossible: false, resetImpossible: false)
}

/// Plans what is missing, `chosen` being what the person chose instead of the proposal.
public typealias Planning = (_ standing: Standing, _ requirements: Requirements, _ chosen: [MethodKind]) -> PlanOutcome

/// Plans registrations. Brute force over at most ten kinds of methods: small enough to be obviously right.
public struct Planner: Sendable {
    public let standing: Standing
    private let countingGates: Set<GateKey>

    public init(_ standing: Standing) {
        self.standing = standing
        countingGates = standing.countingGates
    }

    /// The planning of a sign-in.
    public static func plan(_ standing: Standing, _ requirements: Requirements, _ chosen: [MethodKind]) -> PlanOutcome {
        Planner(standing).plan(requirements, chosen: chosen)
    }

    /// The smallest plan; among equals the one with more confirmations of what is already known, then the strongest.
    ///
    /// - Parameter chosen: what the person chose instead of the proposal, the latest choice first; kept as far as it
    ///   still leads to a plan.
    public func plan(_ requirements: Requirements, chosen: [MethodKind] = []) -> PlanOutcome {
        guard !requirements.isEmpty else { return .nothingToPlan }
        let candidates = self.candidates(requirements)
        let mfaImpossible = requirements.mfa && !candidates.contains(where: servesSignIn)
        let resetImpossible = requirements.reset > 0 && !meets(candidates, Requirements(mfa: false, reset: requirements.reset))
        let goal = Requirements(
            mfa: requirements.mfa && !mfaImpossible, reset: resetImpossible ? 0 : requirements.reset,
            mfaWanted: requirements.mfaWanted)
        let wanted = chosen.compactMap { method in candidates.first { $0.method == method } }
        guard !goal.isEmpty, let best = smallest(candidates, goal, wanted) else {
            return PlanOutcome(plan: Plan(items: [], alternatives: []), mfaImpossible: mfaImpossible, resetImpossible: resetImpossible)
        }
        // A chosen method that is safer but costs one step more stays in the plan although it is no longer the smallest.
        let safer = saferButLonger(than: best, candidates, goal)
        let added = wanted.first(where: safer.contains)
        let items = added.map { ordered(best + [$0], goal) } ?? best
        return PlanOutcome(
            plan: Plan(
                items: items, alternatives: alternatives(of: items, size: best.count, candidates, goal),
                saferButLonger: safer.filter { $0 != added }),
            mfaImpossible: mfaImpossible, resetImpossible: resetImpossible)
    }

    /// The plan after the person put another method into a slot; the order is mended.
    public func replacing(_ slot: Int, with item: PlanItem, in plan: Plan, _ requirements: Requirements) -> [MethodKind] {
        var items = plan.items
        if items.indices.contains(slot) { items[slot] = item }
        return ordered(items, requirements).map(\.method)
    }

    // MARK: candidates

    /// Everything the wizard could ask for that would help with one of the requirements.
    func candidates(_ requirements: Requirements) -> [PlanItem] {
        let appKind: MethodKind = pushIsAllowed(requirements) ? .convergeApp : .totpApp
        let otherApp: MethodKind = appKind == .convergeApp ? .totpApp : .convergeApp
        return MethodRegistry.all.compactMap { traits in
            guard traits.inWizard, traits.kind != otherApp else { return nil }
            let unconfirmed = standing.credentials.first { $0.method == traits.kind && $0.state == .unconfirmed }
            if traits.needsDirectoryValue, unconfirmed == nil, !standing.person.hasDirectoryOfficePhone { return nil }
            let fresh = PlanItem(traits.kind)
            let known = unconfirmed.map { PlanItem(traits.kind, confirms: $0.id) }
            let item = known.flatMap { traits.needsDirectoryValue || isAsGood($0, as: fresh) ? $0 : nil } ?? fresh
            return helps(item, requirements) ? item : nil
        }
    }

    /// Confirming what the directory knows does whatever registering anew would do: not a landline where only texts
    /// count, not a mailbox of the organisation, not a number that is the person's other phone too.
    private func isAsGood(_ known: PlanItem, as fresh: PlanItem) -> Bool {
        let channel = known.confirms.flatMap { standing.credential($0) }?.channel
        return servesSignIn(known) == servesSignIn(fresh) && (resetGate(known) == nil) == (resetGate(fresh) == nil)
            && standing.credentials.count { $0.channel == channel } == 1
    }

    /// Whether registering it would bring anything that is missing: a group of gates that counts already does not.
    private func helps(_ item: PlanItem, _ requirements: Requirements) -> Bool {
        if requirements.mfa, servesSignIn(item) { return true }
        guard requirements.reset > 0, let gate = resetGate(item) else { return false }
        return !countingGates.contains { $0.group == gate.group }
    }

    private func pushIsAllowed(_ requirements: Requirements) -> Bool {
        (requirements.mfaWanted && standing.policyAllows(.appNotification, for: .signIn))
            || (requirements.reset > 0 && standing.policyAllows(.appNotification, for: .reset))
    }

    private func servesSignIn(_ item: PlanItem) -> Bool {
        capabilities(of: item).contains { standing.policyAllows($0, for: .signIn) }
    }

    /// The gate that an item adds for reset, or nil when it does not serve reset. What is not registered yet is taken to
    /// travel over a channel of its own.
    private func resetGate(_ item: PlanItem) -> GateKey? {
        let known = item.confirms.flatMap { standing.credential($0) }
        guard known?.inOwnMailDomain != true || standing.policy.ownMailDomainsCount else { return nil }
        guard capabilities(of: item).contains(where: { standing.policyAllows($0, for: .reset) }) else { return nil }
        return MethodRegistry.traits(of: item.method).group.map {
            GateKey(group: $0, channel: known?.channel ?? "new:" + item.method.rawValue)
        }
    }

    private func capabilities(of item: PlanItem) -> [Capability] {
        if let known = item.confirms.flatMap({ standing.credential($0) }) { return known.capabilities.sorted() }
        return MethodRegistry.traits(of: item.method).capabilities.map(\.capability)
    }

    // MARK: search

    private func meets(_ items: [PlanItem], _ goal: Requirements) -> Bool {
        if goal.mfa, !items.contains(where: servesSignIn) { return false }
        guard goal.reset > 0 else { return true }
        return standing.usableGates(countingGates.union(items.compactMap(resetGate))) >= standing.policy.resetGates
    }

    private func smallest(_ candidates: [PlanItem], _ goal: Requirements, _ wanted: [PlanItem]) -> [PlanItem]? {
        for size in 1...Swift.max(1, candidates.count) {
            let fitting = subsets(of: candidates, size: size).filter { meets($0, goal) }
            guard !fitting.isEmpty else { continue }
            // A choice is kept as far as it goes: most chosen methods first, the latest choice before others, before strength.
            return fitting.map { ordered($0, goal) }.min { left, right in
                let keptLeft = wanted.map(left.contains), keptRight = wanted.map(right.contains)
                let countLeft = keptLeft.count { $0 }, countRight = keptRight.count { $0 }
                if countLeft != countRight { return countLeft > countRight }
                if let differ = wanted.indices.first(where: { keptLeft[$0] != keptRight[$0] }) { return keptLeft[differ] }
                return isBetter(left, right)
            }
        }
        return nil
    }

    /// What could stand in a slot: with the rest kept, or, in a plan that a safer method made longer, with one of the
    /// rest left out again.
    private func alternatives(of plan: [PlanItem], size: Int, _ candidates: [PlanItem], _ goal: Requirements) -> [[PlanItem]] {
        plan.indices.map { slot in
            candidates.filter { other in
                guard !plan.contains(other) else { return false }
                var changed = plan
                changed[slot] = other
                return changed.count == size
                    ? meets(changed, goal) : changed.contains { left in left != other && meets(changed.filter { $0 != left }, goal) }
            }.sorted { rank($0) < rank($1) }
        }
    }

    private func saferButLonger(than plan: [PlanItem], _ candidates: [PlanItem], _ goal: Requirements) -> [PlanItem] {
        guard let first = plan.first else { return [] }
        let reachable = alternatives(of: plan, size: plan.count, candidates, goal).flatMap { $0 }
        return candidates.filter { other in
            rank(other) < rank(first) && !plan.contains(other) && !reachable.contains(other)
                && servesSignIn(other) && meets(plan + [other], goal)
        }
    }

    /// First the strongest that serves sign-in when that is missing, then by strength.
    private func ordered(_ items: [PlanItem], _ goal: Requirements) -> [PlanItem] {
        let sorted = items.sorted { rank($0) < rank($1) }
        guard goal.mfa, let first = sorted.firstIndex(where: servesSignIn) else { return sorted }
        return [sorted[first]] + sorted[..<first] + sorted[(first + 1)...]
    }

    private func isBetter(_ left: [PlanItem], _ right: [PlanItem]) -> Bool {
        let confirmedLeft = left.filter { $0.confirms != nil }.count, confirmedRight = right.filter { $0.confirms != nil }.count
        if confirmedLeft != confirmedRight { return confirmedLeft > confirmedRight }
        return left.map(rank).lexicographicallyPrecedes(right.map(rank))
    }

    private func rank(_ item: PlanItem) -> Int { MethodRegistry.traits(of: item.method).strength }

    private func subsets(of items: [PlanItem], size: Int) -> [[PlanItem]] {
        guard size > 0 else { return [[]] }
        guard items.count >= size else { return [] }
        return items.indices.flatMap { index in
            subsets(of: Array(items[(index + 1)...]), size: size - 1).map { [items[index]] + $0 }
        }
    }
}
