import Testing

@testable import ConvergeCore

/// A reset of one person under one rule, driven by events.
private final class Drive {
    var person = Person(id: PersonID("ada"))
    var credentials: [Credential]
    var document: PolicyDocument
    var reach = Reachability.open
    var now = Drive.start
    var state: ResetState

    static let start = Moment(ms: 1_700_000_000_000)

    init(gates: Int, allow: Set<Capability>, unlock: Bool = false, guest: Bool = false, _ credentials: [Credential]) {
        document = PolicyDocument(
            mfa: [], reset: [ResetRule(name: "r", gates: gates, allow: allow, unlockWithoutReset: unlock)], registration: [])
        if guest { person.kind = .guest }
        self.credentials = credentials
        state = ResetState(name: "ada", person: person.id, epoch: 0, startedAt: Self.start)
    }

    var standing: Standing { Standing(person: person, credentials: credentials, policy: document.resolve(for: person)) }
    var facts: ResetFacts {
        ResetFacts(standing: state.person == nil ? nil : standing, document: document, reach: reach, now: now)
    }
    var page: ResetPage { ResetMachine.page(state, facts) }

    @discardableResult
    func take(_ event: ResetEvent) -> Bool {
        guard let next = ResetMachine.step(state, event, facts) else { return false }
        state = next
        return true
    }

    /// Passes the first gate by a kind, as the conversation does after a right code.
    @discardableResult
    func passFirst(_ kind: Capability) -> Bool {
        guard take(.choose(kind)), let use = ResetMachine.firstGateUses(kind, state, facts).first else { return false }
        let challenge = ChallengeState(use: use, purpose: .reset, startedAt: now)
        take(.challenged(challenge, typed: "typed", region: nil, until: now + .minutes(5)))
        return take(.proved(use))
    }

    func passNext(_ use: CredentialUse) -> Bool {
        take(.chooseUse(ChallengeState(use: use, purpose: .reset, startedAt: now), until: nil)) && take(.proved(use))
    }
}

private func credential(
    _ id: String, _ method: MethodKind, _ capabilities: Set<Capability>, channel: String? = nil, state: CredentialState = .active,
    source: CredentialSource = .person, ageHours: Int = 2400, firstWizard: Bool = false
) -> Credential {
    Credential(
        id: CredentialID(id), method: method, state: state, source: source, capabilities: capabilities,
        verifiedBy: state == .active ? capabilities.min() : nil, channel: channel ?? id, addedAt: Drive.start - .hours(ageHours),
        fromFirstWizard: firstWizard)
}

private let phone = credential("phone", .mobilePhone, [.text, .call])
private let mail = credential("mail", .email, [.emailCode])
private let app = credential("app", .totpApp, [.appCode])

@Suite("Gates of a password reset")
struct ResetMachineTests {
    @Test("one gate: the number typed in full and its code lead to the new password")
    func oneGate() {
        let drive = Drive(gates: 1, allow: [.appCode, .text], [phone])
        #expect(drive.page == .chooseKind([.appCode, .text]))
        #expect(drive.passFirst(.text))
        #expect(drive.page == .newPassword)
        #expect(drive.take(.passwordSet))
        #expect(drive.page == .done(.forgotten))
        let taken = drive.take(.passwordSet)
        #expect(!taken, "a second time finds nothing to do")
    }

    @Test("two gates: after a text, push and code of the app are offered, but not a call to the same phone")
    func twoGates() {
        let both = credential("n", .convergeApp, [.appNotification, .appCode])
        let drive = Drive(gates: 2, allow: [.appNotification, .appCode, .text, .call, .emailCode], [both, phone])
        #expect(drive.page == .chooseKind([.appCode, .text, .call, .emailCode]), "push is no first gate, and nothing of the person shows")
        #expect(drive.passFirst(.text))
        #expect(drive.page == .chooseUse([both.use(.appNotification), both.use(.appCode)]))
        let same = drive.passNext(phone.use(.call))
        #expect(!same)
        #expect(drive.passNext(both.use(.appCode)))
        #expect(drive.page == .newPassword)
    }

    @Test("two authenticator apps are one gate: that is not enough")
    func twoApps() {
        let drive = Drive(gates: 2, allow: [.appCode, .text], [app, credential("app2", .totpApp, [.appCode])])
        #expect(drive.passFirst(.appCode))
        #expect(drive.page == .notEnough)
    }

    @Test("two phones with one number are one channel")
    func sameChannel() {
        let mobile = credential("m", .mobilePhone, [.text], channel: "tel")
        let office = credential("o", .officePhone, [.officeCall], channel: "tel")
        let drive = Drive(gates: 2, allow: [.text, .officeCall], [mobile, office])
        #expect(drive.passFirst(.text))
        #expect(drive.page == .notEnough)
        drive.credentials[1] = credential("o", .officePhone, [.officeCall], channel: "desk")
        #expect(drive.page == .chooseUse([drive.credentials[1].use(.officeCall)]))
    }

    @Test("push alone never is the only gate")
    func pushOnly() {
        let drive = Drive(gates: 1, allow: [.appNotification], [credential("n", .convergeApp, [.appNotification, .appCode])])
        #expect(drive.page == .chooseKind([]))
        let passed = drive.passFirst(.appCode)
        #expect(!passed)
    }

    @Test("questions come second, and mail alone is offered first")
    func questions() {
        let questions = credential("q", .securityQuestions, [.securityQuestions])
        let drive = Drive(gates: 2, allow: [.emailCode, .securityQuestions], [mail, questions])
        #expect(drive.page == .chooseKind([.emailCode]))
        #expect(drive.passFirst(.emailCode))
        #expect(drive.page == .chooseUse([questions.use(.securityQuestions)]))
    }

    @Test("an administrator passes two gates, never questions, whatever the rule for everyone says")
    func administrator() {
        let questions = credential("q", .securityQuestions, [.securityQuestions])
        let drive = Drive(gates: 1, allow: [.emailCode, .text, .securityQuestions], [mail, questions])
        drive.person.roles = [.helpdesk]
        #expect(drive.passFirst(.emailCode))
        #expect(drive.page == .notEnough)
        drive.credentials.append(phone)
        #expect(drive.page == .chooseUse([phone.use(.text)]))
    }

    @Test("unknown, disabled and guest: the same pages, and no use of theirs is ever a gate", arguments: ["unknown", "disabled", "guest"])
    func nobody(kind: String) {
        let drive = Drive(gates: 1, allow: [.text], guest: kind == "guest", [phone])
        let known = Drive(gates: 1, allow: [.text], [phone])
        if kind == "unknown" { drive.state = ResetState(name: "ada", person: nil, epoch: nil, startedAt: Drive.start) }
        if kind == "disabled" { drive.person.state = .disabled }
        #expect(drive.page == known.page)
        drive.take(.choose(.text))
        known.take(.choose(.text))
        #expect(drive.page == known.page)
        #expect(ResetMachine.firstGateUses(.text, drive.state, drive.facts).isEmpty)
        #expect(ResetMachine.firstGateUses(.text, known.state, known.facts) == [phone.use(.text)])
        for challenge in [nil, ChallengeState(use: phone.use(.text), purpose: .reset, startedAt: Drive.start)] {
            drive.take(.challenged(challenge, typed: "x", region: nil, until: nil))
            #expect(drive.page == .code(.text))
            let proved = drive.take(.proved(phone.use(.text)))
            #expect(!proved)
        }
    }

    @Test("a number that only the directory knows may be a gate")
    func directoryNumber() {
        let drive = Drive(
            gates: 1, allow: [.text], [credential("d", .mobilePhone, [.text], state: .unconfirmed, source: .directory)])
        #expect(drive.passFirst(.text))
        #expect(drive.page == .newPassword)
    }

    @Test("a young credential is no gate until it has its age, unless it came with the first wizard")
    func minimumAge() {
        let young = credential("y", .email, [.emailCode], ageHours: 2)
        let drive = Drive(gates: 2, allow: [.text, .emailCode], [phone, young])
        #expect(drive.passFirst(.text))
        #expect(drive.page == .notEnough)
        let told = Gates.tooYoung(standing: drive.standing, passed: drive.state.passed, now: drive.now)
        #expect(told.map(\.from) == [Drive.start + .hours(22)])
        drive.credentials[1] = credential("y", .email, [.emailCode], ageHours: 2, firstWizard: true)
        #expect(drive.page == .chooseUse([young.use(.emailCode)]))
        drive.credentials[1] = credential("y", .email, [.emailCode], ageHours: 24)
        #expect(drive.page == .chooseUse([young.use(.emailCode)]))
    }

    @Test("the same group as a passed gate is no reason to wait for a young credential")
    func youngOfSameGroup() {
        let other = credential("app2", .totpApp, [.appCode], ageHours: 1)
        let drive = Drive(gates: 2, allow: [.appCode, .text], [app, other])
        #expect(drive.passFirst(.appCode))
        #expect(Gates.tooYoung(standing: drive.standing, passed: drive.state.passed, now: drive.now).isEmpty)
    }
}

@Suite("The course of a password reset")
struct ResetCourseTests {
    @Test("the reason is asked where every rule lets people unlock, and the gates are the same")
    func unlock() {
        let drive = Drive(gates: 1, allow: [.text], unlock: true, [phone])
        #expect(drive.page == .reason)
        #expect(drive.take(.because(.locked)))
        #expect(drive.passFirst(.text))
        #expect(drive.page == .unlock)
        let set = drive.take(.passwordSet)
        #expect(!set)
        #expect(drive.take(.unlocked))
        #expect(drive.page == .done(.locked))
    }

    @Test("at the end of an unlock one may choose a new password after all, but not the other way round")
    func unlockAfterAll() {
        let drive = Drive(gates: 1, allow: [.text], unlock: true, [phone])
        drive.take(.because(.locked))
        drive.passFirst(.text)
        #expect(drive.take(.because(.forgotten)))
        #expect(drive.page == .newPassword)
        let back = drive.take(.because(.locked))
        #expect(!back)
    }

    @Test("unlocking before the gates does nothing")
    func unlockTooEarly() {
        let drive = Drive(gates: 1, allow: [.text], unlock: true, [phone])
        for event in [ResetEvent.unlocked, .passwordSet, .proved(phone.use(.text)), .choose(.text)] {
            let taken = drive.take(event)
            #expect(!taken)
        }
        #expect(drive.page == .reason)
    }

    @Test("fifteen minutes, and not a millisecond more")
    func expiry() {
        let drive = Drive(gates: 1, allow: [.text], [phone])
        drive.passFirst(.text)
        drive.now = Drive.start + .minutes(15) - Span(ms: 1)
        #expect(drive.page == .newPassword)
        drive.now = Drive.start + .minutes(15)
        #expect(drive.page == .expired)
        let set = drive.take(.passwordSet)
        #expect(!set)
    }

    @Test("a risen epoch ends a reset after its first proof, and is not to be seen before it")
    func epoch() {
        let late = Drive(gates: 1, allow: [.text], [phone])
        late.passFirst(.text)
        late.person.sessionEpoch = 1
        #expect(late.page == .expired)
        let early = Drive(gates: 1, allow: [.text], [phone])
        early.take(.choose(.text))
        early.person.sessionEpoch = 1
        #expect(early.page == .contact(.text), "nobody learns from the page that somebody reset a password meanwhile")
        #expect(ResetMachine.firstGateUses(.text, early.state, early.facts).isEmpty)
        early.take(.challenged(nil, typed: "x", region: nil, until: nil))
        let proved = early.take(.proved(phone.use(.text)))
        #expect(!proved)
    }

    @Test("policy changes between challenge and answer count at once")
    func policyBetween() {
        let drive = Drive(gates: 2, allow: [.text, .emailCode, .appCode], [phone, mail, app])
        drive.passFirst(.text)
        drive.take(.chooseUse(ChallengeState(use: mail.use(.emailCode), purpose: .reset, startedAt: drive.now), until: nil))
        #expect(drive.page == .code(.emailCode))
        drive.document.reset[0].allow = [.text, .appCode]
        #expect(drive.page == .chooseUse([app.use(.appCode)]))
        let proved = drive.take(.proved(mail.use(.emailCode)))
        #expect(!proved)
    }

    @Test("a gateway that is down never reads as not enough")
    func unreachable() {
        let drive = Drive(gates: 2, allow: [.text, .emailCode], [phone, mail])
        drive.passFirst(.text)
        drive.reach = Reachability(gaps: [mail.use(.emailCode): .init(.gateway)])
        #expect(drive.page == .unreachable([mail.use(.emailCode)]))
    }

    @Test("tries do not refill after a passed gate, and none left ends the reset")
    func tries() {
        let drive = Drive(gates: 2, allow: [.text, .emailCode, .appCode], [phone, mail, app])
        drive.take(.choose(.text))
        drive.state.triesLeft = 1
        drive.take(.back)
        drive.passFirst(.text)
        #expect(drive.state.triesLeft == CodeState.triesMax)
        drive.take(.chooseUse(ChallengeState(use: mail.use(.emailCode), purpose: .reset, startedAt: drive.now), until: nil))
        drive.state.triesLeft = 2
        drive.take(.back)
        drive.take(.chooseUse(ChallengeState(use: app.use(.appCode), purpose: .reset, startedAt: drive.now), until: nil))
        #expect(drive.state.triesLeft == 2)
        drive.state.triesLeft = 0
        #expect(drive.page == .outOfTries)
        let proved = drive.take(.proved(app.use(.appCode)))
        #expect(!proved)
    }

    @Test("changing the number keeps what was typed and the tries that are left")
    func changeContact() {
        let drive = Drive(gates: 1, allow: [.text], [phone])
        drive.take(.choose(.text))
        drive.take(.challenged(nil, typed: "07700 900184", region: "GB", until: drive.now + .minutes(5)))
        drive.state.triesLeft = 3
        #expect(drive.take(.changeContact))
        #expect(drive.page == .contact(.text))
        #expect(drive.state.typedContact == "07700 900184" && drive.state.triesLeft == 3 && drive.state.sends == 0)
        drive.take(.back)
        #expect(drive.page == .chooseKind([.text]) && drive.state.typedContact == nil)
    }

    @Test("a proof of somebody else's credential passes nothing")
    func foreignProof() {
        let drive = Drive(gates: 1, allow: [.text], [phone])
        drive.take(.choose(.text))
        drive.take(.challenged(nil, typed: "x", region: nil, until: nil))
        let proved = drive.take(.proved(CredentialUse(credential: CredentialID("other"), capability: .text)))
        #expect(!proved)
    }

    @Test("the pages before the first proof speak of the most proofs that any rule wants")
    func countBeforeProof() {
        var document = Drive(gates: 1, allow: [.text], []).document
        #expect(Gates.countBeforeProof(document) == 1)
        document.reset.append(ResetRule(name: "x", scope: PolicyScope(.selected, groups: [GroupID("g")]), gates: 2, allow: [.text]))
        #expect(Gates.countBeforeProof(document) == 2)
        document.reset[1].scope.extent = .none
        #expect(Gates.countBeforeProof(document) == 1)
    }
}
