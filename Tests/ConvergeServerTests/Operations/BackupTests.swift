import ConvergeCore
import Foundation
import Testing

@testable import ConvergeServer

@Suite("Backup and restore", .ofTheFile)
struct BackupTests {
    private static let key = Secret("12345678901234567890")

    /// Ada with an app, signed in; her session and a pass, a message on its way.
    private func server() async throws -> TestServer {
        let server = try await TestServer()
        let ada = try await server.add("ada")
        try await server.give(ada, .totpApp, content: CredentialContent(secret: Self.key), by: .appCode)
        try await server.give(ada, .email, content: CredentialContent(email: EmailAddress("ada@post.example")!), by: .emailCode)
        return server
    }

    private func mode(_ path: String) throws -> Int {
        try #require(FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int)
    }

    private func restore(_ file: String, _ server: TestServer, force: Bool = false) async throws -> Restore.Report {
        try await Restore(
            config: server.instance.config, world: server.instance.world, resources: ResourceFolder.find(environment: [:])
        ).run(file, force: force)
    }

    @Test func `a backup is whole, private, and never overwrites`() async throws {
        let server = try await server(), folder = try TemporaryFolder(), file = folder.path + "/copy.db"
        let administration = server.administration
        // Others write while it is made.
        async let writing: Void = {
            for _ in 0..<20 {
                _ = try await server.instance.database.write { db in
                    try Ledger(server.instance, db, now: server.clock.now).note(.reviewed, nil, by: .system)
                }
            }
        }()
        let bytes = try await administration.backup(to: file)
        try await writing
        let size = try Data(contentsOf: URL(fileURLWithPath: file)).count
        #expect(bytes > 0 && bytes == size)
        #expect(try mode(file) == 0o600)
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == ["copy.db"])
        await #expect(throws: Administration.Problem.self) { try await administration.backup(to: file) }
        await #expect(throws: StoreError.self) { try await administration.backup(to: folder.path + "/none/copy.db") }
        let copy = try SQLiteDatabase(path: file)
        #expect(try await copy.check() == nil)
        try await copy.close()
        #expect(try !Data(contentsOf: URL(fileURLWithPath: file)).contains("ada@post.example"))
    }

    @Test func `a restored store knows everybody, and what may have ended since has ended`() async throws {
        let server = try await server(), folder = try TemporaryFolder(), file = folder.path + "/copy.db"
        let browser = TestBrowser(server)
        let pass = try await server.administration.makePass("ada", .init(once: false))
        try await browser.open("/sign-in/pass")
        try await browser.submit("/sign-in/pass", ["name": "ada", "pass": pass.pass.text])
        _ = try await server.administration.backup(to: file)
        #expect(try await !server.waiting().isEmpty)
        try await server.add("ben")
        try await server.instance.close()

        await #expect(throws: Administration.Problem.self) { try await restore(file, server) }
        let report = try await restore(file, server, force: true)
        #expect(report.people == 1 && report.lastEvent == server.clock.now.iso)
        let former = try #require(report.former)
        #expect(FileManager.default.fileExists(atPath: former))
        #expect(try mode(server.folder + "/converge.db") == 0o600)
        let names = try FileManager.default.contentsOfDirectory(atPath: server.folder)
        #expect(!names.contains { $0.contains("restoring") }, "\(names)")

        let again = try await TestServer(folder: server.folder, clock: server.clock)
        #expect(try await again.administration.everybody().map(\.name) == ["ada"])
        #expect(try await again.waiting().isEmpty)
        #expect(try await browser.tab(on: again).open("/profile").path.hasPrefix("/sign-in"))
        let other = TestBrowser(again)
        try await other.open("/sign-in/pass")
        #expect(try await other.submit("/sign-in/pass", ["name": "ada", "pass": pass.pass.text]).path.hasPrefix("/sign-in"))
        try await other.signIn("ada")
        let page = try await other.submit("/answer", ["code": other.appCode(secret: Self.key)])
        #expect(page.status == 200 && !page.says("did not match"))
        #expect(try await again.administration.audit(.init(activity: AuditActivity.restored.rawValue)).count == 1)
        try await again.instance.close()
    }

    @Test func `nothing is restored while somebody uses the store`() async throws {
        let server = try await server(), folder = try TemporaryFolder(), file = folder.path + "/copy.db"
        _ = try await server.administration.backup(to: file)
        let problem = await #expect(throws: Administration.Problem.self) { try await restore(file, server, force: true) }
        #expect(problem?.description.contains("is in use") == true)
        try await server.instance.close()
        _ = try await restore(file, server, force: true)
    }

    @Test func `what cannot be restored changes nothing`() async throws {
        let server = try await server(), folder = try TemporaryFolder(), file = folder.path + "/copy.db"
        _ = try await server.administration.backup(to: file)
        try await server.instance.close()
        let before = try Data(contentsOf: URL(fileURLWithPath: server.folder + "/converge.db"))
        let whole = try Data(contentsOf: URL(fileURLWithPath: file))
        try whole.prefix(whole.count / 2).write(to: URL(fileURLWithPath: folder.path + "/half.db"))
        try folder.write("text.db", "hello")
        try folder.write("empty.db", "")
        let foreign = try await TestServer()
        _ = try await foreign.administration.backup(to: folder.path + "/foreign.db")
        for name in ["half.db", "text.db", "empty.db", "none.db", "foreign.db"] {
            await #expect(throws: (any Error).self, "\(name)") { try await restore(folder.path + "/" + name, server, force: true) }
        }
        // A ring that lacks a key of the time of the backup.
        let command = try await TestServer(folder: server.folder)
        _ = try await command.administration.rotateKey()
        _ = try await command.administration.reseal()
        try await command.administration.retireKey("k1")
        try await command.instance.close()
        let problem = await #expect(throws: Administration.Problem.self) { try await restore(file, server, force: true) }
        #expect(problem?.description.contains("lacks") == true)
        _ = before
        let after = try await TestServer(folder: server.folder)
        #expect(try await after.administration.everybody().map(\.name) == ["ada"])
        let names = try FileManager.default.contentsOfDirectory(atPath: server.folder)
        #expect(!names.contains { $0.contains("former") || $0.contains("restoring") }, "\(names)")
        try await after.instance.close()
    }

    @Test func `a store that is not there is restored without force, and its key ring is asked for`() async throws {
        let server = try await server(), folder = try TemporaryFolder(), file = folder.path + "/copy.db"
        _ = try await server.administration.backup(to: file)
        try await server.instance.close()
        let elsewhere = try TemporaryFolder()
        var config = Config.demo(dataFolder: elsewhere.path, port: 8080)
        let restore = Restore(config: config, world: server.instance.world, resources: try ResourceFolder.find(environment: [:]))
        await #expect(throws: KeyRingError.missing(path: elsewhere.path + "/keys.json")) { try await restore.run(file, force: false) }
        try FileManager.default.copyItem(atPath: server.folder + "/keys.json", toPath: elsewhere.path + "/keys.json")
        let report = try await restore.run(file, force: false)
        #expect(report.people == 1 && report.former == nil)
        config.organisation.country = "GB"
        let again = try await TestServer(folder: elsewhere.path)
        #expect(try await again.administration.show("ada").methods.count == 2)
        try await again.instance.close()
    }
}

extension Data {
    fileprivate func contains(_ text: String) -> Bool { range(of: Data(text.utf8)) != nil }
}
