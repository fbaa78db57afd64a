import ConvergeCore
import Foundation
import Testing

@testable import ConvergeServer

@Suite("Nobody learns which names exist", .serialized)
struct EnumerationTests {
    private static let behindProxy: @Sendable (inout Config) -> Void = { $0.trustedProxies = [try! CIDR("127.0.0.0/8")] }

    @Test("sign-in and reset answer alike to the letter for every kind of name, and ask the same of the database")
    func sameAnswers() async throws {
        var failing: FailingDatabase?
        let server = try await TestServer(
            configure: Self.behindProxy,
            over: { database in
                let made = FailingDatabase(over: database)
                failing = made
                return made
            })
        let database = try #require(failing), list = try await NameList(server, count: 5)
        try await server.changePolicy { $0.reset[0].allow.insert(.call) }
        // The first request of a process reads the policy; the others find it there.
        try await NameProbe(server, list.name(.known, 4), number: 9).shortReset()
        for (index, walk) in Self.walks.enumerated() {
            var known: NameProbe?
            for (number, kind) in NameList.Kind.allCases.enumerated() {
                let probe = NameProbe(server, list.name(kind, index), number: index * 100 + number, listensTo: database)
                try await walk(probe)
                if kind == .known { known = probe }
                guard let known, kind != .known else { continue }
                #expect(probe.answers.count == known.answers.count)
                for (mine, theirs) in zip(probe.answers, known.answers) {
                    #expect(mine == theirs, "\(kind), \(mine.what): \(mine.body.firstDifference(from: theirs.body))")
                }
                for (index, (mine, theirs)) in zip(probe.costs, known.costs).enumerated() {
                    let what = probe.answers[index].what
                    #expect(mine.map(Self.shape) == theirs.map(Self.shape), "\(kind), \(what): \(Self.difference(mine, theirs))")
                }
            }
        }
    }

    private static let walks: [@Sendable (NameProbe) async throws -> Void] = [
        { try await $0.signIn() }, { try await $0.reset() },
        { try await $0.reset(contact: [("country", "GB"), ("number", "07700 900999")], mail: "somebody@else.example") },
        { try await $0.resetByCall() }, { try await $0.resetByCall(number: "07700 900999") },
    ]

    /// What a statement costs, whatever it is about: a read, a change of a table, a commit.
    private static func shape(_ statement: String) -> String {
        let words = statement.split(whereSeparator: \.isWhitespace).map(String.init)
        switch words.first {
        case "SELECT": return "SELECT " + (words.firstIndex(of: "FROM").map { words[$0 + 1] } ?? "")
        case "INSERT": return "INSERT " + words[2]
        case "UPDATE": return "UPDATE " + words[1]
        case "DELETE": return "DELETE " + words[2]
        default: return words.first ?? ""
        }
    }

    private static func difference(_ left: [String], _ right: [String]) -> String {
        left.map(shape).difference(from: right.map(shape)).map { change in
            switch change {
            case .insert(_, let element, _): "+ " + element
            case .remove(_, let element, _): "- " + element
            }
        }.joined(separator: ", ")
    }

    // MARK: time

    /// The time of answers, name by name. It is about the work of the whole process, so it is run by itself: `make test` does so
    /// after all other tests.
    @Test(
        "known names take as long as all others, and a tenth of a hash would have been seen",
        .enabled(if: ProcessInfo.processInfo.environment["CONVERGE_MEASURE"] != nil))
    func sameTime() async throws {
        let pairs = ProcessInfo.processInfo.environment["CONVERGE_MEASURE"].flatMap { Int($0) } ?? 1500
        var chance = Seeded()
        let server = try await TestServer(configure: Self.behindProxy, hashing: .standard), list = try await NameList(server, count: 25)
        var measured = try await TimeMeasurement(server, list)
        repeat {
            try await measured.round(&chance)
            server.clock.advance(by: .hours(3))
        } while measured.pairs < pairs || (measured.isBlind && measured.pairs < pairs * 5)
        let report = measured.report
        print(report)
        #expect(!measured.isBlind, "a planted difference of a tenth of the hash was not seen:\n\(report)")
        #expect(measured.flagged == [], "\(report)")
    }
}

/// Pairs of answers, one to a known name and one to another, measured right after each other in random order.
struct TimeMeasurement {
    private struct Series {
        var work: [Double] = []
        var wall: [Double] = []
        let isPlanted: Bool
    }

    private let server: TestServer
    private let list: NameList
    private var series: [String: Series] = [:]
    private var hashes: [Stopwatch.Time] = []
    private var rounds = 0
    private(set) var pairs = 0

    /// Kinds that a known name is compared with; nil: another known name, into whose answers a delay is planted.
    private static let kinds: [NameList.Kind?] = [.unknown, .disabled, .guest, nil]

    init(_ server: TestServer, _ list: NameList) async throws {
        self.server = server
        self.list = list
        for _ in 0..<15 { try await measureHash() }
        // What is only slow the first time is not measured.
        for kind in NameList.Kind.allCases {
            let probe = NameProbe(server, list.name(kind, 24), number: 1)
            try await probe.signIn()
            try await probe.shortReset()
        }
    }

    private mutating func measureHash() async throws {
        let watch = Stopwatch()
        try await server.instance.hasher.verifyDummy(Secret("a password that nobody has"))
        hashes.append(watch.time)
    }

    /// What one comparison of a password costs here, in milliseconds.
    var hash: Double { median(hashes.map(\.work)) }

    // MARK: measuring

    mutating func round(_ chance: inout Seeded) async throws {
        try await measureHash()
        for kind in Self.kinds.shuffled(using: &chance) {
            try await compare("sign-in", kind, &chance) { probe in
                try await probe.post("/sign-in", [("name", probe.name), ("password", "wrong password for everybody")])
                try await probe.post("/sign-in/pass", [("name", probe.name), ("pass", "AAAA-AAAA")])
            }
            try await compare("reset", kind, &chance) { try await $0.shortReset() }
        }
        rounds += 1
    }

    private mutating func compare(
        _ what: String, _ kind: NameList.Kind?, _ chance: inout Seeded, _ walk: (NameProbe) async throws -> Void
    ) async throws {
        let base = 10 + pairs * 2
        let known = NameProbe(server, list.name(.known, rounds), number: base)
        let other = NameProbe(
            server, list.name(kind ?? .known, rounds + (kind == nil ? 1 : 0)), number: base + 1, planted: kind == nil ? hash / 10 : 0)
        for probe in chance.chance(50) ? [known, other] : [other, known] { try await walk(probe) }
        for (index, answer) in known.answers.enumerated() {
            let name = "\(what), \(kind?.rawValue ?? "planted"): \(answer.what)"
            series[name, default: Series(isPlanted: kind == nil)].work.append(other.times[index].work - known.times[index].work)
            series[name]?.wall.append(other.times[index].wall - known.times[index].wall)
            pairs += 1
        }
    }

    // MARK: judging

    /// A difference counts when it is more than a twentieth of the hash *and* no chance: five standard deviations of the
    /// signed-rank test, one false alarm in 1.7 million for each of some sixty series. A busy machine makes it blind before it
    /// makes it lie.
    private func isDifferent(_ differences: [Double]) -> Bool {
        abs(median(differences)) > hash / 20 && abs(signedRank(differences)) > 5
    }

    /// Series that are different although nothing was planted, by work or by the clock on the wall.
    var flagged: [String] {
        series.filter { !$0.value.isPlanted && (isDifferent($0.value.work) || isDifferent($0.value.wall)) }.map(\.key).sorted()
    }

    /// Whether any planted difference was missed: then finding nothing would mean nothing.
    var isBlind: Bool { series.contains { $0.value.isPlanted && !isDifferent($0.value.work) } }

    var report: String {
        let rows = series.sorted { $0.key < $1.key }.map { name, series in
            let cells = [series.work, series.wall].map { differences in
                "\(text(median(differences) * 1000)) | \(text(signedRank(differences))) | \(isDifferent(differences) ? "different" : "alike")"
            }
            return "| \(name) | \(series.work.count) | \(cells.joined(separator: " | ")) |"
        }
        let head = [
            "\(pairs) pairs; one hash is \(text(hash)) ms of work, \(text(hash * 100)) µs were planted, \(text(hash * 50)) µs are different",
            "",
            "| Answer | Pairs | Work: median difference, µs | Deviations | | Wall: median difference, µs | Deviations | |",
            "|---|---|---|---|---|---|---|---|",
        ]
        return (head + rows).joined(separator: "\n")
    }

    private func text(_ value: Double) -> String { String(format: "%.1f", value) }
}

private func median(_ values: [Double]) -> Double {
    let sorted = values.sorted(), middle = sorted.count / 2
    guard !sorted.isEmpty else { return 0 }
    return sorted.count.isMultiple(of: 2) ? (sorted[middle - 1] + sorted[middle]) / 2 : sorted[middle]
}

/// Wilcoxon's signed-rank statistic in standard deviations: robust against single slow answers, whatever their distribution.
private func signedRank(_ differences: [Double]) -> Double {
    let ranked = differences.filter { $0 != 0 }.sorted { abs($0) < abs($1) }, count = Double(ranked.count)
    guard count > 0 else { return 0 }
    let positive = ranked.enumerated().reduce(0.0) { $1.element > 0 ? $0 + Double($1.offset + 1) : $0 }
    return (positive - count * (count + 1) / 4) / (count * (count + 1) * (2 * count + 1) / 24).squareRoot()
}

extension String {
    /// Where two texts begin to differ.
    fileprivate func firstDifference(from other: String) -> String {
        let shared = zip(self, other).prefix { $0 == $1 }.count
        return "“\(dropFirst(shared).prefix(80))” and “\(other.dropFirst(shared).prefix(80))”"
    }
}
