/// One passed gate of a reset.
public struct PassedGate: Hashable, Codable, Sendable {
    public let group: GateGroup
    /// What the proof travelled over; two gates differ in group *and* in channel.
    public let channel: String
    public let use: CredentialUse

    public init(group: GateGroup, channel: String, use: CredentialUse) {
        self.group = group
        self.channel = channel
        self.use = use
    }
}

/// The gates of a reset.
public enum Gates {
    /// What a page may list before the first proof: the policy's kinds, the same for every name.
    ///
    /// Taken over all rules together, so that neither the name nor the groups of a person can be told from the page.
    public static func kindsBeforeProof(_ document: PolicyDocument) -> [Capability] {
        let rules = document.reset.filter { $0.scope.extent != .none }
        let allowed = rules.reduce(into: Set<Capability>()) { $0.formUnion($1.allow.subtracting($1.exclude)) }
        let options = rules.reduce(into: Set<ResetOption>()) { $0.formUnion($1.options) }
        return allowed.filter { capability in
            let traits = MethodRegistry.traits(of: capability)
            return traits.reset != .never && capability != .appNotification
                && (traits.conditions[.reset] ?? []).allSatisfy { condition in
                    switch condition {
                    case .secondGateOnly: false
                    case .resetSetting(let option): options.contains(option)
                    default: true
                    }
                }
        }.sorted()
    }

    /// How many proofs the page speaks of before the first: the most that any rule asks for, the same for every name.
    public static func countBeforeProof(_ document: PolicyDocument) -> Int {
        document.reset.filter { $0.scope.extent != .none }.map(\.gates).max() ?? 1
    }

    /// What may be the next gate: offered for reset, independent of every gate passed, old enough.
    public static func next(
        standing: Standing, passed: [PassedGate], reach: Reachability, now: Moment
    ) -> [CredentialUse] {
        standing.offered(for: .reset, reach: reach, now: now).filter { use in
            guard let credential = standing.credential(use.credential), let group = credential.traits.group else { return false }
            let traits = MethodRegistry.traits(of: use.capability)
            if passed.isEmpty, traits.conditions[.reset]?.contains(.secondGateOnly) == true { return false }
            return isOldEnough(credential, standing.policy, now)
                && passed.allSatisfy { $0.group != group && $0.channel != credential.channel }
        }
    }

    /// Whether a credential has the minimum age, or comes from the person's first completed wizard.
    public static func isOldEnough(_ credential: Credential, _ policy: ResolvedPolicy, _ now: Moment) -> Bool {
        // Of several that were added in one millisecond the later ones are dated a little later: no age is no age for them either.
        credential.fromFirstWizard || credential.source != .person || policy.minimumAgeHours == 0
            || now >= credential.addedAt + .hours(policy.minimumAgeHours)
    }

    /// Credentials that would be a further gate but are too young, with the moment from which they will be.
    public static func tooYoung(
        standing: Standing, passed: [PassedGate] = [], now: Moment
    ) -> [(credential: Credential, from: Moment)] {
        standing.credentials.filter { credential in
            standing.counts(credential, for: .reset) && !isOldEnough(credential, standing.policy, now)
                && passed.allSatisfy { $0.group != credential.traits.group && $0.channel != credential.channel }
        }.map { ($0, $0.addedAt + .hours(standing.policy.minimumAgeHours)) }
    }
}
