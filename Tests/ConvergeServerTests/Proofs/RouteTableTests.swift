import ConvergeCore
import Foundation
import HTTPTypes
import Testing

@testable import ConvergeServer

/// Every route of the whole table, asked in every wrong way.
@Suite("Every route keeps the baseline")
struct RouteTableTests {
    // MARK: the table in the documentation

    @Test("the documentation has the row of every route, and of no other")
    func documented() throws {
        let text = try String(contentsOfFile: SourceFile.root + "/docs/baseline.md", encoding: .utf8)
        #expect(text.contains(Self.table), "put this into docs/baseline.md:\n\(Self.table)")
    }

    static var table: String {
        let rows = Routes.all.map { route in
            "| \(route.method.rawValue) | `\(route.path)` | \(words(route.access))\(route.demoOnly ? ", demo only" : "") |"
        }
        return (["| Method | Address | Who |", "|---|---|---|"] + rows).joined(separator: "\n") + "\n"
    }

    private static func words(_ access: Access) -> String {
        switch access {
        case .anonymous: "anybody"
        case .app: "an installed app, by its signature"
        case .carrier: "the telephone carrier, by its signature"
        case .signedIn: "signed in"
        case .recentlyVerified: "recently verified"
        case .administrator(let roles) where roles == Set(Role.allCases): "any administrator"
        case .administrator(let roles): "administrator: " + roles.map(\.rawValue).sorted().joined(separator: ", ")
        }
    }

    // MARK: asking

    /// An address of a route, its parameters filled in.
    private func path(_ route: Route, _ server: TestServer) -> String {
        let files = route.path.hasPrefix("/authenticator") ? server.instance.renderer.appAssets : server.instance.renderer.assets
        let file = files.files.keys.sorted().first ?? ""
        let parts = route.path.split(separator: "/").map { part in
            part == ":file" ? file : part == ":action" ? "answer" : part.hasPrefix(":") ? "nothing-of-that-name" : String(part)
        }
        return "/" + parts.joined(separator: "/")
    }

    private struct Answer {
        let status: Int
        let headers: HTTPFields
        var location: String { headers[.location] ?? "" }
    }

    /// Asks a route as a browser would that shows its own page, or with something wrong about it.
    private func ask(
        _ route: Route, _ server: TestServer, cookies: [String: String] = [:], token: String? = nil, host: String? = nil,
        _ change: (inout HTTPFields) -> Void = { _ in }
    ) async throws -> Answer {
        var headers = HTTPFields(), cookies = cookies, body: String?
        let prefix = server.instance.config.isSecure ? "__Host-converge" : "converge"
        cookies["\(prefix)-browser"] = cookies["\(prefix)-browser"] ?? String(repeating: "b", count: 43)
        headers[.cookie] = cookies.map { "\($0.key)=\($0.value)" }.joined(separator: "; ")
        if route.method == .post {
            let secret = cookies[prefix] ?? cookies["\(prefix)-browser"]!
            body = "csrf=" + (token ?? server.instance.keyed(secret, "csrf"))
            headers[.contentType] = "application/x-www-form-urlencoded"
            headers[.origin] = server.instance.config.publicURL
            headers[.init("Sec-Fetch-Site")!] = "same-origin"
        }
        change(&headers)
        let (status, answered, _) = try await server.send(route.method, path(route, server), headers: headers, body: body, host: host)
        return Answer(status: status, headers: answered)
    }

    private func named(_ route: Route) -> Comment { "\(route.method) \(route.path)" }

    /// Somebody signed in, with the roles given, and her cookies.
    private func signedIn(_ server: TestServer, _ name: String = "ada", roles: Set<Role> = []) async throws -> [String: String] {
        let key = Secret(bytes: Array(0..<20)), id = try await server.add(name, roles: roles), browser = TestBrowser(server)
        try await server.give(id, .totpApp, content: CredentialContent(secret: key), by: .appCode)
        try await server.give(id, .email, content: CredentialContent(email: EmailAddress("\(name)@mail.example")), by: .emailCode)
        try await browser.signIn(name, returnTo: "/profile")
        try await browser.submit("/answer", ["code": browser.appCode(secret: key)])
        #expect(browser.page.path == "/profile")
        return browser.cookies
    }

    private func open(_ access: Access) -> Bool { access == .anonymous || access == .carrier || access == .app }

    // MARK: forgery

    @Test("a post without its token, with another's, from another site or another origin is refused; the page's own is not")
    func forgery() async throws {
        let server = try await TestServer(), ada = try await signedIn(server), posts = Routes.all.filter { $0.method == .post }
        #expect(posts.count > 15)
        for route in posts {
            for cookies in [[:], ada] {
                // An app has no form of ours: it signs.
                let isForm = route.access != .app
                #expect((try await ask(route, server, cookies: cookies, token: "").status == 403) == isForm, named(route))
                let others = server.instance.keyed("somebody else's", "csrf")
                #expect((try await ask(route, server, cookies: cookies, token: others).status == 403) == isForm, named(route))
                for site in ["cross-site", "same-site", "nonsense"] {
                    let answer = try await ask(route, server, cookies: cookies) { $0[.init("Sec-Fetch-Site")!] = site }
                    #expect(answer.status == 403, "\(route.path) from \(site)")
                }
                for origin in ["https://evil.example", "null", "http://localhost:8081", "https://localhost:8080"] {
                    let answer = try await ask(route, server, cookies: cookies) {
                        $0[.origin] = origin
                        $0[.init("Sec-Fetch-Site")!] = nil
                    }
                    #expect(answer.status == 403, "\(route.path) from \(origin)")
                }
            }
        }
    }

    @Test("the page's own post is never taken for a forgery, and a browser's own token is none for a session")
    func ownPosts() async throws {
        for route in Routes.all where route.method == .post && route.access != .carrier {
            let server = try await TestServer(), ada = try await signedIn(server)
            #expect(try await ask(route, server).status != 403, named(route))
            let anonymous = server.instance.keyed(ada["converge-browser"]!, "csrf")
            #expect((try await ask(route, server, cookies: ada, token: anonymous).status == 403) == (route.access != .app), named(route))
            #expect(try await ask(route, server, cookies: ada).status != 403, named(route))
        }
    }

    @Test("a change is a post: no route changes anything by another method")
    func methods() {
        #expect(Set(Routes.all.map(\.method)) == [.get, .post])
    }

    @Test("looking changes nothing: no GET writes but where a proof begins")
    func reading() async throws {
        let server = try await TestServer(), ada = try await signedIn(server, roles: [.globalAdministrator])
        for route in Routes.all where route.method == .get {
            let before = try await server.dump()
            _ = try await ask(route, server, cookies: ada)
            _ = try await ask(route, server)
            #expect(try await server.dump() == before, named(route))
        }
    }

    // MARK: host and headers

    @Test("another host is told that it is misdirected, whatever it asks for")
    func hosts() async throws {
        let server = try await TestServer(), ada = try await signedIn(server)
        for route in Routes.all where !OperationsRoutes.paths.contains(route.path) {
            for host in ["evil.example", "localhost:9090", "localhost", "127.0.0.1:8080", ""] {
                let answer = try await ask(route, server, cookies: ada, host: host)
                #expect(answer.status == 421, "\(route.path) at \(host)")
                expectHeaders(answer, server, route)
            }
        }
    }

    @Test("every answer has the headers, over http and https", arguments: ["http://localhost:8080", "https://id.example.org"])
    func headers(_ address: String) async throws {
        let server = try await TestServer(configure: { $0.publicURL = address })
        for route in Routes.all {
            expectHeaders(try await ask(route, server), server, route)
            expectHeaders(try await ask(route, server, token: ""), server, route)
        }
    }

    @Test("errors have the same headers: nothing there, too large, overtaken, busy, full, broken")
    func errorHeaders() async throws {
        var broken: FailingDatabase?
        let server = try await TestServer(over: { database in
            let failing = FailingDatabase(over: database)
            broken = failing
            return failing
        })
        let database = try #require(broken), page = try #require(Routes.all.first { $0.path == "/sign-in" && $0.method == .get })
        let missing = Route.open(.get, "/nothing-here") { _, _ in .redirect("/") }
        #expect(try await ask(missing, server).status == 404)
        expectHeaders(try await ask(missing, server), server, missing)
        for method in [HTTPRequest.Method.put, .delete, .patch] {
            let odd = Route.open(method, "/sign-in") { _, _ in .redirect("/") }
            expectHeaders(try await ask(odd, server), server, odd)
        }
        for (error, status) in [(StoreError.busy, 503), (.full, 503), (.fault("planted"), 500)] {
            database.arm(at: 1, error)
            let answer = try await ask(page, server) { $0[.cookie] = "converge=\(String(repeating: "s", count: 43))" }
            #expect(database.disarm() != nil && answer.status == status)
            #expect((answer.headers[.retryAfter] != nil) == (status == 503))
            expectHeaders(answer, server, page)
        }
        let large = try await server.send(
            .post, "/sign-in", headers: [.contentType: "application/x-www-form-urlencoded"],
            body: "name=" + String(repeating: "x", count: Front.bodyMax))
        #expect(large.0 == 413)
        expectHeaders(Answer(status: large.0, headers: large.1), server, page)
    }

    private func expectHeaders(_ answer: Answer, _ server: TestServer, _ route: Route) {
        let headers = answer.headers, policy = headers[.contentSecurityPolicy] ?? ""
        let directives = Set(policy.split(separator: ";").map { $0.trimmingCharacters(in: .whitespaces) })
        for wanted in [
            "default-src 'none'", "script-src 'self'", "style-src 'self'", "frame-ancestors 'none'", "form-action 'self'",
            "base-uri 'none'",
        ] {
            #expect(directives.contains(wanted), "\(route.path): \(policy)")
        }
        #expect(!policy.contains("unsafe"), named(route))
        let fixed = [
            "Referrer-Policy": "same-origin", "X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY",
            "Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Resource-Policy": "same-origin",
        ]
        for (name, value) in fixed { #expect(headers[.init(name)!] == value, "\(route.path): \(name)") }
        // The app reads a QR code.
        let camera = route.path == "/authenticator" && answer.status == 200 ? "camera=(self)" : "camera=()"
        #expect(headers[.init("Permissions-Policy")!]?.contains(camera) == true, named(route))
        let transport = headers[.strictTransportSecurity]
        #expect(server.instance.config.isSecure ? transport?.hasPrefix("max-age=31536000") == true : transport == nil, named(route))
        let isStatic = route.path == "/static/:file" && answer.status == 200
        let isAppFile = route.path == "/authenticator/:file" && answer.status == 200
        #expect(
            headers[.cacheControl] == (isAppFile ? "no-cache" : isStatic ? "public, max-age=31536000, immutable" : "no-store"), named(route)
        )
        #expect(headers[.server] == nil && (!isStatic || headers[.setCookie] == nil), named(route))
    }

    // MARK: who

    @Test("whoever is not signed in is led to the sign-in and back")
    func anonymous() async throws {
        let server = try await TestServer()
        for route in Routes.all {
            let answer = try await ask(route, server)
            let asked = PercentEncoding.encode(path(route, server))
            #expect((answer.location == "/sign-in?return=\(asked)") == !open(route.access), named(route))
        }
    }

    @Test("an old proof is asked for again, a fresh one is not")
    func freshProof() async throws {
        for route in Routes.all where route.access == .recentlyVerified {
            let server = try await TestServer(), ada = try await signedIn(server)
            server.clock.advance(by: Span(ms: Span.minutes(10).ms - 1))
            let answer = try await ask(route, server, cookies: ada)
            #expect(!answer.location.hasPrefix("/prove") && !answer.location.hasPrefix("/sign-in"), named(route))
        }
        let later = try await TestServer(), bea = try await signedIn(later, "bea")
        later.clock.advance(by: .minutes(10))
        for route in Routes.all where route.access == .recentlyVerified {
            let answer = try await ask(route, later, cookies: bea)
            #expect(answer.location == "/prove?return=" + PercentEncoding.encode(path(route, later)), named(route))
        }
    }

    @Test("whoever lacks the role is told that nothing is there")
    func roles() async throws {
        let server = try await TestServer(), nobody = try await signedIn(server)
        var holders: [Role: [String: String]] = [:]
        for role in Role.allCases {
            server.clock.advance(by: .minutes(1))
            holders[role] = try await signedIn(server, role.rawValue, roles: [role])
        }
        var checked = 0
        for route in Routes.all {
            guard case .administrator(let roles) = route.access else { continue }
            checked += 1
            #expect(try await ask(route, server, cookies: nobody).status == 404, named(route))
            for (role, cookies) in holders {
                #expect((try await ask(route, server, cookies: cookies).status != 404) == roles.contains(role), "\(route.path) as \(role)")
            }
        }
        #expect(checked > 3)
    }
}

extension TestServer {
    /// Everything in the store that a request could change, budgets and the idle limit of sessions aside, as lines of text.
    func dump(_ tables: [String] = TestServer.tables) async throws -> [String] {
        try await instance.database.read { db in
            try tables.flatMap { table in
                try db.rows("SELECT * FROM \(raw: table)").map { row in
                    let columns = row.columns.filter { $0.key != "seen_ms" && $0.key != "idle_ms" }.sorted { $0.key < $1.key }
                    return table + " " + columns.map { "\($0.key)=\(row.values[$0.value])" }.joined(separator: " ")
                }.sorted()
            }
        }
    }

    static let tables = [
        "organisation", "person", "credential", "recovery_code", "access_pass", "person_group", "group_member", "effective_membership",
        "policy_version", "flow", "session", "browser", "outbox", "audit", "notice_link", "admin_code", "approval", "authenticator",
    ]
}
