@testable import ConvergeCore
import Foundation
import Testing

@testable import ConvergeServer

@Suite("A store moves to another one")
struct StoreCopyTests {
    /// A store with something in every table.
    private func filled() async throws -> TestServer {
        let server = try await TestServer(engine: .sqlite), home = try await Household(on: server), ada = home.ada
        let browser = TestBrowser(server)
        try await browser.open("/sign-in")
        try await browser.submit("/sign-in", ["name": "ada", "password": "wrong by purpose"])
        try await home.signIn()
        let administration = server.administration
        _ = try await administration.makePass("ada", .init())
        _ = try await administration.importTokens(csv: Array(Self.tokens.utf8))
        let instance = server.instance, now = server.clock.now, phone = home.phone
        let codes = try await server.give(ada, .recoveryCodes, content: CredentialContent(), by: .recoveryCode, remaining: 2)
        try await instance.database.write { db in
            try instance.credentials.insertRecoveryCodes(["one", "two"], of: codes, db)
            let staff = try instance.groups.ensure("Staff", id: instance.world.newID(), db)
            let nurses = try instance.groups.ensure("Nurses", id: instance.world.newID(), db)
            _ = try instance.groups.nest(nurses, in: staff, db)
            try instance.groups.add(ada, to: nurses, db)
            let draft = ApprovalDraft(
                id: instance.approvalID(Secret("handle")), capability: .call, credential: phone, until: now + .minutes(5))
            try instance.approvals.insert(draft, person: ada, purpose: .signIn, flow: nil, now: now, db)
            let offer = AppOffer(credential: instance.world.newID(), codeHash: "hash", secret: Secret("key"), until: now + .minutes(5))
            try instance.authenticators.insert(offer, of: ada, flow: FlowID("flow"), db)
            try instance.outbox.noteTrouble("text", at: now, db)
            try AdminCodeStore(organisation: instance.organisation).replace(hash: "hash", now: now, db)
            try NoticeLinkStore(organisation: instance.organisation).insert(
                hash: "hash", person: ada, credential: phone, what: "unlocked", at: now, expires: now + .minutes(15), db)
        }
        try await Self.crowd(in: server)
        return server
    }

    /// More memberships than two pages hold: thirty people in fifteen groups each, so that whichever column comes first, a page ends
    /// among rows that share it.
    private static func crowd(in server: TestServer) async throws {
        let instance = server.instance, now = server.clock.now
        try await instance.database.write { db in
            let groups = try (0..<15).map { try instance.groups.ensure("Choir \($0)", id: instance.world.newID(), db) }
            for number in 0..<30 {
                let name = "singer\(number)", id: PersonID = instance.world.newID()
                let record = PersonRecord(
                    person: Person(id: id, kind: .member), organisation: instance.organisation, name: name, displayName: name,
                    passwordHash: nil, passwordSetAt: nil, createdAt: now)
                try instance.people.insert(record, nameKey: name, db)
                for group in groups { try instance.groups.add(id, to: group, db) }
            }
        }
    }

    private static let tokens = """
        upn,serial number,secret key,time interval,manufacturer,model,hash function
        ,OT-00017,\(Base32.encode(Array(1...20))),30,Vane & Sons,Fob 1,
        """

    private func copier(_ source: any Database, _ target: any Database) throws -> StoreCopy {
        StoreCopy(from: source, to: target, migrations: try ResourceFolder.find(environment: [:]).sub("migrations"))
    }

    @Test("there and back, every row is the same", arguments: Engine.all)
    func thereAndBack(_ engine: Engine) async throws {
        let server = try await filled(), source = server.instance.database
        try await engine.with { other async throws in
            let there = try await copier(source, other).run(now: server.clock.now)
            for table in StoreCopy.tables { #expect(there.rows[table.name] ?? 0 > 0, "nothing was in \(table.name)") }
            #expect(there.rows["group_member"] == 451 && there.rows["effective_membership"] == 452, "more than two pages")
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
