import Foundation

/// A command could not do what was asked: one clear sentence, exit code 1.
struct CommandFailure: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) {
        self.description = description
    }
}

/// Prints to standard output, the answer of a command.
func say(_ text: String, end: String = "\n") {
    FileHandle.standardOutput.write(Data((text + end).utf8))
}

/// Prints to standard error: how far a long command has come, and what is not part of its answer.
func remark(_ text: String) {
    FileHandle.standardError.write(Data((text + "\n").utf8))
}

/// Prints a value as JSON.
func sayJSON(_ value: some Encodable) throws {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    say(String(decoding: try encoder.encode(value), as: UTF8.self))
}

/// A value as JSON on one line.
func jsonLine(_ value: some Encodable) throws -> String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    return String(decoding: try encoder.encode(value), as: UTF8.self)
}

/// Prints a list of any length: what was printed is not kept.
struct Printer {
    enum Form {
        /// One a line.
        case lines
        /// A JSON array.
        case json
    }

    private let form: Form
    private let opening: String
    /// What stands behind a JSON array.
    var closing = "]"
    private var pending = ""
    private var isEmpty = true

    /// - Parameter opening: what stands before a JSON array.
    init(_ form: Form, opening: String = "[") {
        self.form = form
        self.opening = opening
    }

    /// Adds an item.
    mutating func add(_ item: String) {
        switch form {
        case .lines: pending += item + "\n"
        case .json: pending += (isEmpty ? opening + "\n" : ",\n") + item
        }
        isEmpty = false
        if pending.utf8.count > 65_536 { flush() }
    }

    /// Prints what is left.
    mutating func finish() {
        if form == .json { pending += (isEmpty ? opening : "\n") + closing + "\n" }
        flush()
    }

    private mutating func flush() {
        say(pending, end: "")
        pending = ""
    }
}
