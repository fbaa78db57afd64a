import ConvergeCore

/// "Keep your account secure": everything a person registered, and what can be done with it.
struct SecurityInfoPage: Page {
    static let template = "security-info/list"

    /// What would still work if something were lost.
    struct Spare: Sendable {
        var lost: Message
        var answer: Message
        var isGood: Bool
        /// Makes it better.
        var fix: Target?
    }

    var rows: [MethodRow]
    /// What is asked for first; nil: nothing to ask for, and no link to change it.
    var defaultMethod: Message?
    var changeDefault: Target?
    var add: Target?
    var spares: [Spare] = []
    var recoveryCodesLeft: Int?
    /// Makes new recovery codes; nil where the organisation has none.
    var newRecoveryCodes: Target?
    var appPasswords: [MethodRow] = []
    /// Makes an app password; nil where policy has none.
    var newAppPassword: Target?
    /// What was replaced within the last day: "You replaced your mobile phone today at 09:12."
    var undos: [(words: Message, undo: Target)] = []
    var lostPhone: Target?
    var signOutEverywhere: Target?
    var notice: Notice?
    var errors: [FieldError] = []

    var frame: Frame {
        Frame(
            layout: .portal(.security), heading: Message("security.heading"), lead: Message("security.lead"), notice: notice,
            errors: errors)
    }

    func body(_ say: Speaker) -> Slots {
        [
            "rows": rows.map { $0.slots(say, level: 3) }, "isEmpty": rows.isEmpty,
            "first": defaultMethod.map { method in
                ["method": say(method), "change": changeDefault.map { Way(Message("security.change-default"), $0).slots(say) }] as Slots
            },
            "add": add.map { Way(Message("security.add"), $0).slots(say) },
            "hasSpares": !spares.isEmpty,
            "spares": spares.map { spare in
                (spare.fix?.slots ?? [:]).merging([
                    "lost": say(spare.lost), "answer": say(spare.answer), "good": spare.isGood, "plain": spare.fix == nil,
                ])
            },
            "codes": newRecoveryCodes.map { target in
                let left = recoveryCodesLeft ?? 0
                return [
                    "left": say(Message("security.codes.left", ["count": .number(left)])),
                    "make": Way(Message(left == 0 ? "security.codes.get" : "security.codes.renew"), target).slots(say),
                ] as Slots
            },
            "hasAppPasswords": !appPasswords.isEmpty || newAppPassword != nil, "anyAppPassword": !appPasswords.isEmpty,
            "appPasswords": appPasswords.map { $0.slots(say, level: 3) },
            "newAppPassword": newAppPassword.map { Way(Message("app-password.make"), $0).slots(say) },
            "undos": undos.map { ["words": say($0.words), "way": Way(Message("security.undo"), $0.undo).slots(say)] as Slots },
            "hasUndos": !undos.isEmpty,
            "lostPhone": lostPhone.map { Way(Message("refused.lost"), $0).slots(say) },
            "everywhere": signOutEverywhere.map { Way(Message("security.everywhere.submit"), $0).slots(say) },
        ]
    }

    /// "For sign-in and password reset", with the way it is used.
    static func use(signIn: Bool, reset: Bool) -> Message {
        signIn ? (reset ? MethodUse.both : MethodUse.signIn) : (reset ? MethodUse.reset : MethodUse.none)
    }

    /// "Added by you on 3 March 2026. Last used today at 08:41."
    static func history(addedBy source: CredentialSource, at: Moment, lastUsed: Moment?) -> Message {
        let added = Message("security.added.\(source.rawValue)", ["day": .date(at, .fullDay)])
        let used = lastUsed.map { Message("security.last-used", ["when": .date($0, .onDayAndTime)]) } ?? Message("security.never-used")
        return Message("security.history", ["added": .message(added), "used": .message(used)])
    }

    /// Why a method is of no use now, as one of its lines.
    static func notAllowed(policy: String) -> Message { Message("security.not-allowed", ["policy": .text(policy)]) }
    static let fromDirectory = Message("security.from-directory")
    static let suspended = Message("security.suspended")
    static let unconfirmed = Message("security.unconfirmed")

    static func changeAction(_ target: Target) -> MethodRow.Action { .init(label: Message("security.action.change"), target: target) }
    static func renameAction(_ target: Target) -> MethodRow.Action { .init(label: Message("security.action.rename"), target: target) }
    static func deleteAction(_ target: Target) -> MethodRow.Action {
        .init(label: Message("security.action.delete"), target: target, isDanger: true)
    }
    static func confirmAction(_ target: Target) -> MethodRow.Action { .init(label: Message("security.action.confirm"), target: target) }
}

/// "What would you like to add?"
struct AddMethodPage: Page {
    static let template = "challenge/others"
    /// Methods that cannot be added say why (`.off`).
    var choices: Choices
    var errors: [FieldError] = []

    var frame: Frame {
        Frame(
            heading: Message("add.heading"), lead: Message("add.lead"),
            crumb: .back(Message("layout.nav.security"), "/security-info"), errors: errors)
    }

    func body(_ say: Speaker) -> Slots { ["choices": choices.slots(say)] }

    /// Why a method is not offered: allowed by no policy, or as many as one may have.
    static func off(_ kind: String, icon: String, because: Message) -> Choice { Choice(.method(kind), hint: because, icon: icon, .off) }
    static func limit(_ count: Int) -> Message { Message("add.limit", ["count": .number(count)]) }
    /// "Add a mobile phone first."
    static func needs(_ kind: String) -> Message { Message("add.needs.\(kind)") }
}

/// "What should we ask for first?"
struct ChangeDefaultPage: Page {
    static let template = "security-info/default"
    var form: Form
    /// Posted as `default`.
    var choices: [Radio]
    /// Something is registered that is for password reset only.
    var hasResetOnly = false
    var errors: [FieldError] = []
    var cancel = "/security-info"
    /// In the wizard the way back is the summary.
    var isInWizard = false

    var frame: Frame {
        Frame(
            heading: Message("default.heading"), title: Message("default.title"), lead: Message("default.lead"),
            crumb: isInWizard ? nil : .back(Message("layout.nav.security"), "/security-info"), errors: errors)
    }

    func body(_ say: Speaker) -> Slots {
        [
            "form": form.slots, "radios": choices.map { $0.slots(say, name: "default") }, "resetOnly": hasResetOnly, "cancel": cancel,
        ]
    }

    /// One use that can be asked for first.
    static func choice(_ capability: String, value: String, detail: String?, isNow: Bool) -> Radio {
        Radio(value: value, title: .asked(capability), hint: isNow ? Message("default.now") : nil, detail: detail, isChosen: isNow)
    }
}

/// Asks before deleting: what goes and what stays.
struct DeletePage: Page {
    static let template = "security-info/delete"
    var form: Form
    var row: MethodRow
    /// The method in a sentence, for example `.yourMethod("totpApp")`.
    var method: Message
    /// What follows: "You will be asked for a text instead."
    var consequences: [Message]
    /// The last one: the account will have nothing left.
    var isLast = false
    var errors: [FieldError] = []
    var cancel = "/security-info"

    var frame: Frame {
        Frame(
            heading: Message("delete.heading", ["method": .message(method)]),
            crumb: .back(Message("layout.nav.security"), "/security-info"),
            notice: isLast ? Notice(kind: .warning, message: Message("delete.last"), detail: Message("delete.last-detail")) : nil,
            errors: errors)
    }

    func body(_ say: Speaker) -> Slots {
        [
            "form": form.slots, "rows": [row.slots(say)], "consequences": consequences.map { say($0) }, "cancel": cancel,
            "hasConsequences": !consequences.isEmpty,
        ]
    }

    /// "From now on we ask for the text to your mobile phone first."
    static func newDefault(_ asked: Message) -> Message { Message("delete.new-default", ["method": .message(asked)]) }
    /// "You can still choose a new password yourself."
    static let resetStays = Message("delete.reset-stays")
    /// "You can no longer choose a new password yourself."
    static let resetGoes = Message("delete.reset-goes")
}

/// The last counting method while a requirement is active: replace it instead.
struct DeleteRefusedPage: Page {
    static let template = "security-info/refused"
    /// In a sentence: "your authenticator app".
    var method: Message
    /// Whether sign-in or reset would be lost.
    var isForSignIn = true
    var reasons: [Reason]
    /// What it can be replaced with.
    var choices: Choices
    /// "My phone was lost or stolen"
    var lost: Target?
    var cancel = "/security-info"

    var frame: Frame {
        Frame(
            heading: Message("refused.heading", ["method": .message(method)]), title: Message("refused.title"),
            lead: Message(isForSignIn ? "refused.lead-sign-in" : "refused.lead-reset", ["method": .message(method)]),
            crumb: .back(Message("layout.nav.security"), "/security-info"),
            ways: lost.map { [Way(Message("refused.lost"), $0)] } ?? [])
    }

    func body(_ say: Speaker) -> Slots {
        [
            "reasons": reasons.map { $0.slots(say) }, "choices": choices.slots(say), "cancel": cancel,
            "keep": say(Message("refused.keep", ["method": .message(method)])),
        ]
    }
}

/// Asks before making recovery codes: the old ones stop working.
struct MakeCodesPage: Page {
    static let template = "part/fields"
    var form: Form
    /// How many are left; nil: there are none yet.
    var left: Int?

    var frame: Frame {
        let lead = left.map { Message("make-codes.lead-again", ["count": .number($0)]) } ?? Message("make-codes.lead")
        return Frame(
            heading: Message(left == nil ? "make-codes.heading" : "make-codes.heading-again"), lead: lead,
            crumb: .back(Message("layout.nav.security"), "/security-info"))
    }

    func body(_ say: Speaker) -> Slots { ["form": form.slots, "submit": say(Message("make-codes.submit"))] }
}

/// Asks before signing out of every browser.
struct SignOutEverywherePage: Page {
    static let template = "part/fields"
    var form: Form

    var frame: Frame {
        Frame(
            heading: Message("security.everywhere.heading"), lead: Message("security.everywhere.lead"),
            crumb: .back(Message("layout.nav.security"), "/security-info"))
    }

    func body(_ say: Speaker) -> Slots { ["form": form.slots, "submit": say(Message("security.everywhere.submit"))] }
}

/// "This wasn't me": opened from a link, which changes nothing until the button is pressed.
struct NotMePage: Page {
    static let template = "security-info/not-me"
    var form: Form
    /// What was done, for example `Message("event.added", …)`.
    var what: Message
    var at: Moment
    /// Browser and place, as the log knows them.
    var place: String?

    var frame: Frame { Frame(heading: Message("not-me.heading"), lead: Message("not-me.lead")) }

    func body(_ say: Speaker) -> Slots {
        let facts = [
            Fact(Message("not-me.fact.what"), .message(what)),
            Fact(Message("not-me.fact.when"), .message(Message("not-me.when", ["when": .date(at, .dayAndTime)]))),
        ]
        let all = facts + (place.map { [Fact(Message("not-me.fact.place"), .text($0))] } ?? [])
        return ["form": form.slots, "facts": all.map { $0.slots(say) }]
    }
}

/// After "This wasn't me": what was done, and what to do now.
struct NotMeDonePage: Page {
    static let template = "security-info/not-me-done"
    /// The method that is switched off until somebody sorts it out.
    var suspended: Message?

    var frame: Frame {
        Frame(layout: .wideCard, heading: Message("not-me.done.heading"), lead: Message("not-me.done.lead"))
    }

    func body(_ say: Speaker) -> Slots {
        let done: [Message?] = [
            suspended.map { Message("not-me.done.suspended", ["method": .message($0)]) }, Message("not-me.done.signed-out"),
            Message("not-me.done.told"),
        ]
        return [
            "done": done.compactMap(\.self).map { say($0) }, "helps": Help.helpdesk(say.organisation).map { $0.slots(say) },
        ]
    }
}

/// A link that was used before, or is too old.
struct LinkSpentPage: Page {
    static let template = "challenge/stuck"

    var frame: Frame { Frame(layout: .wideCard, heading: Message("link-spent.heading"), lead: Message("link-spent.lead")) }

    func body(_ say: Speaker) -> Slots {
        ["helps": Help.helpdesk(say.organisation).map { $0.slots(say) }, "again": "/", "home": true]
    }
}
