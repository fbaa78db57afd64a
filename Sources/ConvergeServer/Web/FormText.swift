import ConvergeCore

/// A form as sent: names and values, bounded before it is read.
struct Fields: Sendable {
    private let fields: [String: String]
    /// What of it was hashed, where something had to be before the transaction.
    var slow = SlowResults()

    init(_ fields: [String: String] = [:]) {
        self.fields = fields
    }

    /// The value of a field, empty when it was not sent.
    subscript(_ name: String) -> String { fields[name] ?? "" }

    /// Whether a box was ticked.
    func isTicked(_ name: String) -> Bool { fields[name] != nil }

    /// All of them.
    var all: [String: String] { fields }

    /// All of them, as methods read them.
    var answer: Answer { Answer(fields, slow: slow) }

    /// Longest value of one field that a person types, in bytes.
    static let longest = 4096

    /// What a browser says of a new passkey: certificates are in it.
    private static let longestOf = ["attestation": 22_000]

    /// The first field that is too long for anything a person types.
    var tooLong: String? { fields.first { $0.value.utf8.count > Self.longestOf[$0.key] ?? Self.longest }?.key }
}

/// Forms in `application/x-www-form-urlencoded`, bounded. Separators are bytes: a combining mark behind one changes nothing.
enum FormText {
    static let fieldsMax = 100

    /// Names and values; a name that comes twice keeps its last value.
    static func parse(_ text: String) -> [String: String] {
        var fields: [String: String] = [:]
        for pair in text.utf8.split(separator: UInt8(ascii: "&"), maxSplits: fieldsMax).prefix(fieldsMax) {
            let parts = pair.split(separator: UInt8(ascii: "="), maxSplits: 1, omittingEmptySubsequences: false)
            let name = decode(parts[0])
            fields[name] = parts.count == 2 ? decode(parts[1]) : ""
        }
        return fields
    }

    private static func decode(_ text: Substring.UTF8View) -> String {
        var bytes: [UInt8] = [], rest = text
        while let byte = rest.popFirst() {
            switch byte {
            case UInt8(ascii: "+"): bytes.append(UInt8(ascii: " "))
            case UInt8(ascii: "%"):
                guard let high = rest.first.flatMap(nibble), let low = rest.dropFirst().first.flatMap(nibble) else {
                    bytes.append(byte)
                    continue
                }
                bytes.append(high << 4 | low)
                rest = rest.dropFirst(2)
            default: bytes.append(byte)
            }
        }
        return withoutNUL(String(decoding: bytes, as: UTF8.self))
    }

    /// No engine but one stores a NUL in a text. As browsers do with one in a page, the sign for what cannot be shown takes its place,
    /// so that whatever refuses odd characters refuses this one.
    static func withoutNUL(_ text: String) -> String {
        text.utf8.contains(0) ? String(String.UnicodeScalarView(text.unicodeScalars.map { $0.value == 0 ? "\u{FFFD}" : $0 })) : text
    }

    private static func nibble(_ byte: UInt8) -> UInt8? {
        switch byte {
        case 0x30...0x39: byte - 0x30
        case 0x41...0x46: byte - 0x41 + 10
        case 0x61...0x66: byte - 0x61 + 10
        default: nil
        }
    }
}
