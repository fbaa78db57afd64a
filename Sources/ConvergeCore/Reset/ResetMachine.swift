/// The state machine of a reset.
public enum ResetMachine {
    /// Which page a reset is on.
    ///
    /// Before the first proof the page depends on the document and on what the browser did, never on the person.
    public static func page(_ state: ResetState, _ facts: ResetFacts) -> ResetPage {
        if let finished = state.finished { return .done(finished) }
        guard facts.now < state.startedAt + ResetState.life else { return .expired }
        if state.reason == nil, state.passed.isEmpty, offersUnlock(facts.document) { return .reason }
        return state.passed.isEmpty ? firstPage(state, facts) : laterPage(state, facts)
    }

    private static func firstPage(_ state: ResetState, _ facts: ResetFacts) -> ResetPage {
        let kinds = Gates.kindsBeforeProof(facts.document)
        guard let kind = state.kind, kinds.contains(kind) else { return .chooseKind(kinds) }
        return state.awaitingCode || !isSent(kind) ? .code(kind) : .contact(kind)
    }

    private static func laterPage(_ state: ResetState, _ facts: ResetFacts) -> ResetPage {
        guard let standing = facts.standing, state.epoch == standing.person.sessionEpoch else { return .expired }
        guard mayReset(standing) else { return .notEnough }
        if state.passed.count >= standing.policy.resetGates { return state.reason == .locked ? .unlock : .newPassword }
        guard state.triesLeft > 0 else { return .outOfTries }
        let all = Gates.next(standing: standing, passed: state.passed, reach: .open, now: facts.now)
        if let challenge = state.challenge, all.contains(challenge.use) { return .code(challenge.use.capability) }
        let next = Gates.next(standing: standing, passed: state.passed, reach: facts.reach, now: facts.now)
        if next.isEmpty { return all.isEmpty ? .notEnough : .unreachable(all) }
        return .chooseUse(next)
    }

    /// Whether the account may be used and is in scope of the reset policy.
    public static func mayReset(_ standing: Standing) -> Bool {
        standing.person.state == .enabled && standing.policy.resetInScope
    }

    /// The person of a reset, as long as it can still become theirs: nothing ended it since it began.
    private static func owner(_ state: ResetState, _ facts: ResetFacts) -> Standing? {
        guard let standing = facts.standing, state.epoch == standing.person.sessionEpoch, mayReset(standing) else { return nil }
        return standing
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
        case (.because(.forgotten), .unlock):
            next.reason = .forgotten
        case (.choose(let kind), .chooseKind(let kinds)) where kinds.contains(kind):
            close(&next)
            next.kind = kind
            next.triesLeft = CodeState.triesMax
        case (.challenged(let challenge, let typed, let region, let until), .contact),
            (.challenged(let challenge, let typed, let region, let until), .code):
            next.challenge = challenge
            next.typedContact = typed ?? next.typedContact
            next.typedRegion = region ?? next.typedRegion
            next.awaitingCode = true
            next.sends += 1
            next.codeUntil = until
        case (.chooseUse(let challenge, let until), .chooseUse(let uses)) where uses.contains(challenge.use):
            close(&next)
            next.kind = challenge.use.capability
            next.challenge = challenge
            next.awaitingCode = true
            next.sends = challenge.code?.sent.count ?? 0
            next.codeUntil = until
        case (.changeContact, .code(let kind)) where isSent(kind) && state.passed.isEmpty:
            next.challenge = nil
            next.awaitingCode = false
            next.sends = 0
            next.codeUntil = nil
        case (.back, .contact), (.back, .code):
            close(&next)
        case (.proved(let use), .code):
            guard let gate = gate(use, state, facts) else { return nil }
            next.passed.append(gate)
            next.triesLeft = CodeState.triesMax
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

    /// The uses that a first gate of some kind may mean, whether they can be reached now or not.
    public static func firstGateUses(_ kind: Capability, _ state: ResetState, _ facts: ResetFacts) -> [CredentialUse] {
        guard let standing = owner(state, facts) else { return [] }
        return Gates.next(standing: standing, passed: [], reach: .open, now: facts.now).filter { $0.capability == kind }
    }

    /// Whether a capability reaches a contact that has to be typed first.
    public static func isSent(_ kind: Capability) -> Bool { MethodRegistry.traits(of: kind).manner.goesToContact }

    /// How long a sent code works, whoever it is sent to.
    public static func codeLife(_ kind: Capability) -> Span { kind == .emailCode ? EmailMethod.life : MobilePhone.life }

    /// How many digits a code has.
    public static func codeDigits(_ kind: Capability) -> Int { kind == .emailCode ? EmailMethod.digits : MobilePhone.digits }

    private static func close(_ state: inout ResetState) {
        state.kind = nil
        state.challenge = nil
        state.typedContact = nil
        state.typedRegion = nil
        state.awaitingCode = false
        state.sends = 0
        state.codeUntil = nil
    }

    /// The gate that a proof passes; nil when it may not be one: policy moved, or it is no other gate than one passed before.
    private static func gate(_ use: CredentialUse, _ state: ResetState, _ facts: ResetFacts) -> PassedGate? {
        guard let standing = owner(state, facts), let credential = standing.credential(use.credential),
            let group = credential.traits.group,
            Gates.next(standing: standing, passed: state.passed, reach: .open, now: facts.now).contains(use)
        else { return nil }
        return PassedGate(group: group, channel: credential.channel, use: use)
    }
}
