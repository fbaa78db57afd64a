/// What policy wants of a person and does not have yet.
public struct Requirements: Hashable, Sendable {
    /// A method that counts for sign-in is missing.
    public var mfa: Bool
    /// How many more groups of gates a reset needs.
    public var reset: Int
    /// A method for sign-in is wanted, met or not: decides which app is asked for.
    public var mfaWanted: Bool

    public init(mfa: Bool, reset: Int, mfaWanted: Bool? = nil) {
        self.mfa = mfa
        self.reset = reset
        self.mfaWanted = mfaWanted ?? mfa
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
            reset: resetWanted && policy.resetInScope ? missingGates : 0,
            mfaWanted: mfaWanted)
    }

    /// How many more groups of gates a reset by this person needs.
    public var missingGates: Int { Swift.max(0, policy.resetGates - usableGates(countingGates)) }

    /// What counts for a reset, each with its group and the channel it travels over.
    var countingGates: Set<GateKey> {
        Set(
            credentials.filter { counts($0, for: .reset) }.compactMap { credential in
                credential.traits.group.map { GateKey(group: $0, channel: credential.channel) }
            })
    }

    /// How many gates (at most two are ever asked for) these can pass: two of them differ in group *and* in channel, and
    /// a group that is a second gate only never stands alone.
    func usableGates(_ gates: Set<GateKey>) -> Int {
        let first = gates.filter { !MethodRegistry.secondGateOnlyGroups.contains($0.group) }
        guard !first.isEmpty else { return 0 }
        return first.contains { one in gates.contains { one.group != $0.group && one.channel != $0.channel } } ? 2 : 1
    }
}

/// What makes two gates of a reset independent of each other.
struct GateKey: Hashable {
    let group: GateGroup
    let channel: String
}

extension MethodRegistry {
    /// Groups that can only be the second gate of a reset.
    static let secondGateOnlyGroups: Set<GateGroup> = Set(
        all.compactMap { traits in
            traits.capabilities.contains { $0.conditions[.reset]?.contains(.secondGateOnly) == true } ? traits.group : nil
        })
}
