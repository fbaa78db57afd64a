public import ConvergeCore

extension Administration {
    /// How a pass is made.
    public struct PassOrder: Sendable {
        public var length: Int
        public var minutes: Int
        public var once: Bool
        public var starts: Moment?

        public init(length: Int = 8, minutes: Int = 60, once: Bool = true, starts: Moment? = nil) {
            self.length = length
            self.minutes = minutes
            self.once = once
            self.starts = starts
        }
    }

    /// A pass, shown this once.
    public struct MadePass: Sendable {
        public let pass: Secret
        public let from: Moment
        public let until: Moment
        public let once: Bool
    }

    /// A pass that is not stored yet.
    struct PreparedPass: Sendable {
        let code: ReadableCode
        let made: MadePass
    }

    /// Makes a Temporary Access Pass; an older one of the same person ends. The person is told, and where the person is an
    /// administrator the others too.
    public func makePass(_ name: String, _ order: PassOrder) async throws -> MadePass {
        let prepared = try prepare(order), now = self.now, instance = self.instance
        try await instance.database.write { db in
            let ledger = Ledger(instance, db, now: now)
            let dossier = try instance.dossier(person(name, db), knownBrowser: true, now: now, db)
            try store(prepared, dossier, ledger)
            try ledger.tell(.accessPassMade, dossier)
            try ledger.tellAdministrators(.passMade, about: dossier)
        }
        return prepared.made
    }

    func prepare(_ order: PassOrder) throws -> PreparedPass {
        guard (8...48).contains(order.length) else { throw Problem("A pass has 8 to 48 symbols.") }
        guard (10...43_200).contains(order.minutes) else { throw Problem("A pass lives between 10 minutes and 30 days.") }
        let from = order.starts ?? now
        guard from + .minutes(order.minutes) > now else { throw Problem("The pass would have ended already.") }
        guard let code = ReadableCode(.accessPass, length: order.length, random: instance.world.random(order.length)) else {
            throw Fault("no randomness for a pass")
        }
        return PreparedPass(
            code: code, made: MadePass(pass: code.shown(.accessPass), from: from, until: from + .minutes(order.minutes), once: order.once))
    }

    func store(_ prepared: PreparedPass, _ dossier: Dossier, _ ledger: Ledger) throws {
        let record = dossier.record, made = prepared.made, db = ledger.db, uses = made.once ? 1 : nil
        for old in try instance.credentials.all(of: record.id, db) where old.credential.method == .temporaryAccessPass {
            try instance.credentials.retire(old.id, reason: "replaced", replacedBy: nil, at: ledger.now, db)
        }
        let id: CredentialID = instance.world.newID()
        let credential = Credential(
            id: id, method: .temporaryAccessPass, source: .administrator, capabilities: [.temporaryAccessPass], channel: "pass:\(id)",
            addedAt: ledger.now, validFrom: made.from, validUntil: made.until, remaining: uses)
        try instance.credentials.insert(credential, of: record.id, content: CredentialContent(), hint: "", db)
        let context = instance.methodContext(accountName: record.name, now: ledger.now)
        try instance.credentials.insertPass(
            id, hash: TemporaryAccessPass.hash(prepared.code.canonical.text, context), usesLeft: uses, db)
        try ledger.note(
            .passCreated, record, by: .operatorConsole,
            details: ["uses": made.once ? "one" : "many", "from": made.from.iso, "until": made.until.iso])
    }
}
