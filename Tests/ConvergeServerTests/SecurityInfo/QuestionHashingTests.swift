import ConvergeCore
import Testing

@testable import ConvergeServer

/// Answers are hashed slowly, before their transaction: only for a registration that would be taken.
@Suite("Security questions: what is hashed")
struct QuestionHashingTests {
    private static let answers = FaultSideTests.answers

    /// How a registration ends while its page is open.
    enum Ending: CaseIterable {
        case sessionOver, proofTooOld, notAllowedAnyMore

        func happen(_ home: Household) async throws {
            let server = home.server
            switch self {
            case .sessionOver: server.clock.advance(by: .minutes(6))
            case .proofTooOld: server.clock.advance(by: .minutes(10))
            case .notAllowedAnyMore: try await server.changePolicy { $0.reset[0].allow.remove(.securityQuestions) }
            }
        }
    }

    private func household(idleMinutes: Int = 60) async throws -> Household {
        let home = try await Household()
        try await home.server.changePolicy {
            $0.registration = []
            $0.reset[0].allow.insert(.securityQuestions)
            $0.session.idleMinutes = idleMinutes
        }
        try await home.signIn(to: "/security-info")
        try await home.browser.open("/security-info/add")
        try await home.browser.submit("/security-info/add", ["method": "securityQuestions"])
        return home
    }

    @Test(arguments: Ending.allCases)
    func `security info: nothing once the session, its proof or the permission is gone`(ending: Ending) async throws {
        let home = try await household(idleMinutes: ending == .sessionOver ? 5 : 60), server = home.server
        try await ending.happen(home)
        let before = server.instance.hasher.rounds
        try await home.browser.submit("/enrol", Self.answers)
        #expect(server.instance.hasher.rounds == before, "\(home.browser.page.path)")
        #expect(try await home.states().contains("securityQuestions active") == false)
    }

    @Test func `security info: one round for a set, none for one that lacks an answer`() async throws {
        let home = try await household(), server = home.server
        let before = server.instance.hasher.rounds
        try await home.browser.submit("/enrol", Self.answers.merging(["answer-2": ""]) { $1 })
        #expect(home.browser.page.status == 422 && server.instance.hasher.rounds == before)
        try await home.browser.submit("/enrol", Self.answers)
        #expect(server.instance.hasher.rounds == before + 1)
        #expect(try await home.states().contains("securityQuestions active"))
    }

    @Test(arguments: [true, false])
    func `a wizard: nothing once the policy asks for something else`(isOver: Bool) async throws {
        let server = try await TestServer(), browser = TestBrowser(server)
        try await server.changePolicy {
            $0.mfa = []
            $0.reset[0].allow = [.emailCode, .securityQuestions]
            $0.reset[0].gates = 2
            $0.registration = [RegistrationRule(name: "Register", requireForMFA: false, requireForReset: true, recoveryCodes: false)]
        }
        try await server.add("ben")
        try await browser.signIn("ben")
        try await browser.submit("/start")
        try await browser.submit("/email", ["email": "ben@mail.example"])
        try await browser.submit("/code", ["code": server.latestCode(to: "ben@mail.example")])
        if isOver { try await server.changePolicy { $0.reset[0].allow = [.emailCode, .text] } }
        let before = server.instance.hasher.rounds
        try await browser.submit("/enrol", Self.answers)
        #expect(server.instance.hasher.rounds == before + (isOver ? 0 : 1), "\(browser.page.path)")
    }
}
