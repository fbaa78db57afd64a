import ConvergeCore
import Yams

/// Reads the nodes of a policy file; collects every problem instead of stopping at the first.
struct PolicyReader {
    let groups: [GroupID: String]
    private(set) var problems: [String] = []

    init(groups: [GroupID: String]) {
        self.groups = groups
    }

    static let keys = [
        "": ["rollOut", "mfa", "reset", "registration", "bridge", "session", "password", "trustedNetworks", "emergencyAccounts"],
        "mfa": ["name", "applies", "required", "allow", "exclude", "graceDays", "rememberBrowserDays", "exemptTrustedNetworks"],
        "reset": [
            "name", "applies", "gates", "allow", "exclude", "options", "includeGuests", "reconfirmDays", "skipsMax",
            "unlockWithoutReset", "notifyPerson", "notifyAdministrators", "minimumAgeHours", "ownMailDomainsCount",
        ],
        "registration": ["name", "applies", "requireForMFA", "requireForReset", "guard", "recoveryCodes"],
        "bridge": ["days", "compromised"], "session": ["idleMinutes", "absoluteHours", "freshMinutes"],
        "password": ["profile", "minimumLength", "bannedWords", "reuseLast"], "applies": ["to", "groups", "except"],
    ]

    mutating func document(_ root: Node) -> PolicyDocument {
        let top = mapping(root, "", "the file")
        let initial = PolicyDocument.initial
        if let text = top["rollOut"]?.string, text != "all" {
            problems.append("rollOut: only “all” is possible in this release; there are no former pages to roll back to.")
        }
        var document = PolicyDocument(
            mfa: rules(top["mfa"], "mfa").map { mfa($0.0, $0.1) }, reset: rules(top["reset"], "reset").map { reset($0.0, $0.1) },
            registration: rules(top["registration"], "registration").map { registration($0.0, $0.1) })
        if document.mfa.isEmpty { problems.append("mfa: at least one rule is needed.") }
        document.bridge = top["bridge"].map { bridge($0) } ?? initial.bridge
        document.session = top["session"].map { session($0) } ?? initial.session
        document.password = top["password"].map { password($0) } ?? initial.password
        document.trustedNetworks = strings(top["trustedNetworks"], "trustedNetworks")
        for network in document.trustedNetworks where (try? CIDR(network)) == nil {
            problems.append("trustedNetworks: “\(network)” is not a network such as 192.0.2.0/24.")
        }
        document.emergencyAccounts = strings(top["emergencyAccounts"], "emergencyAccounts")
        return document
    }

    // MARK: sections

    private mutating func mfa(_ node: [String: Node], _ place: String) -> MFARule {
        MFARule(
            name: name(node, place), scope: scope(node["applies"], place), required: bool(node, "required", true, place),
            allow: capabilities(node["allow"], "\(place).allow", for: .signIn),
            exclude: capabilities(node["exclude"], "\(place).exclude", for: nil),
            graceDays: optional(node, "graceDays", 0...90, place),
            rememberBrowserDays: optional(node, "rememberBrowserDays", 0...365, place),
            exemptTrustedNetworks: bool(node, "exemptTrustedNetworks", false, place))
    }

    private mutating func reset(_ node: [String: Node], _ place: String) -> ResetRule {
        var rule = ResetRule(
            name: name(node, place), scope: scope(node["applies"], place), includeGuests: bool(node, "includeGuests", false, place),
            gates: optional(node, "gates", 1...2, place) ?? 2, allow: capabilities(node["allow"], "\(place).allow", for: .reset),
            exclude: capabilities(node["exclude"], "\(place).exclude", for: nil))
        for text in strings(node["options"], "\(place).options") {
            if let option = ResetOption(rawValue: text) {
                rule.options.insert(option)
            } else {
                problems.append("\(place).options: “\(text)” is not an option.")
            }
        }
        rule.reconfirmDays = optional(node, "reconfirmDays", 0...730, place)
        rule.skipsMax = optional(node, "skipsMax", 0...1000, place)
        rule.unlockWithoutReset = bool(node, "unlockWithoutReset", false, place)
        rule.notifyPerson = bool(node, "notifyPerson", true, place)
        rule.notifyAdministrators = bool(node, "notifyAdministrators", true, place)
        rule.minimumAgeHours = optional(node, "minimumAgeHours", 0...720, place) ?? 24
        rule.ownMailDomainsCount = bool(node, "ownMailDomainsCount", false, place)
        return rule
    }

    private mutating func registration(_ node: [String: Node], _ place: String) -> RegistrationRule {
        var kind = RegistrationGuard.password
        if let text = node["guard"]?.string {
            if let read = RegistrationGuard(rawValue: text) {
                kind = read
            } else {
                let all = RegistrationGuard.allCases.map(\.rawValue)
                problems.append("\(place).guard: “\(text)” is not one of \(all.joined(separator: ", ")).")
            }
        }
        return RegistrationRule(
            name: name(node, place), scope: scope(node["applies"], place), requireForMFA: bool(node, "requireForMFA", true, place),
            requireForReset: bool(node, "requireForReset", true, place), guardKind: kind,
            recoveryCodes: bool(node, "recoveryCodes", true, place))
    }

    private mutating func bridge(_ node: Node) -> BridgePolicy {
        let map = mapping(node, "bridge", "bridge")
        return BridgePolicy(
            days: optional(map, "days", 0...365, "bridge") ?? 30,
            compromised: capabilities(map["compromised"], "bridge.compromised", for: nil))
    }

    private mutating func session(_ node: Node) -> SessionPolicy {
        let map = mapping(node, "session", "session")
        return SessionPolicy(
            idleMinutes: optional(map, "idleMinutes", 5...1440, "session") ?? 60,
            absoluteHours: optional(map, "absoluteHours", 1...720, "session") ?? 12,
            freshMinutes: optional(map, "freshMinutes", 1...60, "session") ?? 10)
    }

    private mutating func password(_ node: Node) -> PasswordPolicy {
        let map = mapping(node, "password", "password")
        var policy = PasswordPolicy()
        if let text = map["profile"]?.string {
            if let profile = PasswordProfile(rawValue: text) {
                policy.profile = profile
            } else {
                problems.append("password.profile: “\(text)” is not nist or entra.")
            }
        }
        policy.minimumLength = optional(map, "minimumLength", 8...128, "password") ?? (policy.profile == .nist ? 12 : 8)
        policy.bannedWords = strings(map["bannedWords"], "password.bannedWords")
        policy.reuseLast = bool(map, "reuseLast", false, "password")
        return policy
    }

    // MARK: parts

    private mutating func scope(_ node: Node?, _ place: String) -> PolicyScope {
        guard let node else { return PolicyScope(.all) }
        let map = mapping(node, "applies", "\(place).applies")
        let included = groupIDs(map["groups"], "\(place).applies.groups"), except = groupIDs(map["except"], "\(place).applies.except")
        if map["groups"] != nil { return PolicyScope(.selected, groups: included, except: except) }
        guard let text = map["to"]?.string else { return PolicyScope(.all, except: except) }
        guard let extent = PolicyScope.Extent(rawValue: text), extent != .selected else {
            problems.append("\(place).applies.to: “\(text)” is not all or none; name groups with “groups”.")
            return PolicyScope(.none)
        }
        return PolicyScope(extent, except: except)
    }

    private mutating func groupIDs(_ node: Node?, _ place: String) -> Set<GroupID> {
        var found: Set<GroupID> = []
        for name in strings(node, place) {
            if let id = groups.first(where: { $0.value == name })?.key {
                found.insert(id)
            } else {
                let near = Nearest.nearest(to: name, in: Array(groups.values)).map { " Did you mean “\($0)”?" } ?? ""
                problems.append("\(place): there is no group “\(name)”.\(near)")
            }
        }
        return found
    }

    /// Capabilities by name. One that this release cannot verify is refused with a sentence that names those it can.
    private mutating func capabilities(_ node: Node?, _ place: String, for purpose: Purpose?) -> Set<Capability> {
        var found: Set<Capability> = []
        for name in strings(node, place) {
            guard let capability = Capability(rawValue: name) else {
                let near = Nearest.nearest(to: name, in: Capability.allCases.map(\.rawValue)).map { " Did you mean “\($0)”?" } ?? ""
                problems.append("\(place): “\(name)” is not a capability.\(near)")
                continue
            }
            let possible = MethodRegistry.implementedCapabilities
            guard let purpose else {
                found.insert(capability)
                continue
            }
            guard possible.contains(capability) else {
                let useful = possible.filter { MethodRegistry.traits(of: $0).service(for: purpose) == .counts }.sorted().map(\.rawValue)
                problems.append("\(place): “\(name)” does not exist in this release yet. It has \(useful.joined(separator: ", ")).")
                continue
            }
            guard MethodRegistry.traits(of: capability).service(for: purpose) == .counts else {
                problems.append("\(place): “\(name)” cannot serve here.")
                continue
            }
            found.insert(capability)
        }
        return found
    }

    private mutating func rules(_ node: Node?, _ kind: String) -> [([String: Node], String)] {
        guard let node else { return [] }
        guard let items = node.sequence else {
            problems.append("\(kind): a list of rules is expected.")
            return []
        }
        return items.enumerated().map { (mapping($1, kind, "\(kind)[\($0 + 1)]"), "\(kind)[\($0 + 1)]") }
    }

    private mutating func mapping(_ node: Node, _ kind: String, _ place: String) -> [String: Node] {
        guard let map = node.mapping else {
            problems.append("\(place): names and values are expected.")
            return [:]
        }
        var found: [String: Node] = [:]
        let known = Self.keys[kind] ?? []
        for (key, value) in map {
            let name = key.string ?? ""
            guard known.contains(name) else {
                let near = Nearest.nearest(to: name, in: known).map { " Did you mean “\($0)”?" } ?? ""
                problems.append("\(place): there is no setting “\(name)”.\(near)")
                continue
            }
            found[name] = value
        }
        return found
    }

    private mutating func name(_ node: [String: Node], _ place: String) -> String {
        if let text = node["name"]?.string, !text.isEmpty { return text }
        problems.append("\(place): a name is needed; people read it when they ask why.")
        return ""
    }

    private mutating func bool(_ node: [String: Node], _ key: String, _ fallback: Bool, _ place: String) -> Bool {
        guard let value = node[key] else { return fallback }
        if let bool = value.bool { return bool }
        problems.append("\(place).\(key): true or false is expected.")
        return fallback
    }

    private mutating func optional(_ node: [String: Node], _ key: String, _ range: ClosedRange<Int>, _ place: String) -> Int? {
        guard let value = node[key] else { return nil }
        if let number = value.int, range.contains(number) { return number }
        problems.append("\(place).\(key): a number from \(range.lowerBound) to \(range.upperBound) is expected.")
        return nil
    }

    private mutating func strings(_ node: Node?, _ place: String) -> [String] {
        guard let node else { return [] }
        if let items = node.sequence { return items.compactMap(\.string) }
        if let text = node.string { return text.isEmpty ? [] : [text] }
        problems.append("\(place): a list is expected.")
        return []
    }
}
