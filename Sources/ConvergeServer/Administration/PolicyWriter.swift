import ConvergeCore

/// A policy document in the shape of its file: what is written, shown as JSON and compared.
public indirect enum PolicyValue: Hashable, Sendable, Encodable {
    case text(String)
    case number(Int)
    case flag(Bool)
    case list([String])
    case rules([PolicyValue])
    case mapping([Entry])

    /// A key with its value.
    public struct Entry: Hashable, Sendable {
        let key: String
        let value: PolicyValue
    }

    private struct Key: CodingKey {
        let stringValue: String
        var intValue: Int? { nil }
        init(stringValue: String) { self.stringValue = stringValue }
        init?(intValue: Int) { nil }
    }

    public func encode(to encoder: any Encoder) throws {
        if case .mapping(let entries) = self {
            var container = encoder.container(keyedBy: Key.self)
            for entry in entries { try container.encode(entry.value, forKey: Key(stringValue: entry.key)) }
            return
        }
        var container = encoder.singleValueContainer()
        switch self {
        case .text(let text): try container.encode(text)
        case .number(let number): try container.encode(number)
        case .flag(let flag): try container.encode(flag)
        case .list(let texts): try container.encode(texts)
        case .rules(let rules): try container.encode(rules)
        case .mapping: break
        }
    }

    /// Every leaf under its path; a rule is named, not counted.
    func leaves(_ path: String = "") -> [String: String] {
        switch self {
        case .mapping(let entries):
            var leaves: [String: String] = [:]
            for entry in entries {
                let inner = entry.value.leaves(path.isEmpty ? entry.key : "\(path).\(entry.key)")
                leaves.merge(inner) { $1 }
            }
            return leaves
        case .rules(let rules):
            var leaves: [String: String] = [:]
            for (index, rule) in rules.enumerated() {
                leaves.merge(rule.leaves("\(path)[\(rule.ruleName ?? String(index + 1))]")) { $1 }
            }
            // The order of rules has no meaning, their number has.
            leaves["\(path)[]"] = String(rules.count)
            return leaves
        default: return [path: scalar]
        }
    }

    private var ruleName: String? {
        guard case .mapping(let entries) = self, case .text(let name)? = entries.first(where: { $0.key == "name" })?.value else {
            return nil
        }
        return name
    }

    /// The value on one line of YAML.
    var scalar: String {
        switch self {
        case .text(let text): PolicyYAML.text(text)
        case .number(let number): String(number)
        case .flag(let flag): String(flag)
        case .list(let texts): "[" + texts.map(PolicyYAML.text).joined(separator: ", ") + "]"
        case .rules, .mapping: ""
        }
    }
}

extension PolicyDocument {
    /// The document in the shape of its file.
    func shape(groups: [GroupID: String]) -> PolicyValue {
        .mapping([
            .init(key: "rollOut", value: .text(rollOut.extent.rawValue)),
            .init(key: "mfa", value: .rules(mfa.map { $0.shape(groups) })),
            .init(key: "reset", value: .rules(reset.map { $0.shape(groups) })),
            .init(key: "registration", value: .rules(registration.map { $0.shape(groups) })),
            .init(key: "campaigns", value: .rules(campaigns.map { $0.shape(groups) })),
            .init(
                key: "bridge",
                value: .mapping([
                    .init(key: "days", value: .number(bridge.days)), .init(key: "compromised", value: .names(bridge.compromised)),
                ])),
            .init(key: "fraud", value: .mapping([.init(key: "blockDays", value: .number(fraud.blockDays))])),
            .init(key: "phones", value: .mapping([.init(key: "officeByOwner", value: .flag(phones.officeByOwner))])),
            .init(
                key: "session",
                value: .mapping([
                    .init(key: "idleMinutes", value: .number(session.idleMinutes)),
                    .init(key: "absoluteHours", value: .number(session.absoluteHours)),
                    .init(key: "freshMinutes", value: .number(session.freshMinutes)),
                ])),
            .init(
                key: "password",
                value: .mapping([
                    .init(key: "profile", value: .text(password.profile.rawValue)),
                    .init(key: "minimumLength", value: .number(password.minimumLength)),
                    .init(key: "bannedWords", value: .list(password.bannedWords)),
                    .init(key: "reuseLast", value: .flag(password.reuseLast)),
                ])),
            .init(
                key: "questions",
                value: .mapping([
                    .init(key: "toRegister", value: .number(methods.questions.toRegister)),
                    .init(key: "toReset", value: .number(methods.questions.toReset)),
                    .init(key: "custom", value: .list(methods.questions.custom)),
                ])),
            .init(
                key: "appPasswords",
                value: .mapping([
                    .init(key: "allowed", value: .flag(methods.appPasswords.allowed)),
                    .init(key: "survivesReset", value: .flag(methods.appPasswords.survivesReset)),
                ])),
            .init(key: "strongestFirst", value: .flag(methods.strongestFirst)),
            .init(
                key: "passkeys",
                value: .mapping([
                    .init(key: "allow", value: .list(methods.passkeys.allowed.sorted().map(\.description))),
                    .init(key: "block", value: .list(methods.passkeys.blocked.sorted().map(\.description))),
                    .init(key: "requireAttestation", value: .flag(methods.passkeys.needsAttestation)),
                ])),
            .init(key: "trustedNetworks", value: .list(trustedNetworks)),
            .init(key: "emergencyAccounts", value: .list(emergencyAccounts)),
        ])
    }

    /// Paths of what differs from another document, sorted.
    func changes(from other: PolicyDocument, groups: [GroupID: String]) -> [String] {
        let mine = shape(groups: groups).leaves(), theirs = other.shape(groups: groups).leaves()
        return Set(mine.keys).union(theirs.keys).filter { mine[$0] != theirs[$0] }.sorted()
    }
}

extension PolicyValue {
    fileprivate static func names(_ capabilities: Set<Capability>) -> PolicyValue { .list(capabilities.sorted().map(\.rawValue)) }
}

extension PolicyScope {
    fileprivate func shape(_ groups: [GroupID: String]) -> PolicyValue {
        func names(_ ids: Set<GroupID>) -> PolicyValue { .list(ids.map { groups[$0] ?? $0.text }.sorted()) }
        if extent != .selected, except.isEmpty { return .text(extent.rawValue) }
        let whom: PolicyValue.Entry =
            extent == .selected ? .init(key: "groups", value: names(self.groups)) : .init(key: "to", value: .text(extent.rawValue))
        return .mapping([whom] + (except.isEmpty ? [] : [.init(key: "except", value: names(except))]))
    }
}

/// Keys with values, those that are unset left out.
private func entries(_ pairs: [(String, PolicyValue?)]) -> PolicyValue {
    .mapping(pairs.compactMap { key, value in value.map { .init(key: key, value: $0) } })
}

extension MFARule {
    fileprivate func shape(_ groups: [GroupID: String]) -> PolicyValue {
        entries([
            ("name", .text(name)), ("applies", scope.shape(groups)), ("required", .flag(required)), ("allow", .names(allow)),
            ("exclude", .names(exclude)), ("graceDays", graceDays.map { .number($0) }),
            ("rememberBrowserDays", rememberBrowserDays.map { .number($0) }), ("exemptTrustedNetworks", .flag(exemptTrustedNetworks)),
        ])
    }
}

extension ResetRule {
    fileprivate func shape(_ groups: [GroupID: String]) -> PolicyValue {
        entries([
            ("name", .text(name)), ("applies", scope.shape(groups)), ("includeGuests", .flag(includeGuests)), ("gates", .number(gates)),
            ("allow", .names(allow)), ("exclude", .names(exclude)), ("options", .list(options.map(\.rawValue).sorted())),
            ("reconfirmDays", reconfirmDays.map { .number($0) }), ("skipsMax", skipsMax.map { .number($0) }),
            ("unlockWithoutReset", .flag(unlockWithoutReset)), ("notifyPerson", .flag(notifyPerson)),
            ("notifyAdministrators", .flag(notifyAdministrators)), ("minimumAgeHours", .number(minimumAgeHours)),
            ("ownMailDomainsCount", .flag(ownMailDomainsCount)),
        ])
    }
}

extension RegistrationRule {
    fileprivate func shape(_ groups: [GroupID: String]) -> PolicyValue {
        entries([
            ("name", .text(name)), ("applies", scope.shape(groups)), ("requireForMFA", .flag(requireForMFA)),
            ("requireForReset", .flag(requireForReset)), ("guard", .text(guardKind.rawValue)), ("recoveryCodes", .flag(recoveryCodes)),
        ])
    }
}

extension CampaignRule {
    fileprivate func shape(_ groups: [GroupID: String]) -> PolicyValue {
        entries([
            ("name", .text(name)), ("applies", scope.shape(groups)), ("register", .text(register.rawValue)),
            ("snoozeDays", .number(snoozeDays)), ("snoozesMax", snoozesMax.map { .number($0) }),
        ])
    }
}

/// Writes the shape as YAML that people read and that reads back to the same document.
enum PolicyYAML {
    /// The whole file.
    static func write(_ value: PolicyValue, heading: String) -> String {
        guard case .mapping(let entries) = value else { return "" }
        let parts = entries.map(text)
        return "# \(heading)\n" + parts.joined(separator: "\n\n") + "\n"
    }

    /// One section of the file.
    static func text(of entry: PolicyValue.Entry) -> String { lines(entry, indent: "").joined(separator: "\n") }

    private static func lines(_ entry: PolicyValue.Entry, indent: String) -> [String] {
        switch entry.value {
        case .mapping(let inner):
            return ["\(indent)\(entry.key):"] + inner.flatMap { lines($0, indent: indent + "  ") }
        case .rules(let rules) where rules.isEmpty: return ["\(indent)\(entry.key): []"]
        case .rules(let rules):
            return ["\(indent)\(entry.key):"]
                + rules.flatMap { rule -> [String] in
                    guard case .mapping(let inner) = rule else { return [] }
                    let written = inner.flatMap { lines($0, indent: indent + "    ") }
                    return written.enumerated().map { $0 == 0 ? "\(indent)  - " + $1.dropFirst(indent.count + 4) : $1 }
                }
        default: return ["\(indent)\(entry.key): \(entry.value.scalar)"]
        }
    }

    /// A text plain where nobody could misread it, quoted otherwise.
    static func text(_ text: String) -> String {
        let words = ["true", "false", "null", "yes", "no", "on", "off", "y", "n"]
        let isPlain = text.wholeMatch(of: /[A-Za-z][A-Za-z0-9 _.\/+-]*[A-Za-z0-9]|[A-Za-z]/) != nil
        guard !isPlain || words.contains(text.lowercased()) else { return text }
        var quoted = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": quoted += "\\\""
            case "\\": quoted += "\\\\"
            case "\n": quoted += "\\n"
            case "\t": quoted += "\\t"
            case _
            where scalar.value < 32 || scalar.value == 127 || scalar.value == 0x85 || scalar.value == 0x2028 || scalar.value == 0x2029:
                let digits = String(scalar.value, radix: 16)
                quoted += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            default: quoted.unicodeScalars.append(scalar)
            }
        }
        return quoted + "\""
    }
}
