import ConvergeCore
import Foundation

/// The sentences of one language, read at start from `messages/<language>.json`.
struct Messages: Sendable {
    /// A catalogue that cannot be used.
    enum Defect: Error, Equatable {
        case unreadable(String)
        case malformed(id: String, MessagePattern.Malformed)
        /// One id is the beginning of another, so that templates could not tell them apart.
        case ambiguous(String)
    }

    /// BCP 47 tag of the language.
    let language: String
    private let patterns: [String: MessagePattern]
    /// Sentences without gaps (but for those that are always filled the same), for templates: `{{t.sign-in.heading}}`.
    private let whole: [String: String]

    /// Reads a catalogue.
    ///
    /// - Parameter always: gaps that are filled alike everywhere, for example `organisation`.
    init(language: String, json: Data, always: [String: String] = [:]) throws {
        guard let texts = try? JSONDecoder().decode([String: String].self, from: json) else { throw Defect.unreadable(language) }
        var patterns: [String: MessagePattern] = [:]
        var fixed: [String: String] = [:]
        for (id, text) in texts {
            do {
                let pattern = try MessagePattern(text)
                patterns[id] = pattern
                if pattern.arguments.isSubset(of: always.keys) {
                    fixed[id] = pattern.fill(language: language, value: { always[$0] }, number: { _ in nil })
                }
            } catch {
                throw Defect.malformed(id: id, error)
            }
        }
        for id in texts.keys {
            var end = id.startIndex
            while let dot = id[end...].firstIndex(of: ".") {
                if texts[String(id[..<dot])] != nil { throw Defect.ambiguous(String(id[..<dot])) }
                end = id.index(after: dot)
            }
        }
        self.language = language
        self.patterns = patterns
        self.always = always
        whole = fixed
    }

    private let always: [String: String]

    /// A sentence that templates may use as it stands.
    func fixed(_ id: String) -> String? { whole[id] }

    /// "rtl" for languages written from right to left.
    var direction: String { ["ar", "fa", "he", "ur"].contains(String(language.prefix(2))) ? "rtl" : "ltr" }

    /// Every id of the catalogue.
    var ids: Set<String> { Set(patterns.keys) }

    /// Whether a sentence can be used in a template as it stands.
    func isFixed(_ id: String) -> Bool { patterns[id]?.arguments.isSubset(of: always.keys) ?? false }

    /// What is wrong with a use of the catalogue: ids that do not exist, ids nobody uses, gaps that templates cannot fill.
    func validate(inTemplates: Set<String>, inSwift: Set<String>, families: [String]) -> [String] {
        let used = inTemplates.union(inSwift)
        let missing = used.subtracting(ids).map { "unknown: \($0)" }
        let unused = ids.subtracting(used).filter { id in !families.contains { id.hasPrefix($0) } }.map { "unused: \($0)" }
        let open = inTemplates.filter { ids.contains($0) && !isFixed($0) }.map { "has gaps, used in a template: \($0)" }
        return (missing + unused + open).sorted()
    }

    /// The sentence of a message. An unknown id or an unfilled gap shows as `⟦…⟧`, which tests look for.
    func text(_ message: Message, dates: DateWords) -> String {
        guard let pattern = patterns[message.id] else { return "⟦\(message.id)⟧" }
        return pattern.fill(
            language: language,
            value: { name in
                switch message.arguments[name] {
                case .text(let text): text
                case .number(let number): String(number)
                case .date(let moment, let style): dates.say(moment, style, in: self)
                case .message(let inner): text(inner, dates: dates)
                case .ltr(let text): direction == "rtl" ? "\u{2066}\(text)\u{2069}" : text
                case nil: always[name]
                }
            },
            number: { name in if case .number(let number) = message.arguments[name] { number } else { nil } })
    }
}

/// Says messages to one person at one moment: language, zone and `now` are settled.
struct Speaker: Sendable {
    let messages: Messages
    let dates: DateWords
    let organisation: Organisation

    /// The sentence of a message.
    func callAsFunction(_ message: Message) -> String { messages.text(message, dates: dates) }

    /// The sentence of a message, if there is one.
    func optional(_ message: Message?) -> String? { message.map { messages.text($0, dates: dates) } }
}
