import ConvergeCore
import Testing

@Suite("The default method")
struct DefaultTests {
    private func phone(verifiedBy capability: Capability) -> Credential { credential(.mobilePhone) { $0.verifiedBy = capability } }

    private func effective(
        _ held: [Credential], _ allow: Set<Capability>, _ preference: [CredentialUse] = [],
        cutOff: Set<Capability> = []
    ) -> CredentialUse? {
        var scene = Scene(Cast.ada, held, policy(mfa: allow))
        scene.person.preference = preference
        scene.cutOff(cutOff)
        if case .challenge(_, let first, _) = SignInDecision.next(Flow.password(scene), scene.facts).page { return first }
        return nil
    }

    @Test func `where policy asks for the strongest first, nothing that was chosen counts`() {
        let phone = phone(verifiedBy: .text), passkey = credential(.passkey), app = credential(.totpApp)
        var document = policy(mfa: [.appCode, .text, .passkey])
        document.methods.strongestFirst = true
        var scene = Scene(Cast.ada, [phone, app, passkey], document)
        scene.person.preference = [phone.use(.text)]
        #expect(scene.standing.usualDefault == passkey.use(.passkey))
        let offered = [phone.use(.text), app.use(.appCode)]
        #expect(scene.standing.effectiveDefault(offered: offered) == app.use(.appCode), "of what is offered now")
        #expect(scene.standing.inDefaultOrder(offered).map(\.capability) == [.appCode, .text])
        document.methods.strongestFirst = false
        scene.document = document
        #expect(scene.standing.usualDefault == phone.use(.text))
    }

    @Test func `1: a phone verified by text is texted`() {
        let phone = phone(verifiedBy: .text)
        #expect(effective([phone], [.text, .call]) == phone.use(.text))
    }

    @Test func `2: a phone verified by call is called`() {
        let phone = phone(verifiedBy: .call)
        #expect(effective([phone], [.text, .call]) == phone.use(.call))
    }

    @Test func `3: a phone verified by text is called where only calls are allowed`() {
        let phone = phone(verifiedBy: .text)
        #expect(effective([phone], [.call]) == phone.use(.call))
    }

    @Test func `4: an app approved by push goes before the phone, in whatever order they came`() {
        let phone = phone(verifiedBy: .text), app = credential(.convergeApp)
        for order in [[phone, app], [app, phone]] {
            #expect(effective(order, [.appNotification, .appCode, .text, .call]) == app.use(.appNotification))
        }
    }

    @Test func `5: an app without push is asked for its code`() {
        let app = credential(.convergeApp)
        #expect(effective([app], [.appCode]) == app.use(.appCode))
    }

    @Test func `6: another app goes before the phone`() {
        let app = credential(.totpApp), phone = phone(verifiedBy: .text)
        #expect(effective([phone, app], [.appCode, .text]) == app.use(.appCode))
    }

    @Test func `7: a chosen text stays when an app is added`() {
        let app = credential(.totpApp), phone = phone(verifiedBy: .text)
        #expect(effective([phone, app], [.appCode, .text], [phone.use(.text)]) == phone.use(.text))
    }

    @Test func `8: an automatic text gives way to an app`() {
        let app = credential(.totpApp), phone = phone(verifiedBy: .text)
        #expect(effective([phone], [.appCode, .text]) == phone.use(.text))
        #expect(effective([phone, app], [.appCode, .text]) == app.use(.appCode))
    }

    @Test func `9: a chosen call that is disallowed becomes a text to the same number and comes back`() {
        let phone = phone(verifiedBy: .text), app = credential(.totpApp)
        #expect(effective([app, phone], [.appCode, .text], [phone.use(.call)]) == phone.use(.text))
        #expect(effective([app, phone], [.appCode, .text, .call], [phone.use(.call)]) == phone.use(.call))
    }

    @Test func `10: with the default deleted, the passkey goes before the office phone`() {
        let key = credential(.passkey), office = credential(.officePhone), gone = credential(.mobilePhone)
        #expect(effective([office, key], [.passkey, .officeCall, .text], [gone.use(.text)]) == key.use(.passkey))
    }

    @Test func `11: a push that is spent becomes a code of the same app, chosen or not`() {
        let other = credential(.totpApp), app = credential(.convergeApp), allow: Set<Capability> = [.appNotification, .appCode]
        for preference in [[], [app.use(.appNotification)]] {
            #expect(effective([other, app], allow, preference, cutOff: [.appNotification]) == app.use(.appCode))
            #expect(effective([other, app], allow, preference) == app.use(.appNotification))
        }
    }

    @Test func `12: mail, questions and recovery codes are never a default`() {
        let all = [credential(.email), credential(.securityQuestions), credential(.recoveryCodes), credential(.temporaryAccessPass)]
        let uses = all.flatMap { one in one.capabilities.map { one.use($0) } }
        #expect(DefaultMethod.effective(offered: uses, credentials: all, preference: uses, counting: uses) == nil)
        #expect(DefaultMethod.ordered(uses, credentials: all) == [])
        let scene = Scene(Cast.ada, [credential(.email), credential(.securityQuestions)], policy(mfa: [.appCode], reset: [.emailCode]))
        #expect(scene.standing.offered(for: .signIn, reach: .open, now: noon) == [])
        #expect(scene.standing.requirements(mfaWanted: true, resetWanted: false).mfa)
    }

    @Test func `the automatic order is that of the table`() {
        let all = [
            credential(.officePhone), credential(.alternatePhone), phone(verifiedBy: .call), credential(.hardwareToken),
            credential(.passkey), credential(.totpApp), credential(.convergeApp),
        ]
        let uses = all.flatMap { one in one.capabilities.sorted().map { one.use($0) } }
        #expect(
            DefaultMethod.ordered(uses, credentials: all).map(\.capability)
                == [.appNotification, .appCode, .appCode, .passkey, .hardwareCode, .call, .text, .alternateCall, .officeCall])
        let order: [Capability] = [.appNotification, .appCode, .passkey, .hardwareCode, .call, .alternateCall, .officeCall]
        for index in order.indices {
            let rest = Set(order[index...])
            #expect(effective(all, rest)?.capability == order[index])
        }
    }

    @Test func `the default is never empty while something that counts is offered`() {
        for row in WhatWorksTests.rows where row.marks.first == "✓" {
            let one = credential(row.kind)
            #expect(effective([one], [row.capability]) == one.use(row.capability))
        }
    }
}
