import ConvergeCore
import Testing

@Suite("Who may register without a second step")
struct GuardTests {
    private let allow = policy(mfa: [.appCode], reset: [.appCode, .emailCode], gates: 2)

    private func page(_ scene: Scene, _ state: SignInState? = nil) -> SignInPage {
        SignInDecision.next(state ?? Flow.password(scene), scene.facts).page
    }

    private func proofs(_ scene: Scene) -> [CredentialUse] { scene.standing.proofsForChange(reach: scene.reach, now: scene.now) }

    // G0

    @Test func `G0: the password alone opens the wizard where the guard is the password`() {
        let scene = Scene(Cast.ada, [], allow)
        guard case .moreInformation(_, .none) = page(scene) else { Issue.record("no wizard"); return }
    }

    @Test func `G0: a trusted network is asked for where the guard says so`() {
        var scene = Scene(Cast.ada, [], allow)
        scene.document.registration[0].guardKind = .trustedNetwork
        #expect(page(scene) == .deadEnd(.registrationGuarded))
        scene.request.inTrustedNetwork = true
        guard case .moreInformation = page(scene) else { Issue.record("no wizard"); return }
    }

    @Test func `G0: a code to a contact of the directory`() {
        let known = credential(.mobilePhone) {
            $0.state = .unconfirmed
            $0.source = .directory
        }
        var scene = Scene(Cast.ada, [known], allow)
        scene.document.registration[0].guardKind = .directoryContact
        #expect(page(scene) == .directoryProof(uses: [known.use(.text), known.use(.call)], postpone: .none))
        let proven = SignInMachine.step(Flow.password(scene), .proved(known.use(.text)), scene.facts)
        #expect(proven.accepted)
        guard case .moreInformation = page(scene, proven.state) else { Issue.record("no wizard"); return }
        scene.cutOff([.text])
        #expect(page(scene) == .directoryProof(uses: [known.use(.call)], postpone: .none))
        scene.cutOff([.text, .call])
        #expect(page(scene) == .deadEnd(.registrationGuarded))
        scene.credentials = []
        #expect(page(scene) == .deadEnd(.registrationGuarded))
    }

    @Test func `G0: what an import brought in, or somebody else's administrator entered, is no directory contact`() {
        for source in [CredentialSource.import, .person, .administrator] {
            var scene = Scene(Cast.ada, [], allow)
            scene.credentials = [
                credential(.mobilePhone) {
                    $0.state = .unconfirmed; $0.source = source
                }
            ]
            scene.document.registration[0].guardKind = .directoryContact
            #expect(page(scene) == .deadEnd(.registrationGuarded))
        }
    }

    @Test func `G0: an access pass`() {
        var scene = Scene(Cast.ada, [], allow)
        scene.document.registration[0].guardKind = .accessPass
        #expect(page(scene) == .deadEnd(.registrationGuarded))
        guard case .moreInformation = page(scene, Flow.pass(scene)) else { Issue.record("no wizard"); return }
    }

    // G1

    @Test func `G1: something held that policy no longer allows is a bridge for thirty days`() {
        let phone = credential(.mobilePhone)
        var scene = Scene(Cast.ada, [phone], allow)
        scene.removed = [.text: noon - .days(30) + Span(ms: 1), .call: noon - .days(30)]
        #expect(proofs(scene) == [phone.use(.text)])
        #expect(page(scene) == .bridge(uses: [phone.use(.text)], postpone: .none))
        scene.now = noon + Span(ms: 1)
        #expect(proofs(scene) == [])
        #expect(page(scene) == .deadEnd(.stranded))
    }

    @Test func `G1: no bridge over what is compromised, or where bridges are off`() {
        let phone = credential(.mobilePhone)
        var scene = Scene(Cast.ada, [phone], allow)
        scene.removed = [.text: noon, .call: noon]
        scene.document.bridge.compromised = [.text]
        #expect(proofs(scene) == [phone.use(.call)])
        scene.document.bridge.compromised = [.text, .call]
        #expect(page(scene) == .deadEnd(.stranded))
        scene.document.bridge.compromised = []
        scene.document.bridge.days = 0
        #expect(page(scene) == .deadEnd(.stranded))
    }

    @Test func `G1: then a pass, a recovery code, a mailbox held for reset; never questions`() {
        let pass = credential(.temporaryAccessPass), codes = credential(.recoveryCodes), mailbox = credential(.email)
        let questions = credential(.securityQuestions)
        for (one, use) in [(pass, Capability.temporaryAccessPass), (codes, .recoveryCode), (mailbox, .emailCode)] {
            let scene = Scene(Cast.ada, [one, questions], allow) { $0.person.firstHeldAt = noon - .days(9) }
            #expect(page(scene) == .bridge(uses: [one.use(use)], postpone: .none))
        }
        let scene = Scene(Cast.ada, [questions], allow) { $0.person.firstHeldAt = noon - .days(9) }
        #expect(page(scene) == .deadEnd(.stranded))
    }

    @Test func `G1: a mailbox of the organisation is no bridge`() {
        let scene = Scene(Cast.ada, [credential(.email) { $0.inOwnMailDomain = true }], allow)
        #expect(page(scene) == .deadEnd(.stranded))
    }

    @Test func `G1: mailboxes that an administrator marked as compromised are none either`() {
        let scene = Scene(Cast.ada, [credential(.email)], allow) { $0.document.bridge.compromised = [.emailCode] }
        #expect(page(scene) == .deadEnd(.stranded))
    }

    @Test func `G1: a phone registered for reset only is a bridge to sign-in`() {
        let phone = credential(.mobilePhone) { $0.serves = [.reset] }
        let scene = Scene(Cast.ada, [phone], policy(mfa: [.text], reset: [.text]))
        #expect(page(scene) == .bridge(uses: [phone.use(.text), phone.use(.call)], postpone: .none))
    }

    // G2

    @Test func `G2: nothing reachable is never a guard and never the wizard`() {
        var scene = Scene(Cast.ada, [credential(.totpApp)], allow)
        scene.cutOff([.appCode])
        #expect(page(scene) == .unreachable)
        let step = SignInMachine.step(Flow.password(scene), .startWizard, scene.facts)
        #expect(!step.accepted)
    }

    @Test func `G2: takes a recovery code and a pass`() {
        let app = credential(.totpApp), codes = credential(.recoveryCodes), pass = credential(.temporaryAccessPass)
        var scene = Scene(Cast.ada, [app, codes, pass], policy(mfa: [.appCode]))
        scene.cutOff([.appCode])
        for use in [codes.use(.recoveryCode), pass.use(.temporaryAccessPass)] {
            let step = SignInMachine.step(Flow.password(scene), .proved(use), scene.facts)
            #expect(step.accepted)
            guard case .done(let grant) = page(scene, step.state) else { Issue.record("not signed in"); return }
            #expect(grant.hasMFA)
        }
        #expect(!SignInMachine.step(Flow.password(scene), .proved(app.use(.appCode)), scene.facts).accepted)
    }

    // G3

    @Test func `G3: whoever was wiped or suspended is not somebody who never held anything`() {
        let wiped = Scene(Cast.ada, [], allow) { $0.person.firstHeldAt = noon - .days(9) }
        #expect(page(wiped) == .deadEnd(.stranded))
        let suspended = Scene(Cast.ada, [credential(.totpApp) { $0.state = .suspended }], allow)
        #expect(page(suspended) == .deadEnd(.stranded))
    }

    @Test func `G3: the pass of the same action, or what was not touched, opens it`() {
        let pass = credential(.temporaryAccessPass)
        let wiped = Scene(Cast.ada, [pass], allow) { $0.person.firstHeldAt = noon - .days(9) }
        #expect(page(wiped) == .bridge(uses: [pass.use(.temporaryAccessPass)], postpone: .none))
        let mailbox = credential(.email)
        let untouched = Scene(Cast.ada, [mailbox, credential(.totpApp) { $0.state = .suspended }], allow)
        #expect(page(untouched) == .bridge(uses: [mailbox.use(.emailCode)], postpone: .none))
    }

    @Test func `G3: no guard of the organisation opens it`() {
        for guardKind in RegistrationGuard.allCases {
            var scene = Scene(Cast.ada, [], allow) { $0.person.firstHeldAt = noon - .days(9) }
            scene.document.registration[0].guardKind = guardKind
            scene.request.inTrustedNetwork = true
            #expect(page(scene) == .deadEnd(.stranded))
        }
    }

    // The order of proofs

    @Test func `G: a counting second step, then a pass, then a recovery code; nothing weaker beside them`() {
        let all = [
            credential(.email), credential(.recoveryCodes), credential(.temporaryAccessPass), credential(.mobilePhone),
            credential(.totpApp),
        ]
        let scene = Scene(Cast.ada, all, allow)
        #expect(proofs(scene).map(\.capability) == [.appCode, .temporaryAccessPass, .recoveryCode])
    }

    @Test func `G: without one, a pass, a recovery code, the bridge, a mailbox`() {
        let all = [credential(.email), credential(.recoveryCodes), credential(.temporaryAccessPass), credential(.mobilePhone)]
        let scene = Scene(Cast.ada, all + [credential(.securityQuestions)], allow) { $0.removed = [.text: noon, .call: noon] }
        #expect(proofs(scene).map(\.capability) == [.temporaryAccessPass, .recoveryCode, .text, .call, .emailCode])
    }

    @Test func `G: what cannot be reached is not in it`() {
        let all = [credential(.email), credential(.recoveryCodes), credential(.temporaryAccessPass), credential(.mobilePhone)]
        for capability in [Capability.temporaryAccessPass, .recoveryCode, .text, .call, .emailCode] {
            var scene = Scene(Cast.ada, all, allow)
            scene.cutOff([capability])
            #expect(
                proofs(scene).map(\.capability)
                    == [.temporaryAccessPass, .recoveryCode, .text, .call, .emailCode].filter { $0 != capability })
        }
        var scene = Scene(Cast.ada, all + [credential(.totpApp)], allow)
        scene.cutOff([.appCode])
        #expect(proofs(scene).map(\.capability) == [.temporaryAccessPass, .recoveryCode], "the outage opens no weaker proof")
    }

    @Test func `G: a suspended credential proves nothing`() {
        for kind in MethodKind.allCases {
            let scene = Scene(Cast.ada, [credential(kind) { $0.state = .suspended }], policy(mfa: [.appCode], reset: [.emailCode]))
            #expect(proofs(scene) == [], "\(kind)")
        }
    }

    @Test func `G: the organisation's guard only for a person with questions or nothing`() {
        let scene = Scene(
            Cast.ada, [credential(.securityQuestions)], policy(mfa: [.appCode], reset: [.emailCode, .securityQuestions], gates: 2))
        #expect(scene.person.firstHeldAt == nil)
        guard case .moreInformation = page(scene) else { Issue.record("no wizard"); return }
    }
}
