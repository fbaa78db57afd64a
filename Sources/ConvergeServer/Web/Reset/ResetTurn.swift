import ConvergeCore

/// One step of a reset inside a transaction.
struct ResetTurn {
    let instance: Instance
    let request: AnonymousRequest
    let flow: FlowRecord
    let ledger: Ledger
    /// The person's, or that of nobody: work and counters are the same.
    let dossier: Dossier
    /// Whether the dossier is of a person who could reset here when this reset began.
    let isSomebody: Bool
    let knownBrowser: Bool
    var state: ResetState
    /// "I can't use any of these" was pressed.
    private(set) var isStuck = false

    /// Loads a turn. Nil: the flow's state is not known to this release.
    init?(_ flow: FlowRecord, _ request: AnonymousRequest, _ instance: Instance, _ db: any Connection) throws {
        guard let state = try instance.flows.state(ResetState.self, of: flow) else { return nil }
        self.instance = instance
        self.request = request
        self.flow = flow
        self.state = state
        ledger = Ledger(instance, db, request: request, correlation: flow.id.text)
        let nobody = ResetNobody.record(state.name, instance, now: request.now)
        let found = try instance.ask(
            about: .person(state.person ?? nobody.id), .hash(request.browserHash), standIn: nobody, now: request.now, db
        ).answer()
        guard let found else { throw Fault("a person with a stand-in is nobody") }
        isSomebody = found.dossier.record.id != nobody.id
        knownBrowser = found.browser.isKnown
        dossier = found.dossier
    }

    var facts: ResetFacts {
        ResetFacts(
            standing: isSomebody ? dossier.standing : nil, document: dossier.document, reach: dossier.reach, now: request.now)
    }

    var page: ResetPage { ResetMachine.page(state, facts) }

    var db: any Connection { ledger.db }

    var challenger: Challenger {
        Challenger(instance: instance, dossier: dossier, knownBrowser: knownBrowser, ledger: ledger)
    }

    /// Six characters, the same on the page and in the audit log.
    var caseCode: String { CaseCode.of(flow.id, instance) }

    /// The credentials that passed a gate.
    var proved: Set<CredentialID> { Set(state.passed.map(\.use.credential)) }

    // MARK: actions

    /// Takes one action of a form; one that does not fit the page changes nothing.
    mutating func take(_ action: String) throws -> Refusal? {
        guard pausedUntil() == nil || action == "back" else { return nil }
        switch action {
        case "reason": try giveReason(request.form["reason"])
        case "gate": return try choose(request.form["gate"])
        case "contact": return try takeContact()
        case "again": return try sendAgain()
        case "change": step(.changeContact)
        case "answer": return try takeAnswer()
        case "back": step(.back)
        case "cannot": try noteCannot()
        case "unlock": try unlock()
        default: break
        }
        return nil
    }

    @discardableResult
    mutating func step(_ event: ResetEvent) -> Bool {
        guard let next = ResetMachine.step(state, event, facts) else { return false }
        state = next
        return true
    }

    private mutating func giveReason(_ text: String) throws {
        let reasons = ["forgot": ResetReason.forgotten, "locked": .locked]
        guard let reason = reasons[text], step(.because(reason)) else { return }
        try note("reason given", details: ["reason": reason.rawValue])
    }

    // MARK: choosing

    private mutating func choose(_ text: String) throws -> Refusal? {
        if let use = CredentialUse(form: text) { return try chooseOwn(use) }
        guard let kind = Capability(rawValue: text) else { return nil }
        step(.choose(kind))
        return nil
    }

    /// One of the person's own methods, after a passed gate: its code is sent at once.
    private mutating func chooseOwn(_ use: CredentialUse) throws -> Refusal? {
        guard case .chooseUse(let uses) = page, uses.contains(use) else { return nil }
        let (challenge, refusal) = try challenger.begin(use, purpose: .reset, continuing: nil)
        if let refusal { return refusal }
        if challenger.sends(use) { try note("code sent", details: ["capability": use.capability.rawValue]) }
        step(.chooseUse(challenge, until: challenge.until))
        return nil
    }

    /// "I can't use any of these": a reference for the helpdesk, in the log as on the page.
    private mutating func noteCannot() throws {
        switch page {
        case .chooseKind, .chooseUse: break
        default: return
        }
        isStuck = true
        try note("no way to prove", success: false, reason: "cannot", caseCode: caseCode)
    }

    // MARK: budgets

    /// Known browsers and others are counted apart, so that a stranger locks nobody out.
    func key(_ name: String) -> String { Budgets.reset(name, knownBrowser: knownBrowser) + dossier.person.id.text }

    /// After a passed gate: five resets that failed within a day close this way for browsers of this kind.
    func pausedUntil() -> Moment? {
        guard !state.passed.isEmpty, !state.countedAsFailed else { return nil }
        switch page {
        case .chooseUse, .code: return dossier.closed(key("failed"), Budgets.resetsPerPerson)
        default: return nil
        }
    }

    /// Counts this reset as failed, once, before the answer is compared.
    mutating func countAsFailed() throws {
        guard !state.passed.isEmpty, !state.countedAsFailed else { return }
        state.countedAsFailed = true
        _ = try instance.budgets.spend(key("failed"), Budgets.resetsPerPerson, now: request.now, db)
        if try instance.budgets.exhausted(key("failed"), Budgets.resetsPerPerson, now: request.now, db) != nil { try noteBlocked() }
    }

    /// Written down once a day, however often somebody knocks.
    func noteBlocked() throws {
        let once = BudgetRule(limit: 1, window: .hours(24))
        guard try instance.budgets.spend(key("noted"), once, now: request.now, db) == nil else { return }
        try ledger.note(.resetBlocked, isSomebody ? dossier.record : nil, success: false, by: .anonymous)
    }

    private func clearBudgets() throws {
        let kinds = [true, false].flatMap { known in ["failed", "noted"].map { Budgets.reset($0, knownBrowser: known) } }
        try instance.budgets.clear(kinds.map { $0 + dossier.person.id.text }, db)
    }

    // MARK: the end

    private mutating func unlock() throws {
        guard step(.unlocked) else { return }
        try PasswordChange.unlock(dossier.person.id, instance, db)
        try clearBudgets()
        try ledger.note(.unlocked, dossier.record)
        if dossier.policy.notifyPerson { try ledger.tell(.unlocked, dossier, except: proved) }
    }

    /// Stores the new password in this turn's transaction.
    mutating func finish(_ hash: Secret) throws {
        let proved = self.proved
        guard step(.passwordSet) else { throw Overtaken() }
        try PasswordChange.commit(hash, for: dossier, isReset: true, keepFlow: nil, proved: proved, ledger: ledger)
        try clearBudgets()
    }

    // MARK: the log

    /// One audit row for each step, of whoever it was; before the first proof nobody says who takes it.
    func note(
        _ step: String, success: Bool = true, reason: String? = nil, caseCode: String? = nil, details: [String: String] = [:]
    ) throws {
        try ledger.note(
            .resetProgress, isSomebody ? dossier.record : nil, success: success, reason: reason,
            by: state.passed.isEmpty ? .anonymous : nil, caseCode: caseCode, details: details.merging(["step": step]) { $1 })
    }

    /// Why a reset with a passed gate cannot go on, if it cannot.
    private var stop: (step: String, reason: Refusal.Code)? {
        switch page {
        case .notEnough: ("not enough methods", .notEnoughProofs)
        case .outOfTries: ("gate \(state.passed.count + 1) failed", .codeTooMany)
        default: nil
        }
    }

    var needsStopNote: Bool { stop != nil && !state.toldStopped }

    /// Writes down, once, that the reset stopped between two gates, and tells the contact points: somebody holds one of them.
    mutating func noteStop() throws {
        guard let stop, !state.toldStopped else { return }
        state.toldStopped = true
        try note(stop.step, success: false, reason: stop.reason.rawValue, caseCode: caseCode)
        if dossier.policy.notifyPerson { try ledger.tell(.resetStopped, dossier, except: proved) }
    }

    /// Whether the page at hand has a place for what was wrong.
    var showsRefusals: Bool {
        switch page {
        case .chooseKind, .contact, .code, .chooseUse: true
        default: false
        }
    }
}
