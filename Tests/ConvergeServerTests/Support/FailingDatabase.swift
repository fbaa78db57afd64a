import Synchronization

@testable import ConvergeServer

/// A database that fails once, where a test wants it: at the n-th statement, at the commit after the last one, or after it.
/// It can tell what was asked of it, too.
final class FailingDatabase: Database {
    private struct Plan {
        /// Statements until the failure, that one included; nil: none is planned.
        var left: Int?
        var error = StoreError.busy
        /// What failed.
        var tripped: String?
        /// The transaction is committed, and whoever waited for it never hears so.
        var losesAnswer = false
        /// Everything that was asked of the database, where a test listens.
        var heard: [String]?
    }

    let inner: any Database
    private let plan = Mutex(Plan())

    init(over inner: any Database) {
        self.inner = inner
    }

    var dialect: Dialect { inner.dialect }

    /// The n-th statement from now fails. The commit of a transaction counts as a statement.
    func arm(at statement: Int, _ error: StoreError) {
        plan.withLock { $0 = Plan(left: statement, error: error) }
    }

    /// The next transaction is committed, but its answer is lost, as when the process is killed right then.
    func loseNextAnswer() {
        plan.withLock { $0 = Plan(losesAnswer: true) }
    }

    /// Listens to what is asked from now on.
    func listen() {
        plan.withLock { $0 = Plan(heard: []) }
    }

    /// What was asked since `listen`.
    func heard() -> [String] {
        plan.withLock { plan in
            defer { plan = Plan() }
            return plan.heard ?? []
        }
    }

    /// Everything works again.
    ///
    /// - Returns: the statement that failed, nil when it was not reached.
    @discardableResult
    func disarm() -> String? {
        plan.withLock { plan in
            defer { plan = Plan() }
            return plan.tripped
        }
    }

    fileprivate func count(_ statement: String) throws {
        try plan.withLock { plan in
            plan.heard?.append(statement)
            guard let left = plan.left else { return }
            plan.left = left > 1 ? left - 1 : nil
            guard left == 1 else { return }
            plan.tripped = statement
            throw plan.error
        }
    }

    private func loseAnswer() throws {
        try plan.withLock { plan in
            guard plan.losesAnswer else { return }
            plan.losesAnswer = false
            plan.tripped = "the answer"
            throw StoreError.fault("killed")
        }
    }

    func read<T: Sendable>(_ body: @escaping @Sendable (any Connection) throws -> T) async throws -> T {
        try await inner.read { db in try body(FailingConnection(inner: db, database: self)) }
    }

    @discardableResult
    func write<T: Sendable>(_ body: @escaping @Sendable (any Connection) throws -> T) async throws -> T {
        let value = try await inner.write { db in
            let value = try body(FailingConnection(inner: db, database: self))
            try self.count("COMMIT")
            return value
        }
        try loseAnswer()
        return value
    }

    func close() async throws { try await inner.close() }
}

private struct FailingConnection: Connection {
    let inner: any Connection
    let database: FailingDatabase

    func rows(_ sql: SQL) throws -> [Row] {
        try database.count(sql.text)
        return try inner.rows(sql)
    }

    /// Counts when it is asked, not when its answer is taken: the connection may owe the answers to others then.
    func ask(_ sql: SQL) throws -> Asked<[Row]> {
        try database.count(sql.text)
        return try inner.ask(sql)
    }

    func execute(_ sql: SQL) throws -> Int {
        try database.count(sql.text)
        return try inner.execute(sql)
    }

    func later(_ sql: SQL) throws {
        try database.count(sql.text)
        try inner.later(sql)
    }

    func settle() throws { try inner.settle() }
    func afterCommit(_ action: @escaping @Sendable () -> Void) { inner.afterCommit(action) }
    func tell(_ channel: String) { inner.tell(channel) }
    func beginMigration() throws { try inner.beginMigration() }
}
