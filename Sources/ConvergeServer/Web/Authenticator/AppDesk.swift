import ConvergeCore

/// What installed apps ask and tell: every request is signed with the app's key, or comes with a code that is good once.
struct AppDesk {
    let instance: Instance
    let request: AnonymousRequest

    private var now: Moment { request.now }
    private var origin: String { instance.config.publicURL }

    /// Why the app gets nothing; one word that its page has a sentence for.
    enum Problem: String, Error, Sendable {
        case code, busy, malformed, clock, gone, replaced, suspended, foreign, decided, late
        case firstCode = "first-code"
        case pushHost = "push-host"

        var status: Int {
            switch self {
            case .code, .malformed, .firstCode, .pushHost: 422
            case .busy: 429
            case .clock, .decided, .suspended, .replaced: 409
            case .gone, .late: 410
            case .foreign: 403
            }
        }
    }

    // MARK: activation

    /// What an app keeps of the account that it was connected to.
    struct Account: Encodable, Sendable {
        let credential: String
        let person: String
        let name: String
        let organisation: String
        let secret: String
        let now: Int64
        /// What a browser binds its subscription to; nil: nothing is pushed.
        let push: String?
    }

    /// An app comes with a code, and with the key that it has just made.
    func activate() async throws -> Account {
        let form = request.form, instance = self.instance, now = self.now
        guard let point = Base64URL.decode(form["key"]), let key = AppKey(point), let time = Int64(form["time"]),
            let signature = Base64URL.decode(form["signature"])
        else { throw Problem.malformed }
        let signed = AppRequest(.activate, subject: form["code"], origin: origin, at: Moment(ms: time), more: [form["key"]])
        guard key.signed(signed.bytes, signature) else { throw Problem.foreign }
        let hash = AppActivation.hash(form["code"]) { instance.keyed($0, "code") }
        let label = BrowserName.of(request.agent), budget = Budgets.from(request.network, .activation, instance)
        let taken: Account? = try await instance.database.write { db in
            guard try instance.budgets.spend([budget], now: now, db) == nil else { return nil }
            guard let hash, let record = try instance.authenticators.activate(hash, key: key, label: label, now: now, db),
                let person = try instance.people.find(record.person, db)
            else { return Account(credential: "", person: "", name: "", organisation: "", secret: "", now: now.ms, push: nil) }
            try instance.budgets.giveBack([budget.key], db)
            return Account(
                credential: record.id.text, person: record.person.text, name: person.name,
                organisation: instance.config.organisation.name, secret: Base32.encode(record.content.secret.bytes), now: now.ms,
                push: instance.config.pushHosts.isEmpty ? nil : instance.pushSender.publicKey)
        }
        guard let taken else { throw Problem.busy }
        guard !taken.credential.isEmpty else { throw Problem.code }
        instance.approvalSignal.wake()
        return taken
    }

    // MARK: asking

    /// One request as the app shows it.
    struct Asked: Encodable, Sendable {
        let challenge: String
        let purpose: String
        let application: String
        let network: String
        let browser: String
        let known: Bool
        /// The app is being registered: the first code goes along with the answer.
        let first: Bool
        let made: Int64
        let until: Int64
    }

    struct Polled: Encodable, Sendable {
        let now: Int64
        let name: String
        let requests: [Asked]
        let push: String?
        /// Whether this app can be pushed to. A push service may have forgotten it.
        let subscribed: Bool
    }

    /// What the person is asked now. Waits a moment for something new.
    func poll() async throws -> Polled {
        let seen = request.form["seen"], looks = request.form["wait"] == "yes" ? Self.looks : 1
        return try await instance.approvalSignal.look(times: looks) {
            let polled = try await look()
            return (polled, polled.requests.map(\.challenge).joined(separator: " ") != seen)
        }
    }

    /// A server that is told to stop waits for nobody for long.
    private static let looks = 4

    private func look() async throws -> Polled {
        let instance = self.instance, now = instance.world.now()
        return try await instance.database.read { db in
            let whom = Whom.holder(ofApp: CredentialID(request.form["credential"]))
            let asked = try instance.approvals.askOpen(of: whom, now: now, db), holder = try instance.people.ask(whom, db)
            let app = try signedApp(.poll, [], db), open = try asked.answer().filter { app.isAsked($0) }
            guard let person = try holder.answer() else { throw Problem.gone }
            return Polled(
                now: now.ms, name: person.name,
                requests: open.map { approval in
                    Asked(
                        challenge: approval.id.text, purpose: approval.purpose.rawValue, application: approval.asked.application,
                        network: approval.asked.network, browser: approval.asked.browser, known: approval.asked.isKnown,
                        first: approval.credential == nil, made: (approval.until - ConvergeApp.approvalLife).ms, until: approval.until.ms)
                }, push: instance.config.pushHosts.isEmpty ? nil : instance.pushSender.publicKey,
                subscribed: app.record.content.push != nil)
        }
    }

    // MARK: answering

    struct Answered: Encodable, Sendable {
        let outcome: String
    }

    /// Somebody decided.
    func answer() async throws -> Answered {
        let form = request.form, instance = self.instance, now = self.now, request = self.request
        guard let decision = AppDecision(rawValue: form["decision"]), let signature = Base64URL.decode(form["signature"]) else {
            throw Problem.malformed
        }
        let answer = AppAnswer(decision: decision, number: form["number"], signature: signature)
        let id = ApprovalID(form["challenge"]), origin = self.origin
        let outcome: Answered = try await instance.database.write { db in
            var app = try app(db)
            guard let approval = try instance.approvals.find(id, db), app.isAsked(approval) else { throw Problem.foreign }
            let number = NumberMatching.number(of: id) { instance.keyed($0, "code") }
            switch answer.judge(approval, by: app.record.id, of: app.person, key: app.key, origin: origin, number: number, at: now) {
            case .ignored(.foreign): throw Problem.foreign
            case .ignored(.decided): throw Problem.decided
            case .ignored(.late): throw Problem.late
            case .ends(let outcome, let failure):
                if approval.credential == nil, outcome == .approved { try app.proveCode(form["code"], now, instance, db) }
                guard try instance.approvals.decide(id, outcome, failure, by: app.record.id, now: now, db) else { throw Problem.decided }
                try instance.budgets.clear(Budgets.openPush(app.person), db)
                try Self.follow(approval, outcome, failure, request, instance, db)
                return Answered(outcome: failure?.rawValue ?? outcome.rawValue)
            }
        }
        instance.approvalSignal.wake()
        return outcome
    }

    /// What follows from a decision but what the page that waits for it does.
    private static func follow(
        _ approval: Approval, _ outcome: ApprovalOutcome, _ failure: ApprovalFailure?, _ request: AnonymousRequest, _ instance: Instance,
        _ db: any Connection
    ) throws {
        if outcome == .fraud { return try FraudReport.take(approval, now: request.now, instance, db) }
        guard outcome != .approved, let person = try instance.people.find(approval.person, db) else { return }
        let reason = failure.map { $0.appRefusal } ?? .approvalDenied
        try Ledger(instance, db, request: request, correlation: approval.flow?.text).note(
            .challengeAnswered, person, success: false, reason: reason.rawValue,
            details: ["capability": approval.capability.rawValue, "purpose": approval.purpose.rawValue])
    }

    // MARK: push

    /// Where the app can be told that something is asked; an empty address: nowhere any more.
    func subscribe() async throws {
        let form = request.form, instance = self.instance, endpoint = form["endpoint"]
        var push: PushSubscription?
        if !endpoint.isEmpty {
            guard let key = Base64URL.decode(form["p256dh"]), let secret = Base64URL.decode(form["auth"]),
                let keys = PushKeys(key: key, secret: secret)
            else { throw Problem.malformed }
            guard instance.config.pushHosts.origin(of: endpoint) != nil else { throw Problem.pushHost }
            push = PushSubscription(endpoint: endpoint, keys: keys)
        }
        let wanted = push
        try await instance.database.write { db in
            var record = try signedApp(.subscribe, [endpoint, form["p256dh"], form["auth"]], db).record
            guard record.content.push != wanted else { return }
            record.content.push = wanted
            try instance.authenticators.save(record, db)
        }
    }

    // MARK: who asks

    /// An app that may ask and answer.
    private struct App {
        var record: AuthenticatorRecord
        let key: AppKey
        /// The credential is there; until then the app belongs to a registration.
        let isRegistered: Bool

        var person: PersonID { record.person }

        /// Whether an approval is put to this app.
        func isAsked(_ approval: Approval) -> Bool {
            guard approval.capability == .appNotification, approval.person == person else { return false }
            return approval.credential == nil ? approval.flow == record.flow && !isRegistered : isRegistered
        }

        /// The first answer shows that the codes are right too.
        mutating func proveCode(_ code: String, _ now: Moment, _ instance: Instance, _ db: any Connection) throws {
            guard let totp = TOTP(secret: record.content.secret), case .step(let step) = totp.matchingStep(Secret(code), at: now) else {
                throw Problem.firstCode
            }
            record.content.step = step
            try instance.authenticators.save(record, db)
        }
    }

    private func app(_ db: any Connection) throws -> App {
        let id = CredentialID(request.form["credential"])
        let installed = try instance.authenticators.ask(id, db)
        let registered = try instance.credentials.ask(id, of: .holder(ofApp: id), db)
        guard let record = try installed.answer(), let key = record.content.key else { throw Problem.gone }
        let held = try registered.answer()
        switch held?.credential.state {
        case .active: return App(record: record, key: key, isRegistered: true)
        case .suspended: throw Problem.suspended
        case nil:
            guard try instance.isWaited(for: record, now: now, db) else { throw Problem.gone }
            return App(record: record, key: key, isRegistered: false)
        // As long as its owner can take the change back, the app keeps what it has.
        case .retired where held?.sealed.isEmpty == false: throw Problem.replaced
        default: throw Problem.gone
        }
    }

    /// The app that signed this request, about now.
    private func signedApp(_ kind: AppRequest.Kind, _ more: [String], _ db: any Connection) throws -> App {
        let form = request.form, app = try app(db)
        guard let time = Int64(form["time"]), let signature = Base64URL.decode(form["signature"]) else { throw Problem.malformed }
        let signed = AppRequest(kind, subject: app.record.id.text, origin: origin, at: Moment(ms: time), more: more)
        guard app.key.signed(signed.bytes, signature) else { throw Problem.foreign }
        guard signed.isFresh(at: now) else { throw Problem.clock }
        return app
    }
}

extension Instance {
    /// Whether the registration that an app came to is still open.
    fileprivate func isWaited(for record: AuthenticatorRecord, now: Moment, _ db: any Connection) throws -> Bool {
        guard let flow = try flows.find(record.flow, db) else { return false }
        return flow.closedAt == nil && now < flow.expiresAt
    }
}
