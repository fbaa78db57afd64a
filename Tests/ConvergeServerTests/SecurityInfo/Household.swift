import ConvergeCore
import Foundation
import Testing

@testable import ConvergeServer

/// A server with Ada, who has an app, a phone and a mailbox; and her browser.
final class Household: @unchecked Sendable {
    let server: TestServer
    let browser: TestBrowser
    let ada: PersonID
    let secret = Secret(bytes: Array(0..<20))
    let app: CredentialID
    let phone: CredentialID
    let mail: CredentialID

    static let phoneNumber = "+447700900184", address = "ada@okafor-family.example"

    init(policy: PolicyDocument? = nil, on server: TestServer? = nil) async throws {
        if let server { self.server = server } else { self.server = try await TestServer(policy: policy) }
        let server = self.server
        browser = TestBrowser(server)
        ada = try await server.add("ada", display: "Ada Okafor")
        app = try await server.give(ada, .totpApp, content: CredentialContent(secret: secret), by: .appCode)
        phone = try await server.give(
            ada, .mobilePhone, content: CredentialContent(phone: PhoneNumber(e164: Self.phoneNumber)), by: .text)
        mail = try await server.give(ada, .email, content: CredentialContent(email: EmailAddress(Self.address)), by: .emailCode)
    }

    var appCode: String { browser.appCode(secret: secret) }

    /// Signs in with password and app, as far as the page asked for.
    func signIn(_ browser: TestBrowser? = nil, to path: String = "/") async throws {
        let browser = browser ?? self.browser
        try await browser.signIn("ada", returnTo: path)
        try await browser.submit("/answer", ["code": appCode])
        server.clock.advance(by: .seconds(30))
    }

    /// What is held, by kind.
    func states() async throws -> [String] {
        let instance = server.instance, ada = self.ada
        return try await instance.database.read { db in
            try instance.credentials.all(of: ada, db).map { "\($0.credential.method.rawValue) \($0.credential.state.rawValue)" }
        }.sorted()
    }

    func person() async throws -> PersonRecord {
        let instance = server.instance, ada = self.ada
        return try #require(try await instance.database.read { db in try instance.people.find(ada, db) })
    }

    /// The newest "this wasn't me" link in a mail.
    func notMeLink() async throws -> String {
        let instance = server.instance
        let bodies = try await instance.database.read { db in
            let order = instance.database.dialect.order
            let rows = try db.rows(
                "SELECT * FROM outbox WHERE kind = 'mail' AND state = 'waiting' AND sealed IS NOT NULL ORDER BY \(fragment: order)")
            return try rows.reversed().map { row in
                try instance.outbox.open(
                    OutboxRecord(
                        id: row.text("id"), kind: .mail, tries: 0, notAfter: row.moment("not_after_ms"),
                        createdAt: row.moment("created_ms"), sealed: row.text("sealed"))
                ).body
            }
        }
        let link = bodies.lazy.compactMap { $0.firstMatch(of: /http:\/\/localhost:8080(\/not-me\/[A-Za-z0-9_-]+)/) }.first
        return String(try #require(link).1)
    }
}
