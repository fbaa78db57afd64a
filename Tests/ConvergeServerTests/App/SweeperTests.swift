import ConvergeCore
import Foundation
import Testing

@testable import ConvergeServer

@Suite struct SweeperTests {
    private func count(_ table: String, _ kit: DeliveryKit) async throws -> Int {
        try await kit.instance.database.read { db in try db.row("SELECT COUNT(*) AS n FROM \(raw: table)")?.int("n") ?? -1 }
    }

    @Test(arguments: Engine.all) func `what has been over for a week goes, in small portions, and what is not stays`(engine: Engine)
        async throws
    {
        let kit = try await DeliveryKit(box: DemoBox(), engine: engine), instance = kit.instance, person = try await kit.server.add("ada")
        func fill() async throws {
            let now = kit.clock.now
            for _ in 0..<5 { try await kit.insertText(life: .minutes(5)) }
            try await kit.worker.round()
            try await instance.database.write { db in
                for _ in 0..<5 {
                    let id = instance.world.newToken(bytes: 16)
                    try instance.flows.insert(
                        FlowID(id), kind: .reset, state: ["x"], person: nil, epoch: nil, browserHash: "b", returnTo: "/", policyVersion: 1,
                        now: now, life: .minutes(15), db)
                    try instance.sessions.insert(
                        SessionRecord(
                            id: SessionID(id), person: person, epoch: 0, createdAt: now, seenAt: now, idleUntil: now,
                            endsAt: now + .minutes(15),
                            amr: [], proofs: [], agent: "", network: ""), secretHash: id, db)
                    try NoticeLinkStore(organisation: instance.organisation).insert(
                        hash: id, person: person, credential: nil, what: "unlocked", at: now, expires: now + .minutes(15), db)
                    _ = try instance.budgets.spend("send:" + id, Budgets.sendsPerPerson, now: now, db)
                    _ = try instance.budgets.spend(Budgets.ceiling(CredentialID(id)), Budgets.ceiling, now: now, db)
                    try instance.outbox.noteTrouble(id, at: now, db)
                }
            }
        }
        try await fill()
        kit.clock.advance(by: Span(ms: Span.days(7).ms + Span.minutes(16).ms))
        try await fill()
        let tables = ["outbox", "flow", "session", "notice_link", "delivery_trouble"]
        for table in tables { #expect(try await count(table, kit) == 10) }
        #expect(await Sweeper(instance, portion: 2).sweep() == [])
        for table in tables { #expect(try await count(table, kit) == 5, "\(table)") }
        // The ceilings of both weeks, the other counters of this one.
        #expect(try await count("budget", kit) == 15)
        try await kit.close()
    }

    @Test(arguments: Engine.all) func `a message that nobody sent in time loses its content even where no worker runs`(engine: Engine)
        async throws
    {
        let kit = try await DeliveryKit(engine: engine), id = try await kit.insertText(life: .minutes(5))
        kit.clock.advance(by: Span(ms: 299_999))
        #expect(await Sweeper(kit.instance).sweep() == [])
        #expect(try await kit.standing(id).state == "waiting")
        kit.clock.advance(by: Span(ms: 1))
        #expect(await Sweeper(kit.instance).sweep() == [])
        #expect(try await kit.standing(id) == DeliveryKit.Standing(state: "expired", isWiped: true, tries: 0))
        try await kit.close()
    }

    @Test(arguments: Engine.all) func `what stood for a message to nobody goes after an hour, real messages stay their week`(engine: Engine)
        async throws
    {
        let kit = try await DeliveryKit(box: DemoBox(), engine: engine), instance = kit.instance, now = kit.clock.now
        for _ in 0..<3 { try await kit.insertText(life: .minutes(5)) }
        try await kit.worker.round()
        try await instance.database.write { db in
            for _ in 0..<3 {
                try instance.outbox.insertDecoy(
                    OutboxMessage(kind: .text, to: "+447700900111", body: "Code 123456"), id: instance.world.newToken(bytes: 16),
                    notAfter: now + .minutes(5), now: now, db)
            }
        }
        kit.clock.advance(by: .hours(1))
        #expect(await Sweeper(instance, portion: 2).sweep() == [])
        #expect(try await count("outbox", kit) == 6)
        kit.clock.advance(by: Span(ms: 1))
        #expect(await Sweeper(instance, portion: 2).sweep() == [])
        #expect(try await count("outbox", kit) == 3)
        #expect(try await count("outbox WHERE state = 'sent'", kit) == 3)
        try await kit.close()
    }

    @Test(arguments: Engine.all) func `wrong passwords are remembered for an hour, their number for thirty quiet days`(engine: Engine)
        async throws
    {
        let kit = try await DeliveryKit(engine: engine), instance = kit.instance, key = "lock:x"
        let stored: @Sendable () async throws -> PasswordLockState? = {
            try await instance.database.read { db in
                try db.row("SELECT note FROM budget WHERE key = \(key)")?.optionalText("note")
                    .map { try JSONText.decode(PasswordLockState.self, from: $0) }
            }
        }
        let guess: @Sendable () async throws -> Void = {
            let now = instance.world.now()
            _ = try await instance.database.write { db in try instance.passwordLocks.guess(key, hash: [1, 2, 3], now: now, db) }
        }
        try await guess()
        #expect(await Sweeper(instance).sweep() == [])
        #expect(try await stored()?.remembered.count == 1)
        kit.clock.advance(by: .hours(1))
        #expect(await Sweeper(instance).sweep() == [])
        #expect(try await stored() == PasswordLockState(wrong: 1, lockedUntil: nil, remembered: []))
        kit.clock.advance(by: .days(30))
        #expect(await Sweeper(instance).sweep() == [])
        #expect(try await stored()?.wrong == 1)
        kit.clock.advance(by: Span(ms: 1))
        #expect(await Sweeper(instance).sweep() == [])
        #expect(try await stored() == nil)
        try await kit.close()
    }
}
