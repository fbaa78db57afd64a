import ConvergeCore
import Testing

@Suite("Folding the policies of several groups")
struct FoldTests {
    private let red = GroupID("red"), blue = GroupID("blue")

    private func document(mfa: [MFARule] = [], reset: [ResetRule] = [], registration: [RegistrationRule] = []) -> PolicyDocument {
        PolicyDocument(mfa: mfa, reset: reset, registration: registration)
    }

    private func member(_ groups: GroupID...) -> Person {
        var ada = Cast.ada
        ada.groups = Set(groups)
        return ada
    }

    private func mfa(
        _ group: GroupID, required: Bool = true, allow: Set<Capability> = [.appCode], exclude: Set<Capability> = [],
        changed change: (inout MFARule) -> Void = { _ in }
    ) -> MFARule {
        var rule = MFARule(
            name: group.text, scope: PolicyScope(.selected, groups: [group]), required: required, allow: allow, exclude: exclude)
        change(&rule)
        return rule
    }

    private func reset(
        _ group: GroupID, gates: Int = 1, allow: Set<Capability> = [.text], exclude: Set<Capability> = [],
        changed change: (inout ResetRule) -> Void = { _ in }
    ) -> ResetRule {
        var rule = ResetRule(name: group.text, scope: PolicyScope(.selected, groups: [group]), gates: gates, allow: allow, exclude: exclude)
        change(&rule)
        return rule
    }

    private func registration(
        _ group: GroupID, mfa: Bool = false, reset: Bool = false,
        guardKind: RegistrationGuard = .password
    ) -> RegistrationRule {
        RegistrationRule(
            name: group.text, scope: PolicyScope(.selected, groups: [group]), requireForMFA: mfa, requireForReset: reset,
            guardKind: guardKind)
    }

    @Test func `allowed is the union of the includes minus every exclude`() {
        let both = document(
            mfa: [mfa(red, allow: [.appCode, .text]), mfa(blue, allow: [.call, .passkey], exclude: [.text])],
            reset: [reset(red, allow: [.text, .emailCode], exclude: [.call]), reset(blue, allow: [.call, .appCode])])
        let folded = both.resolve(for: member(red, blue))
        #expect(folded.mfaAllowed == [.appCode, .call, .passkey])
        #expect(folded.resetAllowed == [.text, .emailCode, .appCode])
        #expect(both.resolve(for: member(red)).mfaAllowed == [.appCode, .text])
        #expect(both.resolve(for: member()).mfaAllowed == [])
        #expect(!both.resolve(for: member()).resetInScope)
    }

    @Test func `the higher number of gates wins`() {
        let both = document(reset: [reset(red, gates: 1), reset(blue, gates: 2)])
        #expect(both.resolve(for: member(red, blue)).resetGates == 2)
        #expect(both.resolve(for: member(red)).resetGates == 1)
    }

    @Test func `obligations add up`() {
        let both = document(
            mfa: [mfa(red, required: false), mfa(blue, required: true)],
            registration: [registration(red, mfa: true), registration(blue, reset: true)])
        let folded = both.resolve(for: member(red, blue))
        #expect(folded.mfaRequired && folded.requireForMFA && folded.requireForReset)
        let one = both.resolve(for: member(red))
        #expect(!one.mfaRequired && one.requireForMFA && !one.requireForReset)
    }

    @Test func `days are the fewest of those set`() {
        let both = document(
            mfa: [
                mfa(red) {
                    $0.graceDays = 14; $0.rememberBrowserDays = 30
                },
                mfa(blue) {
                    $0.graceDays = 7; $0.rememberBrowserDays = 14
                },
                mfa(GroupID("third")),
            ],
            reset: [reset(red) { $0.reconfirmDays = 180 }, reset(blue) { $0.reconfirmDays = 90 }, reset(GroupID("third"))])
        let folded = both.resolve(for: member(red, blue, GroupID("third")))
        #expect(folded.graceDays == 7 && folded.rememberBrowserDays == 14 && folded.reconfirmDays == 90)
        let none = both.resolve(for: member(GroupID("third")))
        #expect(none.graceDays == nil && none.rememberBrowserDays == 0 && none.reconfirmDays == nil)
    }

    @Test func `the strictest guard wins, in every order`() {
        for one in RegistrationGuard.allCases {
            for other in RegistrationGuard.allCases {
                let both = document(registration: [registration(red, guardKind: one), registration(blue, guardKind: other)])
                #expect(both.resolve(for: member(red, blue)).guardKind == max(one, other))
            }
        }
        #expect(RegistrationGuard.password < .trustedNetwork && RegistrationGuard.directoryContact < .accessPass)
    }

    @Test func `an exemption holds only where every rule that demands grants it`() {
        func exempt(_ one: Bool, _ other: Bool, required: Bool = true) -> Bool {
            document(mfa: [
                mfa(red, required: required) { $0.exemptTrustedNetworks = one },
                mfa(blue, required: required) { $0.exemptTrustedNetworks = other },
            ]).resolve(for: member(red, blue)).exemptTrustedNetworks
        }
        for required in [true, false] {
            #expect(exempt(true, true, required: required))
            #expect(!exempt(true, false, required: required))
            #expect(!exempt(false, false, required: required), "no rule grants it")
        }
        #expect(!document().resolve(for: member(red)).exemptTrustedNetworks)
    }

    @Test func `what loosens a reset must be set everywhere`() {
        func folded(_ one: Bool, _ other: Bool) -> ResolvedPolicy {
            document(reset: [
                reset(red) {
                    $0.ownMailDomainsCount = one; $0.unlockWithoutReset = one; $0.minimumAgeHours = one ? 0 : 24
                },
                reset(blue) {
                    $0.ownMailDomainsCount = other; $0.unlockWithoutReset = other; $0.minimumAgeHours = other ? 0 : 24
                },
            ]).resolve(for: member(red, blue))
        }
        #expect(folded(true, true).ownMailDomainsCount && folded(true, true).unlockWithoutReset && folded(true, true).minimumAgeHours == 0)
        #expect(!folded(true, false).ownMailDomainsCount && !folded(true, false).unlockWithoutReset)
        #expect(folded(true, false).minimumAgeHours == 24)
    }

    @Test func `rules for administrators override last`() {
        let one = document(reset: [reset(red, gates: 1, allow: [.text, .securityQuestions])])
        var cleo = Cast.cleo
        cleo.groups = [red]
        #expect(one.resolve(for: cleo).resetGates == 2)
        #expect(one.resolve(for: cleo).resetAllowed == [.text])
        #expect(one.resolve(for: member(red)).resetAllowed == [.text, .securityQuestions])
    }

    @Test func `All has guests for MFA, registration and roll-out, and for reset only where the setting says so`() {
        var all = policy(mfa: [.text], reset: [.text])
        let guest = all.resolve(for: Cast.ben)
        #expect(guest.mfaRequired && guest.mfaAllowed == [.text] && guest.requireForMFA && guest.inRollOut)
        #expect(!guest.resetInScope && guest.resetAllowed == [])
        all.reset[0].includeGuests = true
        #expect(all.resolve(for: Cast.ben).resetInScope)
        var ben = Cast.ben
        ben.groups = [red]
        #expect(document(reset: [reset(red)]).resolve(for: ben).resetInScope, "a selected group means every member")
        #expect(!document(reset: [reset(blue)]).resolve(for: ben).resetInScope)
    }

    @Test func `an exclusion from a scope wins over a membership`() {
        let scope = PolicyScope(.selected, groups: [red], except: [blue])
        #expect(scope.contains(member(red)))
        #expect(!scope.contains(member(red, blue)))
        #expect(!PolicyScope(.all, except: [blue]).contains(member(blue)))
        #expect(PolicyScope(.all, except: [blue]).contains(member()))
        #expect(!PolicyScope(.none, groups: [red]).contains(member(red)))
    }

    @Test func `the kept versions tell when a capability left, and forget it when it comes back`() {
        let first = document(mfa: [mfa(red, allow: [.text, .call, .appCode])])
        let second = document(mfa: [mfa(red, allow: [.appCode])])
        let third = document(mfa: [mfa(red, allow: [.appCode, .call])])
        let history = [(document: first, since: noon - .days(90)), (document: second, since: noon - .days(40))]
        let folded = third.resolve(for: member(red), former: history, since: noon - .days(2))
        #expect(folded.removedAt == [.text: noon - .days(40)])
        #expect(
            second.resolve(for: member(red), former: [history[0]], since: noon - .days(40)).removedAt
                == [.text: noon - .days(40), .call: noon - .days(40)])
        #expect(first.resolve(for: member(red), former: [], since: noon).removedAt == [:])
    }
}
