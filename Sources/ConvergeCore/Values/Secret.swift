/// Something that must never reach a log, a URL, a metric or an error page: it prints as `***`.
///
/// Comparing two secrets takes the same time wherever they differ.
public struct Secret: Hashable, Sendable, Codable, CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    /// The bytes themselves; reading them is a visible act.
    public let bytes: [UInt8]

    public init(bytes: [UInt8]) {
        self.bytes = bytes
    }

    public init(_ text: String) {
        bytes = Array(text.utf8)
    }

    /// The secret read as UTF-8.
    public var text: String { String(decoding: bytes, as: UTF8.self) }

    public var description: String { "***" }
    public var debugDescription: String { "***" }
    public var customMirror: Mirror { Mirror(self, children: []) }

    public static func == (left: Secret, right: Secret) -> Bool { equalInConstantTime(left.bytes, right.bytes) }
}

/// Compares two byte strings without telling by its duration where they differ. The length is not hidden.
public func equalInConstantTime(_ left: [UInt8], _ right: [UInt8]) -> Bool {
    guard left.count == right.count else { return false }
    var difference: UInt8 = 0
    for index in left.indices { difference |= left[index] ^ right[index] }
    return difference == 0
}
