import ConvergeCore
import Testing

@Suite("The gates of a reset")
struct GateTests {
    private func passed(_ credential: Credential, _ capability: Capability) -> PassedGate {
        PassedGate(group: credential.traits.group!, channel: credential.channel, use: credential.use(capability))
    }

    private func next(_ scene: Scene, after gates: [PassedGate] = []) -> [CredentialUse] {
        Gates.next(standing: scene.standing, passed: gates, reach: scene.reach, now: scene.now)
    }

    @Test func `1: one gate, a code by text`() {
        let phone = credential(.mobilePhone)
        let scene = Scene(Cast.ada, [phone], policy(mfa: [.appCode, .text], reset: [.appCode, .text]))
        #expect(scene.policy.resetGates == 1)
        #expect(next(scene) == [phone.use(.text)])
        #expect(Gates.kindsBeforeProof(scene.document) == [.appCode, .text])
    }

    @Test func `2: after a text, code or push of the app, not a call to the same phone`() {
        let app = credential(.convergeApp), phone = credential(.mobilePhone)
        let allow: Set<Capability> = [.appNotification, .appCode, .text, .call, .emailCode]
        let scene = Scene(Cast.ada, [app, phone], policy(mfa: allow, reset: allow, gates: 2))
        #expect(Set(next(scene, after: [passed(phone, .text)])) == [app.use(.appNotification), app.use(.appCode)])
        #expect(Set(next(scene, after: [passed(app, .appCode)])) == [phone.use(.text), phone.use(.call)])
    }

    @Test func `3: two apps are one gate, and the second stays empty`() {
        let first = credential(.totpApp, "first"), second = credential(.totpApp, "second")
        let scene = Scene(Cast.ada, [first, second], policy(mfa: [.appCode], reset: [.appCode, .emailCode], gates: 2))
        #expect(next(scene) == [first.use(.appCode), second.use(.appCode)])
        #expect(next(scene, after: [passed(first, .appCode)]) == [])
        #expect(scene.standing.missingGates == 1, "and it counts as not registered")
    }

    @Test func `4: a phone and an office phone with one number are one channel`() {
        let phone = credential(.mobilePhone), office = credential(.officePhone) { $0.channel = "channel of mobilePhone" }
        let scene = Scene(Cast.ada, [phone, office], policy(mfa: [.text], reset: [.text, .officeCall], gates: 2))
        #expect(next(scene, after: [passed(phone, .text)]) == [])
        #expect(next(scene, after: [passed(office, .officeCall)]) == [])
        #expect(scene.standing.missingGates == 1)
        let apart = Scene(Cast.ada, [phone, credential(.officePhone)], scene.document)
        #expect(next(apart, after: [passed(phone, .text)]).map(\.capability) == [.officeCall])
    }

    @Test func `5: push alone is no single gate, and its code is not allowed`() {
        let scene = Scene(Cast.ada, [credential(.convergeApp)], policy(mfa: [.appNotification], reset: [.appNotification]))
        #expect(next(scene) == [])
        #expect(scene.standing.missingGates == 1)
    }

    @Test func `6: mail first, questions only after it`() {
        let mailbox = credential(.email), questions = credential(.securityQuestions)
        let scene = Scene(Cast.ada, [mailbox, questions], policy(mfa: [.appCode], reset: [.emailCode, .securityQuestions], gates: 2))
        #expect(next(scene) == [mailbox.use(.emailCode)])
        #expect(next(scene, after: [passed(mailbox, .emailCode)]) == [questions.use(.securityQuestions)])
        #expect(Gates.kindsBeforeProof(scene.document) == [.emailCode])
        #expect(scene.standing.missingGates == 0)
    }

    @Test func `7: administrators by a nested group have two gates, never questions, voice as the policy says`() {
        // Effective membership is materialised, so that a nested group is in the person's groups.
        var cleo = Cast.cleo
        cleo.groups = [GroupID("inner"), GroupID("outer")]
        let document = policy(mfa: [.text], reset: [.text, .call, .emailCode, .securityQuestions], gates: 1) {
            $0.reset[0].scope = PolicyScope(.selected, groups: [GroupID("outer")])
        }
        let mailbox = credential(.email), phone = credential(.mobilePhone), questions = credential(.securityQuestions)
        let scene = Scene(cleo, [mailbox, phone, questions], document)
        #expect(scene.policy.resetGates == 2)
        #expect(!scene.policy.resetAllowed.contains(.securityQuestions))
        #expect(next(scene, after: [passed(mailbox, .emailCode)]) == [phone.use(.text), phone.use(.call)])
        #expect(Scene(Cast.ada, [], policy(reset: [.text], gates: 1)).policy.resetGates == 1)
    }

    @Test func `8: a guest under All has no gate, and the page before the proof is the same for every name`() {
        let phone = credential(.mobilePhone), document = policy(mfa: [.text], reset: [.text, .emailCode])
        #expect(next(Scene(Cast.ben, [phone], document)) == [])
        #expect(next(Scene(Cast.ada, [phone], document)) == [phone.use(.text)])
        var named = document
        named.reset[0].includeGuests = true
        #expect(next(Scene(Cast.ben, [phone], named)) == [phone.use(.text)])
        #expect(Gates.kindsBeforeProof(document) == Gates.kindsBeforeProof(named))
    }

    @Test func `9: a mobile number of the directory that nobody confirmed may be texted, and stays unconfirmed`() {
        let phone = credential(.mobilePhone) {
            $0.state = .unconfirmed
            $0.source = .directory
            $0.addedAt = noon
        }
        let scene = Scene(Cast.ada, [phone], policy(mfa: [.text], reset: [.text]))
        #expect(next(scene) == [phone.use(.text)])
        #expect(scene.standing.missingGates == 1, "offered, but the plan asks to confirm it")
    }

    @Test func `10: what was added two hours ago is no gate before its day is over`() {
        let old = credential(.email), young = credential(.mobilePhone) { $0.addedAt = noon - .hours(2) }
        var scene = Scene(Cast.ada, [old, young], policy(mfa: [.text], reset: [.text, .emailCode], gates: 1))
        #expect(next(scene) == [old.use(.emailCode)])
        let waiting = Gates.tooYoung(standing: scene.standing, now: noon)
        #expect(waiting.map(\.credential.id) == [young.id])
        #expect(waiting.map(\.from) == [noon + .hours(22)])
        scene.now = noon + .hours(22) - Span(ms: 1)
        #expect(next(scene) == [old.use(.emailCode)])
        scene.now = noon + .hours(22)
        #expect(next(scene) == [old.use(.emailCode), young.use(.text)])
        #expect(Gates.tooYoung(standing: scene.standing, now: scene.now).isEmpty)
    }

    @Test func `10: the first wizard and a setting of nought lift the minimum age`() {
        let first = credential(.mobilePhone) {
            $0.addedAt = noon
            $0.fromFirstWizard = true
        }
        #expect(next(Scene(Cast.ada, [first], policy(mfa: [.text], reset: [.text]))) == [first.use(.text)])
        let young = credential(.mobilePhone) { $0.addedAt = noon }
        #expect(next(Scene(Cast.ada, [young], policy(mfa: [.text], reset: [.text]))) == [])
        let off = policy(mfa: [.text], reset: [.text]) { $0.reset[0].minimumAgeHours = 0 }
        #expect(next(Scene(Cast.ada, [young], off)) == [young.use(.text)])
    }

    @Test func `one channel never completes a reset of two gates`() {
        // Every pair of kinds, on one channel and on two.
        let kinds = MethodKind.allCases.filter { MethodRegistry.traits(of: $0).capabilities.contains { $0.reset == .counts } }
        var pairs = 0, completed = 0
        for one in kinds {
            for other in kinds {
                for shared in [true, false] {
                    let first = credential(one, "one") { $0.channel = "same" }
                    let second = credential(other, "other") { $0.channel = shared ? "same" : "apart" }
                    var document = policy(mfa: everything, reset: everything, gates: 2)
                    document.reset[0].options = Set(ResetOption.allCases)
                    let scene = Scene(Cast.ada, [first, second], document)
                    let ways = next(scene).flatMap { use in
                        let gate = scene.standing.credential(use.credential)!
                        return next(scene, after: [passed(gate, use.capability)])
                    }
                    pairs += 1
                    if !ways.isEmpty { completed += 1 }
                    #expect(ways.isEmpty == (scene.standing.missingGates > 0), "\(one) \(other) \(shared)")
                    if shared || first.traits.group == second.traits.group { #expect(ways.isEmpty, "\(one) \(other)") }
                }
            }
        }
        #expect(pairs == 162 && completed > 50)
    }
}
