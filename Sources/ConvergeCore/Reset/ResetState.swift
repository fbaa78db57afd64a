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
    /// What was typed as number or address for the first gate; shown back, never compared with a page.
    public var typedContact: String?
    /// The challenge at hand. Nil with a kind set: the code page of somebody unknown, where every code is wrong.
    public var challenge: ChallengeState?
    /// Tries on the page of somebody unknown; counted alike.
    public var decoyTriesLeft = CodeState.triesMax
    public var decoySends = 0
    /// Whether the code page is open.
    public var awaitingCode = false
    public var finished: ResetReason?
    /// The contact points were told that the reset could not go on.
    public var toldNotEnough = false

    /// The whole of a reset lives this long.
    public static let life = Span.minutes(15)

    public init(name: String, person: PersonID?, epoch: Int64?, startedAt: Moment) {
        self.name = name
        self.person = person
        self.epoch = epoch
        self.startedAt = startedAt
    }
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
    /// Fifteen minutes are over, or the account changed meanwhile.
    case expired
    case reason
    /// Before the first proof: the policy's kinds, the same for every name.
    case chooseKind([Capability])
    /// Type the number or address in full.
    case contact(Capability)
    case code(Capability)
    /// After a passed gate: the person's own remaining methods.
    case chooseUse([CredentialUse])
    /// The person has no second independent method.
    case notEnough
    case newPassword
    case unlock
    case done(ResetReason)
}

/// What happened in a reset; answers were compared and secrets spent before.
public enum ResetEvent: Sendable {
    case because(ResetReason)
    case choose(Capability)
    /// A number or address was typed, or a use chosen: the code page opens. Nil: nobody's.
    case challenged(ChallengeState?, typed: String?)
    case chooseUse(CredentialUse)
    /// "Choose something else".
    case back
    case proved(CredentialUse)
    case passwordSet
    case unlocked
}

/// The state machine of a reset.
public enum ResetMachine {
    /// Which page a reset is on.
    public static func page(_ state: ResetState, _ facts: ResetFacts) -> ResetPage {
        if let finished = state.finished { return .done(finished) }
        guard facts.now < state.startedAt + ResetState.life else { return .expired }
        if let standing = facts.standing, state.epoch != standing.person.sessionEpoch { return .expired }
        if state.reason == nil {
            if offersUnlock(facts.document) { return .reason }
        }
        if let kind = state.kind {
            if state.awaitingCode { return .code(kind) }
            return state.passed.isEmpty && isSent(kind) ? .contact(kind) : .code(kind)
        }
        guard !state.passed.isEmpty, let standing = facts.standing else {
            return .chooseKind(Gates.kindsBeforeProof(facts.document))
        }
        guard standing.policy.resetInScope, standing.person.state == .enabled else { return .notEnough }
        if state.passed.count < standing.policy.resetGates {
            let next = Gates.next(standing: standing, passed: state.passed, reach: facts.reach, now: facts.now)
            return next.isEmpty ? .notEnough : .chooseUse(next)
        }
        return state.reason == .locked ? .unlock : .newPassword
    }

    /// Whether "I know it but am locked out" is a choice: by the organisation's document, never by the person.
    public static func offersUnlock(_ document: PolicyDocument) -> Bool {
        let rules = document.reset.filter { $0.scope.extent != .none }
        return !rules.isEmpty && rules.allSatisfy(\.unlockWithoutReset)
    }

    /// Draws the consequences of an event; nil when it does not fit the page the reset is on.
    public static func step(_ state: ResetState, _ event: ResetEvent, _ facts: ResetFacts) -> ResetState? {
        var next = state
        switch (event, page(state, facts)) {
        case (.because(let reason), .reason):
            next.reason = reason
        case (.choose(let kind), .chooseKind(let kinds)) where kinds.contains(kind):
            open(&next, kind)
        case (.challenged(let challenge, let typed), .contact), (.challenged(let challenge, let typed), .code):
            next.challenge = challenge
            next.typedContact = typed ?? next.typedContact
            next.awaitingCode = true
        case (.chooseUse(let use), .chooseUse(let uses)) where uses.contains(use):
            open(&next, use.capability)
            next.challenge = ChallengeState(use: use, purpose: .reset, startedAt: facts.now)
            next.awaitingCode = true
        case (.back, .contact), (.back, .code):
            close(&next)
        case (.proved(let use), .code):
            guard let gate = gate(use, facts) else { return nil }
            next.passed.append(gate)
            close(&next)
        case (.passwordSet, .newPassword):
            next.finished = .forgotten
        case (.unlocked, .unlock):
            next.finished = .locked
        default:
            return nil
        }
        return next
    }

    /// The uses that a first gate of some kind may mean.
    public static func firstGateUses(_ kind: Capability, _ facts: ResetFacts) -> [CredentialUse] {
        guard let standing = facts.standing, standing.person.state == .enabled else { return [] }
        return Gates.next(standing: standing, passed: [], reach: facts.reach, now: facts.now).filter { $0.capability == kind }
    }

    /// Whether a capability sends a code to a contact that has to be typed first.
    public static func isSent(_ kind: Capability) -> Bool {
        [.text, .call, .emailCode, .alternateCall, .officeCall].contains(kind)
    }

    private static func open(_ state: inout ResetState, _ kind: Capability) {
        close(&state)
        state.kind = kind
        state.decoyTriesLeft = CodeState.triesMax
        state.decoySends = 0
        state.awaitingCode = !isSent(kind)
    }

    private static func close(_ state: inout ResetState) {
        state.kind = nil
        state.challenge = nil
        state.typedContact = nil
        state.awaitingCode = false
    }

    private static func gate(_ use: CredentialUse, _ facts: ResetFacts) -> PassedGate? {
        guard let credential = facts.standing?.credential(use.credential), let group = credential.traits.group else { return nil }
        return PassedGate(group: group, channel: credential.channel, use: use)
    }
}
