import ConvergeCore
import Foundation
import HTTPTypes
import Logging
import Testing

@testable import ConvergeServer

/// Plays a story in which the store fails at every statement of every request in turn. Each failure must show a page, change
/// nothing, and let the same step be taken again.
final class FaultWalk: @unchecked Sendable {
    let server: TestServer
    private(set) var browser: TestBrowser
    private let database: FailingDatabase
    private var invariants: StoreInvariants?
    /// How many failures the story survived.
    private(set) var failures = 0
    private(set) var steps = 0
    /// How many of them nobody saw.
    private(set) var survived = 0
    /// What was sent, as `FaultRoutes` names it.
    private(set) var posts: Set<String> = []

    private static let errors: [StoreError] = [.busy, .full, .fault("planted")]
    /// No step has more statements.
    private static let most = 400

    init(policy: PolicyDocument? = nil, configure: (inout Config) -> Void = { _ in }) async throws {
        var failing: FailingDatabase?
        var quiet = Logger(label: "faults")
        quiet.logLevel = .critical
        server = try await TestServer(
            policy: policy, configure: configure,
            over: { database in
                let made = FailingDatabase(over: database)
                failing = made
                return made
            }, log: quiet)
        database = try #require(failing)
        try await server.skipFlushes()
        browser = TestBrowser(server)
        browser.followsRedirects = false
    }

    var page: TestPage { browser.page }

    /// Another person at another browser takes over.
    func changeBrowser() {
        browser = TestBrowser(server)
        browser.followsRedirects = false
    }

    // MARK: steps

    func open(_ path: String, _ place: SourceLocation = #_sourceLocation) async throws {
        try await step("GET \(path)", place) { try await $0.open(path) }
        try await follow(place)
    }

    func submit(_ action: String, _ fields: [String: String] = [:], _ place: SourceLocation = #_sourceLocation) async throws {
        if let form = page.forms.first(where: { $0.action.hasSuffix(action) }) { try await note(form.action) }
        try await step("POST \(action)", place) { try await $0.submit(action, fields, place) }
        try await follow(place)
    }

    func post(_ path: String, _ fields: [String: String], _ place: SourceLocation = #_sourceLocation) async throws {
        try await note(path)
        try await step("POST \(path)", place) { try await $0.post(path, fields) }
        try await follow(place)
    }

    /// What the telephone carrier reports, signed.
    func report(_ path: String, _ fields: [String: String], _ place: SourceLocation = #_sourceLocation) async throws {
        try await note(path)
        let signature = CarrierSignature.of(server.instance.config.publicURL + path, fields, token: CallKit.token)
        // Whoever sits at the browser sees nothing of it.
        let mine = browser
        defer { browser = mine }
        try await step("POST \(path)", place) { browser in
            browser.carrierSignature = signature
            try await browser.post(path, fields)
            browser.carrierSignature = nil
        }
    }

    /// What an installed app asks or tells; it never sees a page.
    func app(_ phone: TestPhone, _ place: SourceLocation = #_sourceLocation, _ act: @escaping (TestPhone) async throws -> Void) async throws
    {
        let mine = browser
        defer { browser = mine }
        try await step("app", place) { browser in
            phone.browser = browser
            try? await act(phone)
        }
        try await note(phone.browser.page.path)
    }

    /// Writes down which route a form goes to, or which action of which conversation.
    private func note(_ path: String) async throws {
        let parts = path.split(separator: "?")[0].split(separator: "/").map(String.init)
        guard parts.first == "flows", parts.count == 3 else {
            posts.insert(FaultRoutes.pattern(of: "/" + parts.joined(separator: "/")) ?? path)
            return
        }
        let kind = try await server.instance.database.read { db in
            try db.row("SELECT kind FROM flow WHERE id = \(parts[1])")?.text("kind")
        }
        posts.insert("\(kind ?? "none") \(parts[2])")
    }

    /// Each story says in `FaultRoutes` what it sends; together they send everything that can be sent.
    func expectPosts(_ story: String, _ place: SourceLocation = #_sourceLocation) {
        let told = FaultRoutes.walked[story] ?? []
        #expect(posts == told, "\(story) sends \(posts.sorted())", sourceLocation: place)
    }

    private func follow(_ place: SourceLocation) async throws {
        var turns = 0
        while (300..<400).contains(browser.page.status), let location = browser.headers[.location] {
            turns += 1
            try #require(turns < 10, sourceLocation: place)
            try await step("GET \(location)", place) { try await $0.open(location) }
        }
    }

    /// One request, failed at its first statement, its second, and so on, until it comes through.
    private func step(_ name: String, _ place: SourceLocation, _ act: (TestBrowser) async throws -> Void) async throws {
        if invariants == nil { invariants = try await StoreInvariants(server) }
        steps += 1
        for count in 1...Self.most {
            let before = try await server.dump(), tab = browser.tab()
            database.arm(at: count, Self.errors[count % Self.errors.count])
            try await act(tab)
            guard let statement = database.disarm() else {
                browser = tab
                let problems = try await invariants?.problems() ?? []
                #expect(problems == [], "after \(name)", sourceLocation: place)
                return
            }
            failures += 1
            // Moving the idle limit on is the one thing that may fail without a word.
            if tab.page.status == 200 || tab.page.status == 303, statement.hasPrefix("UPDATE session SET seen_ms") || statement == "COMMIT"
            {
                survived += 1
                continue
            }
            expectFaultPage(tab, "\(name) failed at \(count): \(statement)", place)
            let after = try await server.dump()
            #expect(
                after == before,
                "\(name) failed at \(count): \(statement)\n\(Set(after).subtracting(before)) instead of \(Set(before).subtracting(after))",
                sourceLocation: place)
        }
        Issue.record("\(name) has no end", sourceLocation: place)
    }

    private func expectFaultPage(_ tab: TestBrowser, _ what: String, _ place: SourceLocation) {
        let page = tab.page, headings = ["Something went wrong on our side", "It is very busy right now"]
        #expect(
            [500, 503].contains(page.status) && headings.contains(page.heading), "\(what): \(page.status) \(page.heading)",
            sourceLocation: place)
        #expect(!page.html.contains("planted") && !page.html.contains("SELECT") && !page.html.contains("StoreError"), sourceLocation: place)
        #expect(tab.cookies["converge"] == browser.cookies["converge"], "\(what): a session of a step that failed", sourceLocation: place)
    }

    /// Asks for an answer that is sent while it is read. A failure before its first byte is a fault page; later it cuts the answer off,
    /// so that nobody takes a part for the whole.
    func expectCut(_ path: String, _ place: SourceLocation = #_sourceLocation) async throws {
        var cuts = 0
        for count in 1...Self.most {
            let tab = browser.tab()
            database.arm(at: count, Self.errors[count % Self.errors.count])
            do {
                try await tab.open(path)
                guard let statement = database.disarm() else {
                    #expect(tab.page.status == 200 && cuts > 0, "\(path): \(cuts) times cut off", sourceLocation: place)
                    return
                }
                failures += 1
                guard !(tab.page.status == 200 && statement.hasPrefix("UPDATE session SET seen_ms") || statement == "COMMIT") else {
                    continue
                }
                expectFaultPage(tab, "\(path) failed at \(count): \(statement)", place)
            } catch is StoreError {
                database.disarm()
                failures += 1
                cuts += 1
            }
        }
        Issue.record("\(path) has no end", sourceLocation: place)
    }

    // MARK: a lost answer

    /// Sends a form, but the process is killed when the transaction is written and the answer is not sent yet; then the page is
    /// asked for again, and the form is sent once more where the step had not been taken.
    func submitLosingAnswer(_ action: String, _ fields: [String: String] = [:], _ place: SourceLocation = #_sourceLocation) async throws {
        if invariants == nil { invariants = try await StoreInvariants(server) }
        let former = browser.page
        guard let form = former.forms.first(where: { $0.action.hasSuffix(action) }) else {
            Issue.record("no form for \(action) on “\(former.heading)”, only \(former.forms.map(\.action))", sourceLocation: place)
            return
        }
        database.loseNextAnswer()
        let tab = browser.tab()
        try await tab.submit(action, fields, place)
        #expect(database.disarm() != nil && tab.page.status == 500, "\(action)", sourceLocation: place)
        failures += 1
        #expect(try await invariants?.problems() == [], "after a lost answer to \(action)", sourceLocation: place)
        browser.followsRedirects = true
        defer { browser.followsRedirects = false }
        let flow = form.action.split(separator: "/").prefix(2).joined(separator: "/")
        try await browser.open(form.action.hasPrefix("/flows/") ? "/" + flow : form.action)
        #expect(browser.page.status == 200 || browser.page.status == 410, "\(action): \(browser.page.status)", sourceLocation: place)
        if browser.page.heading == former.heading { try await browser.submit(action, fields, place) }
        #expect(browser.page.status == 200, "\(action) sent again: \(browser.page.status) \(browser.page.text)", sourceLocation: place)
        #expect(try await invariants?.problems() == [], "after \(action)", sourceLocation: place)
    }
}
