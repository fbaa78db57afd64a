import CClock
public import ConvergeCore
import Foundation
import Synchronization

/// The one door to the wall clock and to randomness. No other file may ask the system for either: a test reads the
/// sources for it.
public struct World: Sendable {
    /// The present instant.
    public var now: @Sendable () -> Moment
    /// So many unpredictable bytes.
    public var random: @Sendable (Int) -> [UInt8]
    /// Nanoseconds that only go forward, for measuring how long something took.
    public var stopwatch: @Sendable () -> Int64

    /// - Parameter stopwatch: nil: follows `now`.
    public init(
        now: @escaping @Sendable () -> Moment, random: @escaping @Sendable (Int) -> [UInt8], stopwatch: (@Sendable () -> Int64)? = nil
    ) {
        self.now = now
        self.random = random
        self.stopwatch = stopwatch ?? { now().ms * 1_000_000 }
    }

    /// A new identifier: 128 random bits as 22 characters that are safe in URLs, file names and on a command line.
    public func newID<Subject>() -> Identifier<Subject> {
        Identifier(newToken(bytes: 16))
    }

    /// Random bytes as base64url without padding, for identifiers and one-time secrets.
    ///
    /// Sixteen bytes leave the last character with two bits only; written backwards, an identifier never begins
    /// with a hyphen, which a command line would take for an option.
    public func newToken(bytes count: Int) -> String {
        String(Base64URL.encode(random(count)).reversed())
    }

    /// The real world.
    ///
    /// - Parameter environment: in debug builds only, `CONVERGE_TEST_CLOCK_FILE` names a file that holds an offset
    ///   in milliseconds to be added to the wall clock, read again at every call, so that journeys can let days
    ///   pass. Release builds do not have this door.
    public static func system(environment: [String: String] = [:]) -> World {
        #if DEBUG
            if let path = environment["CONVERGE_TEST_CLOCK_FILE"] {
                return World(now: { Moment(ms: wallClock().ms + clockOffset(path)) }, random: systemRandom, stopwatch: monotonicClock)
            }
        #endif
        return World(now: wallClock, random: systemRandom, stopwatch: monotonicClock)
    }

    /// A world for tests: time moves only when the clock is told to, and the same seed gives the same bytes.
    public static func fixed(clock: TestClock, seed: UInt64 = 1) -> World {
        let generator = SeededBytes(seed: seed)
        return World(now: { clock.now }, random: { generator.next($0) })
    }

    /// A world for tests whose time stands still.
    public static func fixed(now: Moment = Moment(ms: 1_700_000_000_000), seed: UInt64 = 1) -> World {
        fixed(clock: TestClock(now: now), seed: seed)
    }

    private static func wallClock() -> Moment { Moment(ms: cclock_wall() / 1_000_000) }

    private static func monotonicClock() -> Int64 { cclock_monotonic() }

    /// Whether the kernel's clock follows a time server; nil where it does not tell.
    static var isClockSynchronised: Bool? {
        let answer = cclock_is_synchronised()
        return answer < 0 ? nil : answer == 1
    }

    private static func systemRandom(_ count: Int) -> [UInt8] {
        var generator = SystemRandomNumberGenerator()
        var bytes: [UInt8] = []
        bytes.reserveCapacity(count + 8)
        while bytes.count < count { withUnsafeBytes(of: generator.next()) { bytes.append(contentsOf: $0) } }
        return Array(bytes.prefix(count))
    }

    #if DEBUG
        private static func clockOffset(_ path: String) -> Int64 {
            guard let data = FileManager.default.contents(atPath: path) else { return 0 }
            return Int64(String(decoding: data, as: UTF8.self).trimmingSpaces()) ?? 0
        }
    #endif
}

/// A clock that a test moves by hand.
public final class TestClock: Sendable {
    private let value: Mutex<Moment>

    public init(now: Moment = Moment(ms: 1_700_000_000_000)) {
        value = Mutex(now)
    }

    /// What this clock shows.
    public var now: Moment { value.withLock { $0 } }

    /// Moves the clock; backwards with a negative span.
    public func advance(by span: Span) {
        value.withLock { $0 = $0 + span }
    }
}

/// Repeatable bytes (SplitMix64): for tests, never for secrets.
private final class SeededBytes: Sendable {
    private let state: Mutex<UInt64>

    init(seed: UInt64) {
        state = Mutex(seed)
    }

    func next(_ count: Int) -> [UInt8] {
        state.withLock { state in
            var bytes: [UInt8] = []
            while bytes.count < count {
                state &+= 0x9E37_79B9_7F4A_7C15
                var mixed = (state ^ (state >> 30)) &* 0xBF58_476D_1CE4_E5B9
                mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
                withUnsafeBytes(of: (mixed ^ (mixed >> 31)).littleEndian) { bytes.append(contentsOf: $0) }
            }
            return Array(bytes.prefix(count))
        }
    }
}
