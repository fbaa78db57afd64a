/// What deleting a credential would mean for its owner.
public struct Deletion: Hashable, Sendable {
    public enum Verdict: Hashable, Sendable {
        case allowed
        /// The last that counts for sign-in while that is required: it can only be replaced.
        case neededForSignIn
        /// The same for reset.
        case neededForReset
        /// The directory or an administrator keeps it.
        case notTheirs
    }

    public let verdict: Verdict
    /// What would be asked for first afterwards, when that changes.
    public let newDefault: CredentialUse?
    /// Whether the person could still reset the password.
    public let resetStays: Bool
    /// Nothing that can prove is left.
    public let isLastHeld: Bool
    /// Nothing that can be a second step is left.
    public let isLastForSignIn: Bool

    /// Judges the deletion of one credential by its owner.
    public init(_ id: CredentialID, _ standing: Standing) {
        let rest = standing.without(id)
        let before = standing.ownRequirements, after = rest.ownRequirements
        let traits = standing.credential(id)?.traits
        if traits?.delete != .owner {
            verdict = .notTheirs
        } else if after.mfa, !before.mfa {
            verdict = .neededForSignIn
        } else if after.reset > before.reset {
            verdict = .neededForReset
        } else {
            verdict = .allowed
        }
        let first = { (standing: Standing) in
            DefaultMethod.effective(
                offered: standing.counting(for: .signIn), credentials: standing.credentials, preference: standing.person.preference)
        }
        let next = first(rest)
        newDefault = next == first(standing) ? nil : next
        resetStays = standing.policy.resetInScope && rest.missingGates == 0
        isLastHeld = !rest.credentials.contains(where: rest.isHeld)
        isLastForSignIn = !rest.credentials.contains { rest.isRegistered($0) && $0.traits.canSignIn }
    }
}

extension Standing {
    /// The same person without one credential.
    public func without(_ id: CredentialID) -> Standing {
        Standing(person: person, credentials: credentials.filter { $0.id != id }, policy: policy)
    }

    /// A method that counts for sign-in must be registered, whether or not a second step is demanded right now.
    public var mustRegisterForSignIn: Bool {
        policy.mfaRequired || policy.requireForMFA || person.mfaState != .disabled || person.isAdministrator
    }

    /// What policy wants of the person, outside any sign-in.
    public var ownRequirements: Requirements {
        requirements(mfaWanted: mustRegisterForSignIn, resetWanted: policy.requireForReset)
    }
}
