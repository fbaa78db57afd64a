import ConvergeCore

extension Administration {
    /// A version of the policy that was put into force.
    public struct AppliedPolicy: Sendable, Codable, Hashable {
        public let version: Int64
        /// What differs from the version before; empty: nothing, and the version is the same.
        public let changed: [String]
    }

    /// The policy in force, or an earlier version, in the shape of its file.
    public func policy(_ version: Int64?) async throws -> PolicyValue {
        try await document(version).shape(groups: groupNames())
    }

    /// The same as a file that `apply` takes.
    public func policyText(_ version: Int64?) async throws -> String {
        PolicyFile(groups: try await groupNames()).write(try await document(version))
    }

    func document(_ version: Int64?) async throws -> PolicyDocument {
        let versions = try await versions()
        guard let version else { return try versions.current }
        guard let found = versions.versions.first(where: { $0.document.version == version }) else {
            throw Problem("There is no version \(version).")
        }
        return found.document
    }

    /// Puts a policy file into force, at once. It is checked first; what the check finds wrong refuses it.
    ///
    /// - Parameters:
    ///   - expected: only when this version is in force; nil: the one that was in force during the check.
    ///   - force: whatever the check finds, as long as the file can be read.
    public func apply(_ text: String, expected: Int64?, force: Bool) async throws -> AppliedPolicy {
        let groups = try await groupNames(), document = try PolicyFile(groups: groups).read(text)
        let former = try await self.document(nil), expected = expected ?? former.version
        guard former.version == expected else { throw Problem("Version \(former.version) is in force, not \(expected).") }
        let changed = document.changes(from: former, groups: groups)
        guard !changed.isEmpty else { return AppliedPolicy(version: former.version, changed: []) }
        let obstacles = force ? [] : try await check(document).obstacles
        guard obstacles.isEmpty else {
            throw Problem((obstacles + ["Nothing was changed. Use --force if you mean it."]).joined(separator: "\n"))
        }
        let now = self.now, instance = self.instance
        return try await instance.database.write { db in
            guard let version = try instance.policies.apply(document, expected: expected, by: "command line", now: now, db) else {
                throw Problem("Somebody else applied a version meanwhile. Check the file again.")
            }
            let ledger = Ledger(instance, db, now: now)
            try ledger.note(
                .policyUpdated, nil, by: .operatorConsole,
                details: ["version": String(version), "changed": changed.joined(separator: ", ")])
            if former.reset != document.reset {
                let old = former.resetText(groups), new = document.resetText(groups)
                try ledger.note(.resetPolicyChanged, nil, by: .operatorConsole, details: ["old": old, "new": new])
            }
            return AppliedPolicy(version: version, changed: changed)
        }
    }

    func versions() async throws -> PolicyHistory {
        let instance = self.instance
        return try await instance.database.read { db in try instance.policyCache.versions(instance.policies, db) }
    }

    func groupNames() async throws -> [GroupID: String] {
        let instance = self.instance
        return try await instance.database.read { db in try instance.groups.names(db) }
    }
}

extension PolicyDocument {
    /// The reset rules alone, as the file says them: what the audit log keeps of a change.
    func resetText(_ groups: [GroupID: String]) -> String {
        guard case .mapping(let entries) = shape(groups: groups), let reset = entries.first(where: { $0.key == "reset" }) else { return "" }
        return PolicyYAML.text(of: reset)
    }
}
