import ConvergeCore
import Testing

@Suite("After a correct first factor")
struct SignInTableTests {
    private let both = policy(mfa: [.appCode, .text], reset: [.appCode, .text, .emailCode], gates: 2)
    private let onlyMFA = policy(mfa: [.appCode, .text])
    private let app = credential(.totpApp), phone = credential(.mobilePhone), mailbox = credential(.email)
    private let codes = credential(.recoveryCodes), pass = credential(.temporaryAccessPass)

    private func page(_ scene: Scene, _ state: SignInState? = nil) -> SignInPage {
        SignInDecision.next(state ?? Flow.password(scene), scene.facts).page
    }

    private func step(_ scene: Scene, _ event: SignInEvent, sourceLocation: SourceLocation = #_sourceLocation) -> SignInState {
        step(scene, Flow.password(scene), event, sourceLocation: sourceLocation)
    }

    private func step(
        _ scene: Scene, _ state: SignInState, _ event: SignInEvent, sourceLocation: SourceLocation = #_sourceLocation
    ) -> SignInState {
        let result = SignInMachine.step(state, event, scene.facts)
        #expect(result.accepted, sourceLocation: sourceLocation)
        return result.state
    }

    /// What the server does when a method was registered: one step with the facts before, then the write, then the proof.
    private func enrol(
        _ kind: MethodKind, _ scene: inout Scene, _ state: SignInState, sourceLocation: SourceLocation = #_sourceLocation
    ) -> SignInState {
        let made = credential(kind)
        var after = step(scene, state, .enrolled(made.id), sourceLocation: sourceLocation)
        scene.credentials.append(made)
        scene.person.securityVersion += 1
        if made.traits.canProve { scene.person.firstHeldAt = scene.person.firstHeldAt ?? scene.now }
        if made.traits.canSignIn { scene.person.mfaFirstHeldAt = scene.person.mfaFirstHeldAt ?? scene.now }
        if let verified = made.verifiedBy, scene.standing.counts(made, verified, for: .signIn) {
            after = SignInMachine.proveByEnrolment(after, made.use(verified), at: scene.now)
        }
        return after
    }

    private func isPlan(_ page: SignInPage, _ letters: String, _ postpone: Postponement) -> Bool {
        if case .moreInformation(let plan, postpone) = page { return spelled(plan.items) == letters }
        return false
    }

    private func grant(_ page: SignInPage) -> SessionGrant? {
        if case .done(let grant) = page { return grant }
        return nil
    }

    // Row 1

    @Test func `row 1: blocked is named before anything else, and nothing is sent`() {
        for held in [[], [app]] {
            let scene = Scene(Cast.ada, held, both) { $0.person.state = .blocked }
            for state in [Flow.password(scene), Flow.pass(scene), Flow.passkey(scene)] { #expect(page(scene, state) == .blocked) }
        }
    }

    @Test func `row 1: a person who was disabled, or whose sessions were ended, is out in the middle of it`() {
        var scene = Scene(Cast.ada, [app], both)
        let state = Flow.password(scene)
        scene.person.sessionEpoch += 1
        #expect(page(scene, state) == .outdated)
        scene.person.sessionEpoch -= 1
        scene.person.state = .disabled
        #expect(page(scene, state) == .outdated)
    }

    // Row 2

    @Test func `row 2: a pass is a proof, the session ends with it, and it never sets a password`() {
        var scene = Scene(Cast.ada, [app], onlyMFA) { $0.person.passwordMustChange = true }
        let end = grant(page(scene, Flow.pass(scene)))
        #expect(end?.amr == ["otp"])
        #expect(end?.hasMFA == true)
        #expect(end?.endsAt == noon + .hours(1))
        scene.credentials = []
        #expect(isPlan(page(scene, Flow.pass(scene)), "T", .none), "10 still applies")
    }

    @Test func `row 2: the same where the pass was given behind the password`() {
        let pass = credential(.temporaryAccessPass) { $0.validUntil = noon + .hours(2) }
        let scene = Scene(Cast.ada, [app, pass], onlyMFA) { $0.person.passwordMustChange = true }
        let end = grant(page(scene, step(scene, .proved(pass.use(.temporaryAccessPass)))))
        #expect(end?.amr == ["pwd", "otp", "mfa"])
        #expect(end?.endsAt == noon + .hours(2))
    }

    // Row 3

    @Test func `row 3: a passkey with user verification skips the proof and the password`() {
        let scene = Scene(Cast.ada, [credential(.passkey)], policy(mfa: [.passkey])) { $0.person.passwordMustChange = true }
        #expect(grant(page(scene, Flow.passkey(scene)))?.hasMFA == true)
    }

    // Row 4 and the first footnote

    @Test func `row 4: MFA not due goes on`() {
        let off = policy(mfa: [.appCode], required: false, registerMFA: false, registerReset: false)
        for held in [[], [app], [mailbox]] {
            let end = grant(page(Scene(Cast.ada, held, off)))
            #expect(end?.amr == ["pwd"] && end?.hasMFA == false)
        }
    }

    @Test func `row 4: a proof in this sign-in is enough while it counts`() {
        var scene = Scene(Cast.ada, [app, phone], onlyMFA)
        let state = step(scene, .proved(app.use(.appCode)))
        #expect(grant(page(scene, state))?.amr == ["pwd", "otp", "mfa"])
        scene.document.mfa[0].allow = [.text]
        #expect(page(scene, state) == .challenge(uses: [phone.use(.text)], first: phone.use(.text), postpone: .none))
    }

    @Test func `demanded: the person's own switch, an administrator, the policy, the application`() {
        let off = policy(mfa: [.appCode], required: false, registerMFA: false, registerReset: false)
        func demanded(_ scene: Scene) -> Bool {
            if case .challenge(_, _, .none) = page(scene) { true } else { false }
        }
        #expect(!demanded(Scene(Cast.ada, [app], off)))
        #expect(demanded(Scene(Cast.ada, [app], off) { $0.person.mfaState = .enabled }))
        #expect(demanded(Scene(Cast.ada, [app], off) { $0.person.mfaState = .enforced }))
        #expect(demanded(Scene(Cast.cleo, [app], off)))
        #expect(demanded(Scene(Cast.ada, [app], onlyMFA)))
        #expect(demanded(Scene(Cast.ada, [app], off) { $0.request.applicationDemandsMFA = true }))
    }

    @Test func `exempt: a trusted network or a remembered browser; never administrators, never against the application`() {
        var exempting = onlyMFA
        exempting.mfa[0].exemptTrustedNetworks = true
        for trusted in [true, false] {
            let request = RequestFacts(inTrustedNetwork: trusted, rememberedBrowser: !trusted)
            #expect(grant(page(Scene(Cast.ada, [app], exempting) { $0.request = request }))?.hasMFA == false)
            #expect(
                grant(
                    page(
                        Scene(Cast.ada, [app], exempting) {
                            $0.request = request; $0.person.mfaState = .enforced
                        })) != nil)
            #expect(grant(page(Scene(Cast.cleo, [app], exempting) { $0.request = request })) == nil)
            var asking = request
            asking.applicationDemandsMFA = true
            #expect(grant(page(Scene(Cast.ada, [app], exempting) { $0.request = asking })) == nil)
        }
        #expect(grant(page(Scene(Cast.ada, [app], onlyMFA) { $0.request.inTrustedNetwork = true })) == nil, "the network is not exempt")
    }

    @Test func `a trusted network exempts nobody where no rule says so`() {
        let off = policy(mfa: [.appCode], required: false, registerMFA: false, registerReset: false)
        let scene = Scene(Cast.ada, [app], off) {
            $0.person.mfaState = .enforced
            $0.request.inTrustedNetwork = true
        }
        #expect(page(scene) == .challenge(uses: [app.use(.appCode)], first: app.use(.appCode), postpone: .none))
    }

    @Test func `MFA due: an interrupt asks for a proof of whoever has held anything, with "Not now"`() {
        let review = policy(mfa: [.appCode], required: false, reset: [.appCode]) { $0.reset[0].reconfirmDays = 30 }
        let scene = Scene(Cast.ada, [app], review)
        #expect(page(scene) == .challenge(uses: [app.use(.appCode)], first: app.use(.appCode), postpone: .notNow(until: nil)))
        #expect(page(scene, step(scene, .proved(app.use(.appCode)))) == .review)
        #expect(grant(page(scene, step(scene, .postpone)))?.hasMFA == false)
    }

    @Test func `grace: holds back only whoever never had a second step, and an email does not end it`() {
        var document = onlyMFA
        document.mfa[0].graceDays = 14
        #expect(isPlan(page(Scene(Cast.ada, [], document)), "T", .notNow(until: nil)), "its clock has not begun")
        let running = Scene(Cast.ada, [], document) { $0.person.graceStart = noon - .days(13) }
        #expect(isPlan(page(running), "T", .notNow(until: noon + .days(1))))
        let last = Scene(Cast.ada, [], document) { $0.person.graceStart = noon - .days(14) + Span(ms: 1) }
        #expect(isPlan(page(last), "T", .notNow(until: noon + Span(ms: 1))))
        let over = Scene(Cast.ada, [], document) { $0.person.graceStart = noon - .days(14) }
        #expect(isPlan(page(over), "T", .none))
        let hadMFA = Scene(Cast.ada, [app], document) { $0.person.graceStart = noon - .days(1) }
        #expect(page(hadMFA) == .challenge(uses: [app.use(.appCode)], first: app.use(.appCode), postpone: .none))
        let hasMail = Scene(Cast.ada, [mailbox], document) { $0.person.graceStart = noon - .days(13) }
        #expect(page(hasMail) == .bridge(uses: [mailbox.use(.emailCode)], postpone: .notNow(until: noon + .days(1))))
    }

    @Test func `grace: whoever had a second step that is no longer allowed has none`() {
        var document = policy(mfa: [.appCode])
        document.mfa[0].graceDays = 14
        let scene = Scene(Cast.ada, [phone], document) { $0.person.graceStart = noon }
        guard case .bridge(_, .none) = page(scene) else { Issue.record("password only"); return }
    }

    @Test func `grace: no days are no grace, and a day that is over is not shown`() {
        var document = onlyMFA
        document.mfa[0].graceDays = 0
        #expect(isPlan(page(Scene(Cast.ada, [], document)), "T", .none))
        document.mfa[0].graceDays = 14
        let exempt = Scene(Cast.ada, [], document) {
            $0.person.graceStart = noon - .days(30)
            $0.request.rememberedBrowser = true
        }
        #expect(isPlan(page(exempt), "T", .notNow(until: nil)))
    }

    @Test func `grace: its clock starts once, with the first sign-in, for whoever needs it`() {
        var document = onlyMFA
        func effects(_ scene: Scene) -> [SignInEffect] { SignInMachine.begin(Flow.password(scene), scene.facts).effects }
        #expect(effects(Scene(Cast.ada, [], document)) == [])
        document.mfa[0].graceDays = 14
        #expect(effects(Scene(Cast.ada, [], document)) == [.startGrace])
        #expect(effects(Scene(Cast.ada, [], document) { $0.person.graceStart = noon }) == [])
        #expect(effects(Scene(Cast.ada, [app], document)) == [])
    }

    // Row 5

    @Test func `row 5: a challenge, the effective default first, recovery code and pass behind another way`() {
        let scene = Scene(Cast.ada, [phone, mailbox, codes, pass, app], onlyMFA)
        #expect(
            page(scene)
                == .challenge(
                    uses: [phone.use(.text), codes.use(.recoveryCode), pass.use(.temporaryAccessPass), app.use(.appCode)],
                    first: app.use(.appCode), postpone: .none))
        for use in [phone.use(.text), app.use(.appCode), codes.use(.recoveryCode), pass.use(.temporaryAccessPass)] {
            #expect(grant(page(scene, step(scene, .proved(use))))?.hasMFA == true)
        }
        for use in [phone.use(.call), mailbox.use(.emailCode)] {
            #expect(!SignInMachine.step(Flow.password(scene), .proved(use), scene.facts).accepted)
        }
    }

    @Test func `row 5: what was chosen goes first, while it can be reached`() {
        var scene = Scene(Cast.ada, [phone, app], onlyMFA) { $0.person.preference = [$0.credentials[0].use(.text)] }
        #expect(page(scene) == .challenge(uses: [phone.use(.text), app.use(.appCode)], first: phone.use(.text), postpone: .none))
        scene.cutOff([.text])
        #expect(page(scene) == .challenge(uses: [app.use(.appCode)], first: app.use(.appCode), postpone: .none))
    }

    // Row 6

    @Test func `row 6: counts but cannot be reached is its own page, never the wizard`() {
        var scene = Scene(Cast.ada, [app, mailbox], both)
        scene.cutOff([.appCode])
        #expect(page(scene) == .unreachable)
        scene.credentials.append(codes)
        #expect(page(scene) == .unreachable)
        #expect(SignInMachine.step(Flow.password(scene), .proved(codes.use(.recoveryCode)), scene.facts).accepted)
        #expect(!SignInMachine.step(Flow.password(scene), .proved(mailbox.use(.emailCode)), scene.facts).accepted)
    }

    @Test func `row 6: where only an interrupt asked, it is left out this time`() {
        var scene = Scene(Cast.ada, [app], policy(mfa: [.appCode], required: false, reset: [.appCode, .emailCode], gates: 2))
        scene.cutOff([.appCode])
        let decision = SignInDecision.next(Flow.password(scene), scene.facts)
        #expect(grant(decision.page)?.hasMFA == false)
        #expect(decision.notes == [.interruptsLeftOut])
        #expect(decision.state.leftOut)
    }

    // Row 7

    @Test func `row 7: demanded without a plan is a named dead end`() {
        for held in [[], [phone]] {
            let decision = SignInDecision.next(Flow.password(Scene(Cast.ada, held, policy())), Scene(Cast.ada, held, policy()).facts)
            #expect(decision.page == .deadEnd(.policyUnsatisfiable))
            #expect(decision.notes == [.policyUnsatisfiable])
        }
        let noOffice = Scene(Cast.ada, [], policy(mfa: [.officeCall]))
        #expect(page(noOffice) == .deadEnd(.policyUnsatisfiable))
        let exempt = Scene(Cast.ada, [], policy()) { $0.request.rememberedBrowser = true }
        #expect(grant(page(exempt)) != nil)
    }

    @Test func `row 7a: something held proves once, for a replacement and for nothing else`() {
        var scene = Scene(Cast.ada, [phone], policy(mfa: [.appCode]))
        let crossed = step(scene, .proved(phone.use(.text)))
        #expect(isPlan(page(scene, crossed), "T", .none))
        #expect(grant(page(scene, step(scene, crossed, .cancel))) == nil)
        let started = step(scene, crossed, .startWizard)
        let finished = enrol(.totpApp, &scene, started)
        #expect(page(scene, finished) == .recoveryCodes)
        let end = grant(page(scene, step(scene, step(scene, finished, .codesKept), .finishWizard)))
        #expect(end?.amr == ["pwd", "sms", "otp", "mfa"])
    }

    @Test func `row 7a: with "Not now" where only an interrupt asked`() {
        let scene = Scene(Cast.ada, [mailbox], policy(mfa: [.appCode], required: false, reset: [.appCode, .emailCode], gates: 2))
        #expect(page(scene) == .bridge(uses: [mailbox.use(.emailCode)], postpone: .notNow(until: nil)))
        #expect(grant(page(scene, step(scene, .postpone))) != nil)
        #expect(isPlan(page(scene, step(scene, .proved(mailbox.use(.emailCode)))), "T", .notNow(until: nil)))
    }

    @Test func `row 7b: nothing left to prove with is a named dead end, left out where not demanded`() {
        let stranded = Scene(Cast.ada, [], both) { $0.person.firstHeldAt = noon - .days(9) }
        #expect(page(stranded) == .deadEnd(.stranded))
        let asked = Scene(Cast.ada, [], policy(mfa: [.appCode], required: false, reset: [.text])) {
            $0.person.firstHeldAt = noon - .days(9)
        }
        let decision = SignInDecision.next(Flow.password(asked), asked.facts)
        #expect(grant(decision.page)?.hasMFA == false)
        #expect(decision.notes == [.interruptsLeftOut])
    }

    @Test func `row 7c: a first registration starts again and ends when somebody else registers meanwhile`() {
        var scene = Scene(Cast.ada, [], both)
        let state = step(scene, .startWizard)
        #expect(state.registrationVersion == 0)
        guard case .register(PlanItem(.totpApp), _, 1, 2, .none) = page(scene, state) else { Issue.record("no step"); return }
        scene.credentials = [phone]
        scene.person.firstHeldAt = noon
        scene.person.securityVersion += 1
        #expect(page(scene, state) == .challenge(uses: [phone.use(.text)], first: phone.use(.text), postpone: .none))
        #expect(!SignInMachine.step(state, .enrolled(app.id), scene.facts).accepted)
    }

    @Test func `row 7d: a guard that is not met is a named dead end`() {
        for guardKind in [RegistrationGuard.trustedNetwork, .directoryContact, .accessPass] {
            let scene = Scene(Cast.ada, [], both) { $0.document.registration[0].guardKind = guardKind }
            #expect(page(scene) == .deadEnd(.registrationGuarded))
        }
    }

    // Row 8

    @Test func `row 8: a password that must change is changed after the proof where MFA is demanded`() {
        for known in [true, false] {
            var scene = Scene(Cast.ada, [app], onlyMFA) {
                $0.person.passwordMustChange = !known
                $0.person.passwordKnownToOthers = known
            }
            #expect(page(scene) == .challenge(uses: [app.use(.appCode)], first: app.use(.appCode), postpone: .none))
            let proven = step(scene, .proved(app.use(.appCode)))
            #expect(page(scene, proven) == .changePassword)
            let changed = step(scene, proven, .passwordChanged)
            scene.person.passwordMustChange = false
            scene.person.passwordKnownToOthers = false
            #expect(grant(page(scene, changed)) != nil)
        }
    }

    @Test func `row 8: the wizard of a first registration comes first, to its end`() {
        var scene = Scene(Cast.ada, [], both) { $0.person.passwordMustChange = true }
        var state = step(scene, .startWizard)
        state = enrol(.totpApp, &scene, state)
        guard case .register(PlanItem(.mobilePhone), _, 2, 2, .finishLater(nil)) = page(scene, state) else {
            Issue.record("interrupted")
            return
        }
        let later = step(scene, state, .postpone)
        #expect(page(scene, later) == .changePassword)
        state = enrol(.mobilePhone, &scene, state)
        #expect(page(scene, state) == .changePassword)
        state = step(scene, state, .passwordChanged)
        scene.person.passwordMustChange = false
        #expect(page(scene, state) == .recoveryCodes)
    }

    @Test func `row 8: the wizard behind a bridge comes first too, a recovery code included`() {
        for (one, use) in [(phone, Capability.text), (codes, .recoveryCode), (mailbox, .emailCode)] {
            let scene = Scene(Cast.ada, [one], policy(mfa: [.appCode])) { $0.person.passwordMustChange = true }
            #expect(isPlan(page(scene, step(scene, .proved(one.use(use)))), "T", .none))
        }
    }

    @Test func `row 8: without MFA the password is changed first`() {
        let off = policy(mfa: [.appCode], required: false, registerMFA: true, registerReset: false)
        #expect(page(Scene(Cast.ada, [], off) { $0.person.passwordMustChange = true }) == .changePassword)
    }

    // Row 9

    @Test func `row 9: a reset requirement without a plan is a lint entry, never a prompt`() {
        let scene = Scene(Cast.cleo, [app], policy(mfa: [.appCode], reset: [.emailCode, .securityQuestions], gates: 2))
        let decision = SignInDecision.next(step(scene, .proved(app.use(.appCode))), scene.facts)
        #expect(grant(decision.page) != nil)
        #expect(decision.notes == [.resetUnplannable])
    }

    @Test func `row 9a: an interrupt opens for somebody without proofs only where the guard is met`() {
        var scene = Scene(Cast.ada, [], policy(mfa: [.appCode], required: false))
        let open = SignInDecision.next(Flow.password(scene), scene.facts)
        #expect(isPlan(open.page, "T", .notNow(until: nil)))
        #expect(open.state.registrationVersion == 0)
        for guardKind in [RegistrationGuard.trustedNetwork, .directoryContact, .accessPass] {
            scene.document.registration[0].guardKind = guardKind
            let closed = SignInDecision.next(Flow.password(scene), scene.facts)
            #expect(grant(closed.page)?.hasMFA == false)
            #expect(closed.notes == [.interruptsLeftOut])
        }
    }

    @Test func `row 9a: a code to a directory contact carries through the whole wizard`() {
        let known = credential(.mobilePhone, "directory") {
            $0.state = .unconfirmed
            $0.source = .directory
        }
        var scene = Scene(Cast.ada, [known], policy(mfa: [], required: false, reset: [.emailCode, .appCode], gates: 2, registerMFA: false))
        scene.document.registration[0].guardKind = .directoryContact
        #expect(page(scene) == .directoryProof(uses: [known.use(.text), known.use(.call)], postpone: .notNow(until: nil)))
        #expect(grant(page(scene, step(scene, .postpone))) != nil)
        var state = step(scene, .proved(known.use(.text)))
        state = step(scene, state, .startWizard)
        state = enrol(.totpApp, &scene, state)
        guard case .register(PlanItem(.email), _, 2, 2, _) = page(scene, state) else { Issue.record("asked again"); return }
    }

    // Rows 10 to 13

    @Test func `row 10: the joint plan without a skip, then "Finish later"`() {
        var scene = Scene(Cast.ada, [], both)
        #expect(isPlan(page(scene), "T P", .none))
        #expect(!SignInMachine.step(Flow.password(scene), .postpone, scene.facts).accepted)
        #expect(page(scene, step(scene, .cancel)) == .cancelled)
        let state = enrol(.totpApp, &scene, step(scene, .startWizard))
        guard case .register(_, _, 2, 2, .finishLater(nil)) = page(scene, state) else { Issue.record("no way to finish later"); return }
        let end = SignInMachine.step(state, .postpone, scene.facts)
        #expect(end.effects.contains(.countSkip))
        #expect(grant(page(scene, end.state))?.hasMFA == true)
    }

    @Test func `row 11: not demanded has "Not now"`() {
        let scene = Scene(Cast.ada, [], both) { $0.request.rememberedBrowser = true }
        #expect(isPlan(page(scene), "T P", .notNow(until: nil)))
        #expect(grant(page(scene, step(scene, .postpone)))?.hasMFA == false)
    }

    @Test func `row 12: the reset part can be put off each time, up to the organisation's cap`() {
        var document = policy(mfa: [.appCode], required: false, reset: [.text], registerMFA: false)
        #expect(isPlan(page(Scene(Cast.ada, [], document)), "P", .notNow(until: nil)))
        document.reset[0].skipsMax = 3
        #expect(isPlan(page(Scene(Cast.ada, [], document) { $0.person.resetSkips = 2 }), "P", .finishLater(skipsLeft: 1)))
        #expect(isPlan(page(Scene(Cast.ada, [], document) { $0.person.resetSkips = 3 }), "P", .none))
        let unasked = policy(mfa: [.appCode], required: false, reset: [.text], registerMFA: false, registerReset: false)
        #expect(grant(page(Scene(Cast.ada, [], unasked))) != nil)
        #expect(grant(page(Scene(Cast.ben, [], document))) != nil, "out of scope")
    }

    @Test func `row 13: a review that is due, or directory data that nobody confirmed, must be answered`() {
        var document = policy(mfa: [.appCode], reset: [.appCode])
        document.reset[0].reconfirmDays = 90
        func after(_ scene: Scene) -> SignInPage { page(scene, step(scene, .proved(app.use(.appCode)))) }
        #expect(after(Scene(Cast.ada, [app], document)) == .review)
        let fresh = Scene(Cast.ada, [app], document) { $0.person.lastReviewAt = noon - .days(90) + Span(ms: 1) }
        #expect(grant(after(fresh)) != nil)
        #expect(after(Scene(Cast.ada, [app], document) { $0.person.lastReviewAt = noon - .days(90) }) == .review)
        let news = credential(.mobilePhone) {
            $0.state = .unconfirmed
            $0.source = .directory
            $0.addedAt = noon - .days(2)
        }
        let told = Scene(Cast.ada, [app, news], policy(mfa: [.appCode, .text], reset: [.appCode]))
        #expect(after(told) == .review)
        let state = step(told, step(told, .proved(app.use(.appCode))), .reviewed)
        #expect(grant(page(told, state)) != nil, "once in a sign-in")
        var since = told
        since.person.lastReviewAt = noon - .days(1)
        #expect(grant(after(since)) != nil)
        var useless = told
        useless.document = policy(mfa: [.appCode], reset: [.appCode])
        #expect(grant(after(useless)) != nil, "it would serve nothing")
        document.registration[0].requireForMFA = false
        document.registration[0].requireForReset = false
        #expect(grant(after(Scene(Cast.ada, [app], document))) != nil)
        var confirmed = news
        confirmed.state = .active
        let later = Scene(Cast.ada, [app, confirmed], policy(mfa: [.appCode, .text], reset: [.appCode]))
        let during = step(told, step(told, .proved(app.use(.appCode))), .enrolled(news.id))
        #expect(page(later, during) == .review, "what was confirmed in it ends no review")
        #expect(grant(page(later, step(later, during, .reviewed))) != nil)
    }

    // Row 14

    /// A phone serves; the campaign wants apps.
    private func campaign(snoozesMax: Int? = nil, _ change: (inout Scene) -> Void = { _ in }) -> Scene {
        let document = policy(mfa: [.appCode, .text]) {
            $0.campaigns = [CampaignRule(name: "apps", register: .appCode, snoozeDays: 3, snoozesMax: snoozesMax)]
        }
        return Scene(Cast.ada, [phone], document, changed: change)
    }

    @Test func `row 14: a campaign comes after a second step, and only then`() {
        var scene = campaign()
        let proven = step(scene, .proved(phone.use(.text)))
        #expect(page(scene, proven) == .campaign(PlanItem(.totpApp), name: "apps", postpone: .notNow(until: nil)))
        scene.request.rememberedBrowser = true
        #expect(grant(page(scene)) != nil, "no second step in this sign-in")
        scene = campaign { $0.credentials = [phone, app] }
        #expect(grant(page(scene, step(scene, .proved(phone.use(.text))))) != nil, "an app counts already")
        scene = campaign { $0.document.mfa[0].allow = [.text] }
        #expect(grant(page(scene, step(scene, .proved(phone.use(.text))))) != nil, "it would not count")
    }

    @Test func `row 14: not in a sign-in that showed a wizard or a review`() {
        var scene = campaign { $0.credentials = [] }
        scene.person.firstHeldAt = nil
        scene.person.mfaFirstHeldAt = nil
        scene.document.mfa[0].allow = [.text]
        var state = enrol(.mobilePhone, &scene, step(scene, .startWizard))
        scene.document.mfa[0].allow = [.appCode, .text]
        state = step(scene, step(scene, state, .codesKept), .finishWizard)
        #expect(grant(page(scene, state)) != nil)

        var reviewed = campaign()
        reviewed.document.reset = [ResetRule(name: "reset", gates: 1, allow: [.text], reconfirmDays: 30)]
        var answered = step(reviewed, .proved(phone.use(.text)))
        #expect(page(reviewed, answered) == .review)
        answered = step(reviewed, answered, .reviewed)
        #expect(grant(page(reviewed, answered)) != nil)
    }

    @Test func `row 14: snooze and limit`() {
        var scene = campaign(snoozesMax: 2)
        let proven = step(scene, .proved(phone.use(.text)))
        let later = SignInMachine.step(proven, .postpone, scene.facts)
        #expect(later.effects.contains(.snoozeCampaign) && grant(page(scene, later.state)) != nil, "once in a sign-in")
        scene.person.campaignSnoozedAt = noon - .days(3) + Span(ms: 1)
        #expect(grant(page(scene, proven)) != nil)
        scene.person.campaignSnoozedAt = noon - .days(3)
        scene.person.campaignSnoozes = 1
        #expect(page(scene, proven) == .campaign(PlanItem(.totpApp), name: "apps", postpone: .notNow(until: nil)))
        scene.person.campaignSnoozes = 2
        #expect(page(scene, proven) == .campaign(PlanItem(.totpApp), name: "apps", postpone: .none))
        #expect(!SignInMachine.step(proven, .postpone, scene.facts).accepted)
        scene.document.mfa[0].required = false
        scene.document.registration[0].requireForMFA = false
        #expect(page(scene, proven) == .campaign(PlanItem(.totpApp), name: "apps", postpone: .notNow(until: nil)), "not demanded")
    }

    @Test func `row 14: its one step is registered and ends in the summary`() {
        var scene = campaign()
        var state = step(scene, step(scene, .proved(phone.use(.text))), .startWizard)
        guard case .register(PlanItem(.totpApp), _, 1, 1, .notNow) = page(scene, state) else { Issue.record("no step"); return }
        state = enrol(.totpApp, &scene, state)
        #expect(page(scene, step(scene, state, .codesKept)) == .summary)
        #expect(grant(page(scene, step(scene, step(scene, state, .codesKept), .finishWizard))) != nil)
    }

    @Test func `row 13: what is confirmed in the review of a first registration keeps it open`() {
        let known = [MethodKind.mobilePhone, .email].map { kind in
            credential(kind) {
                $0.state = .unconfirmed
                $0.source = .directory
            }
        }
        var document = policy(mfa: [], required: false, reset: [.text, .emailCode], gates: 2, registerMFA: false)
        document.reset[0].reconfirmDays = 30
        var scene = Scene(Cast.ada, known, document)
        func confirm(_ index: Int, _ state: SignInState) -> SignInState {
            let after = step(scene, state, .enrolled(known[index].id))
            scene.credentials[index].state = .active
            scene.person.securityVersion += 1
            scene.person.firstHeldAt = scene.person.firstHeldAt ?? scene.now
            return after
        }
        var state = confirm(0, step(scene, .startWizard))
        state = step(scene, state, .postpone)
        #expect(page(scene, state) == .review)
        state = confirm(1, state)
        #expect(page(scene, state) == .review, "who has just confirmed a mailbox is not asked to prove it")
        #expect(grant(page(scene, step(scene, state, .reviewed))) != nil)
    }

    // The last pages of the wizard

    @Test func `no codes and no summary once what opened the wizard is gone`() {
        var scene = Scene(Cast.ada, [], policy(mfa: [.appCode], required: false, reset: [.emailCode], registerMFA: false))
        let state = enrol(.email, &scene, step(scene, .startWizard))
        #expect(page(scene, state) == .summary)
        // The owner registers in another browser: the summary would show their number.
        scene.credentials.append(app)
        scene.person.securityVersion += 1
        #expect(grant(page(scene, state))?.hasMFA == false)

        scene = Scene(Cast.ada, [app], policy(mfa: [.appCode], required: false, reset: [.emailCode], registerMFA: false))
        let registered = enrol(.email, &scene, step(scene, step(scene, .proved(app.use(.appCode))), .startWizard))
        #expect(page(scene, registered) == .recoveryCodes)
        // The method of the proof is withdrawn: recovery codes would be a second step without one.
        scene.document.mfa[0].allow = [.text]
        scene.credentials.append(phone)
        #expect(grant(page(scene, registered))?.hasMFA == false)
    }

    // Row 15

    @Test func `row 15: the truth about how somebody signed in`() {
        let rows: [(MethodKind, Capability, String)] = [
            (.convergeApp, .appNotification, "swk"), (.convergeApp, .appCode, "otp"), (.totpApp, .appCode, "otp"),
            (.hardwareToken, .hardwareCode, "otp"), (.mobilePhone, .text, "sms"), (.mobilePhone, .call, "tel"),
            (.alternatePhone, .alternateCall, "tel"), (.officePhone, .officeCall, "tel"), (.passkey, .passkey, "hwk"),
        ]
        for (kind, capability, amr) in rows {
            let one = credential(kind), scene = Scene(Cast.ada, [one], policy(mfa: [capability]))
            #expect(grant(page(scene, step(scene, .proved(one.use(capability)))))?.amr == ["pwd", amr, "mfa"])
        }
    }

    @Test func `row 15: a browser is remembered only behind a proof, and never for an administrator`() {
        var document = policy(mfa: [.appCode])
        document.mfa[0].rememberBrowserDays = 30
        func days(_ person: Person, prove: Bool = true) -> Int? {
            var scene = Scene(person, [app], document)
            if !prove { scene.request.rememberedBrowser = true }
            let state = Flow.password(scene) { $0.remember = true }
            return grant(page(scene, prove ? step(scene, state, .proved(app.use(.appCode))) : state))?.rememberDays
        }
        #expect(days(Cast.ada) == 30)
        #expect(days(Cast.ada, prove: false) == 0)
        #expect(days(Cast.cleo) == 0)
    }

    @Test func `out of the roll-out nothing of 10 to 13 opens, and a bridge is no circle`() {
        var scene = Scene(Cast.ada, [phone], policy(mfa: [.appCode]))
        let crossed = step(scene, .proved(phone.use(.text)))
        scene.document.rollOut = PolicyScope(.none)
        #expect(page(scene, crossed) == .deadEnd(.stranded))
        #expect(page(Scene(Cast.ada, [], policy(mfa: [.appCode]) { $0.rollOut = PolicyScope(.none) })) == .deadEnd(.registrationGuarded))
    }

    // Events that do not fit

    @Test func `an old tab changes nothing`() {
        let scene = Scene(Cast.ada, [app], both)
        let state = Flow.password(scene)
        let events: [SignInEvent] = [
            .postpone, .cancel, .startWizard, .openChoices, .closeChoices, .choose(.mobilePhone), .enrolled(phone.id), .codesKept,
            .finishWizard, .reviewed, .passwordChanged, .proved(phone.use(.text)),
        ]
        for event in events {
            let step = SignInMachine.step(state, event, scene.facts)
            #expect(!step.accepted && step.effects.isEmpty && step.state == state, "\(event)")
        }
    }

    @Test func `a choice that does not fit leaves the page as it was`() {
        let scene = Scene(Cast.ada, [], both)
        let open = step(scene, step(scene, .startWizard), .openChoices)
        let wrong = SignInMachine.step(open, .choose(.passkey), scene.facts)
        #expect(!wrong.accepted && wrong.state == open)
        let chosen = step(scene, open, .choose(.email))
        guard case .register(PlanItem(.mobilePhone), let plan, 1, 2, _) = page(scene, chosen) else { Issue.record("no step"); return }
        #expect(spelled(plan.items) == "P E")
    }

    @Test func `a choice survives the steps after it and never brings one back`() {
        var scene = Scene(Cast.ada, [], both)
        var state = step(scene, step(scene, step(scene, .startWizard), .openChoices), .choose(.email))
        state = enrol(.mobilePhone, &scene, state)
        guard case .register(PlanItem(.email), let plan, 2, 2, _) = page(scene, state) else { Issue.record("not the email"); return }
        #expect(spelled(plan.items) == "E")
        state = enrol(.email, &scene, state)
        #expect(page(scene, state) == .recoveryCodes)
    }
}
