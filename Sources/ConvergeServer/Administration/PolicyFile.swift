import ConvergeCore
import Yams

/// The policy document as a file that a person reads and writes: YAML, groups by name.
struct PolicyFile {
    /// Names of groups by id, and back.
    let groups: [GroupID: String]

    /// Everything wrong with a file, each a sentence with its place.
    struct Problems: Error, CustomStringConvertible {
        let lines: [String]
        var description: String { lines.joined(separator: "\n") }
    }

    // MARK: reading

    /// Reads a file; every problem is told at once.
    func read(_ text: String) throws -> PolicyDocument {
        var reader = PolicyReader(groups: groups)
        let root: Node?
        do {
            root = try Yams.compose(yaml: text)
        } catch {
            throw Problems(lines: ["This is not YAML: \(String(describing: error).split(separator: "\n").first ?? "")"])
        }
        guard let root else { throw Problems(lines: ["The file is empty."]) }
        let document = reader.document(root)
        guard reader.problems.isEmpty else { throw Problems(lines: reader.problems) }
        return document
    }

    // MARK: writing

    /// The file that reads back as this document.
    func write(_ document: PolicyDocument) -> String {
        var lines = ["# Version \(document.version)", "rollOut: \(document.rollOut.extent.rawValue)", "", "mfa:"]
        for rule in document.mfa {
            lines += ["  - name: \(Self.quoted(rule.name))", "    applies: \(scope(rule.scope))", "    required: \(rule.required)"]
            lines.append("    allow: \(Self.list(rule.allow))")
            if !rule.exclude.isEmpty { lines.append("    exclude: \(Self.list(rule.exclude))") }
            if let days = rule.graceDays { lines.append("    graceDays: \(days)") }
            if let days = rule.rememberBrowserDays { lines.append("    rememberBrowserDays: \(days)") }
            if rule.exemptTrustedNetworks { lines.append("    exemptTrustedNetworks: true") }
        }
        lines += ["", "reset:"]
        for rule in document.reset { lines += reset(rule) }
        lines += ["", "registration:"]
        for rule in document.registration {
            lines += [
                "  - name: \(Self.quoted(rule.name))", "    applies: \(scope(rule.scope))", "    requireForMFA: \(rule.requireForMFA)",
                "    requireForReset: \(rule.requireForReset)", "    guard: \(rule.guardKind.rawValue)",
                "    recoveryCodes: \(rule.recoveryCodes)",
            ]
        }
        lines += ["", "bridge:", "  days: \(document.bridge.days)", "  compromised: \(Self.list(document.bridge.compromised))"]
        lines += [
            "", "session:", "  idleMinutes: \(document.session.idleMinutes)", "  absoluteHours: \(document.session.absoluteHours)",
            "  freshMinutes: \(document.session.freshMinutes)",
        ]
        lines += [
            "", "password:", "  profile: \(document.password.profile.rawValue)", "  minimumLength: \(document.password.minimumLength)",
            "  bannedWords: [\(document.password.bannedWords.map(Self.quoted).joined(separator: ", "))]",
            "  reuseLast: \(document.password.reuseLast)",
        ]
        lines += ["", "trustedNetworks: [\(document.trustedNetworks.map(Self.quoted).joined(separator: ", "))]"]
        lines += ["emergencyAccounts: [\(document.emergencyAccounts.map(Self.quoted).joined(separator: ", "))]"]
        return lines.joined(separator: "\n")
    }

    private func reset(_ rule: ResetRule) -> [String] {
        var lines = [
            "  - name: \(Self.quoted(rule.name))", "    applies: \(scope(rule.scope))", "    gates: \(rule.gates)",
            "    allow: \(Self.list(rule.allow))",
        ]
        if !rule.exclude.isEmpty { lines.append("    exclude: \(Self.list(rule.exclude))") }
        if !rule.options.isEmpty { lines.append("    options: [\(rule.options.map(\.rawValue).sorted().joined(separator: ", "))]") }
        if rule.includeGuests { lines.append("    includeGuests: true") }
        if let days = rule.reconfirmDays { lines.append("    reconfirmDays: \(days)") }
        if let skips = rule.skipsMax { lines.append("    skipsMax: \(skips)") }
        lines += [
            "    unlockWithoutReset: \(rule.unlockWithoutReset)", "    notifyPerson: \(rule.notifyPerson)",
            "    notifyAdministrators: \(rule.notifyAdministrators)", "    minimumAgeHours: \(rule.minimumAgeHours)",
        ]
        if rule.ownMailDomainsCount { lines.append("    ownMailDomainsCount: true") }
        return lines
    }

    private func scope(_ scope: PolicyScope) -> String {
        let names = { (ids: Set<GroupID>) in ids.map { Self.quoted(groups[$0] ?? $0.text) }.sorted().joined(separator: ", ") }
        var parts = [scope.extent == .selected ? "groups: [\(names(scope.groups))]" : "to: \(scope.extent.rawValue)"]
        if !scope.except.isEmpty { parts.append("except: [\(names(scope.except))]") }
        return "{ \(parts.joined(separator: ", ")) }"
    }

    private static func list(_ capabilities: Set<Capability>) -> String {
        "[\(capabilities.sorted().map(\.rawValue).joined(separator: ", "))]"
    }

    private static func quoted(_ text: String) -> String {
        "\"" + text.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"") + "\""
    }
}
