import ConvergeCore

/// Where a code went, as a sentence may say it.
enum CodeSent: Sendable {
    /// In full, after proof or while the number is being added.
    case number(String)
    case address(String)
    /// Masked, before proof: the last two digits.
    case numberEnding(String)
    /// Masked, before proof: `a…@h…`.
    case maskedAddress(String)

    /// Standing alone: "Number ending in 84".
    var label: Message {
        switch self {
        case .number, .address: words
        case .numberEnding(let digits): Message("contact.label.number-ending", ["digits": .ltr(digits)])
        case .maskedAddress(let address): Message("contact.label.masked-address", ["address": .ltr(address)])
        }
    }

    /// For sentences: "the number ending in 84".
    var words: Message {
        switch self {
        case .number(let number): Message("contact.number", ["number": .ltr(number)])
        case .address(let address): Message("contact.address", ["address": .ltr(address)])
        case .numberEnding(let digits): Message("contact.number-ending", ["digits": .ltr(digits)])
        case .maskedAddress(let address): Message("contact.masked-address", ["address": .ltr(address)])
        }
    }
}

/// What stands around the question of a challenge or a registration, whatever is asked.
struct Around: Sendable {
    /// Where the answer goes.
    var form: Form
    var lead: Message?
    var errors: [FieldError] = []
    /// Days for "don't ask again on this browser"; nil: not offered.
    var rememberDays: Int?
    /// Sends a new code.
    var sendAgain: Form?
    /// "Sign in another way".
    var others = Choices([])
    var othersOpen = true
    var othersLabel: Message?
    /// Leaves the whole thing out this time.
    var notNow: Form?
    /// When "not now" ends.
    var notNowUntil: Moment?
    var who: Who?
    var progress: Progress?
    var notice: Notice?
    var crumb: Way?
    var ways: [Way] = []

    func frame(heading: Message) -> Frame {
        var all: [Way] = []
        if let sendAgain { all.append(Way(Message("code.send-again"), .post(sendAgain))) }
        return Frame(
            heading: heading, lead: lead, crumb: crumb, who: who, progress: progress, notice: notice, errors: errors, ways: all + ways)
    }

    /// The slots that the templates of challenges share.
    func slots(_ say: Speaker) -> Slots {
        [
            "form": form.slots, "remember": rememberDays.map { say(Message("code.remember", ["count": .number($0)])) },
            "choices": others.slots(say), "open": othersOpen, "othersLabel": say(othersLabel ?? Message("others.sign-in")),
            "notNow": notNow.map { $0.slots.merging(["words": say(Postpone.words(until: notNowUntil))]) },
        ]
    }
}

/// "Enter the code": one page for every code, in sign-in, wizard, reset and before changes.
@dynamicMemberLookup
struct CodePage: Page {
    static let template = "challenge/code"

    /// Which code; decides heading, hint and keyboard. Every text can be replaced.
    enum Ask: String, Sendable {
        case app, text, mail, recovery, pass
    }

    var ask: Ask
    var digits: Int?
    var heading: Message?
    var submit: Message?
    var around: Around

    init(ask: Ask, around: Around, digits: Int? = 6) {
        self.ask = ask
        self.around = around
        self.digits = digits
    }

    subscript<T>(dynamicMember path: WritableKeyPath<Around, T>) -> T {
        get { around[keyPath: path] }
        set { around[keyPath: path] = newValue }
    }

    var frame: Frame { around.frame(heading: heading ?? Message("code.heading.\(ask.rawValue)")) }

    func body(_ say: Speaker) -> Slots {
        let isLetters = ask == .recovery || ask == .pass
        let hint: Message? = around.lead == nil || isLetters ? Message("code.hint.\(ask.rawValue)") : nil
        let label = isLetters ? Message("code.label.\(ask.rawValue)") : Message("code.label.digits", ["count": .number(digits ?? 6)])
        let field = Field("code", .code(digits: isLetters ? nil : digits), label: label, hint: hint, takesFocus: true)
        return around.slots(say).merging([
            "field": field.slots(say, errors: around.errors), "submit": say(submit ?? Message("code.submit.sign-in")),
        ])
    }

    /// "Sent to the number ending in 84 at 14:02. It works until 14:07."
    static func sent(_ to: CodeSent, at: Moment, until: Moment) -> Message {
        Message("code.lead.sent", ["to": .message(to.words), "at": .date(at, .time), "until": .date(until, .until)])
    }

    /// The answer of a reset gate, the same for every name: "If that is on this account, a code is on its way."
    static func perhapsSent(until: Moment) -> Message { Message("code.lead.perhaps", ["until": .date(until, .until)]) }

    /// For the bridge: prove the old method once.
    static func bridge(_ kind: String) -> Message { Message("code.lead.bridge", ["method": .message(.yourMethod(kind))]) }

    /// For changes of security info.
    static let beforeChange = Message("code.lead.before-change")
}

/// "Not now", with the day until which it can be put off.
enum Postpone {
    static func words(until: Moment?) -> Message {
        until.map { Message("postpone.until", ["day": .date($0, .day)]) } ?? Message("postpone.once")
    }
}

/// Offers to send a code: nothing is sent until the button is pressed.
struct SendPage: Page {
    static let template = "challenge/send"

    /// How the code travels.
    enum Channel: String, Sendable {
        case text, mail
    }

    var channel: Channel
    var to: CodeSent
    var form: Form
    var lead: Message?
    var errors: [FieldError] = []
    var others = Choices([])
    var othersLabel: Message?
    var notNow: Form?
    var notNowUntil: Moment?
    var who: Who?
    var progress: Progress?
    var crumb: Way?
    var ways: [Way] = []

    var frame: Frame {
        Frame(
            heading: Message("send.heading"), lead: lead ?? Message("send.lead.\(channel.rawValue)", ["to": .message(to.words)]),
            crumb: crumb, who: who, progress: progress, errors: errors, ways: ways)
    }

    func body(_ say: Speaker) -> Slots {
        [
            "form": form.slots, "submit": say(Message("send.submit.\(channel.rawValue)")), "choices": others.slots(say),
            "othersLabel": say(othersLabel ?? Message("others.sign-in")),
            "notNow": notNow.map { $0.slots.merging(["words": say(Postpone.words(until: notNowUntil))]) },
        ]
    }
}

/// "How would you like to prove it's you?": all ways on one page.
struct OtherWaysPage: Page {
    static let template = "challenge/others"
    var choices: Choices
    var who: Who?
    var heading: Message?
    var lead: Message?
    var progress: Progress?
    var errors: [FieldError] = []
    var notNow: Form?
    var notNowUntil: Moment?
    var ways: [Way] = []

    var frame: Frame {
        Frame(
            heading: heading ?? Message("others.heading"), lead: lead, who: who, progress: progress, errors: errors, ways: ways)
    }

    func body(_ say: Speaker) -> Slots {
        [
            "choices": choices.slots(say),
            "notNow": notNow.map { $0.slots.merging(["words": say(Postpone.words(until: notNowUntil))]) },
        ]
    }

    /// The choice that ends every list.
    static func none(_ href: String) -> Choice {
        Choice(Message("others.none"), hint: Message("others.none-hint"), icon: "help", .link(href))
    }
}

/// Something is registered, but nothing can be reached now: never the wizard.
struct UnreachablePage: Page {
    static let template = "challenge/stuck"

    /// What cannot be reached, why, and until when.
    struct Gap: Sendable {
        /// Why, by the core's raw value: budget, gateway, country, browser.
        var why: String
        var method: Message
        var until: Moment?
    }

    var gaps: [Gap]
    /// Recovery code, pass.
    var others = Choices([])
    var again: String
    var who: Who?
    var notNow: Form?
    var notNowUntil: Moment?
    /// Beyond these: the organisation's helpdesk is added.
    var helps: [Help] = []

    var frame: Frame {
        Frame(layout: .wideCard, heading: Message("unreachable.heading"), lead: Message("unreachable.lead"), who: who)
    }

    func body(_ say: Speaker) -> Slots {
        let facts = gaps.map { gap in
            let sentence = Message("unreachable.why.\(gap.why)")
            guard let until = gap.until else { return Fact(gap.method, .message(sentence)) }
            return Fact(
                gap.method, .message(Message("unreachable.until", ["why": .message(sentence), "until": .date(until, .until)])))
        }
        return [
            "facts": facts.map { $0.slots(say) }, "hasFacts": !facts.isEmpty, "choices": others.slots(say),
            "helps": (helps + Help.helpdesk(say.organisation)).map { $0.slots(say) }, "again": again,
            "notNow": notNow.map { $0.slots.merging(["words": say(Postpone.words(until: notNowUntil))]) },
        ]
    }
}

/// A named dead end: what is wrong, whom to ask, and a reference that the helpdesk finds again.
struct DeadEndPage: Page {
    static let template = "challenge/stuck"

    /// Which one; decides heading and sentence.
    enum Kind: String, Sendable {
        /// Nothing that policy allows can be registered.
        case unsatisfiable
        /// What was registered is no longer accepted, and nothing else is left to prove.
        case stranded
        /// The first registration needs more than the password.
        case guarded
        /// An administrator or a report blocked the account.
        case blocked
        /// The person said "I can't use any of these".
        case cannot
        /// A reset that cannot be done alone.
        case reset
    }

    var kind: Kind
    var caseCode: String
    var facts: [Fact] = []
    /// Beyond these: the organisation's helpdesk is added.
    var helps: [Help] = []
    var others = Choices([])
    var again = "/sign-in"
    var who: Who?

    var frame: Frame {
        Frame(
            layout: .wideCard, heading: Message("dead-end.heading.\(kind.rawValue)"),
            lead: Message("dead-end.lead.\(kind.rawValue)"), who: who)
    }

    func body(_ say: Speaker) -> Slots {
        [
            "facts": (facts + [Fact.caseCode(caseCode)]).map { $0.slots(say) }, "hasFacts": true, "choices": others.slots(say),
            "helps": (helps + Help.helpdesk(say.organisation, withReference: true)).map { $0.slots(say) }, "again": again,
        ]
    }

    /// "Text to the number ending in 31"
    static func had(_ method: Message, _ sent: CodeSent? = nil) -> Fact {
        Fact(
            Message("dead-end.fact.had"),
            .message(sent.map { Message("dead-end.fact.had-at", ["method": .message(method), "to": .message($0.words)]) } ?? method))
    }

    /// "Not accepted since 20 November (policy “Sign-in for everyone”)"
    static func changed(since: Moment, policy: String) -> Fact {
        Fact(
            Message("dead-end.fact.changed"),
            .message(Message("dead-end.fact.changed-since", ["day": .date(since, .day), "policy": .text(policy)])))
    }

    /// "Sign in from the office network"
    static let fromTheOffice = Help(icon: "office", title: Message("dead-end.help.office"), hint: Message("dead-end.help.office-hint"))
    /// "Ask for an access pass"
    static let askForPass = Help(icon: "pass", title: Message("dead-end.help.pass"), hint: Message("dead-end.help.pass-hint"))
}

/// Whom to ask: where "Contact the helpdesk" leads.
struct HelpdeskPage: Page {
    static let template = "challenge/stuck"

    var frame: Frame { Frame(layout: .wideCard, heading: Message("helpdesk.heading"), lead: Message("helpdesk.lead")) }

    func body(_ say: Speaker) -> Slots {
        ["helps": Help.helpdesk(say.organisation).map { $0.slots(say) }, "again": "/", "home": true]
    }
}
