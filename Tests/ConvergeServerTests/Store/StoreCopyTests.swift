import ConvergeCore
import Foundation
import Testing

@testable import ConvergeServer

@Suite("A store moves to another one")
struct StoreCopyTests {
    /// A story's store, with something in nearly every table.
    private func filled() async throws -> TestServer {
        let server = try await TestServer(engine: .sqlite), ada = try await server.add("ada")
        try await server.give(ada, .email, content: CredentialContent(email: EmailAddress("ada@home.example")), by: .emailCode)
        let browser = TestBrowser(server)
        try await browser.open("/sign-in")
        try await browser.submit("/sign-in", ["name": "ada", "password": "wrong by purpose"])
        return server
    }

    private func copier(_ source: any Database, _ target: any Database) throws -> StoreCopy {
        StoreCopy(from: source, to: target, migrations: try ResourceFolder.find(environment: [:]).sub("migrations"))
    }

    @Test("there and back, every row is the same", arguments: Engine.all)
    func thereAndBack(_ engine: Engine) async throws {
        let server = try await filled(), source = server.instance.database
        try await engine.with { other async throws in
            let there = try await copier(source, other).run(now: server.clock.now)
            #expect(there.rows["person"] ?? 0 > 0 && there.rows["credential"] ?? 0 > 0 && there.rows["audit"] ?? 0 > 0)
            let last = try SQLiteDatabase.temporary()
            let back = try await copier(other, last).run(now: server.clock.now)
            #expect(back == there)
            for table in StoreCopy.tables {
                let order = table.key.joined(separator: ", ")
                let statement: SQL = "SELECT * FROM \(raw: table.name) ORDER BY \(raw: order)"
                let before = try await source.read { try $0.rows(statement) }, after = try await last.read { try $0.rows(statement) }
                #expect(before == after, "\(table.name)")
            }
            try await last.close()
        }
    }

    @Test("every table but that of the migrations is copied, those first that others refer to")
    func tables() async throws {
        let server = try await TestServer(engine: .sqlite)
        let names = try await server.instance.database.read { db in try db.rows(Dialect.sqlite.tableNames).map { try $0.text("name") } }
        #expect(Set(names) == Set(StoreCopy.tables.map(\.name) + ["migration"]))
    }

    @Test("what is in use by an organisation is not written to, and an empty store is not copied")
    func refused() async throws {
        let server = try await filled(), empty = try SQLiteDatabase.temporary()
        let other = try await filled()
        await #expect(throws: StoreCopy.Problem.targetInUse) {
            try await copier(server.instance.database, other.instance.database).run(now: server.clock.now)
        }
        await #expect(throws: StoreCopy.Problem.sourceOutdated) {
            try await copier(empty, server.instance.database).run(now: server.clock.now)
        }
        try await empty.close()
    }

    @Test("a row that changes meanwhile is noticed, and the new store is emptied again")
    func changed() async throws {
        let server = try await filled(), source = server.instance.database, target = try SQLiteDatabase.temporary()
        await #expect(throws: StoreCopy.Problem.differs(table: "person")) {
            let late = LateWriter(base: source) { db in try db.execute("UPDATE person SET display_name = 'Somebody else'") }
            return try await copier(late, target).run(now: server.clock.now) { table in if table == "admin_code" { late.isDue = true } }
        }
        #expect(try await target.read { try $0.row("SELECT COUNT(*) AS n FROM person")?.int("n") } == 0)
        try await target.close()
    }
}

/// Lets somebody write once between two reads.
private final class LateWriter: Database, @unchecked Sendable {
    let base: any Database
    let change: @Sendable (any Connection) throws -> Void
    var isDue = false

    init(base: any Database, change: @escaping @Sendable (any Connection) throws -> Void) {
        self.base = base
        self.change = change
    }

    var dialect: Dialect { base.dialect }
    func read<T: Sendable>(_ body: @escaping @Sendable (any Connection) throws -> T) async throws -> T {
        if isDue {
            isDue = false
            try await base.write(change)
        }
        return try await base.read(body)
    }
    func write<T: Sendable>(_ body: @escaping @Sendable (any Connection) throws -> T) async throws -> T { try await base.write(body) }
    func close() async throws { try await base.close() }
}
