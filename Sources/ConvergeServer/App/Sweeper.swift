import ConvergeCore
import Logging
public import ServiceLifecycle

/// Forgets what is over: flows, sessions, delivered messages, spent links. A little at a time, so that nobody waits.
public struct Sweeper: ServiceLifecycle.Service {
    let instance: Instance

    /// What is over is kept this long, for questions.
    static let grace = Span.days(7)

    public init(_ instance: Instance) {
        self.instance = instance
    }

    public func run() async throws {
        try? await cancelWhenGracefulShutdown {
            while !Task.isCancelled {
                do { try await sweep() } catch { instance.log.error("sweep failed", metadata: ["reason": "\(error)"]) }
                try await Task.sleep(for: .seconds(3600))
            }
        }
    }

    /// One round.
    func sweep() async throws {
        let before = instance.world.now() - Self.grace, now = instance.world.now()
        try await instance.database.write { db in
            try db.execute("DELETE FROM flow WHERE expires_ms < \(before)")
            try db.execute("DELETE FROM session WHERE ends_ms < \(before)")
            try db.execute("DELETE FROM outbox WHERE state <> 'waiting' AND done_ms < \(before)")
            try db.execute("DELETE FROM notice_link WHERE expires_ms < \(before)")
            // A message whose time is over while no worker ran: its content goes now.
            try db.execute(
                "UPDATE outbox SET state = 'expired', sealed = NULL, done_ms = \(now) WHERE state = 'waiting' AND not_after_ms <= \(now)")
        }
    }
}
