import ConvergeCore
import Foundation
import Synchronization

/// The store in a PostgreSQL database, 15 or newer.
///
/// A write is serializable: each closure sees the store as if it were alone, as with SQLite's one writer. The price is that the
/// engine may ask to run it again, which the closures allow.
public final class PostgresDatabase: Database {
    /// How the server is reached.
    public struct Settings: Sendable, Hashable {
        /// A libpq URI or connection string. Of several hosts the one that takes writes is used. It may hold a password: never
        /// log it.
        public var conninfo: String
        /// Sessions at most.
        public var sessions: Int
        /// How long one statement may take, in seconds.
        public var statementSeconds: Int

        public init(conninfo: String, sessions: Int = 8, statementSeconds: Int = 10) {
            self.conninfo = conninfo
            self.sessions = sessions
            self.statementSeconds = statementSeconds
        }
    }

    /// How often one transaction is tried at most.
    static let triesMax = 12

    private let pool: PostgresPool
    private let settings: Settings

    public var dialect: Dialect { .postgres }

    /// Prepares the pool and opens one session, so that a wrong address is found at the start.
    public init(_ settings: Settings) async throws {
        self.settings = settings
        let conninfo = Self.completed(settings), deadline = Double(settings.statementSeconds) + 5
        pool = PostgresPool(size: settings.sessions) { try PostgresSession(conninfo: conninfo, deadlineSeconds: deadline) }
        do {
            let version = try await pool.run { $0.serverVersion }
            guard version >= 150_000 else { throw StoreError.fault("PostgreSQL \(version / 10_000) is too old; Converge needs 15") }
        } catch {
            try? await pool.close()
            throw Self.storeError(error)
        }
    }

    public func read<T: Sendable>(_ body: @escaping @Sendable (any Connection) throws -> T) async throws -> T {
        try await attempt("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", isWrite: false, body)
    }

    @discardableResult
    public func write<T: Sendable>(_ body: @escaping @Sendable (any Connection) throws -> T) async throws -> T {
        try await attempt("BEGIN ISOLATION LEVEL SERIALIZABLE", isWrite: true, body)
    }

    public func close() async throws { try await pool.close() }

    // MARK: transactions

    /// Where a transaction stood when it failed.
    private enum Stage: Sendable { case before, ending }

    private struct Failure: Error, Sendable {
        let error: any Error
        let stage: Stage
    }

    /// Runs a transaction, again where the engine asks for it or the connection broke before its end. When it breaks while the
    /// end is being confirmed, nobody knows what became of it, and it is not run again: a secret must not be spent twice.
    private func attempt<T: Sendable>(
        _ begin: String, isWrite: Bool, _ body: @escaping @Sendable (any Connection) throws -> T
    ) async throws -> T {
        var tries = 0
        while true {
            tries += 1
            do {
                return try await pool.run { session in try Self.transaction(session, begin, isWrite: isWrite, body) }
            } catch let failure as Failure {
                guard Self.mayRepeat(failure, isWrite: isWrite), tries < Self.triesMax else { throw Self.storeError(failure.error) }
                if Self.isConnection(failure.error) { pool.forgetIdle() }
            } catch let error as PostgresError where error.kind == .connection {
                guard tries < Self.triesMax else { throw Self.storeError(error) }
                pool.forgetIdle()
            } catch {
                throw Self.storeError(error)
            }
            try await Task.sleep(for: Self.pause(tries))
        }
    }

    private static func transaction<T>(
        _ session: PostgresSession, _ begin: String, isWrite: Bool, _ body: (any Connection) throws -> T
    ) throws -> T {
        do {
            try session.run(begin)
            let connection = PostgresConnection(session: session)
            let result = try body(connection)
            // A statement that failed and was shrugged off would turn the commit into a rollback without a word.
            if isWrite, let failed = connection.failure { throw failed }
            do { try session.run("COMMIT") } catch { throw Failure(error: error, stage: .ending) }
            return result
        } catch let failure as Failure {
            throw failure
        } catch {
            if !session.isBroken { try? session.run("ROLLBACK") }
            throw error is PostgresError ? Failure(error: error, stage: .before) : error
        }
    }

    private static func mayRepeat(_ failure: Failure, isWrite: Bool) -> Bool {
        guard let error = failure.error as? PostgresError else { return false }
        switch error.kind {
        case .retry: return true
        case .connection: return failure.stage == .before || !isWrite
        case .store: return false
        }
    }

    private static func isConnection(_ error: any Error) -> Bool { (error as? PostgresError)?.kind == .connection }

    private static let collisions = Atomic<UInt64>(0)

    /// Growing and uneven, so that two that collided do not collide again. Nobody has to be unable to guess it, so a counter will do.
    private static func pause(_ tries: Int) -> Duration {
        let count = collisions.wrappingAdd(1, ordering: .relaxed).newValue &* 0x9E37_79B9_7F4A_7C15
        return .milliseconds(1 + Int(count >> 40) % (4 << min(tries, 8)))
    }

    private static func storeError(_ error: any Error) -> any Error {
        let error = (error as? Failure)?.error ?? error
        guard let error = error as? PostgresError else { return error }
        return switch error.kind {
        case .retry: StoreError.busy
        case .connection: StoreError.unavailable(error.reason)
        case .store(let error): error
        }
    }

    // MARK: notifications

    /// What other nodes said on a channel, until the task is cancelled. A connection that breaks is made anew; what was said
    /// meanwhile is missed, so that listeners look by themselves now and then as well.
    public func notifications(_ channel: String) -> AsyncStream<String>? {
        let conninfo = Self.completed(settings)
        return AsyncStream { continuation in
            let listener = Listener(conninfo: conninfo, channel: channel) { continuation.yield($0) }
            continuation.onTermination = { _ in listener.stop() }
            listener.start()
        }
    }

    // MARK: settings

    /// The connection string with what Converge needs: a server that takes writes, limits on waiting, a dead peer noticed.
    private static func completed(_ settings: Settings) -> String {
        let milliseconds = settings.statementSeconds * 1000
        let options =
            "-c statement_timeout=\(milliseconds) -c lock_timeout=\(milliseconds) -c idle_in_transaction_session_timeout=60000"
            + " -c default_transaction_isolation=serializable"
        let wanted = [
            ("target_session_attrs", "read-write"), ("connect_timeout", "5"), ("keepalives_idle", "15"), ("keepalives_interval", "5"),
            ("keepalives_count", "3"), ("tcp_user_timeout", "15000"), ("application_name", "converge"), ("options", options),
            ("client_encoding", "UTF8"),
        ]
        let text = settings.conninfo
        guard text.hasPrefix("postgres://") || text.hasPrefix("postgresql://") else {
            let missing = wanted.filter { !text.contains($0.0 + "=") && !text.contains($0.0 + " =") }
            return text + missing.map { " \($0.0)='\($0.1)'" }.joined()
        }
        let missing = wanted.filter { !text.contains($0.0 + "=") }.map { "\($0.0)=\(PercentEncoding.encode($0.1))" }.joined(separator: "&")
        return text + (text.contains("?") ? "&" : "?") + missing
    }
}

/// A session in the shape both engines share.
private final class PostgresConnection: Connection {
    let session: PostgresSession
    private(set) var failure: (any Error)?

    init(session: PostgresSession) {
        self.session = session
    }

    func rows(_ sql: SQL) throws -> [Row] { try noting { try session.execute(sql).rows() } }

    func execute(_ sql: SQL) throws -> Int { try noting { try session.execute(sql).changes } }

    /// The first failure ends the transaction at the server; what the store can name is thrown in its words, the rest asks for
    /// another run.
    private func noting<T>(_ body: () throws -> T) throws -> T {
        do { return try body() } catch let error as PostgresError {
            failure = failure ?? error
            if case .store(let named) = error.kind { throw named }
            throw error
        }
    }
}

/// Waits for notifications on a thread of its own: libpq waits by blocking.
private final class Listener: Sendable {
    private let isStopped = Atomic(false)
    private let conninfo: String
    private let channel: String
    private let tell: @Sendable (String) -> Void

    init(conninfo: String, channel: String, tell: @escaping @Sendable (String) -> Void) {
        self.conninfo = conninfo
        self.channel = channel
        self.tell = tell
    }

    func start() {
        let thread = Thread { [self] in listen() }
        thread.name = "converge-listen"
        thread.start()
    }

    func stop() { isStopped.store(true, ordering: .relaxed) }

    private var goesOn: Bool { !isStopped.load(ordering: .relaxed) }

    private func listen() {
        while goesOn {
            do {
                let session = try PostgresSession(conninfo: conninfo, deadlineSeconds: 15)
                try session.run("LISTEN \(channel)")
                tell("")  // whatever was said before is unknown: look once
                while goesOn { for word in try session.notification(within: 1) { tell(word) } }
            } catch {
                Thread.sleep(forTimeInterval: 1)
            }
        }
    }
}
