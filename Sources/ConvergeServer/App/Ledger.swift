import ConvergeCore
import Synchronization

/// Writes what has to be remembered and told, in the transaction of the change: audit rows and outbox messages.
struct Ledger {
    let instance: Instance
    let db: any Connection
    let now: Moment
    /// Where a request came from; nil at the command line.
    var network: String?
    private var address: IPAddress?
    var agent: String?
    /// The flow or request that belongs together.
    var correlation: String?

    init(_ instance: Instance, _ db: any Connection, request: AnonymousRequest, correlation: String? = nil) {
        self.instance = instance
        self.db = db
        now = request.now
        network = request.network
        address = request.address
        agent = request.agent
        self.correlation = correlation ?? request.id
    }

    init(_ instance: Instance, _ db: any Connection, now: Moment, correlation: String? = nil) {
        self.instance = instance
        self.db = db
        self.now = now
        self.correlation = correlation
    }

    /// Writes an audit row. `by` nil: the person it is about.
    func note(
        _ activity: AuditActivity, _ person: PersonRecord?, success: Bool = true, reason: String? = nil, by actor: AuditActor? = nil,
        caseCode: String? = nil, details: [String: String] = [:]
    ) throws {
        let own: AuditActor = person.map { .person($0.id, name: $0.name) } ?? .anonymous
        let event = AuditEvent(
            activity, success: success, reason: reason, person: person?.id, personName: person?.name, actor: actor ?? own,
            correlation: correlation, caseCode: caseCode, network: network, agent: agent, details: details)
        try instance.audit.write(event, id: AuditID.next(at: now, instance.world), at: now, db)
        let metrics = instance.metrics
        db.afterCommit { metrics.count(event) }
    }

    /// Puts a message into the outbox, sealed.
    func send(_ message: OutboxMessage, to person: PersonID?, notAfter: Moment) throws {
        try instance.outbox.insert(
            message, id: instance.world.newToken(bytes: 16), person: person, notAfter: notAfter, now: now, db)
    }

    /// Sends a code within the budgets of person, destination, country, network and organisation.
    ///
    /// - Returns: a refusal when one of them is spent; nothing was sent then.
    ///
    /// - Parameter isKnown: the browser at hand has signed in as this person before.
    func send(_ message: CodeMessage, to person: PersonRecord, isKnown: Bool = false) throws -> Refusal? {
        if case .app(let only) = message.channel { return try ask(message, only, person, isKnown: isKnown) }
        if case .call(let dialled) = message.channel, !instance.config.isCountryOpenForCalls(dialled.number) {
            return Refusal(.phoneCountryClosed)
        }
        if let until = try instance.spend(sendBudgets(message.channel, person.id), now: now, db) {
            return Refusal(.sendBudget, until: until)
        }
        let composed = instance.letters.code(message, person: person, now: now)
        if let approval = message.approval { try ask(approval, message.purpose, person.id) }
        try send(composed, to: person.id, notAfter: message.notAfter)
        // A reset writes its own steps down, those of nobody too.
        if message.purpose != .reset {
            try note(.challengeSent, person, details: ["purpose": message.purpose.rawValue, "kind": composed.kind.rawValue])
        }
        return nil
    }

    /// Asks the apps of a person: one question at a time, three in ten minutes at most. It waits for them whether they are told or not.
    private func ask(_ message: CodeMessage, _ only: CredentialID?, _ person: PersonRecord, isKnown: Bool) throws -> Refusal? {
        guard let approval = message.approval else { return nil }
        let flow = correlation.map { FlowID($0) }, open = try instance.approvals.open(of: person.id, now: now, db)
        if let other = open.first(where: { $0.capability == .appNotification && $0.flow != flow }) {
            return Refusal(.approvalBusy, until: other.until)
        }
        if let until = try instance.budgets.spend(Budgets.pushes(person.id), Budgets.pushesPerPerson, now: now, db) {
            return Refusal(.approvalBusy, until: until)
        }
        try instance.budgets.clear(Budgets.openPush(person.id), db)
        _ = try instance.budgets.spend(Budgets.openPush(person.id), Budgets.openPushes, now: now, db)
        if let flow { try instance.approvals.replace(in: flow, of: person.id, now: now, db) }
        let facts = AskedFacts(
            application: instance.config.organisation.name, network: whereabouts(for: person),
            browser: agent.map { BrowserName.of($0) } ?? "",
            isKnown: isKnown)
        try instance.approvals.insert(approval, person: person.id, purpose: message.purpose, flow: flow, asked: facts, now: now, db)
        for app in try instance.authenticators.asked(of: person.id, only: only, db) {
            guard let push = try instance.letters.push(message.purpose, to: app, person: person, now: now),
                instance.config.pushHosts.origin(of: push.to) != nil
            else { continue }
            try send(push, to: person.id, notAfter: message.notAfter)
        }
        let signal = instance.approvalSignal
        db.afterCommit { signal.wake() }
        if message.purpose != .reset {
            try note(.challengeSent, person, details: ["purpose": message.purpose.rawValue, "kind": OutboxMessage.Kind.push.rawValue])
        }
        return nil
    }

    /// Where the request comes from, as far as that is known: a place that somebody recognises or does not, and the network.
    private func whereabouts(for person: PersonRecord) -> String {
        let network = self.network ?? ""
        let place = address.flatMap { instance.places?.place(of: $0, language: String((person.locale ?? "en").prefix(2))) }
        return place.map { "\($0) (\(network))" } ?? network
    }

    /// Nobody waits for an answer from elsewhere any more.
    func endApprovals(of person: PersonID) throws {
        guard let flow = correlation.map({ FlowID($0) }) else { return }
        try instance.approvals.replace(in: flow, of: person, now: now, db)
        try instance.budgets.clear(Budgets.openPush(person), db)
    }

    /// Writes down what waits for a decision elsewhere; what was asked before in the same conversation is over.
    private func ask(_ approval: ApprovalDraft, _ purpose: Purpose, _ person: PersonID) throws {
        let flow = correlation.map { FlowID($0) }
        if let flow { try instance.approvals.replace(in: flow, of: person, now: now, db) }
        try instance.approvals.insert(approval, person: person, purpose: purpose, flow: flow, now: now, db)
    }

    /// What a code on its way counts against.
    func sendBudgets(_ channel: CodeMessage.Channel, _ person: PersonID) -> [(key: String, rule: BudgetRule)] {
        var budgets: [(key: String, rule: BudgetRule)] = [
            (Budgets.send(person), Budgets.sendsPerPerson),
            ("send:to:" + instance.keyed(channel.source, "budget"), Budgets.sendsPerDestination),
            Budgets.from(network, .code, instance), Budgets.codes(instance.config.limits),
        ]
        switch channel {
        case .text(let phone):
            if let country = foreignCountry(phone) { budgets.append(Budgets.texts(to: country, instance.config.limits)) }
        case .call(let dialled):
            // Calls cost more and disturb more: they have counts of their own beside those of everything that is sent.
            budgets.append((Budgets.calls(person), Budgets.callsPerPerson))
            budgets.append(Budgets.calls(instance.config.limits))
            if let country = foreignCountry(dialled.number) { budgets.append(Budgets.calls(to: country, instance.config.limits)) }
        case .email, .app: break
        }
        return budgets
    }

    /// A code that was answered does not count any more for the network that it was asked from; what it cost does.
    func answered(_ capability: Capability) throws {
        guard ResetMachine.isSent(capability) else { return }
        try instance.budgets.giveBack([Budgets.from(network, .code, instance).key], db)
    }

    /// The country of a number that is not the organisation's own.
    private func foreignCountry(_ phone: PhoneNumber) -> String? {
        let own = instance.config.organisation.country
        guard case .success(let parsed) = PhoneParser.parse(phone.e164, region: own), parsed.region != own else { return nil }
        return parsed.region
    }
}

/// Ids of audit rows, in the order in which they were written: what happened in one millisecond stays in its order.
enum AuditID {
    private static let counter = Atomic<UInt64>(0)

    static func next(at now: Moment, _ world: World) -> String {
        let count = counter.wrappingAdd(1, ordering: .relaxed).newValue
        return hex(UInt64(bitPattern: now.ms), 12) + hex(count, 10) + world.newToken(bytes: 6)
    }

    private static func hex(_ value: UInt64, _ width: Int) -> String {
        let text = String(value, radix: 16)
        return String(repeating: "0", count: max(0, width - text.count)) + text.suffix(width)
    }
}
