import ConvergeCore
import Synchronization
import Testing

@testable import ConvergeServer

@Suite("Importing people")
struct ImportTests {
    private func lines(_ csv: String, _ server: TestServer) async -> [String] {
        do {
            _ = try await server.administration.importPeople(csv: Array(csv.utf8))
            return []
        } catch { return "\(error)".split(separator: "\n").map(String.init) }
    }

    @Test func `everybody of a file is added, with everything that stands there`() async throws {
        let server = try await TestServer(), told = Mutex<[Int]>([])
        let csv = """
            name,displayName,kind,roles,groups,mobile,email,officePhone
            ada,Ada Okafor,member,helpdesk;user,Red; Blue,07700 900184,ada@post.example,
            gita,"Rao, Gita",guest,,,,,
            """
        let added = try await server.administration.importPeople(csv: Array(csv.utf8)) { done, _ in told.withLock { $0.append(done) } }
        #expect(added.map(\.name) == ["ada", "gita"] && told.withLock { $0.last } == 2)
        let ada = try await server.administration.show("ada"), gita = try await server.administration.show("gita")
        #expect(ada.roles == [.helpdesk, .userAdministrator] && ada.groups == ["Blue", "Red"])
        #expect(Set(ada.methods.map(\.method)) == [.mobilePhone, .email] && ada.methods.allSatisfy { $0.state == .unconfirmed })
        #expect(gita.kind == .guest && gita.displayName == "Rao, Gita")
        #expect(try await TestBrowser(server).signIn("ada", added[0].password.text).status == 200)
        let rows = try await server.administration.audit(.init(activity: AuditActivity.personImported.rawValue))
        #expect(rows.count == 2)
    }

    @Test func `every broken row is named, and nobody is added`() async throws {
        let server = try await TestServer()
        try await server.add("ben")
        let wrong = await lines(
            """
            name,kind,roles,mobile,email
            ada,member,,,
            BEN,,,,
            ada,,,,
            two words,,,,
            cara,visitor,,,
            dana,,boss,,
            eve,,,12,
            finn,,,,nowhere
            gita,,
            """, server)
        #expect(wrong.count == 9, "\(wrong)")
        for (row, words) in [
            (3, "named"), (4, "named"), (5, "user name"), (6, "visitor"), (7, "boss"), (8, "phone number"), (9, "email"), (10, "fields"),
        ] {
            #expect(wrong.contains { $0.hasPrefix("Row \(row): ") && $0.contains(words) }, "\(row)")
        }
        #expect(wrong.last == "Nobody was added.")
        #expect(try await server.administration.everybody().map(\.name) == ["ben"])
        #expect(try await server.administration.audit(.init()).isEmpty)
    }

    @Test(arguments: [
        ("", "empty"), ("name,nam\nada,x", "Did you mean “name”?"), ("displayName\nAda", "“name” is missing"),
        ("name,name\nada,ada", "twice"), ("name\n\"ada", "not CSV"),
    ])
    func `a file that is no list of people is refused`(csv: String, words: String) async throws {
        let server = try await TestServer()
        let told = await lines(csv, server).joined()
        #expect(told.contains(words), "\(told)")
        #expect(try await server.administration.everybody().isEmpty)
    }
}
