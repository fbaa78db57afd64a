import Foundation

/// A demo's data folder. It remembers the port at which the demo was started, so that commands beside it name the address
/// that works.
public struct DemoFolder: Sendable {
    public let path: String

    /// The port of a demo that says nothing else.
    public static let usualPort = 8080

    public init(_ path: String) {
        self.path = path
    }

    public var databasePath: String { path + "/converge.db" }
    public var keyRingPath: String { path + "/keys.json" }
    /// Where `passwords import` puts a list for the demo.
    public var breachedListPath: String { path + "/breached.bin" }
    private var portPath: String { path + "/port" }

    /// Whether a demo was started here before; its database may be elsewhere.
    public var isThere: Bool { [databasePath, keyRingPath].contains { FileManager.default.fileExists(atPath: $0) } }

    /// Makes the folder for its owner alone, where it is not there.
    public func make() throws {
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
    }

    /// The port of the last start; nil when none is remembered.
    public var port: Int? {
        guard let text = try? String(contentsOfFile: portPath, encoding: .utf8),
            let port = Int(text.trimmingCharacters(in: .whitespacesAndNewlines)),
            (1...65535).contains(port)
        else { return nil }
        return port
    }

    /// Remembers a port; nil: none.
    public func remember(port: Int?) throws {
        guard let port else { return try FileManager.default.removeItem(atPath: portPath) }
        try Data("\(port)\n".utf8).write(to: URL(fileURLWithPath: portPath), options: .atomic)
    }
}
