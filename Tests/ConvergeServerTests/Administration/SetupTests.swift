import ConvergeCore
import Testing

@testable import ConvergeServer

@Suite("The first administrator")
struct SetupTests {
    private func fields(_ code: String, name: String = "dana") -> [String: String] {
        ["code": code, "name": name, "display": "Dana Whitfield", "email": "", "new": Self.password, "again": Self.password]
    }

    private static let password = "umbrella gravel orchid seven"

    @Test("a code makes one global administrator, once; then the page is gone")
    func once() async throws {
        let server = try await TestServer(), administration = Administration(server.instance)
        let code = try await administration.makeAdminCode().text
        let browser = TestBrowser(server), rival = TestBrowser(server)
        try await browser.open("/setup")
        try await rival.open("/setup")
        let page = try await browser.submit("/setup", fields(code.lowercased()))
        #expect(page.path.hasPrefix("/sign-in"))
        #expect(page.says("You are the first administrator."))
        #expect(try await administration.show("dana").roles == [.globalAdministrator])
        #expect(try await rival.submit("/setup", fields(code, name: "mallory")).status == 404)
        await #expect(throws: Administration.Problem.self) { try await administration.show("mallory") }
        #expect(try await TestBrowser(server).open("/setup").status == 404)
        await #expect(throws: Administration.Problem.self) { try await administration.makeAdminCode() }
        #expect(try await browser.signIn("dana", Self.password).status == 200)
    }

    @Test("two people with one code: one administrator", .timeLimit(.minutes(1)))
    func rivals() async throws {
        let server = try await TestServer(), administration = Administration(server.instance)
        let code = try await administration.makeAdminCode().text
        let instance = server.instance, hash = try await PasswordDoor(instance: instance).hash(Secret(Self.password))
        let won = try await withThrowingTaskGroup(of: Bool.self) { group in
            for number in 0..<20 {
                group.addTask {
                    try await instance.database.write { db in
                        let new = NewPerson(name: "person\(number)", displayName: "", roles: [.globalAdministrator])
                        let ledger = Ledger(instance, db, now: instance.world.now())
                        return try Administration(instance).setUp(new, code: code, hash: hash, ledger: ledger) == nil
                    }
                }
            }
            return try await group.reduce(0) { $0 + ($1 ? 1 : 0) }
        }
        #expect(won == 1)
        #expect(try await administration.everybody().count == 1)
    }

    @Test("a code ends after 24 hours to the millisecond, and a new one ends the one before")
    func expiry() async throws {
        let server = try await TestServer(), administration = Administration(server.instance)
        let first = try await administration.makeAdminCode().text
        let second = try await administration.makeAdminCode().text
        let isGood = { (code: String) in
            try await server.instance.database.read { db in try administration.isSetupCode(code, now: server.clock.now, db) }
        }
        #expect(try await !isGood(first))
        server.clock.advance(by: Span(ms: 24 * 3_600_000 - 1))
        #expect(try await isGood(second))
        server.clock.advance(by: Span(ms: 1))
        #expect(try await !isGood(second))
        let browser = TestBrowser(server)
        try await browser.open("/setup")
        let page = try await browser.submit("/setup", fields(second))
        #expect(page.status == 422 && page.says("That code did not match"))
        #expect(try await administration.everybody().isEmpty)
    }

    @Test("without a good code nothing is said about names and passwords; with one, everything wrong at once")
    func errors() async throws {
        let server = try await TestServer(), administration = Administration(server.instance)
        try await server.add("ada")
        let code = try await administration.makeAdminCode().text
        let browser = TestBrowser(server)
        try await browser.open("/setup")
        var wrong = fields("0000-0000", name: "ada")
        wrong["new"] = "short"
        var page = try await browser.submit("/setup", wrong)
        #expect(page.says("That code did not match") && !page.says("That name is taken") && !page.says("characters too"))
        page = try await browser.submit("/setup", fields(code, name: "ADA"))
        #expect(page.says("That name is taken"))
        var spoiled = fields(code, name: "two words")
        spoiled["again"] = "something else"
        page = try await browser.submit("/setup", spoiled)
        #expect(page.says("Type a user name without spaces.") && page.says("Type the same new password in both fields."))
        #expect(try await browser.submit("/setup", fields(code)).path.hasPrefix("/sign-in"))
    }
}
