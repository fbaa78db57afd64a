// swift-format-ignore-file
// The rules of Sources/ConvergeCore/SignIn with planted bugs. Made of them and compared with them by PlantedCopyTests:
// whoever changes the rules changes this too, by hand or by CONVERGE_COPY_RULES=1 swift test --filter PlantedCopyTests.
@testable import ConvergeCore

/// One reading of the table.
struct PlantedTable {
    var state: SignInState
    let facts: PlantedFacts
    var notes: [SignInNote] = []
    /// What is missing, and the plan for it. Nothing that reading the table changes has a part in them.
    private(set) var requirements = Requirements.none
    private(set) var outcome = PlanOutcome.nothingToPlan

    /// - Parameter planning: makes the plan; whoever reads the table for many people may remember plans.
    init(state: SignInState, facts: PlantedFacts, planning: Planning = Planner.plan) {
        self.state = state
        self.facts = facts
        requirements = standing.requirements(
            mfaWanted: isDemanded || standing.mustRegisterForSignIn, resetWanted: policy.requireForReset)
        outcome = planning(standing, requirements, state.wizard?.chosen ?? [])
    }

    private var standing: Standing { facts.standing }
    private var person: Person { facts.person }
    private var policy: ResolvedPolicy { facts.policy }

    // MARK: the table

    mutating func read() -> SignInPage {
        guard person.state != .blocked else { return .blocked }  // 1
        guard person.state == .enabled, state.epoch == person.sessionEpoch else { return .outdated }
        guard !state.cancelled else { return .cancelled }
        if facts.has(.passwordBeforeProof), mustChangePassword { return .changePassword }
        if needsProof {  // 2–4
            if let page = proofPage() { return page }  // 5–7d
        }
        if mustChangePassword { return .changePassword }  // 8
        if let page = entryWithoutProof() { return page }  // 9a
        if let page = interruptPage() ?? campaignPage() { return page }  // 10–13, 14
        return finish()  // 15
    }

    /// Rows 2–4: whether a proof has to be asked for now.
    private var needsProof: Bool {
        if state.firstFactor != .password { return false }
        if !isMFADue || isProven { return false }
        return !((isBridge || isRegistrationOnly) && openInterrupt != nil)
    }

    /// Rows 5–7d. Nil: nothing stands in the way any more, go on.
    private mutating func proofPage() -> SignInPage? {
        let offered = standing.offered(for: .signIn, reach: facts.reach, now: facts.now)
        let counting = standing.counting(for: .signIn)
        let usable = offered.filter(Set(counting).contains)
        if let first = standing.effectiveDefault(offered: usable, counting: counting) {
            return .challenge(uses: offered, first: first, postpone: proofPostponement)  // 5
        }
        if !counting.isEmpty { return isDemanded ? .unreachable : leaveOut() }  // 6
        if isDemanded, outcome.mfaImpossible {  // 7
            notes.append(.policyUnsatisfiable)
            return .deadEnd(.policyUnsatisfiable)
        }
        if facts.everHeld {
            let proofs = standing.proofsForChange(reach: facts.reach, now: facts.now)
            if !proofs.isEmpty, !isBridge { return .bridge(uses: proofs, postpone: proofPostponement) }  // 7a
            return isDemanded || facts.has(.deadEndForInterrupt) ? .deadEnd(.stranded) : leaveOut()  // 7b
        }
        return enterRegistration() ?? .deadEnd(.registrationGuarded)  // 7c, 7d
    }

    /// Row 9a: interrupts may only open for somebody without any proof when the guard is met.
    private mutating func entryWithoutProof() -> SignInPage? {
        guard person.firstHeldAt == nil, openInterrupt != nil, state.firstFactor == .password, !isProven, !isRegistrationOnly
        else { return nil }
        if policy.guardKind == .directoryContact, let page = directoryProof() { return page }
        if isGuardMet {
            state.registrationVersion = person.securityVersion
            return nil
        }
        return leaveOut()
    }

    /// Rows 10–13, and the last pages of a wizard that has registered something.
    private mutating func interruptPage() -> SignInPage? {
        if outcome.resetImpossible { notes.append(.resetUnplannable) }  // 9
        switch openInterrupt {
        case .wizard(let plan, let postpone):
            return wizardPage(plan, postpone)
        case .review:
            return wizardEnd() ?? .review
        case nil:
            return wizardEnd()
        }
    }

    /// Row 14: after a second step, where nothing of 10–13 was shown in this sign-in.
    private func campaignPage() -> SignInPage? {
        guard isProven, !state.leftOut, state.closed.isEmpty, state.wizard.map({ $0.campaign != nil }) ?? true,
            let (rule, kind) = standing.openCampaign(at: facts.now)
        else { return nil }
        let item = PlanItem(kind), isOver = rule.snoozesMax.map { person.campaignSnoozes >= $0 } ?? false
        let postpone = isOver && isDemanded ? Postponement.none : .notNow(until: nil)
        guard state.wizard?.started == true else { return .campaign(item, name: rule.name, postpone: postpone) }
        return .register(item, Plan(items: [item], alternatives: [[]]), step: 1, of: 1, postpone: postpone)
    }

    private func wizardPage(_ plan: Plan, _ postpone: Postponement) -> SignInPage {
        guard let wizard = state.wizard, wizard.started, let item = plan.items.first else {
            return .moreInformation(plan, postpone: postpone)
        }
        let step = wizard.done.count + 1, total = wizard.done.count + plan.items.count
        if wizard.choosing, plan.hasChoice { return .choose(plan, step: step, of: total, postpone: postpone) }
        return .register(item, plan, step: step, of: total, postpone: postpone)
    }

    private func wizardEnd() -> SignInPage? {
        guard let wizard = state.wizard, !wizard.done.isEmpty, !state.closed.contains(.wizard), isSecurityInfoOpen else { return nil }
        return wizard.codesSeen || !policy.recoveryCodes || !anythingCountsForSignIn ? .summary : .recoveryCodes
    }

    private mutating func finish() -> SignInPage {
        // The rows above leave no way here; should one be found, the door stays closed.
        guard !isDemanded || isProven || state.firstFactor != .password else { return .deadEnd(.stranded) }
        return .done(grant)
    }

    private mutating func leaveOut() -> SignInPage? {
        state.leftOut = true
        notes.append(.interruptsLeftOut)
        return nil
    }

    // MARK: what the rows ask

    /// A second step is demanded of this person in this request.
    var isDemanded: Bool {
        if facts.request.applicationDemandsMFA || person.isAdministrator { return true }
        guard person.mfaState != .disabled || (policy.mfaRequired && !isInGrace) else { return false }
        let exempt = facts.request.rememberedBrowser || (policy.exemptTrustedNetworks && facts.request.inTrustedNetwork)
        return !exempt
    }

    /// Grace holds a second step back only for somebody who never had one.
    var isInGrace: Bool {
        guard let days = policy.graceDays, days > 0, person.mfaFirstHeldAt == nil || facts.has(.graceForEverybody) else { return false }
        guard let end = graceEnds else { return true }
        return facts.now < end
    }

    /// When grace ends; nil while its clock has not started.
    var graceEnds: Moment? {
        guard let days = policy.graceDays, let start = person.graceStart else { return nil }
        return facts.endOfDay(start, days)
    }

    /// What "Not now" may say about the days left: nothing once grace is over or never was.
    private var graceShown: Moment? { isInGrace ? graceEnds : nil }

    private var isMFADue: Bool { isDemanded || (person.firstHeldAt != nil && openInterrupt != nil) }

    /// Proven now: by something that counts, or by a recovery code or a pass.
    var isProven: Bool {
        guard facts.isDefaultThere else { return false }
        let counting = Set(standing.counting(for: .signIn))
        return state.proofs.contains { proof in
            counting.contains(proof.use) || proof.use.capability == .recoveryCode
                || proof.use.capability == .temporaryAccessPass
        }
    }

    /// One proof with something held, nothing counting: good for registering a replacement.
    var isBridge: Bool {
        guard person.firstHeldAt != nil, !anythingCountsForSignIn else { return false }
        let accepted = Set(standing.proofsForChange(reach: .open, now: facts.now))
        return state.proofs.contains { accepted.contains($0.use) }
    }

    var isRegistrationOnly: Bool { state.isRegistrationOnly(person) }

    /// The last pages make recovery codes and show in full what the person holds: what opened the wizard must still be good.
    private var isSecurityInfoOpen: Bool { state.firstFactor != .password || isProven || isBridge || isRegistrationOnly }

    private var anythingCountsForSignIn: Bool { standing.anythingCountsForSignIn }

    private var isGuardMet: Bool {
        switch policy.guardKind {
        case .password: true
        case .trustedNetwork: facts.request.inTrustedNetwork
        case .directoryContact: state.proofs.contains { directoryUses(.open).contains($0.use) }
        case .accessPass: state.firstFactor == .accessPass
        }
    }

    private mutating func enterRegistration() -> SignInPage? {
        if policy.guardKind == .directoryContact, !isGuardMet { return directoryProof() }
        guard isGuardMet || facts.has(.wizardWithoutGuard) else { return nil }
        guard !isRegistrationOnly else { return nil }
        state.registrationVersion = person.securityVersion
        return read()
    }

    private func directoryProof() -> SignInPage? {
        let uses = directoryUses(facts.reach)
        return uses.isEmpty || isGuardMet ? nil : .directoryProof(uses: uses, postpone: proofPostponement)
    }

    /// Contacts that the directory knows and nobody has confirmed.
    private func directoryUses(_ reach: Reachability) -> [CredentialUse] { standing.directoryContacts(reach: reach) }

    private var mustChangePassword: Bool {
        guard state.firstFactor == .password, person.passwordMustChange || person.passwordKnownToOthers else { return false }
        let passGiven = state.proofs.contains { $0.use.capability == .temporaryAccessPass }
        return !passGiven && !((isBridge || isRegistrationOnly) && openInterrupt != nil)
    }

    // MARK: interrupts

    enum OpenInterrupt {
        case wizard(Plan, Postponement)
        case review
    }

    /// Which of rows 10–13 would open now, proofs aside.
    var openInterrupt: OpenInterrupt? {
        guard policy.inRollOut else { return nil }
        let missing = requirements, outcome = self.outcome
        let mfaMissing = missing.mfa && !outcome.mfaImpossible
        if mfaMissing, isDemanded || (facts.has(.wizardForcedOnBridge) && isBridge) { return .wizard(outcome.plan, .none) }  // 10
        guard !state.leftOut else { return nil }
        if mfaMissing, !state.closed.contains(.wizard) {
            return .wizard(outcome.plan, .notNow(until: graceShown))  // 11
        }
        if missing.reset > 0, !outcome.resetImpossible, !state.closed.contains(.wizard) {
            return .wizard(outcome.plan, resetPostponement)  // 12
        }
        return isReviewDue && !state.closed.contains(.review) ? .review : nil  // 13
    }

    private var resetPostponement: Postponement {
        guard let most = policy.resetSkipsMax else {
            return state.wizard?.done.isEmpty == false ? .finishLater(skipsLeft: nil) : .notNow(until: nil)
        }
        let left = most - person.resetSkips
        return left > 0 ? .finishLater(skipsLeft: left) : .none
    }

    /// A proof that only an interrupt asks for can be put off.
    private var proofPostponement: Postponement { isDemanded || facts.has(.challengeWithoutNotNow) ? .none : .notNow(until: graceShown) }

    private var isReviewDue: Bool {
        guard policy.requireForMFA || policy.requireForReset, standing.credentials.contains(where: standing.isHeld) else { return false }
        guard !state.reviewOpen else { return true }
        let lastReview = person.lastReviewAt
        let news = standing.credentials.contains { credential in
            credential.state == .unconfirmed && lastReview.map { credential.addedAt > $0 } ?? true && standing.wouldServe(credential)
        }
        return news || isReviewDate
    }

    private var isReviewDate: Bool {
        guard policy.resetInScope, let days = policy.reconfirmDays else { return false }
        let latest = standing.credentials.filter(standing.isRegistered).map(\.addedAt).max()
        guard let last = [person.lastReviewAt, latest].compactMap({ $0 }).max() else { return false }
        return facts.now >= last + .days(days)
    }

    // MARK: the end

    private var grant: SessionGrant {
        var amr = state.firstFactor == .password ? ["pwd"] : []
        if state.firstFactor == .accessPass { amr.append("otp") }
        for proof in state.proofs {
            for value in AuthenticationReference.values(of: proof) where !amr.contains(value) { amr.append(value) }
        }
        let hasMFA = isProven || state.firstFactor != .password
        // A passkey that checked its user is two factors: what one has, and what one knows or is.
        if hasMFA, state.firstFactor != .accessPass { amr.append("mfa") }
        return SessionGrant(
            amr: amr, proofs: state.proofs, hasMFA: hasMFA, endsAt: state.passEnds,
            rememberDays: state.remember && isProven && !person.isAdministrator ? policy.rememberBrowserDays : 0)
    }
}

/// The state machine of a sign-in. The three walks run over this very function.
enum PlantedMachine {
    /// Draws the consequences of an event.
    ///
    /// An event that does not fit the page which the state shows changes nothing: the shell shows where the sign-in is.
    static func step(_ state: SignInState, _ event: SignInEvent, _ facts: PlantedFacts) -> SignInTransition {
        step(SignInDecision.next(state, facts), event, facts)
    }

    /// The same, where what the state shows has been decided already.
    static func step(_ decision: SignInDecision, _ event: SignInEvent, _ facts: PlantedFacts) -> SignInTransition {
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
    static func begin(_ state: SignInState, _ facts: PlantedFacts) -> SignInTransition {
        let graceBegins =
            facts.policy.mfaRequired && facts.policy.graceDays != nil && facts.person.graceStart == nil
            && facts.person.mfaFirstHeldAt == nil
        return SignInTransition(state: state, effects: graceBegins ? [.startGrace] : [], accepted: true)
    }

    /// A recovery code or a pass works even where nothing else can be reached.
    private static func isEmergency(_ use: CredentialUse, _ facts: PlantedFacts) -> Bool {
        MethodRegistry.traits(of: use.capability).signIn == .offeredOnly
            && facts.standing.offered(for: .signIn, reach: facts.reach, now: facts.now).contains(use)
    }

    private static func prove(_ next: inout SignInTransition, _ use: CredentialUse, _ references: [String]?, _ facts: PlantedFacts) {
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
    private static func enrol(_ next: inout SignInTransition, _ facts: PlantedFacts) {
        if next.state.isRegistrationOnly(facts.person) { next.state.registrationVersion = facts.person.securityVersion + 1 }
        next.state.enrolment = nil
    }

    /// The code proven at a registration is a proof: called with the facts *after* the credential was written.
    static func proveByEnrolment(
        _ state: SignInState, _ use: CredentialUse, references: [String]? = nil, at now: Moment
    ) -> SignInState {
        var state = state
        state.proofs.append(Proof(use: use, at: now, references: references))
        return state
    }
}
