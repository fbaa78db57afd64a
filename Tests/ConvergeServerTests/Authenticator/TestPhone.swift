import ConvergeCore
import Crypto
import Foundation
import Testing

@testable import ConvergeServer

/// A phone with the Converge app: it signs as the app in a browser does, and can be made to do it wrong.
final class TestPhone: @unchecked Sendable {
    var browser: TestBrowser
    let key: P256.Signing.PrivateKey
    /// What the server told it at its activation.
    private(set) var account: Account?
    /// How far its clock is ahead.
    var drift = Span(ms: 0)

    struct Account: Decodable {
        let credential: String
        let person: String
        let name: String
        let organisation: String
        let secret: String
        let push: String?
    }

    struct Asked: Decodable {
        let challenge: String
        let purpose: String
        let application: String
        let network: String
        let browser: String
        let known: Bool
        let first: Bool
        let made: Int64
        let until: Int64
    }

    struct Polled: Decodable {
        let now: Int64
        let name: String
        let requests: [Asked]
    }

    struct Said: Decodable {
        var problem: String?
        var outcome: String?
        var now: Int64?
    }

    init(_ server: TestServer, key: UInt8 = 1) {
        browser = TestBrowser(server)
        self.key = try! P256.Signing.PrivateKey(rawRepresentation: [UInt8](repeating: key, count: 32))
    }

    var server: TestServer { browser.server }
    var publicKey: String { Base64URL.encode(key.publicKey.x963Representation) }
    var credential: CredentialID { CredentialID(account?.credential ?? "") }
    private var origin: String { server.instance.config.publicURL }
    private var time: Int64 { (server.clock.now + drift).ms }

    func sign(_ bytes: [UInt8]) -> String { Base64URL.encode(Array(try! key.signature(for: Data(bytes)).rawRepresentation)) }

    private func read<T: Decodable>(_ type: T.Type = T.self) throws -> T {
        try JSONDecoder().decode(type, from: Data(browser.page.html.utf8))
    }

    // MARK: what it does

    /// Types the code that the page shows.
    @discardableResult
    func activate(_ code: String) async throws -> Said {
        let signed = AppRequest(.activate, subject: code, origin: origin, at: Moment(ms: time), more: [publicKey])
        try await browser.post(
            "/authenticator/activate", ["code": code, "key": publicKey, "time": String(time), "signature": sign(signed.bytes)])
        if browser.page.status == 200 { account = try read() }
        return try read()
    }

    func poll(_ change: (inout [String: String]) -> Void = { _ in }) async throws -> (Polled?, Said) {
        let signed = AppRequest(.poll, subject: credential.text, origin: origin, at: Moment(ms: time))
        var fields = ["credential": credential.text, "time": String(time), "signature": sign(signed.bytes)]
        change(&fields)
        try await browser.post("/authenticator/poll", fields)
        return (try? read(), try read())
    }

    /// What it is asked.
    func asked() async throws -> Asked { try #require(try await poll().0?.requests.first) }

    /// The code that it shows.
    var code: String {
        let totp = TOTP(secret: Secret(bytes: Base32.decode(account?.secret ?? "") ?? []))!
        return totp.code(step: totp.step(at: server.clock.now)).text
    }

    @discardableResult
    func answer(
        _ asked: Asked, _ decision: AppDecision = .approve, number: String = "", code: String? = nil,
        signing change: (inout ApprovalStatement) -> Void = { _ in }, sending other: (inout [String: String]) -> Void = { _ in }
    ) async throws -> Said {
        var statement = ApprovalStatement(
            challenge: ApprovalID(asked.challenge), person: PersonID(account?.person ?? ""), credential: credential, origin: origin,
            application: asked.application, number: number, decision: decision, expiry: Moment(ms: asked.until))
        change(&statement)
        var fields = [
            "credential": credential.text, "challenge": asked.challenge, "decision": decision.rawValue, "number": number,
            "code": code ?? (asked.first ? self.code : ""), "signature": sign(statement.bytes),
        ]
        other(&fields)
        try await browser.post("/authenticator/answer", fields)
        return try read()
    }

    @discardableResult
    func subscribe(_ endpoint: String, _ key: String, _ secret: String) async throws -> Said {
        let signed = AppRequest(.subscribe, subject: credential.text, origin: origin, at: Moment(ms: time), more: [endpoint, key, secret])
        try await browser.post(
            "/authenticator/subscribe",
            [
                "credential": credential.text, "time": String(time), "endpoint": endpoint, "p256dh": key, "auth": secret,
                "signature": sign(signed.bytes),
            ])
        return try read()
    }
}

extension TestPage {
    /// The code that an app is connected with.
    var activation: String { html.firstMatch(of: /<p class="key wide">([0-9A-Z]{4}-[0-9A-Z]{4})<\/p>/).map { String($0.1) } ?? "none" }
    /// The number to be typed in the app.
    var number: String { html.firstMatch(of: /<output>(\d\d)<\/output>/).map { String($0.1) } ?? "none" }
}

/// Somebody whose phone has the app.
struct AppKit {
    let server: TestServer
    let ada: PersonID
    let phone: TestPhone
    let browser: TestBrowser

    static let number = "+447700900184"

    /// Push and code for signing in; push, text and mail for a reset.
    static var policy: PolicyDocument {
        var policy = PolicyDocument.initial
        policy.mfa[0].allow = [.appNotification, .appCode, .text]
        policy.reset[0].allow = [.appNotification, .appCode, .text, .emailCode]
        policy.reset[0].minimumAgeHours = 0
        policy.registration[0].requireForReset = false
        policy.registration[0].recoveryCodes = false
        return policy
    }

    init(
        _ policy: PolicyDocument = policy, engine: Engine = .ofServers, configure: @escaping (inout Config) -> Void = { _ in },
        over: (any Database) -> any Database = { $0 }
    ) async throws {
        server = try await TestServer(policy: policy, engine: engine, configure: configure, over: over)
        ada = try await server.add("ada", display: "Ada Okafor")
        phone = TestPhone(server)
        browser = TestBrowser(server)
        try await browser.signIn("ada", returnTo: "/profile")
        try await browser.submit("/start")
        try await connect(phone)
        try await browser.submit("/finish")
    }

    /// Connects a phone by the page that the browser is on.
    func connect(_ phone: TestPhone, _ browser: TestBrowser? = nil) async throws {
        let browser = browser ?? self.browser
        try await phone.activate(browser.page.activation)
        try await browser.submit("/enrol")
        try await phone.answer(try await phone.asked(), number: browser.page.number)
        try await browser.submit("/enrol")
    }

    /// Another phone of the same person, connected on Security info.
    func another(_ key: UInt8) async throws -> TestPhone {
        let other = TestPhone(server, key: key)
        // Three questions in ten minutes are the most that a person is asked.
        server.clock.advance(by: .minutes(9))
        try await browser.open("/security-info/add")
        try await browser.submit("/security-info/add", ["method": "convergeApp"])
        try await connect(other)
        return other
    }

    /// Signs in from the browser that is known, or from another one; the phone is asked.
    func begin(_ browser: TestBrowser? = nil) async throws -> TestBrowser {
        server.clock.advance(by: .minutes(11))
        let tab = browser ?? self.browser.tab()
        try await tab.open("/sign-out")
        if tab.page.forms.contains(where: { $0.action.hasSuffix("/sign-out") }) { try await tab.submit("/sign-out") }
        try await tab.signIn("ada")
        return tab
    }

    func states() async throws -> [String] {
        let instance = server.instance, ada = ada
        return try await instance.database.read { db in
            try instance.credentials.all(of: ada, db).map { "\($0.credential.method.rawValue) \($0.credential.state.rawValue)" }.sorted()
        }
    }

    func amr() async throws -> [String]? {
        let row = try await server.audit(of: ada).last { $0.activity == .signedIn }
        return row?.details["amr"]?.split(separator: " ").map(String.init)
    }
}
