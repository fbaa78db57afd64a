import ConvergeCore

/// Translates the page that a reset is on into the page that a person sees.
struct ResetView {
    let turn: ResetTurn
    var refusal: Refusal?

    private var base: String { "/flows/\(turn.flow.id)" }
    private func form(_ action: String) -> Form { Form("\(base)/\(action)") }
    private func errors(_ field: String?) -> [FieldError] { refusal.map { [FieldError(field, $0)] } ?? [] }

    func reply(status: Int = 200) -> Reply {
        switch turn.page {
        case .expired: .page(ExpiredPage(start: ResetConversation.start), status: 410)
        case .reason: .page(ResetReasonPage(form: form("reason")), status: status)
        case .chooseKind(let kinds): .page(chooseKind(kinds), status: status)
        case .contact(let kind): .page(contact(kind), status: status)
        case .code(let kind): .page(code(kind), status: status)
        case .chooseUse(let uses): .page(chooseUse(uses), status: status)
        case .notEnough: .page(notEnough)
        case .newPassword: turn.dossier.map { .page(Self.passwordPage(turn.flow.id, $0, errors: [])) } ?? .page(ExpiredPage(start: ResetConversation.start), status: 410)
        case .unlock: .page(UnlockPage(form: form("unlock")))
        case .done(.forgotten): .page(ResetDonePage(signIn: "/sign-in?notice=password-changed"))
        case .done(.locked): .page(ResetUnlockedPage(signIn: "/sign-in?notice=unlocked"))
        }
    }

    /// How many proofs the page speaks of: the document's highest number before the first one, so that a name tells nothing.
    private var gates: Int {
        guard !turn.state.passed.isEmpty, let own = turn.dossier?.policy.resetGates else {
            return turn.document.reset.filter { $0.scope.extent != .none }.map(\.gates).max() ?? 2
        }
        return own
    }

    private func chooseKind(_ kinds: [Capability]) -> ResetChoosePage {
        ResetChoosePage(
            form: form("gate"), gate: 1, gates: gates,
            choices: kinds.enumerated().map { ResetChoosePage.kind($1.rawValue, value: $1.rawValue, isChosen: $0 == 0) },
            errors: errors(nil), cannot: .link("/helpdesk"))
    }

    private func chooseUse(_ uses: [CredentialUse]) -> ResetChoosePage {
        var seen: Set<Capability> = []
        let shown = uses.filter { ResetMachine.isSent($0.capability) || seen.insert($0.capability).inserted }
        let radios = shown.enumerated().map { index, use -> Radio in
            let hint = turn.dossier?.credential(use.credential)?.hint ?? ""
            let words: Message? = hint.isEmpty ? nil : (use.capability == .emailCode ? CodeSent.maskedAddress(hint) : .numberEnding(hint)).words
            return Radio(value: use.formValue, title: .use(use.capability.rawValue), hint: words, isChosen: index == 0)
        }
        return ResetChoosePage(
            form: form("gate"), gate: turn.state.passed.count + 1, gates: gates, choices: radios, errors: errors(nil),
            notice: .proofs(done: turn.state.passed.count, of: gates), cannot: .link("/helpdesk"))
    }

    private func contact(_ kind: Capability) -> ResetContactPage {
        let typed = turn.state.typedContact ?? ""
        let contact: ResetContactPage.Contact =
            if kind == .emailCode {
                .email(typed)
            } else {
                .phone(
                    PhoneInput(
                        countries: Countries.all.map { CountryOption(region: $0.code, name: $0.name, calling: String($0.callingCode)) },
                        region: turn.request.form["country"].isEmpty ? turn.instance.config.organisation.country : turn.request.form["country"],
                        number: typed))
            }
        return ResetContactPage(
            contact: contact, form: form("contact"), errors: errors(kind == .emailCode ? "email" : "number"), another: .post(form("back")))
    }

    private func code(_ kind: Capability) -> CodePage {
        var page = CodePage(ask: CodePage.Ask(kind), form: form("answer"))
        page.digits = kind == .emailCode ? 8 : 6
        page.progress = .reset(2)
        page.errors = errors("code")
        if ResetMachine.isSent(kind) {
            // The life of a code is known without knowing whether one was sent.
            let life = kind == .emailCode ? Span.minutes(10) : .minutes(5)
            page.lead = turn.state.passed.isEmpty ? CodePage.perhapsSent(until: turn.request.now + life) : sentLead
            if turn.state.decoySends < CodeState.sendsMax { page.sendAgain = form("again") }
        }
        page.ways = [Way(Message("reset.way.another"), .post(form("back")))]
        return page
    }

    private var sentLead: Message? {
        guard let challenge = turn.state.challenge, let sent = challenge.code?.sent.last,
            let hint = turn.dossier?.credential(challenge.use.credential)?.hint
        else { return nil }
        let contact: CodeSent = challenge.use.capability == .emailCode ? .maskedAddress(hint) : .numberEnding(hint)
        return CodePage.sent(contact, at: sent.sentAt, until: sent.expiresAt)
    }

    private var notEnough: ResetNotEnoughPage {
        let young = turn.dossier.map { Gates.tooYoung(standing: $0.standing, now: turn.request.now) } ?? []
        return ResetNotEnoughPage(
            caseCode: CaseCode.of(turn.flow.id, turn.instance),
            facts: young.map { ResetNotEnoughPage.young($0.credential.method.rawValue, from: $0.from) })
    }

    static func passwordPage(_ flow: FlowID, _ dossier: Dossier, errors: [FieldError]) -> NewPasswordPage {
        NewPasswordPage(
            kind: .reset, form: Form("/flows/\(flow)/password"), username: dossier.record.name,
            rules: PasswordChange.rules(dossier.policy.password), errors: errors,
            notice: errors.isEmpty ? .proofs(done: dossier.policy.resetGates, of: dossier.policy.resetGates) : nil, progress: .reset(3))
    }
}

/// Both proofs were right: one press opens the account, the password stays.
struct UnlockPage: Page {
    static let template = "sign-in/button"
    var form: Form

    var frame: Frame {
        Frame(heading: Message("unlock.heading"), lead: Message("unlock.lead"), progress: .reset(3))
    }

    func body(_ say: Speaker) -> Slots { ["form": form.slots, "submit": say(Message("unlock.submit"))] }
}
