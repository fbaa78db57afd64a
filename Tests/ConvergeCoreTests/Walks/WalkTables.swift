import ConvergeCore

/// The first footnote and the guards of the decision tables, written down a second time: what the walks hold the rules to.
struct WalkTables {
    let facts: SignInFacts
    let demanded: Bool
    private let accepted: Set<CredentialUse>
    private let counting: Set<CredentialUse>

    init(_ facts: SignInFacts) {
        self.facts = facts
        demanded = Self.isDemanded(facts.person, facts.policy, facts.request, facts.now)
        counting = Set(facts.standing.counting(for: .signIn))
        accepted = Set(facts.standing.proofsForChange(reach: .open, now: facts.now))
    }

    /// (Person enabled or enforced, administrator, policy after its grace) and not exempt; or the application asks.
    /// Never exempt: administrators. Grace only for whoever never had a second step.
    static func isDemanded(_ person: Person, _ policy: ResolvedPolicy, _ request: RequestFacts, _ now: Moment) -> Bool {
        if request.applicationDemandsMFA || !person.roles.isEmpty { return true }
        if request.rememberedBrowser || (request.inTrustedNetwork && policy.exemptTrustedNetworks) { return false }
        if person.mfaState != .disabled { return true }
        guard policy.mfaRequired else { return false }
        guard person.mfaFirstHeldAt == nil, let days = policy.graceDays, days > 0 else { return true }
        return person.graceStart.map { now >= $0 + .days(days) } ?? false
    }

    /// Whether a use counts for sign-in.
    func counts(_ use: CredentialUse) -> Bool { counting.contains(use) }

    /// A second step that counts, a recovery code or a pass was answered in this sign-in.
    func isProven(_ state: SignInState) -> Bool {
        state.firstFactor != .password
            || state.proofs.contains { counting.contains($0.use) || Self.isEmergency($0.use) }
    }

    /// One proof with something held, while nothing counts.
    func isBridged(_ state: SignInState) -> Bool {
        counting.isEmpty && state.proofs.contains { accepted.contains($0.use) }
    }

    /// The first registration is open, and nobody else has registered anything since.
    func isRegistering(_ state: SignInState) -> Bool { state.registrationVersion == facts.person.securityVersion }

    /// Whether the organisation's guard lets somebody register who never held anything.
    func isGuardMet(_ state: SignInState) -> Bool {
        switch facts.policy.guardKind {
        case .password: return true
        case .trustedNetwork: return facts.request.inTrustedNetwork
        case .directoryContact:
            let known = Set(
                facts.standing.credentials.filter { $0.source == .directory && $0.state == .unconfirmed }.map(\.id))
            return state.proofs.contains { known.contains($0.use.credential) }
        case .accessPass: return state.firstFactor == .accessPass
        }
    }

    /// Whether a dead end says the truth about why nothing goes on.
    func isTrue(_ end: DeadEnd, _ state: SignInState) -> Bool {
        guard counting.isEmpty else { return false }
        switch end {
        case .policyUnsatisfiable: return facts.policy.mfaAllowed.isDisjoint(with: [.appCode, .text])
        case .stranded:
            let proofs = facts.standing.proofsForChange(reach: facts.reach, now: facts.now)
            return facts.person.firstHeldAt != nil && (proofs.isEmpty || !facts.policy.inRollOut)
        case .registrationGuarded: return facts.person.firstHeldAt == nil && (!isGuardMet(state) || !facts.policy.inRollOut)
        }
    }

    /// Something counts, and none of it can be reached now.
    var isUnreachable: Bool { !counting.isEmpty && counting.allSatisfy { facts.reach.gaps[$0] != nil } }

    /// After the organisation's number of skips the reset part has no skip any more, whoever it is.
    var areSkipsUsedUp: Bool { facts.policy.resetSkipsMax.map { facts.person.resetSkips >= $0 } ?? false }

    static func isEmergency(_ use: CredentialUse) -> Bool {
        use.capability == .recoveryCode || use.capability == .temporaryAccessPass
    }
}
