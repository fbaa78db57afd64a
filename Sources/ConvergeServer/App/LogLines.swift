import Foundation
public import Logging

/// Log lines as JSON, one object a line, for machines; secrets and contact data never reach a logger.
public struct LogLines: LogHandler {
    public var metadata: Logger.Metadata = [:]
    public var logLevel: Logger.Level = .info

    /// A logger for production.
    public static func logger(_ level: Logger.Level, json: Bool) -> Logger {
        var log =
            json ? Logger(label: "converge") { _ in LogLines() } : Logger(label: "converge") { StreamLogHandler.standardError(label: $0) }
        log.logLevel = level
        return log
    }

    public subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    public func log(
        level: Logger.Level, message: Logger.Message, metadata: Logger.Metadata?, source: String, file: String, function: String,
        line: UInt
    ) {
        var fields = ["level": level.rawValue, "message": message.description, "source": source]
        for (key, value) in self.metadata.merging(metadata ?? [:], uniquingKeysWith: { $1 }) { fields[key] = value.description }
        guard let data = try? JSONSerialization.data(withJSONObject: fields, options: [.sortedKeys, .withoutEscapingSlashes]) else {
            return
        }
        FileHandle.standardError.write(data + Data("\n".utf8))
    }
}
