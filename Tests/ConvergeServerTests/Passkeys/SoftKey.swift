import ConvergeCore
import Crypto
import Foundation
import Testing

@testable import ConvergeServer

/// An authenticator in software: makes passkeys and answers with them as a browser would hand it over, or as somebody who cheats would.
final class SoftKey: @unchecked Sendable {
    var origin = "http://localhost:8080"
    var relyingParty = "localhost"
    var counter: UInt32 = 0
    /// How much it counts for each use; 0: it has no counter.
    var step: UInt32 = 1
    var flags: UInt8 = 0x05
    var kind = AAGUID.none
    let id = Array("a soft key \(UInt64.random(in: 0...UInt64.max))".utf8)
    private let key = P256.Signing.PrivateKey()
    private(set) var userHandle = ""

    /// What a page asks for, read from its form.
    struct Asked: Decodable {
        struct User: Decodable { let id: String }
        struct Descriptor: Decodable { let id: String }
        let challenge: String, user: User?, excludeCredentials: [Descriptor]?, allowCredentials: [Descriptor]?, userVerification: String?
        let attestation: String?
    }

    static func asked(_ page: TestPage, _ place: SourceLocation = #_sourceLocation) throws -> Asked {
        let found = try #require(
            page.html.firstMatch(of: /data-options="([^"]*)"/), "“\(page.heading)” has no ceremony", sourceLocation: place)
        let json = String(found.1).replacing("&quot;", with: "\"").replacing("&#39;", with: "'").replacing("&amp;", with: "&")
        return try JSONDecoder().decode(Asked.self, from: Data(json.utf8))
    }

    private func clientData(_ type: String, _ challenge: String) -> [UInt8] {
        Array(#"{"type":"\#(type)","challenge":"\#(challenge)","origin":"\#(origin)","crossOrigin":false}"#.utf8)
    }

    private func data(_ flags: UInt8, _ more: [UInt8] = []) -> [UInt8] {
        let count = (0..<4).map { UInt8(truncatingIfNeeded: counter >> (24 - 8 * UInt32($0))) }
        return Array(SHA256.hash(data: Array(relyingParty.utf8))) + [flags] + count + more
    }

    /// The answer to "create a passkey".
    func create(_ page: TestPage, name: String = "", _ place: SourceLocation = #_sourceLocation) throws -> [String: String] {
        let asked = try Self.asked(page, place)
        userHandle = try #require(asked.user, sourceLocation: place).id
        let length = [UInt8(id.count >> 8), UInt8(id.count & 255)]
        let cose = SigningKey.p256(Array(key.publicKey.rawRepresentation)).cose
        let object = CBOR.map([
            CBOREntry(.text("fmt"), .text("none")), CBOREntry(.text("attStmt"), .map([])),
            CBOREntry(.text("authData"), .bytes(data(flags | 0x40, kind.bytes + length + id + cose))),
        ])
        return [
            "name": name, "clientData": Base64URL.encode(clientData("webauthn.create", asked.challenge)),
            "attestation": Base64URL.encode(object.encoded), "transports": "internal,hybrid", "id": Base64URL.encode(id),
        ]
    }

    /// The answer to "use a passkey".
    func use(_ page: TestPage, _ place: SourceLocation = #_sourceLocation) throws -> [String: String] {
        let asked = try Self.asked(page, place)
        counter += step
        let client = clientData("webauthn.get", asked.challenge), data = data(flags)
        let signature = try key.signature(for: data + Array(SHA256.hash(data: client))).derRepresentation
        return [
            "id": Base64URL.encode(id), "clientData": Base64URL.encode(client), "authenticatorData": Base64URL.encode(data),
            "signature": Base64URL.encode(Array(signature)), "userHandle": userHandle,
        ]
    }
}

/// A server whose policy takes passkeys, and Ada, who has a phone; one passkey is soon hers.
struct PasskeyStory {
    let server: TestServer
    let ada: PersonID
    let browser: TestBrowser
    let key = SoftKey()

    init(_ server: TestServer? = nil, configure: (inout Config) -> Void = { _ in }) async throws {
        let server = if let server { server } else { try await TestServer(configure: configure) }
        self.server = server
        try await server.changePolicy {
            $0.mfa[0].allow.insert(.passkey)
            $0.registration = []
        }
        ada = try await server.add("ada", display: "Ada Okafor")
        try await server.give(ada, .mobilePhone, content: CredentialContent(phone: PhoneNumber(e164: Household.phoneNumber)), by: .text)
        browser = TestBrowser(server)
    }

    /// Signs in with password and text.
    func signIn(_ browser: TestBrowser? = nil) async throws {
        let browser = browser ?? self.browser
        try await browser.signIn("ada")
        if browser.page.forms.contains(where: { $0.action.hasSuffix("/use") && !browser.page.html.contains("name=\"code\"") }) {
            let form = try #require(browser.page.forms.first { $0.action.hasSuffix("/use") })
            let text = form.buttons.map(\.value).first { $0.hasSuffix(".text") } ?? form.hidden["use"] ?? ""
            try await browser.submit("/use", ["use": text])
        }
        try await browser.submit("/answer", ["code": server.latestCode(to: Household.phoneNumber)])
    }

    func register(_ name: String = "") async throws {
        try await signIn()
        try await browser.open("/security-info/add")
        try await browser.submit("/security-info/add", ["method": "passkey"])
        try await browser.submit("/enrol", key.create(browser.page, name: name))
        #expect(browser.page.says("Your passkey is added."), "\(browser.page.text)")
    }

    func signOut() async throws {
        try await browser.open("/sign-out")
        try await browser.submit("/sign-out")
    }

    /// To the page that asks for the passkey, after the password.
    func challenge() async throws {
        try await browser.signIn("ada")
        #expect(browser.page.heading == "Use your passkey", "\(browser.page.text)")
    }

    func reasons() async throws -> [String] { try await server.audit(of: ada).filter { !$0.success }.compactMap(\.reason) }
}
