public import ConvergeCore
import Foundation
import Synchronization

/// The store in a PostgreSQL database, 15 or newer.
///
/// A write is serializable: each closure sees the store as if it were alone, as with SQLite's one writer. The price is that the
/// engine may ask to run it again, which the closures allow.
public final class PostgresDatabase: Database {
    /// How the server is reached.
    public struct Settings: Sendable, Hashable {
        /// Of several hosts the one that takes writes is used.
        public var address: PostgresAddress
        public var password: Secret?
        /// Sessions at most.
        public var sessions: Int
        /// How long one statement may take, in seconds; so long is a lost connection sought again, and waited for a session, too.
        public var statementSeconds: Int

        public init(address: PostgresAddress, password: Secret? = nil, sessions: Int = 8, statementSeconds: Int = 10) {
            self.address = address
            self.password = password
            self.sessions = sessions
            self.statementSeconds = statementSeconds
        }

        /// How much longer than for a statement one waits for a server that says nothing at all.
        var silenceSeconds = 5.0

        fileprivate var parameters: [String: String] { address.completed(password: password, statementSeconds: statementSeconds) }
        /// The server ends a statement first.
        fileprivate var deadlineSeconds: Double { Double(statementSeconds) + silenceSeconds }
    }

    /// How often one transaction may collide.
    static let collisionsMax = 12
    /// How many wait for each session at most. Those of a node that is only busy wait for a second or two.
    static let waitersEach = 128

    let pool: PostgresPool
    let gate: WriteGate
    /// How often the server was waited for, in transactions that read and in those that write.
    let trips = Mutex((reads: 0, writes: 0))
    private let settings: Settings

    public var dialect: Dialect { .postgres }

    /// Prepares the pool and opens one session, so that a wrong address is found at the start.
    public convenience init(_ settings: Settings) async throws {
        try await self.init(settings) { try PostgresSession(settings.parameters, deadlineSeconds: settings.deadlineSeconds) }
    }

    /// - Parameter open: how a session is opened; tests stand in the way.
    init(_ settings: Settings, open: @escaping @Sendable () throws -> PostgresSession) async throws {
        self.settings = settings
        let mostWaiting = settings.sessions * Self.waitersEach
        gate = WriteGate(most: settings.sessions, mostWaiting: mostWaiting, seconds: settings.statementSeconds)
        pool = PostgresPool(
            size: settings.sessions, mostWaiting: mostWaiting, seconds: settings.statementSeconds, open: open)
        do {
            try await pool.run(Self.checkServer)
        } catch {
            try? await pool.close()
            throw Self.storeError(error)
        }
    }

    /// Refuses what Converge cannot work with.
    private static func checkServer(_ session: PostgresSession) throws {
        guard session.serverVersion >= 150_000 else {
            throw StoreError.fault("PostgreSQL \(session.serverVersion / 10_000) is too old. Converge needs 15 or newer.")
        }
        let encoding = try session.execute("SELECT pg_encoding_to_char(encoding) AS n FROM pg_database WHERE datname = current_database()")
        guard try encoding.rows().first?.text("n") == "UTF8" else {
            throw StoreError.fault(
                "The database is not encoded in UTF8. Make one that is: CREATE DATABASE … ENCODING 'UTF8' TEMPLATE template0")
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
        let clock = World.system().stopwatch, deadline = settings.deadlineSeconds
        var end = clock() + Int64(settings.statementSeconds) * 1_000_000_000, tries = 0, collisions = 0
        while true {
            let asked = clock(), seat = try await seat(isWrite, first: tries > 0)
            // The turns of others are none of its own time.
            end += clock() - asked
            tries += 1
            do {
                let result = try await pool.run(on: seat) { [self] session in
                    session.deadlineSeconds = deadline
                    let before = session.trips
                    defer { count(session.trips - before, isWrite: isWrite) }
                    return try Self.transaction(session, begin, isWrite: isWrite, body)
                }
                if isWrite { gate.leave(collided: false) }
                return result
            } catch {
                // Read-only as it was asked for: another server would say the same.
                if !isWrite, Self.cause(error)?.isReadOnly == true { throw StoreError.fault("a statement that writes, in a read") }
                let hasCollided = Self.kind(error) == .retry
                if isWrite { gate.leave(collided: hasCollided) }
                if hasCollided { collisions += 1 }
                // A long one that collided has lost nothing but its own time; a lost connection is sought for a while only.
                guard Self.mayRepeat(error, isWrite: isWrite), collisions < Self.collisionsMax, hasCollided || clock() < end else {
                    throw Self.storeError(error)
                }
                // A session that broke, or leads to a server that may not write: so may the idle ones. One that could not be
                // opened says nothing about those that are.
                if error is Failure, Self.kind(error) == .connection { pool.forgetIdle() }
            }
            try await Task.sleep(for: Self.pause(tries))
        }
    }

    private func count(_ new: Int, isWrite: Bool) {
        trips.withLock { trips in
            if isWrite { trips.writes += new } else { trips.reads += new }
        }
    }

    /// Waits for a session. Writes go through the gate before, each try anew; reads collide with nobody.
    private func seat(_ isWrite: Bool, first: Bool) async throws -> PostgresPool.Seat {
        guard isWrite else { return try await pool.seat(first: first) }
        try await gate.enter(first: first)
        do {
            return try await pool.seat(first: first)
        } catch {
            gate.leave(collided: false)
            throw error
        }
    }

    private static func transaction<T>(
        _ session: PostgresSession, _ begin: String, isWrite: Bool, _ body: (any Connection) throws -> T
    ) throws -> T {
        let connection = PostgresConnection(session: session), result: T, before = session.trips
        do {
            try session.post(begin)
            result = try body(connection)
            // A connection that broke long ago shows when it is waited for. If that were the end of the transaction, nobody would know
            // what became of it, and it could not run again.
            if isWrite, session.trips == before { try connection.settle() }
            // What was asked and not taken may fail, and the end of a read, for which nobody waits, would be left out with it.
            if !isWrite, session.isOwed { try connection.settle() }
            // A statement that failed and was shrugged off would turn the commit into a rollback without a word.
            if isWrite, let failed = connection.failure { throw failed }
            try end(session, isWrite: isWrite)
        } catch let failure as Failure {
            undo(session)
            throw failure
        } catch {
            // Whatever was made of it: a transaction that the engine refused runs again, or ends with the engine's word.
            let cause = connection.failure.flatMap { $0.kind.isStore ? nil : $0 } ?? error
            undo(session)
            throw cause is PostgresError ? Failure(error: cause, stage: .before) : cause
        }
        connection.committed()
        return result
    }

    private static func end(_ session: PostgresSession, isWrite: Bool) throws {
        do {
            // What was read is known already, whatever becomes of the commit.
            if isWrite { try session.run("COMMIT") } else { try session.post("COMMIT"); try session.leave() }
        } catch {
            throw Failure(error: error, stage: (error as? PostgresError)?.isUndone == true ? .before : .ending)
        }
    }

    private static func undo(_ session: PostgresSession) {
        guard !session.isBroken, !session.isIdle else { return }
        try? session.run("ROLLBACK")
    }

    private static func mayRepeat(_ error: any Error, isWrite: Bool) -> Bool {
        switch kind(error) {
        case .retry: true
        // Without a stage there was no session yet.
        case .connection: (error as? Failure)?.stage != .ending || !isWrite
        case .store, nil: false
        }
    }

    private static func cause(_ error: any Error) -> PostgresError? { ((error as? Failure)?.error ?? error) as? PostgresError }
    private static func kind(_ error: any Error) -> PostgresError.Kind? { cause(error)?.kind }

    private static let pauses = Atomic<UInt64>(0)

    /// Growing and uneven, so that two that collided do not collide again. Nobody has to be unable to guess it, so a counter will do.
    private static func pause(_ tries: Int) -> Duration {
        let count = pauses.wrappingAdd(1, ordering: .relaxed).newValue &* 0x9E37_79B9_7F4A_7C15
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

    /// When something was told on a channel, until the task is cancelled. A connection that breaks is made anew; what was told
    /// meanwhile is missed, so that one is told at each new connection.
    public func notifications(_ channel: String) -> AsyncStream<Void>? {
        let settings = self.settings
        return AsyncStream(bufferingPolicy: .bufferingNewest(1)) { continuation in
            let listener = Listener(settings.parameters, channel: channel) { continuation.yield() }
            continuation.onTermination = { _ in listener.stop() }
            listener.start()
        }
    }

    // MARK: for operators

    /// Sessions of others in this database under the same role: nodes, commands and whoever else may write to the tables. What a node
    /// calls itself (`application_name`) is the operator's to choose, so that nothing is made of it.
    func others() async throws -> Int {
        let own = Int64(pool.opened)
        return try await read { db in
            let all = try db.row(
                "SELECT COUNT(*) AS n FROM pg_stat_activity WHERE datname = current_database() AND usename = current_user")
            return Int(max(0, (try all?.integer("n") ?? 0) - own))
        }
    }

    /// What the server says of itself.
    struct Facts: Sendable {
        var version: String
        /// Settings without which an acknowledged change may be lost.
        var unsafe: [String]
        var collation: String
        var isEncrypted: Bool
        /// max_pred_locks_per_transaction: memory in which serializable transactions note what they read.
        var notesEach: Int
    }

    func facts() async throws -> Facts {
        do {
            return try await pool.run { session in
                let row = try session.execute(
                    """
                    SELECT current_setting('server_version') AS version, current_setting('fsync') AS fsync,
                        current_setting('full_page_writes') AS full_page_writes,
                        current_setting('synchronous_commit') AS synchronous_commit,
                        current_setting('max_pred_locks_per_transaction') AS notes,
                        (SELECT datcollate FROM pg_database WHERE datname = current_database()) AS collation
                    """
                ).rows()[0]
                let needed = ["fsync", "full_page_writes", "synchronous_commit"]
                return Facts(
                    version: try row.text("version"), unsafe: try needed.filter { try row.text($0) == "off" },
                    collation: try row.text("collation"), isEncrypted: session.isEncrypted, notesEach: Int(try row.text("notes")) ?? 0)
            }
        } catch {
            throw Self.storeError(error)
        }
    }
}

/// A session in the shape both engines share.
private final class PostgresConnection: Connection {
    let session: PostgresSession
    /// The first statement that failed; it ended the transaction at the server.
    private(set) var failure: PostgresError?
    private var actions: [@Sendable () -> Void] = []
    private var told: Set<String> = []

    init(session: PostgresSession) {
        self.session = session
    }

    func rows(_ sql: SQL) throws -> [Row] { try noting { try session.execute(sql).rows() } }

    func ask(_ sql: SQL) throws -> Asked<[Row]> {
        let answer = try noting { try session.ask(sql) }
        return Asked { try self.noting { try self.session.take(answer).rows() } }
    }

    @discardableResult
    func execute(_ sql: SQL) throws -> Int { try noting { try session.execute(sql).changes } }

    func later(_ sql: SQL) throws { try noting { try session.post(sql) } }

    func settle() throws { try noting { try session.settle() } }

    func afterCommit(_ action: @escaping @Sendable () -> Void) { actions.append(action) }

    func tell(_ channel: String) { told.insert(channel) }

    func beginMigration() throws {
        // The server is still watched, but an index over a million rows takes its time.
        session.deadlineSeconds = 3600
        for statement in Dialect.postgres.migration { try execute(statement) }
    }

    /// Telling is a transaction of its own: within the other one it would make all commits of the server wait for each other.
    func committed() {
        for action in actions { action() }
        guard !told.isEmpty else { return }
        for notify in told.sorted().compactMap(Dialect.postgres.notify) { try? session.post(notify) }
        try? session.leave()
    }

    /// What the store can name is thrown in its words, the rest asks for another run.
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
    private let parameters: [String: String]
    private let channel: String
    private let tell: @Sendable () -> Void

    init(_ parameters: [String: String], channel: String, tell: @escaping @Sendable () -> Void) {
        self.parameters = parameters
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
                let session = try PostgresSession(parameters, deadlineSeconds: 15)
                try session.run("LISTEN \(channel)")
                tell()  // whatever was told before is unknown: look once
                while goesOn { if try !session.notification(within: 1).isEmpty { tell() } }
            } catch {
                Thread.sleep(forTimeInterval: 1)
            }
        }
    }
}
