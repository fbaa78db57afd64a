public import ConvergeCore

/// One value as both engines store it. There are no dates, decimals or JSON: an instant is an integer of
/// milliseconds, an identifier and a JSON document are text.
public enum SQLValue: Hashable, Sendable {
    case null
    case text(String)
    case integer(Int64)
    case bytes([UInt8])
    case bool(Bool)
}

/// A type that may be interpolated into `SQL`. A `Secret` deliberately is none: what is stored must be sealed or
/// hashed first, and the compiler says so.
public protocol SQLBindable {
    var sqlValue: SQLValue { get }
}

/// A statement with its bindings. Interpolated values always become bindings, never text, so that an injection
/// cannot be written by accident: `"SELECT * FROM person WHERE id = \(id)"` is `… id = $1` plus one value.
public struct SQL: Sendable, Hashable, ExpressibleByStringInterpolation {
    enum Part: Sendable, Hashable {
        case raw(String)
        case value(SQLValue)
    }

    var parts: [Part]

    public init(stringLiteral text: String) {
        parts = [.raw(text)]
    }

    public init(stringInterpolation: Interpolation) {
        parts = stringInterpolation.parts
    }

    /// A whole statement taken as it is, without bindings: for migrations, never for anything typed by a person.
    public init(raw text: String) {
        parts = [.raw(text)]
    }

    /// The text with `$1`, `$2` … in the order of `bindings`; every placeholder occurs once.
    public var text: String {
        var result = ""
        var number = 0
        for part in parts {
            switch part {
            case .raw(let text): result += text
            case .value:
                number += 1
                result += "$\(number)"
            }
        }
        return result
    }

    /// The values, in the order of their placeholders.
    public var bindings: [SQLValue] {
        parts.compactMap { part in
            if case .value(let value) = part { value } else { nil }
        }
    }

    /// A parenthesised list for `IN`. The empty list is `(NULL)`, which `IN` never matches; do not use it with
    /// `NOT IN`, which would match nothing either.
    public static func list<Value: SQLBindable>(_ values: [Value]) -> SQL {
        guard !values.isEmpty else { return "(NULL)" }
        var sql = SQL(raw: "(")
        for (index, value) in values.enumerated() {
            if index > 0 { sql.parts.append(.raw(", ")) }
            sql.parts.append(.value(value.sqlValue))
        }
        sql.parts.append(.raw(")"))
        return sql
    }

    /// Texts of ours, each a row of one column, to be joined from: `FROM \(fragment: .rows(of: ["a", "b"], as: "name")) CROSS JOIN …`.
    ///
    /// SQLite looks each up where it is needed. A list after `IN` would first become a table of its own, whose memory is asked of the
    /// system and given back every time.
    static func rows(of texts: [String], as column: String) -> SQL {
        let selects = texts.map { "SELECT '\($0)' AS \(column)" }
        return SQL(raw: "(\(selects.joined(separator: " UNION ALL "))) AS \(column)_rows")
    }

    /// Fragments joined by a separator, for example conditions by `" AND "`.
    public static func joined(_ fragments: [SQL], by separator: String) -> SQL {
        var sql = SQL(raw: "")
        for (index, fragment) in fragments.enumerated() {
            if index > 0 { sql.parts.append(.raw(separator)) }
            sql.parts += fragment.parts
        }
        return sql
    }

    public static func + (left: SQL, right: SQL) -> SQL {
        var sql = left
        sql.parts += right.parts
        return sql
    }

    public static func += (left: inout SQL, right: SQL) { left = left + right }

    /// Collects literal text and bindings.
    public struct Interpolation: StringInterpolationProtocol {
        var parts: [Part] = []

        public init(literalCapacity: Int, interpolationCount: Int) {
            parts.reserveCapacity(2 * interpolationCount + 1)
        }

        public mutating func appendLiteral(_ literal: String) {
            if !literal.isEmpty { parts.append(.raw(literal)) }
        }

        /// A value: always a binding.
        public mutating func appendInterpolation(_ value: some SQLBindable) {
            parts.append(.value(value.sqlValue))
        }

        /// An enum with text cases: bound as its raw value.
        public mutating func appendInterpolation<Value: RawRepresentable<String>>(_ value: Value) {
            parts.append(.value(.text(value.rawValue)))
        }

        /// A value that may be missing.
        public mutating func appendInterpolation(orNull value: (some SQLBindable)?) {
            parts.append(.value(value?.sqlValue ?? .null))
        }

        /// An enum with text cases that may be missing.
        public mutating func appendInterpolation<Value: RawRepresentable<String>>(orNull value: Value?) {
            parts.append(.value(value.map { .text($0.rawValue) } ?? .null))
        }

        /// A value already in stored form.
        public mutating func appendInterpolation(value: SQLValue) {
            parts.append(.value(value))
        }

        /// Text placed into the statement as it is: identifiers and constant fragments only.
        public mutating func appendInterpolation(raw text: String) {
            parts.append(.raw(text))
        }

        /// Another statement with its bindings, which are numbered anew.
        public mutating func appendInterpolation(fragment: SQL) {
            parts += fragment.parts
        }
    }
}

extension SQLValue: SQLBindable {
    public var sqlValue: SQLValue { self }
}
extension String: SQLBindable {
    public var sqlValue: SQLValue { .text(self) }
}
extension Int: SQLBindable {
    public var sqlValue: SQLValue { .integer(Int64(self)) }
}
extension Int64: SQLBindable {
    public var sqlValue: SQLValue { .integer(self) }
}
extension Bool: SQLBindable {
    public var sqlValue: SQLValue { .bool(self) }
}
extension Array: SQLBindable where Element == UInt8 {
    public var sqlValue: SQLValue { .bytes(self) }
}
extension Moment: SQLBindable {
    public var sqlValue: SQLValue { .integer(ms) }
}
extension Span: SQLBindable {
    public var sqlValue: SQLValue { .integer(ms) }
}
extension Identifier: SQLBindable {
    public var sqlValue: SQLValue { .text(text) }
}
extension PhoneNumber: SQLBindable {
    public var sqlValue: SQLValue { .text(e164) }
}
extension EmailAddress: SQLBindable {
    public var sqlValue: SQLValue { .text(address) }
}
