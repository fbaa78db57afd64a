import Foundation
import GRDB
import Synchronization

/// The store in one SQLite file: write-ahead log, one writer, several readers.
public final class SQLiteDatabase: Database {
    private let pool: DatabasePool
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
    public static func temporary() throws -> SQLiteDatabase {
        var template = Array((FileManager.default.temporaryDirectory.path + "/converge-XXXXXX").utf8CString)
        guard let made = mkdtemp(&template) else { throw StoreError.fault("no temporary folder: errno \(errno)") }
        let folder = String(cString: made)
        return try SQLiteDatabase(path: folder + "/converge.db", ownedFolder: folder)
    }

    private init(path: String, ownedFolder: String?) throws {
        guard let lock = FileLock(beside: path, .shared, wait: false) else { throw StoreError.inUse(path: path) }
        self.lock = Mutex(lock)
        // The log and the shared-memory file take their mode from the database file.
        let descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw StoreError.fault("cannot open \(path): \(String(cString: strerror(errno)))") }
        Foundation.close(descriptor)
        var configuration = Configuration()
        configuration.foreignKeysEnabled = true
        configuration.busyMode = .timeout(5)
        configuration.maximumReaderCount = 4
        configuration.label = "converge"
        pool = try Self.mapped { [configuration] in try DatabasePool(path: path, configuration: configuration) }
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
        do {
            let pending = AfterCommit()
            let result = try await pool.read { try body(SQLiteConnection(database: $0, pending: pending)) }
            pending.run()
            return result
        } catch let error as DatabaseError {
            throw Self.storeError(error)
        }
    }

    @discardableResult
    public func write<T: Sendable>(_ body: @escaping @Sendable (any Connection) throws -> T) async throws -> T {
        do {
            // GRDB begins it IMMEDIATE: the lock is taken before the first read, so a read-then-write cannot fail half-way.
            let pending = AfterCommit()
            let result = try await pool.write { try body(SQLiteConnection(database: $0, pending: pending)) }
            pending.run()
            return result
        } catch let error as DatabaseError {
            throw Self.storeError(error)
        }
    }

    public func close() async throws {
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
            throw (error as? DatabaseError).map(Self.storeError) ?? error
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
        do { return try body() } catch let error as DatabaseError { throw storeError(error) }
    }

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

/// What waits for a transaction's commit.
private final class AfterCommit: Sendable {
    private let actions = Mutex<[@Sendable () -> Void]>([])

    func add(_ action: @escaping @Sendable () -> Void) { actions.withLock { $0.append(action) } }
    func run() { for action in actions.withLock({ $0 }) { action() } }
}

/// A GRDB connection in the shape both engines share. Statements are prepared once per connection.
private struct SQLiteConnection: Connection {
    let database: GRDB.Database
    let pending: AfterCommit

    func afterCommit(_ action: @escaping @Sendable () -> Void) { pending.add(action) }

    func rows(_ sql: SQL) throws -> [Row] {
        do {
            let statement = try database.cachedStatement(sql: sql.text)
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
            try database.cachedStatement(sql: sql.text).execute(arguments: Self.arguments(sql))
            // SQLite keeps the count of the last change through statements that change nothing.
            return database.totalChangesCount == before ? 0 : database.changesCount
        } catch let error as DatabaseError {
            throw SQLiteDatabase.storeError(error)
        }
    }

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
