import ConvergeCore

@testable import ConvergeServer

extension Example {
    static let rules = [
        NewPasswordPage.rule("password.rule.at-least", ["minimum": 12]), NewPasswordPage.rule("password.rule.not-breached"),
        NewPasswordPage.rule("password.rule.no-names"),
    ]

    static let reset = [
        Example("reset-find", ResetFindPage()),
        Example("reset-find-error", ResetFindPage(errors: [FieldError("name", Refusal(.fieldEmpty))])),
        Example("reset-reason", ResetReasonPage(form: flow)),
        Example("reset-choose", ResetChoosePage(form: flow, gate: 1, gates: 2, choices: kinds, cannot: .link("/flows/q7Tn2/cannot"))),
        Example("reset-choose-one", ResetChoosePage(form: flow, gate: 1, gates: 1, choices: kinds, cannot: .post(flow))),
        Example(
            "reset-choose-second",
            ResetChoosePage(
                form: flow, gate: 2, gates: 2,
                choices: [Radio(value: "text", title: .use("text"), hint: CodeSent.numberEnding("84").label, isChosen: true)],
                notice: .proofs(done: 1, of: 2), cannot: .post(flow))),
        Example(
            "reset-contact",
            ResetContactPage(contact: .phone(PhoneInput(countries: countries, region: "GB")), form: flow, another: .post(flow))),
        Example(
            "reset-contact-email",
            ResetContactPage(contact: .email("ada"), form: flow, errors: [FieldError("email", Refusal(.emailWrong))], another: .post(flow))),
        Example(
            "reset-contact-hint",
            ResetContactPage(contact: .email(""), form: flow, hint: .maskedAddress("a…@o…"), another: .post(flow))),
        Example(
            "reset-code",
            CodePage(
                ask: .text, form: flow, lead: CodePage.perhapsSent(until: now + .minutes(5)), progress: .reset(2),
                ways: [Way(Message("reset.way.another"), .post(flow))])),
        Example(
            "reset-password",
            NewPasswordPage(
                kind: .reset, form: flow, username: "ada.okafor", rules: rules, notice: .proofs(done: 2, of: 2), progress: .reset(3))),
        Example(
            "password-forced",
            NewPasswordPage(
                kind: .forced(why: "reset"), form: flow, username: "ada.okafor", rules: rules,
                errors: [
                    NewPasswordPage.problem("password.too-short", ["minimum": 12]), NewPasswordPage.problem("password.breached"),
                    FieldError("again", Refusal(.passwordsDiffer)),
                ], who: who)),
        Example("password-expired", NewPasswordPage(kind: .forced(why: "expired"), form: flow, username: "ada", rules: rules, who: who)),
        Example("password-known", NewPasswordPage(kind: .forced(why: "known"), form: flow, username: "ada", rules: rules, who: who)),
        Example("password-change", NewPasswordPage(kind: .voluntary, form: Form("/password"), username: "ada.okafor", rules: rules)),
        Example("reset-done", ResetDonePage()),
        Example("reset-unlocked", ResetUnlockedPage()),
        Example(
            "reset-not-enough",
            ResetNotEnoughPage(caseCode: "7K3QX9", facts: [ResetNotEnoughPage.young("email", from: now + .hours(22))])),
        Example("reset-out-of-tries", ResetOutOfTriesPage(caseCode: "7K3QX9")),
        Example("unlock", UnlockPage(form: flow, newPassword: .post(flow))),
        Example("reset-paused", ResetPausedPage(until: now + .hours(20))),
    ]

    static let kinds = [
        ResetChoosePage.kind("appCode", value: "appCode", isChosen: true), ResetChoosePage.kind("text", value: "text"),
        ResetChoosePage.kind("emailCode", value: "emailCode"),
    ]

    static let securityInfo = [
        Example("security-info", securityInfoPage, person: ada),
        Example(
            "security-info-empty", SecurityInfoPage(rows: [], add: .link("/security-info/add"), notice: .deleted("totpApp")), person: ada),
        Example(
            "security-info-still-wanting",
            SecurityInfoPage(
                rows: [emailRow], add: .link("/security-info/add"),
                notice: Notice(
                    kind: .saved, message: Message("saved.added.email"), detail: Message("security.wanting.reset", ["count": .number(1)]))),
            person: ada),
        Example(
            "add-method",
            AddMethodPage(
                choices: Choices([
                    Choice(.method("totpApp"), hint: Message("method.hint.totpApp"), icon: "app", .link("/security-info/add/totpApp")),
                    AddMethodPage.off("mobilePhone", icon: "phone", because: AddMethodPage.limit(1)),
                ])), person: ada),
        Example(
            "change-default",
            ChangeDefaultPage(
                form: Form("/security-info/default"),
                choices: [
                    ChangeDefaultPage.choice("appCode", value: "c1.appCode", detail: "Ada’s phone", isNow: true),
                    ChangeDefaultPage.choice("text", value: "c2.text", detail: "+44 7700 900184", isNow: false),
                ], hasResetOnly: true), person: ada),
        Example("rename", RenamePage(form: Form("/security-info/rename/c1"), name: "Work laptop"), person: ada),
        Example(
            "delete",
            DeletePage(
                form: Form("/security-info/delete"), row: appRow, method: .yourMethod("totpApp"),
                consequences: [DeletePage.newDefault(.asked("text")), DeletePage.resetStays]), person: ada),
        Example(
            "delete-last",
            DeletePage(
                form: Form("/security-info/delete"), row: appRow, method: .yourMethod("totpApp"), consequences: [DeletePage.resetGoes],
                isLast: true, errors: [FieldError(nil, Refusal(.changedElsewhere))]), person: ada),
        Example(
            "delete-refused",
            DeleteRefusedPage(
                method: .yourMethod("totpApp"),
                reasons: [MoreInformationPage.becauseOfSignIn(policy: "Sign-in for everyone"), MoreInformationPage.doesNotCount("email")],
                choices: Choices([
                    Choice(.method("totpApp"), hint: Message("method.hint.totpApp"), icon: "app", .link("/security-info/replace")),
                    Choice(.method("mobilePhone"), hint: Message("method.hint.mobilePhone"), icon: "phone", .link("/security-info/add/p")),
                ]), lost: .link("/security-info/lost")), person: ada),
        Example(
            "delete-refused-reset",
            DeleteRefusedPage(
                method: .yourMethod("email"), isForSignIn: false,
                reasons: [MoreInformationPage.becauseOfReset(policy: "Password reset", gates: 2, have: 2)], choices: Choices([])),
            person: ada),
        Example("phone-gone", PhoneGonePage(base: "/flows/q7Tn2", lost: "/flows/q7Tn2?view=phone-lost", who: Who(name: "ada"))),
        Example(
            "lost-phone",
            LostPhonePage(
                items: [
                    .init(name: "lost-1", title: .method("totpApp"), detail: nil),
                    .init(name: "lost-2", title: .method("mobilePhone"), detail: CodeSent.numberEnding("84").label),
                    .init(
                        name: "lost-3", title: .method("passkey"), detail: LostPhonePage.passkey(named: "Blue key"),
                        isTicked: false),
                ], form: flow, cancel: "/flows/q7Tn2", errors: [FieldError(nil, Refusal(.nothingTicked))])),
        Example("lost-phone-done", LostPhoneDonePage(next: "/sign-in")),
        Example("new-phone", NewPhonePage(rows: [appRow]), person: ada),
        Example("app-password-new", NewAppPasswordPage(form: flow, errors: [FieldError("name", Refusal(.fieldEmpty))]), person: ada),
        Example(
            "app-password", AppPasswordPage(password: Secret("abcd-efgh-ijkl-mnop-qrst-uvwx-yz23-4567"), name: "Mail on my laptop"),
            person: ada),
        Example("make-codes", MakeCodesPage(form: Form("/security-info/codes")), person: ada),
        Example("make-codes-again", MakeCodesPage(form: Form("/security-info/codes"), left: 3), person: ada),
        Example("sign-out-everywhere", SignOutEverywherePage(form: Form("/security-info/sign-out-everywhere")), person: ada),
        Example(
            "not-me",
            NotMePage(
                form: Form("/not-me", hidden: ["link": "x"]), what: .event("added", method: "mobilePhone"), at: ago(.hours(20)),
                place: "Chrome on Windows, Porto, Portugal")),
        Example("not-me-done", NotMeDonePage(suspended: .method("mobilePhone"))),
        Example("link-spent", LinkSpentPage()),
    ]

    static let securityInfoPage = SecurityInfoPage(
        rows: [
            with(appRow, SecurityInfoPage.history(addedBy: .person, at: ago(.days(265)), lastUsed: ago(.hours(5))), change: false),
            with(phoneRow, SecurityInfoPage.history(addedBy: .person, at: ago(.days(265)), lastUsed: ago(.days(42))), change: true),
            with(emailRow, SecurityInfoPage.history(addedBy: .administrator, at: ago(.days(265)), lastUsed: nil), change: true),
            MethodRow(
                icon: "office", title: .method("officePhone"), value: "+44 20 7946 0158, extension 212", isNumber: true,
                badges: [.keptByOrganisation],
                meta: [
                    MethodUse.both, SecurityInfoPage.history(addedBy: .directory, at: ago(.days(400)), lastUsed: nil),
                    SecurityInfoPage.fromDirectory,
                ], isOff: true),
            MethodRow(
                icon: "token", title: .method("hardwareToken"), badges: [.notAllowed],
                meta: [SecurityInfoPage.use(signIn: false, reset: false), SecurityInfoPage.notAllowed(policy: "Sign-in for everyone")],
                actions: [SecurityInfoPage.deleteAction(.link("/security-info/c5/delete"))], isOff: true),
            MethodRow(
                icon: "phone", title: .method("alternatePhone"), value: "+44 7700 900555", isNumber: true,
                badges: [.unconfirmed, .suspended], meta: [SecurityInfoPage.unconfirmed, SecurityInfoPage.suspended],
                actions: [SecurityInfoPage.confirmAction(.link("/security-info/c6/confirm"))], isOff: true),
        ],
        defaultMethod: .asked("appCode"), changeDefault: .link("/security-info/default"), add: .link("/security-info/add"),
        spares: [
            .init(
                lost: Message("security.spare.get-codes"), answer: Message("security.spare.remedy"), isGood: false,
                fix: .link("/security-info/recovery-codes")),
            .init(lost: Message("security.spare.reset"), answer: Message("security.spare.reset-good"), isGood: true),
        ],
        recoveryCodesLeft: 8, newRecoveryCodes: .link("/security-info/recovery-codes"),
        signOutEverywhere: .link("/security-info/sign-out-everywhere"), notice: .added("mobilePhone"))

    private static func with(_ row: MethodRow, _ history: Message, change: Bool) -> MethodRow {
        var row = row
        row.meta.append(history)
        row.actions =
            (change ? [SecurityInfoPage.changeAction(.post(Form("/security-info/c2/change")))] : [])
            + [SecurityInfoPage.deleteAction(.link("/security-info/c1/delete"))]
        return row
    }

    static let portal = [
        Example(
            "home",
            HomePage(
                firstName: "Ada", hints: [Help(icon: "codes", title: Message("security.codes.get"), href: "/security-info/recovery-codes")]),
            person: ada),
        Example(
            "profile",
            ProfilePage(
                displayName: "Ada Okafor", userName: "ada.okafor", email: "ada.okafor@harbourvale.example", passwordSet: ago(.days(30))),
            person: priya),
        Example(
            "profile-directory",
            ProfilePage(
                displayName: "Ada Okafor", userName: "ada.okafor", canChangePassword: false, remembered: 2, forget: .post(Form("/x")),
                signOutEverywhere: .link("/sign-out-everywhere"),
                sessions: [
                    ProfilePage.session(browser: "Firefox, Windows", network: "192.0.2.7", since: ago(.hours(2)), seen: now, end: nil),
                    ProfilePage.session(
                        browser: "", network: "2001:db8::/64", since: ago(.days(1)), seen: ago(.hours(20)), end: .post(Form("/x"))),
                ]), person: ada),
        Example("activity", activityPage, person: ada),
        Example("activity-empty", ActivityPage(events: []), person: ada),
        Example("guide", GuidePage(), person: ada),
        Example("guide-anonymous", GuidePage()),
        Example("setup", SetupPage(rule: rules[0])),
        Example(
            "setup-error",
            SetupPage(
                name: "admin", rule: rules[0],
                errors: [FieldError("code", Refusal(.setupCodeWrong)), FieldError("name", Refusal(.nameTaken))])),
    ]

    static let activityPage = ActivityPage(
        events: [
            .init(
                icon: "laptop", title: .event("signed-in"), badges: [.thisBrowser], detail: "Firefox on Linux, Leeds", at: ago(.hours(5))),
            .init(
                icon: "danger", title: .event("sign-in-refused"), detail: "Chrome on Windows, Porto", at: ago(.hours(15)),
                notMe: "/activity/a1/not-me"),
            .init(
                icon: "laptop", title: .event("signed-in"), detail: "Firefox on Linux, Leeds", at: ago(.hours(16)),
                notMe: "/activity/a3/not-me"),
            .init(
                icon: "shield", title: .event("default", method: "totpApp"), detail: "Firefox on Linux, Leeds", at: ago(.days(11)),
                more: .asked("appCode"), notMe: "/activity/a2/not-me"),
        ], earlier: "/activity?before=a2")

    static let faults = [
        Example("fault", FaultPage(requestID: "r-81f2c04e")), Example("fault-full", FaultPage(kind: .full, requestID: "r-81f2c04e")),
        Example("not-found", NotFoundPage()), Example("forbidden", ForbiddenPage()),
        Example("expired", ExpiredPage(start: "/sign-in")), Example("expired-elsewhere", ExpiredPage(kind: .elsewhere, start: "/sign-in")),
        Example("expired-form", ExpiredPage(kind: .form, start: "/sign-in")),
        Example("expired-older", ExpiredPage(kind: .older, start: "/")),
        Example("too-large", TooLargePage(again: "/")),
        Example("overloaded", OverloadedPage(retryAfter: 3, again: "/sign-in")),
        Example("too-many", TooManyPage(until: now + .minutes(10), again: "/sign-in")),
    ]

    static let others = [
        Example(
            "outbox",
            OutboxPage(items: [
                .init(kind: .text, to: "+44 7700 900184", at: now, body: "481920 is your code.\n\n@localhost #481920", code: "481920"),
                .init(
                    kind: .mail(subject: "Your security info was changed"), to: "ada@okafor-family.example", at: ago(.minutes(9)),
                    body: "Hello Ada,\n\nsomething changed."),
                .init(kind: .call(Form("/dev/calls", hidden: ["call": "q7"])), to: "+44 7700 900184", at: now, body: "Press the hash key."),
            ])),
        Example("outbox-empty", OutboxPage(items: [])),
        Example("audit", auditPage, person: priya),
        Example(
            "audit-empty",
            AuditPage(filter: .init(person: "nobody", result: "failure"), categories: [], activities: [], rows: [], csv: "/c", json: "/j"),
            person: priya),
    ]

    static let auditPage = AuditPage(
        filter: .init(category: "Authentication Methods", from: "2026-11-23"),
        categories: AuditCategory.allCases.map(\.rawValue), activities: AuditActivity.allCases.map(\.rawValue),
        rows: [
            .init(
                activity: "Reset password (self-service)", at: now, person: "Ada Okafor", actor: "Ada Okafor",
                category: "Self-service Password Management", isSuccess: true, details: [("hint", "31"), ("method", "mobilePhone")],
                flow: ("f3a1", "/admin/audit?reference=f3a1")),
            .init(
                activity: "User registered all required security info", at: ago(.hours(2)), person: "Yusuf Demir", actor: "Yusuf Demir",
                category: "Authentication Methods", isSuccess: false, reason: "Person cancelled"),
        ], older: "/admin/audit?before=2", csv: "/admin/audit.csv", json: "/admin/audit.json")
}
