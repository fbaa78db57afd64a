import ConvergeCore

/// Everything about one person that a decision looks at, read in one transaction.
struct Dossier: Sendable {
    let record: PersonRecord
    let credentials: [CredentialRecord]
    let standing: Standing
    let document: PolicyDocument
    let reach: Reachability
    let now: Moment

    var person: Person { record.person }
    var policy: ResolvedPolicy { standing.policy }

    /// The stored credential behind a use.
    func credential(_ id: CredentialID) -> CredentialRecord? { credentials.first { $0.id == id } }

    /// The same with one use that can be reached. Where any of several apps may answer, all of them can.
    func reaching(_ use: CredentialUse) -> Dossier {
        var reach = self.reach
        reach.gaps[use] = nil
        if MethodRegistry.traits(of: use.capability).manner == .approval {
            for other in reach.gaps.keys where other.capability == use.capability { reach.gaps[other] = nil }
        }
        return Dossier(record: record, credentials: credentials, standing: standing, document: document, reach: reach, now: now)
    }

    /// The facts of a sign-in decision.
    func signInFacts(_ request: RequestFacts, _ instance: Instance) -> SignInFacts {
        SignInFacts(standing: standing, reach: reach, request: request, now: now, endOfDay: instance.endOfDay)
    }
}

extension Instance {
    /// Reads a person's dossier; nil when there is nobody with this id.
    ///
    /// - Parameter knownBrowser: whether the browser at hand has signed in as this person before; strangers have smaller budgets.
    func dossier(_ id: PersonID, knownBrowser: Bool, now: Moment, _ db: any Connection) throws -> Dossier? {
        guard let record = try people.find(id, db) else { return nil }
        return try dossier(record, knownBrowser: knownBrowser, now: now, db)
    }

    /// Reads the rest of a person's dossier.
    func dossier(_ record: PersonRecord, knownBrowser: Bool, now: Moment, _ db: any Connection) throws -> Dossier {
        let versions = try policyCache.versions(policies, db)
        let credentials = try self.credentials.all(of: record.id, db)
        let standing = Standing(
            person: record.person, credentials: credentials.map(\.credential), policy: try versions.resolve(for: record.person))
        return Dossier(
            record: record, credentials: credentials, standing: standing, document: try versions.current,
            reach: try reachability(credentials, person: record.id, knownBrowser: knownBrowser, now: now, db), now: now)
    }

    /// What cannot be reached now: budgets spent, gateways down, countries closed.
    private func reachability(
        _ credentials: [CredentialRecord], person: PersonID, knownBrowser: Bool, now: Moment, _ db: any Connection
    ) throws -> Reachability {
        var gaps: [CredentialUse: Reachability.Gap] = [:]
        let closed = try closedBudgets(credentials, person, knownBrowser: knownBrowser, now: now, db)
        let unreached = try outbox.troubled(
            OutboxMessage.Kind.allCases.map(\.rawValue)
                + credentials.map(\.credential.channel).flatMap { [$0, Self.called($0)] }, since: now - .minutes(2), db)
        func isDown(_ kind: OutboxMessage.Kind, _ credential: Credential) -> Bool {
            !carries(kind) || unreached.contains(kind.rawValue)
                || unreached.contains(kind == .voice ? Self.called(credential.channel) : credential.channel)
        }
        for record in credentials where record.credential.state == .active || record.credential.state == .unconfirmed {
            let credential = record.credential
            let codes = Budgets.codes(credential.id, knownBrowser: knownBrowser).compactMap { closed[$0.key] }.first
            for capability in credential.capabilities {
                let use = credential.use(capability)
                if let codes { gaps[use] = .init(.budget, until: codes) }
                if MethodRegistry.traits(of: capability).manner == .approval,
                    let until = closed[Budgets.openPush(person)] ?? closed[Budgets.pushes(person)]
                {
                    gaps[use] = .init(.budget, until: until)
                }
                guard let kind = OutboxMessage.Kind(capability) else { continue }
                if isDown(kind, credential) {
                    gaps[use] = .init(.gateway)
                } else if let until = closed[Budgets.send(person)] ?? (kind == .voice ? closed[Budgets.calls(person)] : nil) {
                    gaps[use] = .init(.budget, until: until)
                }
            }
        }
        return Reachability(gaps: gaps.merging(Reachability.ofThisRelease(credentials.map(\.credential)).gaps) { $1 })
    }
}

extension Instance {
    /// Which of the budgets that reaching a person depends on are spent, and until when. One statement, whatever somebody has.
    private func closedBudgets(
        _ credentials: [CredentialRecord], _ person: PersonID, knownBrowser: Bool, now: Moment, _ db: any Connection
    ) throws -> [String: Moment] {
        var rules = [Budgets.send(person): Budgets.sendsPerPerson, Budgets.calls(person): Budgets.callsPerPerson]
        rules[Budgets.pushes(person)] = Budgets.pushesPerPerson
        rules[Budgets.openPush(person)] = Budgets.openPushes
        for record in credentials {
            for (key, rule) in Budgets.codes(record.id, knownBrowser: knownBrowser) { rules[key] = rule }
        }
        return try budgets.exhausted(rules, now: now, db)
    }
}

/// The budgets of the product, each apart, and their keys.
enum Budgets {
    /// Wrong codes against one credential from browsers that never signed in as its owner: 10 in 24 hours.
    static let strangerCodes = BudgetRule(limit: 10, window: .hours(24), lock: .hours(24))
    /// Wrong codes against one credential from a known browser.
    static let ownerCodes = BudgetRule(limit: 20, window: .hours(1), lock: .minutes(15))
    /// Wrong codes against one credential whatever the browser, until the owner proves another way.
    static let ceiling = BudgetRule(limit: 100, window: .days(36500))
    static let sendsPerPerson = BudgetRule(limit: 10, window: .hours(1), lock: nil)
    static let sendsPerDestination = BudgetRule(limit: 10, window: .hours(1), lock: nil)
    /// Texts to one country other than the organisation's own, where most of its people are: fraud with dear numbers goes there.
    static let sendsPerCountry = BudgetRule(limit: 300, window: .hours(1), lock: nil)
    static let sendsPerNetwork = BudgetRule(limit: 60, window: .hours(1), lock: nil)
    static let sendsPerOrganisation = BudgetRule(limit: 5000, window: .hours(1), lock: nil)
    static let callsPerPerson = BudgetRule(limit: 6, window: .hours(1), lock: nil)
    static let callsPerCountry = BudgetRule(limit: 100, window: .hours(1), lock: nil)
    static let callsPerOrganisation = BudgetRule(limit: 1000, window: .hours(1), lock: nil)
    /// Questions put to the apps of one person.
    static let pushesPerPerson = BudgetRule(limit: 3, window: .minutes(10), lock: nil)
    /// One of them at a time, for as long as it may be answered.
    static let openPushes = BudgetRule(limit: 1, window: ConvergeApp.approvalLife, lock: nil)
    /// Apps that came from one network with a code that was none.
    static let activationsPerNetwork = BudgetRule(limit: 20, window: .minutes(10), lock: nil)
    /// Wrong pairs of serial number and code from one person, however many registrations they begin.
    static let tokenTriesPerPerson = BudgetRule(limit: 10, window: .hours(1), lock: nil)
    /// The same for one serial number, whether there is such a token or not: the answers must be alike.
    static let tokenTriesPerSerial = BudgetRule(limit: 20, window: .hours(24), lock: nil)
    /// Resets begun for one person by strangers.
    static let resetsPerPerson = BudgetRule(limit: 5, window: .hours(24), lock: .hours(24))
    static let passGuesses = BudgetRule(limit: 10, window: .hours(1), lock: .minutes(15))
    static let recoveryGuesses = BudgetRule(limit: 10, window: .hours(24), lock: .hours(1))
    static let signInsPerNetwork = BudgetRule(limit: 300, window: .minutes(5), lock: nil)

    static func stranger(_ id: CredentialID) -> String { "code:stranger:\(id)" }
    static func owner(_ id: CredentialID) -> String { "code:owner:\(id)" }
    static func ceiling(_ id: CredentialID) -> String { "code:all:\(id)" }
    static func send(_ person: PersonID) -> String { "send:person:\(person)" }
    static func pushes(_ person: PersonID) -> String { "push:person:\(person)" }
    static func openPush(_ person: PersonID) -> String { "push:open:\(person)" }
    static func calls(_ person: PersonID) -> String { "call:person:\(person)" }
    static func tokenTries(_ person: PersonID) -> String { "token:person:\(person)" }

    /// A token that is kept for somebody has a count of its own: nobody else can use it up. Everybody else shares one for a serial number,
    /// in use, kept or unknown.
    static func tokenTries(_ serial: String, keptFor person: PersonID?, _ instance: Instance) -> String {
        let key = instance.keyed(InventoryToken.key(of: serial), "budget")
        return person.map { "token:kept:\($0):\(key)" } ?? "token:serial:\(key)"
    }

    /// What tries against a credential count against, the ceiling first.
    static func codes(_ id: CredentialID, knownBrowser: Bool) -> [(key: String, rule: BudgetRule)] {
        [(ceiling(id), ceiling), knownBrowser ? (owner(id), ownerCodes) : (stranger(id), strangerCodes)]
    }

    /// Until when a credential is closed for this kind of browser; nil when it is open.
    static func closed(
        _ id: CredentialID, knownBrowser: Bool, now: Moment, _ store: BudgetStore, _ db: any Connection
    ) throws -> Moment? {
        for (key, rule) in codes(id, knownBrowser: knownBrowser) {
            if let until = try store.exhausted(key, rule, now: now, db) { return until }
        }
        return nil
    }

    /// Counts a try against a credential, before the comparison. A try that the browser's own budget refuses is never compared, so it
    /// does not count against the ceiling: else a stranger would close the credential to its owner by guessing on and on.
    ///
    /// - Returns: nil when there was budget, else until when there is none.
    static func spendTry(
        _ id: CredentialID, knownBrowser: Bool, now: Moment, _ store: BudgetStore, _ db: any Connection
    ) throws -> Moment? {
        for (key, rule) in codes(id, knownBrowser: knownBrowser).reversed() {
            if let until = try store.spend(key, rule, now: now, db) { return until }
        }
        return nil
    }

    /// A right answer gives the budgets of its credential back; the owner's at a sign-in lifts the ceiling of all the others.
    static func clear(_ id: CredentialID, ceilings: [CredentialID] = [], _ store: BudgetStore, _ db: any Connection) throws {
        try store.clear([stranger(id), owner(id), ceiling(id)] + ceilings.map(ceiling), db)
    }
}
