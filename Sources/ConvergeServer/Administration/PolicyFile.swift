import ConvergeCore
import Yams

/// The policy document as a file that a person reads and writes: YAML, groups by name.
struct PolicyFile {
    /// Names of groups by id.
    let groups: [GroupID: String]

    /// Nothing larger is read.
    static let maximumBytes = 1 << 20

    /// Everything wrong with a file, each a sentence with its place.
    struct Problems: Error, Hashable, CustomStringConvertible {
        let lines: [String]
        var description: String { lines.joined(separator: "\n") }
    }

    /// Reads a file; every problem is told at once.
    func read(_ text: String) throws -> PolicyDocument {
        guard text.utf8.count <= Self.maximumBytes else { throw Problems(lines: ["The file is larger than a megabyte."]) }
        var reader = PolicyReader(groups: Dictionary(groups.map { ($1, $0) }, uniquingKeysWith: { first, _ in first }))
        guard let document = reader.document(text), reader.problems.isEmpty else { throw Problems(lines: reader.problems) }
        return document
    }

    /// The file that reads back as this document.
    func write(_ document: PolicyDocument) -> String {
        PolicyYAML.write(document.shape(groups: groups), heading: "Version \(document.version)")
    }

    /// The capabilities that a list of allowed methods may name: those that this release can verify and that count.
    static func usable(for purpose: Purpose) -> [Capability] {
        MethodRegistry.implementedCapabilities.filter { MethodRegistry.traits(of: $0).service(for: purpose) == .counts }.sorted()
    }

    /// What a campaign may ask people to register: what the wizard can.
    static var proposable: [Capability] {
        usable(for: .signIn).filter { capability in
            MethodRegistry.implemented.contains { $0.traits.inWizard && $0.implements.contains(capability) }
        }
    }

    /// The same as a sentence says them.
    static func names(usableFor purpose: Purpose) -> String { usable(for: purpose).map(\.rawValue).joined(separator: ", ") }
}
