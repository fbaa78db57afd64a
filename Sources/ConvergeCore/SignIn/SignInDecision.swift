/// The decision after a correct first factor: the table of the decision document, read downwards.
///
/// A pure function of the state and the facts. Where the table says "start again", the state changes and the table is
/// read once more; each such change can happen once only, so that reading ends.
public struct SignInDecision: Sendable {
    public let page: SignInPage
    /// The state after entering registration-only mode or leaving interrupts out.
    public let state: SignInState
    /// Notes for audit and lint.
    public let notes: [SignInNote]

    /// Decides which page comes next.
    public static func next(_ state: SignInState, _ facts: SignInFacts) -> SignInDecision {
        var table = SignInTable(state: state, facts: facts)
        let page = table.read()
        return SignInDecision(page: page, state: table.state, notes: table.notes)
    }
}

/// Something worth telling an administrator about a decision.
public enum SignInNote: Hashable, Sendable {
    /// Interrupts were left out because nothing that could open them was reachable or allowed.
    case interruptsLeftOut
    /// A reset requirement has no plan: never a prompt, but a lint entry.
    case resetUnplannable
    case policyUnsatisfiable
}

/// One reading of the table.
struct SignInTable {
    var state: SignInState
    let facts: SignInFacts
    var notes: [SignInNote] = []
    /// What is missing, and the plan for it. Nothing that reading the table changes has a part in them.
    private(set) var requirements = Requirements.none
    private(set) var outcome = PlanOutcome.nothingToPlan

    /// - Parameter planning: makes the plan; whoever reads the table for many people may remember plans.
    init(state: SignInState, facts: SignInFacts, planning: Planning = Planner.plan) {
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
        if person.firstHeldAt != nil {
            let proofs = standing.proofsForChange(reach: facts.reach, now: facts.now)
            if !proofs.isEmpty, !isBridge { return .bridge(uses: proofs, postpone: proofPostponement) }  // 7a
            return isDemanded ? .deadEnd(.stranded) : leaveOut()  // 7b
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
        guard let days = policy.graceDays, days > 0, person.mfaFirstHeldAt == nil else { return false }
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
        guard isGuardMet else { return nil }
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
        if mfaMissing, isDemanded { return .wizard(outcome.plan, .none) }  // 10
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
    private var proofPostponement: Postponement { isDemanded ? .none : .notNow(until: graceShown) }

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

/// Authentication method references (RFC 8176 section 2).
public enum AuthenticationReference {
    /// What tells the truth about a proof.
    public static func values(of proof: Proof) -> [String] { proof.references ?? [value(of: proof.use.capability)] }

    /// The value that tells the truth about a capability.
    public static func value(of capability: Capability) -> String {
        switch capability {
        case .appNotification: "swk"
        case .appCode, .hardwareCode, .emailCode, .recoveryCode, .temporaryAccessPass: "otp"
        case .text: "sms"
        case .call, .alternateCall, .officeCall: "tel"
        case .passkey: "hwk"
        case .securityQuestions: "kba"
        case .appPassword: "pwd"
        }
    }
}
