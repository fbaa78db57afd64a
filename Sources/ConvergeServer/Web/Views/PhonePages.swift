import ConvergeCore

/// "I don't have my phone": three answers, each a way on.
struct PhoneGonePage: Page {
    static let template = "challenge/others"
    /// The address of the page at hand, to which `?view=` is added.
    var base: String
    /// Leads to what switches everything off.
    var lost: String
    /// Whether this browser is left alone for the rest of the day: at a sign-in.
    var isSignIn = true
    var who: Who?

    var frame: Frame {
        Frame(
            heading: Message("phone-gone.heading"), lead: Message("phone-gone.lead"), who: who,
            ways: [.back(Message("phone-gone.back"), base)])
    }

    func body(_ say: Speaker) -> Slots {
        let items = [
            Choice(
                Message("phone-gone.today"), hint: Message(isSignIn ? "phone-gone.today-hint" : "phone-gone.today-hint-change"),
                icon: "clock", .link(base + "?view=phone-today")),
            Choice(Message("phone-gone.lost"), hint: Message("phone-gone.lost-hint"), icon: "warning", .link(lost)),
            Choice(Message("phone-gone.new"), hint: Message("phone-gone.new-hint"), icon: "phone", .link(base + "?view=phone-new")),
        ]
        return ["choices": Choices(items).slots(say)]
    }
}

/// Asks what was on a lost phone, and says what happens.
struct LostPhonePage: Page {
    static let template = "security-info/lost"

    struct Item: Sendable {
        var name: String
        var title: Message
        var detail: Message?
        var isTicked = true
    }

    /// What is said of a passkey, which may have no name yet.
    static func passkey(named name: String) -> Message {
        name.isEmpty ? Message("lost-phone.passkey-hint") : Message("lost-phone.passkey-hint-named", ["name": .text(name)])
    }

    var items: [Item]
    var form: Form
    var cancel: String
    var who: Who?
    var errors: [FieldError] = []

    var frame: Frame {
        Frame(
            heading: Message("lost-phone.heading"), lead: Message(items.isEmpty ? "lost-phone.nothing" : "lost-phone.lead"), who: who,
            errors: errors)
    }

    func body(_ say: Speaker) -> Slots {
        [
            "form": items.isEmpty ? nil : form.slots, "cancel": cancel,
            "items": items.map {
                ["name": $0.name, "title": say($0.title), "hint": say.optional($0.detail), "ticked": $0.isTicked] as Slots
            },
            "consequences": ["off", "out", "told", "next"].map { say(Message("lost-phone.what.\($0)")) as String },
        ]
    }
}

/// What was done after a loss, and how it goes on.
struct LostPhoneDonePage: Page {
    static let template = "security-info/lost-done"
    /// Where the person goes on.
    var next: String
    var who: Who?

    var frame: Frame {
        Frame(layout: .wideCard, heading: Message("lost-phone.done.heading"), lead: Message("lost-phone.done.lead"), who: who)
    }

    func body(_ say: Speaker) -> Slots {
        [
            "done": ["off", "out", "told"].map { say(Message("lost-phone.done.\($0)")) as String }, "next": next,
            "helps": Help.helpdesk(say.organisation).map { $0.slots(say) },
        ]
    }
}

/// "I have a new phone": what was on the old one, each to be replaced.
struct NewPhonePage: Page {
    static let template = "security-info/new-phone"
    var rows: [MethodRow]
    var notice: Notice?

    var frame: Frame {
        Frame(
            heading: Message("new-phone.heading"), lead: Message(rows.isEmpty ? "new-phone.nothing" : "new-phone.lead"),
            crumb: .back(Message("layout.nav.security"), "/security-info"), notice: notice)
    }

    func body(_ say: Speaker) -> Slots { ["rows": rows.map { $0.slots(say, level: 2) }, "done": "/security-info"] }
}
