/// What policy wants of a person and does not have yet.
public struct Requirements: Hashable, Sendable {
    /// A method that counts for sign-in is missing.
    public var mfa: Bool
    /// How many more groups of gates a reset needs.
    public var reset: Int

    public init(mfa: Bool, reset: Int) {
        self.mfa = mfa
        self.reset = reset
    }

    public static let none = Requirements(mfa: false, reset: 0)

    public var isEmpty: Bool { !mfa && reset == 0 }
}

extension Standing {
    /// The unmet requirements of a person.
    ///
    /// - Parameter mfaWanted: a second step is demanded of the person or must be registered.
    /// - Parameter resetWanted: what reset needs must be registered.
    public func requirements(mfaWanted: Bool, resetWanted: Bool) -> Requirements {
        Requirements(
            mfa: mfaWanted && !anythingCountsForSignIn,
            reset: resetWanted && policy.resetInScope ? missingGates : 0)
    }

    /// How many more groups of gates a reset by this person needs.
    public var missingGates: Int { Swift.max(0, policy.resetGates - usableGates(resetGroups)) }

    /// How many gates a set of groups can pass: a second-gate-only group never stands alone.
    func usableGates(_ groups: Set<GateGroup>) -> Int {
        let first = groups.subtracting(MethodRegistry.secondGateOnlyGroups).count
        return first == 0 ? 0 : first + Swift.min(1, groups.count - first)
    }
}

extension MethodRegistry {
    /// Groups that can only be the second gate of a reset.
    static let secondGateOnlyGroups: Set<GateGroup> = Set(
        all.compactMap { traits in
            traits.capabilities.contains { $0.conditions[.reset]?.contains(.secondGateOnly) == true } ? traits.group : nil
        })
}
