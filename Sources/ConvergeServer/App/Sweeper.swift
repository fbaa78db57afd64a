import ConvergeCore
import Logging
public import ServiceLifecycle

/// Forgets what is over: flows, sessions, delivered messages, spent links, old counters. What goes is looked up beside
/// the writers and deleted a little at a time, so that nobody waits.
public struct Sweeper: ServiceLifecycle.Service {
    let instance: Instance

    /// What is over is kept this long, for questions.
    static let grace = Span.days(7)
    /// Wrong passwords that nobody added to for so long are forgotten.
    static let lockMemory = Span.days(30)
    /// Rows that one transaction deletes at most.
    let portion: Int

    public init(_ instance: Instance) {
        self.init(instance, portion: 500)
    }

    init(_ instance: Instance, portion: Int) {
        self.instance = instance
        self.portion = portion
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
        let now = instance.world.now(), before = now - Self.grace
        try await expire(now)
        try await delete("flow", key: "id", where: "expires_ms < \(before)")
        try await delete("session", key: "id", where: "ends_ms < \(before)")
        try await delete("outbox", key: "id", where: "state <> 'waiting' AND done_ms < \(before)")
        try await delete("notice_link", key: "hash", where: "expires_ms < \(before)")
        try await delete("admin_code", key: "hash", where: "expires_ms < \(before)")
        try await delete("delivery_trouble", key: "channel", where: "failed_ms < \(before)")
        // Wrong codes against one credential in all stay counted until the owner proves another way; rows with a note are
        // locks on guessing passwords.
        let ceiling = Budgets.ceiling(CredentialID("")) + "%"
        try await delete(
            "budget", key: "key",
            where: """
                note IS NULL AND key NOT LIKE \(ceiling) AND window_start_ms < \(before)
                AND (locked_until_ms IS NULL OR locked_until_ms < \(before))
                """)
        try await sweepLocks(now)
    }

    /// Messages whose time ended while no worker ran: their content goes now.
    private func expire(_ now: Moment) async throws {
        try await instance.database.write { db in
            try db.execute(
                """
                UPDATE outbox SET state = \(OutboxEnd.expired), sealed = NULL, failure = 'too late', done_ms = \(now)
                WHERE state = 'waiting' AND not_after_ms <= \(now) AND next_ms <= \(now)
                """)
        }
    }

    private func delete(_ table: String, key: String, where condition: SQL) async throws {
        let portion = self.portion
        while !Task.isCancelled {
            let keys = try await instance.database.read { db in
                try db.rows("SELECT \(raw: key) AS k FROM \(raw: table) WHERE \(fragment: condition) LIMIT \(portion)").map {
                    try $0.text("k")
                }
            }
            guard !keys.isEmpty else { return }
            try await instance.database.write { db in
                try db.execute("DELETE FROM \(raw: table) WHERE \(raw: key) IN \(fragment: .list(keys)) AND \(fragment: condition)")
            }
        }
    }

    /// Wipes remembered guesses after their hour, and a lock that has been quiet for long. `window_start_ms` of a lock says
    /// since when nothing is remembered.
    private func sweepLocks(_ now: Moment) async throws {
        let portion = self.portion
        var last = ""
        while !Task.isCancelled {
            let after = last
            let rows = try await instance.database.read { db in
                try db.rows(
                    "SELECT key, note, window_start_ms FROM budget WHERE note IS NOT NULL AND key > \(after) ORDER BY key LIMIT \(portion)"
                )
                .map { (key: try $0.text("key"), note: try $0.text("note"), quietSince: try $0.moment("window_start_ms")) }
            }
            guard let end = rows.last?.key else { return }
            last = end
            let changes = try rows.compactMap { row in try Self.change(row.key, row.note, quietSince: row.quietSince, now) }
            guard !changes.isEmpty else { continue }
            try await instance.database.write { db in for change in changes { try db.execute(change) } }
        }
    }

    private static func change(_ key: String, _ note: String, quietSince: Moment, _ now: Moment) throws -> SQL? {
        let stored = try JSONText.decode(PasswordLockState.self, from: note)
        let current = PasswordLockRule.standard.current(stored, at: now)
        if current != stored {
            return """
                UPDATE budget SET note = \(try JSONText.encode(current)), locked_until_ms = \(value: current.lockedUntil.sqlValue),
                    window_start_ms = \(now) WHERE key = \(key) AND note = \(note)
                """
        }
        let isQuiet = current.remembered.isEmpty && current.lockedUntil == nil && quietSince < now - lockMemory
        return isQuiet ? "DELETE FROM budget WHERE key = \(key) AND note = \(note)" : nil
    }
}
