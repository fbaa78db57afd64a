import ConvergeCore

/// What a registration on Security info keeps in its flow row.
struct EnrolmentFlowState: Codable, Sendable {
    var enrolment: EnrolmentState?
    /// Recovery codes to be shown once, until they are put away.
    var codes: [String]?
    var sentAgain = false

    init(enrolment: EnrolmentState? = nil, codes: [String]? = nil) {
        self.enrolment = enrolment
        self.codes = codes
    }
}

/// Adding, changing or confirming one method on Security info.
enum EnrolmentConversation: Conversation {
    static let kind = FlowKind.enrolment
    static let start = "/security-info"
    static let life = Span.minutes(30)

    static func after(_ flow: FlowRecord, _ request: AnonymousRequest) -> Reply { .redirect(start) }

    /// Opens a registration for somebody with a fresh proof.
    static func open(
        _ state: EnrolmentFlowState, _ verified: RecentlyVerifiedRequest, _ instance: Instance, _ db: any Connection
    ) throws -> Reply {
        let id: FlowID = instance.world.newID(), person = verified.dossier.person
        try instance.flows.insert(
            id, kind: .enrolment, state: state, person: person.id, epoch: person.sessionEpoch, browserHash: verified.request.browserHash,
            returnTo: start, policyVersion: verified.dossier.policy.version, now: verified.request.now, life: life, db)
        return .redirect("/flows/\(id)")
    }

    // MARK: showing and acting

    /// A flow together with the session it belongs to: without that, nothing opens.
    private struct Turn {
        let flow: FlowRecord
        let session: SessionRecord
        let dossier: Dossier
        var state: EnrolmentFlowState
        let registrar: Registrar
        let request: AnonymousRequest

        init?(_ flow: FlowRecord, _ request: AnonymousRequest, _ instance: Instance, _ db: any Connection) throws {
            guard let session = try instance.session(request.sessionSecret, now: request.now, db), session.person == flow.person,
                session.epoch == flow.epoch, let state = try instance.flows.state(EnrolmentFlowState.self, of: flow),
                let (dossier, _) = try instance.dossier(session.person, request, db)
            else { return nil }
            self.flow = flow
            self.session = session
            self.dossier = dossier
            self.state = state
            self.request = request
            registrar = Registrar(
                instance: instance, dossier: dossier, ledger: Ledger(instance, db, request: request, correlation: flow.id.text))
        }
    }

    static func show(_ flow: FlowRecord, _ request: AnonymousRequest, _ instance: Instance) async throws -> Reply {
        try await instance.database.read { db in
            guard let turn = try Turn(flow, request, instance, db) else { return .redirect("/sign-in?return=" + PercentEncoding.encode(start)) }
            return try page(turn, instance)
        }
    }

    static func act(
        _ flow: FlowRecord, _ action: String, _ request: AnonymousRequest, _ instance: Instance
    ) async throws -> Reply {
        try await instance.database.write { db in
            guard var turn = try Turn(flow, request, instance, db) else { return .redirect("/sign-in?return=" + PercentEncoding.encode(start)) }
            turn.state.sentAgain = false
            if action == "cancel" {
                try instance.flows.close(flow.id, now: request.now, db)
                return .redirect(start)
            }
            if action == "kept" { return try keepCodes(turn, instance, db) }
            guard let enrolment = turn.state.enrolment, let input = try input(action, enrolment, turn, instance) else {
                return .redirect("/flows/\(flow.id)")
            }
            switch try turn.registrar.take(input, enrolment, firstWizard: false) {
            case .waiting(let next, _, let refusal):
                turn.state.enrolment = next
                if case .sendAgain = input, refusal == nil { turn.state.sentAgain = true }
                try save(turn, instance, db)
                guard let refusal else { return .redirect("/flows/\(flow.id)") }
                return try page(turn, instance, refusal: refusal, status: 422)
            case .finished(let use):
                return try finish(use, enrolment, turn, instance, db)
            }
        }
    }

    private static func input(
        _ action: String, _ enrolment: EnrolmentState, _ turn: Turn, _ instance: Instance
    ) throws -> EnrolmentInput? {
        guard action == "confirm" else { return EnrolmentInput.from(action, turn.request.form) }
        guard let confirms = enrolment.confirms, let record = turn.dossier.credential(confirms) else { return nil }
        let content = try instance.credentials.open(record).content
        if let phone = content.phone { return .phone(typed: phone.e164, region: instance.config.organisation.country) }
        return content.email.map { .email($0.address) }
    }

    private static func save(_ turn: Turn, _ instance: Instance, _ db: any Connection) throws {
        let saved = try instance.flows.update(
            turn.flow, state: turn.state, policyVersion: turn.dossier.policy.version, now: turn.request.now, db)
        guard saved else { throw Overtaken() }
    }

    /// The method is there. The code proven now is a fresh proof; the session gets a new secret.
    private static func finish(
        _ use: CredentialUse, _ enrolment: EnrolmentState, _ turn: Turn, _ instance: Instance, _ db: any Connection
    ) throws -> Reply {
        try instance.flows.close(turn.flow.id, now: turn.request.now, db)
        guard let (dossier, _) = try instance.dossier(turn.dossier.person.id, turn.request, db) else { throw Overtaken() }
        let counts = dossier.standing.counting(for: .signIn).contains(use)
        let what = enrolment.confirms == use.credential ? "confirmed" : enrolment.replaces == nil ? "added" : "changed"
        var reply = Reply.redirect("/security-info?saved=\(what).\(enrolment.method.rawValue)")
        reply.session = try instance.renewSession(
            turn.session, dossier, adding: counts ? Proof(use: use, at: turn.request.now) : nil, turn.request, db)
        return reply
    }

    private static func keepCodes(_ turn: Turn, _ instance: Instance, _ db: any Connection) throws -> Reply {
        guard turn.request.form.isTicked("kept") else {
            return try page(turn, instance, refusal: Refusal(.keptNotTicked), status: 422)
        }
        try instance.flows.close(turn.flow.id, now: turn.request.now, db)
        return .redirect("/security-info?saved=codes")
    }

    private static func page(_ turn: Turn, _ instance: Instance, refusal: Refusal? = nil, status: Int = 200) throws -> Reply {
        let base = "/flows/\(turn.flow.id)"
        if let codes = turn.state.codes {
            return .page(
                RecoveryCodesPage(
                    codes: codes, form: Form(base + "/kept"), name: turn.dossier.record.name, madeAt: turn.request.now,
                    errors: refusal.map { [FieldError("kept", $0)] } ?? []), status: status)
        }
        guard let enrolment = turn.state.enrolment, let prompt = turn.registrar.prompt(enrolment) else { return .redirect(start) }
        let view = EnrolmentView(
            instance: instance, dossier: turn.dossier, state: enrolment, prompt: prompt, base: base, refusal: refusal,
            notice: turn.state.sentAgain ? .sentAgain : nil, ways: [Way(Message("part.cancel"), .post(Form(base + "/cancel")))])
        return try .page(view.page, status: status)
    }
}
