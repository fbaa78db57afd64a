import ConvergeCore
import Testing

@testable import ConvergeServer

/// "We cannot reach you now": said soon, about the right people, and not for longer than it is true.
@Suite struct TroubleTests {
    private static let other = PhoneNumber(e164: "+447700900200")!

    private func people(_ kit: DeliveryKit) async throws -> (ada: PersonID, ben: PersonID) {
        let ada = try await kit.server.add("ada"), ben = try await kit.server.add("ben")
        try await kit.server.give(ada, .mobilePhone, content: CredentialContent(phone: DeliveryKit.number), by: .text)
        try await kit.server.give(ada, .email, content: CredentialContent(email: DeliveryKit.mailbox), by: .emailCode)
        try await kit.server.give(ben, .mobilePhone, content: CredentialContent(phone: Self.other), by: .text)
        return (ada, ben)
    }

    @Test func `the first failure of a gateway is told to everybody, about texts only, until something gets through`() async throws {
        let gateway = try await ScriptedGateway("503 No", "200 OK"), relay = try await LoopbackServer { MailConversation(heard: Heard()) }
        let kit = try await DeliveryKit(texts: gateway.server.port, mail: relay.port), (ada, ben) = try await people(kit)
        #expect(try await kit.gap(.text, of: ada) == nil)
        try await kit.insertText()
        #expect(try await kit.gap(.text, of: ada) == nil)
        try await kit.worker.round()
        #expect(try await kit.gap(.text, of: ada)?.why == .gateway)
        #expect(try await kit.gap(.text, of: ben)?.why == .gateway)
        #expect(try await kit.gap(.emailCode, of: ada) == nil)
        kit.clock.advance(by: .seconds(5))
        try await kit.worker.round()
        #expect(try await kit.gap(.text, of: ada) == nil)
        #expect(try await kit.gap(.text, of: ben) == nil)
        try await kit.close()
    }

    @Test(arguments: ["429 Slow", "400 Bad"])
    func `a gateway that will not serve one number is down for that number only`(answer: String) async throws {
        let gateway = try await ScriptedGateway(answer), kit = try await DeliveryKit(texts: gateway.server.port)
        let (ada, ben) = try await people(kit)
        try await kit.insertText()
        try await kit.worker.round()
        #expect(try await kit.gap(.text, of: ada)?.why == .gateway)
        #expect(try await kit.gap(.text, of: ben) == nil)
        try await kit.close()
    }

    @Test func `a mailbox that is full is no trouble of the relay`() async throws {
        let relay = try await LoopbackServer { MailConversation(heard: Heard(), replies: ["RCPT": "452 4.2.2 full"]) }
        let kit = try await DeliveryKit(mail: relay.port), (ada, ben) = try await people(kit)
        try await kit.server.give(ben, .email, content: CredentialContent(email: EmailAddress("ben@elsewhere.example")!), by: .emailCode)
        try await kit.insertMail()
        try await kit.worker.round()
        #expect(try await kit.gap(.emailCode, of: ada)?.why == .gateway)
        #expect(try await kit.gap(.emailCode, of: ben) == nil)
        try await kit.close()
    }

    @Test func `trouble that nobody repeats is over after two minutes`() async throws {
        let gateway = try await ScriptedGateway("400 Bad"), kit = try await DeliveryKit(texts: gateway.server.port)
        let ada = try await people(kit).ada
        try await kit.insertText()
        try await kit.worker.round()
        kit.clock.advance(by: .minutes(2))
        #expect(try await kit.gap(.text, of: ada)?.why == .gateway)
        kit.clock.advance(by: Span(ms: 1))
        #expect(try await kit.gap(.text, of: ada) == nil)
        try await kit.close()
    }

    @Test func `without a gateway nobody is offered a text`() async throws {
        let kit = try await DeliveryKit(), ada = try await people(kit).ada
        #expect(try await kit.gap(.text, of: ada)?.why == .gateway)
        #expect(try await kit.gap(.emailCode, of: ada)?.why == .gateway)
        try await kit.close()
    }
}
