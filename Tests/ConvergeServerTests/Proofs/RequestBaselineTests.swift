import ConvergeCore
import Foundation
import HTTPTypes
import Testing

@testable import ConvergeServer

@Suite("Baseline: requests and addresses")
struct RequestBaselineTests {
    static let elsewhere = [
        "//evil.example/", "https://evil.example/", "/\\evil.example", "\\\\evil.example", "/\t/evil.example", "javascript:alert(1)",
        "///evil.example", "/%0d%0aSet-Cookie:x", "http:evil.example", " //evil.example", "/\r\nLocation: x", "evil", "",
        "/" + String(repeating: "x", count: 2048),
    ]

    @Test("a return address is a path on this server or it is nothing", arguments: elsewhere)
    func returnTo(_ place: String) async throws {
        let server = try await TestServer(policy: SessionBaselineTests.password), browser = TestBrowser(server)
        try await server.add("ada")
        try await browser.open("/sign-in?return=" + PercentEncoding.encode(place))
        let hidden = browser.page.forms.first?.hidden["return"] ?? "none"
        #expect(hidden == "/" || hidden == place && place.hasPrefix("/%0d"), "what is encoded stays encoded")
        let csrf = try #require(browser.page.forms.first?.hidden["csrf"])
        browser.followsRedirects = false
        try await browser.post("/sign-in", ["csrf": csrf, "name": "ada", "password": TestServer.password, "return": place])
        let location = browser.headers[.location] ?? ""
        #expect(location.hasPrefix("/") && !location.hasPrefix("//") && !location.contains("\\") && !location.contains("\n"))
        #expect(location == "/" || location == place)
    }

    @Test("the id of a conversation opens nothing in another browser, whatever kind it is, and nothing is said of it")
    func flowOfAnother() async throws {
        let home = try await Household(), server = home.server, browser = home.browser
        var paths: [String] = []
        try await browser.signIn("ada")
        paths.append(browser.page.path)
        try await browser.submit("/answer", ["code": home.appCode])
        server.clock.advance(by: .minutes(11))
        try await browser.open("/prove?return=/security-info")
        paths.append(browser.page.path)
        try await browser.submit("/answer", ["code": home.appCode])
        try await browser.open("/security-info/add")
        try await browser.submit("/security-info/add", ["method": "totpApp"])
        paths.append(browser.page.path)
        let reset = TestBrowser(server)
        try await reset.open("/reset-password")
        try await reset.submit("/reset-password", ["name": "ada"])
        paths.append(reset.page.path)
        #expect(Set(paths).count == 4 && paths.allSatisfy { $0.hasPrefix("/flows/") })
        let before = try await server.dump()
        for path in paths {
            let thief = TestBrowser(server)
            try await thief.open(path)
            let shown = thief.page
            #expect(shown.status == 410, "\(path)")
            try await thief.open("/sign-in")
            let csrf = try #require(thief.page.forms.first?.hidden["csrf"])
            for action in ["answer", "send", "code", "password", "use", "stop", "reason", "gate"] {
                try await thief.post("\(path)/\(action)", ["csrf": csrf, "code": home.appCode, "new": "x", "again": "x"])
                #expect(thief.page.status == 410 && thief.page.heading == shown.heading)
            }
            try await thief.open("/flows/AAAAAAAAAAAAAAAAAAAAAA")
            #expect(thief.page.status == 410 && thief.page.heading == shown.heading, "as one that never was")
        }
        #expect(try await server.dump() == before)
    }

    @Test("links in messages are of the public address, whatever the request said about its host")
    func links() async throws {
        let server = try await TestServer(configure: { $0.publicURL = "https://id.example.org" })
        let home = try await server.add("ada")
        try await server.give(home, .email, content: CredentialContent(email: EmailAddress("ada@mail.example")), by: .emailCode)
        let mark = String(repeating: "b", count: 43)
        for header in ["X-Forwarded-Host", "Forwarded", "X-Forwarded-Proto", "X-Original-Host"] {
            let (status, headers, html) = try await server.send(
                .get, "/sign-in", headers: [.init(header)!: "host=evil.example", .cookie: "__Host-converge-browser=\(mark)"], body: nil)
            #expect(status == 200 && !html.contains("evil.example") && headers[.location] == nil)
        }
        let instance = server.instance, now = server.clock.now
        try await instance.database.write { db in
            let dossier = try #require(try instance.dossier(home, knownBrowser: false, now: now, db))
            try Ledger(instance, db, now: now).tell(.passwordChanged, dossier)
        }
        let mails = try await server.messages()
        let addresses = mails.flatMap { $0.body.matches(of: /https?:\/\/[^\s\/]+/).map { String($0.0) } }
        #expect(!addresses.isEmpty && Set(addresses) == ["https://id.example.org"])
    }

    @Test("a proxy's word about the client is taken from trusted proxies only, right-most hop first, IPv6 by its first half")
    func proxies() async throws {
        /// The network that the audit log keeps of a refused sign-in.
        func network(_ header: String?, trusted: [String]) async throws -> String? {
            let server = try await TestServer(configure: { $0.trustedProxies = trusted.compactMap { try? CIDR($0) } })
            let ada = try await server.add("ada"), browser = TestBrowser(server)
            browser.address = header
            try await browser.signIn("ada", "wrong password entirely")
            return try await server.audit(of: ada).last?.network
        }
        #expect(try await network(nil, trusted: []) == "127.0.0.1")
        #expect(try await network("203.0.113.9", trusted: []) == "127.0.0.1", "nobody asked for it")
        #expect(try await network("203.0.113.9", trusted: ["127.0.0.0/8"]) == "203.0.113.9")
        #expect(
            try await network("198.51.100.1, 203.0.113.9", trusted: ["127.0.0.0/8"]) == "203.0.113.9", "invented hops count for nothing")
        #expect(try await network("203.0.113.9, 10.0.0.1", trusted: ["127.0.0.0/8", "10.0.0.0/8"]) == "203.0.113.9")
        let six = try await network("2001:db8:1:2:3:4:5:6", trusted: ["127.0.0.0/8"])
        #expect(six == "2001:db8:1:2::/64")
    }

    @Test("a change of the organisation's networks holds from the very next request")
    func trustedNetworkAtOnce() async throws {
        let server = try await TestServer(configure: { $0.trustedProxies = [try! CIDR("127.0.0.0/8")] }), browser = TestBrowser(server)
        try await server.add("ada")
        browser.address = "192.0.2.7"
        try await server.changePolicy {
            $0.registration[0].guardKind = .trustedNetwork
            $0.trustedNetworks = ["192.0.2.0/24"]
        }
        try await browser.signIn("ada")
        #expect(browser.page.title.contains("More information required"))
        try await server.changePolicy { $0.trustedNetworks = ["198.51.100.0/24"] }
        let other = TestBrowser(server)
        other.address = "192.0.2.7"
        try await other.signIn("ada")
        #expect(other.page.heading == "You need one more thing to begin")
    }

    @Test("forms are bounded: bodies, fields and values")
    func bounds() async throws {
        let server = try await TestServer(), browser = TestBrowser(server)
        try await browser.open("/sign-in")
        let csrf = try #require(browser.page.forms.first?.hidden["csrf"])
        try await browser.post("/sign-in", ["csrf": csrf, "name": String(repeating: "n", count: Fields.longest), "password": "x"])
        #expect(browser.page.status == 422)
        try await browser.post("/sign-in", ["csrf": csrf, "name": String(repeating: "n", count: Fields.longest + 1), "password": "x"])
        #expect(browser.page.status == 413)
        try await browser.post(
            "/sign-in", ["csrf": csrf, "name": "x", "password": "x", "more": String(repeating: "m", count: Front.bodyMax)])
        #expect(browser.page.status == 413)
        let many = (0..<500).map { "f\($0)=1" }.joined(separator: "&")
        #expect(FormText.parse(many).count == FormText.fieldsMax)
        for text in ["%", "%f", "%zz=%", "=", "&&&", "a=b=c", "\u{0}=\u{0}", String(repeating: "&", count: 10_000)] {
            _ = FormText.parse(text)
        }
    }

    @Test(
        "what is no form is read as an empty one, so it lacks its token",
        arguments: ["application/json", "multipart/form-data", "text/plain", ""])
    func otherContent(_ type: String) async throws {
        let server = try await TestServer(), mark = String(repeating: "b", count: 43)
        let body = "csrf=\(server.instance.keyed(mark, "csrf"))&name=ada&password=x"
        let answer = try await server.send(
            .post, "/sign-in", headers: [.cookie: "converge-browser=\(mark)", .contentType: type], body: body)
        #expect(answer.0 == 403)
    }
}
