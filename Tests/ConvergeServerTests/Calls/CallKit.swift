import ConvergeCore
import HTTPTypes
import Testing

@testable import ConvergeServer

/// The telephone carrier of a test: it reports about calls, each report signed as the real one would.
struct CallKit {
    static let token = Secret("the carrier's token")
    static let settings = TelephoneCarrier.Settings(
        url: "http://127.0.0.1:9", account: "AC1", token: token, textsFrom: "+441174960199", callsFrom: "+441174960199")
    static let number = "+447700900131"

    /// A policy under which calls sign in, and prove a reset with one gate.
    static func policy(_ more: Set<Capability> = []) -> PolicyDocument {
        let calls: Set<Capability> = [.call, .alternateCall, .officeCall]
        return PolicyDocument(
            mfa: [MFARule(name: "Calls", required: true, allow: calls.union(more))],
            reset: [ResetRule(name: "Reset", gates: 1, allow: [.call, .officeCall])],
            registration: [RegistrationRule(name: "All", requireForMFA: true, requireForReset: true, recoveryCodes: false)])
    }

    static func server(
        _ policy: PolicyDocument = policy(), configure: @escaping (inout Config) -> Void = { _ in }
    ) async throws -> TestServer {
        try await TestServer(
            policy: policy,
            configure: {
                $0.carrier = settings
                configure(&$0)
            }, box: nil)
    }

    /// Sends a report; the signature is right unless another one is given.
    static func report(
        _ server: TestServer, _ path: String, _ fields: [String: String] = [:], call: String = "CA1", signature: String? = nil
    ) async throws -> (status: Int, body: String) {
        let fields = fields.merging(["CallSid": call]) { $1 }
        let body = fields.map { PercentEncoding.encode($0.key) + "=" + PercentEncoding.encode($0.value) }.joined(separator: "&")
        var headers: HTTPFields = [.contentType: "application/x-www-form-urlencoded"]
        let right = CarrierSignature.of(server.instance.config.publicURL + path, fields, token: token)
        if signature != "" { headers[.init("X-Twilio-Signature")!] = signature ?? right }
        let (status, _, answer) = try await server.send(.post, path, headers: headers, body: body)
        return (status, answer)
    }
}

extension TestServer {
    /// The newest call that waits to be placed, as the worker would find it.
    func latestCall() async throws -> OutboxMessage {
        let instance = self.instance
        let messages = try await instance.database.read { db in
            let order = instance.database.dialect.order
            return try db.rows("SELECT * FROM outbox WHERE kind = 'voice' AND state = 'waiting' ORDER BY \(fragment: order)").map { row in
                try instance.outbox.open(
                    OutboxRecord(
                        id: row.text("id"), kind: .voice, tries: 0, notAfter: row.moment("not_after_ms"),
                        createdAt: row.moment("created_ms"), sealed: row.text("sealed")))
            }
        }
        return try #require(messages.last)
    }

    /// Where the newest call is reported.
    func latestCallPath() async throws -> String { "/callbacks/voice/" + (try #require(try await latestCall().handle)).text }

    /// An approval by the handle of its call.
    func approval(_ path: String) async throws -> Approval {
        let instance = self.instance, id = instance.approvalID(Secret(String(path.split(separator: "/")[2])))
        return try #require(try await instance.database.read { db in try instance.approvals.find(id, db) })
    }
}
