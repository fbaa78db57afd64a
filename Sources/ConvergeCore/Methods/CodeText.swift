import Foundation

/// Numeric codes for texts, calls and email.
public enum OneTimeCode {
    /// Lengths that are made and read.
    public static let lengths = 4...12

    /// How many random bytes to give `digits`: running out of these happens less than once in 2^150.
    public static func randomBytes(for count: Int) -> Int { 4 * count + 16 }

    /// So many digits, every code equally likely.
    ///
    /// A byte of 250 or more is thrown away, because keeping it would favour the low digits. Nil when the length is out of
    /// bounds or the bytes run out: with `randomBytes(for:)` of them, a fault of the source of randomness.
    public static func digits(_ count: Int, random: [UInt8]) -> Secret? {
        guard lengths.contains(count) else { return nil }
        let digits = random.lazy.filter { $0 < 250 }.prefix(count).map { UInt8(ascii: "0") + $0 % 10 }
        let code = Array(digits)
        return code.count == count ? Secret(bytes: code) : nil
    }

    /// A code as typed, read as ASCII digits: white space and dashes are dropped, digits of other scripts understood.
    /// Nil when anything else is in it, when it is empty or too long.
    public static func normalise(_ typed: Secret) -> Secret? {
        guard typed.bytes.count <= 128 else { return nil }
        var digits: [UInt8] = []
        for scalar in typed.text.unicodeScalars {
            if scalar.isSeparatorInCode { continue }
            guard scalar.properties.generalCategory == .decimalNumber, let value = scalar.properties.numericValue else { return nil }
            digits.append(UInt8(ascii: "0") + UInt8(value))
        }
        return (1...lengths.upperBound).contains(digits.count) ? Secret(bytes: digits) : nil
    }
}

/// What a readable code looks like: its lengths, and how it is cut for the eye.
public struct ReadableCodeShape: Hashable, Sendable {
    /// Lengths allowed, in symbols without dashes.
    public let lengths: ClosedRange<Int>
    /// Symbols between two dashes; zero for none.
    public let group: Int

    public init(lengths: ClosedRange<Int>, group: Int) {
        self.lengths = lengths
        self.group = group
    }

    /// A recovery code, `XXXXX-XXXXX`: ten symbols, 50 bits.
    public static let recoveryCode = ReadableCodeShape(lengths: 10...10, group: 5)
    /// A temporary access pass: 8 to 48 symbols, 40 bits or more, in fours.
    public static let accessPass = ReadableCodeShape(lengths: 8...48, group: 4)
    /// A case code on a dead end: six symbols, read out on the telephone. Not a secret.
    public static let caseCode = ReadableCodeShape(lengths: 6...6, group: 0)
}

/// A code that a person copies by eye, voice or keyboard.
///
/// The alphabet is Crockford's base 32: digits and capital letters without I, L, O and U. Reading is total over letters and
/// digits: I and L are read as 1, O as 0, U as V, small letters as capitals; so no look-alike makes a wrong code.
///
/// A code of ten or more symbols splits into a **selector**, its first four symbols, stored in clear to find the row, and the
/// rest. The keyed hash covers the *whole* code, so guessing costs all 50 bits of a recovery code; somebody who read the
/// selector out of a stolen table still lacks 30 bits and has five tries. Shorter codes have no selector: find them by person.
public struct ReadableCode: Hashable, Sendable, Codable {
    /// The symbols, in order of their value.
    public static let alphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
    /// Symbols of a selector.
    public static let selectorLength = 4

    private static let symbols = Array(alphabet.utf8)

    /// The symbols without dashes: what is hashed.
    public let canonical: Secret

    private init(canonical: Secret) {
        self.canonical = canonical
    }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        let text = try container.decode(String.self)
        guard let normal = Self.normalise(text), normal == text else {
            throw DecodingError.dataCorruptedError(in: container, debugDescription: "not a readable code")
        }
        canonical = Secret(text)
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(canonical.text)
    }

    /// A new code: one random byte per symbol, of which five bits are used, so every code is equally likely.
    /// Nil when the shape lacks that length or bytes are missing.
    public init?(_ shape: ReadableCodeShape, length: Int? = nil, random: [UInt8]) {
        let length = length ?? shape.lengths.lowerBound
        guard shape.lengths.contains(length), random.count >= length else { return nil }
        canonical = Secret(bytes: random.prefix(length).map { Self.symbols[Int($0 & 31)] })
    }

    /// A code as typed. Nil when it has another length or a character that is no letter, digit, dash or space.
    public init?(_ shape: ReadableCodeShape, typed: String) {
        guard let normal = Self.normalise(typed), shape.lengths.contains(normal.utf8.count) else { return nil }
        canonical = Secret(normal)
    }

    /// A set of recovery codes whose selectors all differ. Give `count * 40` random bytes; nil when they run out.
    public static func recoveryCodes(_ count: Int, random: [UInt8]) -> [ReadableCode]? {
        let length = ReadableCodeShape.recoveryCode.lengths.lowerBound
        var codes: [ReadableCode] = []
        var selectors: Set<String> = []
        var rest = random[...]
        while codes.count < count {
            guard let code = ReadableCode(.recoveryCode, random: Array(rest.prefix(length))) else { return nil }
            rest = rest.dropFirst(length)
            if let selector = code.selector, selectors.insert(selector).inserted { codes.append(code) }
        }
        return codes
    }

    /// The first four symbols of a code of ten or more; may be stored in clear.
    public var selector: String? {
        canonical.bytes.count >= 10 ? String(decoding: canonical.bytes.prefix(Self.selectorLength), as: UTF8.self) : nil
    }

    /// The code as it is shown, with dashes.
    public func shown(_ shape: ReadableCodeShape) -> Secret {
        Secret(canonical.text.grouped(by: shape.group, separator: "-"))
    }

    /// What was typed, in the alphabet's own symbols: capitals, without white space and dashes, look-alikes mapped.
    /// Nil when nothing is left, when it is longer than any code, or when a character is no letter or digit at all.
    public static func normalise(_ typed: String) -> String? {
        guard typed.utf8.count <= 512 else { return nil }
        var symbols: [UInt8] = []
        for scalar in typed.precomposedStringWithCompatibilityMapping.unicodeScalars where !scalar.isSeparatorInCode {
            guard scalar.isASCII else { return nil }
            var byte = UInt8(scalar.value)
            if (0x61...0x7A).contains(byte) { byte -= 0x20 }
            switch byte {
            case UInt8(ascii: "I"), UInt8(ascii: "L"): symbols.append(UInt8(ascii: "1"))
            case UInt8(ascii: "O"): symbols.append(UInt8(ascii: "0"))
            case UInt8(ascii: "U"): symbols.append(UInt8(ascii: "V"))
            case 0x30...0x39, 0x41...0x5A: symbols.append(byte)
            default: return nil
            }
        }
        return (1...64).contains(symbols.count) ? String(decoding: symbols, as: UTF8.self) : nil
    }
}

extension Unicode.Scalar {
    /// White space and every kind of dash: keyboards and mail programs put them into codes unasked.
    var isSeparatorInCode: Bool {
        properties.isWhitespace || properties.generalCategory == .dashPunctuation || value == 0x2212 || value == 0x200B || value == 0x2060
            || value == 0xFEFF
    }
}
