import ConvergeCore

/// Translates the page that a reset is on into the page that a person sees. Decides nothing.
struct ResetView {
    let turn: ResetTurn
    var refusal: Refusal?

    private var base: String { "/flows/\(turn.flow.id)" }
    private var state: ResetState { turn.state }
    private var dossier: Dossier { turn.dossier }

    private func form(_ action: String, hidden: [String: String] = [:]) -> Form { Form("\(base)/\(action)", hidden: hidden) }
    private func errors(_ field: String?) -> [FieldError] { refusal.map { [FieldError(field, $0)] } ?? [] }

    func reply(status: Int = 200) throws -> Reply {
        if let until = turn.pausedUntil() { return .page(ResetPausedPage(until: until)) }
        switch turn.page {
        case .expired: return ResetConversation.expired
        case .reason: return .page(ResetReasonPage(form: form("reason")), status: status)
        case .chooseKind(let kinds):
            return kinds.isEmpty || isStuck ? .page(stuck) : .page(chooseKind(kinds), status: status)
        case .contact(let kind): return .page(contact(kind), status: status)
        case .code(let kind): return .page(try code(kind), status: status)
        case .chooseUse(let uses): return isStuck ? .page(stuck) : .page(chooseUse(uses), status: status)
        case .unreachable(let uses): return .page(unreachable(uses))
        case .notEnough: return .page(notEnough)
        case .outOfTries: return .page(ResetOutOfTriesPage(caseCode: turn.caseCode))
        case .newPassword: return .page(Self.passwordPage(turn.flow.id, dossier, errors: []))
        case .unlock: return .page(UnlockPage(form: form("unlock"), newPassword: .post(form("reason", hidden: ["reason": "forgot"]))))
        case .done(.forgotten): return .page(ResetDonePage(signIn: "/sign-in?notice=password-changed"))
        case .done(.locked): return .page(ResetUnlockedPage(signIn: "/sign-in?notice=unlocked"))
        }
    }

    // MARK: choosing

    private var isStuck: Bool { turn.request.query["view"] == "stuck" }

    /// "I can't use any of these": whom to ask, with the reference.
    private var stuck: DeadEndPage { DeadEndPage(kind: .reset, caseCode: turn.caseCode, again: base) }

    private func chooseKind(_ kinds: [Capability]) -> ResetChoosePage {
        ResetChoosePage(
            form: form("gate"), gate: 1, gates: Gates.countBeforeProof(dossier.document),
            choices: kinds.enumerated().map { ResetChoosePage.kind($1.rawValue, value: $1.rawValue, isChosen: $0 == 0) },
            errors: errors(nil), cannot: .post(form("cannot")))
    }

    private func chooseUse(_ uses: [CredentialUse]) -> ResetChoosePage {
        // Several apps are one choice: any of their codes will do.
        var seen: Set<Capability> = []
        let shown = uses.filter { ResetMachine.isSent($0.capability) || seen.insert($0.capability).inserted }
        let passed = state.passed.count, gates = dossier.policy.resetGates, faults = errors(nil)
        return ResetChoosePage(
            form: form("gate"), gate: passed + 1, gates: gates,
            choices: shown.enumerated().map { index, use in
                Radio(value: use.formValue, title: .use(use.capability.rawValue), hint: masked(use)?.label, isChosen: index == 0)
            },
            errors: faults, notice: passed > 0 && faults.isEmpty ? .proofs(done: passed, of: gates) : nil, cannot: .post(form("cannot")))
    }

    /// What a method of the person is called before it is proven: last digits, first letters.
    private func masked(_ use: CredentialUse) -> CodeSent? {
        if MethodRegistry.traits(of: use.capability).manner == .approval { return .app }
        guard let hint = dossier.credential(use.credential)?.hint, !hint.isEmpty else { return nil }
        return use.capability == .emailCode ? .maskedAddress(hint) : .numberEnding(hint)
    }

    // MARK: proving

    private func contact(_ kind: Capability) -> ResetContactPage {
        let typed = state.typedContact ?? "", own = turn.instance.config.organisation.country
        let contact: ResetContactPage.Contact =
            if kind == .emailCode {
                .email(typed)
            } else {
                .phone(PhoneInput(countries: Self.countries, region: state.typedRegion ?? own, number: typed))
            }
        return ResetContactPage(
            contact: contact, isCall: MethodRegistry.traits(of: kind).manner == .answeredCall, form: form("contact"),
            errors: errors(kind == .emailCode ? "email" : "number"), another: .post(form("back")))
    }

    private static let countries = Countries.all.map {
        CountryOption(region: $0.code, name: $0.name, calling: String($0.callingCode))
    }

    private func code(_ kind: Capability) throws -> any Page {
        var around = Around(form: form("answer"))
        around.progress = .reset(2)
        if MethodRegistry.traits(of: kind).manner.carrier != nil {
            around.lead = sentLead
            around.poll = "\(base)/progress"
            around.since = state.codeUntil.map { $0 - ResetMachine.codeLife(kind) }
            if !state.passed.isEmpty { around.contact = state.challenge.flatMap { masked($0.use) } }
            if state.canSendAgain { around.sendAgain = form("again") }
            if state.sends > 1, refusal == nil { around.notice = state.passed.isEmpty ? nil : .sentAgain }
            if state.passed.isEmpty { around.ways.append(kind == .emailCode ? .changeAddress(change) : .changeNumber(change)) }
        }
        around.ways.append(Way(Message("reset.way.another"), .post(form("back"))))
        // Before the first proof the page is that of anybody.
        var challenge = state.passed.isEmpty ? nil : state.challenge
        challenge?.triesLeft = state.triesLeft
        let prompt = try challenge.flatMap { try turn.challenger.prompt($0) } ?? anonymousPrompt(kind)
        return ChallengeView.page(kind, prompt, refusal, around: around)
    }

    private func anonymousPrompt(_ kind: Capability) throws -> Prompt? {
        guard MethodRegistry.traits(of: kind).manner == .ceremony else { return nil }
        return Passkey.anonymousPrompt(
            seed: turn.passkeySeed, triesLeft: state.triesLeft, .reset, try turn.instance.methodContext(for: dossier, nil, turn.db))
    }

    private var change: Target { .post(form("change")) }

    /// Before the first proof: the same for a contact that is nobody's.
    private var sentLead: Message? {
        guard !state.passed.isEmpty else {
            let isCall = state.kind.map { MethodRegistry.traits(of: $0).manner == .answeredCall } ?? false
            return state.codeUntil.map { isCall ? CallPage.perhapsCalled(until: $0) : CodePage.perhapsSent(until: $0) }
        }
        guard let challenge = state.challenge, let sent = challenge.code?.sent.last, let contact = masked(challenge.use) else { return nil }
        return CodePage.sent(contact, at: sent.sentAt, until: sent.expiresAt)
    }

    // MARK: no way on

    private func unreachable(_ uses: [CredentialUse]) -> UnreachablePage {
        UnreachablePage(
            gaps: uses.compactMap { use in
                dossier.reach.gaps[use].map {
                    UnreachablePage.Gap(why: $0.why.rawValue, method: .asked(use.capability.rawValue), until: $0.until)
                }
            }, again: base)
    }

    private var notEnough: ResetNotEnoughPage {
        let young = Gates.tooYoung(standing: dossier.standing, passed: state.passed, now: turn.request.now)
        return ResetNotEnoughPage(
            caseCode: turn.caseCode,
            facts: young.map { ResetNotEnoughPage.young($0.credential.method.rawValue, from: $0.from) })
    }

    // MARK: the end

    static func passwordPage(_ flow: FlowID, _ dossier: Dossier, errors: [FieldError]) -> NewPasswordPage {
        let gates = dossier.policy.resetGates
        return NewPasswordPage(
            kind: .reset, form: Form("/flows/\(flow)/password"), username: dossier.record.name,
            rules: PasswordChange.rules(dossier.policy.password, isReset: true), errors: errors,
            notice: errors.isEmpty ? .proofs(done: gates, of: gates) : nil, progress: .reset(3))
    }
}
