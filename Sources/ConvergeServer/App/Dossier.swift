import ConvergeCore

/// Everything about one person that a decision looks at, read in one transaction.
struct Dossier: Sendable {
    let record: PersonRecord
    let credentials: [CredentialRecord]
    let standing: Standing
    let document: PolicyDocument
    let reach: Reachability
    /// What cannot be sent now, to anybody.
    let gatewaysDown: Set<OutboxMessage.Kind>
    /// What was spent of the budgets that this depends on.
    let spent: [String: BudgetState]
    /// What the conversation at hand waits for elsewhere.
    let elsewhere: Elsewhere
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
        return Dossier(
            record: record, credentials: credentials, standing: standing, document: document, reach: reach, gatewaysDown: gatewaysDown,
            spent: spent, elsewhere: elsewhere, now: now)
    }

    /// Until when a budget was closed when this was read.
    func closed(_ key: String, _ rule: BudgetRule) -> Moment? { spent[key].flatMap { rule.closedUntil($0, at: now) } }

    /// The facts of a sign-in decision.
    func signInFacts(_ request: RequestFacts, _ instance: Instance) -> SignInFacts {
        SignInFacts(standing: standing, reach: reach, request: request, now: now, endOfDay: instance.endOfDay)
    }
}

/// What becomes of a call, a notification or a new app, as it was when a dossier was read.
struct Elsewhere: Sendable {
    /// What was asked elsewhere; nil: no such thing.
    var approvals: [ApprovalID: Approval?] = [:]
    var apps: [CredentialID: SeenApp?] = [:]
}

/// What a conversation waits for elsewhere, by its state.
struct AwaitedElsewhere: Sendable {
    var approvals: [ApprovalID] = []
    var apps: [CredentialID] = []

    static let nothing = AwaitedElsewhere(nil)

    init(_ challenge: ChallengeState?, _ enrolment: EnrolmentState? = nil) {
        approvals = [challenge?.approvals, enrolment?.approvals].compactMap { $0?.current?.id }
        apps = [enrolment?.activation?.credential].compactMap(\.self)
    }
}

/// What is known of the browser at hand when a dossier is asked for. Strangers have smaller budgets.
enum BrowserAsked {
    /// Nobody's, or an operator's: known or not is settled.
    case settled(isKnown: Bool)
    /// The hash of its cookie tells.
    case hash(String)
}

extension Instance {
    /// A person's dossier, and what the browser at hand is to the person.
    typealias Found = (dossier: Dossier, browser: BrowserRecord)

    /// Asks for everything about a person at once; nil: nobody.
    ///
    /// - Parameter standIn: is taken for whoever is not there, at the same cost.
    func ask(
        about whom: Whom, _ browser: BrowserAsked, awaiting awaited: AwaitedElsewhere = .nothing, standIn: PersonRecord? = nil,
        now: Moment, _ db: any Connection
    ) throws -> Asked<Found?> {
        let person = try people.ask(whom, db), credentials = try self.credentials.ask(of: whom, db)
        let policies = try policyCache.ask(self.policies, db)
        let spent = try budgets.ask(Budgets.personal, perCredential: Budgets.perCredential, of: whom, db)
        let troubled = try outbox.askTroubled(
            OutboxMessage.Kind.allCases.map(\.rawValue), channelsOf: whom, alsoAs: Self.called(""), since: now - .minutes(2), db)
        let met: (Person) throws -> BrowserRecord =
            switch browser {
            case .settled(let isKnown): { _ in BrowserRecord(isKnown: isKnown, rememberedUntil: nil) }
            case .hash(let hash): try sessions.askBrowser(secretHash: hash, whom, now: now, db)
            }
        let elsewhere = try ask(awaited, db)
        return Asked {
            guard let record = try person.answer() ?? standIn else { return nil }
            let credentials = try credentials.answer(), policies = try policies.answer(), browser = try met(record.person)
            let standing = Standing(
                person: record.person, credentials: credentials.map(\.credential), policy: try policies.resolve(for: record.person))
            let spent = try spent.answer(), troubled = try troubled.answer()
            let down = Set(OutboxMessage.Kind.allCases.filter { !self.carries($0) || troubled.contains($0.rawValue) })
            let reach = self.reachability(
                credentials, person: record.id, knownBrowser: browser.isKnown, spent: spent, down: down, troubled: troubled, now: now)
            let dossier = Dossier(
                record: record, credentials: credentials, standing: standing, document: try policies.current, reach: reach,
                gatewaysDown: down, spent: spent, elsewhere: try elsewhere.answer(), now: now)
            return (dossier, browser)
        }
    }

    private func ask(_ awaited: AwaitedElsewhere, _ db: any Connection) throws -> Asked<Elsewhere> {
        let approvals = try awaited.approvals.map { id in (id, try self.approvals.ask(id, db)) }
        let apps = try awaited.apps.map { id in (id, try authenticators.askSeen(id, db)) }
        return Asked {
            var elsewhere = Elsewhere()
            for (id, approval) in approvals { elsewhere.approvals[id] = .some(try approval.answer()) }
            for (id, app) in apps { elsewhere.apps[id] = .some(try app.answer()) }
            return elsewhere
        }
    }

    /// Reads a person's dossier; nil when there is nobody with this id.
    func dossier(_ id: PersonID, knownBrowser: Bool, now: Moment, _ db: any Connection) throws -> Dossier? {
        try ask(about: .person(id), .settled(isKnown: knownBrowser), now: now, db).answer()?.dossier
    }

    /// Reads the dossier of somebody who is there, or of a stand-in who is not.
    func dossier(_ record: PersonRecord, knownBrowser: Bool, now: Moment, _ db: any Connection) throws -> Dossier {
        let found = try ask(about: .person(record.id), .settled(isKnown: knownBrowser), standIn: record, now: now, db).answer()
        guard let found else { throw Fault("a person with a stand-in is nobody") }
        return found.dossier
    }

    /// What cannot be reached now: budgets spent, gateways down, countries closed.
    private func reachability(
        _ credentials: [CredentialRecord], person: PersonID, knownBrowser: Bool, spent: [String: BudgetState],
        down: Set<OutboxMessage.Kind>, troubled: Set<String>, now: Moment
    ) -> Reachability {
        var gaps: [CredentialUse: Reachability.Gap] = [:]
        func closed(_ key: String, _ rule: BudgetRule) -> Moment? { spent[key].flatMap { rule.closedUntil($0, at: now) } }
        let sends = closed(Budgets.send(person), Budgets.sendsPerPerson), calls = closed(Budgets.calls(person), Budgets.callsPerPerson)
        let pushes = closed(Budgets.openPush(person), Budgets.openPushes) ?? closed(Budgets.pushes(person), Budgets.pushesPerPerson)
        func isDown(_ kind: OutboxMessage.Kind, _ credential: Credential) -> Bool {
            down.contains(kind) || troubled.contains(kind == .voice ? Self.called(credential.channel) : credential.channel)
        }
        for record in credentials where record.credential.state == .active || record.credential.state == .unconfirmed {
            let credential = record.credential
            let codes = Budgets.codes(credential.id, knownBrowser: knownBrowser).compactMap { closed($0.key, $0.rule) }.first
            for capability in credential.capabilities {
                let use = credential.use(capability)
                if let codes { gaps[use] = .init(.budget, until: codes) }
                if MethodRegistry.traits(of: capability).manner == .approval, let pushes { gaps[use] = .init(.budget, until: pushes) }
                guard let kind = OutboxMessage.Kind(capability) else { continue }
                if isDown(kind, credential) {
                    gaps[use] = .init(.gateway)
                } else if let until = sends ?? (kind == .voice ? calls : nil) {
                    gaps[use] = .init(.budget, until: until)
                }
            }
        }
        return Reachability(gaps: gaps.merging(Reachability.ofThisRelease(credentials.map(\.credential)).gaps) { $1 })
    }
}
