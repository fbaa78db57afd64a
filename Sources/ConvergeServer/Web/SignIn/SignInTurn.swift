import ConvergeCore

/// One step of a sign-in inside a transaction: facts, state, and everything that has to be written with them.
struct SignInTurn {
    let instance: Instance
    let request: AnonymousRequest
    let ledger: Ledger
    let flowID: FlowID
    var dossier: Dossier
    let browser: BrowserRecord
    var state: SignInFlowState
    /// What the sign-in ended with.
    private var opened: FlowEnd?

    init(
        instance: Instance, request: AnonymousRequest, ledger: Ledger, flowID: FlowID, dossier: Dossier, browser: BrowserRecord,
        state: SignInFlowState
    ) {
        self.instance = instance
        self.request = request
        self.ledger = ledger
        self.flowID = flowID
        self.dossier = dossier
        self.browser = browser
        self.state = state
    }

    /// Loads a turn. Nil: the flow's state is not known to this release, or the person is gone.
    init?(_ flow: FlowRecord, _ request: AnonymousRequest, _ instance: Instance, _ db: any Connection) throws {
        guard let state = try instance.flows.state(SignInFlowState.self, of: flow),
            let (dossier, browser) = try instance.dossier(
                state.core.person, request, answering: state.core.challenge, enrolling: state.core.enrolment, db)
        else { return nil }
        self.init(
            instance: instance, request: request, ledger: Ledger(instance, db, request: request, correlation: flow.id.text),
            flowID: flow.id, dossier: dossier, browser: browser, state: state)
    }

    // MARK: facts

    var facts: SignInFacts {
        let facts = RequestFacts(
            inTrustedNetwork: request.isFromNetwork(of: dossier.document), rememberedBrowser: browser.rememberedUntil != nil)
        return dossier.signInFacts(facts, instance)
    }

    var decision: SignInDecision { SignInDecision.next(state.core, facts) }

    /// The page is a dead end, and this very one has not been written down.
    var needsNote: Bool { noteOfPage.map { $0 != state.noted } ?? false }

    private var noteOfPage: String? {
        switch decision.page {
        case .deadEnd(let end): end.rawValue
        case .unreachable: "unreachable"
        case .blocked: "blocked"
        default: nil
        }
    }

    var challenger: Challenger {
        Challenger(instance: instance, dossier: dossier, knownBrowser: browser.isKnown, ledger: ledger)
    }

    var registrar: Registrar { Registrar(instance: instance, dossier: dossier, ledger: ledger) }

    /// The reference that a person reads to the helpdesk; the audit log has the same.
    var caseCode: String { CaseCode.of(flowID, instance) }

    // MARK: actions

    /// Takes one action of a form. A refusal re-renders the page with what is wrong.
    mutating func take(_ action: String) throws -> Refusal? {
        switch action {
        case "use":
            state.phone = SignInFlowState.PhoneGone(rawValue: request.form["phone"])
            return try chooseUse(request.form["use"])
        case "lost": return try reportLost()
        case "answer": return try answer()
        case "send": return try sendAgain()
        case "postpone": try step(.postpone)
        case "stop": try step(.cancel)
        case "start": try step(.startWizard)
        case "choices": try step(.openChoices)
        case "no-choice": try step(.closeChoices)
        case "method": if let kind = MethodKind(rawValue: request.form["method"]) { try step(.choose(kind)) }
        case "kept":
            guard request.form.isTicked("kept") else { return Refusal(.keptNotTicked) }
            state.codes = nil
            try step(.codesKept)
        case "finish": try step(.finishWizard)
        case "review": try step(.reviewed)
        case "review-change": if try step(.reviewed) { state.goTo = "/security-info" }
        case "confirm-start": try startConfirmation(CredentialID(request.form["credential"]))
        case "confirm-cancel": state.core.enrolment = nil
        case "confirm": return try confirm()
        default:
            if let input = EnrolmentInput.from(action, request.form) { return try enrol(input) }
        }
        return nil
    }

    /// Draws the consequences of an event; one that does not fit changes nothing.
    @discardableResult
    mutating func step(_ event: SignInEvent) throws -> Bool {
        let next = SignInMachine.step(state.core, event, facts)
        guard next.accepted else { return false }
        state.core = next.state
        try apply(next.effects)
        return true
    }

    func apply(_ effects: [SignInEffect]) throws {
        let people = instance.people, id = dossier.person.id
        for effect in effects {
            switch effect {
            case .startGrace: try people.startGrace(id, at: request.now, ledger.db)
            case .countSkip: try people.countSkip(id, ledger.db)
            case .snoozeCampaign: try people.snoozeCampaign(id, at: request.now, ledger.db)
            case .recordReview: try people.recordReview(id, at: request.now, ledger.db)
            case .audit(let activity, let success, let detail):
                try ledger.note(activity, dossier.record, success: success, reason: success ? nil : detail)
            }
        }
    }

    // MARK: the phone is gone

    /// Whether the page at hand has a question that the phone would answer.
    var mayLackPhone: Bool {
        switch decision.page {
        case .challenge, .bridge, .unreachable: !LostPhone.onPhone(dossier).isEmpty
        default: false
        }
    }

    /// Switches off what was on the phone; this sign-in goes on with what is left.
    private mutating func reportLost() throws -> Refusal? {
        guard mayLackPhone else { return nil }
        guard try LostPhone.report(request.form, dossier, LostPhone.onPhone(dossier), keepFlow: flowID, ledger) else {
            return Refusal(.nothingTicked)
        }
        try reload()
        state.core.epoch = dossier.person.sessionEpoch
        state.core.challenge = nil
        state.phone = nil
        state.saved = .phoneLost
        return nil
    }

    /// Until when this browser needs no second step because the phone stayed at home; nil: no such thing.
    private func untilMidnight(_ grant: SessionGrant) -> Moment? {
        let onPhone = Set(LostPhone.onPhone(dossier).map(\.id))
        guard state.phone == .today, grant.hasMFA, !dossier.person.isAdministrator, let proof = grant.proofs.last?.use,
            !onPhone.contains(proof.credential)
        else { return nil }
        return instance.endOfDay(request.now, 0)
    }

    // MARK: challenges

    /// What the page at hand offers.
    var offered: [CredentialUse] { Self.offered(decision.page, facts) }

    static func offered(_ page: SignInPage, _ facts: SignInFacts) -> [CredentialUse] {
        switch page {
        case .challenge(let uses, _, _), .bridge(let uses, _), .directoryProof(let uses, _): uses
        case .unreachable:
            facts.standing.offered(for: .signIn, reach: facts.reach, now: facts.now)
                .filter { MethodRegistry.traits(of: $0.capability).signIn == .offeredOnly }
        default: []
        }
    }

    private mutating func chooseUse(_ text: String) throws -> Refusal? {
        guard let use = CredentialUse(form: text), offered.contains(use) else { return nil }
        if state.core.challenge?.use == use, !challenger.sends(use) { return nil }
        return try begin(use)
    }

    private mutating func begin(_ use: CredentialUse) throws -> Refusal? {
        let (challenge, refusal) = try challenger.begin(use, purpose: .signIn, continuing: state.core.challenge)
        // A challenge that could not send is kept only when it had sent before.
        if refusal == nil || challenge.isUnderWay { state.core.challenge = challenge }
        return refusal
    }

    private mutating func sendAgain() throws -> Refusal? {
        guard let challenge = state.core.challenge, offered.contains(challenge.use) else { return nil }
        if let refusal = try begin(challenge.use) { return refusal }
        state.saved = .sentAgain
        return nil
    }

    private mutating func answer() throws -> Refusal? {
        let offered = self.offered
        guard var challenge = state.core.challenge else { return nil }
        // Deleted, switched off or not allowed any more, while somebody typed its code.
        guard offered.contains(challenge.use) else { return offered.isEmpty ? nil : Refusal(.methodGone) }
        state.core.remember = request.form.isTicked("remember")
        let outcome = try challenger.answer(request.form.answer, state: &challenge, offered: offered)
        state.core.challenge = challenge
        switch outcome {
        case .refused(let refusal):
            try ledger.note(
                .challengeAnswered, dossier.record, success: false, reason: refusal.code.rawValue,
                details: refusal.logged.merging(["capability": challenge.use.capability.rawValue]) { $1 })
            return refusal
        case .proved(let proof):
            try ledger.note(.challengeAnswered, dossier.record, details: ["capability": proof.use.capability.rawValue])
            try step(.proved(proof.use, references: proof.references))
            try reload()
            if state.phone == .new { state.goTo = NewPhone.path }
            return nil
        }
    }

    // MARK: registrations

    private mutating func enrol(_ input: EnrolmentInput) throws -> Refusal? {
        guard let enrolment = openEnrolment else { return nil }
        let isFirst = dossier.person.firstHeldAt == nil || (state.core.wizard?.done.isEmpty == false && isFirstWizard)
        switch try registrar.take(input, enrolment, firstWizard: isFirst) {
        case .waiting(let next, _, let refusal):
            state.core.enrolment = next
            return refusal
        case .finished(let proof):
            let use = proof.use
            try step(.enrolled(use.credential))
            try reload()
            if dossier.standing.counting(for: .signIn).contains(use) {
                state.core = SignInMachine.proveByEnrolment(state.core, use, references: proof.references, at: request.now)
            }
            state.core.enrolment = nil
            state.saved = enrolment.confirms == use.credential ? .confirmed(enrolment.method) : .added(enrolment.method)
            return nil
        }
    }

    /// The registration that the page at hand asks for.
    var openEnrolment: EnrolmentState? {
        guard let enrolment = state.core.enrolment else { return nil }
        let isOpen =
            switch decision.page {
            case .register(let item, _, _, _, _): enrolment.method == item.method
            case .review: enrolment.confirms != nil
            default: false
            }
        return isOpen ? enrolment : nil
    }

    /// In a review: a value of the directory is to be confirmed.
    private mutating func startConfirmation(_ id: CredentialID) throws {
        guard case .review = decision.page, let record = dossier.credential(id), record.credential.state == .unconfirmed else { return }
        state.core.enrolment = try registrar.begin(record.credential.method, confirming: id)?.state
    }

    /// The wizard of somebody who had nothing when this sign-in began.
    private var isFirstWizard: Bool {
        let done = Set(state.core.wizard?.done ?? [])
        return dossier.credentials.allSatisfy { done.contains($0.id) || $0.credential.state != .active }
    }

    /// "Yes, that is my number": the code goes to the value that the directory knows.
    private mutating func confirm() throws -> Refusal? {
        guard let enrolment = state.core.enrolment, let confirms = enrolment.confirms, let record = dossier.credential(confirms) else {
            return nil
        }
        let content = try instance.credentials.open(record).content
        if let dialled = content.dialled { return try enrol(.phone(typed: dialled.typed, region: instance.config.organisation.country)) }
        if let email = content.email { return try enrol(.email(email.address)) }
        return nil
    }

    mutating func reload() throws {
        guard let (dossier, _) = try instance.dossier(state.core.person, request, answering: state.core.challenge, ledger.db) else {
            throw Overtaken()
        }
        self.dossier = dossier
    }

    // MARK: settling

    /// Brings the state to rest after a step: starts what starts by itself, and ends the sign-in when nothing is left.
    ///
    /// - Returns: the reply that ends the sign-in; nil while a page waits for an answer.
    mutating func settle(returnTo: String) throws -> Reply? {
        let decision = self.decision
        state.core = decision.state
        try noteOnce(decision)
        switch decision.page {
        case .challenge(let uses, let first, _):
            if let current = state.core.challenge, uses.contains(current.use) { return nil }
            state.core.challenge = nil
            if try challenger.mayStartByItself(first) { _ = try begin(first) }
        case .bridge(let uses, _), .directoryProof(let uses, _):
            if let current = state.core.challenge, uses.contains(current.use) { return nil }
            state.core.challenge = nil
            if let only = uses.first, !challenger.sends(only) { _ = try begin(only) }
        case .register(let item, _, _, _, _):
            if state.core.enrolment?.method == item.method, state.core.enrolment?.confirms == item.confirms { return nil }
            state.core.enrolment = try registrar.begin(item.method, confirming: item.confirms)?.state
        case .recoveryCodes:
            return try makeCodes(returnTo)
        case .done(let grant):
            return try finish(grant, state.goTo ?? returnTo)
        case .outdated:
            return .redirect("/sign-in?notice=ended")
        case .cancelled:
            return .page(StoppedPage(again: SignInConversation.start))
        default:
            break
        }
        return nil
    }

    private mutating func makeCodes(_ returnTo: String) throws -> Reply? {
        guard state.codes == nil else { return nil }
        let hasCodes = dossier.credentials.contains { $0.credential.method == .recoveryCodes && ($0.credential.remaining ?? 0) > 0 }
        guard !hasCodes else {
            try step(.codesKept)
            return try settle(returnTo: returnTo)
        }
        let isRegistrationOnly = state.core.registrationVersion == dossier.person.securityVersion
        state.codes = try registrar.makeRecoveryCodes(fromFirstWizard: true).map(\.text)
        try reload()
        // The mode goes on: it was this very sign-in that changed what is held.
        if isRegistrationOnly { state.core.registrationVersion = dossier.person.securityVersion }
        return nil
    }

    private mutating func noteOnce(_ decision: SignInDecision) throws {
        if decision.notes.contains(.interruptsLeftOut) {
            try ledger.note(.interruptsLeftOut, dossier.record, success: false, reason: "nothing that opens them can be used")
        }
        guard needsNote, let note = noteOfPage else { return }
        state.noted = note
        try ledger.note(.deadEndShown, dossier.record, success: false, reason: note, caseCode: caseCode)
    }

    private mutating func finish(_ grant: SessionGrant, _ returnTo: String) throws -> Reply {
        let db = ledger.db, person = dossier.person, now = request.now
        if let old = try instance.session(request.sessionSecret, now: now, db) { try instance.sessions.revoke(old.id, now: now, db) }
        let opened = try instance.openSession(
            person, amr: grant.amr, proofs: grant.proofs, endsAt: grant.endsAt, policy: dossier.policy.session, request, db)
        try instance.sessions.noteBrowser(
            secretHash: request.browserHash, person: person, now: now,
            rememberUntil: grant.rememberDays > 0 ? now + .days(grant.rememberDays) : untilMidnight(grant), agent: request.agent, db)
        try ledger.note(.signedIn, dossier.record, details: ["amr": grant.amr.joined(separator: " ")])
        self.opened = opened.end(returnTo, request, instance)
        return .redirect(returnTo, opening: opened)
    }

    /// Begins the flow, which may be over already.
    func insert(life: Span, isOver: Bool) throws {
        let content: any Encodable = opened ?? state
        try instance.flows.insert(
            flowID, kind: .signIn, state: content, person: state.core.person, epoch: state.core.epoch, browserHash: request.browserHash,
            returnTo: request.returnTo, policyVersion: dossier.policy.version, isOver: isOver, now: request.now, life: life, ledger.db)
    }

    /// Writes the state; closes the flow with its end.
    func save(_ flow: FlowRecord, _ end: Reply?) throws -> Reply? {
        let version = dossier.policy.version, db = ledger.db
        let isSaved =
            if let opened {
                try instance.flows.end(flow, with: opened, policyVersion: version, now: request.now, db)
            } else {
                try instance.flows.update(flow, state: state, policyVersion: version, close: end != nil, now: request.now, db)
            }
        guard isSaved else { throw Overtaken() }
        return end
    }

    /// The same for an end that is certain.
    func save(_ flow: FlowRecord, _ end: Reply) throws -> Reply {
        _ = try save(flow, Optional(end))
        return end
    }
}

extension CredentialUse {
    /// As a form field carries it: credential and capability.
    var formValue: String { "\(credential).\(capability.rawValue)" }

    /// Reads the form field back.
    init?(form text: String) {
        let parts = text.split(separator: ".")
        guard parts.count == 2, let capability = Capability(rawValue: String(parts[1])) else { return nil }
        self.init(credential: CredentialID(String(parts[0])), capability: capability)
    }
}

/// Six characters on a dead end, the same whenever the page is shown: found again in the audit log.
enum CaseCode {
    static func of(_ flow: FlowID, _ instance: Instance) -> String {
        let digest = Hex.decode(instance.keyed(flow.text, "case")) ?? []
        let bytes = Array(digest.prefix(6))
        return ReadableCode(.caseCode, random: bytes)?.shown(.caseCode).text ?? "000000"
    }
}
