import ConvergeCore
import Foundation

/// JSON in text columns, keys sorted so that equal values are equal text.
enum JSONText {
    static func encode(_ value: some Encodable) throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return String(decoding: try encoder.encode(value), as: UTF8.self)
    }

    static func bytes(_ value: some Encodable) throws -> [UInt8] { Array(try encode(value).utf8) }

    static func decode<Value: Decodable>(_ type: Value.Type, from text: String) throws -> Value {
        try decode(type, from: Array(text.utf8))
    }

    static func decode<Value: Decodable>(_ type: Value.Type, from bytes: [UInt8]) throws -> Value {
        do {
            return try JSONDecoder().decode(type, from: Data(bytes))
        } catch {
            // The error of the decoder may quote the text, which may be secret: only the type is told.
            throw Fault("stored JSON is not a \(type)")
        }
    }
}
