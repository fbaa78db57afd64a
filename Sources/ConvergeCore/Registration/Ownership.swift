/// Whether the owner may add one more credential of a method.
public enum Addability: Hashable, Sendable {
    case open
    /// Policy lets it serve nothing that this person does.
    case notAllowed
    /// As many as one may have.
    case limit(Int)
    /// Something else has to be there first.
    case needs(MethodKind)
}

extension Standing {
    /// A method that counts for sign-in must be registered, whether or not a second step is demanded right now.
    public var mustRegisterForSignIn: Bool {
        policy.mfaRequired || policy.requireForMFA || person.mfaState != .disabled || person.isAdministrator
    }

    /// What policy wants of the person and does not have, outside any sign-in.
    public var ownRequirements: Requirements {
        requirements(mfaWanted: mustRegisterForSignIn, resetWanted: policy.requireForReset)
    }

    /// The methods of this release that owners add themselves, strongest first, each with whether that is open now.
    /// Recovery codes are made, not added, and are not among them.
    public var addable: [(kind: MethodKind, addability: Addability)] {
        MethodRegistry.all.compactMap { traits in addability(of: traits.kind).map { (traits.kind, $0) } }
    }

    /// Whether the owner may add one more of a kind; nil for what owners never add.
    ///
    /// - Parameter replacing: a credential that goes when the new one is proven.
    public func addability(of kind: MethodKind, replacing: CredentialID? = nil) -> Addability? {
        let traits = MethodRegistry.traits(of: kind)
        guard ownerMay(\.add, traits), MethodRegistry.method(kind) != nil,
            traits.capabilities.contains(where: { $0.signIn == .counts || $0.reset == .counts })
        else { return nil }
        guard mayServe(kind) else { return .notAllowed }
        if let first = traits.needsFirst, !credentials.contains(where: { $0.method == first && isRegistered($0) }) { return .needs(first) }
        let held = credentials.filter { isRegistered($0) && $0.traits.limitGroup == traits.limitGroup && $0.id != replacing }
        return held.count < traits.limit ? .open : .limit(traits.limit)
    }

    /// Whether the owner may do a thing to a method: by its traits, or because a setting opens what the directory keeps.
    public func ownerMay(_ what: KeyPath<MethodTraits, OwnerRight>, _ traits: MethodTraits) -> Bool {
        traits[keyPath: what] == .owner || (traits.needsDirectoryValue && policy.officeByOwner)
    }

    /// Whether policy lets anything that a method can do count for sign-in or for a reset.
    private func mayServe(_ kind: MethodKind) -> Bool {
        // What approves is worth its place where it may approve: for codes alone any app will do.
        let lines = MethodRegistry.traits(of: kind).capabilities, approving = lines.filter { $0.manner == .approval }
        return (approving.isEmpty ? lines : approving).contains { line in
            MethodRegistry.implementedCapabilities.contains(line.capability)
                && (policyAllows(line.capability, for: .signIn) || policyAllows(line.capability, for: .reset))
        }
    }

    /// Whether an unconfirmed credential would count for something if its owner confirmed it.
    public func wouldServe(_ credential: Credential) -> Bool {
        credential.capabilities.contains { policyAllows($0, for: .signIn) || policyAllows($0, for: .reset) }
    }

    /// Contacts that the directory knows and nobody has confirmed: what the registration guard may send a code to.
    public func directoryContacts(reach: Reachability) -> [CredentialUse] {
        credentials.filter { $0.state == .unconfirmed && $0.source == .directory }.flatMap { credential in
            credential.capabilities.sorted().map { credential.use($0) }
        }.filter { reach.gaps[$0] == nil && MethodRegistry.implementedCapabilities.contains($0.capability) }
    }

    /// Everything but one credential.
    private func without(_ id: CredentialID) -> Standing {
        Standing(person: person, credentials: credentials.filter { $0.id != id }, policy: policy)
    }

    /// With one credential more, as its owner would register it.
    ///
    /// - Parameter count: how many, where it is a set.
    func adding(_ kind: MethodKind, count: Int? = nil) -> Standing {
        let name = "new:" + kind.rawValue
        let capabilities = Set(MethodRegistry.traits(of: kind).capabilities.map(\.capability))
        let new = Credential(
            id: CredentialID(name), method: kind, capabilities: capabilities.intersection(MethodRegistry.implementedCapabilities),
            channel: name, addedAt: Moment(ms: 0), remaining: count)
        return Standing(person: person, credentials: credentials + [new], policy: policy)
    }
}

/// What the owner's deletion of one credential would mean.
public struct Deletion: Sendable, Equatable {
    /// Purposes for which something is wanted of the person that would be missing afterwards; empty: it may go.
    public let refusedFor: Set<Purpose>
    /// What could take its place so that it may go, strongest first. Its own kind stands for a new one of the kind.
    public let replacements: [MethodKind]
    /// What is asked for first afterwards, where that changes.
    public let newDefault: CredentialUse?
    /// Whether the person can still choose a new password alone; nil where that is not so now either.
    public let resetStays: Bool?
    /// Nothing that can prove is left: the person begins anew.
    public let isLast: Bool
    /// Nothing that can be a second step is left.
    public let isLastSecondStep: Bool
}

extension Standing {
    /// Judges the deletion of a credential by its owner.
    public func deletion(of id: CredentialID) -> Deletion? {
        guard let credential = credential(id), ownerMay(\.delete, credential.traits) else { return nil }
        let after = without(id), refused = lost(by: after)
        return Deletion(
            refusedFor: refused, replacements: refused.isEmpty ? [] : replacements(of: credential, in: after),
            newDefault: newDefault(without: id, in: after),
            resetStays: policy.resetInScope && missingGates == 0 ? after.missingGates == 0 : nil,
            isLast: credential.traits.canProve && !after.credentials.contains { $0.traits.canProve && Self.isKept($0) },
            isLastSecondStep: credential.traits.canSignIn && !after.credentials.contains { $0.traits.canSignIn && Self.isKept($0) })
    }

    /// Suspended ones are still the person's: only their owner's deletion ends that.
    private static func isKept(_ credential: Credential) -> Bool { credential.state == .active || credential.state == .suspended }

    /// What would be missing afterwards that is not missing now.
    private func lost(by after: Standing) -> Set<Purpose> {
        let before = ownRequirements, then = after.ownRequirements
        var lost: Set<Purpose> = []
        if then.mfa, !before.mfa { lost.insert(.signIn) }
        if then.reset > before.reset { lost.insert(.reset) }
        return lost
    }

    private func replacements(of credential: Credential, in after: Standing) -> [MethodKind] {
        MethodRegistry.all.map(\.kind).filter { kind in
            let replaced = kind == credential.method ? credential.id : nil
            return addability(of: kind, replacing: replaced) == .open && lost(by: after.adding(kind)).isEmpty
        }
    }

    private func newDefault(without id: CredentialID, in after: Standing) -> CredentialUse? {
        guard usualDefault?.credential == id else { return nil }
        return after.usualDefault
    }

    /// What is asked for first when everything can be reached.
    public var usualDefault: CredentialUse? {
        effectiveDefault(offered: counting(for: .signIn))
    }
}

extension Standing {
    /// The first campaign that this person has not answered, with what to register: not what counts already, not what could
    /// not be added, and not before the days of the last "Not now" are over.
    public func openCampaign(at now: Moment) -> (rule: CampaignRule, kind: MethodKind)? {
        for rule in policy.campaigns {
            if let snoozed = person.campaignSnoozedAt, now < snoozed + .days(rule.snoozeDays) { continue }
            let isHeld = counting(for: .signIn).contains { $0.capability == rule.register }
            guard !isHeld, policyAllows(rule.register, for: .signIn) else { continue }
            let kind = MethodRegistry.all.first { traits in
                traits.capabilities.contains { $0.capability == rule.register } && addability(of: traits.kind) == .open
            }?.kind
            if let kind { return (rule, kind) }
        }
        return nil
    }
}
