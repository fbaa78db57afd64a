import ConvergeCertificates
import ConvergeCore
import Foundation

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
        public var name: String
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
        let versions = try await versions(), now = self.now
        var document = document
        document.version = try versions.current.version + 1
        let proposed = PolicyHistory(versions.versions + [PolicyVersion(document: document, appliedAt: now, appliedBy: "check")])
        // Each lane remembers plans of its own; none waits for another.
        let lanes = (0..<Self.laneCount).map { _ in
            PolicyLane(before: versions, after: proposed, now: now, endOfDay: instance.endOfDay)
        }
        var numbers = PolicyNumbers(
            document: document, groups: try await groupNames(), hasAttestationRoots: instance.anchors.count > 0,
            carriers: instance.carriers)
        var walk = PeopleWalk(instance)
        while let page = try await walk.next() {
            for verdict in try await Self.judge(page, lanes) {
                numbers.add(verdict)
                try each(verdict.checked)
            }
        }
        return numbers.report()
    }

    /// Decisions are pure: as many at once as the machine can do, besides the reading of the next page.
    private static let laneCount = max(1, sysconf(Int32(_SC_NPROCESSORS_ONLN)))

    /// The verdicts on a page, in its order.
    private static func judge(_ page: [WalkedPerson], _ lanes: [PolicyLane]) async throws -> [PolicyVerdict] {
        let share = (page.count + lanes.count - 1) / lanes.count
        return try await withThrowingTaskGroup(of: (Int, [PolicyVerdict]).self) { group in
            for (number, lane) in lanes.enumerated() where number * share < page.count {
                let part = Array(page[(number * share)..<min(page.count, (number + 1) * share)])
                group.addTask { (number, try await lane.judge(part)) }
            }
            var parts = [[PolicyVerdict]](repeating: [], count: lanes.count)
            for try await (number, verdicts) in group { parts[number] = verdicts }
            return parts.flatMap { $0 }
        }
    }
}

/// Judges people under two policies, one after the other.
actor PolicyLane {
    private let before: PolicyHistory
    private let after: PolicyHistory
    private var plans = (before: Plans(), after: Plans())
    private let now: Moment
    private let endOfDay: @Sendable (Moment, Int) -> Moment

    init(before: PolicyHistory, after: PolicyHistory, now: Moment, endOfDay: @escaping @Sendable (Moment, Int) -> Moment) {
        self.before = before
        self.after = after
        self.now = now
        self.endOfDay = endOfDay
    }

    func judge(_ people: [WalkedPerson]) throws -> [PolicyVerdict] {
        try people.map { person in
            PolicyVerdict(person, before: try play(person, before, &plans.before), after: try play(person, after, &plans.after))
        }
    }

    private func play(_ walked: WalkedPerson, _ policies: PolicyHistory, _ plans: inout Plans) throws -> Playing {
        let fold = try policies.fold(for: walked.person)
        let standing = Standing(person: walked.person, credentials: walked.credentials, policy: fold.policy)
        let facts = SignInFacts(
            standing: standing, reach: .ofThisRelease(walked.credentials), now: now, endOfDay: endOfDay)
        let forecast = Forecast.atNextSignIn(
            facts, planning: { standing, requirements, _ in plans.plan(standing, requirements, fold: fold.number) }, withReasons: false)
        return Playing(standing: standing, forecast: forecast)
    }
}

/// One person under one policy: everything reachable that this release can verify, an unknown browser, the right password.
struct Playing: Sendable {
    let standing: Standing
    let forecast: Forecast

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

/// What a policy would do to one person: as it is printed, and as it is counted.
struct PolicyVerdict: Sendable {
    let checked: Administration.CheckedPerson
    let nameKey: String
    let groups: Set<GroupID>
    let isGlobalAdministrator: Bool
    let getsInBefore: Bool
    let getsInAfter: Bool
    /// Whoever knows the password may register first.
    let isOpenDoor: Bool
    let outcome: Forecast.Outcome

    init(_ walked: WalkedPerson, before: Playing, after: Playing) {
        let person = walked.person, forecast = after.forecast
        checked = Administration.CheckedPerson(
            name: walked.name, outcome: forecast.outcome.rawValue, before: before.forecast.outcome.rawValue,
            effects: after.effects(from: before), secondStepMissing: forecast.requirements.mfa, proofsMissing: forecast.requirements.reset,
            plan: forecast.plan.map(\.rawValue), countingForSignIn: forecast.countingForSignIn.map(\.capability.rawValue),
            countingForReset: forecast.countingForReset.map(\.capability.rawValue))
        nameKey = walked.nameKey
        groups = person.groups
        isGlobalAdministrator = person.roles.contains(.globalAdministrator)
        getsInBefore = before.getsIn
        getsInAfter = after.getsIn
        isOpenDoor = person.firstHeldAt == nil && person.state == .enabled && after.standing.policy.guardKind == .password
        outcome = forecast.outcome
    }
}

/// Counts verdicts, and keeps of each person only what the lint needs.
struct PolicyNumbers {
    private let document: PolicyDocument
    private let groups: [GroupID: String]
    private let hasAttestationRoots: Bool
    private let carriers: Set<Carrier>
    private var numbers = Administration.CheckReport()
    private var openDoors = 0
    /// Emergency accounts by their normal form: whether each was met, and gets in.
    private var emergency: [String: Bool?]
    /// How many people nothing could ever satisfy, by their groups.
    private var impossible: [Set<GroupID>: Int] = [:]

    init(document: PolicyDocument, groups: [GroupID: String], hasAttestationRoots: Bool, carriers: Set<Carrier>) {
        self.carriers = carriers
        self.document = document
        self.groups = groups
        self.hasAttestationRoots = hasAttestationRoots
        emergency = document.emergencyAccounts.reduce(into: [:]) { $0[SignInName($1)?.normalised ?? $1] = .some(nil) }
    }

    mutating func add(_ verdict: PolicyVerdict) {
        numbers.count += 1
        numbers.outcomes[verdict.checked.outcome, default: 0] += 1
        for effect in verdict.checked.effects { numbers.effects[effect.rawValue, default: 0] += 1 }
        if verdict.isGlobalAdministrator {
            if verdict.getsInBefore { numbers.administratorsBefore += 1 }
            if verdict.getsInAfter { numbers.administratorsAfter += 1 }
        }
        if verdict.isOpenDoor { openDoors += 1 }
        if verdict.outcome == .policyUnsatisfiable { impossible[verdict.groups, default: 0] += 1 }
        if !emergency.isEmpty, emergency[verdict.nameKey] != nil { emergency[verdict.nameKey] = .some(verdict.getsInAfter) }
    }

    func report() -> Administration.CheckReport {
        var report = numbers
        report.lint =
            (PolicyLint(document: document, groups: groups, hasAttestationRoots: hasAttestationRoots, carriers: carriers).entries + doors
            + emergencies + unsatisfied)
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
