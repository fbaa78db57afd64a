import Foundation
import Synchronization
import Testing

@testable import ConvergeServer

/// A database that lets two transactions meet between check and write, so that a race is no matter of luck.
///
/// On PostgreSQL both stand before the statement that a test names, each with its own snapshot, before either goes on. SQLite has one
/// writer: the first stands there until the second has asked to write and waits for it.
final class PausingDatabase: Database {
    private struct State {
        var statements: [String] = []
        /// Transactions that were asked for and are not over.
        var asked = 0
        /// Those that stand, or stood, before the statement.
        var reached = 0
        /// How often a closure ran that came to the statement.
        var runs = 0
    }

    let inner: any Database
    private let condition = NSCondition()
    // Only with the condition's lock.
    private nonisolated(unsafe) var state = State()

    init(over inner: any Database) {
        self.inner = inner
    }

    var dialect: Dialect { inner.dialect }

    /// The next two transactions that come to a statement with one of these beginnings wait for each other there.
    func hold(at statements: String...) { locked { $0 = State(statements: statements, asked: $0.asked) } }

    /// Whether two really met.
    var met: Bool { locked { $0.reached >= 2 } }

    /// How often a closure came to the statement: more than twice, when the engine made one of the two run again.
    var runs: Int { locked { $0.runs } }

    /// The next write stands at the door of its transaction until `letIn`: what its request has read by then may be old.
    func holdNextWrite() { door.withLock { $0 = .held } }

    /// Whether a write stands there.
    var isStanding: Bool { door.withLock { if case .standing = $0 { true } else { false } } }

    func letIn() {
        let standing = door.withLock { door in
            defer { door = .open }
            return if case .standing(let continuation) = door { continuation } else { nil as CheckedContinuation<Void, Never>? }
        }
        standing?.resume()
    }

    private enum Door {
        case open, held
        case standing(CheckedContinuation<Void, Never>)
    }

    private let door = Mutex(Door.open)

    private func comeToTheDoor() async {
        await withCheckedContinuation { continuation in
            let mustStand = door.withLock { door in
                guard case .held = door else { return false }
                door = .standing(continuation)
                return true
            }
            if !mustStand { continuation.resume() }
        }
    }

    private func locked<T>(_ body: (inout State) -> T) -> T {
        condition.lock()
        defer {
            condition.broadcast()
            condition.unlock()
        }
        return body(&state)
    }

    /// - Parameter connection: what it asked and did not wait for is done before, so that its transaction has its snapshot.
    fileprivate func pause(at statement: String, _ connection: any Connection) throws {
        guard locked({ state in state.statements.contains { statement.hasPrefix($0) } }) else { return }
        try connection.settle()
        let mustWait = locked { state in
            state.runs += 1
            state.reached += 1
            return state.reached <= 2
        }
        guard mustWait else { return }
        // Far beyond anything that happens: a test that waits in vain must say so and end.
        let end = Date().addingTimeInterval(60)
        condition.lock()
        while dialect == .sqlite ? state.asked < 2 && state.reached < 2 : state.reached < 2, condition.wait(until: end) {}
        condition.unlock()
        if Date() >= end { Issue.record("nobody came to meet at \(statement.prefix(40))") }
    }

    func read<T: Sendable>(_ body: @escaping @Sendable (any Connection) throws -> T) async throws -> T { try await inner.read(body) }

    @discardableResult
    func write<T: Sendable>(_ body: @escaping @Sendable (any Connection) throws -> T) async throws -> T {
        await comeToTheDoor()
        locked { $0.asked += 1 }
        defer { locked { $0.asked -= 1 } }
        return try await inner.write { db in try body(PausingConnection(inner: db, database: self)) }
    }

    func notifications(_ channel: String) -> AsyncStream<Void>? { inner.notifications(channel) }

    func close() async throws { try await inner.close() }
}

private struct PausingConnection: Connection {
    let inner: any Connection
    let database: PausingDatabase

    func rows(_ sql: SQL) throws -> [Row] {
        try database.pause(at: sql.text, inner)
        return try inner.rows(sql)
    }

    func ask(_ sql: SQL) throws -> Asked<[Row]> {
        try database.pause(at: sql.text, inner)
        return try inner.ask(sql)
    }

    func execute(_ sql: SQL) throws -> Int {
        try database.pause(at: sql.text, inner)
        return try inner.execute(sql)
    }

    func later(_ sql: SQL) throws {
        try database.pause(at: sql.text, inner)
        try inner.later(sql)
    }

    func settle() throws { try inner.settle() }
    func afterCommit(_ action: @escaping @Sendable () -> Void) { inner.afterCommit(action) }
    func tell(_ channel: String) { inner.tell(channel) }
    func beginMigration() throws { try inner.beginMigration() }
}
