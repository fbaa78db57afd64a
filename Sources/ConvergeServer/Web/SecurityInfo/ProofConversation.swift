import ConvergeCore

/// What a fresh proof keeps in its flow row.
struct ProofFlowState: Codable, Sendable {
    var challenge: ChallengeState?
    /// Another code was just sent.
    var sentAgain = false
    /// The dead end has been written to the audit log.
    var noted = false
    /// They have a new phone, and set it up afterwards.
    var hasNewPhone = false
}

/// A proof by somebody signed in, before security info opens.
enum ProofConversation: Conversation {
    static let kind = FlowKind.proof
    static let start = "/security-info"
    static let isForSignedIn = true

    static func after(_ flow: FlowRecord, _ request: AnonymousRequest) -> Reply { .redirect(flow.returnTo) }

    static func show(_ flow: FlowRecord, _ request: AnonymousRequest, _ instance: Instance) async throws -> Reply {
        try await instance.whenSignedIn(request) { signedIn in
            guard !signedIn.session.hasFreshProof(policy: signedIn.dossier.policy, now: request.now) else {
                return .redirect(flow.returnTo)
            }
            return try await instance.database.read { db in
                guard let turn = try ProofTurn(flow, signedIn, instance, db) else { return gone }
                return .page(try ProofView(turn: turn, returnTo: flow.returnTo).page)
            }
        }
    }

    static func act(
        _ flow: FlowRecord, _ action: String, _ request: AnonymousRequest, _ instance: Instance
    ) async throws -> Reply {
        try await instance.whenSignedIn(request) { signedIn in
            try await instance.database.write { db in
                guard var turn = try ProofTurn(flow, signedIn, instance, db) else { return gone }
                turn.state.sentAgain = false
                let outcome = try turn.take(action)
                if outcome.proven == nil, outcome.refusal == nil { try turn.settle() }
                let version = turn.dossier.policy.version
                if let proof = outcome.proven {
                    let opened = try instance.renewSession(
                        instance.liveSession(signedIn, db), turn.dossier, proven: proof, request, db)
                    let location = turn.state.hasNewPhone ? NewPhone.path : flow.returnTo
                    let end = opened.end(location, request, instance)
                    guard try instance.flows.end(flow, with: end, policyVersion: version, now: request.now, db) else { throw Overtaken() }
                    return .redirect(location, opening: opened)
                }
                guard try instance.flows.update(flow, state: turn.state, policyVersion: version, now: request.now, db)
                else { throw Overtaken() }
                if let refusal = outcome.refusal {
                    return .page(try ProofView(turn: turn, returnTo: flow.returnTo, refusal: refusal).page, status: 422)
                }
                return .redirect("/flows/\(flow.id)")
            }
        }
    }

    private static var gone: Reply { .page(ExpiredPage(kind: .elsewhere, start: start), status: 410) }
}

/// One step of a proof inside a transaction.
struct ProofTurn {
    let instance: Instance
    let request: AnonymousRequest
    let ledger: Ledger
    let flowID: FlowID
    let dossier: Dossier
    var state: ProofFlowState

    init?(_ id: FlowID, _ state: ProofFlowState, _ signedIn: SignedInRequest, _ instance: Instance, _ db: any Connection) throws {
        guard let (dossier, _) = try instance.dossier(signedIn.dossier.person.id, signedIn.request, answering: state.challenge, db)
        else { return nil }
        self.instance = instance
        request = signedIn.request
        ledger = Ledger(instance, db, request: signedIn.request, correlation: id.text)
        flowID = id
        self.dossier = dossier
        self.state = state
    }

    /// Nil: not this person's, begun before everything was signed out, or of another release.
    init?(_ flow: FlowRecord, _ signedIn: SignedInRequest, _ instance: Instance, _ db: any Connection) throws {
        guard flow.person == signedIn.dossier.person.id, let state = try instance.flows.state(ProofFlowState.self, of: flow) else {
            return nil
        }
        try self.init(flow.id, state, signedIn, instance, db)
        guard flow.epoch == dossier.person.sessionEpoch else { return nil }
    }

    /// What the person may prove it with: the order of proofs for a change; before the first registration, contacts that
    /// the directory knows, where the guard wants one of them.
    var offered: [CredentialUse] {
        let standing = dossier.standing
        guard dossier.person.firstHeldAt == nil else { return standing.proofsForChange(reach: dossier.reach, now: dossier.now) }
        let contacts = dossier.policy.guardKind == .directoryContact ? standing.directoryContacts(reach: dossier.reach) : []
        return standing.proofsForChange(reach: dossier.reach, now: dossier.now) + contacts
    }

    /// What is asked for first: the default, where something counts.
    var first: CredentialUse? {
        let standing = dossier.standing, counting = standing.counting(for: .signIn), offered = self.offered
        return standing.effectiveDefault(offered: offered.filter(Set(counting).contains), counting: counting) ?? offered.first
    }

    /// Somebody signed in sits at a browser that is known.
    var challenger: Challenger { Challenger(instance: instance, dossier: dossier, knownBrowser: true, ledger: ledger) }

    /// The reference that a person reads to the helpdesk; the audit log has the same.
    var caseCode: String { CaseCode.of(flowID, instance) }

    // MARK: steps

    /// Takes one action of a form.
    mutating func take(_ action: String) throws -> (proven: Proof?, refusal: Refusal?) {
        switch action {
        case "use":
            guard let use = CredentialUse(form: request.form["use"]), offered.contains(use) else { return (nil, nil) }
            state.hasNewPhone = SignInFlowState.PhoneGone(rawValue: request.form["phone"]) == .new
            if state.challenge?.use == use, !challenger.sends(use) { return (nil, nil) }
            return (nil, try begin(use))
        case "send":
            guard let use = state.challenge?.use, offered.contains(use) else { return (nil, nil) }
            let refusal = try begin(use)
            state.sentAgain = refusal == nil
            return (nil, refusal)
        case "answer":
            return try answer()
        default:
            return (nil, nil)
        }
    }

    /// Starts what starts by itself, and writes a dead end down once.
    mutating func settle() throws {
        guard let first else {
            guard !state.noted else { return }
            state.noted = true
            return try ledger.note(.deadEndShown, dossier.record, success: false, reason: deadEndReason, caseCode: caseCode)
        }
        if let current = state.challenge, offered.contains(current.use) { return }
        state.challenge = nil
        // People are led here by a link: what is sent starts by itself once in ten minutes at most, known browser or not.
        let gate = Challenger(instance: instance, dossier: dossier, knownBrowser: false, ledger: ledger)
        guard try gate.mayStartByItself(first) else { return }
        _ = try begin(first)
    }

    private var deadEndReason: String {
        if dossier.person.firstHeldAt == nil { return DeadEnd.registrationGuarded.rawValue }
        return dossier.standing.anythingCountsForSignIn ? "unreachable" : DeadEnd.stranded.rawValue
    }

    private mutating func begin(_ use: CredentialUse) throws -> Refusal? {
        let (challenge, refusal) = try challenger.begin(use, purpose: .change, continuing: state.challenge)
        if refusal == nil || challenge.isUnderWay { state.challenge = challenge }
        return refusal
    }

    private mutating func answer() throws -> (proven: Proof?, refusal: Refusal?) {
        let offered = self.offered
        guard var challenge = state.challenge else { return (nil, nil) }
        guard offered.contains(challenge.use) else { return (nil, offered.isEmpty ? nil : Refusal(.methodGone)) }
        let outcome = try challenger.answer(request.form.answer, state: &challenge, offered: offered)
        state.challenge = challenge
        switch outcome {
        case .refused(let refusal):
            try ledger.note(
                .challengeAnswered, dossier.record, success: false, reason: refusal.code.rawValue,
                details: refusal.logged.merging(
                    ["capability": challenge.use.capability.rawValue, "purpose": Purpose.change.rawValue]
                ) { $1 })
            return (nil, refusal)
        case .proved(let proof):
            try ledger.note(
                .challengeAnswered, dossier.record,
                details: ["capability": proof.use.capability.rawValue, "purpose": Purpose.change.rawValue])
            return (proof, nil)
        }
    }
}
