import ConvergeCore

/// Translates the page that a sign-in is on into the page that a person sees. Decides nothing.
struct SignInView {
    let turn: SignInTurn
    let returnTo: String
    var refusal: Refusal?

    private var base: String { "/flows/\(turn.flowID)" }
    private var instance: Instance { turn.instance }
    private var dossier: Dossier { turn.dossier }
    private var who: Who { Who(name: dossier.record.name) }
    private var view: String { turn.request.query["view"] }

    func reply(status: Int = 200) throws -> Reply {
        let page = turn.decision.page
        if turn.state.saved == .phoneLost, view.isEmpty { return .page(LostPhoneDonePage(next: base + "?view=next", who: who)) }
        if let gone = try phoneGone(status: status) { return gone }
        if view == "stuck", !SignInTurn.offered(page, turn.facts).isEmpty { return .page(stuck, status: status) }
        switch page {
        case .challenge(let uses, let first, let postpone):
            return try .page(challenge(inOrder(uses), first, postpone, lead: nil), status: status)
        case .bridge(let uses, let postpone), .directoryProof(let uses, let postpone):
            return try .page(bridge(uses, postpone), status: status)
        case .unreachable:
            return try .page(unreachable, status: status)
        case .deadEnd(let end):
            return .page(deadEnd(end))
        case .blocked:
            return .page(DeadEndPage(kind: .blocked, caseCode: turn.caseCode, who: who))
        case .outdated:
            return .redirect("/sign-in?notice=ended")
        case .cancelled:
            return .page(StoppedPage(again: SignInConversation.start))
        case .changePassword:
            return .page(SignInPassword.page(turn.flowID, dossier, errors: []), status: status)
        case .moreInformation(let plan, let postpone):
            return .page(moreInformation(plan, postpone), status: status)
        case .choose(let plan, let step, let count, _):
            return .page(choose(plan, step, count), status: status)
        case .register(let item, let plan, let step, let count, let postpone):
            return try register(item, plan, step, count, postpone, status: status)
        case .recoveryCodes:
            return .page(recoveryCodes, status: status)
        case .summary:
            return .page(try summary)
        case .review:
            if let confirmation = try confirmation { return .page(confirmation, status: status) }
            return .page(try review)
        case .campaign(let item, let name, let postpone):
            return .page(campaign(item, name, postpone))
        case .done:
            return .redirect(returnTo)
        }
    }

    // MARK: the phone is gone

    private func phoneGone(status: Int) throws -> Reply? {
        guard turn.mayLackPhone else { return nil }
        let lost = base + "?view=phone-lost"
        switch view {
        case "phone": return .page(PhoneGonePage(base: base, lost: lost, who: who))
        case "phone-today", "phone-new": return .page(otherThanPhone(view == "phone-new" ? .new : .today))
        case _ where view == "phone-lost" || refusal?.code == .nothingTicked:
            var page = try LostPhone.page(
                dossier, LostPhone.onPhone(dossier), form: form("lost"), cancel: base, errors: summaryErrors, turn.instance)
            page.who = who
            return .page(page, status: status)
        default: return nil
        }
    }

    /// Ways that need no phone and work now, the quickest first; a pass, and whom to ask.
    private func otherThanPhone(_ gone: SignInFlowState.PhoneGone) -> OtherWaysPage {
        let onPhone = Set(LostPhone.onPhone(dossier).map(\.id))
        let uses = inOrder(turn.offered).filter { !onPhone.contains($0.credential) }
        let ways = UseChoices(dossier: dossier, form: form("use", hidden: ["phone": gone.rawValue]), stuck: "\(base)?view=stuck")
        let isToday = gone == .today, isAdministrator = dossier.person.isAdministrator
        let lead = uses.isEmpty ? "none" : isToday ? (isAdministrator ? "today-administrator" : "today") : "new"
        return OtherWaysPage(
            choices: ways.list(uses), who: who, heading: Message("others.heading"), lead: Message("phone-gone.lead-\(lead)"),
            ways: [.back(Message("phone-gone.back"), base)])
    }

    /// The link on every challenge that a phone would answer.
    private var phoneWays: [Way] { turn.mayLackPhone ? [Way(Message("phone-gone.way"), .link(base + "?view=phone"))] : [] }

    private func form(_ action: String, hidden: [String: String] = [:]) -> Form { Form("\(base)/\(action)", hidden: hidden) }

    // MARK: proofs

    private func challenge(
        _ uses: [CredentialUse], _ first: CredentialUse, _ postpone: Postponement, lead: Message?
    ) throws -> any Page {
        if view == "others" {
            return OtherWaysPage(
                choices: choices(uses), who: who, notNow: notNow(postpone), notNowUntil: until(postpone), ways: phoneWays)
        }
        if let state = turn.state.core.challenge, uses.contains(state.use) {
            return try code(state, uses, postpone, lead: lead)
        }
        return try send(first, uses, postpone, lead: lead)
    }

    private func bridge(_ uses: [CredentialUse], _ postpone: Postponement) throws -> any Page {
        let lead: Message? =
            if let state = turn.state.core.challenge, uses.contains(state.use) { bridgeLead(state.use) } else {
                uses.first.flatMap(bridgeLead)
            }
        guard let first = uses.first else { return deadEnd(.stranded) }
        return try challenge(uses, first, postpone, lead: lead)
    }

    private func bridgeLead(_ use: CredentialUse) -> Message? {
        guard let credential = dossier.standing.credential(use.credential), MethodRegistry.traits(of: use.capability).signIn == .counts
        else {
            return nil
        }
        return CodePage.bridge(credential.method.rawValue)
    }

    private func code(
        _ state: ChallengeState, _ uses: [CredentialUse], _ postpone: Postponement, lead: Message?
    ) throws -> any Page {
        let rest = uses.filter { $0 != state.use && ($0.capability != state.use.capability || ResetMachine.isSent($0.capability)) }
        var around = Around(form: form("answer"))
        around.lead = lead ?? sentLead(state)
        around.others = choices(rest)
        around.who = who
        around.notNow = notNow(postpone)
        around.notNowUntil = until(postpone)
        around.ways += phoneWays
        if state.triesLeft == 0 { around.ways.append(.beginAgain(.link(SignInRoutes.link("/sign-in", returnTo)))) }
        if state.sends < CodeState.sendsMax, state.isUnderWay, state.triesLeft > 0 { around.sendAgain = form("send") }
        around.poll = "\(base)/progress"
        around.contact = masked(state.use)
        let days = dossier.policy.rememberBrowserDays
        let isMFA = if case .challenge = turn.decision.page { true } else { false }
        if days > 0, isMFA, !dossier.person.isAdministrator { around.rememberDays = days }
        if turn.state.saved == .sentAgain { around.notice = .saved(Message("saved.sent-again")) }
        return ChallengeView.page(state.use.capability, try turn.challenger.prompt(state), refusal, around: around)
    }

    private func sentLead(_ state: ChallengeState) -> Message? {
        guard let sent = state.code?.sent.last, let contact = masked(state.use) else { return nil }
        return CodePage.sent(contact, at: sent.sentAt, until: sent.expiresAt)
    }

    private func send(
        _ use: CredentialUse, _ uses: [CredentialUse], _ postpone: Postponement, lead: Message?
    ) throws -> any Page {
        guard MethodRegistry.traits(of: use.capability).manner.carrier != nil, let contact = masked(use) else {
            return OtherWaysPage(
                choices: choices(uses), who: who, lead: lead, errors: summaryErrors, notNow: notNow(postpone), notNowUntil: until(postpone),
                ways: phoneWays)
        }
        return SendPage(
            channel: SendPage.Channel(use.capability), to: contact, form: form("use", hidden: ["use": use.formValue]),
            lead: lead, errors: summaryErrors, others: choices(uses.filter { $0 != use }), notNow: notNow(postpone),
            notNowUntil: until(postpone), who: who, ways: phoneWays)
    }

    private var summaryErrors: [FieldError] { refusal.map { [FieldError(nil, $0)] } ?? [] }

    private var ways: UseChoices { UseChoices(dossier: dossier, form: form("use"), stuck: "\(base)?view=stuck") }

    private func masked(_ use: CredentialUse) -> CodeSent? { ways.masked(use) }

    private func choices(_ uses: [CredentialUse]) -> Choices { ways.list(uses) }

    /// What counts in the order of defaults, recovery codes and passes behind it.
    private func inOrder(_ uses: [CredentialUse]) -> [CredentialUse] { dossier.standing.quickestFirst(uses) }

    private func notNow(_ postpone: Postponement) -> Form? { postpone == .none ? nil : form("postpone") }

    private func until(_ postpone: Postponement) -> Moment? {
        if case .notNow(let until) = postpone { return until }
        return nil
    }

    // MARK: no way on

    private var stuck: DeadEndPage {
        let uses = turn.offered.filter { MethodRegistry.traits(of: $0.capability).signIn == .offeredOnly }
        return DeadEndPage(
            kind: .cannot, caseCode: turn.caseCode, helps: [DeadEndPage.askForPass],
            others: uses.isEmpty ? Choices([]) : Choices(choices(uses).items.dropLast(), form: form("use")), again: base, who: who)
    }

    private var unreachable: any Page {
        get throws {
            if let state = turn.state.core.challenge, turn.offered.contains(state.use) {
                return try code(state, turn.offered, .none, lead: nil)
            }
            let gaps = dossier.standing.counting(for: .signIn).compactMap { use -> UnreachablePage.Gap? in
                guard let gap = dossier.reach.gaps[use] else { return nil }
                return UnreachablePage.Gap(why: gap.why.rawValue, method: .asked(use.capability.rawValue), until: gap.until)
            }
            let uses = turn.offered
            return UnreachablePage(
                gaps: gaps, others: uses.isEmpty ? Choices([]) : Choices(choices(uses).items.dropLast(), form: form("use")), again: base,
                who: who, helps: [DeadEndPage.askForPass])
        }
    }

    private func deadEnd(_ end: DeadEnd) -> DeadEndPage {
        let kinds: [DeadEnd: DeadEndPage.Kind] = [
            .policyUnsatisfiable: .unsatisfiable, .stranded: .stranded, .registrationGuarded: .guarded,
        ]
        var page = DeadEndPage(kind: kinds[end] ?? .stranded, caseCode: turn.caseCode, helps: [DeadEndPage.askForPass], who: who)
        for credential in dossier.standing.credentials where end == .stranded && dossier.standing.isHeld(credential) {
            page.facts.append(DeadEndPage.had(.method(credential.method.rawValue), masked(credential.use(credential.verifiedBy ?? .text))))
            if case .notAllowed(let since?) = dossier.standing.whyNotCounting(credential, for: .signIn) {
                page.facts.append(DeadEndPage.changed(since: since, policy: dossier.policy.mfaRules.first ?? ""))
            }
        }
        if dossier.policy.guardKind == .trustedNetwork, end == .registrationGuarded { page.helps.append(DeadEndPage.fromTheOffice) }
        return page
    }

    // MARK: the wizard

    private func moreInformation(_ plan: Plan, _ postpone: Postponement) -> MoreInformationPage {
        let items = plan.items.map { item in
            MoreInformationPage.item(
                item.method.rawValue, icon: MethodRegistry.traits(of: item.method).icon, use: use(of: item),
                isConfirmation: item.confirms != nil)
        }
        var page = MoreInformationPage(who: who, items: items, reasons: reasons(plan), start: form("start"))
        page.postponement = postponement(postpone)
        page.notice = saved
        return page
    }

    private func campaign(_ item: PlanItem, _ name: String, _ postpone: Postponement) -> MoreInformationPage {
        let row = MoreInformationPage.item(
            item.method.rawValue, icon: MethodRegistry.traits(of: item.method).icon, use: Message("method.hint.\(item.method.rawValue)"))
        var page = MoreInformationPage(
            who: who, items: [row], reasons: [MoreInformationPage.becauseOfCampaign(name)], start: form("start"))
        page.isSuggestion = true
        page.postponement = postponement(postpone)
        return page
    }

    private func postponement(_ postpone: Postponement) -> MoreInformationPage.Postponement {
        switch postpone {
        case .none: .none
        case .notNow(let until): .notNow(form("postpone"), until: until)
        case .finishLater(let left): .finishLater(form("postpone"), skipsLeft: left)
        }
    }

    private func use(of item: PlanItem) -> Message {
        switch (dossier.standing.serves(item, .signIn), dossier.standing.serves(item, .reset)) {
        case (true, true): MethodUse.both
        case (true, false): MethodUse.signIn
        default: MethodUse.reset
        }
    }

    private func reasons(_ plan: Plan) -> [Reason] {
        SignInDecision.reasons(turn.state.core, turn.facts).compactMap { reason in
            switch reason {
            case .secondStepMissing(let rules): MoreInformationPage.becauseOfSignIn(policy: rules.joined(separator: ", "))
            case .administrator: Reason(.policy, Message("more.why.administrator"))
            case .personalSetting: Reason(.policy, Message("more.why.personal"))
            case .proofsMissing(let rules, let gates, let have):
                MoreInformationPage.becauseOfReset(policy: rules.joined(separator: ", "), gates: gates, have: have)
            case .servesBoth: MoreInformationPage.enough(plan.items.count)
            case .doesNotCount(_, let method, _, _): MoreInformationPage.doesNotCount(method.rawValue)
            case .counts, .impossible: nil
            }
        }
    }

    private func progress(_ step: Int, _ count: Int, plan: Plan?) -> Progress {
        let done = (turn.state.core.wizard?.done ?? []).map { id in
            Message.method(dossier.standing.credential(id)?.method.rawValue ?? MethodKind.totpApp.rawValue)
        }
        return Progress(steps: done + (plan?.items.map { .method($0.method.rawValue) } ?? []), current: plan == nil ? nil : step)
    }

    private func choose(_ plan: Plan, _ step: Int, _ count: Int) -> WizardChoosePage {
        let proposed = plan.items.first.map { [$0] } ?? []
        let kinds = (proposed + (plan.alternatives.first ?? []) + plan.saferButLonger).map(\.method)
        let items = kinds.enumerated().map { index, kind in
            WizardChoosePage.choice(
                kind.rawValue, icon: MethodRegistry.traits(of: kind).icon, .button(name: "method", value: kind.rawValue),
                isProposed: index == 0 && turn.state.core.wizard?.chosen.isEmpty != false)
        }
        return WizardChoosePage(
            progress: progress(step, count, plan: plan), choices: Choices(items, form: form("method")), back: .post(form("no-choice")))
    }

    private func register(
        _ item: PlanItem, _ plan: Plan, _ step: Int, _ count: Int, _ postpone: Postponement, status: Int
    ) throws -> Reply {
        guard let enrolment = turn.state.core.enrolment, let prompt = try turn.registrar.prompt(enrolment) else {
            return .page(OtherWaysPage(choices: Choices([]), who: who), status: status)
        }
        var ways: [Way] = []
        if plan.alternatives.first?.isEmpty == false || !plan.saferButLonger.isEmpty {
            ways.append(Way(Message("part.way.choose-else"), .post(form("choices"))))
        }
        if let other = Planner(dossier.standing).otherApp(than: item.method), enrolment.approvals == nil {
            ways.insert(Way(Message("part.way.other-app"), .post(form("method", hidden: ["method": other.rawValue]))), at: 0)
        }
        switch postpone {
        case .none: ways.append(Way(Message("part.way.stop"), .post(form("stop"))))
        case .notNow(let until): ways.append(Way(Postpone.words(until: until), .post(form("postpone"))))
        case .finishLater: ways.append(Way(Message("postpone.later"), .post(form("postpone"))))
        }
        let view = EnrolmentView(
            instance: instance, dossier: dossier, state: enrolment, prompt: prompt, numberWays: try turn.registrar.ways, base: base,
            refusal: refusal, progress: progress(step, count, plan: plan), notice: saved, ways: ways)
        return try .page(view.page, status: status)
    }

    private var saved: Notice? {
        switch turn.state.saved {
        case .added(let method): .saved(Message("saved.added.\(method.rawValue)"))
        case .confirmed(let method): .saved(Message("saved.confirmed", ["method": .message(.yourMethod(method.rawValue))]))
        case .sentAgain: .saved(Message("saved.sent-again"))
        case .phoneLost, nil: nil
        }
    }

    private var recoveryCodes: RecoveryCodesPage {
        RecoveryCodesPage(
            codes: turn.state.codes ?? [], form: form("kept"), name: dossier.record.name, madeAt: turn.request.now,
            errors: refusal.map { [FieldError("kept", $0)] } ?? [], progress: progress(0, 0, plan: nil), notice: saved)
    }

    private var summary: WizardSummaryPage {
        get throws {
            let rows = try SummaryRows(instance: instance, dossier: dossier).rows()
            return WizardSummaryPage(
                progress: progress(0, 0, plan: nil), firstName: dossier.record.shortName, rows: rows, form: form("finish"))
        }
    }

    /// Inside a review: the code that confirms a value of the directory.
    private var confirmation: (any Page)? {
        get throws {
            guard let enrolment = turn.state.core.enrolment, enrolment.confirms != nil, let prompt = try turn.registrar.prompt(enrolment)
            else {
                return nil
            }
            return try EnrolmentView(
                instance: instance, dossier: dossier, state: enrolment, prompt: prompt, numberWays: try turn.registrar.ways, base: base,
                refusal: refusal, progress: nil,
                notice: saved, ways: [Way(Message("part.cancel"), .post(form("confirm-cancel")))]
            ).page
        }
    }

    private var review: ReviewPage {
        get throws {
            ReviewPage(
                who: who, days: dossier.policy.reconfirmDays, last: dossier.person.lastReviewAt,
                rows: try SummaryRows(instance: instance, dossier: dossier).rows { id in
                    .post(form("confirm-start", hidden: ["credential": id.text]))
                },
                form: form("review"), change: .post(form("review-change")), notice: saved)
        }
    }
}

extension CodePage.Ask {
    /// What a capability's code is called on the page that asks for it.
    init(_ capability: Capability) {
        switch capability {
        case .text, .call, .alternateCall, .officeCall: self = .text
        case .emailCode: self = .mail
        case .recoveryCode: self = .recovery
        case .temporaryAccessPass: self = .pass
        default: self = .app
        }
    }
}
