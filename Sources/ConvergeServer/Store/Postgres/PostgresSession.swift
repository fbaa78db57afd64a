import CPQ
import Foundation

/// What went wrong at the server, before the store's words are found for it.
struct PostgresError: Error {
    enum Kind: Hashable {
        /// The transaction lost against another and may run again: serialization failure, deadlock.
        case retry
        /// The connection is of no use any more, or leads to a server that may not write.
        case connection
        case store(StoreError)

        var isStore: Bool { if case .store = self { true } else { false } }
    }

    let kind: Kind
    let reason: String
    /// The transaction is certainly not committed: a statement before its end was refused, or the server had ended it before, as it had
    /// waited for too long for what comes next.
    var isUndone = false
    /// The transaction may not write.
    var isReadOnly = false
}

/// One session at a PostgreSQL server, through libpq: the only file that imports it. Used by one thread at a time.
///
/// Statements are sent and awaited with a deadline: a server that accepts and never answers costs a time-out, not a thread. What
/// nobody needs the answer of goes along with the next statement, so that a transaction costs fewer ways there and back.
final class PostgresSession {
    /// What the server owes an answer to, in the order in which it was sent.
    private enum Awaited {
        case preparation(of: String)
        /// Where its answer is put; nil: nobody needs it.
        case statement(PostgresAnswer?)
        /// Up to here the server answers without being asked for more; after a failure it leaves out what is before.
        case mark

        var isMark: Bool { if case .mark = self { true } else { false } }
    }

    private let connection: OpaquePointer
    private var prepared: [String: String] = [:]
    private var names = 0
    private var awaited: [Awaited] = []
    /// The last thing sent ended a transaction, and nobody waits for its answer.
    private var isLeft = false
    private let clock = World.system().stopwatch
    /// How long one statement may take before the connection is given up.
    var deadlineSeconds: Double
    private(set) var isBroken = false
    /// How often the server was waited for.
    private(set) var trips = 0

    /// Statements kept prepared at most: lists of any length make texts of their own.
    static let preparedMax = 400

    /// - Parameters:
    ///   - parameters: in libpq's words; of several hosts the one that takes writes is used.
    ///   - deadlineSeconds: how long one statement may take before the connection is given up.
    init(_ parameters: [String: String], deadlineSeconds: Double) throws {
        self.deadlineSeconds = deadlineSeconds
        guard let connection = Self.opened(parameters) else {
            throw PostgresError(kind: .connection, reason: "no memory for a connection")
        }
        self.connection = connection
        // From here on whatever is thrown ends the connection: every property is set.
        guard PQstatus(connection) == CONNECTION_OK else {
            throw PostgresError(kind: .connection, reason: Self.text(PQerrorMessage(connection)))
        }
        converge_pq_silence(connection)
        guard PQsetnonblocking(connection, 1) == 0 else {
            throw PostgresError(kind: .connection, reason: "not to be used without waiting")
        }
        guard PQenterPipelineMode(connection) == 1 else {
            throw PostgresError(kind: .connection, reason: "not to be used without waiting for each answer")
        }
    }

    deinit { PQfinish(connection) }

    /// Words and values apart, so that nothing in a value is taken for a word.
    private static func opened(_ parameters: [String: String]) -> OpaquePointer? {
        let sorted = parameters.sorted { $0.key < $1.key }
        let copies = sorted.flatMap { [strdup($0.key), strdup($0.value)] }
        defer { for copy in copies { free(copy) } }
        var words: [UnsafePointer<CChar>?] = [], values: [UnsafePointer<CChar>?] = []
        for index in stride(from: 0, to: copies.count, by: 2) {
            words.append(copies[index].map { UnsafePointer($0) })
            values.append(copies[index + 1].map { UnsafePointer($0) })
        }
        let connection = PQconnectdbParams(words + [nil], values + [nil], 0)
        // The password may be among them.
        for copy in copies { if let copy { memset(copy, 0, strlen(copy)) } }
        return connection
    }

    /// The words and values of a connection string or URI; nil when it is none. Without the library's own words about it, which
    /// would repeat what stands there.
    static func parse(_ conninfo: String) -> [String: String]? {
        var problem: UnsafeMutablePointer<CChar>?
        let options = PQconninfoParse(conninfo, &problem)
        PQfreemem(problem)
        guard let options else { return nil }
        defer { PQconninfoFree(options) }
        var values: [String: String] = [:], option = options
        while let word = option.pointee.keyword {
            if let value = option.pointee.val { values[String(cString: word)] = String(cString: value) }
            option += 1
        }
        return values
    }

    /// Whether the connection is encrypted.
    var isEncrypted: Bool { PQsslInUse(connection) == 1 }

    /// Whether no transaction is open.
    var isIdle: Bool { awaited.isEmpty ? PQtransactionStatus(connection) == PQTRANS_IDLE : isLeft }

    /// The server's version, for example 150007.
    var serverVersion: Int { Int(PQserverVersion(connection)) }

    /// Whether something was posted of which nobody knows yet what became of it.
    var isOwed: Bool { !awaited.isEmpty }

    // MARK: statements

    /// Runs a statement without bindings: `COMMIT`, `LISTEN`.
    func run(_ text: String) throws {
        try post(text)
        try answers()
    }

    /// Runs one statement; each text is prepared once for the session.
    func execute(_ sql: SQL) throws -> PostgresResult { try take(ask(sql)) }

    /// Puts a statement before the next one, and keeps its answer for who takes it.
    func ask(_ sql: SQL) throws -> PostgresAnswer {
        let answer = PostgresAnswer()
        try post(sql, answer)
        return answer
    }

    /// Waits for everything that was posted.
    func settle() throws { try answers() }

    /// Waits for everything that was posted, unless this answer is there.
    func take(_ answer: PostgresAnswer) throws -> PostgresResult {
        if answer.result == nil { try answers() }
        guard let result = answer.result else {
            // It was asked together with one that failed.
            throw answer.failure ?? broken("no answer")
        }
        return result
    }

    /// Puts a statement without bindings before the next one.
    func post(_ text: String) throws {
        try send(PQsendQueryParams(connection, text, 0, nil, nil, nil, nil, 0), .statement(nil))
    }

    /// Puts a statement before the next one, which fails when this one does.
    func post(_ sql: SQL) throws { try post(sql, nil) }

    private func post(_ sql: SQL, _ answer: PostgresAnswer?) throws {
        let text = sql.text, bindings = sql.bindings
        let name = try prepared[text] ?? prepare(text)
        try withParameters(bindings) { values, lengths, formats in
            try send(PQsendQueryPrepared(connection, name, Int32(bindings.count), values, lengths, formats, 0), .statement(answer))
        }
    }

    /// Sends what was posted, the last of which ends a transaction, and does not wait for what becomes of it.
    func leave() throws {
        try send(PQpipelineSync(connection), .mark)
        isLeft = true
        // What the socket does not take at once goes with the next statement.
        guard PQflush(connection) >= 0 else { throw broken(Self.text(PQerrorMessage(connection))) }
    }

    private func prepare(_ text: String) throws -> String {
        if prepared.count >= Self.preparedMax {
            try post("DEALLOCATE ALL")
            prepared = [:]
        }
        names += 1
        let name = "s\(names)"
        try send(PQsendPrepare(connection, name, text, 0, nil), .preparation(of: text))
        prepared[text] = name
        return name
    }

    /// Forms the pointers of all parameters inside one borrow of one buffer.
    private func withParameters<T>(
        _ bindings: [SQLValue],
        _ body: (UnsafePointer<UnsafePointer<CChar>?>?, UnsafePointer<Int32>?, UnsafePointer<Int32>?) throws -> T
    ) throws -> T {
        var buffer: [CChar] = [], offsets: [Int?] = [], lengths: [Int32] = [], formats: [Int32] = []
        for binding in bindings {
            offsets.append(binding == .null ? nil : buffer.count)
            let (bytes, isBinary) = try Self.encoded(binding)
            buffer += bytes
            buffer.append(0)
            lengths.append(Int32(bytes.count))
            formats.append(isBinary ? 1 : 0)
        }
        return try buffer.withUnsafeBufferPointer { base in
            let values = offsets.map { offset in offset.flatMap { base.baseAddress?.advanced(by: $0) } }
            return try body(values, lengths, formats)
        }
    }

    private static func encoded(_ value: SQLValue) throws -> (bytes: [CChar], isBinary: Bool) {
        switch value {
        case .null: return ([], false)
        case .bool(let bool): return (Array((bool ? "t" : "f").utf8).map { CChar(bitPattern: $0) }, false)
        case .integer(let integer): return (Array(String(integer).utf8).map { CChar(bitPattern: $0) }, false)
        case .bytes(let bytes): return (bytes.map { CChar(bitPattern: $0) }, true)
        case .text(let text):
            guard !text.utf8.contains(0) else {
                throw PostgresError(kind: .store(.fault("a text with a NUL")), reason: "a text with a NUL")
            }
            return (text.utf8.map { CChar(bitPattern: $0) }, false)
        }
    }

    // MARK: waiting

    private func send(_ accepted: Int32, _ what: Awaited) throws {
        guard accepted == 1 else { throw broken(Self.text(PQerrorMessage(connection))) }
        awaited.append(what)
        isLeft = false
    }

    /// Sends what was posted, waits for all answers and hands them over.
    ///
    /// - Throws: what the first of the statements since the last mark says that failed.
    private func answers() throws {
        try send(PQpipelineSync(connection), .mark)
        trips += 1
        let end = clock() + Int64(deadlineSeconds * 1e9)
        var failure: PostgresError?
        do {
            try flush(until: end)
            while let next = awaited.first {
                guard let result = try result(until: end) else {
                    guard !next.isMark else { throw broken("no answer") }
                    awaited.removeFirst()
                    continue
                }
                if result.isMark {
                    awaited.removeFirst()
                    // What was left behind before this has nobody who asks.
                    if !awaited.isEmpty { failure = nil }
                } else {
                    failure = failure ?? refusal(result)
                    switch next {
                    case .preparation(let text): if result.isRefused { prepared[text] = nil }
                    case .statement(let answer): if result.isRefused { answer?.failure = failure } else { answer?.result = result }
                    case .mark: break
                    }
                }
            }
        } catch {
            throw failure ?? error
        }
        if let failure {
            if failure.kind == .connection { isBroken = true }
            throw failure
        }
    }

    /// Why the first of what is awaited was not done; what was to come after it, a commit too, was left out then.
    private func refusal(_ result: PostgresResult) -> PostgresError? {
        guard var error = result.error else { return nil }
        let isLast = awaited.dropFirst().first?.isMark ?? true
        if !isLast { error.isUndone = true }
        return error
    }

    private func flush(until end: Int64) throws {
        while true {
            let flushed = PQflush(connection)
            if flushed == 0 { return }
            guard flushed == 1 else { throw broken(Self.text(PQerrorMessage(connection))) }
            try wait(for: Int16(POLLIN | POLLOUT), until: end)
            guard PQconsumeInput(connection) == 1 else { throw broken(Self.text(PQerrorMessage(connection))) }
        }
    }

    /// The next part of the answers; nil behind the last one of a statement.
    private func result(until end: Int64) throws -> PostgresResult? {
        while PQisBusy(connection) == 1 {
            try wait(for: Int16(POLLIN), until: end)
            guard PQconsumeInput(connection) == 1 else { throw broken(Self.text(PQerrorMessage(connection))) }
        }
        let result = PQgetResult(connection).map { PostgresResult($0) }
        guard PQstatus(connection) == CONNECTION_OK else { throw broken(result?.error?.reason ?? Self.text(PQerrorMessage(connection))) }
        return result
    }

    private func wait(for events: Int16, until end: Int64) throws {
        let left = Double(end - clock()) / 1e9
        guard left > 0, try Self.poll(PQsocket(connection), events, seconds: left) else {
            throw broken("no answer within \(Int(deadlineSeconds)) s")
        }
    }

    /// Waits for notifications and returns their words; none came in time when there are none.
    func notification(within seconds: Double) throws -> [String] {
        if let now = takeNotifications() { return now }
        guard try Self.poll(PQsocket(connection), Int16(POLLIN), seconds: seconds) else { return [] }
        guard PQconsumeInput(connection) == 1 else { throw broken(Self.text(PQerrorMessage(connection))) }
        return takeNotifications() ?? []
    }

    private func takeNotifications() -> [String]? {
        var found: [String] = []
        while let notification = PQnotifies(connection) {
            found.append(Self.text(notification.pointee.extra))
            PQfreemem(notification)
        }
        return found.isEmpty ? nil : found
    }

    private func broken(_ reason: String) -> PostgresError {
        isBroken = true
        return PostgresError(kind: .connection, reason: reason)
    }

    /// False when the time ran out.
    private static func poll(_ socket: Int32, _ events: Int16, seconds: Double) throws -> Bool {
        guard socket >= 0 else { throw PostgresError(kind: .connection, reason: "the connection is closed") }
        var descriptor = pollfd(fd: socket, events: events, revents: 0)
        while true {
            let ready = Foundation.poll(&descriptor, 1, Int32(max(1, min(seconds * 1000, 3_600_000))))
            if ready > 0 { return true }
            if ready == 0 { return false }
            guard errno == EINTR else { throw PostgresError(kind: .connection, reason: String(cString: strerror(errno))) }
        }
    }

    private static func text(_ pointer: UnsafePointer<CChar>?) -> String {
        pointer.map { String(cString: $0).trimmingCharacters(in: .whitespacesAndNewlines) } ?? ""
    }
}

/// Where the answer to one statement will be.
final class PostgresAnswer {
    fileprivate(set) var result: PostgresResult?
    /// Why there is none.
    fileprivate(set) var failure: PostgresError?
}

/// The answer to one statement.
final class PostgresResult {
    private let pointer: OpaquePointer

    fileprivate init(_ pointer: OpaquePointer) {
        self.pointer = pointer
    }

    deinit { PQclear(pointer) }

    /// Not an answer but a mark between them.
    fileprivate var isMark: Bool { PQresultStatus(pointer) == PGRES_PIPELINE_SYNC }

    /// It was not done.
    fileprivate var isRefused: Bool { PQresultStatus(pointer) == PGRES_PIPELINE_ABORTED || error != nil }

    /// How many rows a change touched.
    var changes: Int { Int(String(cString: PQcmdTuples(pointer))) ?? 0 }

    /// The rows, in the store's values.
    func rows() throws -> [Row] {
        let fields = PQnfields(pointer)
        var columns: [String: Int] = [:]
        for field in 0..<fields where columns[String(cString: PQfname(pointer, field))] == nil {
            columns[String(cString: PQfname(pointer, field))] = Int(field)
        }
        let types = (0..<fields).map { PQftype(pointer, $0) }
        return try (0..<PQntuples(pointer)).map { row in
            Row(columns: columns, values: try (0..<fields).map { try value(row, $0, types[Int($0)]) })
        }
    }

    private func value(_ row: Int32, _ field: Int32, _ type: Oid) throws -> SQLValue {
        guard PQgetisnull(pointer, row, field) == 0 else { return .null }
        let bytes = UnsafeRawBufferPointer(start: PQgetvalue(pointer, row, field), count: Int(PQgetlength(pointer, row, field)))
        let text = String(decoding: bytes, as: UTF8.self)
        switch type {
        case 16: return .bool(text == "t")  // bool
        case 20, 21, 23, 1700:  // int8, int2, int4, and numeric, which sums of int8 are
            guard let integer = Int64(text) else { throw StoreError.fault("\(text) is no integer") }
            return .integer(integer)
        case 17: return .bytes(try Self.unescape(text))  // bytea
        default: return .text(text)
        }
    }

    /// The hexadecimal output form of bytea.
    private static func unescape(_ text: String) throws -> [UInt8] {
        guard text.hasPrefix("\\x") else { throw StoreError.fault("bytea in another form than hex") }
        let digits = Array(text.utf8.dropFirst(2))
        return try stride(from: 0, to: digits.count, by: 2).map { index in
            guard index + 1 < digits.count, let byte = UInt8(String(decoding: digits[index...(index + 1)], as: UTF8.self), radix: 16) else {
                throw StoreError.fault("bytea in another form than hex")
            }
            return byte
        }
    }

    // MARK: errors

    fileprivate var error: PostgresError? {
        switch PQresultStatus(pointer) {
        case PGRES_COMMAND_OK, PGRES_TUPLES_OK, PGRES_EMPTY_QUERY, PGRES_PIPELINE_SYNC: return nil
        // Left out, because one before it failed.
        case PGRES_PIPELINE_ABORTED: return nil
        default: break
        }
        let state = field(converge_pq_sqlstate(pointer)) ?? ""
        // The primary message names tables and constraints; the detail would name values.
        let message = field(converge_pq_primary(pointer)) ?? "no message"
        let reason = "PostgreSQL \(state.isEmpty ? "-----" : state): \(message)"
        // idle_in_transaction_session_timeout, read_only_sql_transaction
        return PostgresError(kind: kind(state, reason), reason: reason, isUndone: state == "25P03", isReadOnly: state == "25006")
    }

    private func kind(_ state: String, _ reason: String) -> PostgresError.Kind {
        // The session ended with it, whatever it was: the server stops, or waited for too long for this node, which was paused.
        if ["FATAL", "PANIC"].contains(field(converge_pq_severity(pointer))) { return .connection }
        return switch state {
        // serialization_failure, deadlock_detected; out of memory is that of the locks that serializable transactions share, which is
        // free again when the longest of them has ended
        case "40001", "40P01", "53200": .retry
        case "23505": .store(.conflict(constraint: constraint))  // unique_violation
        case "23503": .store(.conflict(constraint: "foreign key"))
        case "55P03": .store(.held)  // lock_not_available
        case "57014": .store(.busy)  // query_canceled
        case "53100": .store(.full)  // disk_full
        case "54000": .store(.tooLarge)  // program_limit_exceeded
        // Read-only: the server was demoted, or was a standby all along. The others: it stops, starts or has no room.
        case "25006", "57P01", "57P02", "57P03", "53300": .connection
        // A migration beside this program changed a table; a new session plans anew.
        case "0A000" where field(converge_pq_function(pointer)) == "RevalidateCachedQuery": .connection
        case _ where state.hasPrefix("08") || state.isEmpty: .connection
        default: .store(.fault(reason))
        }
    }

    private func field(_ pointer: UnsafePointer<CChar>?) -> String? { pointer.map { String(cString: $0) } }

    /// The columns, as SQLite names them: "person.organisation_id, person.name_key". Of the detail, "Key (columns)=(values) already
    /// exists." in the server's language, nothing but the columns is taken.
    private var constraint: String {
        let name = field(converge_pq_constraint(pointer)) ?? "unknown"
        guard let table = field(converge_pq_table(pointer)), let detail = field(converge_pq_detail(pointer)),
            let open = detail.firstIndex(of: "("), let close = detail.range(of: ")=(")
        else { return name }
        let columns = detail[detail.index(after: open)..<close.lowerBound].components(separatedBy: ", ")
        guard columns.allSatisfy({ column in column.allSatisfy { $0.isLetter || $0.isNumber || $0 == "_" } }) else { return name }
        return columns.map { "\(table).\($0)" }.joined(separator: ", ")
    }
}
