import ConvergeCore
import HTTPTypes
import Logging
import Synchronization

/// What a monitor asks: whether the program answers, whether it can work, and what it counts. Nobody signs in for these.
enum OperationsRoutes {
    /// Paths that a monitor asks by address, not by the public name.
    static let paths: Set<String> = ["/healthz", "/readyz", "/metrics"]

    static let routes: [Route] = [
        .open(.get, "/healthz") { _, _ in .text("ok\n") },
        .open(.get, "/readyz", ready),
        .open(.get, "/metrics") { request, instance in
            guard request.mayReadMetrics else { return .page(NotFoundPage(), status: 404) }
            return .text(try await metrics(instance), type: MetricsText.contentType)
        },
    ]

    /// How long a monitor is kept waiting: its own patience is short.
    private static let patience = Duration.seconds(3)

    /// Ready is a server that can read its store, and soon.
    private static func ready(_ request: AnonymousRequest, _ instance: Instance) async throws -> Reply {
        do {
            try await within(patience) { _ = try await instance.database.read { db in try instance.policies.currentVersion(db) } }
            return .text("ready\n")
        } catch {
            instance.log.error("not ready", metadata: ["request": "\(request.id)", "reason": "\(error)"])
            return .text("not ready: the store cannot be read\n", status: 503)
        }
    }

    /// Runs something that may not end for a while, and waits for it for so long.
    private static func within(_ time: Duration, _ body: @escaping @Sendable () async throws -> Void) async throws {
        let over = Signal(), outcome = Mutex<Result<Void, any Error>?>(nil)
        let task = Task {
            do {
                try await body()
                outcome.withLock { $0 = .success(()) }
            } catch {
                outcome.withLock { $0 = .failure(error) }
            }
            over.wake()
        }
        await over.wait(since: 0, atMost: time)
        task.cancel()
        guard let result = outcome.withLock({ $0 }) else { throw StoreError.busy }
        try result.get()
    }

    static func metrics(_ instance: Instance) async throws -> String {
        let now = instance.world.now(), outbox = instance.outbox
        let backlog = try await instance.database.read { db in try outbox.backlog(db) }
        var text = MetricsText()
        instance.metrics.write(to: &text)
        write(instance.hasher.load, rounds: instance.hasher.rounds, to: &text)
        text.family("converge_outbox_waiting", .gauge, "Messages that wait to be sent.")
        for kind in OutboxMessage.Kind.allCases {
            text.sample("converge_outbox_waiting", [("kind", kind.rawValue)], String(backlog[kind]?.count ?? 0))
        }
        text.family("converge_outbox_oldest_seconds", .gauge, "Age of the oldest message that waits.")
        for kind in OutboxMessage.Kind.allCases {
            let age = backlog[kind].map { (now - $0.oldest).ms } ?? 0
            text.sample("converge_outbox_oldest_seconds", [("kind", kind.rawValue)], String(Double(age) / 1000))
        }
        writeProcess(instance, to: &text)
        return text.text
    }

    private static func write(_ load: PasswordHasher.Load, rounds: Int, to text: inout MetricsText) {
        text.gauge("converge_hashing_running", "Password hashes being made or compared.", String(load.running))
        text.gauge("converge_hashing_waiting", "Callers waiting for a hash.", String(load.waiting))
        text.family("converge_hashing_total", .counter, "Passwords and rounds of answers that were hashed.")
        text.sample("converge_hashing_total", [], String(rounds))
        text.family("converge_hashing_refused_total", .counter, "Callers sent away because too many were waiting.")
        text.sample("converge_hashing_refused_total", [], String(load.refused))
    }

    private static func writeProcess(_ instance: Instance, to text: inout MetricsText) {
        if let bytes = ProcessFacts.residentBytes {
            text.gauge("process_resident_memory_bytes", "Memory in use.", String(bytes))
        }
        text.family("process_cpu_seconds_total", .counter, "Processor time used.")
        text.sample("process_cpu_seconds_total", [], String(ProcessFacts.processorSeconds))
        text.gauge(
            "process_start_time_seconds", "When the program started, in seconds since 1970.",
            String(Double(instance.metrics.startedAt.ms) / 1000))
    }
}
