/// An instant as milliseconds since 1970-01-01T00:00:00Z.
///
/// The core never asks what time it is: `now` is always an argument, so that every expiry can be passed by a
/// millisecond in a test without waiting for it.
public struct Moment: Hashable, Comparable, Codable, Sendable {
    /// Milliseconds since the Unix epoch.
    public let ms: Int64

    public init(ms: Int64) {
        self.ms = ms
    }

    public init(from decoder: any Decoder) throws {
        ms = try decoder.singleValueContainer().decode(Int64.self)
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(ms)
    }

    /// Whole seconds since the Unix epoch, rounded down.
    public var seconds: Int64 { ms >= 0 ? ms / 1000 : (ms - 999) / 1000 }

    public static func < (left: Moment, right: Moment) -> Bool { left.ms < right.ms }
    public static func + (left: Moment, right: Span) -> Moment { Moment(ms: left.ms + right.ms) }
    public static func - (left: Moment, right: Span) -> Moment { Moment(ms: left.ms - right.ms) }
    public static func - (left: Moment, right: Moment) -> Span { Span(ms: left.ms - right.ms) }
}

/// A length of time in milliseconds.
public struct Span: Hashable, Comparable, Codable, Sendable {
    /// Milliseconds; may be negative.
    public let ms: Int64

    public init(ms: Int64) {
        self.ms = ms
    }

    public init(from decoder: any Decoder) throws {
        ms = try decoder.singleValueContainer().decode(Int64.self)
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(ms)
    }

    public static func seconds(_ count: Int) -> Span { Span(ms: Int64(count) * 1000) }
    public static func minutes(_ count: Int) -> Span { Span(ms: Int64(count) * 60_000) }
    public static func hours(_ count: Int) -> Span { Span(ms: Int64(count) * 3_600_000) }
    public static func days(_ count: Int) -> Span { Span(ms: Int64(count) * 86_400_000) }

    public static func < (left: Span, right: Span) -> Bool { left.ms < right.ms }
    public static func * (left: Span, right: Int) -> Span { Span(ms: left.ms * Int64(right)) }
}
