/// A data item of CBOR (RFC 8949) in the strict form that authenticators use (CTAP 2.1, section 8): definite lengths, shortest heads,
/// keys in order and once each, no tags, four levels. Floating point and the other simple values occur nowhere in WebAuthn and are refused.
public indirect enum CBOR: Hashable, Sendable {
    case unsigned(UInt64)
    /// The number -1 - n.
    case negative(UInt64)
    case bytes([UInt8])
    case text(String)
    case array([CBOR])
    case map([CBOREntry])
    case bool(Bool)
    case null

    /// Levels of arrays and maps within each other.
    public static let maximumDepth = 4

    /// Reads one item that fills the input.
    public static func read(_ bytes: [UInt8]) throws(CBORError) -> CBOR {
        var reader = CBORReader(bytes[...])
        let item = try reader.item(depth: 0)
        guard reader.rest.isEmpty else { throw .trailingBytes }
        return item
    }

    /// Reads one item from the beginning, and tells what comes after it.
    public static func readFirst(_ bytes: ArraySlice<UInt8>) throws(CBORError) -> (item: CBOR, rest: ArraySlice<UInt8>) {
        var reader = CBORReader(bytes)
        return (try reader.item(depth: 0), reader.rest)
    }

    /// The value of a key of a map.
    public subscript(_ key: CBOR) -> CBOR? {
        guard case .map(let entries) = self else { return nil }
        return entries.first { $0.key == key }?.value
    }

    /// The value of a text key of a map.
    public subscript(_ key: String) -> CBOR? { self[.text(key)] }

    /// The value of a numbered key of a map.
    public subscript(_ label: Int) -> CBOR? { self[.integer(label)] }

    public static func integer(_ value: Int) -> CBOR {
        value < 0 ? .negative(UInt64(-1 - value)) : .unsigned(UInt64(value))
    }

    public var integer: Int? {
        switch self {
        case .unsigned(let value): Int(exactly: value)
        case .negative(let value): Int(exactly: value).map { -1 - $0 }
        default: nil
        }
    }

    public var bytes: [UInt8]? {
        if case .bytes(let value) = self { value } else { nil }
    }

    public var text: String? {
        if case .text(let value) = self { value } else { nil }
    }

    public var array: [CBOR]? {
        if case .array(let value) = self { value } else { nil }
    }

    public var map: [CBOREntry]? {
        if case .map(let value) = self { value } else { nil }
    }

    /// The one encoding of the item.
    public var encoded: [UInt8] {
        switch self {
        case .unsigned(let value): Self.head(0, value)
        case .negative(let value): Self.head(1, value)
        case .bytes(let value): Self.head(2, UInt64(value.count)) + value
        case .text(let value): Self.head(3, UInt64(value.utf8.count)) + Array(value.utf8)
        case .array(let items): Self.head(4, UInt64(items.count)) + items.flatMap(\.encoded)
        case .map(let entries): Self.head(5, UInt64(entries.count)) + entries.flatMap { $0.key.encoded + $0.value.encoded }
        case .bool(let value): [value ? 0xF5 : 0xF4]
        case .null: [0xF6]
        }
    }

    private static func head(_ major: UInt8, _ value: UInt64) -> [UInt8] {
        let major = major << 5
        func big(_ count: Int) -> [UInt8] { (0..<count).reversed().map { UInt8(truncatingIfNeeded: value >> (8 * UInt64($0))) } }
        return switch value {
        case 0..<24: [major | UInt8(value)]
        case 24...0xFF: [major | 24] + big(1)
        case 0x100...0xFFFF: [major | 25] + big(2)
        case 0x1_0000...0xFFFF_FFFF: [major | 26] + big(4)
        default: [major | 27] + big(8)
        }
    }
}

/// A key of a map and what stands under it.
public struct CBOREntry: Hashable, Sendable {
    public let key: CBOR
    public let value: CBOR

    public init(_ key: CBOR, _ value: CBOR) {
        self.key = key
        self.value = value
    }
}

/// Why bytes are not CBOR in the strict form.
public enum CBORError: String, Error, CaseIterable, Sendable {
    case endOfInput = "end-of-input"
    case reserved
    case notShortest = "not-shortest"
    case indefiniteLength = "indefinite-length"
    case tag
    case simpleValue = "simple-value"
    case notText = "not-text"
    case keyKind = "key-kind"
    case keyOrder = "key-order"
    case tooDeep = "too-deep"
    case trailingBytes = "trailing-bytes"
}

/// Reads from the front. Nothing is allocated that the input could not fill.
private struct CBORReader {
    var rest: ArraySlice<UInt8>

    init(_ bytes: ArraySlice<UInt8>) { rest = bytes }

    mutating func item(depth: Int) throws(CBORError) -> CBOR {
        let (major, low, value) = try head()
        switch major {
        case 0: return .unsigned(value)
        case 1: return .negative(value)
        case 2: return .bytes(Array(try take(value)))
        case 3:
            guard let text = String(validating: try take(value), as: UTF8.self) else { throw .notText }
            return .text(text)
        case 4: return .array(try array(value, depth))
        case 5: return .map(try map(value, depth))
        case 6: throw .tag
        default:
            switch low {
            case 20: return .bool(false)
            case 21: return .bool(true)
            case 22: return .null
            default: throw .simpleValue
            }
        }
    }

    private mutating func array(_ count: UInt64, _ depth: Int) throws(CBORError) -> [CBOR] {
        guard depth < CBOR.maximumDepth else { throw .tooDeep }
        guard count <= UInt64(rest.count) else { throw .endOfInput }
        var items: [CBOR] = []
        items.reserveCapacity(Int(count))
        for _ in 0..<count { items.append(try item(depth: depth + 1)) }
        return items
    }

    private mutating func map(_ count: UInt64, _ depth: Int) throws(CBORError) -> [CBOREntry] {
        guard depth < CBOR.maximumDepth else { throw .tooDeep }
        guard count <= UInt64(rest.count / 2) else { throw .endOfInput }
        var entries: [CBOREntry] = []
        entries.reserveCapacity(Int(count))
        var previous: ArraySlice<UInt8>?
        for _ in 0..<count {
            let start = rest
            let key = try item(depth: depth + 1)
            switch key {
            case .unsigned, .negative, .text: break
            default: throw .keyKind
            }
            // Shortest heads make the order of the encodings that of the rule: by kind, then by length, then by content.
            let encoding = start.prefix(start.count - rest.count)
            if let previous, !previous.lexicographicallyPrecedes(encoding) { throw .keyOrder }
            previous = encoding
            entries.append(CBOREntry(key, try item(depth: depth + 1)))
        }
        return entries
    }

    /// Kind, the five low bits, and the number that they or the bytes after them give.
    private mutating func head() throws(CBORError) -> (major: UInt8, low: UInt8, value: UInt64) {
        guard let first = rest.popFirst() else { throw .endOfInput }
        let major = first >> 5, low = first & 31
        switch low {
        case 0...23: return (major, low, UInt64(low))
        case 24...27:
            let length = 1 << Int(low - 24)
            let value = try take(UInt64(length)).reduce(0) { $0 << 8 | UInt64($1) }
            if major == 7 { throw .simpleValue }
            let least: UInt64 = length == 1 ? 24 : 1 << (4 * UInt64(length))
            guard value >= least else { throw .notShortest }
            return (major, low, value)
        case 31: throw major == 7 ? .reserved : (major < 2 || major == 6 ? .reserved : .indefiniteLength)
        default: throw .reserved
        }
    }

    private mutating func take(_ count: UInt64) throws(CBORError) -> ArraySlice<UInt8> {
        guard count <= UInt64(rest.count) else { throw .endOfInput }
        let taken = rest.prefix(Int(count))
        rest = rest.dropFirst(Int(count))
        return taken
    }
}
