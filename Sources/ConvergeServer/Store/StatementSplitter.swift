/// Splits the text of a migration into its statements. Semicolons inside strings, quoted names, comments,
/// dollar-quoted bodies (PostgreSQL) and the `BEGIN … END` of a trigger (SQLite) do not end a statement.
struct StatementSplitter {
    private let bytes: [UInt8]
    private var position = 0
    private var start = 0
    private var depth = 0
    private var words: [String] = []
    private var statements: [String] = []

    /// The statements in order, without their final semicolon; pieces of nothing but comments are left out.
    static func split(_ text: String) -> [String] {
        var splitter = StatementSplitter(bytes: Array(text.utf8))
        splitter.run()
        return splitter.statements
    }

    private init(bytes: [UInt8]) {
        self.bytes = bytes
    }

    private mutating func run() {
        while position < bytes.count {
            let byte = bytes[position]
            switch byte {
            case UInt8(ascii: "'"), UInt8(ascii: "\""): skipQuoted(byte)
            case UInt8(ascii: "-") where next == UInt8(ascii: "-"): skip(until: [10])
            case UInt8(ascii: "/") where next == UInt8(ascii: "*"): skip(until: Array("*/".utf8))
            case UInt8(ascii: "$"): skipDollarQuoted()
            case UInt8(ascii: ";") where depth == 0: finish()
            case _ where Self.isWord(byte): readWord()
            default: position += 1
            }
        }
        finish()
    }

    private var next: UInt8? { position + 1 < bytes.count ? bytes[position + 1] : nil }

    private static func isWord(_ byte: UInt8) -> Bool {
        (48...57).contains(byte) || (65...90).contains(byte) || (97...122).contains(byte) || byte == 95 || byte >= 128
    }

    private mutating func finish() {
        let end = min(position, bytes.count)
        if !words.isEmpty { statements.append(String(decoding: bytes[start..<end], as: UTF8.self).trimmingWhite()) }
        position += 1
        start = min(position, bytes.count)
        depth = 0
        words = []
    }

    /// A doubled quote is two quoted pieces side by side, which comes to the same.
    private mutating func skipQuoted(_ quote: UInt8) {
        position += 1
        while position < bytes.count, bytes[position] != quote { position += 1 }
        position += 1
    }

    private mutating func skip(until end: [UInt8]) {
        position += 2
        while position < bytes.count, !bytes[position...].starts(with: end) { position += 1 }
        position += end.count
    }

    /// `$$ … $$` and `$tag$ … $tag$`; a placeholder such as `$1` is left alone.
    private mutating func skipDollarQuoted() {
        var end = position + 1
        while end < bytes.count, Self.isWord(bytes[end]) { end += 1 }
        guard end < bytes.count, bytes[end] == UInt8(ascii: "$") else {
            position += 1
            return
        }
        let tag = Array(bytes[position...end])
        position = end + 1
        while position < bytes.count, !bytes[position...].starts(with: tag) { position += 1 }
        position += tag.count
    }

    private mutating func readWord() {
        let begin = position
        while position < bytes.count, Self.isWord(bytes[position]) { position += 1 }
        let word = String(decoding: bytes[begin..<position], as: UTF8.self).uppercased()
        if words.count < 4 { words.append(word) }
        guard words.first == "CREATE", words.contains("TRIGGER") else { return }
        switch word {
        case "BEGIN", "CASE": depth += 1
        case "END": depth = max(0, depth - 1)
        default: break
        }
    }
}

extension String {
    fileprivate func trimmingWhite() -> String {
        var text = self[...]
        while let last = text.last, last.isWhitespace { text = text.dropLast() }
        while let first = text.first, first.isWhitespace { text = text.dropFirst() }
        return String(text)
    }
}
