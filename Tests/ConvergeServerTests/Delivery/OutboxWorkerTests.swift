import ConvergeCore
import ConvergeServer
import Foundation
import Testing

@testable import ConvergeServer

/// What becomes of one message, by what the gateway answers.
@Suite struct OutboxWorkerTests {
    private typealias Standing = DeliveryKit.Standing

    @Test func `a text is handed over once, with its key, and its content is wiped`() async throws {
        let gateway = try await ScriptedGateway("202 Accepted"), kit = try await DeliveryKit(texts: gateway.server.port)
        let id = try await kit.insertText()
        #expect(try await kit.worker.round() == 1)
        kit.clock.advance(by: .hours(1))
        #expect(try await kit.worker.round() == 0)
        #expect(gateway.bodies == [["to": DeliveryKit.number.e164, "text": "481920 is your code", "idempotencyKey": id]])
        #expect(try await kit.standing(id) == Standing(state: "sent", isWiped: true, tries: 1))
        #expect(kit.logIsSilent && kit.log.all.contains { $0.contains(id) })
        try await kit.close()
    }

    @Test func `a mail goes over SMTP with both its parts`() async throws {
        let heard = Heard(), server = try await LoopbackServer { MailConversation(heard: heard) }
        let kit = try await DeliveryKit(mail: server.port)
        let id = try await kit.insertMail()
        try await kit.worker.round()
        #expect(heard.all.contains { $0.hasPrefix("RCPT TO:<ada.private@elsewhere.example>") })
        let content = try #require(heard.all.first { $0.hasPrefix("CONTENT") })
        #expect(content.contains("481920 plain") && content.contains("<b>481920</b>") && content.contains("Message-ID: <\(id)@"))
        #expect(try await kit.standing(id) == Standing(state: "sent", isWiped: true, tries: 1))
        #expect(kit.logIsSilent)
        try await kit.close()
    }

    @Test(arguments: ["429 Slow", "500 Oh", "503 No", "302 Over", "401 Who"])
    func `a gateway that fails is asked again later, with the same code and key`(answer: String) async throws {
        let gateway = try await ScriptedGateway(answer, "200 OK"), kit = try await DeliveryKit(texts: gateway.server.port)
        let id = try await kit.insertText()
        try await kit.worker.round()
        #expect(try await kit.standing(id) == Standing(state: "waiting", isWiped: false, tries: 1))
        kit.clock.advance(by: Span(ms: 4999))
        #expect(try await kit.worker.round() == 0)
        kit.clock.advance(by: Span(ms: 1))
        #expect(try await kit.worker.round() == 1)
        #expect(gateway.bodies.count == 2 && gateway.bodies[0] == gateway.bodies[1])
        #expect(try await kit.standing(id) == Standing(state: "sent", isWiped: true, tries: 2))
        #expect(kit.logIsSilent)
        try await kit.close()
    }

    @Test func `a relay that says later gets the same mail later`() async throws {
        let heard = Heard()
        let server = try await LoopbackServer {
            MailConversation(heard: heard, replies: heard.all.isEmpty ? ["CONTENT": "451 4.3.0 later"] : [:])
        }
        let kit = try await DeliveryKit(mail: server.port), id = try await kit.insertMail()
        try await kit.worker.round()
        #expect(try await kit.standing(id).state == "waiting")
        kit.clock.advance(by: .seconds(5))
        try await kit.worker.round()
        #expect(try await kit.standing(id) == Standing(state: "sent", isWiped: true, tries: 2))
        let keys = heard.all.filter { $0.hasPrefix("CONTENT") }.map { $0.contains("Message-ID: <\(id)@") && $0.contains("481920 plain") }
        #expect(keys == [true, true])
        #expect(kit.logIsSilent)
        try await kit.close()
    }

    @Test(arguments: ["400 Bad", "422 No"]) func `a text that is refused is given up at once and named in the log`(answer: String)
        async throws
    {
        let gateway = try await ScriptedGateway(answer), kit = try await DeliveryKit(texts: gateway.server.port)
        let id = try await kit.insertText()
        try await kit.worker.round()
        kit.clock.advance(by: .minutes(4))
        #expect(try await kit.worker.round() == 0)
        #expect(gateway.bodies.count == 1)
        #expect(try await kit.standing(id) == Standing(state: "refused", isWiped: true, tries: 1))
        #expect(kit.logIsSilent && kit.log.all.contains { $0.hasPrefix("warning") && $0.contains(id) })
        try await kit.close()
    }

    @Test func `a mail that is refused is given up at once`() async throws {
        let heard = Heard()
        let server = try await LoopbackServer {
            MailConversation(heard: heard, replies: ["RCPT": "550 5.1.1 <ada.private@elsewhere.example> unknown"])
        }
        let kit = try await DeliveryKit(mail: server.port), id = try await kit.insertMail()
        try await kit.worker.round()
        #expect(try await kit.standing(id) == Standing(state: "refused", isWiped: true, tries: 1))
        #expect(kit.logIsSilent)
        try await kit.close()
    }

    @Test func `a gateway and a relay that never answer are asked again later`() async throws {
        let gateway = try await ScriptedGateway("")
        let relay = try await LoopbackServer { MailConversation(heard: Heard(), replies: ["GREETING": ""]) }
        let kit = try await DeliveryKit(texts: gateway.server.port, mail: relay.port)
        let text = try await kit.insertText(), mail = try await kit.insertMail()
        try await kit.worker.round()
        for id in [text, mail] { #expect(try await kit.standing(id) == Standing(state: "waiting", isWiped: false, tries: 1)) }
        #expect(kit.logIsSilent)
        try await kit.close()
    }

    @Test func `a code is sent until its last millisecond and never in the next`() async throws {
        let gateway = try await ScriptedGateway("200 OK"), kit = try await DeliveryKit(texts: gateway.server.port)
        let early = try await kit.insertText(code: "111111", life: .minutes(5))
        kit.clock.advance(by: Span(ms: 299_999))
        try await kit.worker.round()
        let late = try await kit.insertText(code: "222222", life: .minutes(5))
        kit.clock.advance(by: .minutes(5))
        try await kit.worker.round()
        #expect(gateway.bodies.map { $0["text"] } == ["111111 is your code"])
        #expect(try await kit.standing(early) == Standing(state: "sent", isWiped: true, tries: 1))
        #expect(try await kit.standing(late) == Standing(state: "expired", isWiped: true, tries: 1))
        #expect(kit.log.all.contains { $0.hasPrefix("warning") && $0.contains(late) })
        try await kit.close()
    }

    @Test func `a message that was claimed in time is not sent when its time is over meanwhile`() async throws {
        let gateway = try await ScriptedGateway("200 OK"), kit = try await DeliveryKit(texts: gateway.server.port)
        let id = try await kit.insertText(life: .minutes(5))
        let claimed = try await kit.worker.claim([.text: 1])
        kit.clock.advance(by: .minutes(5))
        for record in claimed { await kit.worker.deliver(record) }
        #expect(gateway.bodies.isEmpty)
        #expect(try await kit.standing(id).state == "expired")
        try await kit.close()
    }

    @Test func `a code that cannot be delivered is given up while the next try would still be in time to be told`() async throws {
        let gateway = try await ScriptedGateway("503 No"), kit = try await DeliveryKit(texts: gateway.server.port)
        let id = try await kit.insertText(life: .minutes(5)), start = kit.clock.now
        while try await kit.standing(id).state == "waiting" {
            try await kit.worker.round()
            kit.clock.advance(by: .seconds(1))
            try #require(kit.clock.now < start + .minutes(6))
        }
        #expect(kit.clock.now < start + .minutes(5))
        // At 0, 5, 20, 65 and 185 seconds; five minutes later would be too late.
        #expect(try await kit.standing(id) == Standing(state: "gaveUp", isWiped: true, tries: 5))
        #expect(gateway.bodies.count == 5 && Set(gateway.bodies).count == 1)
        #expect(kit.logIsSilent && kit.log.all.contains { $0.hasPrefix("warning") && $0.contains("given up") && $0.contains(id) })
        try await kit.close()
    }

    @Test func `without a gateway nothing is sent and nothing is lost at once`() async throws {
        let kit = try await DeliveryKit(), id = try await kit.insertText()
        try await kit.worker.round()
        #expect(try await kit.standing(id) == Standing(state: "waiting", isWiped: false, tries: 1))
        try await kit.close()
    }

    @Test(.ofTheFile) func `the table never holds number, address or code in clear`() async throws {
        let gateway = try await ScriptedGateway("503 No", "200 OK"), kit = try await DeliveryKit(texts: gateway.server.port)
        let marked = try await kit.insertText(code: "73519264")
        let secrets = [DeliveryKit.number.e164, String(DeliveryKit.number.e164.dropFirst()), "73519264", "ada.private"]
        try await kit.insertMail()
        // What is looked for would be found: the message's own id stands in the files.
        #expect(try kit.isInFiles(marked))
        for secret in secrets { #expect(try !kit.isInFiles(secret)) }
        try await kit.worker.round()
        for secret in secrets { #expect(try !kit.isInFiles(secret)) }
        kit.clock.advance(by: .seconds(5))
        try await kit.worker.round()
        for secret in secrets { #expect(try !kit.isInFiles(secret)) }
        #expect(kit.logIsSilent)
        try await kit.close()
    }

    @Test func `the demo's box gets texts and mails, a repeat stands there once, and mail goes to a relay as well`() async throws {
        let heard = Heard()
        let relay = try await LoopbackServer {
            MailConversation(heard: heard, replies: heard.all.isEmpty ? ["CONTENT": "451 later"] : [:])
        }
        let box = DemoBox(), kit = try await DeliveryKit(mail: relay.port, box: box)
        try await kit.insertText()
        try await kit.insertMail()
        try await kit.worker.round()
        kit.clock.advance(by: .seconds(5))
        try await kit.worker.round()
        #expect(Set(box.all.map(\.message.to)) == [DeliveryKit.number.e164, DeliveryKit.mailbox.address] && box.all.count == 2)
        #expect(heard.all.filter { $0.hasPrefix("CONTENT") }.count == 2)
        try await kit.close()
    }
}
