import ConvergeCore

@testable import ConvergeServer

extension Example {
    private static func approving(
        _ stage: ApprovalStage, isFirst: Bool = false, sendAgain: Form? = nil, rememberDays: Int? = nil
    ) -> ApprovePage {
        var around = Around(form: flow, rememberDays: rememberDays, sendAgain: sendAgain, others: otherWays, who: who)
        around.poll = "/flows/q7Tn2/progress"
        return ApprovePage(
            approving: Approving(stage: stage, number: "47", askedAt: now, until: now + .seconds(60), canAskAgain: sendAgain != nil),
            isFirst: isFirst, around: around)
    }

    static let signIn = [
        Example("sign-in", PasswordPage()),
        Example("sign-in-passkey", PasswordPage(passkey: PasskeyForm(.signIn(passkeyRequest), Form("/sign-in/passkey")))),
        Example(
            "sign-in-wrong",
            PasswordPage(name: "ada.okafor", errors: [FieldError("password", Refusal(.signInWrong))])),
        Example(
            "sign-in-locked",
            PasswordPage(name: "ada.okafor", errors: [FieldError("password", Refusal(.signInLocked, until: now + .minutes(5)))])),
        Example("sign-in-signed-out", PasswordPage(notice: PasswordPage.signedOut)),
        Example("sign-in-password-changed", PasswordPage(notice: PasswordPage.passwordChanged)),
        Example("sign-in-expired", PasswordPage(notice: PasswordPage.expired)),
        Example("access-pass", AccessPassPage()),
        Example("access-pass-wrong", AccessPassPage(name: "ada", errors: [FieldError("pass", Refusal(.passWrong))])),
        Example("sign-out", SignOutPage()),
        Example("signed-out", SignedOutPage()),
        Example("stopped", StoppedPage()),
    ]

    private static func calling(_ since: Moment) -> Around {
        Around(
            form: flow, rememberDays: 14, sendAgain: flow, poll: "/flows/q7Tn2/progress", contact: .numberEnding("84"), since: since,
            others: otherWays, othersOpen: false, who: who)
    }

    static let challenge = [
        Example(
            "challenge-passkey",
            PasskeyPage(ceremony: .use(passkeyRequest), around: Around(form: flow, rememberDays: 14, others: otherWays, who: who))),
        Example(
            "challenge-passkey-refused",
            PasskeyPage(
                ceremony: .use(passkeyRequest),
                around: Around(form: flow, errors: [FieldError(nil, Refusal(.passkeyCancelled))], others: otherWays, who: who))),
        Example("challenge-code", CodePage(ask: .app, form: flow, rememberDays: 14, others: otherWays, who: who)),
        Example(
            "challenge-code-error",
            CodePage(ask: .app, form: flow, errors: [FieldError("code", Refusal(.codeWrong, count: 3))], others: otherWays, who: who)),
        Example(
            "challenge-text",
            CodePage(
                ask: .text, form: flow, lead: CodePage.sent(.numberEnding("84"), at: now, until: now + .minutes(5)),
                rememberDays: 14, sendAgain: Form("/flows/q7Tn2/again", flow: "q7Tn2"), others: otherWays, othersOpen: false, who: who)),
        Example("challenge-recovery", CodePage(ask: .recovery, form: flow, who: who, ways: [.anotherWay(.link("/flows/q7Tn2/others"))])),
        Example("challenge-pass", CodePage(ask: .pass, form: flow, who: who)),
        Example(
            "challenge-not-now",
            CodePage(ask: .app, form: flow, notNow: Form("/flows/q7Tn2/later", flow: "q7Tn2"), notNowUntil: now + .days(11), who: who)),
        Example("bridge", CodePage(ask: .text, form: flow, lead: CodePage.bridge("mobilePhone"), who: who)),
        Example(
            "before-change",
            CodePage(ask: .app, form: flow, lead: CodePage.beforeChange, crumb: .back(Message("layout.nav.security"), "/security-info"))),
        Example(
            "questions",
            QuestionsPage(
                questions: [.predefined("first-pet"), .custom("What lies under the lighthouse?"), .predefined("first-car")],
                around: Around(form: flow, errors: [FieldError(nil, Refusal(.answersWrong, count: 3))], who: who))),
        Example("approve", approving(.waiting(.queued), sendAgain: Form("/flows/q7Tn2/send", flow: "q7Tn2"), rememberDays: 14)),
        Example("approve-wrong", approving(.failed(.wrongNumber), sendAgain: Form("/flows/q7Tn2/send", flow: "q7Tn2"))),
        Example("approve-denied", approving(.denied)),
        Example("approve-first", approving(.waiting(.queued), isFirst: true)),
        Example(
            "activate",
            WizardActivatePage(
                qr: QRFigure(modules: [[true, false], [false, true]]), code: "7K3Q-X9AB", address: "https://id.example/authenticator",
                until: now + .minutes(10), isThere: false, again: Form("/flows/q7Tn2/again", flow: "q7Tn2"),
                around: Around(
                    form: flow, errors: [FieldError(nil, Refusal(.appNotThere))], poll: "/flows/q7Tn2/progress",
                    progress: Progress(steps: steps, current: 1)))),
        Example("authenticator", AuthenticatorPage()),
        Example("send-app", SendPage(channel: .app, to: .app, form: flow, who: who)),
        Example("send", SendPage(channel: .text, to: .numberEnding("84"), form: flow, others: otherWays, who: who)),
        Example("send-mail", SendPage(channel: .mail, to: .maskedAddress("a…@h…"), form: flow, who: who)),
        Example("send-call", SendPage(channel: .call, to: .numberEnding("84"), form: flow, others: otherWays, who: who)),
        Example("call", CallPage(stage: .waiting(.ringing), around: calling(now))),
        Example("call-late", CallPage(stage: .waiting(.answered), around: calling(now - .minutes(1)))),
        Example("call-busy", CallPage(stage: .failed(.busy), around: calling(now))),
        Example("call-perhaps", CallPage(stage: nil, around: Around(form: flow, lead: CallPage.perhapsCalled(until: now + .minutes(5))))),
        Example("other-ways", OtherWaysPage(choices: otherWays, who: who)),
        Example(
            "unreachable",
            UnreachablePage(
                gaps: [
                    .init(why: "gateway", method: .method("mobilePhone"), until: nil),
                    .init(why: "budget", method: .method("totpApp"), until: now + .minutes(20)),
                ],
                others: Choices([Choice(.use("recoveryCode"), icon: "codes", .button(name: "use", value: "c3"))], form: flow),
                again: "/flows/q7Tn2", who: who)),
        Example(
            "dead-end",
            DeadEndPage(
                kind: .stranded, caseCode: "7K3QX9",
                facts: [
                    DeadEndPage.had(.method("mobilePhone"), .numberEnding("31")),
                    DeadEndPage.changed(since: ago(.days(3)), policy: "Sign-in for everyone"),
                ],
                helps: [DeadEndPage.askForPass, DeadEndPage.fromTheOffice], who: who)),
        Example("dead-end-unsatisfiable", DeadEndPage(kind: DeadEndPage.Kind(.policyUnsatisfiable), caseCode: "7K3QX9")),
        Example(
            "dead-end-guarded",
            DeadEndPage(kind: DeadEndPage.Kind(.registrationGuarded), caseCode: "7K3QX9", helps: [DeadEndPage.askForPass])),
        Example("dead-end-stranded", DeadEndPage(kind: DeadEndPage.Kind(.stranded), caseCode: "7K3QX9")),
        Example("dead-end-blocked", DeadEndPage(kind: .blocked, caseCode: "7K3QX9")),
        Example("dead-end-cannot", DeadEndPage(kind: .cannot, caseCode: "7K3QX9", others: otherWays)),
        Example("dead-end-reset", DeadEndPage(kind: .reset, caseCode: "7K3QX9")),
        Example("helpdesk", HelpdeskPage()),
    ]

    static let wizard = [
        Example(
            "wizard-passkey",
            PasskeyPage(ceremony: .create(passkeyCreation), around: Around(form: flow, progress: Progress(steps: steps, current: 1)))),
        Example(
            "wizard-passkey-name",
            PasskeyPage(
                ceremony: .create(passkeyCreation),
                around: Around(form: flow, errors: [FieldError("name", Refusal(.nameTooLong, count: 40))]))),
        Example(
            "more-information",
            MoreInformationPage(
                who: who,
                items: [
                    MoreInformationPage.item("totpApp", icon: "app", use: MethodUse.both),
                    MoreInformationPage.item("mobilePhone", icon: "phone", use: MethodUse.reset),
                ],
                reasons: [
                    MoreInformationPage.becauseOfSignIn(policy: "Sign-in for everyone"),
                    MoreInformationPage.becauseOfReset(policy: "Password reset", gates: 2, have: 0), MoreInformationPage.enough(2),
                ],
                start: flow, postponement: .notNow(flow, until: now + .days(11)))),
        Example(
            "more-information-one",
            MoreInformationPage(
                who: who, items: [MoreInformationPage.item("email", icon: "mail", use: MethodUse.reset, isConfirmation: true)],
                reasons: [
                    MoreInformationPage.becauseOfReset(policy: "Password reset", gates: 2, have: 1),
                    MoreInformationPage.doesNotCount("mobilePhone"),
                ], start: flow,
                postponement: .finishLater(flow, skipsLeft: 2))),
        Example(
            "campaign",
            MoreInformationPage(
                who: who, items: [MoreInformationPage.item("totpApp", icon: "app", use: Message("method.hint.totpApp"))],
                reasons: [MoreInformationPage.becauseOfCampaign("An app for everybody")], start: flow,
                postponement: .notNow(flow, until: nil), isSuggestion: true)),
        Example(
            "wizard-app",
            WizardAppPage(
                qr: qr, key: "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP",
                uri: "otpauth://totp/Harbour%20%26%20Vale:ada?secret=JBSWY3DPEHPK3PXP&issuer=Harbour%20%26%20Vale",
                around: Around(
                    form: flow, progress: Progress(steps: steps, current: 1),
                    ways: [.chooseSomethingElse(.post(flow)), .stopForNow(.post(flow))]))),
        Example(
            "wizard-app-error",
            WizardAppPage(
                qr: qr, key: "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP", uri: "otpauth://totp/x?secret=JBSWY3DPEHPK3PXP",
                around: Around(
                    form: flow, errors: [FieldError("code", Refusal(.codeClock))], progress: Progress(steps: steps, current: 1)))),
        Example(
            "wizard-choose",
            WizardChoosePage(
                progress: Progress(steps: steps, current: 1),
                choices: Choices(
                    [
                        WizardChoosePage.choice("totpApp", icon: "app", .button(name: "choice", value: "totpApp"), isProposed: true),
                        WizardChoosePage.choice("mobilePhone", icon: "phone", .button(name: "choice", value: "mobilePhone")),
                        WizardChoosePage.choice("email", icon: "mail", .off),
                    ], form: flow), back: .post(flow))),
        Example(
            "wizard-phone",
            WizardPhonePage(
                form: flow, phone: PhoneInput(countries: countries, region: "GB"), progress: Progress(steps: steps, current: 2),
                notice: .added("totpApp"), ways: [.chooseSomethingElse(.post(flow)), .stopForNow(.post(flow))])),
        Example(
            "wizard-phone-error",
            WizardPhonePage(
                form: flow, phone: PhoneInput(countries: countries, region: "GB", number: "020 7946 0158 x212"),
                errors: [FieldError("number", Refusal(.phoneExtension))], progress: Progress(steps: steps, current: 2))),
        Example(
            "wizard-phone-either",
            WizardPhonePage(
                isCall: true, form: flow, phone: PhoneInput(countries: countries, region: "GB"),
                progress: Progress(steps: steps, current: 2))),
        Example(
            "add-office",
            WizardPhonePage(
                kind: "officePhone", isText: false, isCall: true, form: flow, phone: PhoneInput(countries: countries, region: "GB"))),
        Example(
            "wizard-code-error",
            CodePage(
                ask: .text, form: flow, lead: CodePage.sent(.number("+44 7700 900184"), at: now, until: now + .minutes(5)),
                errors: [FieldError("code", Refusal(.codeWrong, count: 3))], sendAgain: flow,
                progress: Progress(steps: steps, current: 2), ways: [.changeNumber(.post(flow))])),
        Example(
            "wizard-questions",
            ChooseQuestionsPage(
                pool: SecurityQuestion.pool(QuestionPolicy(custom: ["What lies under the lighthouse?"])),
                chosen: [
                    ChosenAnswer(question: .predefined("first-pet"), answer: Secret("Mr. Whiskers")),
                    ChosenAnswer(question: nil, answer: Secret("")), ChosenAnswer(question: nil, answer: Secret("")),
                ],
                around: Around(
                    form: flow, errors: [FieldError("question-1", Refusal(.questionEmpty).about("question-2"))],
                    progress: Progress(steps: steps, current: 2)))),
        Example(
            "wizard-token",
            TokenPage(serial: "OT-00017", around: Around(form: flow, errors: [FieldError("serial", Refusal(.tokenMismatch, count: 4))]))),
        Example(
            "wizard-email", WizardEmailPage(form: flow, progress: Progress(steps: [.method("totpApp"), .method("email")], current: 2))),
        Example(
            "wizard-email-error",
            WizardEmailPage(form: flow, address: "ada@harbourvale.example", errors: [FieldError("email", Refusal(.emailOwnDomain))])),
        Example(
            "wizard-confirm",
            WizardConfirmPage(
                form: flow, contact: .number("+44 7700 900184"), progress: Progress(steps: steps, current: 2),
                ways: [.isWrong(.link("/helpdesk"))])),
        Example("wizard-confirm-email", WizardConfirmPage(form: flow, contact: .address("ada@okafor-family.example"))),
        Example("recovery-codes", RecoveryCodesPage(codes: codes, form: flow, name: "ada.okafor", madeAt: now)),
        Example(
            "recovery-codes-error",
            RecoveryCodesPage(
                codes: codes, form: flow, name: "ada.okafor", madeAt: now, errors: [FieldError("kept", Refusal(.keptNotTicked))])),
        Example(
            "wizard-summary",
            WizardSummaryPage(
                progress: Progress(steps: steps), firstName: "Ada", rows: [appRow, phoneRow], form: flow, continueTo: "Expenses",
                isOnOnePhone: true, recoveryCodes: .link("/security-info/recovery-codes"), changeDefault: .link("/flows/q7Tn2/default"))),
        Example("wizard-summary-plain", WizardSummaryPage(rows: [appRow], form: flow)),
        Example(
            "review",
            ReviewPage(
                who: who, days: 180, last: ago(.days(181)), rows: [appRow, phoneRow, emailRow], form: flow, change: .link("/security-info"))
        ),
        Example("review-first", ReviewPage(who: who, rows: [phoneRow], form: flow, change: .post(flow))),
    ]

    static let codes = [
        "7K3Q-X9MD", "R2VN-48TC", "HW6P-LJ3Y", "9FZB-MQ7E", "C4XT-6RKU", "VD8L-P2HN", "3YGW-T5JA", "QN7M-E9XF", "L6KC-W4RZ", "U8PH-3BVT",
    ]

    /// Looks like a QR code, but says nothing.
    static let qr = QRFigure(
        modules: (0..<33).map { y in
            (0..<33).map { x in
                let eye = [(0, 0), (26, 0), (0, 26)].first { (0..<7).contains(x - $0.0) && (0..<7).contains(y - $0.1) }
                guard let eye else { return (x * x * 7 + y * y * 3 + x * y * 5) % 11 < 5 }
                let ring = max(abs(x - eye.0 - 3), abs(y - eye.1 - 3))
                return ring != 2
            }
        })
}

extension Example {
    static let passkeyRequest = PasskeyRequest(
        challenge: Array(0..<32), relyingParty: "id.harbourvale.example", allow: [PasskeyDescriptor(id: [1, 2, 3], transports: ["usb"])],
        verification: .preferred)
    static let passkeyCreation = PasskeyCreation(
        challenge: Array(0..<32), relyingParty: "id.harbourvale.example", relyingPartyName: "Harbour & Vale", userHandle: [7], name: "ada",
        displayName: "Ada \"A\" Okafor", exclude: [PasskeyDescriptor(id: [9], transports: [])],
        asksForAttestation: false, typed: "Work laptop")
}
