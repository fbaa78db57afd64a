import ConvergeCore

/// Everything a person registered, or that was registered for them, as the Security info page lists it.
struct SecurityInfoList {
    let instance: Instance
    let dossier: Dossier
    let request: AnonymousRequest
    /// Numbers and addresses in full: only after a proof.
    let isProven: Bool

    private let session: SessionRecord

    /// What was replaced within the last day.
    let undoable: [Replacement]

    init(_ verified: RecentlyVerifiedRequest, _ instance: Instance, undoable: [Replacement] = []) {
        self.undoable = undoable
        self.instance = instance
        dossier = verified.dossier
        session = verified.session
        request = verified.request
        isProven = verified.session.hasFreshProof(policy: verified.dossier.policy, now: verified.request.now)
    }

    private var standing: Standing { dossier.standing }

    var page: SecurityInfoPage {
        get throws {
            let candidates = ChangeDefault.candidates(dossier)
            var page = SecurityInfoPage(rows: try rows)
            page.defaultMethod = standing.usualDefault.map { .asked($0.capability.rawValue) }
            page.changeDefault = candidates.count > 1 && !dossier.policy.methods.strongestFirst ? .link("/security-info/default") : nil
            page.add = .link("/security-info/add")
            page.spares = spares
            if NewRecoveryCodes.mayMake(dossier) {
                page.recoveryCodesLeft = NewRecoveryCodes.left(dossier)
                page.newRecoveryCodes = .link("/security-info/codes")
            }
            page.appPasswords = try AppPasswords.all(of: dossier).map(appPassword)
            page.newAppPassword = standing.mayMakeAppPasswords ? .link(AppPasswordRoutes.path) : nil
            page.undos = undoable.map { replacement in
                (
                    Message("security.undo-what", ["method": .message(.yourMethod(replacement.old.credential.method.rawValue))]),
                    .post(Form(NewPhone.undoPath, hidden: ["credential": replacement.old.id.text]))
                )
            }
            page.lostPhone = LostPhone.things(session, dossier).isEmpty ? nil : .link(LostPhone.path)
            page.signOutEverywhere = .link("/sign-out-everywhere")
            page.notice = saved(candidates) ?? wanting
            return page
        }
    }

    // MARK: notices

    /// What was just done; with an offer, where something new would come before what was chosen.
    private func saved(_ candidates: [CredentialUse]) -> Notice? {
        guard let saved = SavedNotice(query: request.query["saved"]) else { return nil }
        if case .added(let kind) = saved, !dossier.policy.methods.strongestFirst, !dossier.person.preference.isEmpty,
            let first = candidates.first, first != standing.usualDefault,
            standing.credential(first.credential)?.method == kind
        {
            return Notice(kind: .saved, message: saved.notice.message, detail: Message("security.better-default"))
        }
        return saved.notice
    }

    /// What is missing, said and never forced: somebody who comes here by themselves does not meet the wizard.
    private var wanting: Notice? {
        let missing = standing.ownRequirements
        if missing.mfa { return Notice(kind: .info, message: Message("security.wanting.sign-in")) }
        if missing.reset > 0 {
            return Notice(kind: .info, message: Message("security.wanting.reset", ["count": .number(missing.reset)]))
        }
        if dossier.person.kind == .guest, !dossier.policy.resetInScope, !dossier.document.reset.isEmpty {
            return Notice(kind: .info, message: Message("security.guest"), detail: Message("security.guest-detail"))
        }
        return nil
    }

    /// What would still work if any one thing were lost, said plainly; and the one addition that would help most.
    private var spares: [SecurityInfoPage.Spare] {
        let report = standing.lossReport
        var spares = [Purpose.signIn, .reset].filter(report.works.contains).map { purpose -> SecurityInfoPage.Spare in
            let loss = report.losses.first { $0.purpose == purpose }, name = purpose == .signIn ? "sign-in" : "reset"
            return .init(
                lost: Message("security.spare.\(name)"),
                answer: loss.map { Message("security.spare.\(name)-bad", ["method": .message(Self.words($0.what))]) }
                    ?? Message("security.spare.\(name)-good"),
                isGood: loss == nil)
        }
        if dossier.policy.resetInScope, standing.missingGates > 0 {
            spares.append(
                .init(
                    lost: Message("security.spare.reset"),
                    answer: Message("security.spare.password-bad", ["count": .number(standing.missingGates)]), isGood: false,
                    fix: .link("/security-info/add")))
        }
        if let remedy = report.remedy { spares.append(cheapest(remedy)) }
        return spares
    }

    private static func words(_ lost: Loss.What) -> Message {
        switch lost {
        case .method(let kind): .yourMethod(kind.rawValue)
        case .phone: Message("security.spare.your-phone")
        }
    }

    private func cheapest(_ remedy: LossRemedy) -> SecurityInfoPage.Spare {
        switch remedy {
        case .recoveryCodes:
            .init(
                lost: Message("security.spare.get-codes"), answer: Message("security.spare.remedy"), isGood: false,
                fix: .link("/security-info/codes"))
        case .method(let kind):
            .init(
                lost: Message("security.spare.add", ["method": .message(.method(kind.rawValue))]), answer: Message("security.spare.remedy"),
                isGood: false, fix: .link("/security-info/add"))
        }
    }

    // MARK: rows

    private var rows: [MethodRow] {
        get throws {
            try dossier.credentials.filter { !Self.apart.contains($0.credential.method) && !isOver($0.credential) }.map { record in
                var row = try self.row(record)
                row.actions = actions(record.credential)
                return row
            }
        }
    }

    /// What has a section of its own.
    private static let apart: Set<MethodKind> = [.recoveryCodes, .appPassword]

    private func appPassword(_ record: CredentialRecord) throws -> MethodRow {
        let content = try instance.credentials.open(record).content
        var row = MethodRow(icon: record.credential.traits.icon, title: Message("app-password.row", ["name": .text(content.label ?? "")]))
        row.meta = [
            Message("app-password.for", ["service": .text(content.service ?? "")]),
            SecurityInfoPage.history(
                addedBy: record.credential.source, at: record.credential.addedAt, lastUsed: record.lastUsed.values.max()),
        ]
        if !standing.mayMakeAppPasswords { row.badges = [.notAllowed] }
        row.actions = actions(record.credential)
        return row
    }

    /// A pass that is used up or past its end.
    private func isOver(_ credential: Credential) -> Bool {
        !credential.traits.counted && !credential.isUsable(at: dossier.now) && (credential.validFrom.map { $0 <= dossier.now } ?? true)
    }

    /// One method, without what can be done with it: pages about one method show the same row.
    func row(_ record: CredentialRecord) throws -> MethodRow {
        let credential = record.credential
        var row = MethodRow(icon: credential.traits.icon, title: MethodWords.title(credential))
        (row.value, row.isNumber) = try MethodWords.value(record, isProven: isProven, instance)
        row.badges = badges(credential)
        row.meta = meta(credential, record)
        row.isOff = !standing.counts(credential, for: .signIn) && !standing.counts(credential, for: .reset) && credential.traits.counted
        return row
    }

    private func badges(_ credential: Credential) -> [Badge] {
        var badges: [Badge] = []
        if credential.id == standing.usualDefault?.credential { badges.append(.defaultMethod) }
        switch credential.state {
        case .unconfirmed: badges.append(.unconfirmed)
        case .suspended: badges.append(.suspended)
        default: if NotCountingWords.isNotAllowed(credential, standing) { badges.append(.notAllowed) }
        }
        if credential.traits.delete == .administrator, !standing.ownerMay(\.delete, credential.traits) {
            badges.append(.keptByOrganisation)
        }
        return badges
    }

    private func meta(_ credential: Credential, _ record: CredentialRecord) -> [Message] {
        var lines: [Message] = []
        if credential.traits.counted {
            lines.append(
                SecurityInfoPage.use(signIn: standing.counts(credential, for: .signIn), reset: standing.counts(credential, for: .reset)))
        } else if let until = credential.validUntil {
            lines.append(Message("security.valid-until", ["until": .date(until, .until)]))
        }
        if let why = NotCountingWords.line(credential, standing) { lines.append(why) }
        if let keeper = credential.authenticator.flatMap(AuthenticatorNames.name) {
            lines.append(Message("security.kept-by", ["name": .text(keeper)]))
        }
        lines.append(
            SecurityInfoPage.history(addedBy: credential.source, at: credential.addedAt, lastUsed: record.lastUsed.values.max()))
        return lines
    }

    private func actions(_ credential: Credential) -> [MethodRow.Action] {
        let hidden = ["credential": credential.id.text], traits = credential.traits
        var actions: [MethodRow.Action] = []
        if credential.state == .unconfirmed {
            if standing.wouldServe(credential), !credential.inOwnMailDomain, MethodRegistry.method(credential.method) != nil {
                actions.append(SecurityInfoPage.confirmAction(.post(Form("/security-info/confirm", hidden: hidden))))
            }
            return actions  // The directory would bring it back.
        }
        if standing.ownerMay(\.change, traits), standing.addability(of: credential.method, replacing: credential.id) == .open {
            actions.append(SecurityInfoPage.changeAction(.post(Form("/security-info/change", hidden: hidden))))
        }
        if credential.method == .passkey, credential.state == .active {
            actions.append(SecurityInfoPage.renameAction(.link(RenamePasskey.path(credential.id))))
        }
        if standing.ownerMay(\.delete, traits) {
            actions.append(SecurityInfoPage.deleteAction(.link("/security-info/delete/\(credential.id)")))
        }
        return actions
    }
}

/// What a method of a person is called.
enum MethodWords {
    static func title(_ credential: Credential) -> Message {
        switch credential.verifiedBy {
        case .text: Message("method.by-text")
        case .call: Message("method.by-call")
        default: .method(credential.method.rawValue)
        }
    }

    /// The number, address or name of a credential, masked before a proof; and whether it is a number.
    static func value(_ record: CredentialRecord, isProven: Bool, _ instance: Instance) throws -> (String?, isNumber: Bool) {
        guard record.credential.state != .retired else { return (nil, false) }
        let content = try instance.credentials.open(record).content
        if let dialled = content.dialled { return (isProven ? PhoneText.shown(dialled) : "… " + dialled.lastTwo, true) }
        if let email = content.email { return (isProven ? email.address : email.masked, false) }
        return (content.label, false)
    }
}

/// Why something that is registered is of no use, or of less use than it could be: one line.
enum NotCountingWords {
    /// Whether policy keeps it from everything that it could serve.
    static func isNotAllowed(_ credential: Credential, _ standing: Standing) -> Bool {
        guard credential.traits.counted, credential.state == .active else { return false }
        guard !standing.counts(credential, for: .signIn), !standing.counts(credential, for: .reset) else { return false }
        return [Purpose.signIn, .reset].contains { isPolicy(standing.whyNotCounting(credential, for: $0)) }
    }

    static func line(_ credential: Credential, _ standing: Standing) -> Message? {
        guard credential.traits.counted else { return nil }
        switch credential.state {
        case .suspended: return SecurityInfoPage.suspended
        case .unconfirmed: return SecurityInfoPage.unconfirmed
        default: break
        }
        if credential.traits.delete == .administrator, !standing.ownerMay(\.delete, credential.traits) {
            return SecurityInfoPage.fromDirectory
        }
        let signIn = standing.whyNotCounting(credential, for: .signIn), reset = standing.whyNotCounting(credential, for: .reset)
        if signIn == .authenticatorNotAllowed { return Message("security.not.authenticator") }
        if isNotAllowed(credential, standing) {
            let policies = standing.policy.mfaRules + standing.policy.resetRules
            return policies.isEmpty ? Message("add.not-allowed") : SecurityInfoPage.notAllowed(policy: policies.joined(separator: ", "))
        }
        // Of some use: only what is missing by policy is worth a word.
        if reset == nil, isPolicy(signIn) { return Message("security.not.sign-in") }
        for why in [signIn, reset] {
            switch why {
            case .ownMailDomain: return Message("security.not.own-domain")
            case .setTooSmall: return Message("security.not.set-too-small")
            case .registeredForOtherFeature: return Message("security.not.other-feature")
            default: continue
            }
        }
        return nil
    }

    private static func isPolicy(_ why: NotCounting?) -> Bool {
        switch why {
        case .notAllowed, .needsTwoGates, .notForAdministrators, .authenticatorNotAllowed: true
        default: false
        }
    }
}
