import ConvergeCore
import Logging
public import ServiceLifecycle

/// Forgets what is over: flows, sessions, delivered messages, spent links, old counters. What goes is looked up beside
/// the writers and deleted a little at a time, so that nobody waits.
public struct Sweeper: ServiceLifecycle.Service {
    let instance: Instance

    /// What is over is kept this long, for questions.
    static let grace = Span.days(7)
    /// A row that stands for a message to nobody answers no question. It goes in this task, never in a request: there it would
    /// tell by its time that a name does not exist.
    static let emptyGrace = Span.hours(1)
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
                await sweep()
                try await Task.sleep(for: .seconds(3600))
            }
        }
    }

    private var store: SweepStore { SweepStore() }

    /// One round. What fails is named in the log and tried again with the next one; it keeps nothing else from being done.
    ///
    /// - Returns: what failed.
    @discardableResult
    func sweep() async -> [String] {
        let now = instance.world.now(), store = self.store, database = instance.database
        // Wrong codes against one credential in all stay counted until the owner proves another way.
        let kept = Budgets.ceiling(CredentialID(""))
        var steps: [(name: String, work: () async throws -> Void)] = [
            // Somebody waits for this.
            ("accounts that were closed", { try await openBlocked(now) }),
            ("messages too late", { try await database.write { db in try store.expireMessages(now: now, db) } }),
            (
                "what was replaced",
                { try await database.write { db in try store.forgetReplaced(before: now - CredentialStore.undoLife, db) } }
            ),
        ]
        for over in store.over(before: now - Self.grace, empty: now - Self.emptyGrace, keeping: kept) {
            steps.append((over.table, { try await delete(over) }))
        }
        steps.append(("locks", { try await sweepLocks(now) }))
        var failed: [String] = []
        for step in steps where !Task.isCancelled {
            do { try await step.work() } catch {
                failed.append(step.name)
                instance.log.error("sweep failed", metadata: ["step": "\(step.name)", "reason": "\(error)"])
            }
        }
        return failed
    }

    /// Opens accounts again that a fraud report closed for a while.
    private func openBlocked(_ now: Moment) async throws {
        let instance = self.instance, portion = self.portion
        while !Task.isCancelled {
            let over = try await instance.database.read { db in try instance.people.blockedUntil(now, limit: portion, db) }
            guard !over.isEmpty else { return }
            try await instance.database.write { db in
                let ledger = Ledger(instance, db, now: now)
                for record in try instance.people.blockedUntil(now, limit: portion, db) {
                    try instance.people.setState(record.id, .enabled, db)
                    try ledger.note(.unblocked, record, by: .system, details: ["reason": "its time is over"])
                }
            }
        }
    }

    private func delete(_ over: SweepStore.Over) async throws {
        let portion = self.portion, store = self.store
        while !Task.isCancelled {
            let keys = try await instance.database.read { db in try store.keys(over, limit: portion, db) }
            guard !keys.isEmpty else { return }
            try await instance.database.write { db in try store.delete(keys, over, db) }
        }
    }

    /// Wipes remembered guesses after their hour, and a lock that has been quiet for long.
    private func sweepLocks(_ now: Moment) async throws {
        let portion = self.portion, store = self.store
        var last = ""
        while !Task.isCancelled {
            let after = last
            let locks = try await instance.database.read { db in try store.locks(after: after, limit: portion, db) }
            guard let end = locks.last?.key else { return }
            last = end
            let changes = try locks.compactMap { lock in try Self.change(lock, now).map { (lock, $0) } }
            guard !changes.isEmpty else { continue }
            try await instance.database.write { db in
                for (lock, change) in changes {
                    switch change {
                    case .becomes(let state): try store.replace(lock, by: state, now: now, db)
                    case .goes: try store.forget(lock, db)
                    }
                }
            }
        }
    }

    private enum Change { case becomes(PasswordLockState), goes }

    private static func change(_ lock: SweepStore.Lock, _ now: Moment) throws -> Change? {
        let stored = try JSONText.decode(PasswordLockState.self, from: lock.note)
        let current = PasswordLockRule.standard.current(stored, at: now)
        if current != stored { return .becomes(current) }
        let isQuiet = current.remembered.isEmpty && current.lockedUntil == nil && lock.quietSince < now - lockMemory
        return isQuiet ? .goes : nil
    }
}
