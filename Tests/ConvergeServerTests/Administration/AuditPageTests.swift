import ConvergeCore
import Foundation
import Testing

@testable import ConvergeServer

@Suite("The audit log for administrators")
struct AuditPageTests {
    /// A server with an administrator who is signed in, past the second step.
    private func signedIn() async throws -> (TestServer, TestBrowser) {
        let codes = MFARule(name: "Codes", required: false, allow: [.appCode])
        let server = try await TestServer(policy: PolicyDocument(mfa: [codes], reset: [], registration: []))
        let dana = try await server.add("dana", roles: [.globalAdministrator])
        let key = Secret("12345678901234567890")
        try await server.give(dana, .totpApp, content: CredentialContent(secret: key), by: .appCode)
        let browser = TestBrowser(server)
        try await browser.signIn("dana")
        try await browser.submit("/answer", ["code": browser.appCode(secret: key)])
        return (server, browser)
    }

    private func write(_ server: TestServer, _ activity: AuditActivity, _ name: String?, success: Bool = true, caseCode: String? = nil)
        async throws
    {
        let instance = server.instance, now = server.clock.now
        try await instance.database.write { db in
            let record = try name.map { try Administration(instance).person($0, db) }
            try Ledger(instance, db, now: now, correlation: "flow-\(activity)").note(
                activity, record, success: success, reason: success ? nil : "=1+1", caseCode: caseCode)
        }
    }

    private func query(_ pairs: [String: String], _ server: TestServer) async throws -> [AuditActivity]? {
        let form = AuditForm(Fields(pairs), zone: "Europe/London"), instance = server.instance
        return try await instance.database.read { db in
            let (filter, errors) = try form.filter(limit: 100) { name in
                try SignInName(name).flatMap { try instance.people.find(nameKey: $0.normalised, db)?.id }
            }
            return errors.isEmpty ? try instance.audit.find(filter, db).map(\.event.activity) : nil
        }
    }

    @Test("every filter finds what it says, and days are those of the organisation")
    func filters() async throws {
        let server = try await TestServer()
        try await server.add("ada")
        try await server.add("ben")
        // 22 June 2026, 23:30 in London is 22:30 in UTC.
        server.clock.advance(by: Moment(ms: 1_782_167_400_000) - server.clock.now)
        try await write(server, .registered, "ada")
        server.clock.advance(by: .minutes(31))
        try await write(server, .resetPassword, "ben", success: false, caseCode: "7QK2MX")
        #expect(try await query(["category": "Authentication Methods"], server) == [.registered])
        #expect(try await query(["activity": AuditActivity.resetPassword.rawValue], server) == [.resetPassword])
        #expect(try await query(["person": "ADA"], server) == [.registered])
        #expect(try await query(["result": "failure"], server) == [.resetPassword])
        #expect(try await query(["from": "2026-06-23", "to": "2026-06-23"], server) == [.resetPassword])
        #expect(try await query(["to": "2026-06-22"], server) == [.registered])
        #expect(try await query(["reference": "7qk2mx"], server) == [.resetPassword])
        #expect(try await query(["reference": "flow-registered"], server) == [.registered])
        #expect(try await query(["from": "2026-06-24"], server) == [])
        #expect(try await query(["person": "nobody"], server) == nil)
        #expect(try await query(["from": "2026-02-30"], server) == nil)
        #expect(try await query(["to": "yesterday"], server) == nil)
    }

    @Test("only administrators see it; others are told that nothing is there")
    func access() async throws {
        let server = try await TestServer(policy: PolicyDocument(mfa: [], reset: [], registration: []))
        try await server.add("ada")
        let browser = TestBrowser(server)
        #expect(try await browser.open("/admin/audit").path.hasPrefix("/sign-in"))
        try await browser.signIn("ada")
        for path in ["/admin/audit", "/admin/audit.json", "/admin/audit.csv", "/admin"] {
            #expect(try await browser.open(path).status == 404)
        }
    }

    @Test("pages follow each other without a gap or a repeat, and the exports have the same filters")
    func paging() async throws {
        let (server, browser) = try await signedIn()
        try #require(try await browser.open("/admin/audit").says("Audit log"))
        for _ in 0..<120 {
            server.clock.advance(by: Span(ms: 250))
            try await write(server, .reviewed, "dana")
        }
        try await write(server, .deleted, "dana", success: false)
        let filter = "activity=" + PercentEncoding.encode(AuditActivity.reviewed.rawValue)
        var rows = 0, page = try await browser.open("/admin/audit?\(filter)")
        while true {
            rows += page.html.components(separatedBy: "<th scope=\"row\">").count - 1
            guard page.html.contains("before=") else { break }
            page = try await browser.follow(link: "Older events")
        }
        #expect(rows == 120)
        let json = try await browser.open("/admin/audit.json?\(filter)").html
        let object = try JSONSerialization.jsonObject(with: Data(json.utf8)) as? [String: Any]
        #expect((object?["events"] as? [Any])?.count == 120)
        let csv = try await browser.open("/admin/audit.csv?result=failure").html
        #expect(csv.contains(AuditActivity.deleted.rawValue) && !csv.contains(AuditActivity.reviewed.rawValue))
        #expect(csv.contains("'=1+1") && !csv.contains(",=1+1"))
        #expect(try await browser.open("/admin/audit?from=soon").says("Type a day such as 2026-11-23."))
    }

    @Test("exports hold every event, however many, and none twice")
    func whole() async throws {
        let (server, browser) = try await signedIn(), instance = server.instance, now = server.clock.now
        // More than a hundred in each millisecond, so that pages end between events of one moment.
        let count = 10_300
        try await instance.database.write { db in
            for number in 0..<count {
                let event = AuditEvent(.reviewed, personName: "person \(number)", actor: .system)
                try instance.audit.write(event, id: "event-\(number)", at: now + Span(ms: Int64(number / 150)), db)
            }
        }
        let filter = "activity=" + PercentEncoding.encode(AuditActivity.reviewed.rawValue)
        let json = try await browser.open("/admin/audit.json?\(filter)").html
        let events = (try JSONSerialization.jsonObject(with: Data(json.utf8)) as? [String: Any])?["events"] as? [[String: Any]]
        let ids = try #require(events).compactMap { $0["id"] as? String }
        #expect(ids.count == count && Set(ids).count == count)
        let csv = try await browser.open("/admin/audit.csv?\(filter)").html
        #expect(csv.split(separator: "\r\n").count == count + 1 && csv.hasPrefix("at,category"))
        // Nothing matches: still a whole document.
        let none = try await browser.open("/admin/audit.json?person=nobody").html
        #expect(try JSONSerialization.jsonObject(with: Data(none.utf8)) as? [String: [String]] == ["events": []])
        var pages: [Int] = []
        let hasMore = try await server.administration.audit(.init(activity: AuditActivity.reviewed.rawValue, limit: nil)) {
            pages.append($0.count)
        }
        #expect(pages.reduce(0, +) == count && pages.allSatisfy { $0 <= AuditWalk.pageSize } && !hasMore)
        #expect(try await server.administration.audit(.init(limit: 501)) { _ in })
    }

    @Test("a page of the log is a range of the index, not a walk from the newest event", .ofTheFile)
    func plan() async throws {
        let server = try await TestServer(), instance = server.instance, now = server.clock.now
        let plan = try await instance.database.read { db in
            var filter = AuditFilter(limit: 50)
            filter.before = (now, "x")
            return try db.rows("EXPLAIN QUERY PLAN \(fragment: instance.audit.query(filter))").map { try $0.text("detail") }
        }
        #expect(plan.count == 1 && plan[0].contains("USING INDEX audit_at_idx") && plan[0].contains("at_ms"), "\(plan)")
    }
}
