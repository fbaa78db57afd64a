import ConvergeCore

/// "More information required": what is asked for, why, and whether it can wait.
struct MoreInformationPage: Page {
    static let template = "wizard/more-information"

    /// Whether and how it can be put off.
    enum Postponement: Sendable {
        case none
        /// During grace: until that day, or as often as one likes.
        case notNow(Form, until: Moment?)
        /// The reset part: with so many times left, or without end.
        case finishLater(Form, skipsLeft: Int?)
    }

    var who: Who
    /// What the plan asks for, with what each is for.
    var items: [MethodRow]
    var reasons: [Reason]
    /// Starts the wizard.
    var start: Form
    var postponement = Postponement.none
    var notice: Notice?
    /// A campaign suggests it; nothing is missing.
    var isSuggestion = false

    var frame: Frame {
        isSuggestion
            ? Frame(
                heading: Message("campaign.heading"), title: Message("campaign.title"), lead: Message("campaign.lead"), who: who,
                notice: notice)
            : required
    }

    private var required: Frame {
        Frame(
            heading: Message("more.heading", ["count": .number(items.count)]), title: Message("more.title"),
            lead: Message("more.lead"), who: who, notice: notice)
    }

    func body(_ say: Speaker) -> Slots {
        var slots: Slots = [
            "rows": items.map { $0.slots(say) }, "reasons": reasons.map { $0.slots(say) }, "form": start.slots,
            "time": say(Message("more.time", ["count": .number(items.count * 2 - (items.count > 1 ? 1 : 0))])),
        ]
        switch postponement {
        case .none: break
        case .notNow(let form, let until):
            slots["notNow"] = form.slots.merging(["words": say(Postpone.words(until: until))])
        case .finishLater(let form, let left):
            let words = left.map { Message("postpone.later-count", ["count": .number($0)]) } ?? Message("postpone.later")
            slots["notNow"] = form.slots.merging(["words": say(words)])
        }
        return slots
    }

    /// One thing the plan asks for.
    static func item(_ kind: String, icon: String, use: Message, isConfirmation: Bool = false) -> MethodRow {
        MethodRow(icon: icon, title: Message(isConfirmation ? "more.confirm.\(kind)" : "more.item.\(kind)"), meta: [use])
    }

    /// "The policy “Sign-in for everyone” asks for a second step. You have not set one up yet."
    static func becauseOfSignIn(policy: String) -> Reason { Reason(.policy, Message("more.why.sign-in", ["policy": .text(policy)])) }

    /// "The policy “Password reset” asks for two proofs … You have one."
    static func becauseOfReset(policy: String, gates: Int, have: Int) -> Reason {
        Reason(.policy, Message("more.why.reset", ["policy": .text(policy), "gates": .number(gates), "have": .number(have)]))
    }

    /// "The campaign “An app for everybody” suggests it …"
    static func becauseOfCampaign(_ name: String) -> Reason { Reason(.policy, Message("campaign.why", ["policy": .text(name)])) }

    /// "One thing serves both, so two are enough."
    static func enough(_ count: Int) -> Reason { Reason(.fact, Message("more.why.enough", ["count": .number(count)])) }

    /// Why something that is there does not count.
    static func doesNotCount(_ kind: String) -> Reason {
        Reason(.blocked, Message("more.why.not-counting", ["method": .message(.method(kind))]))
    }
}

/// What a method in the plan is for.
enum MethodUse {
    static let both = Message("use.both")
    static let signIn = Message("use.sign-in")
    static let reset = Message("use.reset")
    static let none = Message("use.none")
}

/// A QR code as dark squares, drawn here so that no markup comes from elsewhere.
struct QRFigure: Sendable, Equatable {
    /// Side in modules, quiet zone included.
    let size: Int
    /// One rectangle for each run of dark modules.
    let path: String

    /// Reads a square of modules without its quiet zone; true is dark.
    init(modules: [[Bool]]) {
        let quiet = 4
        var path = ""
        for (y, row) in modules.enumerated() {
            var x = 0
            while x < row.count {
                let start = x
                while x < row.count, row[x] { x += 1 }
                if x > start { path += "M\(start + quiet) \(y + quiet)h\(x - start)v1h-\(x - start)z" }
                if x == start { x += 1 }
            }
        }
        size = modules.count + 2 * quiet
        self.path = path
    }

    var slots: Slots { ["size": size, "path": path] }
}

/// Connects an authenticator app: scan, or type the key, then type the code.
struct WizardAppPage: Page {
    static let template = "wizard/app"
    var qr: QRFigure
    /// Base32, without spaces.
    var key: String
    var uri: String
    var around: Around

    var frame: Frame { around.frame(heading: Message("wizard.app.heading")) }

    func body(_ say: Speaker) -> Slots {
        let field = Field("code", .code(digits: 6), label: Message("wizard.app.code"))
        return [
            "form": around.form.slots, "qr": qr.slots, "key": Self.grouped(key), "uri": uri,
            "field": field.slots(say, errors: around.errors),
        ]
    }

    /// Groups of four, as people read a key aloud.
    static func grouped(_ key: String) -> String {
        var groups: [String] = []
        var rest = key[...]
        while !rest.isEmpty {
            groups.append(String(rest.prefix(4)))
            rest = rest.dropFirst(4)
        }
        return groups.joined(separator: " ")
    }
}

/// "What would you like to use for step 1?"
struct WizardChoosePage: Page {
    static let template = "challenge/others"
    var progress: Progress
    var choices: Choices
    /// Back to what was proposed.
    var back: Target
    var errors: [FieldError] = []

    var frame: Frame {
        Frame(
            heading: Message("wizard.choose.heading", ["step": .number(progress.current ?? 1)]), lead: Message("wizard.choose.lead"),
            progress: progress, errors: errors, ways: [Way(Message("wizard.choose.back"), back, icon: "back")])
    }

    func body(_ say: Speaker) -> Slots { ["choices": choices.slots(say)] }

    /// One method for the slot, with what speaks for it.
    static func choice(_ kind: String, icon: String, _ action: Choice.Action, isProposed: Bool = false) -> Choice {
        let hint = Message("method.hint.\(kind)")
        return Choice(
            .method(kind), hint: isProposed ? Message("wizard.choose.recommended", ["hint": .message(hint)]) : hint, icon: icon, action)
    }
}

/// Adds or changes a telephone number.
struct WizardPhonePage: Page {
    static let template = "part/fields"
    /// Which telephone, by the method's raw value.
    var kind = "mobilePhone"
    /// How it may be proven: by a text, by a call, or as its owner likes.
    var isText = true
    var isCall = false
    var form: Form
    var phone: PhoneInput
    var errors: [FieldError] = []
    var progress: Progress?
    var notice: Notice?
    var crumb: Way?
    /// An existing number is replaced.
    var isChange = false
    var ways: [Way] = []

    var frame: Frame {
        Frame(
            heading: Message("wizard.phone.\(isChange ? "change" : "add").\(kind)"), lead: lead, crumb: crumb, progress: progress,
            notice: notice, errors: errors, ways: ways)
    }

    private var lead: Message {
        Message(isText && isCall ? "wizard.phone.lead-either" : isCall ? "wizard.phone.lead-call" : "wizard.phone.lead")
    }

    func body(_ say: Speaker) -> Slots {
        [
            "form": form.slots,
            "phone": phone.slots(
                say, errors: errors, hint: Message(kind == "officePhone" ? "wizard.phone.hint-office" : "wizard.phone.hint")),
            "submit": say(Message(isText ? "wizard.send-code" : "wizard.call-me")),
            "second": isText && isCall ? ["name": "by", "value": "call", "words": say(Message("wizard.call-me-instead"))] as Slots : nil,
        ]
    }
}

/// Adds or changes a mail address.
struct WizardEmailPage: Page {
    static let template = "part/fields"
    var form: Form
    var address = ""
    var errors: [FieldError] = []
    var progress: Progress?
    var notice: Notice?
    var crumb: Way?
    var isChange = false
    var ways: [Way] = []

    var frame: Frame {
        Frame(
            heading: Message(isChange ? "wizard.email.heading-change" : "wizard.email.heading"), lead: Message("wizard.email.lead"),
            crumb: crumb, progress: progress, notice: notice, errors: errors, ways: ways)
    }

    func body(_ say: Speaker) -> Slots {
        let field = Field(
            "email", .email, label: Message("wizard.email.field"), hint: Message("wizard.email.hint"), value: address, takesFocus: true)
        return [
            "form": form.slots, "fields": [field.slots(say, errors: errors)], "submit": say(Message("wizard.send-code")),
        ]
    }
}

/// Confirms a number or address that the directory knows.
struct WizardConfirmPage: Page {
    static let template = "wizard/confirm"
    var form: Form
    /// What the directory has.
    var contact: CodeSent
    /// The number is called, not texted.
    var isCall = false
    var progress: Progress?
    var errors: [FieldError] = []
    var notice: Notice?
    /// "It is wrong": to type another, or whom to tell.
    var ways: [Way] = []

    var frame: Frame {
        Frame(
            heading: Message("wizard.confirm.heading.\(kind)"), lead: Message(isCall ? "wizard.confirm.lead-call" : "wizard.confirm.lead"),
            progress: progress,
            notice: notice, errors: errors, ways: ways)
    }

    func body(_ say: Speaker) -> Slots {
        let value =
            switch contact {
            case .number(let text), .address(let text), .maskedAddress(let text), .numberEnding(let text): text
            case .app: ""
            }
        let row = MethodRow(
            icon: kind == "phone" ? "phone" : "mail", title: Message("wizard.confirm.row.\(kind)"), value: value, isNumber: kind == "phone",
            meta: [Message("wizard.confirm.from")])
        return [
            "form": form.slots, "rows": [row.slots(say)],
            "submit": say(Message(isCall ? "wizard.call-me" : "wizard.send-code")),
        ]
    }

    private var kind: String {
        switch contact {
        case .number, .numberEnding, .app: "phone"
        case .address, .maskedAddress: "email"
        }
    }
}

/// Ten recovery codes, shown once.
struct RecoveryCodesPage: Page {
    static let template = "wizard/codes"
    var codes: [String]
    var form: Form
    /// The name the person signs in with, for the printed sheet.
    var name: String
    var madeAt: Moment
    var errors: [FieldError] = []
    /// "3 of 3 steps done" above it, in the wizard.
    var progress: Progress?
    var notice: Notice?

    var frame: Frame {
        Frame(heading: Message("codes.heading"), lead: Message("codes.lead"), progress: progress, notice: notice, errors: errors)
    }

    func body(_ say: Speaker) -> Slots {
        [
            "codes": codes, "form": form.slots, "label": say(Message("codes.list", ["count": .number(codes.count)])),
            "intro": say(Message("codes.print-intro", ["name": .text(name), "day": .date(madeAt, .fullDay)])),
            "keptError": errors.first { $0.field == "kept" }.map { say($0.message) as String }, "file": say(Message("codes.file")),
        ]
    }
}

/// "You're all set": what was registered, and the default.
struct WizardSummaryPage: Page {
    static let template = "wizard/summary"
    var progress: Progress?
    /// How the person is called.
    var firstName: String?
    var rows: [MethodRow]
    /// Ends the wizard.
    var form: Form
    /// Where the person was going; nil: their own pages.
    var continueTo: String?
    /// Everything is on one phone, and there are no recovery codes.
    var isOnOnePhone = false
    /// Makes recovery codes.
    var recoveryCodes: Target?
    var changeDefault: Target?

    var frame: Frame {
        let heading = firstName.map { Message("summary.heading-name", ["name": .text($0)]) } ?? Message("summary.heading")
        return Frame(
            heading: heading, title: Message("summary.title"), lead: Message("summary.lead"), progress: progress,
            ways: changeDefault.map { [Way(Message("summary.way.default"), $0)] } ?? [])
    }

    private var endWords: Message {
        continueTo.map { place in Message("summary.continue", ["place": .text(place)]) } ?? Message("summary.done")
    }

    func body(_ say: Speaker) -> Slots {
        [
            "rows": rows.map { $0.slots(say) }, "form": form.slots, "onePhone": isOnOnePhone,
            "getCodes": isOnOnePhone ? recoveryCodes.map { Way(Message("summary.one-phone.get"), $0).slots(say) } : nil,
            "submit": say(endWords),
        ]
    }
}

/// "Is this still right?"
struct ReviewPage: Page {
    static let template = "wizard/review"
    var who: Who
    /// How often this is asked.
    var days: Int?
    var last: Moment?
    var rows: [MethodRow]
    var form: Form
    /// Changes security info instead.
    var change: Target
    /// What was confirmed a moment ago.
    var notice: Notice?

    var frame: Frame {
        let lead =
            if let days, let last {
                Message("review.lead-last", ["count": .number(days), "day": .date(last, .day)])
            } else {
                Message("review.lead")
            }
        return Frame(heading: Message("review.heading"), title: Message("review.title"), lead: lead, who: who, notice: notice)
    }

    func body(_ say: Speaker) -> Slots {
        [
            "rows": rows.map { $0.slots(say) }, "form": form.slots,
            "other": change.slots.merging(["words": say(Message("review.change"))]),
        ]
    }
}
