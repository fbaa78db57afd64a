/// What can go wrong in the store, in words that both engines share.
public enum StoreError: Error, Hashable, Sendable {
    /// A uniqueness or reference constraint said no. The text names it: `table.column` or the constraint's name.
    case conflict(constraint: String)
    /// Somebody else held the lock for longer than the time-out; the transaction may be tried again.
    case busy
    /// Somebody else held the lock for longer than this transaction waits for one.
    case held
    /// A value exceeds what the engine takes.
    case tooLarge
    /// The disk is full.
    case full
    /// The server cannot be reached, or went away before it confirmed: what was asked may or may not have been done. The text is for
    /// the log.
    case unavailable(String)
    /// A restore is going on, or a restore was asked for while somebody has the file open.
    case inUse(path: String)
    /// Nothing is overwritten.
    case exists(path: String)
    /// Anything else: the world broke or a query is wrong. The text is for the log, never for a page.
    case fault(String)
}

extension StoreError {
    /// The store as it stands cannot write; the next try may.
    var isPassing: Bool {
        switch self {
        case .busy, .held, .full, .unavailable: true
        default: false
        }
    }
}

extension StoreError: CustomStringConvertible {
    /// For the log and for operators, never for a page.
    public var description: String {
        switch self {
        case .conflict(let constraint): "The store refused a value: \(constraint)"
        case .busy, .held: "The store is busy. Try again in a moment."
        case .tooLarge: "A value is larger than the store takes."
        case .full: "The disk is full."
        case .inUse(let path): "\(path) is being restored. Try again afterwards."
        case .exists(let path): "\(path) is there already."
        case .unavailable(let reason): "The database server cannot be reached: \(reason)"
        case .fault(let reason): reason
        }
    }
}

/// One connection inside a `read` or `write`. It must not be kept beyond the closure.
public protocol Connection {
    /// Runs one statement and returns its rows: `SELECT`, or a change with `RETURNING`.
    func rows(_ sql: SQL) throws -> [Row]

    /// Asks one statement that reads, and does not wait for its rows before something needs them.
    func ask(_ sql: SQL) throws -> Asked<[Row]>

    /// Runs one statement and returns how many rows it changed itself (triggers and cascades not counted).
    @discardableResult
    func execute(_ sql: SQL) throws -> Int

    /// Runs a statement of which nobody needs to know how many rows it changed: before the next one, or with the commit. It may be
    /// then that it fails.
    func later(_ sql: SQL) throws

    /// Waits until everything that was put off is done, for what must be known before the next statement.
    func settle() throws

    /// Runs something when the transaction is committed and flushed; one that is rolled back forgets it. The only effect besides
    /// the connection that a closure may have.
    func afterCommit(_ action: @escaping @Sendable () -> Void)

    /// Tells whoever listens to `Database.notifications` when the transaction is committed, on every node. A hint: it may be lost.
    func tell(_ channel: String)

    /// Makes this transaction a migration's; called before its first statement.
    func beginMigration() throws
}

extension Connection {
    /// Where the engine is not far away there is nothing to save.
    public func ask(_ sql: SQL) throws -> Asked<[Row]> {
        let rows = try rows(sql)
        return Asked { rows }
    }

    /// The same for a statement that has one row at most.
    public func askRow(_ sql: SQL) throws -> Asked<Row?> { try ask(sql).map(Self.only) }

    private static func only(_ rows: [Row]) throws -> Row? {
        guard rows.count <= 1 else { throw StoreError.fault("\(rows.count) rows where one at most was expected") }
        return rows.first
    }

    /// Where the engine is not far away there is nothing to save.
    public func later(_ sql: SQL) throws { try execute(sql) }

    /// Nothing was put off.
    public func settle() throws {}

    /// A connection that knows of no commit runs it at once.
    public func afterCommit(_ action: @escaping @Sendable () -> Void) { action() }

    /// An engine of one machine has nobody to tell.
    public func tell(_ channel: String) {}

    /// An engine with one writer has nothing to prepare.
    public func beginMigration() throws {}

    /// The only row, nil when there is none; more than one is a fault.
    public func row(_ sql: SQL) throws -> Row? { try Self.only(rows(sql)) }
}

/// The store. Closures are synchronous and run on the driver's own threads; a `write` is one transaction, rolled
/// back when its closure throws, and acknowledged only after it is flushed to the disk.
///
/// Closures are short on purpose and must not have effects besides the connection: a driver may run one again.
public protocol Database: Sendable {
    /// Which engine this is, for the few places where SQL differs.
    var dialect: Dialect { get }

    /// Reads from one consistent snapshot.
    func read<T: Sendable>(_ body: @escaping @Sendable (any Connection) throws -> T) async throws -> T

    /// One transaction. Whatever `body` throws is rethrown as it is; what the engine throws is a `StoreError`.
    @discardableResult
    func write<T: Sendable>(_ body: @escaping @Sendable (any Connection) throws -> T) async throws -> T

    /// When something was told on a channel, by this node or another, until the task that reads them ends. Nil where nobody tells;
    /// whoever listens looks by themselves now and then in any case.
    func notifications(_ channel: String) -> AsyncStream<Void>?

    /// Waits for running closures and closes; no call may follow.
    func close() async throws
}

extension Database {
    public func notifications(_ channel: String) -> AsyncStream<Void>? { nil }
}
