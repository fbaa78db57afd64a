import ConvergeCore
import Foundation
import Logging
import Testing

@testable import ConvergeServer

@Suite("Baseline: silence")
struct SilenceTests {
    @Test("a secret prints as three stars however it is printed, and contact data prints masked")
    func printing() {
        let secret = Secret("a very secret word"), phone = PhoneNumber(e164: "+447700900184")!,
            email = EmailAddress("ada@okafor-family.example")!
        struct Holder { let secret: Secret, phone: PhoneNumber, email: EmailAddress }
        let holder = Holder(secret: secret, phone: phone, email: email)
        var dumped = ""
        dump(secret, to: &dumped)
        let prints = [
            "\(secret)", String(describing: secret), String(reflecting: secret), dumped, "\(holder)", String(reflecting: holder),
            "\([secret])", "\(Optional(secret) as Any)",
        ]
        for text in prints {
            #expect(!text.contains("secret word") && !text.contains("115, 101"), "\(text)")
            #expect(!text.contains("7700900") && !text.contains("ada@") && !text.contains("okafor"), "\(text)")
        }
        #expect("\(secret)" == "***" && "\(phone)".hasSuffix("84") && phone.lastTwo == "84" && email.masked == "a…@o…")
    }

    @Test("over whole stories, with the most talkative log, no secret is in the log, the database, its write-ahead log or an address")
    func stories() async throws {
        let heard = Heard()
        var log = Logger(label: "test", factory: { _ in HeardLog(heard: heard) })
        log.logLevel = .trace
        let server = try await TestServer(log: log), browser = TestBrowser(server), watch = SecretWatch(server, heard)
        try await server.add("ada", display: "Ada Okafor")
        try await server.changePolicy { $0.reset[0].minimumAgeHours = 0 }
        try await wizard(browser, watch)
        try await reset(TestBrowser(server), watch)
        #expect(watch.secrets.count > 20 && watch.paths.count > 20)
        #expect(try watch.leaks() == [])
    }

    private func wizard(_ browser: TestBrowser, _ watch: SecretWatch) async throws {
        watch.learn(TestServer.password)
        try await browser.signIn("ada")
        try await browser.submit("/start")
        let key = try #require(browser.page.key)
        watch.learn(Base32.encode(key.bytes), String(decoding: key.bytes, as: UTF8.self))
        try await browser.submit("/code", ["code": watch.learn(browser.appCode(secret: key))])
        try await browser.submit("/phone", ["country": "GB", "number": watch.learn("07700 900184")])
        watch.learn("+447700900184", "447700900184")
        try await browser.submit("/code", ["code": watch.learn(watch.server.latestCode(to: "+447700900184"))])
        for code in browser.page.html.matches(of: /<li[^>]*>\s*([A-Z0-9]{5})-([A-Z0-9]{5})/) {
            watch.learn("\(code.1)-\(code.2)", "\(code.1)\(code.2)")
        }
        try await browser.submit("/kept", ["kept": "on"])
        try await browser.submit("/finish")
        watch.visited(browser)
        try await browser.open("/security-info/add")
        try await browser.submit("/security-info/add", ["method": "email"])
        try await browser.submit("/email", ["email": watch.learn("ada@okafor-family.example")])
        try await browser.submit("/code", ["code": watch.learn(watch.server.latestCode(to: "ada@okafor-family.example"))])
        watch.visited(browser)
    }

    private func reset(_ browser: TestBrowser, _ watch: SecretWatch) async throws {
        try await browser.open("/reset-password")
        try await browser.submit("/reset-password", ["name": "ada"])
        try await browser.submit("/reason", ["reason": "forgot"])
        try await browser.submit("/gate", ["gate": "text"])
        try await browser.submit("/contact", ["country": "GB", "number": "07700 900184"])
        try await browser.submit("/answer", ["code": watch.learn("314159")])
        watch.visited(browser)
        try await browser.submit("/answer", ["code": watch.learn(watch.server.latestCode(to: "+447700900184"))])
        let mail = try #require(browser.page.html.firstMatch(of: /value="([^"]+\.emailCode)"/).map { String($0.1) })
        try await browser.submit("/gate", ["gate": mail])
        try await browser.submit("/answer", ["code": watch.learn(watch.server.latestCode(to: "ada@okafor-family.example"))])
        let new = watch.learn("seven copper kettles sing")
        try await browser.submit("/password", ["new": new, "again": new])
        #expect(browser.page.heading == "Your new password works")
        watch.visited(browser)
        try await watch.learnLinks()
    }

    @Test("a planted leak is seen, in each of the places", .ofTheFile, arguments: ["log", "database", "address"])
    func planted(_ place: String) async throws {
        let heard = Heard(), server = try await TestServer(), watch = SecretWatch(server, heard)
        let code = watch.learn("271828")
        #expect(try watch.leaks() == [])
        switch place {
        case "log": heard.append("info sent code \(code) to somebody")
        case "database":
            try await server.instance.database.write { db in
                try db.execute("UPDATE organisation SET name = \("code \(code)")")
            }
        default: watch.visited(path: "/flows/x?code=\(code)")
        }
        #expect(try watch.leaks().count >= 1)
    }
}

/// What must not be found, and where it is looked for.
final class SecretWatch: @unchecked Sendable {
    let server: TestServer
    private let heard: Heard
    private(set) var secrets: Set<String> = []
    private(set) var paths: [String] = []

    init(_ server: TestServer, _ heard: Heard) {
        self.server = server
        self.heard = heard
    }

    @discardableResult
    func learn(_ secrets: String...) -> String {
        self.secrets.formUnion(secrets)
        return secrets[0]
    }

    /// The "this wasn't me" links of every message: their tokens are secrets.
    func learnLinks() async throws {
        for message in try await server.messages() {
            for link in message.body.matches(of: /\/not-me\/([A-Za-z0-9_-]{20,})/) { learn(String(link.1)) }
        }
    }

    func visited(_ browser: TestBrowser) {
        paths.append(browser.page.path)
        paths += browser.page.links.map(\.href) + browser.page.forms.map(\.action)
    }

    func visited(path: String) { paths.append(path) }

    /// Each place where a secret was found; the secret itself is named, as this is a test.
    func leaks() throws -> [String] {
        let names = try FileManager.default.contentsOfDirectory(atPath: server.folder).filter { $0.hasPrefix("converge.db") }
        let files = try names.map { ($0, try Data(contentsOf: URL(fileURLWithPath: server.folder + "/" + $0))) }
        let log = heard.all.joined(separator: "\n")
        return secrets.sorted().flatMap { secret -> [String] in
            var found = files.filter { Self.contains($0.1, secret) }.map { "\(secret) in \($0.0)" }
            if Self.contains(Data(log.utf8), secret) { found.append("\(secret) in the log") }
            let encoded = PercentEncoding.encode(secret)
            found += paths.filter { $0.contains(secret) || $0.contains(encoded) }.map { "\(secret) in \($0)" }
            return found
        }
    }

    /// Whether bytes hold a secret. A run of digits must stand by itself: six digits are in every long number.
    private static func contains(_ data: Data, _ secret: String) -> Bool {
        let wanted = Data(secret.utf8), isNumber = secret.allSatisfy(\.isNumber)
        var from = data.startIndex
        while let range = data.range(of: wanted, in: from..<data.endIndex) {
            func isHex(_ index: Data.Index) -> Bool {
                data.indices.contains(index) && Character(UnicodeScalar(data[index])).isHexDigit
            }
            if !isNumber || !(isHex(range.lowerBound - 1) || isHex(range.upperBound)) { return true }
            from = range.upperBound
        }
        return false
    }
}
