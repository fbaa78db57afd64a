import ConvergeCore
import Foundation
import Testing

@testable import ConvergeServer

/// Notifications are hints: where all of them are lost, a node finds what another one wrote because it looks by itself.
///
/// In each test the node has looked once and found nothing. Its second look is held until the other node has written, so that it
/// is neither too early nor told by anybody.
@Suite("Every notification is lost")
struct LostNotificationTests {
    private func deaf(_ server: TestServer) throws -> DeafDatabase { try #require(server.instance.database as? DeafDatabase) }

    /// Another node over the same store.
    private func other(_ server: TestServer, _ engine: Engine) async throws -> TestServer {
        try await TestServer(folder: server.folder, clock: server.clock, engine: engine, over: DeafDatabase.init(over:))
    }

    /// Waits for the end of something that waits itself.
    private func outcome<T: Sendable>(_ what: String, _ task: Task<T, any Error>) async throws -> T {
        let ended = Tally()
        let watcher = Task {
            _ = await task.result
            ended.add()
        }
        await until(what) { ended.count == 1 }
        // Whoever waits in vain is not waited for.
        task.cancel()
        await watcher.value
        return try await task.value
    }

    @Test("a message that another node wrote is sent", arguments: Engine.all)
    func message(engine: Engine) async throws {
        let box = DemoBox(), server = try await TestServer(engine: engine, box: box, over: DeafDatabase.init(over:))
        let other = try await other(server, engine), database = try deaf(server)
        let curl = Curl(threads: 1), worker = OutboxWorker(server.instance, curl: curl)
        database.holdReads(after: 1)
        let running = Task { try await worker.run() }
        await until("the worker looks again") { database.isStanding }
        let instance = other.instance, now = other.clock.now
        try await instance.database.write { db in
            let message = OutboxMessage(kind: .mail, to: "x@example.org", body: "x")
            try instance.outbox.insert(message, id: "waits", person: nil, notAfter: now + .minutes(5), now: now, db)
        }
        #expect(server.instance.outboxSignal.generation == 0, "nobody woke it")
        database.letIn()
        try await until("it is sent") {
            try await instance.database.read { try $0.row("SELECT state FROM outbox WHERE id = 'waits'")?.text("state") } == "sent"
        }
        #expect(box.all.map(\.message.to) == ["x@example.org"])
        running.cancel()
        _ = try? await running.value
        try await curl.close()
        for server in [server, other] { try await server.instance.close() }
    }

    @Test("a page that waits for an app hears what the app said to another node", arguments: Engine.all)
    func page(engine: Engine) async throws {
        let kit = try await AppKit(engine: engine, over: DeafDatabase.init(over:)), database = try deaf(kit.server)
        let other = try await other(kit.server, engine), tab = try await kit.begin(), path = tab.page.path + "/progress"
        kit.phone.browser = TestBrowser(other)
        let asked = try await kit.phone.asked(), signal = kit.server.instance.approvalSignal, before = signal.generation
        let seen = try #require(try await tab.tab().open(path).html.firstMatch(of: /"seen":"([^"]*)"/)).1
        database.holdReads(after: 1)
        let waiting = tab.tab(), address = path + "?seen=\(seen)"
        let page = Task { try await waiting.open(address).html }
        await until("the page looks again") { database.isStanding }
        #expect(try await kit.phone.answer(asked, number: tab.page.number).outcome == "approved")
        #expect(signal.generation == before, "nobody woke it")
        database.letIn()
        let told = try await outcome("the page is answered", page)
        #expect(told.contains(#""approved":true"#), "\(told)")
        for server in [kit.server, other] { try await server.instance.close() }
    }

    @Test("an app that waits hears what another node asks", arguments: Engine.all)
    func app(engine: Engine) async throws {
        let kit = try await AppKit(engine: engine, over: DeafDatabase.init(over:)), database = try deaf(kit.server)
        let other = try await other(kit.server, engine), phone = kit.phone
        let signal = kit.server.instance.approvalSignal, before = signal.generation
        database.holdReads(after: 1)
        let polling = Task { try await phone.poll { $0["wait"] = "yes" }.0?.requests.count }
        await until("the app looks again") { database.isStanding }
        try await TestBrowser(other).signIn("ada")
        #expect(signal.generation == before, "nobody woke it")
        database.letIn()
        #expect(try await outcome("the app is answered", polling) == 1)
        for server in [kit.server, other] { try await server.instance.close() }
    }
}
