import ConvergeCore
import Yams

/// One reading of a policy file: collects every problem, and never stops at the first.
struct PolicyReader {
    let groups: [String: GroupID]
    private(set) var problems: [String] = []

    /// A mapping at one place of the file.
    struct Section {
        let path: String
        var nodes: [String: Node] = [:]
    }

    init(groups: [String: GroupID]) { self.groups = groups }

    mutating func document(_ yaml: String) -> PolicyDocument? {
        let node: Node?
        do {
            node = try Yams.compose(yaml: yaml)
        } catch {
            problems.append(Self.sentence(error))
            return nil
        }
        guard let node else {
            problems.append("The file is empty.")
            return nil
        }
        let top = section(node, "")
        _ = word(top, "rollOut")
        let document = PolicyDocument(
            mfa: rules(top, "mfa").map { mfaRule($0) }, reset: rules(top, "reset").map { resetRule($0) },
            registration: rules(top, "registration").map { registrationRule($0) },
            campaigns: rules(top, "campaigns").map { campaignRule($0) }, bridge: bridge(top), fraud: fraud(top), phones: phones(top),
            session: session(top), password: password(top),
            methods: MethodSettings(
                questions: questions(top), appPasswords: appPasswords(top), strongestFirst: flag(top, "strongestFirst"),
                passkeys: passkeys(top)),
            trustedNetworks: networks(top), emergencyAccounts: list(top, "emergencyAccounts"))
        unique(document.mfa.map(\.name), "mfa")
        unique(document.reset.map(\.name), "reset")
        unique(document.registration.map(\.name), "registration")
        unique(document.campaigns.map(\.name), "campaigns")
        return document
    }

    private static func sentence(_ error: any Error) -> String {
        switch error as? YamlError {
        case .scanner(_, _, let mark, _), .parser(_, _, let mark, _), .composer(_, _, let mark, _):
            "Line \(mark.line): this is no YAML."
        case .duplicatedKeysInMapping: "The file is no YAML: a key occurs twice in one place."
        default: "The file is no YAML."
        }
    }

    // MARK: rules

    private mutating func mfaRule(_ section: Section) -> MFARule {
        MFARule(
            name: ruleName(section), scope: scope(section), required: flag(section, "required"),
            allow: capabilities(section, "allow", for: .signIn), exclude: capabilities(section, "exclude", for: nil),
            graceDays: number(section, "graceDays"), rememberBrowserDays: number(section, "rememberBrowserDays"),
            exemptTrustedNetworks: flag(section, "exemptTrustedNetworks"))
    }

    private mutating func resetRule(_ section: Section) -> ResetRule {
        ResetRule(
            name: ruleName(section), scope: scope(section), includeGuests: flag(section, "includeGuests"),
            gates: number(section, "gates") ?? 2, allow: capabilities(section, "allow", for: .reset),
            exclude: capabilities(section, "exclude", for: nil), options: options(section),
            reconfirmDays: number(section, "reconfirmDays"), skipsMax: number(section, "skipsMax"),
            unlockWithoutReset: flag(section, "unlockWithoutReset"), notifyPerson: flag(section, "notifyPerson"),
            notifyAdministrators: flag(section, "notifyAdministrators"), minimumAgeHours: number(section, "minimumAgeHours") ?? 24,
            ownMailDomainsCount: flag(section, "ownMailDomainsCount"))
    }

    private mutating func registrationRule(_ section: Section) -> RegistrationRule {
        RegistrationRule(
            name: ruleName(section), scope: scope(section), requireForMFA: flag(section, "requireForMFA"),
            requireForReset: flag(section, "requireForReset"),
            guardKind: RegistrationGuard(rawValue: word(section, "guard")) ?? .accessPass,
            recoveryCodes: flag(section, "recoveryCodes"))
    }

    private mutating func campaignRule(_ section: Section) -> CampaignRule {
        CampaignRule(
            name: ruleName(section), scope: scope(section), register: Capability(rawValue: word(section, "register")) ?? .appCode,
            snoozeDays: number(section, "snoozeDays") ?? 1, snoozesMax: number(section, "snoozesMax"))
    }

    private mutating func bridge(_ top: Section) -> BridgePolicy {
        let section = subsection(top, "bridge")
        return BridgePolicy(days: number(section, "days") ?? 0, compromised: capabilities(section, "compromised", for: nil))
    }

    private mutating func fraud(_ top: Section) -> FraudPolicy {
        FraudPolicy(blockDays: number(subsection(top, "fraud"), "blockDays") ?? 0)
    }

    private mutating func phones(_ top: Section) -> PhonePolicy {
        PhonePolicy(officeByOwner: flag(subsection(top, "phones"), "officeByOwner"))
    }

    private mutating func session(_ top: Section) -> SessionPolicy {
        let section = subsection(top, "session")
        return SessionPolicy(
            idleMinutes: number(section, "idleMinutes") ?? 1, absoluteHours: number(section, "absoluteHours") ?? 1,
            freshMinutes: number(section, "freshMinutes") ?? 1)
    }

    private mutating func password(_ top: Section) -> PasswordPolicy {
        let section = subsection(top, "password")
        return PasswordPolicy(
            profile: PasswordProfile(rawValue: word(section, "profile")) ?? .nist,
            minimumLength: number(section, "minimumLength") ?? 64, bannedWords: list(section, "bannedWords"),
            reuseLast: flag(section, "reuseLast"))
    }

    private mutating func passkeys(_ top: Section) -> AuthenticatorRules {
        let section = subsection(top, "passkeys")
        return AuthenticatorRules(
            allowed: authenticators(section, "allow"), blocked: authenticators(section, "block"),
            needsAttestation: flag(section, "requireAttestation"))
    }

    private mutating func authenticators(_ section: Section, _ word: String) -> Set<AAGUID> {
        Set(
            list(section, word).compactMap { text in
                if let kind = AAGUID(text) { return kind }
                problem(section, word, "\(text) is no kind of authenticator such as 2fc0579f-8113-47ea-b116-bb5a8db9202a")
                return nil
            })
    }

    private mutating func questions(_ top: Section) -> QuestionPolicy {
        let section = subsection(top, "questions")
        let policy = QuestionPolicy(
            toRegister: number(section, "toRegister") ?? 3, toReset: number(section, "toReset") ?? 3,
            custom: list(section, "custom").map { $0.trimmingSpaces() })
        if policy.toReset > policy.toRegister {
            problem(section, "toReset", "a reset cannot ask for \(policy.toReset) answers when people register \(policy.toRegister)")
        }
        if policy.custom.count > 20 { problem(section, "custom", "it takes up to 20 questions") }
        for text in policy.custom where !(3...200).contains(text.count) {
            problem(section, "custom", "a question takes 3 to 200 characters: “\(text.prefix(40))”")
        }
        if Set(policy.custom.map(\.compatibilityFolded)).count < policy.custom.count {
            problem(section, "custom", "a question occurs twice")
        }
        return policy
    }

    private mutating func appPasswords(_ top: Section) -> AppPasswordPolicy {
        let section = subsection(top, "appPasswords")
        return AppPasswordPolicy(allowed: flag(section, "allowed"), survivesReset: flag(section, "survivesReset"))
    }

    private mutating func networks(_ top: Section) -> [String] {
        let texts = list(top, "trustedNetworks")
        for text in texts where (try? CIDR(text)) == nil {
            problem(top, "trustedNetworks", "\(text) is not a network such as 192.0.2.0/24")
        }
        return texts
    }

    private mutating func ruleName(_ section: Section) -> String {
        let name = text(section, "name").trimmingSpaces()
        if name.isEmpty || name.count > 100 { problem(section, "name", "it takes 1 to 100 characters") }
        return name
    }

    private mutating func unique(_ names: [String], _ section: String) {
        let repeated = Dictionary(grouping: names, by: { $0 }).filter { $0.value.count > 1 && !$0.key.isEmpty }.keys.sorted()
        for name in repeated { problems.append("\(section): two rules are named “\(name)”.") }
    }

    // MARK: lists with a meaning

    private mutating func capabilities(_ section: Section, _ word: String, for purpose: Purpose?) -> Set<Capability> {
        let usable = purpose.map { PolicyFile.usable(for: $0) }
        return Set(
            list(section, word).compactMap { text -> Capability? in
                guard let capability = Capability(rawValue: text) else {
                    let near = Nearest.nearest(to: text, in: (usable ?? Capability.allCases).map(\.rawValue))
                    problem(section, word, "\(text) is not a method's capability" + Self.meant(near))
                    return nil
                }
                guard let usable, !usable.contains(capability) else { return capability }
                problem(section, word, Self.unusable(capability, purpose, usable))
                return nil
            })
    }

    private static func unusable(_ capability: Capability, _ purpose: Purpose?, _ usable: [Capability]) -> String {
        let here = "These do: \(usable.map(\.rawValue).joined(separator: ", "))"
        guard MethodRegistry.implementedCapabilities.contains(capability) else {
            return "\(capability.rawValue) does not exist in this release. \(here)"
        }
        if capability == .recoveryCode, purpose == .signIn {
            return "recoveryCode needs no permission here; the switch is registration[].recoveryCodes. \(here)"
        }
        if capability == .recoveryCode { return "recoveryCode belongs into reset[].options. \(here)" }
        return "\(capability.rawValue) cannot serve \(purpose == .reset ? "a reset" : "as a second step at sign-in"). \(here)"
    }

    private mutating func options(_ section: Section) -> Set<ResetOption> {
        Set(
            list(section, "options").compactMap { text in
                let near = Nearest.nearest(to: text, in: ResetOption.allCases.map(\.rawValue))
                guard let option = ResetOption(rawValue: text) else {
                    problem(section, "options", "\(text) is no option" + Self.meant(near))
                    return nil
                }
                guard option != .alternatePhone else {
                    problem(section, "options", "\(text) does not exist in this release. These do: passkey, recoveryCode")
                    return nil
                }
                return option
            })
    }

    private mutating func scope(_ section: Section) -> PolicyScope {
        guard let node = section.nodes["applies"] else { return PolicyScope(.all) }
        if let scalar = node.scalar {
            switch scalar.string {
            case "all": return PolicyScope(.all)
            case "none": return PolicyScope(.none)
            default:
                problem(section, "applies", "it is `all`, `none`, or a mapping with `groups`")
                return PolicyScope(.none)
            }
        }
        let inner = self.section(node, "applies")
        let groups = groupIDs(inner, "groups"), except = groupIDs(inner, "except")
        let asked = inner.nodes["to"] == nil && inner.nodes["groups"] != nil ? "groups" : word(inner, "to")
        if asked != "groups", inner.nodes["groups"] != nil {
            problem(inner, "groups", "groups are named, yet `to` is \(asked)")
        }
        if asked == "groups", groups.isEmpty { problem(section, "applies", "it names no group, so the rule would apply to nobody") }
        let extent: PolicyScope.Extent = asked == "groups" ? .selected : asked == "none" ? .none : .all
        return PolicyScope(extent, groups: groups, except: except)
    }

    private mutating func groupIDs(_ section: Section, _ word: String) -> Set<GroupID> {
        Set(
            list(section, word).compactMap { name in
                if let id = groups[name] { return id }
                let near = Nearest.nearest(to: name, in: groups.keys.sorted())
                problem(section, word, "there is no group “\(name)”" + Self.meant(near.map { "“\($0)”" }))
                return nil
            })
    }

    // MARK: values

    private mutating func section(_ node: Node, _ path: String) -> Section {
        guard let mapping = node.mapping else {
            problems.append("\(Self.line(node))\(path.isEmpty ? "The file" : path) takes keys and values.")
            return Section(path: path)
        }
        var section = Section(path: path)
        let known = PolicyKey.words(in: path)
        for (key, value) in mapping {
            guard let word = key.scalar?.string, known.contains(word) else {
                let word = key.scalar?.string ?? "?"
                let name = path.isEmpty ? word : "\(path).\(word)"
                problems.append(
                    "\(Self.line(key))\(name) is not a policy key"
                        + (Nearest.nearest(to: word, in: known).map { "; did you mean \($0)?" } ?? "."))
                continue
            }
            section.nodes[word] = value
        }
        for word in known where section.nodes[word] == nil && PolicyKey.row(path, word).fallback == nil {
            problems.append("\(Self.line(node))\(path.isEmpty ? word : "\(path).\(word)") is missing.")
        }
        return section
    }

    private mutating func subsection(_ top: Section, _ word: String) -> Section {
        top.nodes[word].map { section($0, word) } ?? Section(path: word)
    }

    private mutating func rules(_ top: Section, _ word: String) -> [Section] {
        guard let node = top.nodes[word] else { return [] }
        guard let sequence = node.sequence else {
            problem(top, word, "it takes a list of rules, or []")
            return []
        }
        return sequence.map { section($0, "\(word)[]") }
    }

    private mutating func text(_ section: Section, _ word: String) -> String {
        let fallback = PolicyKey.row(section.path, word).fallback ?? ""
        guard let node = section.nodes[word] else { return fallback }
        if let scalar = node.scalar { return scalar.string }
        problem(section, word, "it takes one value")
        return fallback
    }

    private mutating func word(_ section: Section, _ word: String) -> String {
        let text = text(section, word)
        guard case .choice(let choices) = PolicyKey.row(section.path, word).kind, !choices.contains(text) else { return text }
        if section.path.isEmpty, word == "rollOut" {
            problem(section, word, "only all is possible in this release, as the two former registration pages do not exist")
        } else {
            problem(section, word, "it is one of: \(choices.joined(separator: ", "))")
        }
        return text
    }

    private mutating func flag(_ section: Section, _ word: String) -> Bool {
        switch text(section, word) {
        case "true": return true
        case "false": return false
        default:
            problem(section, word, "it is true or false")
            return false
        }
    }

    private mutating func number(_ section: Section, _ word: String) -> Int? {
        let text = text(section, word)
        if text.isEmpty, section.nodes[word] == nil { return nil }
        guard case .number(let range) = PolicyKey.row(section.path, word).kind, let number = Int(text), range.contains(number) else {
            problem(section, word, "it is a whole number, \(PolicyKey.row(section.path, word).kind.words)")
            return nil
        }
        return number
    }

    private mutating func list(_ section: Section, _ word: String) -> [String] {
        guard let node = section.nodes[word] else { return [] }
        if let scalar = node.scalar { return scalar.string.isEmpty ? [] : [scalar.string] }
        let texts = node.sequence?.compactMap(\.scalar?.string)
        guard let texts, texts.count == node.sequence?.count else {
            problem(section, word, "it takes a list, such as [one, two]")
            return []
        }
        return texts
    }

    // MARK: problems

    private static let end = "."

    private mutating func problem(_ section: Section, _ word: String, _ what: String) {
        let name = section.path.isEmpty ? word : "\(section.path).\(word)"
        let end = what.hasSuffix("?") ? "" : Self.end
        problems.append("\(section.nodes[word].map(Self.line) ?? "")\(name): \(what)\(end)")
    }

    private static func meant(_ near: String?) -> String { near.map { "; did you mean \($0)?" } ?? "" }

    private static func line(_ node: Node) -> String { node.mark.map { "Line \($0.line): " } ?? "" }
}
