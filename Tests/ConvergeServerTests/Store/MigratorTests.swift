import ConvergeCore
import ConvergeServer
import Testing

@Suite struct MigratorTests {
    private let now = Moment(ms: 1000)

    private func migrator(_ files: [String: String], dialect: Dialect = .sqlite) throws -> Migrator {
        let folder = try TemporaryFolder()
        for (name, text) in files { try folder.write(name, text) }
        return try withExtendedLifetime(folder) { try Migrator(folder: folder.path, dialect: dialect) }
    }

    private let one = ["0001-one.sql": "CREATE TABLE a (x TEXT); INSERT INTO a VALUES ('1;2')"]

    @Test func `migrations run once, in order, and are recorded`() async throws {
        let database = try SQLiteDatabase.temporary()
        let files = one.merging(["0002-two.sql": "ALTER TABLE a ADD COLUMN y BIGINT; UPDATE a SET y = 3"]) { $1 }
        #expect(try await migrator(files).pending(database).count == 2)
        #expect(try await migrator(one).migrate(database, now: now).map(\.name) == ["one"])
        #expect(try await migrator(files).pending(database).map(\.name) == ["two"])
        #expect(try await migrator(files).migrate(database, now: now).map(\.number) == [2])
        #expect(try await migrator(files).migrate(database, now: now).isEmpty)
        let row = try await database.read { try $0.row("SELECT x, y FROM a") }
        #expect(try row?.text("x") == "1;2")
        #expect(try row?.int("y") == 3)
        let at = try await database.read { try $0.rows("SELECT applied_at FROM migration") }
        #expect(try at.map { try $0.moment("applied_at") } == [now, now])
        try await database.close()
    }

    @Test func `an engine's own file takes the place of the general one`() throws {
        let files = one.merging(["0001-one.postgres.sql": "SELECT 1"]) { $1 }
        #expect(try migrator(files).migrations.map(\.statements.count) == [2])
        #expect(try migrator(files, dialect: .postgres).migrations.map(\.statements.count) == [1])
    }

    @Test func `a changed, renamed or vanished migration is refused and named`() async throws {
        let database = try SQLiteDatabase.temporary()
        try await migrator(one).migrate(database, now: now)
        await #expect(throws: MigrationError.changed(number: 1, name: "one")) {
            try await migrator(["0001-one.sql": "CREATE TABLE b (x TEXT)"]).migrate(database, now: now)
        }
        await #expect(throws: MigrationError.changed(number: 1, name: "one")) {
            try await migrator(["0001-uno.sql": one["0001-one.sql"] ?? ""]).migrate(database, now: now)
        }
        try await database.close()
    }

    @Test func `a database newer than the program is refused untouched`() async throws {
        let database = try SQLiteDatabase.temporary()
        try await migrator(one.merging(["0002-two.sql": "CREATE TABLE b (x TEXT)"]) { $1 }).migrate(database, now: now)
        let error = await #expect(throws: MigrationError.self) { try await migrator(one).migrate(database, now: now) }
        #expect(error == .newer(database: 2, program: 1))
        #expect("\(error!)".contains("newer Converge"))
        try await database.close()
    }

    @Test func `a migration that fails leaves nothing of itself and keeps the ones before`() async throws {
        let database = try SQLiteDatabase.temporary()
        let files = one.merging(["0002-two.sql": "CREATE TABLE b (x TEXT); INSERT INTO nowhere VALUES (1)"]) { $1 }
        let error = await #expect(throws: MigrationError.self) { try await migrator(files).migrate(database, now: now) }
        #expect("\(error!)".contains("Migration 2 (two) failed"))
        let tables = try await database.read { try $0.rows("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name") }
        #expect(try tables.map { try $0.text("name") } == ["a", "migration"])
        try await database.close()
    }

    @Test func `two nodes that start together migrate once`() async throws {
        let folder = try TemporaryFolder()
        let pools = [try SQLiteDatabase(path: folder.path + "/c.db"), try SQLiteDatabase(path: folder.path + "/c.db")]
        let migrator = try migrator(one)
        let applied = try await withThrowingTaskGroup(of: Int.self) { group in
            for pool in pools { group.addTask { try await migrator.migrate(pool, now: now).count } }
            return try await group.reduce(0, +)
        }
        #expect(applied == 1)
        for pool in pools { try await pool.close() }
    }

    @Test(arguments: [
        ["0001-a.sql": "", "0003-c.sql": ""], ["0001-a.sql": "", "0001-b.sql": ""], ["1-a.sql": ""], ["first.sql": ""],
        ["0001-a.postgres.sql": ""],
    ])
    func `a folder with gaps, doubles or odd names is refused`(files: [String: String]) {
        #expect(throws: MigrationError.self) { try migrator(files) }
    }
}
