import ConvergeCore

/// What a fresh proof keeps in its flow row.
struct ProofFlowState: Codable, Sendable {
    var challenge: ChallengeState?
    var sentAgain = false
}

/// A fresh proof before security info opens. Nothing is sent until the person says so.
enum ProofConversation: Conversation {
    static let kind = FlowKind.proof
    static let start = "/security-info"
    static let life = Span.minutes(15)

    static func after(_ flow: FlowRecord, _ request: AnonymousRequest) -> Reply { .redirect(flow.returnTo) }

    /// Opens a proof for somebody signed in.
    static func open(_ signedIn: SignedInRequest, _ instance: Instance, _ db: any Connection) throws -> Reply {
        let id: FlowID = instance.world.newID(), person = signedIn.dossier.person
        try instance.flows.insert(
            id, kind: .proof, state: ProofFlowState(), person: person.id, epoch: person.sessionEpoch,
            browserHash: signedIn.request.browserHash, returnTo: signedIn.request.returnTo,
            policyVersion: signedIn.dossier.policy.version, now: signedIn.request.now, life: life, db)
        return .redirect("/flows/\(id)")
    }

    private struct Turn {
        let flow: FlowRecord
        let session: SessionRecord
        let dossier: Dossier
        var state: ProofFlowState
        let request: AnonymousRequest
        let ledger: Ledger
        let challenger: Challenger

        init?(_ flow: FlowRecord, _ request: AnonymousRequest, _ instance: Instance, _ db: any Connection) throws {
            guard let session = try instance.session(request.sessionSecret, now: request.now, db), session.person == flow.person,
                session.epoch == flow.epoch, let state = try instance.flows.state(ProofFlowState.self, of: flow),
                let (dossier, browser) = try instance.dossier(session.person, request, db)
            else { return nil }
            self.flow = flow
            self.session = session
            self.dossier = dossier
            self.state = state
            self.request = request
            ledger = Ledger(instance, db, request: request, correlation: flow.id.text)
            challenger = Challenger(instance: instance, dossier: dossier, knownBrowser: browser.isKnown, ledger: ledger)
        }

        var offered: [CredentialUse] { dossier.standing.proofsForChange(reach: dossier.reach, now: request.now) }

        /// What is asked for now: what was chosen, else the default.
        var current: CredentialUse? {
            if let use = state.challenge?.use, offered.contains(use) { return use }
            return DefaultMethod.effective(
                offered: offered, credentials: dossier.standing.credentials, preference: dossier.person.preference) ?? offered.first
        }
    }

    // MARK: showing

    static func show(_ flow: FlowRecord, _ request: AnonymousRequest, _ instance: Instance) async throws -> Reply {
        try await instance.database.read { db in
            guard let turn = try Turn(flow, request, instance, db) else { return signInFirst }
            return page(turn, instance)
        }
    }

    private static var signInFirst: Reply { .redirect("/sign-in?return=" + PercentEncoding.encode(start)) }

    private static func page(_ turn: Turn, _ instance: Instance, refusal: Refusal? = nil, status: Int = 200) -> Reply {
        let base = "/flows/\(turn.flow.id)"
        guard let use = turn.current else {
            return .page(DeadEndPage(kind: .stranded, caseCode: CaseCode.of(turn.flow.id, instance), helps: [DeadEndPage.askForPass], again: "/"))
        }
        let others = Choices(
            turn.offered.filter { $0 != use }.map { other in
                Choice(
                    .use(other.capability.rawValue), hint: masked(other, turn)?.words,
                    icon: turn.dossier.standing.credential(other.credential)?.traits.icon ?? "help",
                    .button(name: "use", value: other.formValue))
            }, form: Form(base + "/use"))
        let errors = refusal.map { [FieldError("code", $0)] } ?? []
        if ResetMachine.isSent(use.capability), turn.state.challenge?.code == nil, let contact = masked(use, turn) {
            return .page(
                SendPage(
                    channel: use.capability == .emailCode ? .mail : .text, to: contact,
                    form: Form(base + "/use", hidden: ["use": use.formValue]), lead: CodePage.beforeChange,
                    errors: refusal.map { [FieldError(nil, $0)] } ?? [], others: others, who: Who(name: turn.dossier.record.name)), status: status)
        }
        var page = CodePage(ask: CodePage.Ask(use.capability), form: Form(base + "/answer", hidden: ["use": use.formValue]))
        page.digits = use.capability == .emailCode ? 8 : 6
        page.lead = CodePage.beforeChange
        page.errors = errors
        page.others = others
        page.othersOpen = false
        page.who = Who(name: turn.dossier.record.name)
        if turn.state.challenge?.code?.canSendAgain == true { page.sendAgain = Form(base + "/use", hidden: ["use": use.formValue]) }
        if turn.state.sentAgain { page.notice = .sentAgain }
        return .page(page, status: status)
    }

    private static func masked(_ use: CredentialUse, _ turn: Turn) -> CodeSent? {
        guard let hint = turn.dossier.credential(use.credential)?.hint, !hint.isEmpty else { return nil }
        return use.capability == .emailCode ? .maskedAddress(hint) : .numberEnding(hint)
    }

    // MARK: acting

    static func act(
        _ flow: FlowRecord, _ action: String, _ request: AnonymousRequest, _ instance: Instance
    ) async throws -> Reply {
        try await instance.database.write { db in
            guard var turn = try Turn(flow, request, instance, db) else { return signInFirst }
            guard let use = CredentialUse(form: request.form["use"]), turn.offered.contains(use) else { return .redirect("/flows/\(flow.id)") }
            let refusal: Refusal?
            switch action {
            case "use": refusal = try begin(use, &turn)
            case "answer":
                switch try answer(use, &turn) {
                case .proved(let proven): return try finish(proven, turn, instance, db)
                case .refused(let why): refusal = why
                }
            default: return .redirect("/flows/\(flow.id)")
            }
            guard try instance.flows.update(flow, state: turn.state, policyVersion: turn.dossier.policy.version, now: request.now, db) else {
                throw Overtaken()
            }
            guard let refusal else { return .redirect("/flows/\(flow.id)") }
            return page(turn, instance, refusal: refusal, status: 422)
        }
    }

    private static func begin(_ use: CredentialUse, _ turn: inout Turn) throws -> Refusal? {
        let isAgain = turn.state.challenge?.use == use && turn.state.challenge?.code != nil
        let (challenge, refusal) = try turn.challenger.begin(use, purpose: .change, continuing: turn.state.challenge)
        if refusal == nil || challenge.code != nil { turn.state.challenge = challenge }
        turn.state.sentAgain = isAgain && refusal == nil
        return refusal
    }

    private static func answer(_ use: CredentialUse, _ turn: inout Turn) throws -> Challenger.Outcome {
        turn.state.sentAgain = false
        var challenge = turn.state.challenge?.use == use ? turn.state.challenge! : ChallengeState(use: use, purpose: .change, startedAt: turn.request.now)
        let outcome = try turn.challenger.answer(turn.request.form["code"], state: &challenge, offered: turn.offered)
        turn.state.challenge = challenge
        if case .refused(let refusal) = outcome {
            try turn.ledger.note(
                .challengeAnswered, turn.dossier.record, success: false, reason: refusal.code.rawValue,
                details: ["capability": use.capability.rawValue, "purpose": "change"])
        }
        return outcome
    }

    private static func finish(_ use: CredentialUse, _ turn: Turn, _ instance: Instance, _ db: any Connection) throws -> Reply {
        try instance.flows.close(turn.flow.id, now: turn.request.now, db)
        try turn.ledger.note(
            .challengeAnswered, turn.dossier.record, details: ["capability": use.capability.rawValue, "purpose": "change"])
        var reply = Reply.redirect(turn.flow.returnTo)
        reply.session = try instance.renewSession(
            turn.session, turn.dossier, adding: Proof(use: use, at: turn.request.now), turn.request, db)
        return reply
    }
}
