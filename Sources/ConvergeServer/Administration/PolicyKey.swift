import ConvergeCore

/// One key of the policy file: the row of the table from which reading, refusing and documenting follow.
public struct PolicyKey: Sendable, Hashable {
    /// What a value may be.
    enum Kind: Sendable, Hashable {
        case text
        case number(ClosedRange<Int>)
        case flag
        case list
        case choice([String])
        /// Whom a rule applies to: a word, or a mapping of its own.
        case scope
        /// A list of rules or a mapping, whose keys have rows of their own.
        case section

        var words: String {
            switch self {
            case .text: "text"
            case .number(let range): "\(range.lowerBound) to \(range.upperBound)"
            case .flag: "`true` or `false`"
            case .list: "list"
            case .choice(let words): words.map { "`\($0)`" }.joined(separator: ", ")
            case .scope: "`all`, `none`, or a mapping"
            case .section: "section"
            }
        }
    }

    /// The path in the file; `[]` stands for each item of a list.
    let name: String
    let kind: Kind
    /// What holds when the key is left out; nil: it may not be left out; empty: nothing.
    let fallback: String?
    let help: String

    init(_ name: String, _ kind: Kind, _ fallback: String?, _ help: String) {
        self.name = name
        self.kind = kind
        self.fallback = fallback
        self.help = help
    }

    /// The section a key belongs to, and its own word: `mfa[]` and `name`.
    private var parts: (section: String, word: String) {
        guard let point = name.lastIndex(of: ".") else { return ("", name) }
        return (String(name[..<point]), String(name[name.index(after: point)...]))
    }

    /// The words that may stand in a section.
    static func words(in section: String) -> [String] { all.map(\.parts).filter { $0.section == section }.map(\.word) }

    /// The row of a key.
    static func row(_ section: String, _ word: String) -> PolicyKey {
        let name = section.isEmpty ? word : "\(section).\(word)"
        guard let key = all.first(where: { $0.name == name }) else { preconditionFailure("no policy key \(name)") }
        return key
    }

    /// Every key there is, in the order in which they are written.
    public static let all: [PolicyKey] = top + mfa + reset + registration + campaigns + others + scopes

    private static let top = [
        PolicyKey("rollOut", .choice(["all"]), "all", "Who has the one registration for sign-in and reset. Only `all` in this release."),
        PolicyKey("mfa", .section, nil, "Rules about the second step at sign-in. Everybody is under every rule that applies to them."),
        PolicyKey(
            "reset", .section, nil, "Rules about choosing a new password without the old one. Nobody whom none applies to may do it."),
        PolicyKey("registration", .section, nil, "Rules about who must register, and what guards the first registration."),
        PolicyKey("campaigns", .section, "", "Suggestions to register something stronger, after a second step was proven."),
        PolicyKey("bridge", .section, "", "One proof with something that is no longer allowed, good for registering a replacement."),
        PolicyKey("fraud", .section, "", "What follows when somebody who is called says that it was not them."),
        PolicyKey("phones", .section, "", "Who keeps telephone numbers."),
        PolicyKey("session", .section, "", "How long people stay signed in."),
        PolicyKey("password", .section, "", "Which passwords are taken."),
        PolicyKey("questions", .section, "", "Security questions: how many, and which beyond the predefined ones."),
        PolicyKey("appPasswords", .section, "", "Passwords for programs that cannot show a sign-in page."),
        PolicyKey("strongestFirst", .flag, "false", "Ask for the strongest method first, whatever people chose as their default."),
        PolicyKey("passkeys", .section, "", "Which authenticators may hold a passkey."),
        PolicyKey("trustedNetworks", .list, "", "The organisation's own networks, such as `192.0.2.0/24`."),
        PolicyKey("emergencyAccounts", .list, "", "User names that must always get in; `policy check` watches them."),
    ]

    private static let mfa = [
        PolicyKey("mfa[].name", .text, nil, "The rule's name, which people read under “Why am I being asked?”."),
        PolicyKey("mfa[].applies", .scope, "all", "Whom the rule applies to."),
        PolicyKey("mfa[].required", .flag, "true", "Whether a second step is demanded. Administrators always need one."),
        PolicyKey("mfa[].allow", .list, "", "What may be the second step. All rules that apply add up."),
        PolicyKey("mfa[].exclude", .list, "", "What may not be it, whatever another rule allows."),
        PolicyKey(
            "mfa[].graceDays", .number(0...365), "",
            "Days in which somebody who never had a second step may still sign in without. The shortest counts."),
        PolicyKey("mfa[].rememberBrowserDays", .number(0...365), "", "Days for which a browser need not repeat it. The shortest counts."),
        PolicyKey("mfa[].exemptTrustedNetworks", .flag, "false", "No second step from the organisation's own networks."),
    ]

    private static let reset = [
        PolicyKey("reset[].name", .text, nil, "The rule's name."),
        PolicyKey("reset[].applies", .scope, "all", "Whom the rule applies to. `all` leaves guests out."),
        PolicyKey("reset[].includeGuests", .flag, "false", "Whether `all` means guests too."),
        PolicyKey("reset[].gates", .number(1...2), nil, "How many independent proofs a new password takes. Administrators always need 2."),
        PolicyKey("reset[].allow", .list, "", "What may be a proof. All rules that apply add up."),
        PolicyKey("reset[].exclude", .list, "", "What may not be one, whatever another rule allows."),
        PolicyKey(
            "reset[].options", .list, "",
            "What is closed otherwise: `recoveryCode` lets a recovery code be one proof of two, "
                + "`passkey` a passkey be a proof where `allow` names it."),
        PolicyKey("reset[].reconfirmDays", .number(0...730), "", "Days after which people look through their security info; 0: never."),
        PolicyKey("reset[].skipsMax", .number(0...100), "", "How often the reset part of registration may be put off; left out: always."),
        PolicyKey("reset[].unlockWithoutReset", .flag, "false", "Somebody locked out who knows the password may unlock and keep it."),
        PolicyKey("reset[].notifyPerson", .flag, "true", "Tell people at their other contacts."),
        PolicyKey("reset[].notifyAdministrators", .flag, "true", "Tell all other administrators when one of them does it."),
        PolicyKey("reset[].minimumAgeHours", .number(0...720), "24", "A method younger than this is no proof; 0: off. The longest counts."),
        PolicyKey(
            "reset[].ownMailDomainsCount", .flag, "false", "Mailboxes of the organisation count, although they need the lost password."),
    ]

    private static let registration = [
        PolicyKey("registration[].name", .text, nil, "The rule's name."),
        PolicyKey("registration[].applies", .scope, "all", "Whom the rule applies to."),
        PolicyKey("registration[].requireForMFA", .flag, "true", "People must register what a second step needs."),
        PolicyKey("registration[].requireForReset", .flag, "true", "People must register what a reset needs."),
        PolicyKey(
            "registration[].guard", .choice(RegistrationGuard.allCases.map(\.rawValue)), "password",
            "What somebody without any proof shows before the first registration. The strictest counts."),
        PolicyKey("registration[].recoveryCodes", .flag, "true", "Ten codes on paper are shown at the end, and may be made anew."),
    ]

    private static let campaigns = [
        PolicyKey("campaigns[].name", .text, nil, "The campaign's name, which people read under “Why am I being asked?”."),
        PolicyKey("campaigns[].applies", .scope, "all", "Whom it applies to."),
        PolicyKey(
            "campaigns[].register", .choice(PolicyFile.proposable.map(\.rawValue)), nil,
            "What people are asked to register, where it does not count for them already."),
        PolicyKey(
            "campaigns[].snoozeDays", .number(0...14), "1", "Days until somebody who put it off is asked again; 0: at the next sign-in."),
        PolicyKey(
            "campaigns[].snoozesMax", .number(1...100), "",
            "How often it may be put off; left out: always. Where no second step is demanded it can always be put off."),
    ]

    private static let others = [
        PolicyKey("bridge.days", .number(0...365), "30", "Days after the version that removed a method; 0: off."),
        PolicyKey("bridge.compromised", .list, "", "Methods that are never a bridge."),
        PolicyKey("fraud.blockDays", .number(0...365), "0", "Days for which the account is closed then; 0: it is not."),
        PolicyKey(
            "phones.officeByOwner", .flag, "false",
            "People add, change and delete their office number themselves. Otherwise only the directory does."),
        PolicyKey("session.idleMinutes", .number(1...1440), "60", "Minutes without use after which a session ends."),
        PolicyKey("session.absoluteHours", .number(1...720), "12", "Hours after which it ends in any case."),
        PolicyKey("session.freshMinutes", .number(1...60), "10", "Minutes for which a proof opens security info."),
        PolicyKey(
            "password.profile", .choice(PasswordProfile.allCases.map(\.rawValue)), "nist",
            "`nist`: length and block lists. `entra`: three of four kinds of characters and its scores."),
        PolicyKey("password.minimumLength", .number(8...64), "12", "The shortest password."),
        PolicyKey("password.bannedWords", .list, "", "Words of the organisation that passwords must not be built on."),
        PolicyKey("password.reuseLast", .flag, "false", "Whether the last password may be chosen again."),
        PolicyKey("questions.toRegister", .number(3...5), "3", "How many security questions people answer to register."),
        PolicyKey("questions.toReset", .number(3...5), "3", "How many of them are asked at a reset; no more than are registered."),
        PolicyKey("questions.custom", .list, "", "Up to 20 questions of the organisation, shown as they are written."),
        PolicyKey(
            "appPasswords.allowed", .flag, "false",
            "Whether people of whom a second step is enforced may make them. Off, those made before stop working and can be deleted."),
        PolicyKey("appPasswords.survivesReset", .flag, "false", "Whether they go on working after a reset of the account's password."),
        PolicyKey(
            "passkeys.allow", .list, "",
            "Kinds of authenticators (AAGUID) that may be registered and used; left out: all. Passkeys of other kinds stop counting."),
        PolicyKey("passkeys.block", .list, "", "Kinds that may not, whatever is allowed."),
        PolicyKey(
            "passkeys.requireAttestation", .flag, "false",
            "A new passkey needs its maker's certificate, from one of `passkeys.attestationRoots` in the configuration."),
    ]

    private static let scopes = [
        PolicyKey("applies.to", .choice(["all", "none", "groups"]), "all", "Everybody, nobody, or the groups named below."),
        PolicyKey("applies.groups", .list, "", "Names of groups. Members of any of them are meant, of groups inside them too."),
        PolicyKey("applies.except", .list, "", "Names of groups whose members are never meant."),
    ]

    /// A table of all keys in Markdown.
    public static var documentation: String {
        let rows = all.map { key in
            let fallback = key.fallback.map { $0.isEmpty ? "–" : "`\($0)`" } ?? "required"
            return "| `\(key.name)` | \(key.kind.words) | \(fallback) | \(key.help) |"
        }
        return (["| Key | Value | Left out | Meaning |", "|---|---|---|---|"] + rows).joined(separator: "\n") + "\n"
    }
}
