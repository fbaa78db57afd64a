import Foundation
import GRDB
import Synchronization

/// The store in one SQLite file: write-ahead log, one writer, several readers.
///
/// A read runs on the thread that asks for it: it takes less time than waking another one would. Writes wait for the disk, so they
/// have a thread of their own; those that come while one is being flushed share the next transaction.
public final class SQLiteDatabase: Database {
    private let pool: DatabasePool
    private let writer: GroupedWriter
    private let ownedFolder: String?
    /// Held by whoever has the file open, so that a restore does not take it away underneath.
    private let lock: Mutex<FileLock?>

    public var dialect: Dialect { .sqlite }

    /// Opens or creates the file at `path` (mode 0600 when created; its folder must exist).
    ///
    /// - Throws: `StoreError` when the file cannot be opened or the engine does not take the settings that
    ///   durability rests on.
    public convenience init(path: String) throws {
        try self.init(path: path, ownedFolder: nil)
    }

    /// A database of its own in the system's temporary folder, removed by `close()`: for tests and trials.
    ///
    /// - Parameter together: how many writes share a transaction at most.
    static func temporary(together: Int = GroupedWriter.most) throws -> SQLiteDatabase {
        var template = Array((FileManager.default.temporaryDirectory.path + "/converge-XXXXXX").utf8CString)
        guard let made = mkdtemp(&template) else { throw StoreError.fault("no temporary folder: errno \(errno)") }
        let folder = String(cString: made)
        return try SQLiteDatabase(path: folder + "/converge.db", ownedFolder: folder, together: together)
    }

    private init(path: String, ownedFolder: String?, together: Int = GroupedWriter.most) throws {
        guard let lock = FileLock(beside: path, .shared, wait: false) else { throw StoreError.inUse(path: path) }
        self.lock = Mutex(lock)
        // The log and the shared-memory file take their mode from the database file.
        let descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw StoreError.fault("cannot open \(path): \(String(cString: strerror(errno)))") }
        Foundation.close(descriptor)
        var configuration = Configuration()
        configuration.foreignKeysEnabled = true
        configuration.busyMode = .timeout(5)
        // One for each thread that may read: those of connections, and those that run everything else. None waits for another.
        configuration.maximumReaderCount = max(4, 2 * sysconf(Int32(_SC_NPROCESSORS_ONLN)))
        configuration.label = "converge"
        pool = try Self.mapped { [configuration] in try DatabasePool(path: path, configuration: configuration) }
        writer = GroupedWriter(pool, most: together)
        self.ownedFolder = ownedFolder
        // The pool opens its writer with synchronous=NORMAL, which may lose the last commits with the power; an
        // acknowledged change of somebody's security info must not be lost.
        try Self.mapped { [pool] in
            try pool.writeWithoutTransaction { try $0.execute(sql: "PRAGMA synchronous = FULL") }
        }
        guard try writerPragma("synchronous") == "2", try writerPragma("journal_mode") == "wal",
            try writerPragma("foreign_keys") == "1"
        else { throw StoreError.fault("SQLite did not take synchronous=FULL, WAL and foreign keys") }
    }

    public func read<T: Sendable>(_ body: @escaping @Sendable (any Connection) throws -> T) async throws -> T {
        let pending = AfterCommit()
        let result = try readHere { try body(SQLiteConnection(database: $0, pending: pending)) }
        pending.run()
        return result
    }

    /// On this very thread.
    private func readHere<T>(_ body: (GRDB.Database) throws -> T) throws -> T { try Self.mapped { try pool.read(body) } }

    @discardableResult
    public func write<T: Sendable>(_ body: @escaping @Sendable (any Connection) throws -> T) async throws -> T {
        try await withCheckedThrowingContinuation { (waiting: CheckedContinuation<T, any Error>) in
            writer.add(
                GroupedWriter.Job(
                    run: { database in
                        let pending = AfterCommit()
                        let result = try body(SQLiteConnection(database: database, pending: pending))
                        return {
                            pending.run()
                            waiting.resume(returning: result)
                        }
                    },
                    fail: { waiting.resume(throwing: $0) }))
        }
    }

    /// How many writes wait for the one that goes on.
    var waiting: Int { writer.waiting }

    /// Nobody closed it: the writer's thread would keep it open.
    deinit { writer.stop() }

    public func close() async throws {
        await writer.close()
        try Self.mapped { try pool.close() }
        lock.withLock { $0 = nil }
        if let ownedFolder { try? FileManager.default.removeItem(atPath: ownedFolder) }
    }

    /// Writes a consistent copy into a new file (mode 0600), while others read and write.
    ///
    /// - Throws: `StoreError.exists` when there is a file already.
    func backup(to path: String) async throws {
        let descriptor = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else {
            if errno == EEXIST { throw StoreError.exists(path: path) }
            throw StoreError.fault("cannot write \(path): \(String(cString: strerror(errno)))")
        }
        defer { Foundation.close(descriptor) }
        do {
            // An empty file is taken for a new one, and keeps its mode.
            try await pool.writeWithoutTransaction { try $0.execute(sql: "VACUUM INTO ?", arguments: [path]) }
        } catch {
            unlink(path)
            throw Self.mapped(error)
        }
        guard fsync(descriptor) == 0, FileFlush.folder(of: path) else {
            throw StoreError.fault("cannot flush \(path): \(String(cString: strerror(errno)))")
        }
    }

    /// Writes the log into the file, so that the file alone is the store.
    func settle() async throws {
        do {
            try await pool.writeWithoutTransaction { _ = try $0.checkpoint(.truncate) }
        } catch let error as DatabaseError {
            throw Self.storeError(error)
        }
    }

    /// Whether the file is whole, by its own checks; the first thing wrong with it otherwise.
    func check() async throws -> String? {
        do {
            let verdict = try await pool.read { try String.fetchOne($0, sql: "PRAGMA quick_check(1)") }
            return verdict == "ok" ? nil : verdict ?? "no answer"
        } catch let error as DatabaseError {
            throw Self.storeError(error)
        }
    }

    /// The value of a pragma on the writing connection, as text: for tests and `doctor`.
    public func pragma(_ name: String) async throws -> String? {
        do {
            return try await pool.writeWithoutTransaction { try String.fetchOne($0, sql: "PRAGMA \(name)") }
        } catch let error as DatabaseError {
            throw Self.storeError(error)
        }
    }

    private func writerPragma(_ name: String) throws -> String? {
        try Self.mapped { try pool.writeWithoutTransaction { try String.fetchOne($0, sql: "PRAGMA \(name)") } }
    }

    private static func mapped<T>(_ body: () throws -> T) throws -> T {
        do { return try body() } catch { throw mapped(error) }
    }

    /// The engine's errors in the store's words; all others as they are.
    fileprivate static func mapped(_ error: any Error) -> any Error { (error as? DatabaseError).map(storeError) ?? error }

    /// The engine's error in the store's words.
    fileprivate static func storeError(_ error: DatabaseError) -> StoreError {
        switch error.resultCode {
        case .SQLITE_CONSTRAINT: constraintError(error)
        case .SQLITE_BUSY, .SQLITE_LOCKED: .busy
        case .SQLITE_TOOBIG: .tooLarge
        case .SQLITE_FULL: .full
        // The message never holds bound values: they are not part of the statement's text.
        default: .fault("SQLite \(error.extendedResultCode.rawValue): \(error.message ?? "no message") in \(error.sql ?? "no statement")")
        }
    }

    private static func constraintError(_ error: DatabaseError) -> StoreError {
        let message = error.message ?? ""
        switch error.extendedResultCode {
        case .SQLITE_CONSTRAINT_UNIQUE, .SQLITE_CONSTRAINT_PRIMARYKEY, .SQLITE_CONSTRAINT_ROWID:
            // "UNIQUE constraint failed: person.organisation_id, person.name"
            return .conflict(constraint: message.components(separatedBy: "failed: ").last ?? message)
        case .SQLITE_CONSTRAINT_FOREIGNKEY: return .conflict(constraint: "foreign key")
        case .SQLITE_CONSTRAINT_TRIGGER: return .conflict(constraint: message)
        // NOT NULL and CHECK fail on values that checked types should have kept out: a mistake of ours.
        default: return .fault("SQLite \(error.extendedResultCode.rawValue): \(message) in \(error.sql ?? "no statement")")
        }
    }
}

/// The thread that writes. Jobs that wait together share one transaction and one flush, each behind a savepoint of its own: one that
/// throws takes nothing of the others with it, and nobody is answered before the flush.
final class GroupedWriter: Sendable {
    struct Job: Sendable {
        /// Does the work; the result tells its caller, once everything is flushed.
        let run: @Sendable (GRDB.Database) throws -> @Sendable () -> Void
        let fail: @Sendable (any Error) -> Void
    }

    private struct Queue {
        var jobs: [Job] = []
        var isClosing = false
        /// Who waits for the end of the thread; it is there no more when `isClosed`.
        var closing: [@Sendable () -> Void] = []
        var isClosed = false
    }

    /// More than this at once would let the first of them wait for long.
    static let most = 64

    private let pool: DatabasePool
    private let most: Int
    private let queue = Mutex(Queue())
    private let signal = DispatchSemaphore(value: 0)

    init(_ pool: DatabasePool, most: Int) {
        self.pool = pool
        self.most = most
        let thread = Thread { [self] in work() }
        thread.name = "store"
        thread.start()
    }

    /// How many jobs are not begun.
    var waiting: Int { queue.withLock { $0.jobs.count } }

    func add(_ job: Job) {
        let isTaken = queue.withLock { queue in
            if !queue.isClosing { queue.jobs.append(job) }
            return !queue.isClosing
        }
        guard isTaken else { return job.fail(StoreError.fault("the store is closed")) }
        signal.signal()
    }

    /// Ends the thread after the last write, and waits for nothing.
    func stop() {
        queue.withLock { $0.isClosing = true }
        signal.signal()
    }

    /// Ends the thread after the last write.
    func close() async {
        await withCheckedContinuation { (done: CheckedContinuation<Void, Never>) in
            let isClosed = queue.withLock { queue in
                queue.isClosing = true
                if !queue.isClosed { queue.closing.append { done.resume() } }
                return queue.isClosed
            }
            if isClosed { done.resume() } else { signal.signal() }
        }
    }

    private func work() {
        while true {
            signal.wait()
            let (group, isClosing) = queue.withLock { queue in
                let group = Array(queue.jobs.prefix(most))
                queue.jobs.removeFirst(group.count)
                return (group, queue.isClosing)
            }
            if !group.isEmpty { write(group) } else if isClosing { break }
        }
        let closing = queue.withLock { queue in
            queue.isClosed = true
            return queue.closing
        }
        for tell in closing { tell() }
    }

    /// Runs a group in one transaction, and tells each caller how its own part ended.
    private func write(_ group: [Job]) {
        var done: [(job: Job, tell: @Sendable () -> Void)] = [], failed: [(job: Job, error: any Error)] = [], hasBegun = false
        do {
            try pool.writeWithoutTransaction { database in
                // The lock is taken before the first read, so a read-then-write cannot fail half-way.
                try database.inTransaction(.immediate) {
                    hasBegun = true
                    for job in group {
                        do {
                            done.append((job, try group.count > 1 ? Self.apart(job, database) : job.run(database)))
                        } catch {
                            // Out of space, the engine may have given up the whole transaction by itself.
                            guard database.isInsideTransaction else { throw error }
                            failed.append((job, error))
                        }
                    }
                    return done.isEmpty ? .rollback : .commit
                }
            }
            for part in done { part.tell() }
            for part in failed { part.job.fail(SQLiteDatabase.mapped(part.error)) }
        } catch  where hasBegun && group.count > 1 {
            // Nothing of it was kept: each stands or falls alone.
            for job in group { write([job]) }
        } catch {
            for job in group { job.fail(SQLiteDatabase.mapped(error)) }
        }
    }

    private static func apart(_ job: Job, _ database: GRDB.Database) throws -> @Sendable () -> Void {
        var tell: (@Sendable () -> Void)?
        try database.inSavepoint {
            tell = try job.run(database)
            return .commit
        }
        guard let tell else { throw StoreError.fault("a savepoint without its work") }
        return tell
    }
}

/// What waits for a transaction's commit.
private final class AfterCommit: Sendable {
    private let actions = Mutex<[@Sendable () -> Void]>([])

    func add(_ action: @escaping @Sendable () -> Void) { actions.withLock { $0.append(action) } }
    func run() { for action in actions.withLock({ $0 }) { action() } }
}

/// A GRDB connection in the shape both engines share. Statements are prepared once per connection, but for long lists, each of whose
/// lengths would be kept for ever.
private struct SQLiteConnection: Connection {
    let database: GRDB.Database
    let pending: AfterCommit

    func afterCommit(_ action: @escaping @Sendable () -> Void) { pending.add(action) }

    func rows(_ sql: SQL) throws -> [Row] {
        do {
            let statement = try prepared(sql)
            let names = statement.columnNames
            let columns = Dictionary(names.enumerated().map { ($1, $0) }, uniquingKeysWith: { first, _ in first })
            var result: [Row] = []
            let cursor = try GRDB.Row.fetchCursor(statement, arguments: Self.arguments(sql))
            while let row = try cursor.next() {
                result.append(Row(columns: columns, values: names.indices.map { Self.value(row, $0) }))
            }
            return result
        } catch let error as DatabaseError {
            throw SQLiteDatabase.storeError(error)
        }
    }

    func execute(_ sql: SQL) throws -> Int {
        do {
            let before = database.totalChangesCount
            try prepared(sql).execute(arguments: Self.arguments(sql))
            // SQLite keeps the count of the last change through statements that change nothing.
            return database.totalChangesCount == before ? 0 : database.changesCount
        } catch let error as DatabaseError {
            throw SQLiteDatabase.storeError(error)
        }
    }

    private func prepared(_ sql: SQL) throws -> Statement {
        sql.parts.count > Self.partsKept ? try database.makeStatement(sql: sql.text) : try database.cachedStatement(sql: sql.text)
    }

    /// More than any statement has that is no list.
    private static let partsKept = 80

    /// Positional on purpose: `$1` is a *name* to SQLite, but each occurs once and in order.
    private static func arguments(_ sql: SQL) -> StatementArguments {
        StatementArguments(
            sql.bindings.map { value -> DatabaseValue in
                switch value {
                case .null: .null
                case .text(let text): text.databaseValue
                case .integer(let integer): integer.databaseValue
                case .bytes(let bytes): Data(bytes).databaseValue
                case .bool(let bool): bool.databaseValue
                }
            })
    }

    private static func value(_ row: GRDB.Row, _ index: Int) -> SQLValue {
        let value: DatabaseValue = row[index]
        return switch value.storage {
        case .null: .null
        case .int64(let integer): .integer(integer)
        case .string(let text): .text(text)
        case .blob(let data): .bytes(Array(data))
        // No column holds a fraction; as text it fails in the accessor, with the column's name.
        case .double(let double): .text(String(double))
        }
    }
}
