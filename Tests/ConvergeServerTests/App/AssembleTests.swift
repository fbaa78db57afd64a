import ConvergeCore
import Foundation
import Testing

@testable import ConvergeServer

@Suite("Opening store and key ring")
struct AssembleTests {
    private func exists(_ path: String) -> Bool { FileManager.default.fileExists(atPath: path) }

    @Test func `a new store gets a ring, and opens with it again`() async throws {
        let first = try await TestServer()
        #expect(exists(first.folder + "/keys.json"))
        try await first.add("ada")
        try await first.instance.close()
        let again = try await TestServer(folder: first.folder)
        #expect(try await again.administration.show("ada").name == "ada")
        try await again.instance.close()
    }

    @Test func `beside a store in use a ring that is not there is refused, and none is made`() async throws {
        let server = try await TestServer()
        try await server.instance.close()
        let mistyped = server.folder + "/kesy.json"
        let error = await #expect(throws: KeyRingError.self) {
            try await TestServer(folder: server.folder, configure: { $0.keyRingPath = mistyped })
        }
        #expect(error == .lost(path: mistyped, database: server.instance.config.storeName))
        #expect(error?.description.contains(mistyped) == true && !exists(mistyped))
        try await TestServer(folder: server.folder).instance.close()
    }

    @Test func `another organisation's ring is refused, and changes nothing`() async throws {
        let server = try await TestServer(), other = try await TestServer()
        for server in [server, other] { try await server.instance.close() }
        let error = await #expect(throws: KeyRingError.self) {
            try await TestServer(folder: server.folder, configure: { $0.keyRingPath = other.folder + "/keys.json" })
        }
        #expect(error == .foreign(path: other.folder + "/keys.json", database: server.instance.config.storeName))
        try await TestServer(folder: server.folder).instance.close()
    }

    @Test func `the demo's store is not served for an organisation`() async throws {
        let server = try await TestServer()
        _ = try await server.administration.seedDemo()
        try await server.instance.close()
        let error = await #expect(throws: ConfigError.self) {
            try await TestServer(folder: server.folder, configure: { $0.isDemo = false })
        }
        #expect(error?.description.contains("was filled by the demo") == true)
        try await TestServer(folder: server.folder).instance.close()
    }

    @Test func `of two starts on a new store one makes the ring and both use it`() async throws {
        let folder = try TemporaryFolder(), path = folder.path + "/keys.json"
        let rings = try await withThrowingTaskGroup(of: KeyRing.self) { group in
            for seed in 0..<8 {
                group.addTask {
                    try KeyRing.open(path: path, createIfAbsent: true, production: true, world: .fixed(seed: UInt64(seed)))
                }
            }
            return try await group.reduce(into: []) { $0.append($1) }
        }
        #expect(Set(rings.map { $0.keyedHash([1], purpose: "p") }).count == 1)
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == ["keys.json"])
    }
}

@Suite struct DemoFolderTests {
    @Test func `a demo remembers its port`() throws {
        let temporary = try TemporaryFolder(), folder = DemoFolder(temporary.path)
        #expect(folder.port == nil && !folder.isThere)
        try folder.remember(port: 9000)
        #expect(DemoFolder(temporary.path).port == 9000)
        try folder.remember(port: nil)
        #expect(folder.port == nil)
        for nonsense in ["", "x", "0", "70000", "-1"] {
            try temporary.write("port", nonsense)
            #expect(folder.port == nil)
        }
    }

    @Test func `a list of leaked passwords in the folder is used`() throws {
        let folder = try TemporaryFolder()
        #expect(Config.demo(dataFolder: folder.path, port: 8080).passwords.breachedList == nil)
        try folder.write("breached.bin", "")
        #expect(Config.demo(dataFolder: folder.path, port: 8080).passwords.breachedList == folder.path + "/breached.bin")
    }
}
