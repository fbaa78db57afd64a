/// A pattern of the message catalogue, read once: text with gaps, plurals and selections.
///
/// The syntax is the part of ICU MessageFormat that plain sentences need: `{name}`, `{count, plural, =0 {…} one {# try}
/// other {# tries}}` and `{kind, select, a {…} other {…}}`. Braces are never literal.
struct MessagePattern: Sendable, Equatable {
    /// One piece of a pattern.
    indirect enum Piece: Sendable, Equatable {
        case text(String)
        case argument(String)
        case plural(String, [String: [Piece]])
        case select(String, [String: [Piece]])
        /// `#`, the count of the plural around it.
        case count
    }

    /// A pattern that cannot be read.
    struct Malformed: Error, Equatable, CustomStringConvertible {
        let pattern: String
        let reason: String

        var description: String { "\(reason): \(pattern)" }
    }

    let pieces: [Piece]

    init(_ text: String) throws(Malformed) {
        var reader = PatternReader(text)
        pieces = try reader.pieces(nested: false, inPlural: false)
    }

    /// The names of all gaps.
    var arguments: Set<String> { Self.arguments(of: pieces) }

    private static func arguments(of pieces: [Piece]) -> Set<String> {
        var names: Set<String> = []
        for piece in pieces {
            switch piece {
            case .text, .count: break
            case .argument(let name): names.insert(name)
            case .plural(let name, let forms), .select(let name, let forms):
                names.insert(name)
                for form in forms.values { names.formUnion(arguments(of: form)) }
            }
        }
        return names
    }

    /// Fills the gaps. `value` gives the words of an argument, `number` its count; nil shows as `⟦name⟧`.
    func fill(language: String, value: (String) -> String?, number: (String) -> Int?) -> String {
        var result = ""
        Self.fill(pieces, count: nil, language: language, value: value, number: number, into: &result)
        return result
    }

    private static func fill(
        _ pieces: [Piece], count: Int?, language: String, value: (String) -> String?, number: (String) -> Int?,
        into result: inout String
    ) {
        for piece in pieces {
            switch piece {
            case .text(let text): result += text
            case .count: result += count.map(String.init) ?? "#"
            case .argument(let name): result += value(name) ?? "⟦\(name)⟧"
            case .plural(let name, let forms):
                guard let count = number(name) else {
                    result += "⟦\(name)⟧"
                    continue
                }
                let form = forms["=\(count)"] ?? forms[PluralRule.category(of: count, language: language)] ?? forms["other"] ?? []
                fill(form, count: count, language: language, value: value, number: number, into: &result)
            case .select(let name, let forms):
                guard let key = value(name) else {
                    result += "⟦\(name)⟧"
                    continue
                }
                fill(forms[key] ?? forms["other"] ?? [], count: count, language: language, value: value, number: number, into: &result)
            }
        }
    }
}

/// Which plural form a count takes (CLDR, whole numbers).
enum PluralRule {
    /// The category of a count in a language.
    static func category(of count: Int, language: String) -> String {
        switch language {
        case "fr", "pt": count == 0 || count == 1 ? "one" : "other"
        case "ja", "zh", "ko", "vi", "th": "other"
        case "cy":
            switch count {
            case 0: "zero"
            case 1: "one"
            case 2: "two"
            case 3: "few"
            case 6: "many"
            default: "other"
            }
        case "pl":
            if count == 1 {
                "one"
            } else if (2...4).contains(count % 10) && !(12...14).contains(count % 100) {
                "few"
            } else {
                "many"
            }
        default: count == 1 ? "one" : "other"
        }
    }
}

/// Reads a pattern from left to right.
private struct PatternReader {
    typealias Piece = MessagePattern.Piece

    private let text: String
    private var rest: Substring

    init(_ text: String) {
        self.text = text
        rest = text[...]
    }

    mutating func pieces(nested: Bool, inPlural: Bool) throws(MessagePattern.Malformed) -> [Piece] {
        var found: [Piece] = []
        var words = ""
        func flush() {
            if !words.isEmpty { found.append(.text(words)) }
            words = ""
        }
        while let character = rest.first {
            if character == "}" {
                guard nested else { throw fail("a brace too many") }
                flush()
                return found
            }
            rest = rest.dropFirst()
            if character == "{" {
                flush()
                found.append(try gap())
            } else if character == "#", inPlural {
                flush()
                found.append(.count)
            } else {
                words.append(character)
            }
        }
        guard !nested else { throw fail("a brace is not closed") }
        flush()
        return found
    }

    private mutating func gap() throws(MessagePattern.Malformed) -> Piece {
        let name = word()
        guard !name.isEmpty else { throw fail("a gap has no name") }
        switch next() {
        case "}": return .argument(name)
        case ",": break
        default: throw fail("\(name) is followed by something else than , or }")
        }
        let kind = word()
        guard kind == "plural" || kind == "select", next() == "," else { throw fail("\(name) is neither plural nor select") }
        var forms: [String: [Piece]] = [:]
        while true {
            let key = word()
            if key.isEmpty { break }
            guard next() == "{" else { throw fail("\(key) has no form") }
            forms[key] = try pieces(nested: true, inPlural: kind == "plural")
            rest = rest.dropFirst()
        }
        guard next() == "}" else { throw fail("\(name) is not closed") }
        guard forms["other"] != nil else { throw fail("\(name) has no form \"other\"") }
        return kind == "plural" ? .plural(name, forms) : .select(name, forms)
    }

    private mutating func next() -> Character? {
        skipSpaces()
        return rest.popFirst()
    }

    private mutating func word() -> String {
        skipSpaces()
        let word = rest.prefix { $0.isLetter || $0.isNumber || $0 == "-" || $0 == "=" || $0 == "_" }
        rest = rest.dropFirst(word.count)
        return String(word)
    }

    private mutating func skipSpaces() { rest = rest.drop { $0.isWhitespace } }

    private func fail(_ reason: String) -> MessagePattern.Malformed { MessagePattern.Malformed(pattern: text, reason: reason) }
}
