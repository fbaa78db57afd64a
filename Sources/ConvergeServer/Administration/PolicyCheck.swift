public import ConvergeCore

extension Administration {
    /// What a policy would mean to one person, compared with the policy in force.
    public enum PolicyEffect: String, Codable, Sendable, CaseIterable {
        /// A page stands in the way of the next sign-in that does not now.
        case interrupted
        /// Could sign in, and no longer can without help.
        case stranded
        /// Had a second step that counts.
        case losesSecondStep
        /// Could choose a new password without the old one.
        case losesReset
    }

    /// What a policy would do to one person at the next sign-in.
    public struct CheckedPerson: Sendable, Codable, Hashable {
        public let name: String
        public let outcome: String
        /// The outcome under the policy in force.
        public let before: String
        public let effects: [PolicyEffect]
        public let secondStepMissing: Bool
        public let proofsMissing: Int
        public let plan: [String]
        public let countingForSignIn: [String]
        public let countingForReset: [String]
    }

    /// What a policy would do to everybody, in numbers.
    public struct CheckReport: Sendable, Codable, Hashable {
        /// How many people there are.
        public internal(set) var count = 0
        public internal(set) var outcomes: [String: Int] = [:]
        public internal(set) var effects: [String: Int] = [:]
        /// What is strange about the policy itself, errors first.
        public internal(set) var lint: [LintEntry] = []
        /// Global administrators who could sign in, now and under the policy.
        public internal(set) var administratorsBefore = 0
        public internal(set) var administratorsAfter = 0

        /// Why it should not be applied; empty when it may be.
        public var obstacles: [String] {
            var obstacles = lint.filter { $0.level == .error }.map(\.text)
            if administratorsBefore > 0, administratorsAfter == 0 {
                obstacles.append("With this policy no global administrator could sign in.")
            }
            return obstacles
        }
    }

    /// Reads a file and plays the next sign-in of everybody under it. Changes nothing.
    ///
    /// - Parameter each: called for everybody, in the order of names.
    public func check(_ text: String, each: (CheckedPerson) throws -> Void = { _ in }) async throws -> CheckReport {
        try await check(PolicyFile(groups: try await groupNames()).read(text), each: each)
    }

    func check(_ document: PolicyDocument, each: (CheckedPerson) throws -> Void = { _ in }) async throws -> CheckReport {
        let versions = try await versions(), now = self.now, instance = self.instance
        var document = document
        document.version = try versions.current.version + 1
        let proposed = versions + [PolicyVersion(document: document, appliedAt: now, appliedBy: "check")]
        var walk = PolicyWalk(document: document, groups: try await groupNames()), last = ""
        while true {
            let after = last
            let page = try await instance.database.read { db in
                try instance.people.page(after: after, limit: 200, db).map { record in
                    let credentials = try instance.credentials.all(of: record.id, db).map(\.credential)
                    return PolicyWalk.Stop(
                        record: record, before: try Playing(record, credentials, versions, now, instance),
                        after: try Playing(record, credentials, proposed, now, instance))
                }
            }
            for stop in page { try each(walk.visit(stop)) }
            guard let end = page.last?.record else { break }
            last = SignInName(end.name)?.normalised ?? end.name
        }
        return walk.report()
    }
}

/// One person under one policy: everything reachable that this release can verify, an unknown browser, the right password.
struct Playing: Sendable {
    let standing: Standing
    let forecast: Forecast

    init(_ record: PersonRecord, _ credentials: [Credential], _ versions: [PolicyVersion], _ now: Moment, _ instance: Instance) throws {
        standing = Standing(person: record.person, credentials: credentials, policy: try versions.resolve(for: record.person))
        forecast = Forecast.atNextSignIn(
            SignInFacts(standing: standing, reach: .ofThisRelease(credentials), now: now, endOfDay: instance.endOfDay))
    }

    /// Whether the person gets in, perhaps after registering or changing something.
    var getsIn: Bool {
        switch forecast.outcome {
        case .signedIn, .challenge, .bridge, .wizard, .wizardPostponable, .review, .changePassword, .directoryProof: true
        case .unreachable, .blocked, .disabled, .policyUnsatisfiable, .stranded, .registrationGuarded: false
        }
    }

    /// Whether something has to be answered that is neither password nor second step.
    var isInterrupted: Bool {
        switch forecast.outcome {
        case .signedIn: false
        case .challenge: !forecast.plan.isEmpty
        default: getsIn
        }
    }

    var canReset: Bool { standing.policy.resetInScope && standing.missingGates == 0 }

    /// What is worse than it was.
    func effects(from before: Playing) -> [Administration.PolicyEffect] {
        var effects: [Administration.PolicyEffect] = []
        if isInterrupted, !before.isInterrupted { effects.append(.interrupted) }
        if !getsIn, before.getsIn { effects.append(.stranded) }
        if !standing.anythingCountsForSignIn, before.standing.anythingCountsForSignIn { effects.append(.losesSecondStep) }
        if !canReset, before.canReset { effects.append(.losesReset) }
        return effects
    }
}

/// The walk over everybody: counts, and keeps of each person only what the lint needs.
struct PolicyWalk {
    /// One person under both policies.
    struct Stop: Sendable {
        let record: PersonRecord
        let before: Playing
        let after: Playing
    }

    private let document: PolicyDocument
    private let groups: [GroupID: String]
    private var numbers = Administration.CheckReport()
    private var openDoors = 0
    /// Emergency accounts by their normal form: whether each was met, and gets in.
    private var emergency: [String: Bool?]
    /// How many people nothing could ever satisfy, by their groups.
    private var impossible: [Set<GroupID>: Int] = [:]

    init(document: PolicyDocument, groups: [GroupID: String]) {
        self.document = document
        self.groups = groups
        emergency = document.emergencyAccounts.reduce(into: [:]) { $0[SignInName($1)?.normalised ?? $1] = .some(nil) }
    }

    mutating func visit(_ stop: Stop) -> Administration.CheckedPerson {
        let person = stop.record.person, after = stop.after, effects = after.effects(from: stop.before)
        numbers.count += 1
        numbers.outcomes[after.forecast.outcome.rawValue, default: 0] += 1
        for effect in effects { numbers.effects[effect.rawValue, default: 0] += 1 }
        if person.roles.contains(.globalAdministrator) {
            if stop.before.getsIn { numbers.administratorsBefore += 1 }
            if after.getsIn { numbers.administratorsAfter += 1 }
        }
        if person.firstHeldAt == nil, person.state == .enabled, after.standing.policy.guardKind == .password { openDoors += 1 }
        if after.forecast.outcome == .policyUnsatisfiable { impossible[person.groups, default: 0] += 1 }
        let key = SignInName(stop.record.name)?.normalised ?? ""
        if emergency[key] != nil { emergency[key] = .some(after.getsIn) }
        return Administration.CheckedPerson(
            name: stop.record.name, outcome: after.forecast.outcome.rawValue, before: stop.before.forecast.outcome.rawValue,
            effects: effects, secondStepMissing: after.forecast.requirements.mfa, proofsMissing: after.forecast.requirements.reset,
            plan: after.forecast.plan.map(\.rawValue), countingForSignIn: after.forecast.countingForSignIn.map(\.capability.rawValue),
            countingForReset: after.forecast.countingForReset.map(\.capability.rawValue))
    }

    func report() -> Administration.CheckReport {
        var report = numbers
        report.lint = (PolicyLint(document: document, groups: groups).entries + doors + emergencies + unsatisfied)
            .sorted { ($0.level, $0.code, $0.text) < ($1.level, $1.code, $1.text) }
        return report
    }

    private var doors: [LintEntry] {
        guard openDoors > 0 else { return [] }
        let who = openDoors == 1 ? "1 person has" : "\(openDoors) people have"
        return [
            LintEntry(.note, "registration.open-doors", "\(who) registered nothing yet: whoever knows the password may register first.")
        ]
    }

    private var emergencies: [LintEntry] {
        emergency.sorted { $0.key < $1.key }.compactMap { name, getsIn in
            switch getsIn {
            case nil: LintEntry(.error, "emergency.unknown", "The emergency account \(name) does not exist.")
            case false?: LintEntry(.error, "emergency.locked-out", "The emergency account \(name) could not sign in.")
            case true?: nil
            }
        }
    }

    private var unsatisfied: [LintEntry] {
        impossible.map { groups, count in
            let names = groups.map { "“\(self.groups[$0] ?? $0.text)”" }.sorted().joined(separator: " and ")
            let who = count == 1 ? "1 person" : "\(count) people"
            return LintEntry(
                .error, "mfa.people-cannot",
                "\(who) \(names.isEmpty ? "without a group" : "in \(names)") would be asked for a second step that nothing could meet.")
        }
    }
}
