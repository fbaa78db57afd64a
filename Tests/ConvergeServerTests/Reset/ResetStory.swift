import ConvergeCore
import Foundation
import Testing

@testable import ConvergeServer

/// Somebody who has a phone, a mailbox and an app, and forgets the password.
struct ResetStory {
    let server: TestServer
    let ada: PersonID
    let phone: CredentialID
    let mail: CredentialID
    let app: CredentialID
    let browser: TestBrowser

    static let number = "+447700900184"
    static let typedNumber = ["country": "GB", "number": "07700 900184"]
    static let address = "ada@okafor-family.example"
    static let appSecret = Secret(bytes: Array(1...20))
    static let newPassword = "seven copper kettles sing"

    init(_ server: TestServer? = nil, roles: Set<Role> = []) async throws {
        let server = if let server { server } else { try await TestServer() }
        self.server = server
        ada = try await server.add("ada", display: "Ada Okafor", roles: roles)
        phone = try await server.give(ada, .mobilePhone, content: CredentialContent(phone: PhoneNumber(e164: Self.number)), by: .text)
        mail = try await server.give(ada, .email, content: CredentialContent(email: EmailAddress(Self.address)), by: .emailCode)
        app = try await server.give(ada, .totpApp, content: CredentialContent(secret: Self.appSecret), by: .appCode)
        browser = TestBrowser(server)
    }

    /// To the choice of the first proof.
    func begin(_ name: String = "ada", reason: String = "forgot", in browser: TestBrowser? = nil) async throws {
        let browser = browser ?? self.browser
        try await browser.open("/reset-password")
        try await browser.submit("/reset-password", ["name": name])
        try await browser.submit("/reason", ["reason": reason])
    }

    /// Through the first proof by text.
    func passFirst(reason: String = "forgot", in browser: TestBrowser? = nil) async throws {
        let browser = browser ?? self.browser
        try await begin(reason: reason, in: browser)
        try await browser.submit("/gate", ["gate": "text"])
        try await browser.submit("/contact", Self.typedNumber)
        try await browser.submit("/answer", ["code": server.latestCode(to: Self.number)])
    }

    /// Through both proofs: text, then the app's code.
    func passBoth(reason: String = "forgot", in browser: TestBrowser? = nil) async throws {
        let browser = browser ?? self.browser
        try await passFirst(reason: reason, in: browser)
        try await browser.submit("/gate", ["gate": "\(app).appCode"])
        try await browser.submit("/answer", ["code": browser.appCode(secret: Self.appSecret)])
    }

    func setPassword(_ new: String = newPassword, again: String? = nil, in browser: TestBrowser? = nil) async throws {
        try await (browser ?? self.browser).submit("/password", ["new": new, "again": again ?? new])
    }

    /// A code that is surely wrong.
    static func wrong(_ code: String) -> String { String(code.map { $0 == "9" ? "0" : "9" }) }

    /// Everything in the outbox, newest first.
    func messages() async throws -> [OutboxMessage] { try await server.messages() }

    func activities(_ person: PersonID? = nil) async throws -> [AuditActivity] {
        try await server.audit(of: person ?? ada).map(\.activity)
    }

    /// What the steps of resets of a person are called in the log.
    func steps() async throws -> [String] {
        try await server.audit(of: ada).filter { $0.activity == .resetProgress }.compactMap { $0.details["step"] }
    }
}

extension TestServer {
    func messages() async throws -> [OutboxMessage] {
        let instance = self.instance
        return try await instance.database.read { db in
            let order = instance.database.dialect.order
            let rows = try db.rows("SELECT * FROM outbox WHERE state = 'waiting' AND sealed IS NOT NULL ORDER BY \(fragment: order)")
            return try rows.reversed().map { row in
                try instance.outbox.open(
                    OutboxRecord(
                        id: row.text("id"), kind: row.choice("kind", as: OutboxMessage.Kind.self), tries: 0,
                        notAfter: row.moment("not_after_ms"), createdAt: row.moment("created_ms"), sealed: row.text("sealed")))
            }
        }
    }

    func count(_ sql: SQL) async throws -> Int {
        try await instance.database.read { db in try db.row(sql)?.int("n") ?? 0 }
    }
}

extension TestPage {
    /// The page without what differs between any two requests: ids and tokens.
    var withoutIDs: String {
        var text = html
        for pattern in [#"/flows/[A-Za-z0-9_-]+"#, #"name="csrf" value="[^"]*""#, #"value="[^"]*" name="csrf""#] {
            text = text.replacingOccurrences(of: pattern, with: "…", options: .regularExpression)
        }
        return text
    }
}
