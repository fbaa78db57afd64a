import ConvergeCore
import Crypto
import Foundation
import Testing

@testable import ConvergeServer

/// Messages to browsers: what is sent, where to, and what becomes of it.
@Suite("Push messages to the app")
struct PushTests {
    private static let browserKey = try! P256.KeyAgreement.PrivateKey(rawRepresentation: [UInt8](repeating: 5, count: 32))
    private static let key = Base64URL.encode(browserKey.publicKey.x963Representation)
    private static let secret = Base64URL.encode([UInt8](repeating: 6, count: 16))

    private func waiting(_ instance: Instance) async throws -> [OutboxRecord] {
        try await instance.database.read { db in
            try db.rows("SELECT * FROM outbox WHERE kind = 'push' AND state = 'waiting'").map { row in
                OutboxRecord(
                    id: try row.text("id"), kind: .push, tries: 1, notAfter: try row.moment("not_after_ms"),
                    createdAt: try row.moment("created_ms"),
                    sealed: try row.text("sealed"))
            }
        }
    }

    private func outcome(_ record: OutboxRecord, _ instance: Instance) async throws -> (state: String?, failure: String?) {
        try await instance.database.read { db in
            let row = try db.row("SELECT state, failure FROM outbox WHERE id = \(record.id)")
            return (try row?.text("state"), try row?.optionalText("failure"))
        }
    }

    @Test("only services of the list are taken, and what is no key of a browser is refused")
    func subscriptions() async throws {
        let kit = try await AppKit(configure: { $0.pushHosts = PushHosts(["push.example.net"]) })
        let here = "https://push.example.net/a"
        #expect(try await kit.phone.subscribe("https://evil.example/a", Self.key, Self.secret).problem == "push-host")
        #expect(try await kit.phone.subscribe("http://push.example.net/a", Self.key, Self.secret).problem == "push-host")
        #expect(try await kit.phone.subscribe(here, "AAAA", Self.secret).problem == "malformed")
        #expect(try await kit.phone.subscribe(here, Self.key, "AAAA").problem == "malformed")
        #expect(try await kit.phone.subscribe(here, Self.key, Self.secret).problem == nil)
        _ = try await kit.begin()
        #expect(try await waiting(kit.server.instance).count == 1)
        #expect(try await kit.phone.subscribe("", "", "").problem == nil)
        kit.server.clock.advance(by: .minutes(1))
        _ = try await kit.begin()
        #expect(try await waiting(kit.server.instance).count == 1, "none more")
    }

    @Test("nothing is pushed where nothing may be: the app asks by itself, and approves")
    func off() async throws {
        let kit = try await AppKit(configure: { $0.pushHosts = PushHosts([]) })
        #expect(kit.phone.account?.push == nil)
        #expect(try await kit.phone.subscribe("https://fcm.googleapis.com/a", Self.key, Self.secret).problem == "push-host")
        let tab = try await kit.begin()
        #expect(try await waiting(kit.server.instance).isEmpty)
        try await kit.phone.answer(try await kit.phone.asked(), number: tab.page.number)
        #expect(try await tab.submit("/answer").path == "/")
    }

    @Test(
        "a message arrives encrypted; one that nobody takes there is the last; a failure ends no approval",
        arguments: [
            ("201 Created", "sent", true), ("410 Gone", "refused", false), ("404 Not Found", "refused", false),
            ("503 Busy", "waiting", true),
        ])
    func delivery(_ answer: String, _ end: String, _ stays: Bool) async throws {
        let service = try await ScriptedGateway(answer), origin = "http://127.0.0.1:\(service.server.port)"
        let kit = try await AppKit(configure: { $0.pushHosts = PushHosts([origin]) }), instance = kit.server.instance
        #expect(try await kit.phone.subscribe(origin + "/p/1", Self.key, Self.secret).problem == nil)
        let tab = try await kit.begin(), curl = Curl(threads: 2)
        let worker = OutboxWorker(instance, curl: curl, limits: .init(connectSeconds: 60, totalSeconds: 60))
        let record = try #require(try await worker.claim([.push: 1]).first)
        #expect(record.notAfter == kit.server.clock.now + .seconds(60))
        await worker.deliver(record)
        try await curl.close()
        let outcome = try await outcome(record, instance)
        #expect(outcome.state == end, "\(outcome.failure ?? "no failure")")
        let sent = try #require(service.heard.all.first)
        #expect(sent.hasPrefix("POST /p/1 ") && sent.contains("Content-Encoding: aes128gcm") && sent.contains("TTL: 60"))
        #expect(sent.contains("Authorization: vapid t=") && !sent.contains("Ada Okafor"))
        let push = try await instance.database.read { db in try instance.authenticators.find(kit.phone.credential, db)?.content.push }
        #expect((push != nil) == stays)
        try await kit.phone.answer(try await kit.phone.asked(), number: tab.page.number)
        #expect(try await tab.submit("/answer").path == "/")
        try await service.server.close()
    }

    @Test("the server's own key stays the same over restarts and rotations, and is another for another ring")
    func ownKey() throws {
        let world = World.fixed(), ring = KeyRing(world: world), other = KeyRing(world: World.fixed(seed: 7))
        func key(_ ring: KeyRing) -> String { ring.ownKey("push") { PushSender(key: $0, contact: "") }.publicKey }
        let first = key(ring)
        _ = try ring.rotate()
        #expect(key(ring) == first && key(other) != first)
        var tries = 0
        let late: Int = ring.ownKey("x") { _ in
            tries += 1
            return tries > 2 ? tries : nil
        }
        #expect(late == 3)
    }
}
