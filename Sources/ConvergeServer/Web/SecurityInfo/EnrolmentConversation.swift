import ConvergeCore

/// What a registration on Security info keeps in its flow row.
struct EnrolmentFlowState: Codable, Sendable {
    enum Purpose: String, Codable { case add, change, confirm }

    var purpose: Purpose
    var enrolment: EnrolmentState
    /// Another code was just sent.
    var sentAgain = false

    init(purpose: Purpose, enrolment: EnrolmentState) {
        self.purpose = purpose
        self.enrolment = enrolment
    }
}

/// A registration by somebody signed in who proved who they are: one credential added, changed or confirmed.
enum EnrolmentConversation: Conversation {
    static let kind = FlowKind.enrolment
    static let start = "/security-info"
    static let isForSignedIn = true

    static func after(_ flow: FlowRecord, _ request: AnonymousRequest) -> Reply { .redirect(start) }

    static func show(_ flow: FlowRecord, _ request: AnonymousRequest, _ instance: Instance) async throws -> Reply {
        try await whenVerified(request, instance) { verified in
            try await instance.database.read { db in
                guard let turn = try EnrolmentTurn(flow, verified, instance, db) else { return gone }
                return try turn.reply()
            }
        }
    }

    static func act(
        _ flow: FlowRecord, _ action: String, _ request: AnonymousRequest, _ instance: Instance
    ) async throws -> Reply {
        try await whenVerified(request, instance) { verified in
            try await instance.database.write { db in
                guard var turn = try EnrolmentTurn(flow, verified, instance, db) else { return gone }
                turn.state.sentAgain = false
                let version = turn.dossier.policy.version
                switch try turn.take(action) {
                case .finished(let proof):
                    let (location, opened) = try turn.finish(proof, flow, verified.signedIn)
                    let end = opened.end(location, request, instance)
                    guard try instance.flows.end(flow, with: end, policyVersion: version, now: request.now, db) else { throw Overtaken() }
                    return .redirect(location, opening: opened)
                case .waiting(let refusal):
                    guard try instance.flows.update(flow, state: turn.state, policyVersion: version, now: request.now, db)
                    else { throw Overtaken() }
                    return try refusal.map(turn.reply) ?? .redirect("/flows/\(flow.id)")
                }
            }
        }
    }

    static func slowWork(
        _ flow: FlowRecord, _ action: String, _ request: AnonymousRequest, _ instance: Instance, _ db: any Connection
    ) throws -> [SlowJob] {
        // What the step would refuse is not hashed: an id and a cookie of yesterday cost the server nothing.
        guard let input = EnrolmentInput.from(action, request.form), case .somebody(let session, let dossier) = request.visitor,
            let verified = instance.recentlyVerified(SignedInRequest(request: request, session: session, dossier: dossier)),
            let turn = try EnrolmentTurn(flow, verified, instance, db)
        else { return [] }
        return try turn.registrar.slowWork(input, turn.state.enrolment)
    }

    private static func whenVerified(
        _ request: AnonymousRequest, _ instance: Instance, _ run: @escaping @Sendable (RecentlyVerifiedRequest) async throws -> Reply
    ) async throws -> Reply {
        try await instance.whenSignedIn(request) { signedIn in try await instance.whenRecentlyVerified(signedIn, run) }
    }

    private static var gone: Reply { .page(ExpiredPage(kind: .elsewhere, start: start), status: 410) }
}

/// One step of a registration inside a transaction.
struct EnrolmentTurn {
    let instance: Instance
    let request: AnonymousRequest
    let ledger: Ledger
    let flowID: FlowID
    let dossier: Dossier
    var state: EnrolmentFlowState

    enum Outcome {
        case waiting(Refusal?)
        case finished(Proof)
    }

    /// Nil: not this person's, begun before everything was signed out, of another release, or about something that is gone or
    /// no longer allowed.
    init?(_ flow: FlowRecord, _ verified: RecentlyVerifiedRequest, _ instance: Instance, _ db: any Connection) throws {
        guard flow.person == verified.dossier.person.id, let state = try instance.flows.state(EnrolmentFlowState.self, of: flow),
            let (dossier, _) = try instance.dossier(
                verified.dossier.person.id, verified.request, awaiting: AwaitedElsewhere(nil, state.enrolment), db),
            flow.epoch == dossier.person.sessionEpoch, Self.isOpen(state.enrolment, dossier.standing)
        else { return nil }
        self.instance = instance
        request = verified.request
        ledger = Ledger(instance, db, request: verified.request, correlation: flow.id.text)
        flowID = flow.id
        self.dossier = dossier
        self.state = state
    }

    private static func isOpen(_ enrolment: EnrolmentState, _ standing: Standing) -> Bool {
        if let target = enrolment.replaces ?? enrolment.confirms, standing.credential(target) == nil { return false }
        return standing.addability(of: enrolment.method, replacing: enrolment.replaces) != .notAllowed
    }

    var registrar: Registrar { Registrar(instance: instance, dossier: dossier, ledger: ledger) }

    // MARK: steps

    /// Takes one action of a form.
    mutating func take(_ action: String) throws -> Outcome {
        switch action {
        case "confirm":
            return try confirm()
        case "wrong":
            // The directory's value is not theirs: they type another, which takes its place.
            guard mayReplace, let known = state.enrolment.confirms,
                let begun = try registrar.begin(state.enrolment.method, replacing: known)
            else { break }
            state = EnrolmentFlowState(purpose: .change, enrolment: begun.state)
        default:
            if let input = EnrolmentInput.from(action, request.form) { return try enrol(input) }
        }
        return .waiting(nil)
    }

    /// Whether another value may take the place of the directory's.
    private var mayReplace: Bool { dossier.standing.ownerMay(\.change, MethodRegistry.traits(of: state.enrolment.method)) }

    private mutating func enrol(_ input: EnrolmentInput) throws -> Outcome {
        switch try registrar.take(input, state.enrolment, firstWizard: false) {
        case .waiting(let next, _, let refusal):
            state.enrolment = next
            if case .sendAgain = input { state.sentAgain = refusal == nil }
            return .waiting(refusal)
        case .finished(let proof):
            return .finished(proof)
        }
    }

    /// "Yes, that is my number": the code goes to the value that the directory knows.
    private mutating func confirm() throws -> Outcome {
        guard let id = state.enrolment.confirms, let record = dossier.credential(id) else { return .waiting(nil) }
        let content = try instance.credentials.open(record).content
        if let dialled = content.dialled { return try enrol(.phone(typed: dialled.typed, region: instance.config.organisation.country)) }
        if let email = content.email { return try enrol(.email(email.address)) }
        return .waiting(nil)
    }

    /// The code proven now is a fresh proof: the session goes on under a new secret.
    func finish(_ proof: Proof, _ flow: FlowRecord, _ signedIn: SignedInRequest) throws -> (location: String, OpenedSession) {
        let db = ledger.db, use = proof.use
        guard let (after, _) = try instance.dossier(dossier.person.id, request, db) else { throw Overtaken() }
        if let old = state.enrolment.replaces { try keepPlace(of: old, for: use, after, db) }
        let method = state.enrolment.method
        let saved: SavedNotice =
            switch state.purpose {
            case .add: state.enrolment.confirms == nil ? .added(method) : .confirmed(method)
            case .change: .changed(method)
            case .confirm: .confirmed(method)
            }
        return (
            flow.returnTo == "/security-info" ? saved.path(flow.returnTo) : flow.returnTo,
            try instance.renewSession(instance.liveSession(signedIn, db), after, proven: proof, request, db)
        )
    }

    /// A chosen default stays one when its number changes.
    private func keepPlace(of old: CredentialID, for use: CredentialUse, _ after: Dossier, _ db: any Connection) throws {
        let preference = dossier.person.preference
        guard preference.contains(where: { $0.credential == old }), let new = after.standing.credential(use.credential) else { return }
        let moved = preference.map { entry in
            entry.credential == old ? new.use(new.capabilities.contains(entry.capability) ? entry.capability : use.capability) : entry
        }
        try instance.people.setPreference(dossier.person.id, moved, db)
    }

    // MARK: the page

    func reply(_ refusal: Refusal? = nil) throws -> Reply {
        guard let prompt = try registrar.prompt(state.enrolment) else { return .redirect("/security-info") }
        var ways: [Way] = []
        if state.enrolment.confirms != nil, !state.enrolment.isUnderWay, mayReplace {
            ways.append(Way(Message("part.way.is-wrong"), .post(Form("/flows/\(flowID)/wrong"))))
        }
        let view = EnrolmentView(
            instance: instance, dossier: dossier, state: state.enrolment, prompt: prompt, numberWays: try registrar.ways,
            base: "/flows/\(flowID)", refusal: refusal,
            notice: state.sentAgain ? .saved(Message("saved.sent-again")) : nil,
            crumb: .back(Message("layout.nav.security"), "/security-info"), ways: ways)
        return .page(try view.page, status: refusal == nil ? 200 : 422)
    }
}
