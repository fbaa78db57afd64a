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
        let candidates = self.candidates(requirements, chosen)
        let mfaImpossible = requirements.mfa && !candidates.contains(where: \.servesSignIn)
        let resetImpossible = requirements.reset > 0 && !meets(candidates, Requirements(mfa: false, reset: requirements.reset))
        let goal = Requirements(
            mfa: requirements.mfa && !mfaImpossible, reset: resetImpossible ? 0 : requirements.reset,
            mfaWanted: requirements.mfaWanted)
        let wanted = chosen.compactMap { method in candidates.first { $0.item.method == method } }
        guard !goal.isEmpty, let best = smallest(candidates, goal, wanted) else {
            return PlanOutcome(plan: Plan(items: [], alternatives: []), mfaImpossible: mfaImpossible, resetImpossible: resetImpossible)
        }
        // A chosen method that is safer but costs one step more stays in the plan although it is no longer the smallest.
        let safer = saferButLonger(than: best, candidates, goal)
        let added = wanted.first(where: safer.contains)
        let items = added.map { ordered(best + [$0], goal) } ?? best
        return PlanOutcome(
            plan: Plan(
                items: items.map(\.item),
                alternatives: alternatives(of: items, size: best.count, candidates, goal).map { $0.map(\.item) },
                saferButLonger: safer.filter { $0 != added }.map(\.item)),
            mfaImpossible: mfaImpossible, resetImpossible: resetImpossible)
    }

    /// The app that does as well in a plan as the one proposed: a link inside the step, no alternative of the slot.
    public func otherApp(than kind: MethodKind) -> MethodKind? {
        guard kind == .convergeApp else { return nil }
        let proposed = candidate(ConvergeApp.traits, confirms: nil), other = candidate(TOTPApp.traits, confirms: nil)
        return (other.servesSignIn || !proposed.servesSignIn) && (other.gate != nil || proposed.gate == nil) ? .totpApp : nil
    }

    // MARK: candidates

    /// Something that the wizard could ask for, with what it would bring: looked up once, compared often.
    private struct Candidate: Equatable {
        let item: PlanItem
        let servesSignIn: Bool
        /// The gate that it adds for reset, or nil when it does not serve reset.
        let gate: GateKey?
        let rank: Int

        static func == (left: Self, right: Self) -> Bool { left.item == right.item }
    }

    /// Everything the wizard could ask for that would help with one of the requirements.
    private func candidates(_ requirements: Requirements, _ chosen: [MethodKind]) -> [Candidate] {
        let isOther = otherApp(than: .convergeApp).map(chosen.contains) ?? false
        let appKind: MethodKind = pushIsAllowed(requirements) && !isOther ? .convergeApp : .totpApp
        let otherApp: MethodKind = appKind == .convergeApp ? .totpApp : .convergeApp
        return MethodRegistry.all.compactMap { traits in
            guard traits.inWizard, traits.kind != otherApp else { return nil }
            let unconfirmed = standing.credentials.first { $0.method == traits.kind && $0.state == .unconfirmed }
            if traits.needsDirectoryValue, unconfirmed == nil, !standing.person.hasDirectoryOfficePhone { return nil }
            let fresh = candidate(traits, confirms: nil)
            let known = unconfirmed.map { candidate(traits, confirms: $0) }
            let best = known.flatMap { traits.needsDirectoryValue || isAsGood($0, as: fresh) ? $0 : nil } ?? fresh
            return helps(best, requirements) ? best : nil
        }
    }

    /// What is not registered yet is taken to travel over a channel of its own.
    private func candidate(_ traits: MethodTraits, confirms known: Credential?) -> Candidate {
        let capabilities = known.map { $0.capabilities.sorted() } ?? traits.capabilities.map(\.capability)
        let isElsewhere = known?.inOwnMailDomain != true || standing.policy.ownMailDomainsCount
        let servesReset = isElsewhere && capabilities.contains { standing.policyAllows($0, for: .reset) }
        return Candidate(
            item: PlanItem(traits.kind, confirms: known?.id),
            servesSignIn: capabilities.contains { standing.policyAllows($0, for: .signIn) },
            gate: servesReset ? traits.group.map { GateKey(group: $0, channel: known?.channel ?? "new:" + traits.kind.rawValue) } : nil,
            rank: traits.strength)
    }

    /// Confirming what the directory knows does whatever registering anew would do: not a landline where only texts
    /// count, not a mailbox of the organisation, not a number that is the person's other phone too.
    private func isAsGood(_ known: Candidate, as fresh: Candidate) -> Bool {
        let channel = known.item.confirms.flatMap { standing.credential($0) }?.channel
        return known.servesSignIn == fresh.servesSignIn && (known.gate == nil) == (fresh.gate == nil)
            && standing.credentials.count { $0.channel == channel } == 1
    }

    /// Whether registering it would bring anything that is missing: a group of gates that counts already does not.
    private func helps(_ candidate: Candidate, _ requirements: Requirements) -> Bool {
        if requirements.mfa, candidate.servesSignIn { return true }
        guard requirements.reset > 0, let gate = candidate.gate else { return false }
        return !countingGates.contains { $0.group == gate.group }
    }

    private func pushIsAllowed(_ requirements: Requirements) -> Bool {
        (requirements.mfaWanted && standing.policyAllows(.appNotification, for: .signIn))
            || (requirements.reset > 0 && standing.policyAllows(.appNotification, for: .reset))
    }

    // MARK: search

    private func meets(_ items: [Candidate], _ goal: Requirements) -> Bool {
        if goal.mfa, !items.contains(where: \.servesSignIn) { return false }
        guard goal.reset > 0 else { return true }
        return standing.usableGates(countingGates.union(items.compactMap(\.gate))) >= standing.policy.resetGates
    }

    private func smallest(_ candidates: [Candidate], _ goal: Requirements, _ wanted: [Candidate]) -> [Candidate]? {
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
    private func alternatives(
        of plan: [Candidate], size: Int, _ candidates: [Candidate], _ goal: Requirements
    ) -> [[Candidate]] {
        plan.indices.map { slot in
            candidates.filter { other in
                guard !plan.contains(other) else { return false }
                var changed = plan
                changed[slot] = other
                return changed.count == size
                    ? meets(changed, goal) : changed.contains { left in left != other && meets(changed.filter { $0 != left }, goal) }
            }.sorted { $0.rank < $1.rank }
        }
    }

    private func saferButLonger(than plan: [Candidate], _ candidates: [Candidate], _ goal: Requirements) -> [Candidate] {
        guard let first = plan.first else { return [] }
        let safer = candidates.filter { $0.rank < first.rank && $0.servesSignIn && !plan.contains($0) }
        guard !safer.isEmpty else { return [] }
        let reachable = alternatives(of: plan, size: plan.count, candidates, goal).flatMap { $0 }
        return safer.filter { !reachable.contains($0) && meets(plan + [$0], goal) }
    }

    /// First the strongest that serves sign-in when that is missing, then by strength.
    private func ordered(_ items: [Candidate], _ goal: Requirements) -> [Candidate] {
        let sorted = items.sorted { $0.rank < $1.rank }
        guard goal.mfa, let first = sorted.firstIndex(where: \.servesSignIn) else { return sorted }
        return [sorted[first]] + sorted[..<first] + sorted[(first + 1)...]
    }

    private func isBetter(_ left: [Candidate], _ right: [Candidate]) -> Bool {
        let confirmedLeft = left.count { $0.item.confirms != nil }, confirmedRight = right.count { $0.item.confirms != nil }
        if confirmedLeft != confirmedRight { return confirmedLeft > confirmedRight }
        return left.map(\.rank).lexicographicallyPrecedes(right.map(\.rank))
    }

    private func subsets(of items: [Candidate], size: Int) -> [[Candidate]] {
        guard size > 0 else { return [[]] }
        guard items.count >= size else { return [] }
        return items.indices.flatMap { index in
            subsets(of: Array(items[(index + 1)...]), size: size - 1).map { [items[index]] + $0 }
        }
    }
}
