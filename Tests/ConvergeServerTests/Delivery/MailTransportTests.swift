import ConvergeCore
import ConvergeServer
import Foundation
import Testing

@Suite struct MailTransportTests {
    private let curl = Curl(threads: 2)
    private let from = EmailAddress("id@example.org")!
    private let to = EmailAddress("ada@example.org")!

    private func send(
        _ replies: [String: String] = [:], security: MailTransport.Security = .none, user: String? = nil, seconds: Int = 20,
        message: String = "Subject: x\r\n\r\nHello\r\n"
    ) async throws -> (outcome: DeliveryOutcome, heard: [String]) {
        let heard = Heard()
        let server = try await LoopbackServer { MailConversation(heard: heard, replies: replies) }
        let settings = MailTransport.Settings(
            host: "127.0.0.1", port: server.port, security: security, user: user, password: user.map { _ in Secret("pass") },
            connectSeconds: seconds, totalSeconds: seconds)
        let outcome = await MailTransport(settings: settings, curl: curl).send(from: from, to: to, message: Array(message.utf8))
        try await server.close()
        try await curl.close()
        return (outcome, heard.all)
    }

    @Test func `a message is handed over as it is, leading points doubled`() async throws {
        let (outcome, heard) = try await send(message: "Subject: x\r\n\r\n.point\r\nend\r\n")
        #expect(outcome == .accepted())
        #expect(heard.contains("EHLO localhost"))
        #expect(heard.contains { $0.hasPrefix("MAIL FROM:<id@example.org>") })
        #expect(heard.contains { $0.hasPrefix("RCPT TO:<ada@example.org>") })
        #expect(heard.contains("CONTENT Subject: x\r\n\r\n..point\r\nend\r\n"))
    }

    @Test(arguments: ["MAIL", "RCPT", "DATA", "CONTENT"])
    func `a refusal with 5xx is permanent and its reason holds no address`(word: String) async throws {
        let outcome = try await send([word: "550 5.1.1 <ada@example.org> unknown"]).outcome
        guard case .refusedPermanently(let reason) = outcome else {
            Issue.record("\(outcome)")
            return
        }
        #expect(reason.contains("550 5.1.1") && !reason.contains("ada"))
    }

    @Test(arguments: ["MAIL", "RCPT", "DATA", "CONTENT", "GREETING"])
    func `a reply with 4xx is worth another try`(word: String) async throws {
        let outcome = try await send([word: "451 4.3.0 later"]).outcome
        guard case .tryLater = outcome else {
            Issue.record("\(outcome)")
            return
        }
    }

    @Test(arguments: [["GREETING": "554 no service"], ["AUTH": "535 5.7.8 wrong"], ["MAIL": "530 5.7.0 log in first"]])
    func `a relay that refuses us loses nobody's mail`(replies: [String: String]) async throws {
        let outcome = try await send(replies, user: "u").outcome
        guard case .tryLater = outcome else {
            Issue.record("\(outcome)")
            return
        }
    }

    @Test func `a relay that never answers is worth another try`() async throws {
        let outcome = try await send(["GREETING": ""], seconds: 1).outcome
        guard case .tryLater = outcome else {
            Issue.record("\(outcome)")
            return
        }
    }

    @Test func `when TLS is required a plain server gets neither password nor mail`() async throws {
        let (outcome, heard) = try await send(security: .starttls, user: "u")
        guard case .tryLater = outcome else {
            Issue.record("\(outcome)")
            return
        }
        #expect(heard.contains { $0.hasPrefix("EHLO") })
        #expect(!heard.contains { $0.hasPrefix("MAIL") || $0.hasPrefix("AUTH") || $0.hasPrefix("CONTENT") })
    }

    @Test func `a closed port is worth another try`() async throws {
        let server = try await LoopbackServer { MailConversation(heard: Heard()) }
        try await server.close()
        let transport = MailTransport(settings: .init(host: "127.0.0.1", port: server.port, security: .none), curl: curl)
        guard case .tryLater = await transport.send(from: from, to: to, message: [13, 10]) else {
            Issue.record("not tryLater")
            return
        }
        try await curl.close()
    }
}
