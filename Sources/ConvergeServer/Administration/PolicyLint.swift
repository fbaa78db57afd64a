import ConvergeCore

/// What `policy check` says about a policy itself.
public struct LintEntry: Codable, Hashable, Sendable {
    public enum Level: String, Codable, Sendable, Comparable {
        /// Applying is refused unless forced.
        case error
        case warning, note

        public static func < (left: Self, right: Self) -> Bool { left.rank < right.rank }
        private var rank: Int { [.error: 0, .warning: 1, .note: 2][self] ?? 3 }
    }

    public let level: Level
    /// Stable.
    public let code: String
    public let text: String

    init(_ level: Level, _ code: String, _ text: String) {
        self.level = level
        self.code = code
        self.text = text
    }
}

/// Looks at a policy without looking at anybody: folds it for every kind of person that its rules could meet.
struct PolicyLint {
    let document: PolicyDocument
    let groups: [GroupID: String]
    /// Whether the configuration trusts any maker of authenticators.
    var hasAttestationRoots = true
    /// What the configuration sends by.
    var carriers = Set(Carrier.allCases)

    /// Everything worth saying, errors first.
    var entries: [LintEntry] {
        (unsatisfiable + administrators + singleGates + uncarried + general).sorted {
            ($0.level, $0.code, $0.text) < ($1.level, $1.code, $1.text)
        }
    }

    // MARK: folds that nobody can satisfy

    /// Nobody in particular: a member or guest of some of the groups that rules name, with nothing registered.
    private func somebody(_ groups: Set<GroupID>, kind: PersonKind, roles: Set<Role> = []) -> Standing {
        let person = Person(id: PersonID("nobody"), kind: kind, roles: roles, groups: groups)
        return Standing(person: person, credentials: [], policy: document.resolve(for: person))
    }

    /// No group, each group, each pair: three rules that are harmless in pairs are left to the walk over real people.
    private var combinations: [Set<GroupID>] {
        let scopes =
            document.mfa.map(\.scope) + document.reset.map(\.scope) + document.registration.map(\.scope) + document.campaigns.map(\.scope)
        let named = scopes.reduce(into: Set<GroupID>()) { $0.formUnion($1.groups.union($1.except)) }.sorted()
        let pairs = named.indices.flatMap { first in named[(first + 1)...].map { Set([named[first], $0]) } }
        return [[]] + named.map { [$0] } + pairs
    }

    private var unsatisfiable: [LintEntry] {
        var signIn: [Set<GroupID>] = [], reset: [Set<GroupID>] = []
        for groups in combinations {
            for kind in PersonKind.allCases {
                let standing = somebody(groups, kind: kind)
                let outcome = Planner(standing).plan(wanted(standing))
                // A pair is no news where one of its groups is enough.
                if outcome.mfaImpossible, !signIn.contains(where: groups.isSuperset) { signIn.append(groups) }
                if outcome.resetImpossible, !reset.contains(where: groups.isSuperset) { reset.append(groups) }
            }
        }
        return signIn.map {
            LintEntry(
                .error, "mfa.nobody-can",
                "\(name($0)) must have a second step, and nothing that is allowed there could be one. Allow one of: "
                    + "\(PolicyFile.names(usableFor: .signIn)).")
        }
            + reset.map {
                LintEntry(
                    .warning, "reset.nobody-can",
                    "\(name($0)) can never have the proofs that a reset needs, whatever they register. Allow more of: "
                        + "\(PolicyFile.names(usableFor: .reset)).")
            }
    }

    private func wanted(_ standing: Standing) -> Requirements {
        let policy = standing.policy
        return standing.requirements(
            mfaWanted: policy.mfaRequired || policy.requireForMFA || standing.person.isAdministrator,
            resetWanted: policy.requireForReset || policy.resetInScope)
    }

    private func name(_ groups: Set<GroupID>) -> String {
        let names = groups.map { "“\(self.groups[$0] ?? $0.text)”" }.sorted()
        switch names.count {
        case 0: return "Everybody without a group"
        case 1: return "Everybody in \(names[0])"
        default: return "Everybody who is in \(names.joined(separator: " and "))"
        }
    }

    private var administrators: [LintEntry] {
        let standing = somebody([], kind: .member, roles: [.globalAdministrator])
        var entries: [LintEntry] = []
        let outcome = Planner(standing).plan(
            Requirements(mfa: true, reset: standing.policy.resetInScope ? standing.missingGates : 0))
        if outcome.mfaImpossible {
            entries.append(
                LintEntry(
                    .error, "administrators.no-second-step", "Administrators always need a second step, and none is allowed for them."))
        }
        if outcome.resetImpossible {
            let left = standing.policy.resetAllowed.sorted().map(\.rawValue).joined(separator: ", ")
            entries.append(
                LintEntry(
                    .warning, "administrators.reset",
                    "Administrators need two independent proofs for a reset, and only \(left.isEmpty ? "nothing" : left) is left for them.")
            )
        }
        return entries
    }

    // MARK: rules that contradict themselves

    private var singleGates: [LintEntry] {
        document.reset.filter { $0.gates == 1 }.flatMap { rule -> [LintEntry] in
            let allowed = rule.allow.subtracting(rule.exclude)
            if allowed == [.securityQuestions] {
                return [
                    LintEntry(
                        .error, "reset.questions-alone",
                        "“\(rule.name)” asks for one proof and allows questions only; they are never the only proof.")
                ]
            }
            if allowed == [.appNotification] {
                return [
                    LintEntry(
                        .error, "reset.push-alone",
                        "“\(rule.name)” asks for one proof and allows app notifications only; they are never the only proof.")
                ]
            }
            return []
        }
    }

    // MARK: what nothing carries

    /// Allowed, counted and planned with, and it would never arrive.
    private var uncarried: [LintEntry] {
        let allowed = (document.mfa.map { $0.allow.subtracting($0.exclude) } + document.reset.map { $0.allow.subtracting($0.exclude) })
            .reduce(into: Set<Capability>()) { $0.formUnion($1) }
        return Carrier.allCases.filter { !carriers.contains($0) }.compactMap { carrier in
            let names = allowed.filter { MethodRegistry.traits(of: $0).manner.carrier == carrier }.map(\.rawValue).sorted()
            guard !names.isEmpty else { return nil }
            let words =
                switch carrier {
                case .text: "no texts are sent. Set text.url, or carrier.account with carrier.textsFrom,"
                case .mail: "no email is sent. Set mail.host and mail.from"
                case .voice: "nobody is called. Set carrier.account with carrier.callsFrom"
                case .push: "no app is notified; it asks by itself while it is open. Name push services under push.hosts"
                }
            return LintEntry(
                .warning, "carrier.\(carrier.rawValue)", "Allowed: \(names.joined(separator: ", ")). But \(words) in the configuration.")
        }
    }

    private var passkeys: [LintEntry] {
        let rules = document.methods.passkeys, contradicted = rules.allowed.intersection(rules.blocked).sorted()
        var entries = contradicted.map {
            LintEntry(.warning, "passkeys.contradiction", "The kind of authenticator \($0) is allowed and blocked. It is blocked.")
        }
        if rules.needsAttestation, !hasAttestationRoots {
            entries.append(
                LintEntry(
                    .error, "passkeys.no-roots",
                    "Passkeys need an attestation, and passkeys.attestationRoots in the configuration names no certificates. "
                        + "Nobody could register one."))
        }
        return entries
    }

    private var general: [LintEntry] {
        var entries: [LintEntry] = []
        if !document.mfa.contains(where: \.required) {
            entries.append(LintEntry(.warning, "mfa.nobody", "No rule demands a second step. Only administrators will be asked for one."))
        }
        if document.reset.isEmpty {
            entries.append(LintEntry(.note, "reset.nobody", "Nobody may choose a new password without the old one."))
        }
        let allowed = document.mfa.reduce(into: Set<Capability>()) { $0.formUnion($1.allow.subtracting($1.exclude)) }
        for campaign in document.campaigns where !allowed.contains(campaign.register) {
            entries.append(
                LintEntry(
                    .warning, "campaign.not-allowed",
                    "The campaign “\(campaign.name)” asks for \(campaign.register.rawValue), which no rule allows for sign-in. "
                        + "Nobody will see it."))
        }
        for text in document.trustedNetworks where (try? CIDR(text))?.prefix == 0 {
            entries.append(LintEntry(.error, "networks.everywhere", "\(text) is the whole internet, not a network of the organisation."))
        }
        entries += passkeys
        if document.emergencyAccounts.isEmpty {
            entries.append(
                LintEntry(.note, "emergency.none", "No emergency account is named. Name at least one administrator who must always get in.")
            )
        }
        return entries
    }
}
