import ConvergeCore
import Testing

@testable import ConvergeServer

/// Everybody here comes from one address, as an office does. It may have ten failed sign-ins, five codes without an answer and five resets
/// in which nothing was proved.
@Suite("An office behind one address")
struct OneAddressTests {
    private static let people = 14

    /// Who is there, each with a number of their own.
    private func office(register: Bool = false) async throws -> TestServer {
        let policy = PolicyDocument(
            mfa: [MFARule(name: "Texts", required: true, allow: [.text])],
            reset: [ResetRule(name: "Texts", gates: 1, allow: [.text])],
            registration: [RegistrationRule(name: "All", requireForMFA: true, requireForReset: false, recoveryCodes: false)])
        let server = try await TestServer(policy: policy, configure: { $0.limits = .small })
        for index in 0..<Self.people {
            let id = try await server.add(name(index))
            guard !register else { continue }
            try await server.give(id, .mobilePhone, content: CredentialContent(phone: PhoneNumber(e164: number(index))), by: .text)
        }
        return server
    }

    private func name(_ index: Int) -> String { "person\(index)" }
    private func number(_ index: Int) -> String { "+4477009001" + (index < 10 ? "0" : "") + String(index) }
    private func typed(_ index: Int) -> [String: String] { ["country": "GB", "number": number(index)] }

    private func reached(_ server: TestServer, _ limit: String) -> Int { server.instance.metrics.value(.limits, limit) }

    @Test func `everybody gets in, whoever mistypes and leaves codes unanswered is slowed down, and operators see which limit it was`()
        async throws
    {
        let server = try await office()
        for index in 0..<Self.people {
            let browser = TestBrowser(server)
            try await browser.signIn(name(index))
            try await browser.submit("/answer", ["code": server.latestCode(to: number(index))])
            #expect(browser.page.path == "/", "\(index): \(browser.page.heading)")
        }
        // A text starts by itself once in ten minutes.
        server.clock.advance(by: .minutes(10))
        let late = TestBrowser(server)
        for index in 0...5 { try await late.signIn(name(index)) }
        #expect(late.page.heading == "Shall we send you a code?" && reached(server, "codesPerNetwork") == 1)
        try await late.submit("/use")
        #expect(late.page.status == 422 && reached(server, "codesPerNetwork") == 2, "\(late.page.text)")
        let counted = try await server.count("SELECT SUM(count) AS n FROM budget WHERE key LIKE 'send:person:%'")
        #expect(counted == Self.people + 5, "what was refused uses up nothing of anybody else's")
        for index in 0..<10 { #expect(try await TestBrowser(server).signIn(name(index), "wrong").status == 422) }
        #expect(try await late.signIn(name(5)).status == 429)
        #expect(reached(server, "signInsPerNetwork") == 1)
    }

    @Test func `everybody registers a phone on the first day`() async throws {
        let server = try await office(register: true)
        for index in 0..<Self.people {
            let browser = TestBrowser(server)
            try await browser.signIn(name(index))
            try await browser.submit("/start")
            try await browser.submit("/phone", typed(index))
            try await browser.submit("/code", ["code": server.latestCode(to: number(index))])
            #expect(browser.page.heading.contains("all set"), "\(index): \(browser.page.heading)")
        }
        #expect(reached(server, "codesPerNetwork") == 0)
    }

    @Test func `everybody who forgot the password over the holidays sets a new one; who proves nothing is slowed down`() async throws {
        let server = try await office()
        for index in 0..<Self.people {
            let browser = TestBrowser(server)
            try await browser.open("/reset-password")
            try await browser.submit("/reset-password", ["name": name(index)])
            try await browser.submit("/gate", ["gate": "text"])
            try await browser.submit("/contact", typed(index))
            try await browser.submit("/answer", ["code": server.latestCode(to: number(index))])
            #expect(browser.page.forms.contains { $0.action.hasSuffix("/password") }, "\(index): \(browser.page.heading)")
        }
        #expect(reached(server, "resetsPerNetwork") + reached(server, "codesPerNetwork") == 0)
        for time in 0...5 {
            let browser = TestBrowser(server)
            try await browser.open("/reset-password")
            #expect(try await browser.submit("/reset-password", ["name": name(time)]).status == (time < 5 ? 200 : 429))
        }
        #expect(reached(server, "resetsPerNetwork") == 1)
    }

    @Test func `what all codes may cost is a limit of its own: answered ones count too`() async throws {
        let server = try await office(), instance = server.instance
        var sent = 0
        for index in 0..<Self.people {
            let browser = TestBrowser(server)
            try await browser.signIn(name(index))
            let code = try await server.latestCode(to: number(index))
            try await browser.submit("/answer", ["code": code])
            sent += 1
        }
        let (now, budget) = (server.clock.now, Budgets.codes(instance.config.limits))
        let left = try await instance.database.write { db in
            var left = 0
            while try instance.budgets.spend([budget], now: now, db) == nil { left += 1 }
            return left
        }
        #expect(sent + left == instance.config.limits.codes)
    }
}

extension Config.Limits {
    fileprivate static let small = Config.Limits(
        signInsPerNetwork: 10, resetsPerNetwork: 5, codesPerNetwork: 5, textsPerCountry: 5, callsPerCountry: 5, codes: 40, calls: 10)
}
