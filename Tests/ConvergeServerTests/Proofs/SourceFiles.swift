import Foundation

/// One file of the program, as the rules of its architecture read it.
struct SourceFile: Sendable {
    /// From the root of the repository.
    let path: String
    /// Without comments.
    let text: String
    /// Without comments and without what stands between quotation marks.
    let code: String

    init(_ path: String, _ text: String) {
        self.path = path
        let bare = text.replacing(/(?m)^\s*\/\/.*$/, with: "").replacing(/\s\/\/\s.*/, with: "")
        self.text = bare
        code = bare.replacing(/"""[\s\S]*?"""/, with: "\"\"").replacing(/"(?:\\.|[^"\\\n])*"/, with: "\"\"")
    }

    var name: String { path.split(separator: "/").last.map(String.init) ?? path }

    /// The part of the server that a file belongs to; nil elsewhere. Views are a part of their own.
    var part: String? {
        let parts = path.split(separator: "/").map(String.init)
        guard parts.count > 3, parts[0] == "Sources", parts[1] == "ConvergeServer" else { return nil }
        return parts[2] == "Web" && parts[3] == "Views" ? "Views" : parts[2]
    }

    /// Modules that it imports.
    var imports: Set<String> {
        Set(
            text.matches(of: /(?m)^(?:public |internal |private |package |@_exported |@testable )*import (?:struct |class |func )?(\w+)/)
                .map { String($0.1) })
    }

    /// The root of the repository.
    static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent().path

    /// Every file below a folder whose name ends so.
    static func all(in folder: String, ending: String = ".swift") throws -> [SourceFile] {
        guard let files = FileManager.default.enumerator(atPath: "\(root)/\(folder)") else { throw CocoaError(.fileReadNoSuchFile) }
        return try files.compactMap { $0 as? String }.filter { $0.hasSuffix(ending) }.sorted().map { file in
            SourceFile("\(folder)/\(file)", try String(contentsOfFile: "\(root)/\(folder)/\(file)", encoding: .utf8))
        }
    }
}
