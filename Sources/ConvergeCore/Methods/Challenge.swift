/// A challenge in progress, kept sealed in the flow.
public struct ChallengeState: Codable, Sendable, Equatable {
    public let use: CredentialUse
    public let purpose: Purpose
    public var code: CodeState?
    /// Calls placed in this challenge.
    public var approvals: ApprovalState?
    /// What the challenges for a passkey are made of, another one for each try.
    public var seed: [UInt8]?
    /// The questions of this round.
    public var drawn: [SecurityQuestion]?
    public var triesLeft: Int
    public let startedAt: Moment

    public init(use: CredentialUse, purpose: Purpose, startedAt: Moment, code: CodeState? = nil) {
        self.use = use
        self.purpose = purpose
        self.startedAt = startedAt
        self.code = code
        self.triesLeft = CodeState.triesMax
    }
}

/// A code that travels to a person.
public struct CodeMessage: Hashable, Sendable {
    public enum Channel: Hashable, Sendable {
        case text(PhoneNumber)
        case email(EmailAddress)
        case call(DialledNumber)
        /// Every app of the person, or only the one that is being registered.
        case app(only: CredentialID?)
    }

    public let channel: Channel
    public let code: Secret
    /// Never delivered after this.
    public let notAfter: Moment
    public let purpose: Purpose
    /// What waits for a decision elsewhere: the code is its handle then.
    public let approval: ApprovalDraft?

    public init(channel: Channel, code: Secret, notAfter: Moment, purpose: Purpose, approval: ApprovalDraft? = nil) {
        self.channel = channel
        self.code = code
        self.notAfter = notAfter
        self.purpose = purpose
        self.approval = approval
    }
}

/// What the comparison of an answer found.
public enum Verification: Hashable, Sendable {
    /// Right, provided that the claim is won. The references (RFC 8176) say more than the capability could; nil: they do not.
    case right(Claim?, references: [String]? = nil)
    /// Wrong, and the method says more than that: which refusal it is, or why, for the log.
    case refused(Refusal)
    case wrong
    /// Right, but already used: "wait for the next one"; costs no try.
    case alreadySpent
    /// Too late: a new code is needed.
    case expired
    /// Nothing was answered yet, or it failed elsewhere: costs no try.
    case undecided(Refusal)
}

/// A secret that must be spent in the same transaction, in one statement that only one of many rivals wins.
public enum Claim: Hashable, Sendable {
    /// A time step of an app: won when it is later than every step spent before.
    case step(CredentialID, Int64)
    /// The same for a clock of its own, whose difference is kept.
    case driftingStep(CredentialID, Int64, drift: Int)
    /// A recovery code, by its keyed hash.
    case recoveryCode(CredentialID, hash: String)
    /// A use of an access pass, by its keyed hash.
    case pass(CredentialID, hash: String)
    /// What was approved elsewhere: won once.
    case approval(ApprovalID)
}
