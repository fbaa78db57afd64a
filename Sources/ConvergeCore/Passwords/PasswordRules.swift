/// Which family of rules a password is held against.
public enum PasswordProfile: String, Codable, Sendable, CaseIterable {
    /// NIST SP 800-63B-4 §3.1.1.2: length and block lists, no forced composition. The default.
    case nist
    /// What Entra asks: 8 to 256 ASCII characters, three classes of four, and its banned-password score.
    case entra
}

/// The rules of an organisation's password policy that look at the text of a password.
public struct PasswordRules: Hashable, Codable, Sendable {
    /// The longest password taken, in Unicode scalars after normalisation.
    public static let maximumLength = 256
    /// Nothing longer is even normalised.
    public static let maximumBytes = 4096
    /// NIST's floor for a minimum length, and the number of characters that must remain once known words count as one each.
    public static let floor = 8
    /// Points a password needs in the Entra profile.
    public static let entraPoints = 5

    /// The family.
    public let profile: PasswordProfile
    /// The shortest password taken, in Unicode scalars after normalisation.
    public let minimumLength: Int
    /// The least strength taken, 0 to 4 as zxcvbn counts; nil asks for none.
    public let minimumStrength: Int?

    /// A minimum outside 8…64 is moved to the nearer end, so that no setting makes every password impossible.
    public init(profile: PasswordProfile, minimumLength: Int, minimumStrength: Int?) {
        self.profile = profile
        self.minimumLength = min(max(minimumLength, Self.floor), 64)
        self.minimumStrength = minimumStrength.map { min(max($0, 0), 4) }
    }

    private enum CodingKeys: CodingKey { case profile, minimumLength, minimumStrength }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        self.init(
            profile: try container.decode(PasswordProfile.self, forKey: .profile),
            minimumLength: try container.decode(Int.self, forKey: .minimumLength),
            minimumStrength: try container.decodeIfPresent(Int.self, forKey: .minimumStrength))
    }

    /// Twelve characters or more, strength 2 or more.
    public static let nist = PasswordRules(profile: .nist, minimumLength: 12, minimumStrength: 2)
    /// Eight characters or more, three classes, five points.
    public static let entra = PasswordRules(profile: .entra, minimumLength: 8, minimumStrength: nil)

    /// The rules in words, in the order in which a page lists them before anything is typed.
    public var words: [PasswordRuleWord] {
        var words: [PasswordRuleWord] = [.atLeast(minimumLength), .atMost(Self.maximumLength)]
        switch profile {
        case .nist: words += [.anyCharacters, .notMostlyKnownWords]
        case .entra: words += [.plainCharacters, .threeOfFourClasses, .noNames, .notTooManyKnownWords]
        }
        if let minimumStrength, minimumStrength > 0 { words.append(.hardToGuess) }
        return words + [.notFromABreach, .notTheLastOne]
    }
}

/// One rule as the page says it before anything is typed. The code names the sentence.
public enum PasswordRuleWord: Hashable, Sendable {
    case atLeast(Int)
    case atMost(Int)
    case anyCharacters
    case plainCharacters
    case threeOfFourClasses
    case noNames
    case notMostlyKnownWords
    case notTooManyKnownWords
    case hardToGuess
    case notFromABreach
    case notTheLastOne

    /// Stable: messages are filed under it.
    public var code: String {
        switch self {
        case .atLeast: "password.rule.at-least"
        case .atMost: "password.rule.at-most"
        case .anyCharacters: "password.rule.any-characters"
        case .plainCharacters: "password.rule.plain-characters"
        case .threeOfFourClasses: "password.rule.three-classes"
        case .noNames: "password.rule.no-names"
        case .notMostlyKnownWords: "password.rule.not-mostly-known-words"
        case .notTooManyKnownWords: "password.rule.not-too-many-known-words"
        case .hardToGuess: "password.rule.hard-to-guess"
        case .notFromABreach: "password.rule.not-breached"
        case .notTheLastOne: "password.rule.not-the-last"
        }
    }

    /// Numbers for the sentence, by name.
    public var arguments: [String: Int] {
        switch self {
        case .atLeast(let count): ["minimum": count]
        case .atMost(let count): ["maximum": count]
        default: [:]
        }
    }
}

/// Everything the rules need to know about a new password; what only the world can tell comes as a fact.
public struct PasswordFacts: Sendable {
    /// The password as typed.
    public let password: Secret
    /// The rules it is held against.
    public let rules: PasswordRules
    /// Names of the person and the organisation, each name apart: first name, last name, sign-in name, organisation.
    public let names: [String]
    /// The global list and the organisation's own, one after the other. Terms under four characters are not used.
    public let banned: [String]
    /// Whether the breach list has it.
    public let isBreached: Bool
    /// Whether it is the present password. A reset in the Entra profile may pass false, as Entra lets it be used again.
    public let sameAsLast: Bool
    /// Strength 0 to 4, where it was estimated.
    public let strengthScore: Int?

    public init(
        password: Secret, rules: PasswordRules = .nist, names: [String] = [], banned: [String] = [], isBreached: Bool = false,
        sameAsLast: Bool = false, strengthScore: Int? = nil
    ) {
        self.password = password
        self.rules = rules
        self.names = names
        self.banned = banned
        self.isBreached = isBreached
        self.sameAsLast = sameAsLast
        self.strengthScore = strengthScore
    }
}

/// One thing that is wrong with a new password. It never carries a part of the password or the word that was found.
public enum PasswordProblem: Hashable, Sendable {
    case tooShort(minimum: Int)
    case tooLong(maximum: Int)
    /// A control character, a NUL, or bytes that are no text.
    case controlCharacter
    /// A character outside printable ASCII (Entra profile only).
    case unsupportedCharacter
    case tooFewClasses(found: Int, needed: Int)
    /// A name of the person or the organisation is in it (Entra), or is nearly all of it (NIST).
    case containsName
    /// It is a banned word, or nearly so.
    case bannedWord
    /// Too little is left once known words count as one character each.
    case tooPredictable(score: Int, needed: Int)
    case tooWeak(score: Int, needed: Int)
    case breached
    case sameAsLast

    /// Stable: messages, audit and API carry it.
    public var code: String {
        switch self {
        case .tooShort: "password.too-short"
        case .tooLong: "password.too-long"
        case .controlCharacter: "password.control-character"
        case .unsupportedCharacter: "password.unsupported-character"
        case .tooFewClasses: "password.too-few-classes"
        case .containsName: "password.contains-name"
        case .bannedWord: "password.banned-word"
        case .tooPredictable: "password.too-predictable"
        case .tooWeak: "password.too-weak"
        case .breached: "password.breached"
        case .sameAsLast: "password.same-as-last"
        }
    }

    /// Numbers for the sentence, by name.
    public var arguments: [String: Int] {
        switch self {
        case .tooShort(let minimum): ["minimum": minimum]
        case .tooLong(let maximum): ["maximum": maximum]
        case .tooFewClasses(let found, let needed): ["found": found, "needed": needed]
        case .tooPredictable(let score, let needed), .tooWeak(let score, let needed): ["score": score, "needed": needed]
        default: [:]
        }
    }
}
