import ConvergeCore

/// The page that a registration's prompt becomes: the same in the wizard and on Security info.
struct EnrolmentView {
    let instance: Instance
    let dossier: Dossier
    let state: EnrolmentState
    let prompt: Prompt
    /// What a number may be proven by.
    let numberWays: Set<Capability>
    /// The flow's address; actions are appended to it.
    let base: String
    var refusal: Refusal?
    var progress: Progress?
    var notice: Notice?
    var crumb: Way?
    var ways: [Way] = []

    private func form(_ action: String) -> Form { Form("\(base)/\(action)") }

    private func around(_ action: String, _ errors: [FieldError]) -> Around {
        Around(form: form(action), errors: errors, progress: progress, notice: notice, crumb: crumb, ways: ways)
    }

    var page: any Page {
        get throws {
            switch prompt {
            case .scan(let uri, let key): try app(uri, key)
            case .phone(let region, let typed): try contactToConfirm ?? phone(region, typed)
            case .email(let typed): try contactToConfirm ?? email(typed)
            case .createPasskey(let creation): passkey(creation)
            case .usePasskey: throw Fault("a registration asks for a passkey that exists")
            case .chooseQuestions(let pool, let chosen): chooseQuestions(pool, chosen)
            case .token(let serial): token(serial)
            case .questions: throw Fault("a registration asks for the answers of a challenge")
            case .code(let length, let sentTo, _, let canSendAgain): code(length, sentTo, canSendAgain)
            case .call(let calling): call(calling)
            case .activate(let activating): try activate(activating)
            case .approve(let approving): approve(approving)
            }
        }
    }

    /// Whether a number of this method is proven by a text, and whether by a call.
    private var isText: Bool { MethodRegistry.traits(of: state.method).traits(of: .text) != nil && numberWays.contains(.text) }
    private var isCall: Bool {
        MethodRegistry.traits(of: state.method).capabilities.contains { $0.manner == .answeredCall && numberWays.contains($0.capability) }
    }

    private func call(_ calling: Calling) -> CallPage {
        var around = around("enrol", errors(nil))
        around.contact = calling.number.map { .number(PhoneText.shown($0)) }
        (around.poll, around.since) = ("\(base)/progress", calling.askedAt)
        if calling.canAskAgain { around.sendAgain = form("again") }
        if state.confirms == nil { around.ways.insert(.changeNumber(.post(form("change"))), at: 0) }
        return CallPage(stage: calling.stage, around: around)
    }

    private func activate(_ activating: Activating) throws -> WizardActivatePage {
        let address = instance.config.publicURL + "/authenticator"
        var around = around("enrol", errors(nil))
        around.poll = "\(base)/progress"
        return WizardActivatePage(
            qr: QRFigure(modules: try QRCode(address + "#add=" + activating.code.text).modules), code: activating.shown, address: address,
            until: activating.until, isThere: activating.isThere, again: form("again"), around: around)
    }

    private func approve(_ approving: Approving) -> ApprovePage {
        var around = around("enrol", errors(nil))
        around.poll = "\(base)/progress"
        if approving.canAskAgain { around.sendAgain = form("again") }
        around.ways.insert(.beginAgain(.post(form("change"))), at: 0)
        return ApprovePage(approving: approving, isFirst: true, around: around)
    }

    private func errors(_ field: String?) -> [FieldError] { refusal.map { [FieldError(field, $0)] } ?? [] }

    private func app(_ uri: Secret, _ key: Secret) throws -> WizardAppPage {
        WizardAppPage(
            qr: QRFigure(modules: try QRCode(uri.text).modules), key: key.text.filter { $0 != " " }, uri: uri.text,
            around: around("code", errors("code")))
    }

    private func phone(_ region: String?, _ typed: String) -> WizardPhonePage {
        let countries = Countries.all.map { CountryOption(region: $0.code, name: $0.name, calling: String($0.callingCode)) }
        return WizardPhonePage(
            kind: state.method.rawValue, isText: isText || !isCall, isCall: isCall, form: form("phone"),
            phone: PhoneInput(countries: countries, region: region ?? instance.config.organisation.country, number: typed),
            errors: errors("number"), progress: progress, notice: notice, crumb: crumb, isChange: state.replaces != nil, ways: ways)
    }

    private func email(_ typed: String) -> WizardEmailPage {
        WizardEmailPage(
            form: form("email"), address: typed, errors: errors("email"), progress: progress, notice: notice, crumb: crumb,
            isChange: state.replaces != nil, ways: ways)
    }

    private func passkey(_ creation: PasskeyCreation) -> PasskeyPage {
        let field = refusal?.code == .nameTooLong ? "name" : nil
        return PasskeyPage(ceremony: .create(creation), around: around("enrol", errors(field)))
    }

    private func token(_ serial: String) -> TokenPage {
        TokenPage(serial: serial, around: around("enrol", errors("code")))
    }

    private func chooseQuestions(_ pool: [SecurityQuestion], _ chosen: [ChosenAnswer]) -> ChooseQuestionsPage {
        ChooseQuestionsPage(pool: pool, chosen: chosen, around: around("enrol", errors("question-1")))
    }

    /// A value that the directory knows: shown before its code is sent.
    private var contactToConfirm: WizardConfirmPage? {
        get throws {
            guard let confirms = state.confirms, !state.isUnderWay, let record = dossier.credential(confirms) else { return nil }
            let content = try instance.credentials.open(record).content
            let contact: CodeSent =
                if let dialled = content.dialled { .number(PhoneText.shown(dialled)) } else { .address(content.email?.address ?? "") }
            return WizardConfirmPage(
                form: form("confirm"), contact: contact, isCall: content.phone != nil && isCall && !isText, progress: progress,
                errors: errors(nil), notice: notice, ways: ways)
        }
    }

    private func code(_ length: Int, _ sentTo: String?, _ canSendAgain: Bool) -> CodePage {
        let isText = state.phone != nil
        var page = CodePage(ask: isText ? .text : .mail, around: Around(form: form("code")), digits: length)
        if let sent = state.code?.sent.last, let sentTo {
            page.lead = CodePage.sent(isText ? .number(PhoneText.shown(sentTo)) : .address(sentTo), at: sent.sentAt, until: sent.expiresAt)
        }
        page.errors = errors("code")
        page.progress = progress
        page.notice = notice
        page.crumb = crumb
        if canSendAgain { page.sendAgain = form("again") }
        if state.triesLeft == 0 {
            page.ways.append(.beginAgain(.post(form("change"))))
        } else if state.confirms == nil {
            page.ways.append(Way(Message(isText ? "part.way.change-number" : "part.way.change-address"), .post(form("change"))))
        }
        page.ways += ways
        return page
    }
}
