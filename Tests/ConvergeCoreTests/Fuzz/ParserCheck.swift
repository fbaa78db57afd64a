/// One parser of outside bytes, and what must hold whatever it is given. Shared by the tests and by the fuzzers in `Fuzz/`.
struct ParserCheck: Sendable {
    /// Also the name of its folder of examples, `Fuzz/corpus/<name>`.
    let name: String
    /// Throws `Broken` when something does not hold.
    let run: @Sendable ([UInt8]) throws -> Void
    /// The parser alone without a bound of the check's own: its time must grow no faster than its input.
    let parse: (@Sendable ([UInt8]) -> Void)?
    /// Texts that are repeated to make a long input for that.
    let units: [String]

    init(
        _ name: String, units: [String] = [], parse: (@Sendable ([UInt8]) -> Void)? = nil,
        run: @escaping @Sendable ([UInt8]) throws -> Void
    ) {
        self.name = name
        self.units = units
        self.parse = parse
        self.run = run
    }
}

/// What did not hold.
struct Broken: Error, CustomStringConvertible {
    let description: String
}

/// Throws unless the condition holds.
func hold(_ condition: Bool, _ what: @autoclosure () -> String) throws {
    if !condition { throw Broken(description: what()) }
}

/// A value that must be there.
func must<Value>(_ value: Value?, _ what: @autoclosure () -> String) throws -> Value {
    guard let value else { throw Broken(description: what()) }
    return value
}

/// Bytes as the text that a parser of texts would get.
func text(_ bytes: some Sequence<UInt8>) -> String { String(decoding: Array(bytes), as: UTF8.self) }

/// The input's lines, so many of them: the last holds the rest, those that are missing are empty.
func lines(_ bytes: [UInt8], _ count: Int) -> [[UInt8]] {
    let parts = bytes.split(separator: 10, maxSplits: count - 1, omittingEmptySubsequences: false).map(Array.init)
    return parts + Array(repeating: [], count: max(0, count - parts.count))
}

extension String {
    /// Whether white space or a control character is in it.
    var hasBlankOrControl: Bool {
        unicodeScalars.contains { $0.properties.isWhitespace || $0.properties.generalCategory == .control }
    }
}
