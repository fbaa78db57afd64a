import ConvergeCore
import HTTPTypes

/// Somebody else took a step of the same flow, or changed what the person holds: the transaction is rolled back and the
/// browser is shown where things are now.
struct Overtaken: Error {}

/// A kind of conversation over HTTP. Showing changes nothing; acting takes one step.
protocol Conversation: SendableMetatype {
    static var kind: FlowKind { get }
    /// Whether somebody has to be signed in, so that it is read with the conversation who that is.
    static var isForSignedIn: Bool { get }
    static func show(_ flow: FlowRecord, _ request: AnonymousRequest, _ instance: Instance) async throws -> Reply
    /// - Parameter action: the last part of the path, for example `answer`.
    static func act(
        _ flow: FlowRecord, _ action: String, _ request: AnonymousRequest, _ instance: Instance
    ) async throws -> Reply
    /// What has to be hashed before a step is taken; asked where a form brings answers to questions.
    static func slowWork(
        _ flow: FlowRecord, _ action: String, _ request: AnonymousRequest, _ instance: Instance, _ db: any Connection
    ) throws -> [SlowJob]
    /// Where such a conversation begins.
    static var start: String { get }
    /// Where a browser goes that comes back to a conversation which is over.
    static func after(_ flow: FlowRecord, _ request: AnonymousRequest) -> Reply
}

extension Conversation {
    static var isForSignedIn: Bool { false }

    static func slowWork(
        _ flow: FlowRecord, _ action: String, _ request: AnonymousRequest, _ instance: Instance, _ db: any Connection
    ) throws -> [SlowJob] { [] }

    /// Takes one step, after whatever is too slow for its transaction.
    static func prepareAndAct(
        _ flow: FlowRecord, _ action: String, _ request: AnonymousRequest, _ instance: Instance
    ) async throws -> Reply {
        guard action == "enrol" || !request.form["answer-1"].isEmpty else { return try await act(flow, action, request, instance) }
        let jobs = try await instance.database.read { db in try slowWork(flow, action, request, instance, db) }
        var request = request
        request.form.slow = try await instance.hasher.work(jobs)
        return try await act(flow, action, request, instance)
    }
}

/// The addresses of all conversations: `/flows/{id}` and `/flows/{id}/{action}`.
enum FlowRoutes {
    static let routes: [Route] = [
        .open(.get, "/flows/:id") { request, instance in
            try await with(request, instance, over: lastAnswer) { try await $0.show($1, $2, instance) }
        },
        // Somebody comes back by address to where a form was sent.
        .open(.get, "/flows/:id/:action") { request, _ in .redirect(LocalPath.checked("/flows/" + (request.parameters["id"] ?? "")) ?? "/")
        },
        .open(.post, "/flows/:id/:action") { request, instance in
            let path = "/flows/" + (request.parameters["id"] ?? "")
            do {
                // What it ended with is asked for where the redirect leads: of many that press at once one is answered with a session.
                return try await with(
                    request, instance,
                    over: { flow, request, instance in
                        try presentedEnd(of: flow, request, instance).map { _ in .redirect(path) }
                    }
                ) {
                    try await $0.prepareAndAct($1, request.parameters["action"] ?? "", $2, instance)
                }
            } catch is Overtaken {
                return .redirect(path)
            }
        },
    ]

    static func conversation(_ kind: FlowKind) -> any Conversation.Type {
        switch kind {
        case .signIn: SignInConversation.self
        case .reset: ResetConversation.self
        case .enrolment: EnrolmentConversation.self
        case .proof: ProofConversation.self
        }
    }

    private static func with(
        _ request: AnonymousRequest, _ instance: Instance,
        over: (FlowRecord, AnonymousRequest, Instance) async throws -> Reply?,
        _ run: (any Conversation.Type, FlowRecord, AnonymousRequest) async throws -> Reply
    ) async throws -> Reply {
        let id = FlowID(request.parameters["id"] ?? "")
        let found = try await instance.database.read { db -> (flow: FlowRecord, request: AnonymousRequest)? in
            // An id alone opens nothing: the flow belongs to the browser that began it.
            let asked = try instance.flows.ask(id, db), visitor = try instance.askVisitor(request, db)
            guard let flow = try asked.answer(), flow.browserHash == request.browserHash else { return nil }
            var request = request
            if Self.conversation(flow.kind).isForSignedIn { request.visitor = try visitor.answer() }
            return (flow, request)
        }
        guard let found else { return .page(ExpiredPage(start: "/sign-in"), status: 410) }
        let flow = found.flow, conversation = conversation(flow.kind)
        guard flow.closedAt == nil else { return try await over(flow, request, instance) ?? conversation.after(flow, request) }
        guard request.now < flow.expiresAt else { return .page(ExpiredPage(start: conversation.start), status: 410) }
        return try await run(conversation, flow, found.request)
    }

    /// Somebody pressed twice, or the line broke, and the cookie of the new session never arrived: the browser that still presents what
    /// it presented then is given that session under another secret, for as long as it lives. Signing out takes away what is presented.
    private static func lastAnswer(of flow: FlowRecord, _ request: AnonymousRequest, _ instance: Instance) async throws -> Reply? {
        guard try presentedEnd(of: flow, request, instance) != nil else { return nil }
        return try await instance.database.write { db in
            guard let flow = try instance.flows.find(flow.id, db), flow.browserHash == request.browserHash,
                let end = try presentedEnd(of: flow, request, instance),
                let session = try instance.sessions.find(end.session, now: request.now, db),
                let (dossier, _) = try instance.dossier(session.person, request, db)
            else { return nil }
            let opened = try instance.renewSession(session, dossier, request, db)
            try instance.flows.renewEnd(opened.end(end.location, request, instance), of: flow, db)
            return .redirect(end.location, opening: opened)
        }
    }

    /// What a flow ended with just now, for a browser that presents what it presented then.
    private static func presentedEnd(of flow: FlowRecord, _ request: AnonymousRequest, _ instance: Instance) throws -> FlowEnd? {
        let presented = instance.sessionHash(request.sessionSecret)
        return try instance.flows.end(of: flow, now: request.now).flatMap { $0.presented == presented ? $0 : nil }
    }
}

extension Instance {
    /// Who it is, and whether the browser at hand has signed in as that person before. The same statements for somebody who does not
    /// exist.
    func met(_ whom: Whom, _ request: AnonymousRequest, _ db: any Connection) throws -> (record: PersonRecord?, isKnown: Bool) {
        let asked = try people.ask(whom, db)
        let browser = try sessions.askBrowser(secretHash: request.browserHash, whom, now: request.now, db)
        let record = try asked.answer()
        return (record, try browser(record?.person ?? Person(id: PersonID("nobody"))).isKnown)
    }

    /// The dossier of a person as seen from the browser of a request.
    func dossier(
        _ id: PersonID, _ request: AnonymousRequest, awaiting awaited: AwaitedElsewhere = .nothing, _ db: any Connection
    ) throws -> Found? {
        try ask(about: .person(id), .hash(request.browserHash), awaiting: awaited, now: request.now, db).answer()
    }

    /// The same for somebody who was asked for a code: one that was sent stays good, whatever became of its gateway or of the
    /// budget of sending since.
    func dossier(
        _ id: PersonID, _ request: AnonymousRequest, answering challenge: ChallengeState?, enrolling enrolment: EnrolmentState? = nil,
        _ db: any Connection
    ) throws -> Found? {
        guard let (dossier, browser) = try dossier(id, request, awaiting: AwaitedElsewhere(challenge, enrolment), db) else { return nil }
        guard let challenge, try holdsCode(of: challenge, dossier, browser, db) else { return (dossier, browser) }
        return (dossier.reaching(challenge.use), browser)
    }

    private func holdsCode(
        of challenge: ChallengeState, _ dossier: Dossier, _ browser: BrowserRecord, _ db: any Connection
    ) throws -> Bool {
        guard let gap = dossier.reach.gaps[challenge.use], let until = challenge.until, dossier.now < until,
            Budgets.codes(challenge.use.credential, knownBrowser: browser.isKnown).allSatisfy({ dossier.closed($0.key, $0.rule) == nil })
        else { return false }
        // What was decided elsewhere needs no gateway any more.
        guard let kind = OutboxMessage.Kind(challenge.use.capability) else { return challenge.approvals != nil }
        return try gap.why != .gateway || challenge.approvals != nil
            || outbox.wasSent(kind, to: dossier.person.id, since: challenge.startedAt, db)
    }
}
