import ConvergeCore
import Synchronization

/// Writes what has to be remembered and told, in the transaction of the change: audit rows and outbox messages.
struct Ledger {
    let instance: Instance
    let db: any Connection
    let now: Moment
    /// Where a request came from; nil at the command line.
    var network: String?
    var agent: String?
    /// The flow or request that belongs together.
    var correlation: String?

    init(_ instance: Instance, _ db: any Connection, request: AnonymousRequest, correlation: String? = nil) {
        self.instance = instance
        self.db = db
        now = request.now
        network = request.network
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
        var event = AuditEvent(
            activity, success: success, reason: reason, person: person?.id, personName: person?.name, actor: actor ?? own,
            correlation: correlation, caseCode: caseCode, network: network, agent: agent, details: details)
        event.policyVersion = try instance.policies.currentVersion(db)
        try instance.audit.write(event, id: AuditID.next(at: now, instance.world), at: now, db)
        let written = event, metrics = instance.metrics
        db.afterCommit { metrics.count(written) }
    }

    /// Puts a message into the outbox, sealed.
    func send(_ message: OutboxMessage, to person: PersonID?, notAfter: Moment) throws {
        try instance.outbox.insert(
            message, id: instance.world.newToken(bytes: 16), person: person, notAfter: notAfter, now: now, db)
    }

    /// Sends a code within the budgets of person, destination, country, network and organisation.
    ///
    /// - Returns: a refusal when one of them is spent; nothing was sent then.
    func send(_ message: CodeMessage, to person: PersonRecord) throws -> Refusal? {
        if case .call(let dialled) = message.channel, !instance.config.isCountryOpenForCalls(dialled.number) {
            return Refusal(.phoneCountryClosed)
        }
        if let until = try spendSend(message, person.id) { return Refusal(.sendBudget, until: until) }
        let composed = instance.letters.code(message, person: person, now: now)
        if let approval = message.approval { try ask(approval, message.purpose, person.id) }
        try send(composed, to: person.id, notAfter: message.notAfter)
        // A reset writes its own steps down, those of nobody too.
        if message.purpose != .reset {
            try note(.challengeSent, person, details: ["purpose": message.purpose.rawValue, "kind": composed.kind.rawValue])
        }
        return nil
    }

    /// Writes down what waits for a decision elsewhere; what was asked before in the same conversation is over.
    private func ask(_ approval: ApprovalDraft, _ purpose: Purpose, _ person: PersonID) throws {
        let flow = correlation.map { FlowID($0) }
        if let flow { try instance.approvals.replace(in: flow, of: person, now: now, db) }
        try instance.approvals.insert(approval, person: person, purpose: purpose, flow: flow, now: now, db)
    }

    /// Whether messages of a kind cannot be sent now, to anybody.
    func isGatewayDown(_ kind: OutboxMessage.Kind) throws -> Bool {
        try !instance.carries(kind) || !instance.outbox.troubled([kind.rawValue], since: now - .minutes(2), db).isEmpty
    }

    private func spendSend(_ message: CodeMessage, _ person: PersonID) throws -> Moment? {
        for (key, rule) in sendBudgets(message.channel, person) {
            if let until = try instance.budgets.spend(key, rule, now: now, db) { return until }
        }
        return nil
    }

    /// What a code on its way counts against.
    func sendBudgets(_ channel: CodeMessage.Channel, _ person: PersonID) -> [(key: String, rule: BudgetRule)] {
        var budgets: [(key: String, rule: BudgetRule)] = [
            (Budgets.send(person), Budgets.sendsPerPerson),
            ("send:to:" + instance.keyed(channel.source, "budget"), Budgets.sendsPerDestination),
            ("send:from:" + instance.keyed(network ?? "", "budget"), Budgets.sendsPerNetwork),
            ("send:all", Budgets.sendsPerOrganisation),
        ]
        switch channel {
        case .text(let phone):
            if let country = foreignCountry(phone) { budgets.append(("send:country:" + country, Budgets.sendsPerCountry)) }
        case .call(let dialled):
            // Calls cost more and disturb more: they have counts of their own beside those of everything that is sent.
            budgets.append((Budgets.calls(person), Budgets.callsPerPerson))
            budgets.append(("call:all", Budgets.callsPerOrganisation))
            if let country = foreignCountry(dialled.number) { budgets.append(("call:country:" + country, Budgets.callsPerCountry)) }
        case .email: break
        }
        return budgets
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
