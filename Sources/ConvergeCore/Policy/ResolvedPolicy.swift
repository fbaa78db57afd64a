/// Policies folded for one person: the only form in which decisions see them.
///
/// The fold is that of the decision tables: allowed methods are the union of the includes minus every exclude; gates
/// the maximum; obligations or; grace, days and session lives the minimum of those set; the guard the strictest.
/// Rules for administrators override last.
public struct ResolvedPolicy: Hashable, Sendable, Codable {
    public var version: Int64
    public var inRollOut: Bool

    public var mfaRequired: Bool
    public var mfaAllowed: Set<Capability>
    public var graceDays: Int?
    public var rememberBrowserDays: Int
    public var exemptTrustedNetworks: Bool

    public var resetInScope: Bool
    public var resetAllowed: Set<Capability>
    public var resetGates: Int
    public var resetOptions: Set<ResetOption>
    public var reconfirmDays: Int?
    public var resetSkipsMax: Int?
    public var unlockWithoutReset: Bool
    public var notifyPerson: Bool
    public var notifyAdministrators: Bool
    public var minimumAgeHours: Int
    public var ownMailDomainsCount: Bool

    public var requireForMFA: Bool
    public var requireForReset: Bool
    public var guardKind: RegistrationGuard
    public var recoveryCodes: Bool
    /// The campaigns that apply, in the order of the document.
    public var campaigns: [CampaignRule]

    public var bridge: BridgePolicy
    public var session: SessionPolicy
    public var password: PasswordPolicy
    public var methods: MethodSettings

    /// Names of the rules behind each obligation, for reasons.
    public var mfaRules: [String]
    public var resetRules: [String]
    public var registrationRules: [String]

    /// When each capability that is not allowed for sign-in left the policy, for the bridge; empty for one that was
    /// never allowed. Filled from the kept versions.
    public var removedAt: [Capability: Moment] = [:]
}

extension PolicyDocument {
    /// Folds every rule that applies to a person.
    public func resolve(for person: Person) -> ResolvedPolicy {
        let mfa = self.mfa.filter { $0.scope.contains(person) }
        let reset = self.reset.filter { $0.contains(person) }
        let registration = self.registration.filter { $0.scope.contains(person) }
        let mfaAllowed = mfa.reduce(into: Set<Capability>()) { $0.formUnion($1.allow) }
            .subtracting(mfa.reduce(into: []) { $0.formUnion($1.exclude) })
        var resetAllowed = reset.reduce(into: Set<Capability>()) { $0.formUnion($1.allow) }
            .subtracting(reset.reduce(into: []) { $0.formUnion($1.exclude) })
        var gates = reset.map(\.gates).max() ?? 1
        if person.isAdministrator {
            gates = 2
            resetAllowed.remove(.securityQuestions)
        }
        return ResolvedPolicy(
            version: version,
            inRollOut: rollOut.contains(person),
            mfaRequired: mfa.contains(where: \.required),
            mfaAllowed: mfaAllowed,
            graceDays: mfa.filter(\.required).compactMap(\.graceDays).min(),
            rememberBrowserDays: mfa.compactMap(\.rememberBrowserDays).min() ?? 0,
            exemptTrustedNetworks: exempts(mfa),
            resetInScope: !reset.isEmpty,
            resetAllowed: resetAllowed,
            resetGates: gates,
            resetOptions: reset.reduce(into: []) { $0.formUnion($1.options) },
            reconfirmDays: reset.compactMap(\.reconfirmDays).filter { $0 > 0 }.min(),
            resetSkipsMax: reset.compactMap(\.skipsMax).min(),
            unlockWithoutReset: !reset.isEmpty && reset.allSatisfy(\.unlockWithoutReset),
            notifyPerson: reset.contains(where: \.notifyPerson),
            notifyAdministrators: reset.contains(where: \.notifyAdministrators),
            minimumAgeHours: reset.map(\.minimumAgeHours).max() ?? 0,
            ownMailDomainsCount: !reset.isEmpty && reset.allSatisfy(\.ownMailDomainsCount),
            requireForMFA: registration.contains(where: \.requireForMFA),
            requireForReset: registration.contains(where: \.requireForReset),
            guardKind: registration.map(\.guardKind).max() ?? .password,
            recoveryCodes: registration.contains(where: \.recoveryCodes),
            campaigns: campaigns.filter { $0.scope.contains(person) },
            bridge: bridge, session: session, password: password, methods: methods,
            mfaRules: mfa.filter(\.required).map(\.name),
            resetRules: reset.map(\.name),
            registrationRules: registration.filter { $0.requireForMFA || $0.requireForReset }.map(\.name))
    }

    /// Every group that a rule names: two people who differ in other groups only, not in kind or role, are under the same policy.
    public var groupsNamed: Set<GroupID> {
        let scopes = [rollOut] + mfa.map(\.scope) + reset.map(\.scope) + registration.map(\.scope) + campaigns.map(\.scope)
        return scopes.reduce(into: []) { $0.formUnion($1.groups.union($1.except)) }
    }

    /// Trusted networks exempt where every rule that demands a second step says so; where none does and the person's
    /// own switch demands it, where every rule says so. No rules: no exemption.
    private func exempts(_ mfa: [MFARule]) -> Bool {
        let demanding = mfa.contains(where: \.required) ? mfa.filter(\.required) : mfa
        return !demanding.isEmpty && demanding.allSatisfy(\.exemptTrustedNetworks)
    }

    /// Folds for a person and notes, from the versions kept before this one, when each capability left the sign-in policy.
    ///
    /// - Parameter former: earlier versions with the moment at which each began to apply, oldest first.
    /// - Parameter since: when this version began to apply.
    public func resolve(for person: Person, former: [(document: PolicyDocument, since: Moment)], since: Moment) -> ResolvedPolicy {
        var resolved = resolve(for: person)
        let timeline =
            former.map { (allowed: $0.document.resolve(for: person).mfaAllowed, since: $0.since) }
            + [(allowed: resolved.mfaAllowed, since: since)]
        for index in timeline.indices.dropFirst() {
            let before = timeline[index - 1].allowed, after = timeline[index].allowed
            for capability in before.subtracting(after) { resolved.removedAt[capability] = timeline[index].since }
            for capability in after { resolved.removedAt[capability] = nil }
        }
        return resolved
    }
}
