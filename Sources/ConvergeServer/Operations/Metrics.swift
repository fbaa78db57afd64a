import ConvergeCore
import Synchronization

/// Counts what happens, for Prometheus. No label ever holds a name, a number or an address: their values come from closed lists.
final class Metrics: Sendable {
    /// What is counted up.
    enum Counter: String, CaseIterable {
        case signIns = "converge_sign_ins_total"
        case challenges = "converge_challenges_total"
        case resets = "converge_resets_total"
        case messages = "converge_messages_total"
        case reports = "converge_carrier_reports_total"
        case limits = "converge_limits_reached_total"
        case requests = "converge_http_requests_total"

        var labels: [String] {
            switch self {
            case .signIns, .resets: ["outcome"]
            case .challenges: ["capability", "outcome"]
            case .messages, .reports: ["kind", "outcome"]
            case .limits: ["limit"]
            case .requests: ["method", "route", "status"]
            }
        }

        var help: String {
            switch self {
            case .signIns: "Sign-ins by how they ended, or why a first factor was refused."
            case .challenges: "Answers to second steps and other proofs, by capability and outcome."
            case .resets: "Password resets and unlocks by outcome."
            case .messages: "Tries to hand a text, mail or call over, by outcome."
            case .reports: "Reports of the telephone carrier: taken, forged, late, or about nothing that is known."
            case .limits: "What had to wait because a limit was reached, by the setting that sets it."
            case .requests: "Requests by route and status."
            }
        }
    }

    /// Upper bounds of the durations' buckets, in milliseconds.
    static let bounds = [1, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10_000]

    private struct Route: Hashable {
        let method: String
        let path: String
    }

    private struct Durations {
        /// One for each bound: those of it, not of the smaller ones.
        var counts = [Int](repeating: 0, count: Metrics.bounds.count)
        var count = 0
        var nanoseconds: Int64 = 0

        mutating func add(_ duration: Int64) {
            if let bucket = Metrics.bounds.firstIndex(where: { duration <= Int64($0) * 1_000_000 }) { counts[bucket] += 1 }
            count += 1
            nanoseconds += duration
        }
    }

    private struct Values {
        var counters: [Counter: [[String]: Int]] = [:]
        var durations: [Route: Durations] = [:]
    }

    private let values = Mutex(Values())
    /// When the program started.
    let startedAt: Moment

    init(startedAt: Moment) {
        self.startedAt = startedAt
    }

    /// Counts one.
    ///
    /// - Parameter labels: values for the counter's labels, in their order.
    func count(_ counter: Counter, _ labels: String...) {
        values.withLock { $0.counters[counter, default: [:]][labels, default: 0] += 1 }
    }

    /// Counts a request and how long its answer took.
    ///
    /// - Parameter route: the pattern, never the path that was asked for.
    func request(_ method: String, _ route: String, status: Int, nanoseconds: Int64) {
        values.withLock { values in
            values.counters[.requests, default: [:]][[method, route, String(status)], default: 0] += 1
            values.durations[Route(method: method, path: route), default: Durations()].add(nanoseconds)
        }
    }

    /// How often something was counted.
    func value(_ counter: Counter, _ labels: String...) -> Int { values.withLock { $0.counters[counter]?[labels] ?? 0 } }

    /// Everything counted, in the text format of Prometheus.
    func write(to text: inout MetricsText) {
        let values = self.values.withLock { $0 }
        for counter in Counter.allCases {
            text.family(counter.rawValue, .counter, counter.help)
            for (labels, count) in (values.counters[counter] ?? [:]).sorted(by: { $0.key.lexicographicallyPrecedes($1.key) }) {
                text.sample(counter.rawValue, Array(zip(counter.labels, labels)), String(count))
            }
        }
        let name = "converge_http_request_duration_seconds"
        text.family(name, .histogram, "Time from a request's first line to the end of its answer.")
        for (route, durations) in values.durations.sorted(by: { ($0.key.path, $0.key.method) < ($1.key.path, $1.key.method) }) {
            let labels = [("method", route.method), ("route", route.path)]
            var sum = 0
            for (bound, count) in zip(Self.bounds, durations.counts) {
                sum += count
                text.sample(name + "_bucket", labels + [("le", MetricsText.seconds(milliseconds: bound))], String(sum))
            }
            text.sample(name + "_bucket", labels + [("le", "+Inf")], String(durations.count))
            text.sample(name + "_sum", labels, String(Double(durations.nanoseconds) / 1e9))
            text.sample(name + "_count", labels, String(durations.count))
        }
    }
}

/// The text format of Prometheus, version 0.0.4.
struct MetricsText {
    enum Kind: String { case counter, gauge, histogram }

    private(set) var text = ""

    static let contentType = "text/plain; version=0.0.4; charset=utf-8"

    /// Says what the samples that follow are.
    mutating func family(_ name: String, _ kind: Kind, _ help: String) {
        text += "# HELP \(name) \(help)\n# TYPE \(name) \(kind.rawValue)\n"
    }

    mutating func sample(_ name: String, _ labels: [(String, String)] = [], _ value: String) {
        let pairs = labels.map { "\($0.0)=\"\(Self.escape($0.1))\"" }.joined(separator: ",")
        text += name + (pairs.isEmpty ? "" : "{\(pairs)}") + " \(value)\n"
    }

    /// A family with one sample.
    mutating func gauge(_ name: String, _ help: String, _ value: String) {
        family(name, .gauge, help)
        sample(name, [], value)
    }

    /// `0.25` for 250.
    static func seconds(milliseconds: Int) -> String {
        milliseconds % 1000 == 0 ? String(milliseconds / 1000) : String(Double(milliseconds) / 1000)
    }

    private static func escape(_ text: String) -> String {
        text.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"").replacing("\n", with: "\\n")
    }
}
