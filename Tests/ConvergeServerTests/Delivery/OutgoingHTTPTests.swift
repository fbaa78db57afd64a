import ConvergeCore
import ConvergeServer
import Foundation
import Testing

@Suite struct OutgoingHTTPTests {
    private let curl = Curl(threads: 2)

    private func serve(_ answer: String, _ body: (String, Heard) async throws -> Void) async throws {
        let heard = Heard()
        let server = try await LoopbackServer { WebConversation(heard: heard, answer: answer) }
        try await body("http://127.0.0.1:\(server.port)", heard)
        try await server.close()
    }

    @Test func `a request arrives with its method, headers and body, and the answer comes back whole`() async throws {
        let http = OutgoingHTTP(curl: curl)
        try await serve(WebConversation.answer("201 Created", headers: ["X-Key: a: b", "Set-Cookie: s=1"], body: "{}")) { url, heard in
            let answer = try await http.send(.init("POST", url + "/send?x=1", headers: [.init("X-Mine", "m")], body: Array("hello".utf8)))
            #expect(answer.status == 201 && answer.text == "{}")
            #expect(answer.header("x-key") == "a: b")
            let request = try #require(heard.all.first)
            #expect(request.hasPrefix("POST /send?x=1 HTTP/1.1\r\n"))
            #expect(request.contains("\r\nX-Mine: m\r\n") && request.hasSuffix("\r\n\r\nhello"))
            let second = try await http.send(.init("GET", url))
            #expect(second.status == 201)
            #expect(heard.all[1].hasPrefix("GET / ") && !heard.all[1].lowercased().contains("cookie"))
        }
        try await curl.close()
    }

    @Test func `an empty body is sent as empty`() async throws {
        try await serve(WebConversation.answer("204 No Content")) { url, heard in
            let answer = try await OutgoingHTTP(curl: curl).send(.init("POST", url))
            #expect(answer.status == 204)
            let request = try #require(heard.all.first)
            #expect(request.lowercased().contains("content-length: 0\r\n"))
        }
        try await curl.close()
    }

    @Test func `a redirect is an answer and is not followed`() async throws {
        let heard = Heard()
        let target = try await LoopbackServer { WebConversation(heard: heard, answer: WebConversation.answer("200 OK")) }
        let location = "Location: http://127.0.0.1:\(target.port)/"
        try await serve(WebConversation.answer("302 Found", headers: [location])) { url, _ in
            let answer = try await OutgoingHTTP(curl: curl).send(.init("GET", url))
            #expect(answer.status == 302)
        }
        #expect(heard.all.isEmpty)
        try await target.close()
        try await curl.close()
    }

    @Test func `an answer at the limit is taken and one byte more is not`() async throws {
        let http = OutgoingHTTP(curl: curl, settings: .init(answerLimit: 1000))
        try await serve(WebConversation.answer("200 OK", body: String(repeating: "x", count: 1000))) { url, _ in
            let answer = try await http.send(.init("GET", url))
            #expect(answer.body.count == 1000)
        }
        try await serve(WebConversation.answer("200 OK", body: String(repeating: "x", count: 1001))) { url, _ in
            await #expect(throws: OutgoingHTTP.Failure.tooLarge) { try await http.send(.init("GET", url)) }
        }
        try await curl.close()
    }

    @Test func `silence ends in a time-out`() async throws {
        let http = OutgoingHTTP(curl: curl, settings: .init(connectSeconds: 1, totalSeconds: 1))
        try await serve("") { url, _ in
            await #expect(throws: OutgoingHTTP.Failure.timeout) { try await http.send(.init("GET", url)) }
        }
        try await curl.close()
    }

    @Test func `line ends in headers and other protocols are refused`() async throws {
        let http = OutgoingHTTP(curl: curl)
        await #expect(throws: OutgoingHTTP.Failure.badRequest) {
            try await http.send(.init("GET", "http://127.0.0.1:1/", headers: [.init("X", "a\r\nY: b")]))
        }
        await #expect(throws: OutgoingHTTP.Failure.self) { try await http.send(.init("GET", "file:///etc/hostname")) }
        try await curl.close()
    }
}

@Suite struct TextGatewayTests {
    private let number = PhoneNumber(e164: "+447700900184")!

    private func send(_ answer: String, seconds: Int = 20) async throws -> (outcome: DeliveryOutcome, heard: [String]) {
        let heard = Heard()
        let curl = Curl(threads: 1)
        let server = try await LoopbackServer { WebConversation(heard: heard, answer: answer) }
        let gateway = TextGateway(
            settings: .init(
                url: "http://127.0.0.1:\(server.port)/sms", authorization: Secret("Bearer t"), toField: "recipient", textField: "body"),
            http: OutgoingHTTP(curl: curl, settings: .init(totalSeconds: seconds)))
        let outcome = await gateway.send("Your code is 123456 – “ok”", to: number, idempotencyKey: "k1")
        try await server.close()
        try await curl.close()
        return (outcome, heard.all)
    }

    @Test func `the gateway gets its fields, the secret and the key`() async throws {
        let (outcome, heard) = try await send(WebConversation.answer("202 Accepted"))
        #expect(outcome == .accepted())
        let request = try #require(heard.first)
        #expect(request.hasPrefix("POST /sms ") && request.contains("Authorization: Bearer t\r\n"))
        let body = try #require(request.components(separatedBy: "\r\n\r\n").last)
        let fields = try JSONDecoder().decode([String: String].self, from: Data(body.utf8))
        #expect(fields == ["recipient": "+447700900184", "body": "Your code is 123456 – “ok”", "idempotencyKey": "k1"])
    }

    @Test(arguments: [
        ("200 OK", 0), ("400 Bad", 2), ("404 No", 2), ("422 No", 2), ("429 Slow", 1), ("408 Late", 1), ("401 Who", 1), ("302 Over", 1),
        ("500 Oh", 1), ("503 No", 1),
    ])
    func `a status is judged by whether another try could help`(status: String, verdict: Int) async throws {
        let outcome = try await send(WebConversation.answer(status)).outcome
        let found =
            switch outcome {
            case .accepted: 0
            case .tryLater: 1
            case .refusedPermanently: 2
            }
        #expect(found == verdict)
        #expect(!"\(outcome)".contains("447700"))
    }

    @Test func `a gateway that is silent is tried again later`() async throws {
        #expect(try await send("", seconds: 1).outcome == .tryLater(reason: "the gateway did not answer in time"))
    }
}
