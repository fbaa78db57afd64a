import ConvergeCore
import Testing

@Suite("After losing any one thing")
struct LossSafetyTests {
    private static let document = policy(mfa: [.appCode, .text], reset: [.appCode, .text, .emailCode], gates: 2)
    private static let app = credential(.totpApp), phone = credential(.mobilePhone), mail = credential(.email)
    private static let codes = credential(.recoveryCodes) { $0.remaining = 10 }

    private func report(_ held: [Credential], _ document: PolicyDocument = document) -> LossReport {
        Scene(Cast.ada, held, document).standing.lossReport
    }

    @Test("one app alone: a sheet of codes is the cheapest help")
    func oneApp() {
        let report = report([Self.app])
        #expect(report.works == [.signIn] && report.losses.map(\.purpose) == [.signIn] && report.losses.first?.what == .method(.totpApp))
        #expect(report.remedy == .recoveryCodes)
        #expect(self.report([Self.app, Self.codes]).isSafe)
    }

    @Test("two proofs for two gates: losing either ends the new password, losing the phone ends both")
    func noSpareGate() {
        let report = report([Self.app, Self.phone])
        #expect(report.works == [.signIn, .reset])
        #expect(report.losses == [Loss(purpose: .signIn, what: .phone), Loss(purpose: .reset, what: .method(.totpApp))])
        #expect(self.report([Self.app, Self.phone, Self.mail, Self.codes]).losses.map(\.what) == [.phone], "the phone takes two of three")
        let token = credential(.hardwareToken),
            wider = policy(
                mfa: [.appCode, .text, .hardwareCode], reset: [.appCode, .text, .emailCode, .hardwareCode], gates: 2)
        #expect(self.report([Self.app, Self.mail, token], wider).isSafe)
    }

    @Test("app and number are on one phone: whoever has nothing else is told so")
    func onePhone() {
        let report = report([Self.app, Self.phone, Self.mail])
        #expect(report.losses.contains(Loss(purpose: .signIn, what: .phone)) && report.remedy == .recoveryCodes)
    }

    @Test("a number with text and call is one thing, and so are two entries of one number")
    func oneChannel() {
        let twin = credential(.officePhone) { $0.channel = Self.phone.channel }
        let both = policy(mfa: [.text, .officeCall], reset: [], gates: 1)
        #expect(report([Self.phone, twin], both).losses.map(\.purpose) == [.signIn])
        let apart = credential(.officePhone) { $0.channel = "tel:other" }
        #expect(report([Self.phone, apart], both).isSafe)
    }

    @Test("spent codes are none, and where policy has none they are no remedy")
    func spentCodes() {
        let spent = credential(.recoveryCodes) { $0.remaining = 0 }
        #expect(!report([Self.app, spent]).isSafe)
        var without = Self.document
        for index in without.registration.indices { without.registration[index].recoveryCodes = false }
        #expect(report([Self.app, Self.codes], without).remedy == nil, "another app would be on the same phone")
        without.mfa[0].allow.insert(.hardwareCode)
        #expect(report([Self.app, Self.codes], without).remedy == .method(.hardwareToken))
    }

    @Test("for every set of methods: safe is what trying each loss gives, and nothing is recommended to the safe")
    func bruteForce() {
        let pool = [Self.app, Self.phone, Self.mail, Self.codes, credential(.totpApp) { $0.channel = "app:second" }]
        for bits in 0..<(1 << pool.count) {
            let held = pool.indices.filter { bits & (1 << $0) != 0 }.map { pool[$0] }
            let report = report(held)
            func works(_ held: [Credential]) -> Set<Purpose> { self.report(held).works }
            let alone = held.flatMap { lost in report.works.subtracting(works(held.filter { $0.channel != lost.channel })) }
            let ends = Set(alone).union(report.works.subtracting(works(held.filter { !$0.traits.onPhone })))
            #expect(Set(report.losses.map(\.purpose)) == ends, "\(held.map(\.method))")
            #expect(!report.isSafe || report.remedy == nil, "\(held.map(\.method))")
        }
    }
}
