/// Why a decision came out as it did. The person's "Why am I being asked?" and the administrator's trace print the
/// same values.
public enum Reason: Hashable, Sendable {
    /// A rule asks for a second step at sign-in, and nothing counts yet.
    case secondStepMissing(rules: [String])
    /// An administrator always needs a second step.
    case administrator
    /// The account itself is set to need a second step.
    case personalSetting
    /// A rule asks for proofs before a new password can be chosen.
    case proofsMissing(rules: [String], gates: Int, have: Int)
    /// One method meets both.
    case servesBoth(MethodKind)
    /// A credential is there but does not count for a purpose, and why.
    case doesNotCount(CredentialID, MethodKind, Purpose, NotCounting)
    /// A credential counts.
    case counts(CredentialID, MethodKind, Purpose)
    /// Nothing that policy allows could meet a requirement.
    case impossible(Purpose)
}

/// Why a credential does not count for a purpose.
public enum NotCounting: Hashable, Sendable {
    case notAllowed(since: Moment?)
    case cannotServe
    case unconfirmed, suspended
    case ownMailDomain
    case registeredForOtherFeature
    case needsTwoGates
    case notForAdministrators
    /// The kind of authenticator that holds a passkey is not one that policy allows.
    case authenticatorNotAllowed
    /// A set of answers that was enough once.
    case setTooSmall
}

extension Standing {
    /// Why the unmet requirements are what they are.
    public func reasons(for requirements: Requirements, outcome: PlanOutcome) -> [Reason] {
        var reasons: [Reason] = []
        if requirements.mfa {
            if !policy.mfaRules.isEmpty {
                reasons.append(.secondStepMissing(rules: policy.mfaRules))
            } else if person.isAdministrator {
                reasons.append(.administrator)
            } else if person.mfaState != .disabled {
                reasons.append(.personalSetting)
            } else {
                reasons.append(.secondStepMissing(rules: policy.registrationRules))
            }
            if outcome.mfaImpossible { reasons.append(.impossible(.signIn)) }
        }
        if requirements.reset > 0 {
            reasons.append(.proofsMissing(rules: policy.resetRules, gates: policy.resetGates, have: resetGroups.count))
            if outcome.resetImpossible { reasons.append(.impossible(.reset)) }
        }
        if requirements.mfa, requirements.reset > 0, let both = outcome.plan.items.first(where: servesBoth) {
            reasons.append(.servesBoth(both.method))
        }
        for credential in credentials where credential.traits.counted && requirements.mfa {
            if let why = whyNotCounting(credential, for: .signIn) {
                reasons.append(.doesNotCount(credential.id, credential.method, .signIn, why))
            }
        }
        return reasons
    }

    /// Whether a step of a plan serves sign-in and reset at once.
    public func servesBoth(_ item: PlanItem) -> Bool { serves(item, .signIn) && serves(item, .reset) }

    /// Whether a step of a plan serves a purpose.
    public func serves(_ item: PlanItem, _ purpose: Purpose) -> Bool {
        MethodRegistry.traits(of: item.method).capabilities.contains { policyAllows($0.capability, for: purpose) }
    }

    /// Why a credential does not count for a purpose; nil when it does.
    public func whyNotCounting(_ credential: Credential, for purpose: Purpose) -> NotCounting? {
        guard !counts(credential, for: purpose) else { return nil }
        let lines = credential.capabilities.map { MethodRegistry.traits(of: $0) }
        guard lines.contains(where: { $0.service(for: purpose) == .counts }) else { return .cannotServe }
        switch credential.state {
        case .unconfirmed: return .unconfirmed
        case .suspended: return .suspended
        case .pending, .retired: return .cannotServe
        case .active: break
        }
        guard purpose == .change || credential.serves.contains(purpose) else { return .registeredForOtherFeature }
        if purpose == .reset, credential.inOwnMailDomain, !policy.ownMailDomainsCount { return .ownMailDomain }
        let allowed = purpose == .signIn ? policy.mfaAllowed : policy.resetAllowed
        guard !credential.capabilities.isDisjoint(with: allowed) else {
            return .notAllowed(since: credential.capabilities.compactMap { policy.removedAt[$0] }.max())
        }
        guard isAuthenticatorAllowed(credential) else { return .authenticatorNotAllowed }
        let conditions = lines.reduce(into: Set<ServiceCondition>()) { $0.formUnion($1.conditions[purpose] ?? []) }
        if conditions.contains(.notAdministrator), person.isAdministrator { return .notForAdministrators }
        if conditions.contains(.twoGates), policy.resetGates != 2 { return .needsTwoGates }
        if lines.contains(where: \.needsFullSet) { return .setTooSmall }
        return .notAllowed(since: nil)
    }
}
