import ConvergeCore
import Testing

@Suite("The smallest plan")
struct PlanTests {
    struct Row: CustomTestStringConvertible, Sendable {
        let number: Int
        let mfa: Set<Capability>
        let reset: Set<Capability>
        let gates: Int
        var person = Cast.ada
        var held = ""
        let plan: String
        /// Per slot, strongest first.
        let alternatives: [String]
        var mfaImpossible = false
        var resetImpossible = false
        var testDescription: String { "row \(number)" }
    }

    static let rows: [Row] = [
        Row(number: 1, mfa: [.appCode, .text], reset: [.appCode, .text, .emailCode], gates: 2, plan: "T P", alternatives: ["E", "E"]),
        Row(
            number: 2, mfa: [.appNotification, .appCode, .text, .call], reset: [.appCode, .text, .call], gates: 1,
            plan: "N", alternatives: ["P"]),
        Row(number: 3, mfa: [.passkey, .appCode, .text], reset: [.appCode, .text], gates: 1, plan: "T", alternatives: ["P"]),
        Row(number: 4, mfa: [.passkey], reset: [.emailCode], gates: 1, plan: "K E", alternatives: ["", ""]),
        Row(
            number: 5, mfa: [.appNotification, .appCode, .text], reset: [.appCode, .text, .emailCode], gates: 2, held: "P",
            plan: "N", alternatives: ["E"]),
        Row(number: 6, mfa: [.appCode, .text], reset: [.appCode, .text, .emailCode], gates: 2, held: "E", plan: "T", alternatives: ["P"]),
        Row(
            number: 7, mfa: [.passkey, .appCode, .text], reset: [.appCode, .text, .emailCode], gates: 2, held: "K",
            plan: "T P", alternatives: ["E", "E"]),
        Row(number: 8, mfa: [.appCode], reset: [.emailCode, .securityQuestions], gates: 2, plan: "T E Q", alternatives: ["", "", ""]),
        Row(
            number: 9, mfa: [.appCode], reset: [.emailCode, .securityQuestions], gates: 2, person: Cast.cleo,
            plan: "T", alternatives: [""], resetImpossible: true),
        Row(number: 10, mfa: [.call], reset: [.text], gates: 1, plan: "P", alternatives: [""]),
        Row(number: 11, mfa: [.officeCall], reset: [.officeCall, .emailCode], gates: 1, person: Cast.dora, plan: "O", alternatives: [""]),
        Row(number: 12, mfa: [.appCode], reset: [.appCode, .emailCode], gates: 2, held: "P", plan: "T E", alternatives: ["", ""]),
        Row(
            number: 13, mfa: [.appCode, .text], reset: [.appCode, .text, .emailCode], gates: 2, person: Cast.ben,
            plan: "T", alternatives: ["P"]),
        Row(
            number: 14, mfa: [.text], reset: [.appCode, .emailCode, .securityQuestions], gates: 2,
            plan: "P T E", alternatives: ["", "Q", "Q"]),
        Row(number: 15, mfa: [.appNotification], reset: [.appNotification, .emailCode], gates: 1, plan: "N E", alternatives: ["", ""]),
    ]

    private func outcome(_ scene: Scene, mfa: Bool = true, reset: Bool = true, chosen: [MethodKind] = []) -> PlanOutcome {
        Planner(scene.standing).plan(scene.standing.requirements(mfaWanted: mfa, resetWanted: reset), chosen: chosen)
    }

    @Test(arguments: rows) func `the plan and its alternatives are those of the table`(_ row: Row) {
        let scene = Scene(row.person, held(row.held), policy(mfa: row.mfa, reset: row.reset, gates: row.gates))
        let found = outcome(scene)
        #expect(spelled(found.plan.items) == row.plan)
        #expect(found.plan.alternatives.map(spelled) == row.alternatives)
        #expect(found.mfaImpossible == row.mfaImpossible)
        #expect(found.resetImpossible == row.resetImpossible)
        if row.number != 3 { #expect(found.plan.saferButLonger == []) }
    }

    private func scene(_ number: Int, _ change: (inout Scene) -> Void = { _ in }) -> Scene {
        let row = Self.rows[number - 1]
        return Scene(row.person, held(row.held), policy(mfa: row.mfa, reset: row.reset, gates: row.gates), changed: change)
    }

    @Test func `row 1: with an email instead of the app, the phone comes first`() {
        #expect(spelled(outcome(scene(1), chosen: [.email, .mobilePhone]).plan.items) == "P E")
        #expect(spelled(outcome(scene(1), chosen: [.totpApp, .email]).plan.items) == "T E")
    }

    @Test func `row 3: a passkey is safer and one step more, never proposed`() {
        let found = outcome(scene(3))
        #expect(spelled(found.plan.saferButLonger) == "K")
        #expect(spelled(outcome(scene(3), chosen: [.passkey, .totpApp]).plan.items) == "K T")
    }

    @Test func `row 3: a phone chosen after the passkey is the whole plan again`() {
        #expect(spelled(outcome(scene(3), chosen: [.mobilePhone, .totpApp]).plan.items) == "P")
    }

    @Test func `row 3: with the passkey registered only the app is left`() {
        let later = scene(3) { $0.credentials = held("K") }
        #expect(spelled(outcome(later, chosen: [.passkey, .totpApp]).plan.items) == "T")
    }

    @Test func `row 4: without a choice there is nothing to choose`() {
        #expect(!outcome(scene(4)).plan.hasChoice)
        #expect(outcome(scene(1)).plan.hasChoice)
        #expect(outcome(scene(3)).plan.hasChoice)
    }

    @Test func `row 10: the phone is asked by call, since texts are not allowed`() {
        let phone = credential(.mobilePhone)
        let later = scene(10) { $0.credentials = [phone] }
        let offered = later.standing.offered(for: .signIn, reach: .open, now: noon)
        #expect(DefaultMethod.effective(offered: offered, credentials: [phone], preference: []) == phone.use(.call))
        #expect(outcome(later).plan.items.isEmpty)
    }

    @Test func `row 11: the office number of the directory is confirmed, without one there is no plan for sign-in`() {
        let entry = credential(.officePhone) {
            $0.state = .unconfirmed
            $0.source = .directory
        }
        let known = outcome(scene(11) { $0.credentials = [entry] })
        #expect(known.plan.items == [PlanItem(.officePhone, confirms: entry.id)])
        #expect(known.plan.alternatives == [[]])
        let without = outcome(scene(11) { $0.person.hasDirectoryOfficePhone = false })
        #expect(without.mfaImpossible)
        #expect(!without.plan.items.contains { $0.method == .officePhone })
    }

    @Test func `row 12: the phone by text is the bridge`() {
        let bridge = scene(12) { $0.removed = [.text: noon - .days(1)] }
        let phone = bridge.credentials[0]
        #expect(bridge.standing.bridgeUses(now: noon).contains(phone.use(.text)))
        guard case .bridge(let uses, .none) = SignInDecision.next(Flow.password(bridge), bridge.facts).page else {
            Issue.record("not a bridge")
            return
        }
        #expect(uses.contains(phone.use(.text)))
    }

    @Test func `row 13: a guest in a reset policy that names guests registers for it`() {
        let named = scene(13) { $0.document.reset[0].includeGuests = true }
        #expect(spelled(outcome(named).plan.items) == "T P")
    }

    @Test func `row 14: whatever is chosen, the phone stays first`() {
        #expect(spelled(outcome(scene(14), chosen: [.securityQuestions, .mobilePhone, .email]).plan.items) == "P E Q")
        #expect(spelled(outcome(scene(14), chosen: [.securityQuestions, .mobilePhone, .totpApp]).plan.items) == "P T Q")
    }

    // The sentences below the table.

    @Test func `reset registration only: an app and a phone, an email in place of either`() {
        let document = policy(required: false, reset: [.appCode, .text, .emailCode], gates: 2, registerMFA: false)
        let found = outcome(Scene(Cast.ada, [], document), mfa: false)
        #expect(spelled(found.plan.items) == "T P")
        #expect(found.plan.alternatives.map(spelled) == ["E", "E"])
    }

    @Test func `MFA registration only: an app or a phone`() {
        let found = outcome(Scene(Cast.ada, [], policy(mfa: [.appCode, .text], reset: [.emailCode])), reset: false)
        #expect(spelled(found.plan.items) == "T")
        #expect(found.plan.alternatives.map(spelled) == ["P"])
    }

    @Test func `questions alone with one gate are no plan`() {
        let found = outcome(Scene(Cast.ada, [], policy(required: false, reset: [.securityQuestions], gates: 1)), mfa: false)
        #expect(found.plan.items.isEmpty && found.resetImpossible)
    }

    @Test func `questions alone with two gates are no plan either`() {
        let found = outcome(Scene(Cast.ada, [], policy(required: false, reset: [.securityQuestions], gates: 2)), mfa: false)
        #expect(found.plan.items.isEmpty && found.resetImpossible)
    }

    @Test func `an address in the directory is one short step of the plan`() {
        let entry = credential(.email) {
            $0.state = .unconfirmed
            $0.source = .directory
        }
        let all: Set<Capability> = [.appNotification, .appCode, .text, .emailCode]
        let found = outcome(Scene(Cast.ada, held("N") + [entry], policy(mfa: all, reset: all, gates: 2)))
        #expect(found.plan.items == [PlanItem(.email, confirms: entry.id)])
    }

    @Test func `a phone entered by an administrator is one of two, never both`() {
        let phone = credential(.mobilePhone) {
            $0.source = .administrator
            $0.verifiedBy = nil
        }
        let all: Set<Capability> = [.appCode, .text, .emailCode]
        let found = outcome(Scene(Cast.ada, [phone], policy(mfa: all, reset: all, gates: 2)))
        #expect(spelled(found.plan.items) == "T")
        #expect(found.plan.alternatives.map(spelled) == ["E"])
    }

    // What the table implies and the code once missed.

    @Test func `what counts already is never asked for again, even when it was chosen a moment ago`() {
        let now = scene(1) { $0.credentials = held("P") }
        #expect(spelled(outcome(now, chosen: [.email, .mobilePhone]).plan.items) == "E")
    }

    @Test func `a directory address of the organisation leaves room for a private one`() {
        let own = credential(.email) {
            $0.state = .unconfirmed
            $0.source = .directory
            $0.inOwnMailDomain = true
        }
        var document = policy(mfa: [.appCode], reset: [.emailCode])
        let found = outcome(Scene(Cast.ada, held("T") + [own], document))
        #expect(found.plan.items == [PlanItem(.email)])
        document.reset[0].ownMailDomainsCount = true
        #expect(outcome(Scene(Cast.ada, held("T") + [own], document)).plan.items == [PlanItem(.email, confirms: own.id)])
    }

    @Test func `a landline in the directory is not planned for texts`() {
        let landline = credential(.mobilePhone) {
            $0.state = .unconfirmed
            $0.source = .directory
            $0.capabilities = [.call]
        }
        #expect(outcome(Scene(Cast.ada, [landline], policy(mfa: [.text]))).plan.items == [PlanItem(.mobilePhone)])
        let call = outcome(Scene(Cast.ada, [landline], policy(mfa: [.call])))
        #expect(call.plan.items == [PlanItem(.mobilePhone, confirms: landline.id)])
    }

    @Test func `a phone and an office phone with one number are one gate`() {
        let phone = credential(.mobilePhone), office = credential(.officePhone) { $0.channel = "channel of mobilePhone" }
        let document = policy(mfa: [.text], reset: [.text, .officeCall, .emailCode], gates: 2)
        #expect(Scene(Cast.ada, [phone, office], document).standing.missingGates == 1)
        #expect(spelled(outcome(Scene(Cast.ada, [phone, office], document)).plan.items) == "E")
        #expect(Scene(Cast.ada, [phone, credential(.officePhone)], document).standing.missingGates == 0)
    }

    @Test func `two apps are one gate`() {
        let apps = [credential(.totpApp, "first app"), credential(.totpApp, "second app")]
        let document = policy(mfa: [.appCode], reset: [.appCode, .emailCode], gates: 2)
        #expect(Scene(Cast.ada, apps, document).standing.missingGates == 1)
    }

    @Test func `push and code of one app, text and call of one phone, are one gate`() {
        for letter in ["N", "P"] {
            let standing = Scene(Cast.ada, held(letter), policy(mfa: everything, reset: everything, gates: 2)).standing
            #expect(standing.missingGates == 1)
        }
    }
}
