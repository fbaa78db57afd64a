import Foundation

/// The resources (migrations, templates, messages, static files) are nowhere. The text says where they were sought.
public struct ResourcesMissing: Error, CustomStringConvertible {
    let sought: [String]
    public var description: String {
        "Converge's resources were not found. Sought: \(sought.joined(separator: ", ")). Set CONVERGE_RESOURCES to their folder."
    }
}

/// Finds the folder of resources beside the program or where a package installs it.
///
/// The bundle accessor that the build generates is not used: away from the build machine it falls back to the
/// build's absolute path and then traps.
public struct ResourceFolder: Sendable {
    /// The folder that holds `migrations`, `templates`, `messages` and `static`.
    public let path: String

    /// The name the package manager gives the copied resources of this target.
    static let bundleName = "converge_ConvergeServer.resources"

    public init(path: String) {
        self.path = path
    }

    /// Looks, in this order: where `CONVERGE_RESOURCES` says (and nowhere else when it is set), beside the
    /// executable, beside a test bundle named on the command line, `/usr/share/converge`.
    public static func find(environment: [String: String], arguments: [String] = CommandLine.arguments) throws -> ResourceFolder {
        let candidates = environment["CONVERGE_RESOURCES"].map { [$0] } ?? standardPlaces(arguments: arguments)
        for path in candidates where isFolder(path + "/migrations") { return ResourceFolder(path: path) }
        throw ResourcesMissing(sought: candidates)
    }

    /// The path of one file or folder, for example `sub("migrations")`.
    public func sub(_ name: String) -> String { path + "/" + name }

    private static func standardPlaces(arguments: [String]) -> [String] {
        var folders: [String] = []
        if let executable = try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe") {
            folders.append(parent(executable))
        }
        if let first = arguments.first, first.contains("/") { folders.append(parent(first)) }
        // The test runner is the tool chain's; what it loads lies in the folder of built products.
        folders += arguments.dropFirst().filter { $0.contains(".xctest") }.map { argument in
            parent(String(argument.prefix(upTo: argument.range(of: ".xctest")?.upperBound ?? argument.endIndex)))
        }
        return folders.map { "\($0)/\(bundleName)/Resources" } + ["/usr/share/converge"]
    }

    private static func parent(_ path: String) -> String {
        URL(fileURLWithPath: path).standardizedFileURL.deletingLastPathComponent().path
    }

    private static func isFolder(_ path: String) -> Bool {
        var isFolder: ObjCBool = false
        return FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) && isFolder.boolValue
    }
}
