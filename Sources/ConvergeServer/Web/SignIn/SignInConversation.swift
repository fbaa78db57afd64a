import ConvergeCore

/// What a sign-in keeps in its flow row: the machine's state, and what only its pages need.
struct SignInFlowState: Codable, Sendable {
    var core: SignInState
    /// Recovery codes to be shown once, until they are put away.
    var codes: [String]?
    /// What was just done, for the page that follows.
    var saved: Saved?
    /// Whether the page's dead end has been written to the audit log.
    var noted: String?
    /// Where the person asked to go instead of the return target.
    var goTo: String?
    /// "I don't have my phone": what comes after another proof.
    var phone: PhoneGone?

    enum PhoneGone: String, Codable, Sendable {
        /// Left at home: this browser needs no second step until midnight.
        case today
        /// There is a new one: what was on the old one is replaced next.
        case new
    }

    enum Saved: Codable, Sendable, Equatable {
        case added(MethodKind), confirmed(MethodKind), sentAgain, phoneLost
    }

    init(core: SignInState) {
        self.core = core
    }
}

/// A sign-in after the first factor: shows the page that the table names, and takes one step at a time.
enum SignInConversation: Conversation {
    static let kind = FlowKind.signIn
    static let start = "/sign-in"
    /// A sign-in may wait for somebody to fetch a phone, and survive a break in the wizard.
    static let life = Span.hours(1)

    static func after(_ flow: FlowRecord, _ request: AnonymousRequest) -> Reply {
        .redirect(request.sessionSecret == nil ? start : flow.returnTo)
    }

    // MARK: beginning

    /// Begins the part after a right first factor.
    static func begin(
        _ person: PersonID, _ factor: FirstFactor, id given: FlowID? = nil, proof: Proof? = nil, passEnds: Moment?,
        _ request: AnonymousRequest, _ instance: Instance, _ db: any Connection
    ) throws -> Reply {
        guard let (dossier, browser) = try instance.dossier(person, request, db) else { throw Overtaken() }
        let id = given ?? instance.world.newID()
        var core = SignInState(person: person, firstFactor: factor, epoch: dossier.person.sessionEpoch)
        core.passEnds = passEnds
        // A pass or a passkey is a proof too: it opens security info, where a lost phone is replaced.
        if let proof { core.proofs.append(proof) }
        let ledger = Ledger(instance, db, request: request, correlation: id.text)
        var turn = SignInTurn(
            instance: instance, request: request, ledger: ledger, flowID: id, dossier: dossier, browser: browser,
            state: SignInFlowState(core: core))
        let begun = SignInMachine.begin(core, turn.facts)
        turn.state.core = begun.state
        try turn.apply(begun.effects)
        let end = try turn.settle(returnTo: request.returnTo)
        try turn.insert(life: life, isOver: end != nil)
        return end ?? .redirect("/flows/\(id)")
    }

    /// The answer once more for a browser that begins the same sign-in again, because the first one never came: where that is now, which
    /// tells what it ended with.
    ///
    /// - Returns: nil when there is nothing that could go on.
    static func again(_ flow: FlowRecord?, _ request: AnonymousRequest, _ instance: Instance) throws -> Reply? {
        guard let flow, flow.kind == .signIn, flow.browserHash == request.browserHash, request.now < flow.expiresAt else { return nil }
        if flow.closedAt != nil, try instance.flows.end(of: flow, now: request.now) == nil { return nil }
        return .redirect("/flows/\(flow.id)")
    }

    // MARK: showing

    static func show(_ flow: FlowRecord, _ request: AnonymousRequest, _ instance: Instance) async throws -> Reply {
        let reply: Reply? = try await instance.database.read { db in
            guard let turn = try SignInTurn(flow, request, instance, db) else {
                return .page(ExpiredPage(kind: .elsewhere, start: start), status: 410)
            }
            // A dead end that nobody wrote down yet needs the writer.
            guard !turn.needsNote else { return nil }
            return try SignInView(turn: turn, returnTo: flow.returnTo).reply()
        }
        if let reply { return reply }
        return try await instance.database.write { db in
            guard var turn = try SignInTurn(flow, request, instance, db) else { throw Overtaken() }
            if let end = try turn.settle(returnTo: flow.returnTo) { return try turn.save(flow, end) }
            let reply = try SignInView(turn: turn, returnTo: flow.returnTo).reply()
            return try turn.save(flow, nil) ?? reply
        }
    }

    // MARK: acting

    static func slowWork(
        _ flow: FlowRecord, _ action: String, _ request: AnonymousRequest, _ instance: Instance, _ db: any Connection
    ) throws -> [SlowJob] {
        guard let input = EnrolmentInput.from(action, request.form), let turn = try SignInTurn(flow, request, instance, db),
            let enrolment = turn.openEnrolment
        else { return [] }
        return try turn.registrar.slowWork(input, enrolment)
    }

    static func act(
        _ flow: FlowRecord, _ action: String, _ request: AnonymousRequest, _ instance: Instance
    ) async throws -> Reply {
        if action == "password" { return try await SignInPassword.change(flow, request, instance) }
        return try await instance.database.write { db in
            guard var turn = try SignInTurn(flow, request, instance, db) else {
                return .page(ExpiredPage(kind: .elsewhere, start: start), status: 410)
            }
            turn.state.saved = nil
            if let refusal = try turn.take(action) {
                // What was typed is not lost; tries and codes are kept with the state.
                guard try instance.flows.update(flow, state: turn.state, policyVersion: turn.dossier.policy.version, now: request.now, db)
                else { throw Overtaken() }
                return try SignInView(turn: turn, returnTo: flow.returnTo, refusal: refusal).reply(status: 422)
            }
            let end = try turn.settle(returnTo: flow.returnTo)
            return try turn.save(flow, end) ?? .redirect("/flows/\(flow.id)")
        }
    }
}
