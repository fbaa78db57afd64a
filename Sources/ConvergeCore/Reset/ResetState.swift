/// Why somebody came to the reset page.
public enum ResetReason: String, Codable, Sendable {
    case forgotten
    /// Knows the password, but too many wrong ones have locked the account: unlock without a new password.
    case locked
}

/// A self-service password reset: one value, kept sealed in a flow row. Known and unknown names have the same shape.
public struct ResetState: Codable, Sendable, Equatable {
    /// What was typed.
    public let name: String
    /// The person, when the name belongs to somebody who may reset here. Nil looks and takes the same.
    public let person: PersonID?
    public let epoch: Int64?
    public let startedAt: Moment
    public var reason: ResetReason?
    public var passed: [PassedGate] = []
    /// The kind of proof chosen for the gate at hand.
    public var kind: Capability?
    /// What was typed as number or address for the first gate, and the country chosen beside it; shown back to whoever typed it.
    public var typedContact: String?
    public var typedRegion: String?
    /// The challenge at hand. Nil with a kind set: the code page of a contact that is nobody's, where every code is wrong.
    public var challenge: ChallengeState?
    /// Whether the code page is open.
    public var awaitingCode = false
    /// Codes sent for the choice at hand, or said to be, and until when the last one works: kept apart from the challenge, so
    /// that the page of a contact that is nobody's counts alike.
    public var sends = 0
    public var codeUntil: Moment?
    /// Before the first proof five tries per choice, each credential's own budget beside them; after it five for the whole reset.
    public var triesLeft = CodeState.triesMax
    public var finished: ResetReason?
    /// A wrong answer after a passed gate was counted against this reset: once, however many follow.
    public var countedAsFailed = false
    /// That the reset could not go on was written down, and the contact points were told.
    public var toldStopped = false

    /// The whole of a reset lives this long.
    public static let life = Span.minutes(15)

    public init(name: String, person: PersonID?, epoch: Int64?, startedAt: Moment) {
        self.name = name
        self.person = person
        self.epoch = epoch
        self.startedAt = startedAt
    }

    /// Whether another code may be asked for.
    public var canSendAgain: Bool { sends < CodeState.sendsMax && triesLeft > 0 }
}

/// What a reset decision looks at.
public struct ResetFacts: Sendable {
    /// Nil: nobody, or somebody who may not reset here.
    public let standing: Standing?
    public let document: PolicyDocument
    public let reach: Reachability
    public let now: Moment

    public init(standing: Standing?, document: PolicyDocument, reach: Reachability = .open, now: Moment) {
        self.standing = standing
        self.document = document
        self.reach = reach
        self.now = now
    }
}

/// The page a reset shows.
public enum ResetPage: Hashable, Sendable {
    /// Fifteen minutes are over, or the account changed after a proof.
    case expired
    case reason
    /// Before the first proof: the policy's kinds, the same for every name.
    case chooseKind([Capability])
    /// Type the number or address in full.
    case contact(Capability)
    case code(Capability)
    /// After a passed gate: the person's own remaining methods.
    case chooseUse([CredentialUse])
    /// The person has a further method, but none of them can be reached now.
    case unreachable([CredentialUse])
    /// The person has no second independent method.
    case notEnough
    /// Five wrong answers after a passed gate: this reset is over.
    case outOfTries
    case newPassword
    case unlock
    case done(ResetReason)
}

/// What happened in a reset; answers were compared and secrets spent before.
public enum ResetEvent: Sendable {
    case because(ResetReason)
    case choose(Capability)
    /// A code was sent, or said to be: the code page opens. No challenge: the contact is nobody's.
    case challenged(ChallengeState?, typed: String?, region: String?, until: Moment?)
    /// One of the person's own methods was chosen for the next gate, its challenge begun.
    case chooseUse(ChallengeState, until: Moment?)
    /// "Change the number": what was typed comes back.
    case changeContact
    /// "Use something else".
    case back
    case proved(CredentialUse)
    case passwordSet
    case unlocked
}
