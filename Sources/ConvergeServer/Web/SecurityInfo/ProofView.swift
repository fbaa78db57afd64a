import ConvergeCore

/// The pages of a fresh proof.
struct ProofView {
    let turn: ProofTurn
    /// Where the proof leads.
    let returnTo: String
    var refusal: Refusal?

    private var base: String { "/flows/\(turn.flowID)" }
    private var dossier: Dossier { turn.dossier }
    private var who: Who { Who(name: dossier.record.name) }
    private var crumb: Way { .back(Message("part.home"), "/") }
    private var choices: UseChoices { UseChoices(dossier: dossier, form: form("use"), stuck: "\(base)?view=stuck") }

    private func form(_ action: String, hidden: [String: String] = [:]) -> Form { Form("\(base)/\(action)", hidden: hidden) }

    var page: any Page {
        get throws {
            let offered = dossier.standing.quickestFirst(turn.offered)
            guard let first = turn.first else { return noWay }
            if turn.request.query["view"] == "stuck" { return stuck }
            if let gone = phoneGone(offered) { return gone }
            if let state = turn.state.challenge, offered.contains(state.use) { return try code(state, offered) }
            return send(first, offered)
        }
    }

    /// "I don't have my phone": ways without it, and what to do about it.
    private func phoneGone(_ offered: [CredentialUse]) -> (any Page)? {
        switch turn.request.query["view"] {
        case "phone": return PhoneGonePage(base: base, lost: LostPhone.path, isSignIn: false, who: who)
        case "phone-today": return otherThanPhone(offered, lead: CodePage.beforeChange, choices)
        case "phone-new":
            // After the proof they set it up.
            let form = form("use", hidden: ["phone": SignInFlowState.PhoneGone.new.rawValue])
            return otherThanPhone(
                offered, lead: Message("phone-gone.lead-new"),
                UseChoices(dossier: dossier, form: form, stuck: "\(base)?view=stuck"))
        default: return nil
        }
    }

    private func otherThanPhone(_ offered: [CredentialUse], lead: Message, _ choices: UseChoices) -> OtherWaysPage {
        let onPhone = Set(LostPhone.onPhone(dossier).map(\.id)), uses = offered.filter { !onPhone.contains($0.credential) }
        return OtherWaysPage(
            choices: choices.list(uses), who: who, lead: uses.isEmpty ? Message("phone-gone.lead-none") : lead,
            ways: [.back(Message("phone-gone.back"), base)])
    }

    private var phoneWays: [Way] {
        LostPhone.onPhone(dossier).isEmpty ? [] : [Way(Message("phone-gone.way"), .link(base + "?view=phone"))]
    }

    private func code(_ state: ChallengeState, _ offered: [CredentialUse]) throws -> any Page {
        let rest = offered.filter { $0 != state.use && ($0.capability != state.use.capability || ResetMachine.isSent($0.capability)) }
        var around = Around(form: form("answer"))
        around.lead = CodePage.beforeChange
        if let sent = state.code?.sent.last, let contact = choices.masked(state.use) {
            around.lead = CodePage.sent(contact, at: sent.sentAt, until: sent.expiresAt)
            around.notice = Notice(kind: .info, message: CodePage.beforeChange)
        }
        around.others = choices.list(rest)
        around.othersOpen = refusal?.code == .codeTooMany
        around.who = who
        around.crumb = crumb
        around.ways += phoneWays
        if state.triesLeft == 0 { around.ways.append(.beginAgain(.link(SignInRoutes.link("/prove", returnTo)))) }
        if state.sends < CodeState.sendsMax, state.isUnderWay, state.triesLeft > 0 { around.sendAgain = form("send") }
        around.poll = "\(base)/progress"
        around.contact = choices.masked(state.use)
        if turn.state.sentAgain { around.notice = .saved(Message("saved.sent-again")) }
        return ChallengeView.page(state.use.capability, try turn.challenger.prompt(state), refusal, around: around)
    }

    private func send(_ first: CredentialUse, _ offered: [CredentialUse]) -> any Page {
        let errors = refusal.map { [FieldError(nil, $0)] } ?? []
        guard MethodRegistry.traits(of: first.capability).manner.carrier != nil, let contact = choices.masked(first) else {
            return OtherWaysPage(
                choices: choices.list(offered), who: who, lead: CodePage.beforeChange, errors: errors, ways: phoneWays)
        }
        return SendPage(
            channel: SendPage.Channel(first.capability), to: contact, form: form("use", hidden: ["use": first.formValue]),
            errors: errors, others: choices.list(offered.filter { $0 != first }), who: who, crumb: crumb, ways: phoneWays)
    }

    // MARK: no way on

    private var stuck: DeadEndPage {
        DeadEndPage(kind: .cannot, caseCode: turn.caseCode, helps: [DeadEndPage.askForPass], again: base, who: who)
    }

    private var noWay: any Page {
        let standing = dossier.standing
        if dossier.person.firstHeldAt == nil {
            let office = dossier.policy.guardKind == .trustedNetwork ? [DeadEndPage.fromTheOffice] : []
            return DeadEndPage(kind: .guarded, caseCode: turn.caseCode, helps: [DeadEndPage.askForPass] + office, again: "/", who: who)
        }
        guard standing.anythingCountsForSignIn else {
            return DeadEndPage(kind: .stranded, caseCode: turn.caseCode, helps: [DeadEndPage.askForPass], again: "/", who: who)
        }
        let gaps = standing.counting(for: .signIn).compactMap { use -> UnreachablePage.Gap? in
            guard let gap = dossier.reach.gaps[use] else { return nil }
            return UnreachablePage.Gap(why: gap.why.rawValue, method: .asked(use.capability.rawValue), until: gap.until)
        }
        return UnreachablePage(gaps: gaps, again: base, who: who, helps: [DeadEndPage.askForPass])
    }
}
