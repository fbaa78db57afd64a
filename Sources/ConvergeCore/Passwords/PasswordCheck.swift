import Foundation

/// The text of a password.
public enum PasswordText {
    /// What is hashed and checked: NFKC, as NIST SP 800-63B-4 §3.1.1.2 asks, so that the same keys give the same password on
    /// every keyboard. Use it when a password is set *and* when it is checked. Nil when the bytes are no UTF-8 or too many.
    public static func normalised(_ password: Secret) -> Secret? {
        guard password.bytes.count <= PasswordRules.maximumBytes, let text = String(validating: password.bytes, as: UTF8.self) else {
            return nil
        }
        return Secret(text.precomposedStringWithCompatibilityMapping)
    }

    /// The text in which known words are looked for: small letters without accents, and the four substitutions that Entra
    /// documents (0→o, 1→l, $→s, @→a).
    static func folded(_ text: String) -> [Unicode.Scalar] {
        text.decomposedStringWithCompatibilityMapping.lowercased().unicodeScalars.compactMap { scalar in
            switch scalar {
            case "0": "o"
            case "1": "l"
            case "$": "s"
            case "@": "a"
            default: scalar.properties.generalCategory == .nonspacingMark ? nil : scalar
            }
        }
    }
}

/// The organisation's own list of banned words.
public enum BannedWords {
    /// As many terms as Entra takes.
    public static let maximumCount = 1000
    /// Lengths that a term may have; shorter ones would hit everything.
    public static let lengths = 4...16

    /// What is wrong with a list; empty when it can be used. For the policy check.
    public static func problems(_ terms: [String]) -> [Problem] {
        var problems: [Problem] = terms.count > maximumCount ? [.tooMany(count: terms.count)] : []
        for (index, term) in terms.enumerated() {
            let length = PasswordText.folded(term).count
            if length < lengths.lowerBound { problems.append(.tooShort(index: index)) }
            if length > lengths.upperBound { problems.append(.tooLong(index: index)) }
        }
        return problems
    }

    /// One fault of a list; an index counts from zero.
    public enum Problem: Hashable, Sendable {
        case tooMany(count: Int)
        case tooShort(index: Int)
        case tooLong(index: Int)
    }
}

extension PasswordFacts {
    /// Everything that is wrong, at once; empty when the password may be set.
    public var problems: [PasswordProblem] {
        guard password.bytes.count <= PasswordRules.maximumBytes else { return [.tooLong(maximum: PasswordRules.maximumLength)] }
        guard let normal = PasswordText.normalised(password)?.text else { return [.controlCharacter] }
        let scalars = normal.unicodeScalars
        var problems: [PasswordProblem] = []
        if scalars.count < rules.minimumLength { problems.append(.tooShort(minimum: rules.minimumLength)) }
        if scalars.count > PasswordRules.maximumLength { return problems + [.tooLong(maximum: PasswordRules.maximumLength)] }
        if scalars.contains(where: { $0.isControlInPassword }) { problems.append(.controlCharacter) }
        switch rules.profile {
        case .nist: problems += nistProblems(normal)
        case .entra: problems += entraProblems(normal)
        }
        if let needed = rules.minimumStrength, let score = strengthScore, score < needed {
            problems.append(.tooWeak(score: score, needed: needed))
        }
        if isBreached { problems.append(.breached) }
        if sameAsLast { problems.append(.sameAsLast) }
        return problems
    }

    /// Names and banned words are refused only where they dominate: each counts as one character, and eight must remain.
    private func nistProblems(_ text: String) -> [PasswordProblem] {
        let folded = PasswordText.folded(text)
        let nameTerms = names.flatMap { KnownWords.parts(ofName: $0) }
        let all = KnownWords(banned.map(PasswordText.folded) + nameTerms)
        guard all.contain(folded), all.points(folded) < PasswordRules.floor else { return [] }
        return [KnownWords(nameTerms).contain(folded) ? .containsName : .bannedWord]
    }

    /// What Entra documents: normalise, fuzzy match of the whole, names anywhere, then the score.
    private func entraProblems(_ text: String) -> [PasswordProblem] {
        var problems: [PasswordProblem] = []
        let scalars = text.unicodeScalars
        if scalars.contains(where: { !$0.isASCII }) { problems.append(.unsupportedCharacter) }
        let classes = Set(scalars.compactMap(CharacterClass.init)).count
        if classes < 3 { problems.append(.tooFewClasses(found: classes, needed: 3)) }
        let folded = PasswordText.folded(text)
        if KnownWords(names.map(PasswordText.folded)).contain(folded) { problems.append(.containsName) }
        let terms = KnownWords(banned.map(PasswordText.folded))
        if terms.nearlyEqual(folded) { problems.append(.bannedWord) }
        let points = terms.points(folded)
        if points < PasswordRules.entraPoints, scalars.count >= PasswordRules.entraPoints {
            problems.append(.tooPredictable(score: points, needed: PasswordRules.entraPoints))
        }
        return problems
    }
}

/// The four classes of Entra's composition rule; anything printable that is no letter or digit is a symbol.
private enum CharacterClass: Hashable {
    case lower, upper, digit, symbol

    init?(_ scalar: Unicode.Scalar) {
        switch scalar.value {
        case 0x61...0x7A: self = .lower
        case 0x41...0x5A: self = .upper
        case 0x30...0x39: self = .digit
        case 0x20...0x7E: self = .symbol
        default: return nil
        }
    }
}

/// Folded words to look for in a folded password.
private struct KnownWords {
    /// A shorter word is not looked for: it would be found everywhere.
    static let shortest = 4

    private let words: Set<[Unicode.Scalar]>
    private let lengths: [Int]

    init(_ words: [[Unicode.Scalar]]) {
        self.words = Set(words.filter { $0.count >= Self.shortest && $0.count <= PasswordRules.maximumLength })
        lengths = Set(self.words.map(\.count)).sorted()
    }

    /// A name as people use it in a password: whole without its separators, and each part.
    static func parts(ofName name: String) -> [[Unicode.Scalar]] {
        let parts = PasswordText.folded(name).split { !$0.properties.isAlphabetic && $0.properties.numericType == nil }
        return [Array(parts.joined())] + parts.map(Array.init)
    }

    /// Whether any word is somewhere in the text.
    func contain(_ text: [Unicode.Scalar]) -> Bool {
        text.indices.contains { end in !wordLengths(endingAt: end, of: text).isEmpty }
    }

    /// The least number of points: one for each word, one for each character outside of one, cut in the worst way.
    func points(_ text: [Unicode.Scalar]) -> Int {
        var best = [0]
        for end in text.indices {
            let withWord = wordLengths(endingAt: end, of: text).map { best[end + 1 - $0] + 1 }
            best.append(min(best[end] + 1, withWord.min() ?? Int.max))
        }
        return best[text.count]
    }

    /// Whether the whole text is a word, or one edit away from one. Not applied to parts: Entra's own example of an accepted
    /// password would be refused.
    func nearlyEqual(_ text: [Unicode.Scalar]) -> Bool {
        words.contains { abs($0.count - text.count) <= 1 && Self.withinOneEdit($0, text) }
    }

    private func wordLengths(endingAt end: Int, of text: [Unicode.Scalar]) -> [Int] {
        lengths.filter { $0 <= end + 1 && words.contains(Array(text[(end + 1 - $0)...end])) }
    }

    private static func withinOneEdit(_ left: [Unicode.Scalar], _ right: [Unicode.Scalar]) -> Bool {
        let shorter = left.count <= right.count ? left : right
        let longer = left.count <= right.count ? right : left
        let common = zip(shorter, longer).prefix { $0 == $1 }.count
        let kept = shorter.dropFirst(shorter.count == longer.count ? common + 1 : common)
        return longer.dropFirst(common + 1).elementsEqual(kept)
    }
}

extension Unicode.Scalar {
    /// Control characters and line separators: no keyboard types them on purpose.
    fileprivate var isControlInPassword: Bool {
        switch properties.generalCategory {
        case .control, .lineSeparator, .paragraphSeparator: true
        default: false
        }
    }
}
