import ConvergeCore

/// What the other contact points of a person are told at once.
enum NoticeEvent: Sendable, Hashable {
    case methodAdded(MethodKind), methodChanged(MethodKind), methodRemoved(MethodKind)
    case passwordReset, passwordChanged, unlocked
    /// Somebody passed one gate of a reset and had no second.
    case resetStopped
    case recoveryCodesMade
    /// Told to other administrators.
    case administratorReset
}

extension Ledger {
    /// Tells a person's other contact points of a change, each with a "this wasn't me" link where that makes sense.
    ///
    /// - Parameters:
    ///   - credential: the credential that the link suspends; nil where the change is not of a credential.
    ///   - except: credentials that are not told: the changed one, and those that proved it.
    func tell(_ event: NoticeEvent, _ dossier: Dossier, credential: CredentialID? = nil, except: Set<CredentialID> = []) throws {
    }
}
