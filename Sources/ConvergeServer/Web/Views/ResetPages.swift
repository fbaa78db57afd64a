import ConvergeCore

/// "Which account is yours?" The same for every name.
struct ResetFindPage: Page {
    static let template = "part/fields"
    var form = Form("/reset-password")
    var name = ""
    var errors: [FieldError] = []
    var notice: Notice?

    var frame: Frame {
        Frame(
            heading: Message("reset.find.heading"), lead: Message("reset.find.lead"), progress: .reset(1), notice: notice, errors: errors,
            ways: [Way.back(Message("part.way.back-to-sign-in"), "/sign-in")])
    }

    func body(_ say: Speaker) -> Slots {
        let field = Field("name", .name, label: Message("part.field.name"), value: name, takesFocus: true)
        return ["form": form.slots, "fields": [field.slots(say, errors: errors)], "submit": say(Message("part.continue"))]
    }
}

/// "I forgot my password" or "I know it, but I am locked out".
struct ResetReasonPage: Page {
    static let template = "challenge/others"
    /// The buttons post `reason` with `forgot` or `locked`.
    var form: Form

    var frame: Frame {
        Frame(
            heading: Message("reset.reason.heading"), progress: .reset(1),
            ways: [Way.back(Message("part.way.back-to-sign-in"), "/sign-in")])
    }

    func body(_ say: Speaker) -> Slots {
        let choices = [("forgot", "edit"), ("locked", "lock")].map { value, icon in
            Choice(
                Message("reset.reason.\(value)"), hint: Message("reset.reason.\(value)-hint"), icon: icon,
                .button(name: "reason", value: value))
        }
        return ["choices": Choices(choices, form: form).slots(say)]
    }
}

/// Chooses how to prove it: before the first passed gate the policy's kinds, the same for every name; then one's own.
struct ResetChoosePage: Page {
    static let template = "reset/choose"
    var form: Form
    /// The proof that comes now, from 1.
    var gate: Int
    var gates: Int
    /// Posted as `gate`.
    var choices: [Radio]
    var errors: [FieldError] = []
    var notice: Notice?
    var cannot: Target

    var frame: Frame {
        let lead: Message =
            if gates == 1 {
                Message("reset.choose.lead-only")
            } else {
                Message(gate == 1 ? "reset.choose.lead-first" : "reset.choose.lead-next", ["gates": .number(gates)])
            }
        return Frame(
            heading: Message("reset.choose.heading"), title: gates == 1 ? nil : Message("reset.choose.title", ["gate": .number(gate)]),
            lead: lead, progress: .reset(2), notice: notice, errors: errors,
            ways: [Way(cannotWords, cannot)])
    }

    /// How many of those that are offered would still be needed.
    private var cannotWords: Message {
        choices.count == 1 ? Message("reset.choose.cannot-this") : Message("reset.choose.cannot", ["gates": .number(gates - gate + 1)])
    }

    func body(_ say: Speaker) -> Slots {
        [
            "form": form.slots, "legend": say(Message("reset.choose.legend", ["gate": .number(gate)])),
            "radios": choices.map { $0.slots(say, name: "gate") },
        ]
    }

    /// A kind that policy offers, before anything of the person is shown.
    static func kind(_ capability: String, value: String, isChosen: Bool = false) -> Radio {
        let typed = ["text", "call", "officeCall", "alternateCall"].contains(capability)
        let hint: Message? =
            typed ? Message("reset.choose.type-number") : capability == "emailCode" ? Message("reset.choose.type-address") : nil
        return Radio(value: value, title: .use(capability), hint: hint, isChosen: isChosen)
    }
}

/// The person types the full number or address; what is on the account stays unsaid.
struct ResetContactPage: Page {
    static let template = "part/fields"

    /// What is typed.
    enum Contact: Sendable {
        case phone(PhoneInput)
        case email(String)
    }

    var contact: Contact
    /// The number is called, not texted.
    var isCall = false
    var form: Form
    /// The masked hint after a passed gate.
    var hint: CodeSent?
    var errors: [FieldError] = []
    /// Back to the choice of proofs.
    var another: Target

    var frame: Frame {
        let kind = if case .phone = contact { "phone" } else { "email" }
        let lead =
            hint.map { Message("reset.contact.lead-hint", ["to": .message($0.words)]) }
            ?? Message("reset.contact.lead.\(isCall ? "call" : kind)")
        return Frame(
            heading: Message("reset.contact.heading.\(kind)"), lead: lead, progress: .reset(2), errors: errors,
            ways: [Way(Message("reset.way.another"), another)])
    }

    func body(_ say: Speaker) -> Slots {
        switch contact {
        case .phone(let phone):
            return [
                "form": form.slots, "phone": phone.slots(say, errors: errors),
                "submit": say(Message(isCall ? "wizard.call-me" : "wizard.send-code")),
            ]
        case .email(let address):
            let field = Field("email", .email, label: Message("wizard.email.field"), value: address, takesFocus: true)
            return [
                "form": form.slots, "fields": [field.slots(say, errors: errors)], "submit": say(Message("wizard.send-code")),
            ]
        }
    }
}

/// The new password is set.
struct ResetDonePage: Page {
    static let template = "sign-in/link"
    var signIn = "/sign-in"

    var frame: Frame { Frame(heading: Message("reset.done.heading"), lead: Message("reset.done.lead")) }

    func body(_ say: Speaker) -> Slots { ["href": signIn, "label": say(Message("reset.done.sign-in"))] }
}

/// Unlocked; the password is as it was.
struct ResetUnlockedPage: Page {
    static let template = "sign-in/link"
    var signIn = "/sign-in"

    var frame: Frame { Frame(heading: Message("reset.unlocked.heading"), lead: Message("reset.unlocked.lead")) }

    func body(_ say: Speaker) -> Slots { ["href": signIn, "label": say(Message("reset.done.sign-in"))] }
}

/// The person cannot give enough proofs: the organisation's contact path.
struct ResetNotEnoughPage: Page {
    static let template = "challenge/stuck"
    var caseCode: String
    /// For example when a young credential becomes a gate.
    var facts: [Fact] = []
    var again = "/reset-password"

    var frame: Frame {
        Frame(layout: .wideCard, heading: Message("reset.not-enough.heading"), lead: Message("reset.not-enough.lead"))
    }

    func body(_ say: Speaker) -> Slots {
        [
            "facts": (facts + [.caseCode(caseCode)]).map { $0.slots(say) }, "hasFacts": true,
            "helps": Help.helpdesk(say.organisation, withReference: true).map { $0.slots(say) }, "again": again,
        ]
    }

    /// "Your email address can be used from tomorrow at 09:00."
    static func young(_ kind: String, from: Moment) -> Fact {
        Fact(.method(kind), .message(Message("reset.not-enough.young", ["from": .date(from, .dayAndTime)])))
    }
}

/// Too many tries: until when, and that other ways stay open.
struct ResetPausedPage: Page {
    static let template = "challenge/stuck"
    var until: Moment

    var frame: Frame {
        Frame(
            layout: .wideCard, heading: Message("reset.paused.heading"),
            lead: Message("reset.paused.lead", ["until": .date(until, .until)]))
    }

    func body(_ say: Speaker) -> Slots {
        ["helps": Help.helpdesk(say.organisation).map { $0.slots(say) }, "again": "/sign-in"]
    }
}

/// Five wrong codes after a proof: this reset is over, another may be begun.
struct ResetOutOfTriesPage: Page {
    static let template = "challenge/stuck"
    var caseCode: String
    var again = "/reset-password"

    var frame: Frame { Frame(layout: .wideCard, heading: Message("reset.tries.heading"), lead: Message("reset.tries.lead")) }

    func body(_ say: Speaker) -> Slots {
        [
            "facts": [Fact.caseCode(caseCode).slots(say)], "hasFacts": true,
            "helps": Help.helpdesk(say.organisation, withReference: true).map { $0.slots(say) }, "again": again,
        ]
    }
}

/// All proofs were right: one press opens the account, the password stays.
struct UnlockPage: Page {
    static let template = "part/fields"
    var form: Form
    /// Chooses a new password after all.
    var newPassword: Target?

    var frame: Frame {
        Frame(
            heading: Message("unlock.heading"), lead: Message("unlock.lead"), progress: .reset(3),
            ways: newPassword.map { [Way(Message("unlock.way.new"), $0)] } ?? [])
    }

    func body(_ say: Speaker) -> Slots { ["form": form.slots, "submit": say(Message("unlock.submit"))] }
}
