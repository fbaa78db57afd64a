import ConvergeCore

/// A template, read once: the part of Mustache that pages and mails use.
///
/// `{{name}}` is looked for in the slots at hand, then in those around them; `{{.name}}` only in those at hand; `{{.}}` is the
/// value itself; `{{a.b}}` goes down. `{{{name}}}` is not escaped. `{{#name}}…{{/name}}` shows once for each item of a list, or
/// once for any other value but false; `{{^name}}…{{/name}}` shows where that does not. `{{>part}}` is another template. A tag
/// other than a value that stands alone on its line takes the line with it. `{{%CONTENT_TYPE:TEXT}}` ends escaping.
struct Template: Sendable {
    /// Where a value comes from.
    enum Name: Sendable, Equatable {
        /// The value at hand.
        case itself
        /// A path in the slots at hand.
        case own([String])
        /// A path whose first part may also stand in the slots around.
        case near([String])
    }

    /// One piece of a template.
    indirect enum Piece: Sendable {
        case text(String)
        case value(Name, escaped: Bool)
        case section(Name, [Piece])
        case unless(Name, [Piece])
        case part(String)
    }

    /// A template that cannot be read.
    struct Malformed: Error, Equatable {
        let reason: String
        let line: Int
    }

    let pieces: [Piece]

    /// - Parameter fixed: the text of a name that is the same on every page of a language, for example `t.part.continue`; nil
    ///   for every other name.
    init(_ text: String, fixed: @escaping (String) -> String? = { _ in nil }) throws(Malformed) {
        var reader = TemplateReader(text, fixed: fixed)
        pieces = try reader.pieces(until: nil)
    }
}

/// Reads a template from left to right.
private struct TemplateReader {
    typealias Piece = Template.Piece

    private let bytes: [UInt8]
    private let fixed: (String) -> String?
    private var position = 0
    private var line = 1
    /// Nothing but white space on this line so far: a tag may stand alone on it.
    private var isLineStart = true
    private var isEscaped = true

    init(_ text: String, fixed: @escaping (String) -> String?) {
        bytes = Array(text.utf8)
        self.fixed = fixed
    }

    mutating func pieces(until section: String?) throws(Template.Malformed) -> [Piece] {
        var found: [Piece] = []
        while position < bytes.count {
            let before = readText()
            // A whole line, or the end: what stands before a tag is only what stands on its line.
            guard startsTag, before.utf8.last != 10 else {
                Self.append(before, to: &found)
                continue
            }
            var tag = try readTag()
            let kind = "#^/>%".contains(tag.first ?? " ") ? tag.removeFirst() : " "
            let isAlone = kind != " " && isLineStart && endsLine()
            // The indentation of a tag that stands alone goes with its line.
            if !isAlone || kind == ">" { Self.append(before, to: &found) }
            if !isAlone { isLineStart = false }
            switch kind {
            case "#": found.append(.section(try name(tag), try pieces(until: tag)))
            case "^": found.append(.unless(try name(tag), try pieces(until: tag)))
            case ">": found.append(.part(tag))
            case "%": try setType(tag)
            case "/":
                guard tag == section else { throw fail("\(tag) is closed where \(section ?? "nothing") is open") }
                return found
            default: found.append(try value(tag))
            }
        }
        guard section == nil else { throw fail("\(section ?? "") is not closed") }
        return found
    }

    private static func append(_ text: String, to pieces: inout [Piece]) {
        guard !text.isEmpty else { return }
        if case .text(let before)? = pieces.last {
            pieces[pieces.count - 1] = .text(before + text)
        } else {
            pieces.append(.text(text))
        }
    }

    // MARK: text

    private var startsTag: Bool { bytes[position...].starts(with: "{{".utf8) }

    /// Text up to the next tag or the end of the line, whichever comes first.
    private mutating func readText() -> String {
        let start = position
        while position < bytes.count, !startsTag {
            let byte = bytes[position]
            position += 1
            if byte == 10 {
                line += 1
                isLineStart = true
                break
            }
            if byte != 32, byte != 9 { isLineStart = false }
        }
        return String(decoding: bytes[start..<position], as: UTF8.self)
    }

    /// Steps over the rest of a line on which nothing else stands.
    private mutating func endsLine() -> Bool {
        var end = position
        while end < bytes.count, bytes[end] == 32 || bytes[end] == 9 { end += 1 }
        guard end == bytes.count || bytes[end] == 10 else { return false }
        position = min(end + 1, bytes.count)
        line += 1
        return true
    }

    // MARK: tags

    /// What stands between the braces; three of them come back as `{name`.
    private mutating func readTag() throws(Template.Malformed) -> String {
        position += 2
        let start = position
        while position < bytes.count, !bytes[position...].starts(with: "}}".utf8) { position += 1 }
        guard position < bytes.count else { throw fail("a tag is not closed") }
        let tag = String(decoding: bytes[start..<position], as: UTF8.self).trimmingSpaces()
        position += tag.hasPrefix("{") ? 3 : 2
        guard !tag.isEmpty, position <= bytes.count, !tag.contains("\n") else { throw fail("a tag is not closed") }
        return tag
    }

    private func value(_ tag: String) throws(Template.Malformed) -> Piece {
        if tag.hasPrefix("{") { return .value(try name(String(tag.dropFirst())), escaped: false) }
        if let text = fixed(tag) { return .text(isEscaped ? HTMLText.escaped(text) : text) }
        return .value(try name(tag), escaped: isEscaped)
    }

    private func name(_ tag: String) throws(Template.Malformed) -> Template.Name {
        if tag == "." { return .itself }
        let isOwn = tag.hasPrefix(".")
        let path = (isOwn ? tag.dropFirst() : tag[...]).split(separator: ".", omittingEmptySubsequences: false).map(String.init)
        let isName = path.allSatisfy { !$0.isEmpty && $0.utf8.allSatisfy { Self.isNameByte($0) } }
        guard isName else { throw fail("\(tag) is not a name") }
        return isOwn ? .own(path) : .near(path)
    }

    private static func isNameByte(_ byte: UInt8) -> Bool {
        (48...57).contains(byte) || (65...90).contains(byte) || (97...122).contains(byte) || byte == 45 || byte == 95
    }

    private mutating func setType(_ tag: String) throws(Template.Malformed) {
        guard tag == "CONTENT_TYPE:TEXT" else { throw fail("\(tag) is not a setting") }
        isEscaped = false
    }

    private func fail(_ reason: String) -> Template.Malformed { Template.Malformed(reason: reason, line: line) }
}

/// The templates of one language.
struct TemplateSet: Sendable {
    private let templates: [String: Template]

    /// - Throws: `Template.Malformed` when a template names a part that is not there.
    init(_ templates: [String: Template]) throws(Template.Malformed) {
        self.templates = templates
        for template in templates.values { try check(template.pieces) }
    }

    private func check(_ pieces: [Template.Piece]) throws(Template.Malformed) {
        for piece in pieces {
            switch piece {
            case .text, .value: break
            case .section(_, let inner), .unless(_, let inner): try check(inner)
            case .part(let name):
                guard templates[name] != nil else { throw Template.Malformed(reason: "there is no template \(name)", line: 0) }
            }
        }
    }

    /// The filled template; nil when there is none of that name.
    func render(_ name: String, _ slots: Slots) -> String? {
        guard let template = templates[name] else { return nil }
        var writer = TemplateWriter(templates: templates, stack: [.slots(slots)])
        writer.write(template.pieces)
        return String(decoding: writer.bytes, as: UTF8.self)
    }
}

/// The state of one rendering.
private struct TemplateWriter {
    let templates: [String: Template]
    /// The value at hand is the last one.
    var stack: [Slot]
    var bytes: [UInt8] = []

    init(templates: [String: Template], stack: [Slot]) {
        self.templates = templates
        self.stack = stack
        bytes.reserveCapacity(16_384)
    }

    mutating func write(_ pieces: [Template.Piece]) {
        for piece in pieces {
            switch piece {
            case .text(let text): bytes.append(contentsOf: text.utf8)
            case .value(let name, let escaped): write(find(name), escaped: escaped)
            case .section(let name, let inner): write(inner, for: find(name))
            case .unless(let name, let inner): if !Self.isSomething(find(name)) { write(inner) }
            case .part(let name): if let template = templates[name] { write(template.pieces) }
            }
        }
    }

    private mutating func write(_ slot: Slot?, escaped: Bool) {
        switch slot {
        case .text(let text): if escaped { HTMLText.escape(text, into: &bytes) } else { bytes.append(contentsOf: text.utf8) }
        case .flag(let flag): bytes.append(contentsOf: flag ? "true".utf8 : "false".utf8)
        case .slots, .list, nil: break
        }
    }

    private mutating func write(_ pieces: [Template.Piece], for slot: Slot?) {
        switch slot {
        case .flag(true): write(pieces)
        case .flag(false), nil: break
        case .list(let items): for item in items { write(pieces, with: item) }
        case .text(_)?, .slots(_)?: if let slot { write(pieces, with: slot) }
        }
    }

    private mutating func write(_ pieces: [Template.Piece], with slot: Slot) {
        stack.append(slot)
        write(pieces)
        stack.removeLast()
    }

    private static func isSomething(_ slot: Slot?) -> Bool {
        switch slot {
        case .flag(let flag): flag
        case .list(let items): !items.isEmpty
        case .text, .slots: true
        case nil: false
        }
    }

    private func find(_ name: Template.Name) -> Slot? {
        switch name {
        case .itself: return stack.last
        case .own(let path): return stack.last.flatMap { Self.down($0, path[...]) }
        case .near(let path):
            guard let first = path.first else { return nil }
            for slot in stack.reversed() {
                if case .slots(let slots) = slot, let found = slots.slot(first) { return Self.down(found, path.dropFirst()) }
            }
            return nil
        }
    }

    private static func down(_ slot: Slot, _ path: ArraySlice<String>) -> Slot? {
        guard let first = path.first else { return slot }
        guard case .slots(let slots) = slot, let found = slots.slot(first) else { return nil }
        return down(found, path.dropFirst())
    }
}

/// Text inside HTML.
enum HTMLText {
    /// Every byte that means something to HTML, written so that it means itself. Bytes, not characters: a quote with a combining
    /// mark behind it is another character, and ends an attribute all the same.
    static func escape(_ text: String, into bytes: inout [UInt8]) {
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "<"): bytes.append(contentsOf: "&lt;".utf8)
            case UInt8(ascii: ">"): bytes.append(contentsOf: "&gt;".utf8)
            case UInt8(ascii: "&"): bytes.append(contentsOf: "&amp;".utf8)
            case UInt8(ascii: "\""): bytes.append(contentsOf: "&quot;".utf8)
            case UInt8(ascii: "'"): bytes.append(contentsOf: "&#39;".utf8)
            default: bytes.append(byte)
            }
        }
    }

    static func escaped(_ text: String) -> String {
        var bytes: [UInt8] = []
        escape(text, into: &bytes)
        return String(decoding: bytes, as: UTF8.self)
    }
}
