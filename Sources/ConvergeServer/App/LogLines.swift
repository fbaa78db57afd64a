import ConvergeCore
import Foundation
public import Logging

/// Log lines as JSON, one object a line, for machines; secrets and contact data never reach a logger.
public struct LogLines: LogHandler {
    public var metadata: Logger.Metadata = [:]
    public var logLevel: Logger.Level = .info
    private let world: World
    private let write: @Sendable (String) -> Void

    /// A logger for production.
    public static func logger(_ level: Logger.Level, json: Bool, world: World) -> Logger {
        var log =
            json
            ? Logger(label: "converge") { _ in LogLines(world: world) { FileHandle.standardError.write(Data($0.utf8)) } }
            : Logger(label: "converge") { StreamLogHandler.standardError(label: $0) }
        log.logLevel = level
        return log
    }

    /// - Parameter write: takes one line, its end included.
    init(world: World, write: @escaping @Sendable (String) -> Void) {
        self.world = world
        self.write = write
    }

    public subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    public func log(event: LogEvent) {
        var fields = [
            "at": world.now().precise, "level": event.level.rawValue, "message": event.message.description, "source": event.source,
        ]
        for (key, value) in metadata.merging(event.metadata ?? [:], uniquingKeysWith: { $1 }) { fields[key] = value.description }
        guard let data = try? JSONSerialization.data(withJSONObject: fields, options: [.sortedKeys, .withoutEscapingSlashes]) else {
            return
        }
        write(String(decoding: data, as: UTF8.self) + "\n")
    }
}

extension Moment {
    /// ISO 8601 in UTC with milliseconds.
    var precise: String {
        let fraction = String(((ms % 1000) + 1000) % 1000)
        return DateWords(now: self, zone: .gmt).iso(self).dropLast() + "." + String(repeating: "0", count: 3 - fraction.count) + fraction
            + "Z"
    }
}
