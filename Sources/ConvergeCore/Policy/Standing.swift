/// Why something cannot be reached right now. Never a reason to call it unregistered.
public enum Unreachable: String, Codable, Sendable, Hashable {
    /// The budget of tries or of sends is spent.
    case budget
    /// The gateway that would carry the code is down.
    case gateway
    /// The number's country is not open for texts or calls.
    case country
    /// This browser cannot do it.
    case browser
}

/// What the world says about reaching a person now: the only place where clocks, budgets and outages enter.
public struct Reachability: Hashable, Sendable {
    /// One use that cannot be reached, and until when.
    public struct Gap: Hashable, Sendable {
        public let why: Unreachable
        public let until: Moment?

        public init(_ why: Unreachable, until: Moment? = nil) {
            self.why = why
            self.until = until
        }
    }

    public var gaps: [CredentialUse: Gap]

    public init(gaps: [CredentialUse: Gap] = [:]) {
        self.gaps = gaps
    }

    /// Everything can be reached.
    public static let open = Reachability()

    /// Everything can be reached that this release can verify: a phone may take calls that nobody makes yet.
    public static func ofThisRelease(_ credentials: [Credential]) -> Reachability {
        let uses = credentials.flatMap { credential in
            credential.capabilities.filter { !MethodRegistry.implementedCapabilities.contains($0) }.map { credential.use($0) }
        }
        return Reachability(gaps: Dictionary(uniqueKeysWithValues: uses.map { ($0, Gap(.gateway)) }))
    }
}

/// What one person may use now, for which purpose: the question that every page, plan, report and explanation asks.
///
/// The five predicates of the decision tables live here and nowhere else. *Registered*, *held* and *counts* look at
/// no clock, no budget and no outage; *offered* does; *proven* is kept by the session.
public struct Standing: Sendable {
    public let person: Person
    public let credentials: [Credential]
    public let policy: ResolvedPolicy

    public init(person: Person, credentials: [Credential], policy: ResolvedPolicy) {
        self.person = person
        self.credentials = credentials
        self.policy = policy
    }

    /// The credential with this id.
    public func credential(_ id: CredentialID) -> Credential? { credentials.first { $0.id == id } }

    /// Verified by the person or entered by an administrator; not suspended, retired or deleted.
    public func isRegistered(_ credential: Credential) -> Bool { credential.state == .active }

    /// Registered and of a kind that can prove, whatever policy says.
    public func isHeld(_ credential: Credential) -> Bool { isRegistered(credential) && credential.traits.canProve }

    /// Whether a use counts: registered, and allowed for this person and purpose by policy.
    public func counts(_ credential: Credential, _ capability: Capability, for purpose: Purpose) -> Bool {
        isRegistered(credential) && service(of: credential, capability, for: purpose) == .counts
    }

    /// Whether any use of a credential counts.
    public func counts(_ credential: Credential, for purpose: Purpose) -> Bool {
        credential.capabilities.contains { counts(credential, $0, for: purpose) }
    }

    /// Every use that counts for a purpose, credentials in the order in which they were added.
    public func counting(for purpose: Purpose) -> [CredentialUse] {
        credentials.flatMap { credential in
            credential.capabilities.sorted().filter { counts(credential, $0, for: purpose) }.map { credential.use($0) }
        }
    }

    /// Whether anything counts for sign-in.
    public var anythingCountsForSignIn: Bool { credentials.contains { counts($0, for: .signIn) } }

    /// The groups of gates that count for a reset.
    public var resetGroups: Set<GateGroup> {
        Set(credentials.filter { counts($0, for: .reset) }.compactMap(\.traits.group))
    }

    /// Whether a use may be shown on a page now.
    public func isOffered(
        _ credential: Credential, _ capability: Capability, for purpose: Purpose, reach: Reachability, now: Moment
    ) -> Bool {
        guard credential.isUsable(at: now), reach.gaps[credential.use(capability)] == nil else { return false }
        let unconfirmed =
            credential.state == .unconfirmed && purpose == .reset && MethodRegistry.traits(of: capability).offeredUnconfirmed
        guard isRegistered(credential) || unconfirmed else { return false }
        return service(of: credential, capability, for: purpose) != .never
    }

    /// Every use that may be shown for a purpose now.
    public func offered(for purpose: Purpose, reach: Reachability, now: Moment) -> [CredentialUse] {
        credentials.flatMap { credential in
            credential.capabilities.sorted()
                .filter { isOffered(credential, $0, for: purpose, reach: reach, now: now) }
                .map { credential.use($0) }
        }
    }

    /// Whether a policy that allows a capability would let it count for this person, conditions of the table included.
    public func policyAllows(_ capability: Capability, for purpose: Purpose) -> Bool {
        let traits = MethodRegistry.traits(of: capability)
        guard traits.service(for: purpose) != .never else { return false }
        let allowed: Bool =
            switch purpose {
            case .signIn: policy.mfaAllowed.contains(capability)
            case .reset: policy.resetInScope && policy.resetAllowed.contains(capability)
            case .change:
                isUnlisted(capability)
                    ? isOpen(capability) : policy.mfaAllowed.contains(capability) || policy.resetAllowed.contains(capability)
            }
        return allowed && conditionsHold(traits.conditions[purpose] ?? [])
    }

    /// How far one use of one credential serves a purpose for this person.
    private func service(of credential: Credential, _ capability: Capability, for purpose: Purpose) -> Usefulness {
        guard credential.capabilities.contains(capability) else { return .never }
        let traits = MethodRegistry.traits(of: capability)
        guard servesPurpose(credential, purpose) else { return .never }
        switch traits.service(for: purpose) {
        case .never:
            return .never
        case .offeredOnly:
            return conditionsHold(traits.conditions[purpose] ?? []) && isOpen(capability) ? .offeredOnly : .never
        case .counts:
            guard policyAllows(capability, for: purpose), isAuthenticatorAllowed(credential) else { return .never }
            if traits.needsFullSet, let have = credential.remaining, have < policy.methods.questions.toReset { return .never }
            if credential.inOwnMailDomain, purpose == .change || !policy.ownMailDomainsCount { return .never }
            return .counts
        }
    }

    /// Whether policy allows the kind of authenticator that holds a passkey.
    func isAuthenticatorAllowed(_ credential: Credential) -> Bool { credential.authenticator.map(policy.methods.passkeys.allows) ?? true }

    /// A credential that a former page wrote serves only that page's feature until it is confirmed.
    private func servesPurpose(_ credential: Credential, _ purpose: Purpose) -> Bool {
        purpose == .change ? !credential.serves.isEmpty : credential.serves.contains(purpose)
    }

    /// Recovery codes and passes are not in the lists of allowed methods.
    private func isUnlisted(_ capability: Capability) -> Bool { capability == .recoveryCode || capability == .temporaryAccessPass }

    /// Recovery codes have a switch of their own.
    private func isOpen(_ capability: Capability) -> Bool { capability != .recoveryCode || policy.recoveryCodes }

    private func conditionsHold(_ conditions: Set<ServiceCondition>) -> Bool {
        conditions.allSatisfy { condition in
            switch condition {
            case .twoGates: policy.resetGates == 2
            case .secondGateOnly: true
            case .notAdministrator: !person.isAdministrator
            case .resetSetting(let option): policy.resetOptions.contains(option)
            case .nothingCountsForSignIn: !anythingCountsForSignIn
            case .mfaEnforced: person.mfaState == .enforced
            }
        }
    }
}

extension Standing {
    /// Proofs that let a person open or change security info, or cross the bridge, in the order of the tables:
    /// a counting second step; a pass; a recovery code; something held that policy no longer allows (the bridge);
    /// a mailbox held for reset.
    public func proofsForChange(reach: Reachability, now: Moment) -> [CredentialUse] {
        let reachable = { (use: CredentialUse) in reach.gaps[use] == nil }
        let counting = counting(for: .signIn).filter { reachable($0) && isUsable($0, now) }
        let passes = uses(of: .temporaryAccessPass, now).filter(reachable)
        let codes = policy.recoveryCodes ? uses(of: .recoveryCode, now).filter(reachable) : []
        if anythingCountsForSignIn { return counting + passes + codes }
        let bridge = bridgeUses(now: now).filter(reachable)
        let mailboxes = credentials.filter { isRegistered($0) && !$0.inOwnMailDomain }.flatMap { credential in
            credential.capabilities.filter { MethodRegistry.traits(of: $0).conditions[.change]?.contains(.nothingCountsForSignIn) == true }
                .map { credential.use($0) }
        }.filter { reachable($0) && !policy.bridge.compromised.contains($0.capability) }
        return passes + codes + bridge + mailboxes
    }

    /// Held credentials of which none counts, and that may still prove once, for registering a replacement: policy no
    /// longer allows them, never did, or they were registered for a reset only.
    public func bridgeUses(now: Moment) -> [CredentialUse] {
        guard policy.bridge.days > 0, !anythingCountsForSignIn else { return [] }
        // A kind of authenticator that policy shuts out is in doubt: never a bridge.
        return credentials.filter { isHeld($0) && isAuthenticatorAllowed($0) }.flatMap { credential in
            credential.capabilities.sorted().filter { isBridge($0, now: now) }.map { credential.use($0) }
        }
    }

    private func isBridge(_ capability: Capability, now: Moment) -> Bool {
        let traits = MethodRegistry.traits(of: capability)
        guard traits.signIn == .counts, !policy.bridge.compromised.contains(capability) else { return false }
        guard let removed = policy.removedAt[capability] else { return true }
        return now < removed + .days(policy.bridge.days)
    }

    private func uses(of capability: Capability, _ now: Moment) -> [CredentialUse] {
        credentials.filter { isRegistered($0) && $0.capabilities.contains(capability) && $0.isUsable(at: now) }
            .map { $0.use(capability) }
    }

    private func isUsable(_ use: CredentialUse, _ now: Moment) -> Bool { credential(use.credential)?.isUsable(at: now) ?? false }
}
