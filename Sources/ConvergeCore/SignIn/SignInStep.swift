/// What happened in a sign-in. Answers were compared and secrets spent before; the step only draws the consequences.
public enum SignInEvent: Hashable, Sendable {
    /// A challenge was answered right.
    case proved(CredentialUse, references: [String]? = nil)
    /// "Not now" or "Finish later".
    case postpone
    /// "Stop for now" in a registration that cannot be put off.
    case cancel
    case startWizard
    case openChoices
    case closeChoices
    /// Another method for the step at hand.
    case choose(MethodKind)
    /// A method was registered, or the directory's value confirmed.
    case enrolled(CredentialID)
    case codesKept
    case finishWizard
    case reviewed
    case passwordChanged
}

/// What the shell has to write beside the new state, in the same transaction.
public enum SignInEffect: Hashable, Sendable {
    case startGrace
    case countSkip
    case recordReview
    /// A campaign was put off.
    case snoozeCampaign
    case audit(AuditActivity, success: Bool, detail: String?)
}

/// The state after an event, with what else has to be written.
public struct SignInTransition: Sendable {
    public var state: SignInState
    public var effects: [SignInEffect]
    /// False when the event did not fit the page the sign-in is on: a double click, a back button, an old tab.
    public var accepted: Bool
}

/// The state machine of a sign-in. The three walks run over this very function.
public enum SignInMachine {
    /// Draws the consequences of an event.
    ///
    /// An event that does not fit the page which the state shows changes nothing: the shell shows where the sign-in is.
    public static func step(_ state: SignInState, _ event: SignInEvent, _ facts: SignInFacts) -> SignInTransition {
        step(SignInDecision.next(state, facts), event, facts)
    }

    /// The same, where what the state shows has been decided already.
    static func step(_ decision: SignInDecision, _ event: SignInEvent, _ facts: SignInFacts) -> SignInTransition {
        var next = SignInTransition(state: decision.state, effects: [], accepted: true)
        switch (event, decision.page) {
        case (.proved(let use, let references), .challenge(let uses, _, _)) where uses.contains(use),
            (.proved(let use, let references), .bridge(let uses, _)) where uses.contains(use),
            (.proved(let use, let references), .directoryProof(let uses, _)) where uses.contains(use):
            prove(&next, use, references, facts)
        case (.proved(let use, let references), .unreachable) where isEmergency(use, facts):
            prove(&next, use, references, facts)
        case (.postpone, let page):
            postpone(&next, page)
        case (.cancel, let page):
            cancel(&next, page)
        case (.startWizard, .moreInformation):
            var wizard = next.state.wizard ?? WizardState()
            wizard.started = true
            next.state.wizard = wizard
            next.effects.append(.audit(.startedRegistration, success: true, detail: nil))
        case (.startWizard, .campaign(_, let name, _)):
            var wizard = WizardState()
            wizard.started = true
            wizard.campaign = name
            next.state.wizard = wizard
            next.effects.append(.audit(.startedRegistration, success: true, detail: nil))
        case (.openChoices, .register(_, let plan, _, _, _)) where plan.hasChoice:
            next.state.wizard?.choosing = true
        case (.closeChoices, .choose):
            next.state.wizard?.choosing = false
        case (.choose(let method), .choose(let plan, _, _, _)):
            choose(&next, method, plan)
        case (.choose(let method), .register(let item, let plan, _, _, _))
        where Planner(facts.standing).otherApp(than: item.method) == method:
            next.state.wizard?.chosen = [method] + plan.items.map(\.method)
            next.state.enrolment = nil
        case (.enrolled(let credential), .register):
            enrol(&next, facts)
            next.state.wizard?.done.append(credential)
        case (.enrolled, .review):
            enrol(&next, facts)
            next.state.reviewOpen = true
        case (.codesKept, .recoveryCodes):
            next.state.wizard?.codesSeen = true
        case (.finishWizard, .summary):
            next.state.closed.insert(.wizard)
            next.effects.append(.audit(.registeredAllRequired, success: true, detail: nil))
        case (.reviewed, .review):
            next.state.closed.insert(.review)
            next.effects += [.recordReview, .audit(.reviewed, success: true, detail: nil)]
        case (.passwordChanged, .changePassword):
            break
        default:
            next.accepted = false
        }
        return next
    }

    /// What a correct first factor leads to, before any event: starts the clock of a grace period.
    public static func begin(_ state: SignInState, _ facts: SignInFacts) -> SignInTransition {
        let graceBegins =
            facts.policy.mfaRequired && facts.policy.graceDays != nil && facts.person.graceStart == nil
            && facts.person.mfaFirstHeldAt == nil
        return SignInTransition(state: state, effects: graceBegins ? [.startGrace] : [], accepted: true)
    }

    /// A recovery code or a pass works even where nothing else can be reached.
    private static func isEmergency(_ use: CredentialUse, _ facts: SignInFacts) -> Bool {
        MethodRegistry.traits(of: use.capability).signIn == .offeredOnly
            && facts.standing.offered(for: .signIn, reach: facts.reach, now: facts.now).contains(use)
    }

    private static func prove(_ next: inout SignInTransition, _ use: CredentialUse, _ references: [String]?, _ facts: SignInFacts) {
        next.state.proofs.append(Proof(use: use, at: facts.now, references: references))
        next.state.challenge = nil
        if use.capability == .temporaryAccessPass {
            next.state.passEnds = facts.standing.credential(use.credential)?.validUntil
        }
    }

    private static func postpone(_ next: inout SignInTransition, _ page: SignInPage) {
        if let campaign = campaign(page, next.state) { return snooze(&next, campaign) }
        switch page {
        case .challenge(_, _, .notNow), .bridge(_, .notNow), .directoryProof(_, .notNow):
            next.state.leftOut = true
            next.state.challenge = nil
        case .moreInformation(_, let postpone), .choose(_, _, _, let postpone), .register(_, _, _, _, let postpone):
            guard postpone != .none else { return next.accepted = false }
            next.state.closed.insert(.wizard)
            next.state.enrolment = nil
            if case .finishLater = postpone { next.effects.append(.countSkip) }
            next.effects.append(.audit(.registeredAllRequired, success: false, detail: "postponed"))
        default:
            next.accepted = false
        }
    }

    /// Whether a page belongs to a campaign, and how that may be put off.
    private static func campaign(_ page: SignInPage, _ state: SignInState) -> Postponement? {
        switch page {
        case .campaign(_, _, let postpone): postpone
        case .register(_, _, _, _, let postpone) where state.wizard?.campaign != nil: postpone
        default: nil
        }
    }

    private static func snooze(_ next: inout SignInTransition, _ postponement: Postponement) {
        guard postponement != .none else { return next.accepted = false }
        next.state.closed.insert(.campaign)
        next.state.wizard = nil
        next.state.enrolment = nil
        next.effects += [.snoozeCampaign, .audit(.postponedCampaign, success: true, detail: nil)]
    }

    private static func cancel(_ next: inout SignInTransition, _ page: SignInPage) {
        switch page {
        case .moreInformation(_, .none), .choose(_, _, _, .none), .register(_, _, _, _, .none), .campaign(_, _, .none):
            next.state.cancelled = true
            next.state.enrolment = nil
            next.effects.append(.audit(.registeredAllRequired, success: false, detail: "cancelled"))
        default:
            postpone(&next, page)
        }
    }

    private static func choose(_ next: inout SignInTransition, _ method: MethodKind, _ plan: Plan) {
        let choices = (plan.alternatives.first ?? []) + plan.saferButLonger
        guard plan.items.first?.method != method else { next.state.wizard?.choosing = false; return }
        guard let item = choices.first(where: { $0.method == method }) else { return next.accepted = false }
        let rest = plan.saferButLonger.contains(item) ? plan.items[...] : plan.items.dropFirst()
        next.state.wizard?.choosing = false
        next.state.wizard?.chosen = [method] + rest.map(\.method)
        next.state.enrolment = nil
    }

    /// A first registration goes on through its own registrations and confirmations.
    private static func enrol(_ next: inout SignInTransition, _ facts: SignInFacts) {
        if next.state.isRegistrationOnly(facts.person) { next.state.registrationVersion = facts.person.securityVersion + 1 }
        next.state.enrolment = nil
    }

    /// The code proven at a registration is a proof: called with the facts *after* the credential was written.
    public static func proveByEnrolment(
        _ state: SignInState, _ use: CredentialUse, references: [String]? = nil, at now: Moment
    ) -> SignInState {
        var state = state
        state.proofs.append(Proof(use: use, at: now, references: references))
        return state
    }
}
