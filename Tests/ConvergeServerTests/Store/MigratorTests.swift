import ConvergeCore
import Foundation
import Testing

@testable import ConvergeServer

@Suite struct MigratorTests {
    private let now = Moment(ms: 1000)

    private func migrator(_ files: [String: String], _ engine: Engine = .sqlite) throws -> Migrator {
        let folder = try TemporaryFolder()
        for (name, text) in files { try folder.write(name, text) }
        return try withExtendedLifetime(folder) { try Migrator(folder: folder.path, dialect: engine == .sqlite ? .sqlite : .postgres) }
    }

    private let one = ["0001-one.sql": "CREATE TABLE a (x TEXT); INSERT INTO a VALUES ('1;2')"]

    @Test(arguments: Engine.all) func `migrations run once, in order, and are recorded`(engine: Engine) async throws {
        try await engine.with { database async throws in
            let files = one.merging(["0002-two.sql": "ALTER TABLE a ADD COLUMN y BIGINT; UPDATE a SET y = 3"]) { $1 }
            #expect(try await migrator(files, engine).pending(database).count == 2)
            #expect(try await migrator(one, engine).migrate(database, now: now).map(\.name) == ["one"])
            #expect(try await migrator(files, engine).pending(database).map(\.name) == ["two"])
            #expect(try await migrator(files, engine).migrate(database, now: now).map(\.number) == [2])
            #expect(try await migrator(files, engine).migrate(database, now: now).isEmpty)
            let row = try await database.read { try $0.row("SELECT x, y FROM a") }
            #expect(try row?.text("x") == "1;2")
            #expect(try row?.int("y") == 3)
            let at = try await database.read { try $0.rows("SELECT applied_at FROM migration") }
            #expect(try at.map { try $0.moment("applied_at") } == [now, now])
        }
    }

    @Test func `an engine's own file takes the place of the general one`() throws {
        let files = one.merging(["0001-one.postgres.sql": "SELECT 1"]) { $1 }
        #expect(try migrator(files).migrations.map(\.statements.count) == [2])
        #expect(try migrator(files, .postgres).migrations.map(\.statements.count) == [1])
    }

    @Test(arguments: Engine.all) func `a changed, renamed or vanished migration is refused and named`(engine: Engine) async throws {
        try await engine.with { database async throws in
            try await migrator(one, engine).migrate(database, now: now)
            await #expect(throws: MigrationError.changed(number: 1, name: "one")) {
                try await migrator(["0001-one.sql": "CREATE TABLE b (x TEXT)"], engine).migrate(database, now: now)
            }
            await #expect(throws: MigrationError.changed(number: 1, name: "one")) {
                try await migrator(["0001-uno.sql": one["0001-one.sql"] ?? ""], engine).migrate(database, now: now)
            }
        }
    }

    @Test(arguments: Engine.all) func `a database newer than the program is refused untouched`(engine: Engine) async throws {
        try await engine.with { database async throws in
            try await migrator(one.merging(["0002-two.sql": "CREATE TABLE b (x TEXT)"]) { $1 }, engine).migrate(database, now: now)
            let error = await #expect(throws: MigrationError.self) { try await migrator(one, engine).migrate(database, now: now) }
            #expect(error == .newer(database: 2, program: 1))
            #expect("\(error!)".contains("newer Converge"))
        }
    }

    @Test(arguments: Engine.all) func `a migration that fails leaves nothing of itself and keeps the ones before`(engine: Engine)
        async throws
    {
        try await engine.with { database async throws in
            let files = one.merging(["0002-two.sql": "CREATE TABLE b (x TEXT); INSERT INTO nowhere VALUES (1)"]) { $1 }
            let error = await #expect(throws: MigrationError.self) { try await migrator(files, engine).migrate(database, now: now) }
            #expect("\(error!)".contains("Migration 2 (two) failed"))
            await #expect(throws: StoreError.self) { try await database.read { try $0.rows("SELECT x FROM b") } }
            #expect(try await database.read { try $0.rows("SELECT x FROM a") }.count == 1)
        }
    }

    @Test(arguments: Engine.all) func `two nodes that start together migrate once`(engine: Engine) async throws {
        for _ in 0..<5 {
            try await engine.withPools(2) { pools in
                let files = one.merging(["0002-two.sql": "CREATE TABLE b (x TEXT); INSERT INTO b VALUES ('2')"]) { $1 }
                let migrator = try migrator(files, engine)
                let applied = try await withThrowingTaskGroup(of: Int.self) { group in
                    for pool in pools { group.addTask { try await migrator.migrate(pool, now: now).count } }
                    return try await group.reduce(0, +)
                }
                #expect(applied == 2)
                #expect(try await pools[0].read { try $0.rows("SELECT x FROM b") }.count == 1)
            }
        }
    }

    /// Old and new programs serve side by side for one release: what the old one asks must go on working beside the new tables.
    @Test(arguments: Engine.all) func `a program goes on beside a newer one that migrated`(engine: Engine) async throws {
        try await engine.withPools(2) { pools in
            let old = pools[0], new = pools[1]
            try await migrator(one, engine).migrate(old, now: now)
            // More often than the session, so that whatever is prepared is prepared.
            for _ in 0..<5 { _ = try await old.read { try $0.rows("SELECT * FROM a") } }
            for _ in 0..<5 { try await old.write { try $0.execute("UPDATE a SET x = x") } }
            let files = one.merging(["0002-two.sql": "ALTER TABLE a ADD COLUMN y BIGINT NOT NULL DEFAULT 0"]) { $1 }
            #expect(try await migrator(files, engine).migrate(new, now: now).count == 1)
            #expect(try await old.read { try $0.row("SELECT * FROM a")?.text("x") } == "1;2")
            try await old.write { connection in
                _ = try connection.rows("SELECT * FROM a")
                try connection.execute("INSERT INTO a (x) VALUES ('3')")
            }
            #expect(try await new.read { try $0.rows("SELECT y FROM a") }.count == 2)
            // It would not start again: nobody has checked what a newer release writes.
            await #expect(throws: MigrationError.newer(database: 2, program: 1)) { try await migrator(one, engine).migrate(old, now: now) }
        }
    }

    @Test(.ofPostgres) func `a migration waits for a table that somebody reads, and lets others pass meanwhile`() async throws {
        try await Engine.postgres.withPools(3) { pools in
            let reader = pools[0], node = pools[1], old = pools[2]
            try await migrator(one, .postgres).migrate(node, now: now)
            let reading = DispatchSemaphore(value: 0), release = DispatchSemaphore(value: 0)
            // As a backup does; it may hold a connection for fifteen seconds.
            let backup = Task {
                try await reader.read { db in
                    let count = try db.rows("SELECT x FROM a").count
                    reading.signal()
                    release.wait()
                    return count
                }
            }
            _ = await Task.detached { reading.wait() }.value
            let files = one.merging(["0002-two.sql": "ALTER TABLE a ADD COLUMN y BIGINT"]) { $1 }
            let migrator = try migrator(files, .postgres)
            let migration = Task { try await migrator.migrate(node, now: now).count }
            let standing: SQL = """
                SELECT 1 FROM pg_locks WHERE NOT granted AND mode = 'AccessExclusiveLock'
                    AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
                """
            while try await old.read({ try $0.rows(standing).isEmpty }) {
                try await Task.sleep(for: .milliseconds(20))
            }
            // Behind the migration in the line, and before it at the table.
            #expect(try await old.read { try $0.rows("SELECT x FROM a").count } == 1)
            release.signal()
            let (seen, applied) = try await (backup.value, migration.value)
            #expect(seen == 1 && applied == 1)
        }
    }

    /// What makes "side by side" true of this release's own migrations.
    @Test func `a migration only adds, with a value for those who do not know of it`() throws {
        let added = [
            #"^CREATE (TABLE|INDEX|UNIQUE INDEX) "#, #"^ALTER TABLE \w+ ADD COLUMN \w+ (TEXT|BIGINT|BOOLEAN|BYTEA)$"#,
            #"^ALTER TABLE \w+ ADD COLUMN \w+ (TEXT|BIGINT|BOOLEAN|BYTEA) NOT NULL DEFAULT "#,
        ]
        func offenders(_ statements: [String]) -> [String] {
            statements.map { $0.replacing(/(?m)--.*$/, with: "").trimmingCharacters(in: .whitespacesAndNewlines) }
                .filter { text in !added.contains { text.range(of: $0, options: .regularExpression) != nil } }
        }
        for dialect in Dialect.allCases {
            let migrations = try Migrator(folder: ResourceFolder.find(environment: [:]).sub("migrations"), dialect: dialect).migrations
            #expect(offenders(migrations.flatMap(\.statements)) == [])
        }
        let planted = [
            "DROP TABLE a", "ALTER TABLE a DROP COLUMN b", "ALTER TABLE a ADD COLUMN b TEXT NOT NULL", "ALTER TABLE a RENAME TO b",
            "UPDATE a SET b = 1",
        ]
        #expect(offenders(planted) == planted)
    }

    @Test(arguments: [
        ["0001-a.sql": "", "0003-c.sql": ""], ["0001-a.sql": "", "0001-b.sql": ""], ["1-a.sql": ""], ["first.sql": ""],
        ["0001-a.postgres.sql": ""],
    ])
    func `a folder with gaps, doubles or odd names is refused`(files: [String: String]) {
        #expect(throws: MigrationError.self) { try migrator(files) }
    }
}
