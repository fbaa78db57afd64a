import ConvergeCore

/// One step of a reset inside a transaction.
struct ResetTurn {
    let instance: Instance
    let request: AnonymousRequest
    let flow: FlowRecord
    let ledger: Ledger
    let document: PolicyDocument
    /// Nil for a name that may not reset here.
    let dossier: Dossier?
    let knownBrowser: Bool
    var state: ResetState

    /// Loads a turn. Nil: the flow's state is not known to this release.
    init?(_ flow: FlowRecord, _ request: AnonymousRequest, _ instance: Instance, _ db: any Connection) throws {
        guard let state = try instance.flows.state(ResetState.self, of: flow) else { return nil }
        self.instance = instance
        self.request = request
        self.flow = flow
        self.state = state
        ledger = Ledger(instance, db, request: request, correlation: flow.id.text)
        document = try instance.policyCache.versions(instance.policies, db).current
        let found = try state.person.flatMap { try instance.dossier($0, request, db) }
        dossier = found?.0
        knownBrowser = found?.1.isKnown ?? false
    }

    var facts: ResetFacts {
        ResetFacts(standing: dossier?.standing, document: document, reach: dossier?.reach ?? .open, now: request.now)
    }

    var page: ResetPage { ResetMachine.page(state, facts) }

    private var db: any Connection { ledger.db }

    /// Takes one action of a form.
    mutating func take(_ action: String) throws -> Refusal? {
        switch action {
        case "reason": step(.because(request.form["reason"] == "locked" ? .locked : .forgotten))
        case "gate": return try choose(request.form["gate"])
        case "contact": return try contact()
        case "again": return try sendAgain()
        case "answer": return try answer()
        case "back": step(.back)
        case "unlock": try unlock()
        default: break
        }
        return nil
    }

    @discardableResult
    private mutating func step(_ event: ResetEvent) -> Bool {
        guard let next = ResetMachine.step(state, event, facts) else { return false }
        state = next
        return true
    }

    // MARK: gates

    private mutating func choose(_ text: String) throws -> Refusal? {
        if let use = CredentialUse(form: text) {
            guard step(.chooseUse(use)) else { return nil }
            return try send(use)
        }
        guard let kind = Capability(rawValue: text) else { return nil }
        step(.choose(kind))
        return nil
    }

    private var challenger: Challenger? {
        dossier.map { Challenger(instance: instance, dossier: $0, knownBrowser: knownBrowser, ledger: ledger) }
    }

    /// Sends the code of a use that is the person's own.
    private mutating func send(_ use: CredentialUse) throws -> Refusal? {
        guard let challenger, challenger.sends(use) else { return nil }
        let (challenge, refusal) = try challenger.begin(use, purpose: .reset, continuing: state.challenge)
        if refusal == nil || challenge.code != nil { state.challenge = challenge }
        return refusal
    }

    /// The number or address was typed in full: a code goes out only when it is the person's own. The page is the same either way.
    private mutating func contact() throws -> Refusal? {
        guard case .contact(let kind) = page else { return nil }
        let (channel, refusal, typed) = read(kind)
        state.typedContact = typed
        if let refusal { return refusal }
        let use = ResetMachine.firstGateUses(kind, facts).first { use in
            dossier?.standing.credential(use.credential)?.channel == channel
        }
        var challenge: ChallengeState?
        if let use, let challenger, try !isBlocked(), try challenger.mayStart(use) {
            // Whether it could be sent is not told: that would tell that the number is right.
            let (begun, _) = try challenger.begin(use, purpose: .reset, continuing: nil)
            challenge = begun
        }
        state.decoySends += 1
        step(.challenged(challenge, typed: typed))
        return nil
    }

    private func read(_ kind: Capability) -> (channel: String, Refusal?, typed: String) {
        guard kind == .emailCode else {
            let typed = request.form["number"], region = request.form["country"]
            switch PhoneParser.read(typed, region: region) {
            case .success(let phone): return (instance.credentials.channelKey("tel:" + phone.e164), nil, typed)
            case .failure(let refusal): return ("", refusal, typed)
            }
        }
        let typed = request.form["email"].trimmingSpaces()
        guard !typed.isEmpty else { return ("", Refusal(.emailEmpty), typed) }
        guard let email = EmailAddress(typed) else { return ("", Refusal(.emailWrong), typed) }
        return (instance.credentials.channelKey("mail:" + email.normalised), nil, typed)
    }

    /// Another code. Somebody unknown sees the same answers at the same times.
    private mutating func sendAgain() throws -> Refusal? {
        guard case .code(let kind) = page, ResetMachine.isSent(kind) else { return nil }
        guard state.decoySends < CodeState.sendsMax else { return Refusal(.sendTooMany) }
        state.decoySends += 1
        guard let challenge = state.challenge else { return nil }
        let refusal = try send(challenge.use)
        return state.passed.isEmpty ? nil : refusal
    }

    private mutating func answer() throws -> Refusal? {
        guard case .code(let kind) = page else { return nil }
        let typed = request.form["code"]
        guard !typed.trimmingSpaces().isEmpty else { return Refusal(.codeEmpty) }
        guard let (refusal, use) = try compare(typed, kind) else { return decoyRefusal() }
        guard let use else {
            try note("gate \(state.passed.count + 1) failed", success: false, reason: refusal?.code.rawValue)
            return try failed(refusal)
        }
        step(.proved(use))
        try note("gate \(state.passed.count) passed")
        return nil
    }

    /// Compares with what the person has; nil where there is nobody, or nothing was ever challenged.
    private mutating func compare(_ typed: String, _ kind: Capability) throws -> (Refusal?, CredentialUse?)? {
        guard let challenger, try !isBlocked() else { return nil }
        var challenge = state.challenge
        let uses = state.passed.isEmpty ? ResetMachine.firstGateUses(kind, facts) : challenge.map { [$0.use] } ?? []
        if challenge == nil, !ResetMachine.isSent(kind), let first = uses.first {
            challenge = ChallengeState(use: first, purpose: .reset, startedAt: request.now)
            challenge?.triesLeft = state.decoyTriesLeft
        }
        guard var challenge else { return nil }
        let outcome = try challenger.answer(typed, state: &challenge, offered: uses)
        state.challenge = challenge
        state.decoyTriesLeft = challenge.triesLeft
        switch outcome {
        case .proved(let use): return (nil, use)
        case .refused(let refusal): return (refusal, nil)
        }
    }

    /// What somebody unknown is told: a wrong code, tries counted alike.
    private mutating func decoyRefusal() -> Refusal {
        guard state.decoyTriesLeft > 0 else { return Refusal(.codeTooMany) }
        state.decoyTriesLeft -= 1
        return state.decoyTriesLeft > 0 ? Refusal(.codeWrong, count: state.decoyTriesLeft) : Refusal(.codeTooMany)
    }

    /// Before the first passed gate every refusal reads like that of somebody unknown.
    private mutating func failed(_ refusal: Refusal?) throws -> Refusal {
        if state.decoyTriesLeft <= 0 { try countFailure() }
        guard state.passed.isEmpty else { return refusal ?? Refusal(.codeWrong) }
        switch refusal?.code {
        case .codeTooMany: return Refusal(.codeTooMany)
        case .codeSpent, .codeEmpty: return refusal ?? Refusal(.codeWrong)
        default: return state.decoyTriesLeft > 0 ? Refusal(.codeWrong, count: state.decoyTriesLeft) : Refusal(.codeTooMany)
        }
    }

    // MARK: budgets

    private var blockKey: String { "reset:\(knownBrowser ? "known" : "other"):\(dossier?.person.id.text ?? "")" }

    /// Five flows that failed in a day close this way for browsers of this kind; nobody is told before a passed gate.
    private func isBlocked() throws -> Bool {
        try instance.budgets.exhausted(blockKey, Budgets.resetsPerPerson, now: request.now, db) != nil
    }

    private func countFailure() throws {
        _ = try instance.budgets.spend(blockKey, Budgets.resetsPerPerson, now: request.now, db)
        if try isBlocked() { try ledger.note(.resetBlocked, dossier?.record, success: false, by: .anonymous) }
    }

    // MARK: the end

    private mutating func unlock() throws {
        guard case .unlock = page, let dossier else { return }
        try PasswordChange.unlock(dossier.person.id, instance, db)
        try instance.budgets.clear(blockKey, db)
        step(.unlocked)
        try ledger.note(.unlocked, dossier.record)
        if dossier.policy.notifyPerson { try ledger.tell(.unlocked, dossier, except: proved) }
    }

    /// Stores the new password in this turn's transaction.
    mutating func finish(_ hash: Secret) throws {
        guard case .newPassword = page, let dossier else { throw Overtaken() }
        try PasswordChange.commit(hash, for: dossier, isReset: true, keepFlow: flow.id, proved: proved, ledger: ledger)
        try instance.budgets.clear(blockKey, db)
        step(.passwordSet)
    }

    /// The credentials that passed a gate.
    var proved: Set<CredentialID> { Set(state.passed.map(\.use.credential)) }

    /// One audit row for each step of a known person.
    func note(_ step: String, success: Bool = true, reason: String? = nil) throws {
        guard let dossier else { return }
        try ledger.note(.resetProgress, dossier.record, success: success, reason: reason, by: .anonymous, details: ["step": step])
    }

    /// Writes down, once, that the person has no second way; tells the contact points.
    mutating func noteNotEnough() throws {
        guard case .notEnough = page, let dossier, !state.toldNotEnough else { return }
        state.toldNotEnough = true
        try ledger.note(
            .resetProgress, dossier.record, success: false, reason: Refusal.Code.notEnoughProofs.rawValue, by: .anonymous,
            caseCode: CaseCode.of(flow.id, instance), details: ["step": "not enough methods"])
        if dossier.policy.notifyPerson { try ledger.tell(.resetStopped, dossier, except: proved) }
    }
}

extension Challenger {
    /// Whether a code may go out at all: the person's own budgets are looked at, the answer stays inside.
    func mayStart(_ use: CredentialUse) throws -> Bool { dossier.reach.gaps[use] == nil }
}
