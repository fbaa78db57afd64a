public import ConvergeCore

extension Administration {
    /// What a policy would do to one person at the next sign-in.
    public struct CheckedPerson: Sendable, Codable, Hashable {
        public let name: String
        public let outcome: String
        public let before: String
        public let secondStepMissing: Bool
        public let proofsMissing: Int
        public let plan: [String]
        public let countingForSignIn: [String]
        public let countingForReset: [String]
    }

    /// What a policy file would do to everybody.
    public struct CheckReport: Sendable, Codable {
        public let outcomes: [String: Int]
        /// What is strange about the policy itself.
        public let lint: [String]
        public let people: [CheckedPerson]
        /// Administrators who could sign in.
        public let administratorsWithAccess: Int

        /// For people: numbers as sentences, then everybody whose next sign-in changes.
        public var lines: [String] {
            var lines = outcomes.sorted { $0.key < $1.key }.map { "\($0.value) \($0.value == 1 ? "person" : "people"): \($0.key)" }
            lines += lint.map { "note: \($0)" }
            for person in people where person.before != person.outcome {
                lines.append(
                    "\(person.name): \(person.before) → \(person.outcome)\(person.plan.isEmpty ? "" : " (\(person.plan.joined(separator: ", ")))")"
                )
            }
            return lines
        }
    }

    /// The policy in force, or an earlier version.
    public func policy(_ version: Int64?) async throws -> PolicyDocument {
        let versions = try await versions()
        guard let version else { return try versions.current }
        guard let found = versions.first(where: { $0.document.version == version }) else {
            throw Problem("There is no version \(version).")
        }
        return found.document
    }

    /// The same as a file that `apply` takes.
    public func policyText(_ version: Int64?) async throws -> String {
        PolicyFile(groups: try await groupNames()).write(try await policy(version))
    }

    /// Reads a file and plays the next sign-in of everybody under it. Changes nothing.
    public func check(_ text: String) async throws -> CheckReport {
        let document = try PolicyFile(groups: try await groupNames()).read(text)
        return try await check(document)
    }

    func check(_ document: PolicyDocument) async throws -> CheckReport {
        let versions = try await versions(), now = self.now
        let proposed = versions + [PolicyVersion(document: document, appliedAt: now, appliedBy: "check")]
        var people: [CheckedPerson] = [], outcomes: [String: Int] = [:], last = "", access = 0, doors = 0
        let good: Set<Forecast.Outcome> = [
            .signedIn, .challenge, .bridge, .wizard, .wizardPostponable, .review, .changePassword, .directoryProof,
        ]
        while true {
            let after = last, instance = self.instance
            let page = try await instance.database.read { db in
                try instance.people.page(after: after, limit: 500, db).map { record in
                    let credentials = try instance.credentials.all(of: record.id, db).map(\.credential)
                    return (
                        record, Self.forecast(record, credentials, versions, now, instance),
                        Self.forecast(record, credentials, proposed, now, instance)
                    )
                }
            }
            for (record, before, after) in page {
                outcomes[after.outcome.rawValue, default: 0] += 1
                if record.person.isAdministrator, good.contains(after.outcome) { access += 1 }
                if record.person.firstHeldAt == nil, record.person.state == .enabled { doors += 1 }
                people.append(Self.checked(record, before, after))
            }
            guard let end = page.last?.0 else { break }
            last = SignInName(end.name)?.normalised ?? end.name
        }
        return CheckReport(
            outcomes: outcomes, lint: PolicyLint.notes(document, openDoors: doors), people: people, administratorsWithAccess: access)
    }

    private static func forecast(
        _ record: PersonRecord, _ credentials: [Credential], _ versions: [PolicyVersion], _ now: Moment, _ instance: Instance
    ) -> Forecast {
        guard let policy = try? versions.resolve(for: record.person) else { preconditionFailure("a policy is always in force") }
        let standing = Standing(person: record.person, credentials: credentials, policy: policy)
        return Forecast.atNextSignIn(SignInFacts(standing: standing, now: now, endOfDay: instance.endOfDay))
    }

    private static func checked(_ record: PersonRecord, _ before: Forecast, _ after: Forecast) -> CheckedPerson {
        CheckedPerson(
            name: record.name, outcome: after.outcome.rawValue, before: before.outcome.rawValue,
            secondStepMissing: after.requirements.mfa, proofsMissing: after.requirements.reset, plan: after.plan.map(\.rawValue),
            countingForSignIn: after.countingForSignIn.map(\.capability.rawValue),
            countingForReset: after.countingForReset.map(\.capability.rawValue))
    }

    /// Puts a policy file into force, at once. Refused when no administrator could sign in any more.
    ///
    /// - Returns: the number of the new version.
    public func apply(_ text: String, expected: Int64?, force: Bool) async throws -> Int64 {
        let document = try PolicyFile(groups: try await groupNames()).read(text)
        let report = try await check(document), now = self.now
        let administrators = try await instance.database.read { db in try instance.people.administrators(db).count }
        if administrators > 0, report.administratorsWithAccess == 0, !force {
            throw Problem("With this policy no administrator could sign in. Use --force if you mean it.")
        }
        return try await instance.database.write { db in
            let current = try instance.policies.currentVersion(db)
            let former = try instance.policyCache.versions(instance.policies, db).current
            guard let version = try instance.policies.apply(document, expected: expected ?? current, by: "command line", now: now, db)
            else {
                throw Problem("Version \(current) is in force, not \(expected ?? current).")
            }
            try noteChange(from: former, to: document, version, now, db)
            return version
        }
    }

    private func noteChange(
        from former: PolicyDocument, to document: PolicyDocument, _ version: Int64, _ now: Moment, _ db: any Connection
    ) throws {
        let ledger = Ledger(instance, db, now: now)
        try ledger.note(.policyUpdated, nil, by: .operatorConsole, details: ["version": String(version)])
        guard former.reset != document.reset else { return }
        let file = PolicyFile(groups: try instance.groups.names(db))
        let part = { (document: PolicyDocument) in
            file.write(document).split(separator: "\n", omittingEmptySubsequences: false).drop { $0 != "reset:" }.prefix { !$0.isEmpty }
                .joined(separator: "\n")
        }
        try ledger.note(.resetPolicyChanged, nil, by: .operatorConsole, details: ["old": part(former), "new": part(document)])
    }

    private func versions() async throws -> [PolicyVersion] {
        let instance = self.instance
        return try await instance.database.read { db in try instance.policyCache.versions(instance.policies, db) }
    }

    private func groupNames() async throws -> [GroupID: String] {
        let instance = self.instance
        return try await instance.database.read { db in try instance.groups.names(db) }
    }
}

/// What is strange about a policy itself, whoever it meets.
enum PolicyLint {
    static func notes(_ document: PolicyDocument, openDoors: Int) -> [String] {
        var notes: [String] = []
        for (person, words) in [
            (Person(id: PersonID("user")), "people"), (Person(id: PersonID("admin"), roles: [.globalAdministrator]), "administrators"),
        ] {
            let standing = Standing(person: person, credentials: [], policy: document.resolve(for: person))
            let wanted = Requirements(mfa: true, reset: standing.policy.resetInScope ? standing.missingGates : 0)
            let outcome = Planner(standing).plan(wanted)
            if outcome.mfaImpossible { notes.append("No method that \(words) may use can meet the second step.") }
            if outcome.resetImpossible {
                notes.append(
                    "Reset asks \(words) for \(standing.policy.resetGates) proofs, but allows too few methods: they are never asked to register for it."
                )
            }
        }
        if openDoors > 0, document.registration.allSatisfy({ $0.guardKind == .password }) {
            notes.append(
                "\(openDoors) \(openDoors == 1 ? "account has" : "accounts have") registered nothing yet: whoever knows the password can register first."
            )
        }
        if document.reset.contains(where: { $0.gates == 1 && document.mfa.contains(where: \.required) }) {
            notes.append("A reset with one proof is weaker than a sign-in with two.")
        }
        return notes
    }
}
