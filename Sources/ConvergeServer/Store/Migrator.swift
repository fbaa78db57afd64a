public import ConvergeCore
import Crypto
import Foundation

/// Why the database's structure could not be brought up to date. `description` is a sentence for the operator.
public enum MigrationError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The folder of migrations is not as it must be.
    case badFolder(String)
    /// A migration that was applied has another text, another name or none in this program.
    case changed(number: Int, name: String)
    /// The database has seen migrations that this program does not know.
    case newer(database: Int, program: Int)
    /// A statement failed; nothing of its migration remains.
    case failed(number: Int, name: String, reason: String)

    public var description: String {
        switch self {
        case .badFolder(let reason): "The migrations cannot be read: \(reason)."
        case .changed(let number, let name):
            "Migration \(number) (\(name)) was applied to this database in another form than this program has. "
                + "Nothing was changed. Use the program that made the database, or restore a backup."
        case .newer(let database, let program):
            "The database was upgraded to version \(database) by a newer Converge; this program knows only version "
                + "\(program). Nothing was changed. Start the newer program, or restore a backup made before the upgrade."
        case .failed(let number, let name, let reason):
            "Migration \(number) (\(name)) failed and was undone: \(reason)"
        }
    }
}

/// One step of the database's structure.
public struct Migration: Sendable, Hashable {
    /// Counted from 1 without gaps.
    public let number: Int
    /// The file's name between number and extension.
    public let name: String
    /// SHA-256 of the text, in hexadecimal.
    public let checksum: String
    let text: String

    /// The text's statements, in order.
    public var statements: [String] { StatementSplitter.split(text) }
}

/// Brings a database's structure up to date: forward only, one transaction for each migration, checksums kept.
public struct Migrator: Sendable {
    /// All steps this program knows, in order.
    public let migrations: [Migration]

    /// Reads `NNNN-name.sql` from a folder; `NNNN-name.sqlite.sql` or `NNNN-name.postgres.sql` takes its place on
    /// that engine.
    public init(folder: String, dialect: Dialect) throws {
        guard let names = try? FileManager.default.contentsOfDirectory(atPath: folder) else {
            throw MigrationError.badFolder("\(folder) is not there")
        }
        var chosen: [Int: (name: String, file: String?)] = [:]
        for file in names.sorted() where file.hasSuffix(".sql") {
            let stem = file.dropLast(4)
            let engine = Dialect.allCases.first { stem.hasSuffix(".\($0.rawValue)") }
            let base = engine.map { stem.dropLast($0.rawValue.count + 1) } ?? stem
            guard let dash = base.firstIndex(of: "-"), base[..<dash].count == 4, let number = Int(base[..<dash]), number > 0 else {
                throw MigrationError.badFolder("\(file) is not named NNNN-name.sql")
            }
            let name = String(base[base.index(after: dash)...])
            if let other = chosen[number], other.name != name {
                throw MigrationError.badFolder("number \(number) is used by \(other.name) and by \(name)")
            }
            // Sorting puts an engine's file before or after the general one; it wins either way.
            if engine == dialect {
                chosen[number] = (name, file)
            } else if chosen[number]?.file == nil {
                chosen[number] = (name, engine == nil ? file : nil)
            }
        }
        guard chosen.keys.sorted() == Array(1..<(chosen.count + 1)) else {
            throw MigrationError.badFolder("the numbers have a gap: \(chosen.keys.sorted())")
        }
        migrations = try chosen.sorted { $0.key < $1.key }.map { number, entry in
            guard let file = entry.file else { throw MigrationError.badFolder("number \(number) has no text for \(dialect.rawValue)") }
            guard let data = FileManager.default.contents(atPath: folder + "/" + file), let text = String(data: data, encoding: .utf8)
            else { throw MigrationError.badFolder("\(file) is not readable text") }
            let checksum = SHA256.hash(data: data).map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }.joined()
            return Migration(number: number, name: entry.name, checksum: checksum, text: text)
        }
    }

    /// Checks what was applied and applies the rest.
    ///
    /// - Parameter now: recorded beside each migration.
    /// - Returns: the migrations applied by this call; none when the database was up to date.
    @discardableResult
    public func migrate(_ database: any Database, now: Moment) async throws -> [Migration] {
        let pending = try await database.write { [self] connection in
            try connection.beginMigration()
            try connection.execute(
                """
                CREATE TABLE IF NOT EXISTS migration (
                    number BIGINT NOT NULL PRIMARY KEY, name TEXT NOT NULL, checksum TEXT NOT NULL, applied_at BIGINT NOT NULL
                )
                """)
            return try self.pending(connection)
        }
        var applied: [Migration] = []
        for migration in pending where try await applyPatiently(migration, to: database, now: now) { applied.append(migration) }
        return applied
    }

    /// How often a table is asked for that others hold: for about an hour, the time of a large backup.
    private static let triesMax = 720

    /// Again and again while somebody holds a table, with room between for those who only use it.
    private func applyPatiently(_ migration: Migration, to database: any Database, now: Moment) async throws -> Bool {
        for _ in 1..<(database.dialect == .postgres ? Self.triesMax : 1) {
            do { return try await apply(migration, to: database, now: now) } catch StoreError.held {}
            try await Task.sleep(for: .seconds(3))
        }
        do { return try await apply(migration, to: database, now: now) } catch StoreError.held {
            throw MigrationError.failed(
                number: migration.number, name: migration.name, reason: "somebody holds a table, a backup or a long report. Try again then")
        }
    }

    /// The migrations not yet applied to a database, without changing anything.
    public func pending(_ database: any Database) async throws -> [Migration] {
        let dialect = database.dialect
        return try await database.read { [self] connection in
            // Before the first migration there is no table to ask.
            try dialect.has(table: "migration", connection) ? self.pending(connection) : migrations
        }
    }

    private func pending(_ connection: any Connection) throws -> [Migration] {
        let rows = try connection.rows("SELECT number, name, checksum FROM migration ORDER BY number")
        let last = try rows.last?.int("number") ?? 0
        guard last <= migrations.count else { throw MigrationError.newer(database: last, program: migrations.count) }
        for (index, row) in rows.enumerated() {
            let known = migrations[index]
            guard try row.int("number") == known.number, try row.text("name") == known.name, try row.text("checksum") == known.checksum
            else { throw MigrationError.changed(number: try row.int("number"), name: try row.text("name")) }
        }
        return Array(migrations.dropFirst(rows.count))
    }

    /// False when another node was faster.
    private func apply(_ migration: Migration, to database: any Database, now: Moment) async throws -> Bool {
        do {
            return try await database.write { connection in
                try connection.beginMigration()
                guard try connection.rows("SELECT number FROM migration WHERE number = \(migration.number)").isEmpty else { return false }
                for statement in migration.statements { try connection.execute(SQL(raw: statement)) }
                try connection.execute(
                    """
                    INSERT INTO migration (number, name, checksum, applied_at)
                    VALUES (\(migration.number), \(migration.name), \(migration.checksum), \(now))
                    """)
                return true
            }
        } catch let error as StoreError where error != .held {
            throw MigrationError.failed(number: migration.number, name: migration.name, reason: "\(error)")
        }
    }
}
