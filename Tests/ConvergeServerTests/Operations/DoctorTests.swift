import ConvergeCore
import Foundation
import Testing

@testable import ConvergeServer

@Suite("The doctor", .ofTheFile)
struct DoctorTests {
    private func examine(_ config: Config, clock: TestClock = TestClock(now: TestServer.start)) async throws -> [String: Doctor.Finding] {
        let curl = Curl()
        let findings = await Doctor(config: config, world: .fixed(clock: clock), environment: [:], curl: curl).examine()
        try await curl.close()
        return Dictionary(findings.map { ($0.check, $0) }, uniquingKeysWith: { $1 })
    }

    private func closed(_ configure: (inout Config) -> Void = { _ in }) async throws -> Config {
        let server = try await TestServer()
        try await server.add("dana", roles: [.globalAdministrator])
        try await server.instance.close()
        var config = server.instance.config
        config.isDemo = false
        configure(&config)
        return config
    }

    private func chmod(_ path: String, _ mode: Int) throws {
        try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: path)
    }

    @Test func `a server that has all it needs is well`() async throws {
        let config = try await closed(), findings = try await examine(config)
        let wanted = ["configuration", "resources", "key ring", "database", "durability", "migrations", "secrets", "people"]
        for check in wanted { #expect(findings[check]?.state == .ok, "\(check): \(findings[check]?.text ?? "missing")") }
        for check in ["mail", "texts", "leaked passwords"] { #expect(findings[check]?.state == .warn) }
        #expect(findings["clock"] != nil && findings["disk"] != nil)
        #expect(findings["people"]?.text == "1 people, 1 administrators, policy version 1." || findings["people"]!.text.hasPrefix("1 "))
        // It changes nothing and may run beside a server.
        let server = try await TestServer(folder: URL(fileURLWithPath: config.databasePath).deletingLastPathComponent().path)
        #expect(try await examine(config).values.allSatisfy { $0.state != .fail })
        try await server.instance.close()
    }

    @Test func `what is missing or open is named`() async throws {
        let nowhere = try await examine(closed { $0.databasePath = "/nowhere/converge.db" })
        #expect(nowhere["database"]?.state == .fail && nowhere["disk"]?.state == .fail)
        #expect(!FileManager.default.fileExists(atPath: "/nowhere"))
        let lost = try await closed { $0.keyRingPath += ".lost" }, findings = try await examine(lost)
        #expect(findings["key ring"]?.state == .fail && findings["secrets"]?.state == .fail)
        #expect(!FileManager.default.fileExists(atPath: lost.keyRingPath))
        let open = try await closed()
        try chmod(open.keyRingPath, 0o640)
        try chmod(open.databasePath, 0o644)
        let modes = try await examine(open)
        #expect(modes["key ring"]?.state == .fail && modes["key ring"]?.text.contains("chmod 600") == true)
        #expect(modes["database"]?.state == .warn)
        let plain = try await examine(closed { $0.publicURL = "http://id.example.org" })
        #expect(plain["configuration"]?.state == .fail)
        let list = try await examine(closed { $0.passwords.breachedList = "/nowhere/list.bin" })
        #expect(list["leaked passwords"]?.state == .fail)
        #expect(try await examine(closed { $0.isDemo = true })["configuration"]?.state == .warn)
    }

    @Test func `another ring, a missing key and a missing migration are named`() async throws {
        let config = try await closed(), other = try await closed()
        var mixed = config
        mixed.keyRingPath = other.keyRingPath
        #expect(try await examine(mixed)["secrets"]?.state == .fail)

        let database = try SQLiteDatabase(path: config.databasePath)
        try await database.write { db in
            try db.execute(
                """
                INSERT INTO outbox (id, organisation_id, kind, sealed, not_after_ms, state, tries, next_ms, created_ms)
                SELECT 'm', id, 'text', 'k7.AAAA', 0, 'waiting', 0, 0, \(TestServer.start - .hours(1)) FROM organisation
                """)
        }
        let findings = try await examine(config)
        #expect(findings["secrets"]?.state == .fail && findings["secrets"]?.text.hasPrefix("1 values") == true)
        #expect(findings["outbox"]?.state == .warn && findings["outbox"]?.text.contains("60 minutes") == true)
        try await database.write { db in try db.execute("DELETE FROM migration WHERE number = 2") }
        #expect(try await examine(config)["migrations"]?.state == .fail)
        try await database.write { db in try db.execute("UPDATE migration SET checksum = 'x'") }
        #expect(try await examine(config)["migrations"]?.text.contains("another form") == true)
        try await database.close()
    }

    @Test func `a clock that went backwards is noticed`() async throws {
        let server = try await TestServer()
        _ = try await server.administration.add(.init(name: "ada", displayName: "Ada"))
        try await server.instance.close()
        #expect(try await examine(server.instance.config)["time"] == nil)
        let earlier = TestClock(now: TestServer.start - .hours(1))
        #expect(try await examine(server.instance.config, clock: earlier)["time"]?.state == .fail)
    }

    @Test func `gateways are greeted and sent nothing`() async throws {
        let heard = Heard(), web = Heard()
        let relay = try await LoopbackServer { MailConversation(heard: heard) }
        let gateway = try await LoopbackServer { WebConversation(heard: web, answer: WebConversation.answer("200 OK")) }
        let reached = try await examine(
            closed {
                $0.mail = .init(host: "127.0.0.1", port: relay.port, security: .none)
                $0.text = .init(url: "http://127.0.0.1:\(gateway.port)/send")
            })
        #expect(reached["mail"]?.state == .ok && reached["texts"]?.state == .ok, "\(reached["mail"]!.text) \(reached["texts"]!.text)")
        #expect(heard.all.contains { $0.hasPrefix("EHLO") } && !heard.all.contains { $0.hasPrefix("MAIL") || $0.hasPrefix("DATA") })
        #expect(web.all.isEmpty)
        try await relay.close()
        try await gateway.close()
        let down = try await examine(
            closed {
                $0.mail = .init(host: "127.0.0.1", port: relay.port, security: .none)
                $0.text = .init(url: "http://127.0.0.1:\(gateway.port)/send")
            })
        #expect(down["mail"]?.state == .fail && down["texts"]?.state == .fail)
        let strict = try await LoopbackServer { MailConversation(heard: heard) }
        let refused = try await examine(closed { $0.mail = .init(host: "127.0.0.1", port: strict.port, security: .starttls) })
        #expect(refused["mail"]?.state == .fail, "a relay without TLS where TLS is wanted")
        try await strict.close()
    }
}
