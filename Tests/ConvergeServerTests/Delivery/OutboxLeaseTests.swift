import ConvergeCore
import Foundation
import ServiceLifecycle
import Testing

@testable import ConvergeServer

/// Restarts, several workers, being stopped: at least once, and once where nobody dies.
@Suite struct OutboxLeaseTests {
    private typealias Standing = DeliveryKit.Standing

    @Test(arguments: Engine.all) func `a restart between insert and send loses nothing`(engine: Engine) async throws {
        let gateway = try await ScriptedGateway("200 OK"), first = try await DeliveryKit(texts: gateway.server.port, engine: engine)
        let id = try await first.insertText()
        try await first.close()
        let second = try await DeliveryKit(texts: gateway.server.port, folder: first.server.folder, clock: first.clock, engine: engine)
        try await second.worker.round()
        #expect(gateway.bodies.map { $0["idempotencyKey"] } == [id])
        try await second.close()
    }

    @Test(arguments: Engine.all) func `a worker that dies with a message leaves it to the next one when its lease is over`(engine: Engine)
        async throws
    {
        let gateway = try await ScriptedGateway("200 OK"), first = try await DeliveryKit(texts: gateway.server.port, engine: engine)
        let id = try await first.insertText()
        #expect(try await first.worker.claim([.text: 1]).count == 1)
        try await first.close()
        let second = try await DeliveryKit(texts: gateway.server.port, folder: first.server.folder, clock: first.clock, engine: engine)
        second.clock.advance(by: Span(ms: OutboxWorker.lease.ms - 1))
        #expect(try await second.worker.round() == 0)
        second.clock.advance(by: Span(ms: 1))
        #expect(try await second.worker.round() == 1)
        #expect(gateway.bodies.map { $0["idempotencyKey"] } == [id])
        #expect(try await second.standing(id) == Standing(state: "sent", isWiped: true, tries: 2))
        try await second.close()
    }

    @Test(arguments: Engine.all) func `a message of a kind that only a newer program knows waits for that, and holds up nothing`(
        engine: Engine
    )
        async throws
    {
        let gateway = try await ScriptedGateway("200 OK"), kit = try await DeliveryKit(texts: gateway.server.port, engine: engine)
        let newer = try await kit.insertText(), known = try await kit.insertText()
        try await kit.instance.database.write { try $0.execute("UPDATE outbox SET kind = 'pigeon' WHERE id = \(newer)") }
        #expect(try await kit.worker.round() == 1)
        #expect(gateway.bodies.map { $0["idempotencyKey"] } == [known])
        #expect(try await kit.standing(newer) == Standing(state: "waiting", isWiped: false, tries: 0))
        #expect(try await OperationsRoutes.metrics(kit.instance).contains("converge_"))
        try await kit.close()
    }

    @Test(arguments: Engine.all) func `two workers on one database never send a message twice`(engine: Engine) async throws {
        let gateway = try await ScriptedGateway("200 OK"), first = try await DeliveryKit(texts: gateway.server.port, engine: engine)
        let second = try await DeliveryKit(texts: gateway.server.port, folder: first.server.folder, clock: first.clock, engine: engine)
        var ids: Set<String> = []
        for _ in 0..<40 { ids.insert(try await first.insertText()) }
        let counts = try await withThrowingTaskGroup(of: Int.self) { group in
            for worker in [first.worker, second.worker, first.worker, second.worker] {
                group.addTask {
                    var count = 0
                    while true {
                        let claimed = try await worker.claim([.text: 3])
                        if claimed.isEmpty { return count }
                        count += claimed.count
                        for record in claimed { await worker.deliver(record) }
                    }
                }
            }
            return try await group.reduce(into: [Int]()) { $0.append($1) }
        }
        #expect(counts.reduce(0, +) == 40)
        #expect(gateway.bodies.count == 40 && Set(gateway.bodies.compactMap { $0["idempotencyKey"] }) == ids)
        try await first.close()
        try await second.close()
    }

    @Test(arguments: Engine.all) func `what a worker reports whose lease is over changes nothing`(engine: Engine) async throws {
        let kit = try await DeliveryKit(engine: engine), id = try await kit.insertText(), outbox = kit.instance.outbox
        let old = try #require(try await kit.worker.claim([.text: 1]).first)
        kit.clock.advance(by: OutboxWorker.lease)
        let new = try #require(try await kit.worker.claim([.text: 1]).first)
        let now = kit.clock.now
        let changed = try await kit.instance.database.write { db in
            try outbox.retry(old, at: now, failure: "old", db)
            return try outbox.finish(old, .gaveUp, failure: "old", now: now, db)
        }
        #expect(!changed)
        #expect(try await kit.standing(id) == Standing(state: "waiting", isWiped: false, tries: 2))
        #expect(try await kit.worker.claim([.text: 1]).isEmpty, "the old worker must not have made it due again")
        let ends = try await kit.instance.database.write { db in
            [try outbox.finish(new, .sent, failure: nil, now: now, db), try outbox.finish(new, .gaveUp, failure: "twice", now: now, db)]
        }
        #expect(ends == [true, false])
        #expect(try await kit.standing(id) == Standing(state: "sent", isWiped: true, tries: 2))
        try await kit.close()
    }

    @Test(arguments: Engine.all) func `codes go before notices`(engine: Engine) async throws {
        let kit = try await DeliveryKit(engine: engine)
        let notice = try await kit.insertText(life: .hours(24))
        kit.clock.advance(by: .seconds(1))
        let code = try await kit.insertText(life: .minutes(5))
        let claimed = try await kit.worker.claim([.text: 1]) + kit.worker.claim([.text: 1])
        #expect(claimed.map(\.id) == [code, notice])
        try await kit.close()
    }

    @Test(arguments: [true, false], Engine.all)
    func `a worker that is stopped while it sends still writes down what came of it`(gracefully: Bool, engine: Engine) async throws {
        let heard = Heard(), gateway = try await LoopbackServer { SlowConversation(heard: heard) }
        let kit = try await DeliveryKit(texts: gateway.port, engine: engine), worker = kit.worker
        let sent = try await kit.insertText()
        let group = ServiceGroup(services: [worker], logger: kit.instance.log)
        let running = Task { if gracefully { try await group.run() } else { try await worker.run() } }
        while heard.all.isEmpty { try await Task.sleep(for: .milliseconds(5)) }
        if gracefully { await group.triggerGracefulShutdown() } else { running.cancel() }
        try await running.value
        #expect(try await kit.standing(sent) == Standing(state: "sent", isWiped: true, tries: 1))
        let left = try await kit.insertText()
        #expect(try await kit.standing(left) == Standing(state: "waiting", isWiped: false, tries: 0))
        try await kit.close()
    }

    @Test(arguments: Engine.all) func `a signal wakes a worker that runs, and a gateway that hangs delays nothing of the other kind`(
        engine: Engine
    ) async throws {
        let gateway = try await ScriptedGateway(""), heard = Heard()
        let relay = try await LoopbackServer { MailConversation(heard: heard) }
        let kit = try await DeliveryKit(texts: gateway.server.port, mail: relay.port, patience: 60, engine: engine), worker = kit.worker
        for _ in 0..<4 { try await kit.insertText() }
        let running = Task { try await worker.run() }
        while gateway.heard.all.count < 2 { try await Task.sleep(for: .milliseconds(5)) }
        let mail = try await kit.insertMail()
        kit.instance.outboxSignal.wake()
        while try await kit.standing(mail).state != "sent" { try await Task.sleep(for: .milliseconds(5)) }
        // The first two texts hold the two places of their kind, for as long as the gateway says nothing.
        #expect(gateway.heard.all.count == 2)
        running.cancel()
        try await gateway.server.close()
        try await running.value
        try await kit.close()
    }
}

/// The worker's alarm clock.
@Suite struct SignalTests {
    @Test func `a signal ends every wait`() async {
        let signal = Signal(), seen = signal.generation
        async let first: Void = signal.wait(since: seen, atMost: .seconds(3600))
        async let second: Void = signal.wait(since: seen, atMost: .seconds(3600))
        signal.wake()
        _ = await (first, second)
        #expect(signal.generation == seen + 1)
    }

    @Test func `a signal that came before the wait is not missed`() async {
        let signal = Signal(), seen = signal.generation
        signal.wake()
        await signal.wait(since: seen, atMost: .seconds(3600))
        #expect(signal.generation == seen + 1)
    }

    @Test func `a wait that is over is no signal`() async throws {
        let signal = Signal(), seen = signal.generation
        await signal.wait(since: seen, atMost: .milliseconds(1))
        #expect(signal.generation == seen)
        let over = Heard()
        let next = Task {
            await signal.wait(since: seen, atMost: .seconds(3600))
            over.append("over")
        }
        try await Task.sleep(for: .milliseconds(100))
        #expect(over.all.isEmpty, "the end of one wait must not end the next")
        signal.wake()
        await next.value
    }

    @Test func `a cancelled wait ends`() async {
        let signal = Signal()
        let task = Task { await signal.wait(since: signal.generation, atMost: .seconds(3600)) }
        task.cancel()
        await task.value
        #expect(signal.generation == 0)
    }
}
