public import ConvergeCore

/// One row of an answer. Every accessor names the column and throws a `StoreError.fault` that names it again when
/// it is missing, NULL where it must not be, or of another type: a wrong query is found by its first test.
public struct Row: Sendable, Hashable {
    /// Column names to positions, shared by all rows of one answer.
    let columns: [String: Int]
    let values: [SQLValue]

    public init(columns: [String: Int], values: [SQLValue]) {
        self.columns = columns
        self.values = values
    }

    /// The stored value, NULL included.
    public func value(_ column: String) throws -> SQLValue {
        guard let index = columns[column] else { throw StoreError.fault("column \(column) is not in the answer") }
        return values[index]
    }

    public func optionalText(_ column: String) throws -> String? {
        switch try value(column) {
        case .null: nil
        case .text(let text): text
        default: throw wrong(column, "text")
        }
    }

    public func optionalInteger(_ column: String) throws -> Int64? {
        switch try value(column) {
        case .null: nil
        case .integer(let integer): integer
        default: throw wrong(column, "an integer")
        }
    }

    /// SQLite stores a truth value as 0 or 1; nothing else is taken for one.
    public func optionalBool(_ column: String) throws -> Bool? {
        switch try value(column) {
        case .null: nil
        case .bool(let bool): bool
        case .integer(0): false
        case .integer(1): true
        default: throw wrong(column, "a truth value")
        }
    }

    public func optionalBytes(_ column: String) throws -> [UInt8]? {
        switch try value(column) {
        case .null: nil
        case .bytes(let bytes): bytes
        default: throw wrong(column, "bytes")
        }
    }

    public func optionalInt(_ column: String) throws -> Int? { try optionalInteger(column).map(Int.init) }
    public func optionalMoment(_ column: String) throws -> Moment? { try optionalInteger(column).map(Moment.init(ms:)) }

    public func optionalID<Subject>(_ column: String, as subject: Subject.Type) throws -> Identifier<Subject>? {
        try optionalText(column).map(Identifier<Subject>.init)
    }

    public func text(_ column: String) throws -> String { try present(column, optionalText(column)) }
    public func integer(_ column: String) throws -> Int64 { try present(column, optionalInteger(column)) }
    public func int(_ column: String) throws -> Int { try present(column, optionalInt(column)) }
    public func bool(_ column: String) throws -> Bool { try present(column, optionalBool(column)) }
    public func bytes(_ column: String) throws -> [UInt8] { try present(column, optionalBytes(column)) }
    public func moment(_ column: String) throws -> Moment { try present(column, optionalMoment(column)) }

    public func id<Subject>(_ column: String, as subject: Subject.Type) throws -> Identifier<Subject> {
        try present(column, optionalID(column, as: subject))
    }

    /// An enum stored as its raw text; a text that is none of its cases is a fault, never guessed.
    public func choice<Value: RawRepresentable<String>>(_ column: String, as type: Value.Type) throws -> Value {
        let text = try text(column)
        guard let value = Value(rawValue: text) else { throw StoreError.fault("column \(column) holds an unknown \(type): \(text)") }
        return value
    }

    private func present<Value>(_ column: String, _ value: Value?) throws -> Value {
        guard let value else { throw StoreError.fault("column \(column) is NULL") }
        return value
    }

    private func wrong(_ column: String, _ expected: String) -> StoreError {
        .fault("column \(column) is not \(expected)")
    }
}
