import ConvergeCore
import Foundation
import Testing

@testable import ConvergeServer

@Suite("Rotating keys beside a running server")
struct KeyRotationTests {
    /// A server, and a command that opened the same store and ring.
    private func pair() async throws -> (server: TestServer, command: TestServer) {
        let server = try await TestServer()
        return (server, try await TestServer(folder: server.folder, clock: server.clock))
    }

    private func ada(_ server: TestServer) async throws -> PersonID {
        let ada = try await server.add("ada")
        try await server.give(ada, .totpApp, content: CredentialContent(secret: Secret("12345678901234567890")), by: .appCode)
        return ada
    }

    private func prefixes(_ server: TestServer) async throws -> Set<String> {
        try await server.instance.database.read { db in
            var names: Set<String> = []
            for table in SealedStore.Table.allCases {
                for row in try db.rows("SELECT sealed FROM \(raw: table.rawValue) WHERE sealed <> ''") {
                    names.insert(Sealed(try row.text("sealed")).keyName)
                }
            }
            return names
        }
    }

    @Test func `the new key seals at once, in the server that was running too, and the old one opens`() async throws {
        let (server, command) = try await pair()
        _ = try await ada(server)
        #expect(try await command.administration.rotateKey() == "k2")
        // The server has not been told.
        #expect(server.instance.keys.active == "k2")
        let browser = TestBrowser(server)
        try await browser.signIn("ada")
        #expect(try await prefixes(server) == ["k1", "k2"])
        // A flow sealed by the command under the new key opens in the server, and the app of before still signs in.
        try await browser.submit("/answer", ["code": browser.appCode(secret: Secret("12345678901234567890"))])
        let keys = try await command.administration.listKeys()
        #expect(keys.map(\.name) == ["k1", "k2"] && keys.map(\.sealsNow) == [false, true])
        #expect(keys[0].uses["credential"] == 1)
    }

    @Test func `a key goes when nothing is sealed under it, and not before`() async throws {
        let (server, command) = try await pair(), administration = command.administration
        let ada = try await ada(server), browser = TestBrowser(server)
        try await browser.signIn("ada")
        await #expect(throws: KeyRingError.inUse("k1")) { try await administration.retireKey("k1") }
        _ = try await administration.rotateKey()
        let problem = await #expect(throws: Administration.Problem.self) { try await administration.retireKey("k1") }
        #expect(problem?.description.contains("key reseal") == true)
        await #expect(throws: Administration.Problem.self) { try await administration.retireKey("k9") }
        let done = try await administration.reseal()
        #expect(done.resealed >= 2 && done.unreadable == 0)
        #expect(try await prefixes(server) == ["k2"])
        #expect(try await administration.reseal() == .init())
        try await administration.retireKey("k1")
        #expect(server.instance.keys.names == ["k2"])
        // The conversation that was under way goes on.
        let secret = try await server.instance.database.read { db in
            let record = try #require(try server.instance.credentials.all(of: ada, db).first)
            return try server.instance.credentials.open(record).content.secret
        }
        #expect(secret == Secret("12345678901234567890"))
        #expect(try await browser.submit("/answer", ["code": browser.appCode(secret: Secret("12345678901234567890"))]).status == 200)
        await #expect(throws: KeyRingError.inUse("k2")) { try await administration.retireKey("k2") }
        let rows = try await administration.audit(.init(category: "Administration"))
        #expect(rows.map(\.activity).prefix(2) == [AuditActivity.keyRetired.rawValue, AuditActivity.keyRotated.rawValue])
        #expect(rows[0].details == ["key": "k1"])
    }

    @Test func `more than a portion is sealed anew, and a value that does not open stays and is told`() async throws {
        let server = try await TestServer(), instance = server.instance, now = server.clock.now
        try await instance.database.write { db in
            for number in 0..<450 {
                try instance.outbox.insert(
                    OutboxMessage(kind: .text, to: "+447700900131", body: "\(number)"), id: "message-\(number)", person: nil,
                    notAfter: now + .hours(1), now: now, db)
            }
            try db.execute("UPDATE outbox SET sealed = 'k1.AAAA' WHERE id = 'message-7'")
            try db.execute("UPDATE outbox SET sealed = 'lost.AAAA' WHERE id = 'message-8'")
        }
        _ = try await server.administration.rotateKey()
        let done = try await server.administration.reseal()
        #expect(done.resealed == 448 && done.unreadable == 2)
        #expect(try await server.administration.keyUsage()["outbox"] == ["k1": 1, "k2": 448, nil: 1])
        await #expect(throws: Administration.Problem.self) { try await server.administration.retireKey("k1") }
    }

    @Test func `nodes with files of their own never meet a key that they lack, if it is prepared first`() async throws {
        let folder = try TemporaryFolder()
        let paths = ["/one.json", "/two.json"].map { folder.path + $0 }
        let first = try KeyRing.open(path: paths[0], createIfAbsent: true, production: true, world: .fixed())
        func copy() throws {
            try? FileManager.default.removeItem(atPath: paths[1])
            try FileManager.default.copyItem(atPath: paths[0], toPath: paths[1])
        }
        try copy()
        let second = try KeyRing.open(path: paths[1], createIfAbsent: false, production: true, world: .fixed(seed: 2))
        #expect(try first.prepare() == "k2" && first.prepare() == "k2" && first.active == "k1")
        #expect(try second.open(first.seal([1], aad: "a"), aad: "a") == [1])
        try copy()
        #expect(try first.rotate() == "k2" && first.names == ["k1", "k2"])
        #expect(try second.open(first.seal([2], aad: "a"), aad: "a") == [2] && second.active == "k1")
        #expect(try first.open(second.seal([3], aad: "a"), aad: "a") == [3])
        try copy()
        #expect(second.active == "k2")
        // Without that step, a node without the file lacks the key.
        #expect(try first.rotate() == "k3")
        let sealed = try first.seal([4], aad: "a")
        #expect(throws: KeyRingError.unknownKey("k3")) { try second.open(sealed, aad: "a") }
    }

    @Test func `a name is not used again, and a prepared key may be taken away`() throws {
        let folder = try TemporaryFolder(), path = folder.path + "/keys.json"
        func open() throws -> KeyRing { try KeyRing.open(path: path, createIfAbsent: true, production: true, world: .fixed()) }
        let ring = try open()
        for name in ["k2", "k3"] { #expect(try ring.rotate() == name) }
        for name in ["k1", "k2"] { try ring.retire(name) }
        #expect(try ring.prepare() == "k4" && ring.names == ["k3", "k4"])
        try ring.retire("k4")
        #expect(ring.active == "k3" && ring.names == ["k3"])
        #expect(try open().names == ["k3"])
        #expect(try ring.rotate() == "k5" && ring.active == "k5")
    }

    @Test func `rings that change at the same time lose no key`() async throws {
        let folder = try TemporaryFolder(), path = folder.path + "/keys.json"
        let rings = try (0..<4).map { seed in
            try KeyRing.open(path: path, createIfAbsent: true, production: true, world: .fixed(seed: UInt64(seed)))
        }
        try await withThrowingTaskGroup(of: Void.self) { group in
            for ring in rings { group.addTask { for _ in 0..<5 { try ring.rotate() } } }
            try await group.waitForAll()
        }
        #expect(rings.allSatisfy { $0.names.count == 21 && $0.active == rings[0].active })
    }

    @Test func `a file that became another ring or nonsense is not taken over`() throws {
        let folder = try TemporaryFolder(), path = folder.path + "/keys.json"
        let ring = try KeyRing.open(path: path, createIfAbsent: true, production: true, world: .fixed())
        let sealed = try ring.seal([1, 2], aad: "a")
        try folder.write("keys.json", "nonsense")
        #expect(try ring.open(sealed, aad: "a") == [1, 2] && ring.active == "k1")
        try folder.write("other.json", "")
        _ = try KeyRing.open(path: folder.path + "/new.json", createIfAbsent: true, production: true, world: .fixed(seed: 9)).rotate()
        try folder.write("keys.json", String(contentsOfFile: folder.path + "/new.json", encoding: .utf8))
        #expect(try ring.open(ring.seal([3], aad: "a"), aad: "a") == [3] && ring.active == "k1")
    }
}
