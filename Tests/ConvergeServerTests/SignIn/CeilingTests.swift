import ConvergeCore
import Testing

@testable import ConvergeServer

@Suite("A hundred wrong codes")
struct CeilingTests {
    /// A household whose app has been guessed at a hundred times.
    private func guessedAt() async throws -> Household {
        let home = try await Household(), instance = home.server.instance, app = home.app, now = home.server.clock.now
        try await instance.database.write { db in
            for _ in 0..<Budgets.ceiling.limit { _ = try instance.budgets.spend(Budgets.ceiling(app), Budgets.ceiling, now: now, db) }
        }
        return home
    }

    private func isClosed(_ home: Household) async throws -> Bool {
        let instance = home.server.instance, app = home.app, now = home.server.clock.now
        return try await instance.database.read { db in
            try Budgets.closed(app, knownBrowser: true, now: now, instance.budgets, db) != nil
        }
    }

    @Test func `close the app, and its owner opens it again by signing in with another method`() async throws {
        let home = try await guessedAt()
        try await home.browser.signIn("ada")
        #expect(home.browser.page.heading == "Enter the code we texted you", "the app is closed, the phone is not")
        #expect(try await isClosed(home))
        try await home.browser.submit("/answer", ["code": try await home.server.latestCode(to: Household.phoneNumber)])
        #expect(home.browser.page.path == "/")
        #expect(try await !isClosed(home))
    }

    @Test func `stay closed after one gate of a reset, for a mailbox must not buy guesses at the app`() async throws {
        let home = try await guessedAt(), browser = home.browser
        try await browser.open("/reset-password")
        try await browser.submit("/reset-password", ["name": "ada"])
        try await browser.submit("/reason", ["reason": "forgot"])
        try await browser.submit("/gate", ["gate": "emailCode"])
        try await browser.submit("/contact", ["email": Household.address])
        try await browser.submit("/answer", ["code": try await home.server.latestCode(to: Household.address)])
        #expect(browser.page.says("That was right"))
        #expect(try await isClosed(home))
    }
}
