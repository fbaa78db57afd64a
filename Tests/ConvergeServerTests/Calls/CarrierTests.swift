import ConvergeCore
import Foundation
import Testing

@testable import ConvergeServer

/// What is asked of the carrier, and what its answers come to.
@Suite("The telephone carrier")
struct CarrierTests {
    private static let dialled = DialledNumber(PhoneNumber(e164: "+441174960150")!, extension: "45")!

    private func kit(_ answers: String...) async throws -> (DeliveryKit, ScriptedGateway) {
        let heard = Heard()
        let gateway = try await ScriptedGateway(heard: heard, answers)
        let kit = try await DeliveryKit(carrier: gateway.server.port)
        return (kit, gateway)
    }

    /// The form of a request, its first line and a header.
    private func form(_ request: String) -> [String: String] {
        FormText.parse(request.components(separatedBy: "\r\n\r\n").last ?? "")
    }

    private func insertCall(_ kit: DeliveryKit, _ life: Span = .minutes(1)) async throws -> (id: String, handle: Secret) {
        let instance = kit.instance, handle = Secret(instance.world.newToken(bytes: 24)), id = instance.world.newToken(bytes: 16),
            now = kit.clock.now
        let message = OutboxMessage(kind: .voice, to: Self.dialled.number.e164, body: "Hello", handle: handle, extension: "45")
        try await instance.database.write { db in
            let draft = ApprovalDraft(id: instance.approvalID(handle), capability: .officeCall, credential: nil, until: now + .minutes(5))
            try instance.approvals.insert(draft, person: PersonID("p"), purpose: .change, flow: nil, now: now, db)
            try instance.outbox.insert(message, id: id, person: nil, notAfter: now + life, now: now, db)
        }
        return (id, handle)
    }

    private func approval(_ kit: DeliveryKit, _ handle: Secret) async throws -> Approval? {
        let instance = kit.instance
        return try await instance.database.read { db in try instance.approvals.find(instance.approvalID(handle), db) }
    }

    @Test("a call is placed with its extension, where to ask what to say, and who reports")
    func places() async throws {
        let (kit, gateway) = try await kit("201 Created"), (id, handle) = try await insertCall(kit)
        try await kit.worker.round()
        let request = try #require(gateway.heard.all.first), fields = form(request)
        #expect(request.hasPrefix("POST /2010-04-01/Accounts/AC1/Calls.json HTTP/1.1"))
        #expect(request.contains("Authorization: Basic " + Data("AC1:\(CallKit.token.text)".utf8).base64EncodedString()))
        #expect(request.contains("Idempotency-Key: \(id)"))
        #expect(fields["To"] == "+441174960150" && fields["SendDigits"] == "wwww45" && fields["From"] == "+441174960199")
        #expect(fields["Url"] == "http://localhost:8080/callbacks/voice/\(handle.text)")
        #expect(fields["StatusCallback"] == "http://localhost:8080/callbacks/voice/\(handle.text)/status")
        #expect(fields["MachineDetection"] == nil)
        #expect(try await kit.standing(id) == .init(state: "sent", isWiped: true, tries: 1))
        #expect(!kit.log.all.joined().contains(handle.text) && kit.logIsSilent)
        try await kit.close()
    }

    @Test("a call whose answer was lost is not placed twice when the carrier has reported it since; the same key goes along")
    func repeats() async throws {
        let (kit, gateway) = try await kit("500 Oh", "201 Created"), (id, handle) = try await insertCall(kit)
        try await kit.worker.round()
        #expect(try await kit.standing(id).state == "waiting")
        let instance = kit.instance
        _ = try await instance.database.write { db in try instance.approvals.adopt(instance.approvalID(handle), call: "CA9", db) }
        kit.clock.advance(by: .seconds(5))
        try await kit.worker.round()
        #expect(try await kit.standing(id).state == "sent" && gateway.heard.all.count == 1)
        let (second, _) = try await insertCall(kit)
        try await kit.worker.round()
        #expect(gateway.heard.all.count == 2 && gateway.heard.all[1].contains("Idempotency-Key: \(second)"))
        try await kit.close()
    }

    @Test("a call that is refused, or too late, tells whoever waits for it")
    func fails() async throws {
        let (kit, _) = try await kit("400 Bad", "503 No"), (_, refused) = try await insertCall(kit)
        try await kit.worker.round()
        #expect(try await approval(kit, refused)?.failure == .unreachable)
        let (_, late) = try await insertCall(kit, .seconds(4))
        try await kit.worker.round()
        #expect(try await approval(kit, late)?.failure == .tooLate)
        try await kit.close()
    }

    @Test("texts go through the carrier too, its name for them is kept, and what it reports is about that text and number only")
    func texts() async throws {
        let heard = Heard()
        let server = try await LoopbackServer {
            WebConversation(heard: heard, answer: WebConversation.answer("201 Created", body: #"{"sid":"SM7","status":"queued"}"#))
        }
        let kit = try await DeliveryKit(carrier: server.port), id = try await kit.insertText(), instance = kit.instance
        try await kit.worker.round()
        let fields = form(try #require(heard.all.first))
        #expect(fields["Body"] == "481920 is your code" && fields["StatusCallback"] == "http://localhost:8080/callbacks/text/\(id)")
        #expect(
            try await instance.database.read { db in try db.row("SELECT carrier_id FROM outbox WHERE id = \(id)")?.text("carrier_id") }
                == "SM7")
        let to = ["To": DeliveryKit.number.e164], failed = to.merging(["MessageStatus": "undelivered", "MessageSid": "SM7"]) { $1 }
        let channel = instance.credentials.channelKey("tel:" + DeliveryKit.number.e164), now = kit.clock.now
        let troubled = {
            try await instance.database.read { db in
                let nobody = Whom.person(PersonID("nobody")), kinds = [channel, "text"]
                return try instance.outbox.askTroubled(kinds, channelsOf: nobody, alsoAs: "", since: now - .minutes(2), db).answer()
            }
        }
        #expect(try await CallKit.report(kit.server, "/callbacks/text/\(id)", failed.merging(["MessageSid": "SM8"]) { $1 }).status == 404)
        #expect(try await troubled().isEmpty)
        #expect(try await CallKit.report(kit.server, "/callbacks/text/\(id)", failed).status == 204)
        #expect(try await troubled() == [channel])
        let delivered = to.merging(["MessageStatus": "delivered", "MessageSid": "SM7"]) { $1 }
        #expect(try await CallKit.report(kit.server, "/callbacks/text/\(id)", delivered).status == 204)
        #expect(try await troubled().isEmpty && kit.logIsSilent)
        try await kit.close()
    }

    @Test("settings that contradict each other, or would send a token in clear, are refused by name")
    func settings() throws {
        let least = "publicURL: https://id.example.org\norganisation: {name: X}\n"
        func problems(_ yaml: String) -> String {
            do {
                try Config.read(yaml: least + yaml, environment: [:]).validateForProduction()
                return ""
            } catch { return "\(error)" }
        }
        #expect(problems("carrier: {account: AC1, token: t, callsFrom: '+441174960199'}\n").isEmpty)
        #expect(problems("carrier: {callsFrom: '+441174960199'}\n").contains("carrier.account is required"))
        #expect(problems("carrier: {account: AC1, callsFrom: '+441174960199'}\n").contains("carrier.token is required"))
        #expect(problems("carrier: {account: AC1, token: t, callsFrom: 'us'}\n").contains("carrier.callsFrom must be a number"))
        #expect(
            problems("carrier: {account: AC1, token: t, url: 'http://carrier.example'}\n").contains("carrier.url must begin with https://"))
        #expect(problems("carrier: {account: AC1, token: t, textsFrom: MG1}\ntext: {url: 'https://t.example'}\n").contains("not both"))
        #expect(problems("calls: {fraudDigits: '#'}\n").contains("calls.fraudDigits must be one to four digits"))
    }
}
