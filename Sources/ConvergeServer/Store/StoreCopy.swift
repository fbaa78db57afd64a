public import ConvergeCore

/// Moves a whole store into an empty one, of the same engine or the other, and compares the two row by row.
///
/// Sealed values stay sealed and hashes stay hashes: the key ring goes on with the new store. Memory does not grow with the store.
public struct StoreCopy: Sendable {
    /// What was copied: rows by table.
    public struct Report: Sendable, Codable, Hashable {
        public internal(set) var rows: [String: Int] = [:]
    }

    /// Why nothing was copied; a sentence for the operator.
    public enum Problem: Error, Hashable, Sendable, CustomStringConvertible {
        case sourceEmpty
        case sourceOutdated
        case targetInUse
        case inUse(String)
        case tableUnknown(String)
        /// A row of the new store is not what the old one holds now.
        case differs(table: String)
        /// The copy failed, and what it had written could not be taken away.
        case leftOver(String)

        public var description: String {
            switch self {
            case .sourceEmpty: "The store to copy from is empty. Nothing was written."
            case .sourceOutdated: "The store to copy from is of an older release. Bring it up to date first: converge migrate"
            case .targetInUse: "The store to copy to holds an organisation already. Name an empty one. Nothing was written."
            case .inUse(let name): "\(name) is in use. Stop every node first, so that nothing is written meanwhile. Nothing was written."
            case .tableUnknown(let name): "The store has a table \(name) that this release does not know. Nothing was written."
            case .differs(let table):
                "The table \(table) is not the same in both. Was every node stopped?"
            case .leftOver(let reason): "\(reason) The new store could not be emptied again: throw it away, and copy into another one."
            }
        }
    }

    /// A table with the columns of its key.
    struct Table: Sendable, Hashable {
        let name: String
        let key: [String]

        init(_ name: String, _ key: String...) {
            self.name = name
            self.key = key
        }
    }

    /// Every table but that of the migrations, those first that others refer to.
    static let tables: [Table] = [
        Table("organisation", "id"), Table("person", "id"), Table("approval", "id"), Table("authenticator", "id"),
        Table("credential", "id"),
        Table("recovery_code", "credential_id", "hash"),
        Table("access_pass", "credential_id"), Table("person_group", "id"), Table("group_parent", "group_id", "parent_id"),
        Table("group_member", "group_id", "person_id"), Table("effective_membership", "person_id", "group_id"),
        Table("policy_version", "organisation_id", "version"), Table("flow", "id"), Table("session", "id"),
        Table("browser", "secret_hash", "person_id"), Table("budget", "key"), Table("outbox", "id"),
        Table("delivery_trouble", "organisation_id", "channel"), Table("audit", "id"), Table("notice_link", "hash"),
        Table("admin_code", "hash"), Table("hardware_token", "id"),
    ]

    /// Rows at once: enough that statements cost little, few enough for the values that a statement may have.
    private static let pageSize = 200

    private let source: any Database
    private let target: any Database
    private let migrations: String

    /// - Parameter migrations: the folder of migrations.
    public init(from source: any Database, to target: any Database, migrations: String) {
        self.source = source
        self.target = target
        self.migrations = migrations
    }

    /// Copies, then compares. What fails leaves the target as empty as it was.
    ///
    /// - Parameter told: called with a table's name before it is copied.
    public func run(now: Moment, told: (String) -> Void = { _ in }) async throws -> Report {
        try await prepare(now: now)
        do {
            var report = Report()
            for table in Self.tables {
                told(table.name)
                report.rows[table.name] = try await copy(table)
            }
            for table in Self.tables { try await compare(table, count: report.rows[table.name] ?? 0) }
            return report
        } catch {
            guard (try? await empty()) != nil else { throw Problem.leftOver("\(error)") }
            throw error
        }
    }

    private func empty() async throws {
        for table in Self.tables.reversed() { try await target.write { db in try db.execute("DELETE FROM \(raw: table.name)") } }
    }

    // MARK: before

    private func prepare(now: Moment) async throws {
        guard try await Migrator(folder: migrations, dialect: source.dialect).pending(source).isEmpty else { throw Problem.sourceOutdated }
        guard try await OrganisationStore().isThere(in: source) else { throw Problem.sourceEmpty }
        _ = try await Migrator(folder: migrations, dialect: target.dialect).migrate(target, now: now)
        guard try await !OrganisationStore().isThere(in: target) else { throw Problem.targetInUse }
        // A table that a later migration added and that is missing above must not stay behind without a word.
        let dialect = source.dialect, known = Set(Self.tables.map(\.name) + ["migration"])
        let names = try await source.read { db in try db.rows(dialect.tableNames).map { try $0.text("name") } }
        if let unknown = names.sorted().first(where: { !known.contains($0) }) { throw Problem.tableUnknown(unknown) }
    }

    // MARK: pages

    private func copy(_ table: Table) async throws -> Int {
        var count = 0
        try await pages(of: table) { rows in
            try await target.write { db in try db.execute(Self.insertion(of: rows, into: table)) }
            count += rows.count
        }
        return count
    }

    private func compare(_ table: Table, count: Int) async throws {
        var seen = 0
        try await pages(of: table) { rows in
            let others = try await target.read { db in try db.rows(Self.selection(of: rows, from: table)) }
            guard Set(others.map(Self.comparable)) == Set(rows.map(Self.comparable)) else { throw Problem.differs(table: table.name) }
            seen += rows.count
        }
        let kept = try await target.read { db in try db.row("SELECT COUNT(*) AS n FROM \(raw: table.name)")?.int("n") }
        guard seen == count, kept == count else { throw Problem.differs(table: table.name) }
    }

    /// The source's rows, in the order of their keys.
    private func pages(of table: Table, _ use: ([Row]) async throws -> Void) async throws {
        var last: [SQLValue]?
        while true {
            let after = last
            let rows = try await source.read { db in try db.rows(Self.page(of: table, after: after)) }
            guard let end = rows.last else { return }
            try await use(rows)
            last = try table.key.map { try end.value($0) }
        }
    }

    private static func page(of table: Table, after key: [SQLValue]?) -> SQL {
        let columns = table.key.joined(separator: ", ")
        let condition: SQL = key.map { " WHERE (\(raw: columns)) > \(fragment: .list($0))" } ?? ""
        return "SELECT * FROM \(raw: table.name)\(fragment: condition) ORDER BY \(raw: columns) LIMIT \(pageSize)"
    }

    private static func insertion(of rows: [Row], into table: Table) -> SQL {
        let names = rows[0].columns.sorted { $0.value < $1.value }.map(\.key)
        let values = SQL.joined(rows.map { SQL.list($0.values) }, by: ", ")
        return "INSERT INTO \(raw: table.name) (\(raw: names.joined(separator: ", "))) VALUES \(fragment: values)"
    }

    private static func selection(of rows: [Row], from table: Table) throws -> SQL {
        let keys = try rows.map { row -> SQL in
            let parts = try table.key.map { name -> SQL in "\(raw: name) = \(value: try row.value(name))" }
            return "(\(fragment: .joined(parts, by: " AND ")))"
        }
        return "SELECT * FROM \(raw: table.name) WHERE \(fragment: .joined(keys, by: " OR "))"
    }

    /// A row as both engines mean it: SQLite stores a truth value as 0 or 1.
    private static func comparable(_ row: Row) -> [String: SQLValue] {
        row.columns.mapValues { index in
            if case .bool(let truth) = row.values[index] { .integer(truth ? 1 : 0) } else { row.values[index] }
        }
    }
}
