import ConvergeCore

/// Translates what a person has into the Security info page and those around it.
struct SecurityInfoView {
    let dossier: Dossier
    let instance: Instance

    init(_ dossier: Dossier, _ instance: Instance) {
        self.dossier = dossier
        self.instance = instance
    }

    private var standing: Standing { dossier.standing }

    private var first: CredentialUse? {
        DefaultMethod.effective(
            offered: standing.counting(for: .signIn), credentials: standing.credentials, preference: dossier.person.preference)
    }

    // MARK: the list

    func page(notice: Notice?) throws -> SecurityInfoPage {
        let codes = dossier.credentials.first { $0.credential.method == .recoveryCodes }
        var page = SecurityInfoPage(rows: try rows())
        page.defaultMethod = first.map { .asked($0.capability.rawValue) }
        if DefaultMethod.ordered(standing.counting(for: .signIn), credentials: standing.credentials).count > 1 {
            page.changeDefault = .link("/security-info/default")
        }
        page.add = .link("/security-info/add")
        page.recoveryCodesLeft = codes?.credential.remaining
        if dossier.policy.recoveryCodes, standing.anythingCountsForSignIn { page.newRecoveryCodes = .post(Form("/security-info/recovery-codes")) }
        page.signOutEverywhere = .link("/sign-out-everywhere")
        page.notice = notice ?? guestNotice
        return page
    }

    /// A guest is told that reset is not for guests; the reset page itself stays the same for every name.
    private var guestNotice: Notice? {
        dossier.person.kind == .guest && !dossier.policy.resetInScope
            ? Notice(kind: .info, message: Message("security.guest"), detail: Message("security.guest-detail")) : nil
    }

    private func rows() throws -> [MethodRow] {
        try dossier.credentials.filter { $0.credential.method != .recoveryCodes }.map(row)
    }

    private func row(_ record: CredentialRecord) throws -> MethodRow {
        let credential = record.credential, content = try instance.credentials.open(record).content
        let signIn = standing.counts(credential, for: .signIn), reset = standing.counts(credential, for: .reset)
        var row = MethodRow(
            icon: credential.traits.icon,
            title: credential.verifiedBy == .text ? Message("method.by-text") : .method(credential.method.rawValue))
        row.value = content.phone.map { PhoneText.shown($0.e164) } ?? content.email?.address ?? content.label
        row.isNumber = content.phone != nil
        row.isOff = !signIn && !reset
        if credential.id == first?.credential { row.badges.append(.defaultMethod) }
        row.meta = [SecurityInfoPage.use(signIn: signIn, reset: reset)] + why(credential, signIn, reset)
        row.meta.append(
            SecurityInfoPage.history(addedBy: credential.source, at: credential.addedAt, lastUsed: record.lastUsed.values.max()))
        mark(credential, &row)
        return row
    }

    /// A word why something that is registered does not count.
    private func why(_ credential: Credential, _ signIn: Bool, _ reset: Bool) -> [Message] {
        if credential.state == .suspended { return [SecurityInfoPage.suspended] }
        if credential.state == .unconfirmed { return [SecurityInfoPage.unconfirmed] }
        if credential.traits.canSignIn, !signIn, case .notAllowed = standing.whyNotCounting(credential, for: .signIn) {
            return [SecurityInfoPage.notAllowed(policy: dossier.policy.mfaRules.first ?? "–")]
        }
        if !credential.traits.canSignIn, !reset, case .notAllowed = standing.whyNotCounting(credential, for: .reset) {
            return [SecurityInfoPage.notAllowed(policy: dossier.policy.resetRules.first ?? "–")]
        }
        return []
    }

    private func mark(_ credential: Credential, _ row: inout MethodRow) {
        let hidden = ["credential": credential.id.text]
        switch credential.state {
        case .suspended: row.badges.append(.suspended)
        case .unconfirmed:
            row.badges.append(.unconfirmed)
            if MethodRegistry.method(credential.method) != nil {
                row.actions.append(SecurityInfoPage.confirmAction(.post(Form("/security-info/confirm", hidden: hidden))))
            }
        default:
            if row.isOff { row.badges.append(.notAllowed) }
        }
        guard credential.traits.delete == .owner else {
            row.badges.append(.keptByOrganisation)
            row.meta.append(SecurityInfoPage.fromDirectory)
            return
        }
        if credential.traits.change == .owner, credential.state == .active, mayAdd(credential.method, replacing: credential.id) {
            row.actions.append(SecurityInfoPage.changeAction(.post(Form("/security-info/change", hidden: hidden))))
        }
        row.actions.append(SecurityInfoPage.deleteAction(.link("/security-info/delete/\(credential.id)")))
    }

    // MARK: adding

    /// Whether a person may add a credential of a kind now.
    func mayAdd(_ kind: MethodKind, replacing: CredentialID?) -> Bool {
        let traits = MethodRegistry.traits(of: kind)
        guard MethodRegistry.method(kind) != nil, traits.add == .owner, kind != .recoveryCodes else { return false }
        return isAllowed(traits) && !isFull(traits, replacing: replacing)
    }

    private func isAllowed(_ traits: MethodTraits) -> Bool {
        traits.capabilities.contains { standing.policyAllows($0.capability, for: .signIn) || standing.policyAllows($0.capability, for: .reset) }
    }

    private func isFull(_ traits: MethodTraits, replacing: CredentialID?) -> Bool {
        standing.credentials.filter { $0.traits.limitGroup == traits.limitGroup && $0.id != replacing && $0.state != .unconfirmed }.count
            >= traits.limit
    }

    /// Every method that this release has, those that cannot be added with a word why.
    var addable: Choices {
        let kinds = MethodRegistry.all.filter { traits in
            MethodRegistry.method(traits.kind) != nil && traits.add == .owner && traits.kind != .recoveryCodes
        }
        let items = kinds.map { traits -> Choice in
            let kind = traits.kind.rawValue
            guard isAllowed(traits) else { return AddMethodPage.off(kind, icon: traits.icon, because: Message("add.not-allowed")) }
            guard !isFull(traits, replacing: nil) else {
                return AddMethodPage.off(kind, icon: traits.icon, because: AddMethodPage.limit(traits.limit))
            }
            return Choice(
                .method(kind), hint: Message("method.hint.\(kind)"), icon: traits.icon, .button(name: "method", value: kind))
        }
        return Choices(items, form: Form("/security-info/add"))
    }

    // MARK: deleting

    func deletion(of id: CredentialID) throws -> any Page {
        guard let record = dossier.credential(id) else { return NotFoundPage() }
        let deletion = Deletion(id, standing), method = Message.yourMethod(record.credential.method.rawValue)
        switch deletion.verdict {
        case .allowed:
            var consequences: [Message] = []
            if let next = deletion.newDefault { consequences.append(DeletePage.newDefault(.asked(next.capability.rawValue))) }
            if dossier.policy.resetInScope { consequences.append(deletion.resetStays ? DeletePage.resetStays : DeletePage.resetGoes) }
            var row = try row(record)
            row.actions = []
            return DeletePage(
                form: Form("/security-info/delete/\(id)"), row: row, method: method, consequences: consequences,
                isLast: deletion.isLastForSignIn && record.credential.traits.canSignIn)
        case .neededForSignIn, .neededForReset, .notTheirs:
            return DeleteRefusedPage(
                method: method, isForSignIn: deletion.verdict == .neededForSignIn, reasons: reasons(without: id),
                choices: replacements(for: record.credential))
        }
    }

    private func reasons(without id: CredentialID) -> [Reason] {
        let rest = standing.without(id)
        let outcome = Planner(rest).plan(rest.ownRequirements)
        return rest.reasons(for: rest.ownRequirements, outcome: outcome).compactMap { reason in
            switch reason {
            case .secondStepMissing(let rules): Reason(.policy, Message("refused.because.sign-in", ["policy": .text(rules.joined(separator: ", "))]))
            case .administrator: Reason(.policy, Message("more.why.administrator"))
            case .personalSetting: Reason(.policy, Message("more.why.personal"))
            case .proofsMissing(let rules, let gates, _):
                Reason(.policy, Message("refused.because.reset", ["policy": .text(rules.joined(separator: ", ")), "gates": .number(gates)]))
            case .doesNotCount(_, let kind, _, _): MoreInformationPage.doesNotCount(kind.rawValue)
            case .servesBoth, .counts, .impossible: nil
            }
        }
    }

    /// The same method anew, or another that would do.
    private func replacements(for credential: Credential) -> Choices {
        let rest = standing.without(credential.id)
        let plan = Planner(rest).plan(rest.ownRequirements).plan
        let others = (plan.items.prefix(1) + (plan.alternatives.first ?? [])).map(\.method).filter { $0 != credential.method }
        let kinds = [credential.method] + others.filter { mayAdd($0, replacing: nil) }
        let items = kinds.filter { mayAdd($0, replacing: credential.id) }.map { kind in
            Choice(
                kind == credential.method ? Message("refused.anew.\(kind.rawValue)") : .method(kind.rawValue),
                hint: Message(kind == credential.method ? "refused.anew-hint" : "method.hint.\(kind.rawValue)"),
                icon: MethodRegistry.traits(of: kind).icon, .button(name: "method", value: kind.rawValue))
        }
        return Choices(items, form: Form("/security-info/add", hidden: ["replaces": credential.id.text]))
    }

    // MARK: default

    func changeDefault() throws -> ChangeDefaultPage {
        let uses = DefaultMethod.ordered(standing.counting(for: .signIn), credentials: standing.credentials)
        let radios = try uses.map { use -> Radio in
            let content = try dossier.credential(use.credential).map { try instance.credentials.open($0).content }
            return ChangeDefaultPage.choice(
                use.capability.rawValue, value: use.formValue, detail: content?.phone.map { PhoneText.shown($0.e164) } ?? content?.label,
                isNow: use == first)
        }
        return ChangeDefaultPage(
            form: Form("/security-info/default"), choices: radios,
            hasResetOnly: standing.credentials.contains { standing.counts($0, for: .reset) && !standing.counts($0, for: .signIn) })
    }
}
