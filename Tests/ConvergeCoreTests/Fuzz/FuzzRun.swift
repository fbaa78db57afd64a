import CoreFoundation
import Foundation
import Testing

/// Runs a check over changed examples, and measures how its parser's time grows.
enum FuzzRun {
    /// The repository.
    static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()

    /// Examples that the fuzzers share, `Fuzz/corpus/<name>`.
    static func examples(_ name: String) throws -> [[UInt8]] {
        let folder = root.appending(path: "Fuzz/corpus/\(name)").path
        return try FileManager.default.contentsOfDirectory(atPath: folder).sorted().map { file in
            [UInt8](try Data(contentsOf: URL(fileURLWithPath: "\(folder)/\(file)")))
        }
    }

    /// Where the run begins; another number tries other inputs.
    private static let seed = ProcessInfo.processInfo.environment["CONVERGE_FUZZ_SEED"].flatMap { UInt64($0) } ?? 1

    /// The examples themselves, then so many changed ones. The first that breaks something is told, and can be kept as an example.
    static func cases(_ count: Int, _ check: ParserCheck) throws {
        if let broken = try firstBroken(count, check) { Issue.record("\(broken)") }
    }

    /// What the first input that breaks something breaks, nil when none does.
    static func firstBroken(_ count: Int, _ check: ParserCheck) throws -> String? {
        let examples = try examples(check.name)
        #expect(!examples.isEmpty, "no examples of \(check.name)")
        var mutator = Mutator(seeds: examples, seed: seed)
        for number in 0..<count {
            let input = number < examples.count ? examples[number] : mutator.next()
            do {
                try check.run(input)
            } catch {
                return "\(check.name): \(error), given \(shown(input))"
            }
        }
        return nil
    }

    /// The bytes as a literal of Swift.
    private static func shown(_ bytes: [UInt8]) -> String {
        String(validating: bytes, as: UTF8.self).map { $0.debugDescription } ?? "\(bytes)"
    }

    /// How many times longer the parser takes for eight times as much input, for the worst of the check's units.
    static func growth(_ check: ParserCheck) -> [(unit: String, factor: Double)] {
        guard let parse = check.parse else { return [] }
        return check.units.map { unit in
            let short = input(unit, bytes: 6000), long = input(unit, bytes: 48_000)
            return (unit, Double(cost(long, parse)) / Double(max(cost(short, parse), 1)))
        }
    }

    private static func input(_ unit: String, bytes: Int) -> [UInt8] {
        var input: [UInt8] = [], number = 0
        while input.count < bytes {
            number += 1
            input += Array(unit.replacingOccurrences(of: "№", with: String(number)).utf8)
        }
        return input
    }

    /// Processor time of this thread in nanoseconds, the least of several tries.
    private static func cost(_ input: [UInt8], _ parse: ([UInt8]) -> Void) -> UInt64 {
        (0..<5).map { _ in
            let start = threadTime()
            parse(input)
            return threadTime() - start
        }.min() ?? 0
    }

    private static func threadTime() -> UInt64 {
        var time = timespec()
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
        return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
    }
}
