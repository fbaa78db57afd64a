/// Which use is asked for first. The stored preference is never rewritten by policy: the effective default is computed
/// each time from what is offered.
public enum DefaultMethod {
    /// Automatic order of capabilities. A phone is asked in the capability with which it was verified.
    static let automaticOrder: [[Capability]] = [
        [.appNotification], [.appCode], [.passkey], [.hardwareCode], [.text, .call], [.alternateCall], [.officeCall],
    ]

    /// The order where policy asks for the strongest first, whatever anybody chose.
    static let strongestFirst: [[Capability]] = [
        [.passkey], [.appNotification], [.appCode], [.hardwareCode], [.text, .call], [.alternateCall], [.officeCall],
    ]

    /// The effective default among the offered uses, or nil when none of them can be a default.
    ///
    /// Fallback of a chosen or automatic first entry: the other capability of the same credential, then automatic order.
    /// - Parameter counting: what counts, offered or not: names the automatic first entry that cannot be reached now.
    public static func effective(
        offered: [CredentialUse], credentials: [Credential], preference: [CredentialUse], counting: [CredentialUse] = [],
        systemPreferred: Bool = false
    ) -> CredentialUse? {
        if systemPreferred { return automatic(offered, credentials, order: strongestFirst) }
        let candidates = offered.filter { isCandidate($0.capability) }
        let automaticFirst = automatic(counting.filter { isCandidate($0.capability) }, credentials)
        for wanted in preference + [automaticFirst].compactMap({ $0 }) {
            if candidates.contains(wanted) { return wanted }
            if let sibling = automatic(candidates.filter { $0.credential == wanted.credential }, credentials) { return sibling }
        }
        return automatic(candidates, credentials)
    }

    /// Every offered use that may be a default, in the order in which it would be chosen automatically.
    public static func ordered(
        _ offered: [CredentialUse], credentials: [Credential], systemPreferred: Bool = false
    ) -> [CredentialUse] {
        let order = systemPreferred ? strongestFirst : automaticOrder
        var rest = offered.filter { isCandidate($0.capability) }, result: [CredentialUse] = []
        while let next = automatic(rest, credentials, order: order) {
            result.append(next)
            rest.removeAll { $0 == next }
        }
        return result
    }

    /// Whether a capability can ever be the default; recovery codes and passes never are.
    public static func isCandidate(_ capability: Capability) -> Bool {
        automaticOrder.contains { $0.contains(capability) }
    }

    private static func automatic(
        _ candidates: [CredentialUse], _ credentials: [Credential], order: [[Capability]] = automaticOrder
    ) -> CredentialUse? {
        for rank in order {
            let here = candidates.filter { rank.contains($0.capability) }
            if let verified = here.first(where: { use in
                credentials.first { $0.id == use.credential }?.verifiedBy == use.capability
            }) {
                return verified
            }
            if let first = here.first { return first }
        }
        return nil
    }
}

extension Standing {
    /// What is asked for first among what is offered: what the person chose or what comes first by itself; the strongest where policy
    /// says so.
    ///
    /// - Parameter counting: what counts, offered or not.
    public func effectiveDefault(offered: [CredentialUse], counting: [CredentialUse] = []) -> CredentialUse? {
        DefaultMethod.effective(
            offered: offered, credentials: credentials, preference: person.preference, counting: counting,
            systemPreferred: policy.methods.strongestFirst)
    }

    /// Uses that may be a default, in the order in which they would be asked for.
    public func inDefaultOrder(_ uses: [CredentialUse]) -> [CredentialUse] {
        DefaultMethod.ordered(uses, credentials: credentials, systemPreferred: policy.methods.strongestFirst)
    }

    /// The same with everything else behind: the quickest way to a proof comes first in a list.
    public func quickestFirst(_ uses: [CredentialUse]) -> [CredentialUse] {
        let first = inDefaultOrder(uses)
        return first + uses.filter { !first.contains($0) }
    }
}
