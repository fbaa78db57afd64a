import Foundation

/// Chance for a test that can be run again (SplitMix64): the seed is printed with every failure, and
/// `CONVERGE_TEST_SEED` sets it.
struct Seeded: RandomNumberGenerator {
    let seed: UInt64
    private var state: UInt64

    init(_ seed: UInt64? = nil) {
        let given = ProcessInfo.processInfo.environment["CONVERGE_TEST_SEED"].flatMap { UInt64($0) }
        self.seed = seed ?? given ?? UInt64.random(in: 1...999_999_999)
        state = self.seed
    }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }

    /// True so many times in a hundred.
    mutating func chance(_ percent: Int) -> Bool { Int.random(in: 0..<100, using: &self) < percent }

    mutating func number(_ range: ClosedRange<Int>) -> Int { Int.random(in: range, using: &self) }

    mutating func one<Value>(_ values: [Value]) -> Value { values[number(0...values.count - 1)] }

    mutating func some<Value>(_ values: [Value], _ percent: Int = 50) -> [Value] { values.filter { _ in chance(percent) } }

    /// A number in a range, or none.
    mutating func maybe(_ range: ClosedRange<Int>, _ percent: Int = 50) -> Int? { chance(percent) ? number(range) : nil }
}
