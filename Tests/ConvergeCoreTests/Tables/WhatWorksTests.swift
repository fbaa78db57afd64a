import ConvergeCore
import Testing

/// ✓ offered and counts, ○ offered but never counts, – neither, . counts but not offered now.
private func mark(_ standing: Standing, _ credential: Credential, _ capability: Capability, _ purpose: Purpose) -> Character {
    let counts = standing.counts(credential, capability, for: purpose)
    let offered = standing.isOffered(credential, capability, for: purpose, reach: .open, now: noon)
    #expect(standing.counting(for: purpose).contains(credential.use(capability)) == counts)
    #expect(standing.offered(for: purpose, reach: .open, now: noon).contains(credential.use(capability)) == offered)
    return counts ? (offered ? "✓" : ".") : (offered ? "○" : "–")
}

/// sign-in, reset with one gate, reset with two gates, change.
private func marks(
    _ credential: Credential, _ capability: Capability, person: Person = Cast.ada, beside: [Credential] = [],
    options: Set<ResetOption> = [], changed: (inout PolicyDocument) -> Void = { _ in }
) -> String {
    func standing(_ gates: Int) -> Standing {
        var document = policy(mfa: everything, reset: everything, gates: gates)
        document.reset[0].options = options
        changed(&document)
        return Scene(person, [credential] + beside, document).standing
    }
    return String([
        mark(standing(1), credential, capability, .signIn), mark(standing(1), credential, capability, .reset),
        mark(standing(2), credential, capability, .reset), mark(standing(2), credential, capability, .change),
    ])
}

@Suite("What works for what")
struct WhatWorksTests {
    struct Row: CustomTestStringConvertible, Sendable {
        let capability: Capability
        let kind: MethodKind
        let marks: String
        let group: GateGroup?
        var testDescription: String { "\(capability.rawValue) \(marks)" }
    }

    static let rows: [Row] = [
        Row(capability: .appNotification, kind: .convergeApp, marks: "✓–✓✓", group: .app),
        Row(capability: .appCode, kind: .convergeApp, marks: "✓✓✓✓", group: .app),
        Row(capability: .appCode, kind: .totpApp, marks: "✓✓✓✓", group: .app),
        Row(capability: .hardwareCode, kind: .hardwareToken, marks: "✓✓✓✓", group: .token),
        Row(capability: .text, kind: .mobilePhone, marks: "✓✓✓✓", group: .phone),
        Row(capability: .call, kind: .mobilePhone, marks: "✓✓✓✓", group: .phone),
        Row(capability: .alternateCall, kind: .alternatePhone, marks: "✓––✓", group: nil),
        Row(capability: .officeCall, kind: .officePhone, marks: "✓✓✓✓", group: .office),
        Row(capability: .emailCode, kind: .email, marks: "–✓✓✓", group: .email),
        Row(capability: .securityQuestions, kind: .securityQuestions, marks: "––✓–", group: .questions),
        Row(capability: .passkey, kind: .passkey, marks: "✓––✓", group: nil),
        Row(capability: .recoveryCode, kind: .recoveryCodes, marks: "○––✓", group: nil),
        Row(capability: .temporaryAccessPass, kind: .temporaryAccessPass, marks: "○––✓", group: nil),
        Row(capability: .appPassword, kind: .appPassword, marks: "––––", group: nil),
    ]

    @Test(arguments: rows) func `a capability serves each purpose as the table says`(_ row: Row) {
        let one = credential(row.kind)
        #expect(marks(one, row.capability) == row.marks)
        if let group = row.group { #expect(one.traits.group == group) }
    }

    @Test func `the table has a row for every capability and every kind`() {
        #expect(Set(Self.rows.map(\.capability)) == everything)
        #expect(Set(Self.rows.map(\.kind)) == Set(MethodKind.allCases))
        #expect(Set(MethodRegistry.all.map(\.kind)) == Set(MethodKind.allCases))
        #expect(MethodRegistry.all.flatMap(\.capabilities).count == Self.rows.count)
    }

    @Test(arguments: rows.filter { $0.group == nil }) func `what has no group in the table is no gate`(_ row: Row) {
        let scene = Scene(Cast.ada, [credential(row.kind)], policy(mfa: everything, reset: everything, gates: 2))
        #expect(Gates.next(standing: scene.standing, passed: [], reach: .open, now: noon) == [])
    }

    @Test(arguments: rows) func `suspended, retired and pending serve nothing`(_ row: Row) {
        for state in [CredentialState.suspended, .retired, .pending] {
            #expect(marks(credential(row.kind) { $0.state = state }, row.capability) == "––––", "\(state)")
        }
    }

    @Test(arguments: rows) func `a credential serves only what it was registered for`(_ row: Row) {
        let all = Array(row.marks)
        #expect(marks(credential(row.kind) { $0.serves = [.reset] }, row.capability) == "–" + String(all[1...]))
        #expect(marks(credential(row.kind) { $0.serves = [.signIn] }, row.capability) == "\(all[0])––\(all[3])")
        #expect(marks(credential(row.kind) { $0.serves = [] }, row.capability) == "––––")
    }

    @Test(arguments: rows) func `an entry by an administrator counts like any other`(_ row: Row) {
        let entered = credential(row.kind) {
            $0.source = .administrator
            $0.verifiedBy = nil
            $0.verifiedAt = nil
        }
        #expect(marks(entered, row.capability) == row.marks)
    }

    @Test(arguments: rows) func `what nobody confirmed is at most offered for a reset`(_ row: Row) {
        let offeredUnconfirmed: Set<Capability> = [.text, .call, .officeCall, .emailCode]
        for source in [CredentialSource.directory, .import] {
            let entry = credential(row.kind) {
                $0.state = .unconfirmed
                $0.source = source
            }
            #expect(marks(entry, row.capability) == (offeredUnconfirmed.contains(row.capability) ? "–○○–" : "––––"))
        }
    }

    @Test(arguments: rows) func `a policy that does not allow it lets nothing count`(_ row: Row) {
        let got = marks(credential(row.kind), row.capability) { document in
            document.mfa[0].exclude = everything
            document.reset[0].exclude = everything
        }
        #expect(got == (row.marks.first == "○" ? row.marks : "––––"))
    }

    @Test(arguments: rows) func `only what the credential itself can do is served`(_ row: Row) {
        let mute = credential(row.kind) { $0.capabilities.remove(row.capability) }
        #expect(marks(mute, row.capability) == "––––")
    }

    @Test(arguments: rows) func `an outage takes the offer, never the count`(_ row: Row) {
        let one = credential(row.kind)
        for purpose in Purpose.allCases {
            for why in [Unreachable.budget, .gateway, .country, .browser] {
                let scene = Scene(Cast.ada, [one], policy(mfa: everything, reset: everything, gates: 2))
                let reach = Reachability(gaps: [one.use(row.capability): Reachability.Gap(why)])
                let before = mark(scene.standing, one, row.capability, purpose)
                #expect(!scene.standing.isOffered(one, row.capability, for: purpose, reach: reach, now: noon))
                #expect(scene.standing.offered(for: purpose, reach: reach, now: noon).allSatisfy { $0.capability != row.capability })
                #expect(scene.standing.counts(one, row.capability, for: purpose) == (before == "✓"))
            }
        }
    }

    @Test func `settings open a gate that is closed by default`() {
        #expect(marks(credential(.alternatePhone), .alternateCall, options: [.alternatePhone]) == "✓✓✓✓")
        #expect(marks(credential(.passkey), .passkey, options: [.passkey]) == "✓✓✓✓")
        #expect(marks(credential(.recoveryCodes), .recoveryCode, options: [.recoveryCode]) == "○–○✓")
        #expect(marks(credential(.passkey), .passkey, options: [.alternatePhone, .recoveryCode]) == "✓––✓")
    }

    @Test func `a recovery code is one gate of two where the setting says so`() {
        let codes = credential(.recoveryCodes), phone = credential(.mobilePhone)
        var document = policy(mfa: [.text], reset: [.text], gates: 2)
        #expect(
            Gates.next(standing: Scene(Cast.ada, [codes, phone], document).standing, passed: [], reach: .open, now: noon)
                == [phone.use(.text)])
        document.reset[0].options = [.recoveryCode]
        let standing = Scene(Cast.ada, [codes, phone], document).standing
        let passed = PassedGate(group: .phone, channel: phone.channel, use: phone.use(.text))
        #expect(Gates.next(standing: standing, passed: [passed], reach: .open, now: noon) == [codes.use(.recoveryCode)])
        #expect(standing.missingGates == 1, "offered, but it counts for nothing")
    }

    @Test func `an email opens security info only while nothing counts for sign-in`() {
        let mailbox = credential(.email)
        #expect(marks(mailbox, .emailCode, beside: [credential(.totpApp)]) == "–✓✓–")
        #expect(marks(mailbox, .emailCode, beside: [credential(.totpApp) { $0.state = .suspended }]) == "–✓✓✓")
        #expect(marks(mailbox, .emailCode, beside: [credential(.recoveryCodes)]) == "–✓✓✓")
    }

    @Test func `a mailbox that the lost password opens counts for reset only by setting, and never opens security info`() {
        let own = credential(.email) { $0.inOwnMailDomain = true }
        #expect(marks(own, .emailCode) == "––––")
        #expect(marks(own, .emailCode) { $0.reset[0].ownMailDomainsCount = true } == "–✓✓–")
    }

    @Test func `questions are not for administrators`() {
        #expect(marks(credential(.securityQuestions), .securityQuestions, person: Cast.cleo) == "––––")
    }

    @Test func `recovery codes have a switch, passes have a time`() {
        #expect(marks(credential(.recoveryCodes), .recoveryCode) { $0.registration[0].recoveryCodes = false } == "––––")
        #expect(marks(credential(.recoveryCodes) { $0.remaining = 1 }, .recoveryCode) == "○––✓")
        #expect(marks(credential(.recoveryCodes) { $0.remaining = 0 }, .recoveryCode) == "–––.")
        #expect(marks(credential(.temporaryAccessPass) { $0.validUntil = noon + Span(ms: 1) }, .temporaryAccessPass) == "○––✓")
        #expect(marks(credential(.temporaryAccessPass) { $0.validUntil = noon }, .temporaryAccessPass) == "–––.")
        #expect(marks(credential(.temporaryAccessPass) { $0.validFrom = noon }, .temporaryAccessPass) == "○––✓")
        #expect(marks(credential(.temporaryAccessPass) { $0.validFrom = noon + Span(ms: 1) }, .temporaryAccessPass) == "–––.")
    }

    @Test func `reset needs the scope of the reset policy`() {
        for row in Self.rows {
            let got = marks(credential(row.kind), row.capability) { $0.reset = [] }
            #expect(got == "\(row.marks.first!)––\(row.marks.last!)", "\(row.capability)")
        }
    }
}

@Suite("Five predicates")
struct PredicateTests {
    @Test func `questions are registered but not held, and neither is a pass`() {
        let scene = Scene(Cast.ada, [], policy(mfa: everything, reset: everything, gates: 2))
        for kind in MethodKind.allCases {
            let one = credential(kind)
            #expect(scene.standing.isRegistered(one))
            let proves = ![.securityQuestions, .temporaryAccessPass, .appPassword].contains(kind)
            #expect(scene.standing.isHeld(one) == proves, "\(kind)")
        }
    }

    @Test func `held looks at no policy, counts does`() {
        let phone = credential(.mobilePhone)
        let standing = Scene(Cast.ada, [phone], policy(mfa: [.appCode], reset: [.appCode])).standing
        #expect(standing.isHeld(phone))
        for purpose in Purpose.allCases { #expect(!standing.counts(phone, for: purpose)) }
    }

    @Test func `an administrator's entry is held, a directory entry is not`() {
        let standing = Scene(Cast.ada, [], policy(mfa: [.text])).standing
        #expect(
            standing.isHeld(
                credential(.mobilePhone) {
                    $0.source = .administrator; $0.verifiedBy = nil
                }))
        #expect(
            !standing.isHeld(
                credential(.mobilePhone) {
                    $0.source = .directory; $0.state = .unconfirmed
                }))
    }

    @Test func `what counts for a second step sets the second mark of the person's history`() {
        let signIn = MethodKind.allCases.filter { MethodRegistry.traits(of: $0).canSignIn }
        #expect(signIn == [.convergeApp, .totpApp, .hardwareToken, .passkey, .mobilePhone, .alternatePhone, .officePhone])
    }
}
