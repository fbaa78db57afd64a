import ConvergeCore
import Foundation
import Yams

/// What is wrong with the configuration: all of it at once, one sentence each.
public struct ConfigError: Error, Hashable, Sendable, CustomStringConvertible {
    public let problems: [String]

    public var description: String { problems.joined(separator: "\n") }
}

/// Collects values from a YAML text and the environment and every problem met on the way. It never repeats a value
/// in a problem: it could be a secret in the wrong place.
struct ConfigReader {
    private enum Value {
        case scalar(String)
        case list([String])
    }

    private var values: [String: Value] = [:]
    private(set) var problems: [String] = []
    /// Names asked for, so that a test can compare them with the table.
    private(set) var asked: Set<String> = []

    /// Variables that are no settings: where the resources lie, and the clock of the tests.
    private static let otherVariables = ["CONVERGE_RESOURCES", "CONVERGE_TEST_CLOCK_FILE"]

    init(yaml: String, environment: [String: String]) {
        do {
            if let node = try Yams.compose(yaml: yaml) { flatten(node, at: "") }
        } catch let error as YamlError {
            problems.append("The file is no YAML: \(Self.place(of: error)).")
        } catch {
            problems.append("The file is no YAML.")
        }
        for name in values.keys.sorted() where !ConfigKey.all.contains(where: { $0.name == name }) {
            let near = Nearest.nearest(to: name, in: ConfigKey.all.map(\.name))
            problems.append("\(name) is not a setting." + (near.map { " Did you mean \($0)?" } ?? ""))
        }
        let names = ConfigKey.all.map(\.environmentName)
        for name in environment.keys.sorted() where name.hasPrefix("CONVERGE_") && !(names + Self.otherVariables).contains(name) {
            let near = Nearest.nearest(to: name, in: names).map { " Did you mean \($0)?" } ?? ""
            problems.append("\(name) in the environment is not a setting.\(near)")
        }
        for key in ConfigKey.all {
            if let text = environment[key.environmentName] { values[key.name] = .scalar(text) }
        }
    }

    private static func place(of error: YamlError) -> String {
        switch error {
        case .scanner(_, _, let mark, _), .parser(_, _, let mark, _), .composer(_, _, let mark, _):
            "line \(mark.line), column \(mark.column)"
        case .duplicatedKeysInMapping: "a key occurs twice"
        default: "it cannot be read"
        }
    }

    private mutating func flatten(_ node: Node, at path: String) {
        switch node {
        case .scalar(let scalar):
            if path.isEmpty {
                if !scalar.string.isEmpty { problems.append("The file is not a mapping of settings.") }
            } else {
                values[path] = .scalar(scalar.tag == Tag(.null) || scalar.string == "~" ? "" : scalar.string)
            }
        case .sequence(let sequence):
            let texts = sequence.compactMap(\.scalar?.string)
            if texts.count != sequence.count || path.isEmpty { problems.append("\(path) holds something else than texts.") }
            values[path] = .list(texts)
        case .mapping(let mapping):
            for (key, value) in mapping {
                guard let name = key.scalar?.string else { continue }
                flatten(value, at: path.isEmpty ? name : "\(path).\(name)")
            }
        case .alias:
            problems.append("\(path): aliases are not supported.")
        }
    }

    mutating func problem(_ text: String) { problems.append(text) }

    private mutating func scalar(_ name: String) -> String {
        asked.insert(name)
        let fallback = ConfigKey.all.first { $0.name == name }?.fallback ?? ""
        switch values[name] {
        case .scalar(let text): return text
        case .list:
            problems.append("\(name) takes one value, not a list.")
            return fallback
        case nil: return fallback
        }
    }

    /// Whether somebody set it, rather than leaving it to its default.
    func isSet(_ name: String) -> Bool { values[name] != nil }

    mutating func text(_ name: String) -> String { scalar(name) }

    mutating func optionalText(_ name: String) -> String? {
        let text = scalar(name)
        return text.isEmpty ? nil : text
    }

    mutating func required(_ name: String) -> String {
        let text = scalar(name)
        if text.isEmpty { problems.append("\(name) is required.") }
        return text
    }

    mutating func number(_ name: String, in range: ClosedRange<Int>) -> Int {
        guard let number = Int(scalar(name)), range.contains(number) else {
            problems.append("\(name) must be a whole number from \(range.lowerBound) to \(range.upperBound).")
            return range.lowerBound
        }
        return number
    }

    /// A list; in the environment and as a scalar, its items are separated by commas.
    mutating func list(_ name: String) -> [String] {
        asked.insert(name)
        switch values[name] {
        case .list(let texts): return texts
        case .scalar(let text): return Self.items(text)
        case nil: return Self.items(ConfigKey.all.first { $0.name == name }?.fallback ?? "")
        }
    }

    private static func items(_ text: String) -> [String] {
        text.split(separator: ",").map { $0.trimmingCharacters(in: .whitespaces) }.filter { !$0.isEmpty }
    }

    mutating func choice<Choice: RawRepresentable<String> & CaseIterable>(_ name: String, of type: Choice.Type, fallback: Choice) -> Choice
    {
        if let choice = Choice(rawValue: scalar(name)) { return choice }
        problems.append("\(name) must be one of: \(Choice.allCases.map(\.rawValue).joined(separator: ", ")).")
        return fallback
    }
}
