import ConvergeCore

/// Where a form goes and what it carries unseen. The token against forged requests is added to every form.
struct Form: Sendable, Equatable {
    var action: String
    var flow: String?
    var hidden: [String: String]

    init(_ action: String, flow: String? = nil, hidden: [String: String] = [:]) {
        self.action = action
        self.flow = flow
        self.hidden = hidden
    }

    var slots: Slots {
        var fields = hidden
        fields["flow"] = flow ?? hidden["flow"]
        return ["action": action, "hidden": fields.sorted { $0.key < $1.key }.map { ["name": $0.key, "value": $0.value] as Slots }]
    }
}

/// What pressing something does.
enum Target: Sendable, Equatable {
    /// Follows a link: changes nothing.
    case link(String)
    /// Sends a form.
    case post(Form)

    var slots: Slots {
        switch self {
        case .link(let href): ["href": href]
        case .post(let form): ["post": form.slots]
        }
    }
}

/// An alternative under the rule, or a small action: one line of words.
struct Way: Sendable {
    var label: Message
    var target: Target
    var icon: String?

    init(_ label: Message, _ target: Target, icon: String? = nil) {
        self.label = label
        self.target = target
        self.icon = icon
    }

    /// A link with an arrow back.
    static func back(_ label: Message, _ href: String) -> Way { Way(label, .link(href), icon: "back") }

    func slots(_ say: Speaker) -> Slots {
        target.slots.merging(["label": say(label), "icon": icon, "turn": icon == "back" || icon == "next"])
    }
}

/// Who is signing in, with a way to begin again as somebody else.
struct Who: Sendable, Equatable {
    var name: String
    var notYou = "/sign-in"
}

/// Steps of a wizard; `current` counts from 1, nil when all are done.
struct Progress: Sendable {
    var steps: [Message]
    var current: Int?

    func slots(_ say: Speaker) -> Slots {
        let count = MessageArgument.number(steps.count)
        let words =
            current.map { Message("part.progress.step", ["step": .number($0), "count": count]) }
            ?? Message("part.progress.done", ["count": count])
        let done = current.map { $0 - 1 } ?? steps.count
        return [
            "words": say(words),
            "steps": steps.enumerated().map { index, step in
                ["label": say(step), "done": index < done, "current": index == done] as Slots
            },
        ]
    }

    /// The three steps of a password reset.
    static func reset(_ current: Int) -> Progress {
        Progress(
            steps: [Message("reset.progress.account"), Message("reset.progress.proof"), Message("reset.progress.password")],
            current: current)
    }
}

/// Something that needs another look: said in the summary, and at its field.
struct FieldError: Sendable {
    /// The id of the field; nil when it is about the whole page.
    var field: String?
    /// What happened, for the head of the summary.
    var heading: Message
    /// What to do, for the summary and for the field.
    var message: Message

    init(_ field: String?, heading: Message, message: Message) {
        self.field = field
        self.heading = heading
        self.message = message
    }

    /// The sentences of a refusal. One that is about the world, and not about what was typed, stands in the summary alone.
    init(_ field: String?, _ refusal: Refusal) {
        var arguments: [String: MessageArgument] = [:]
        if let count = refusal.count { arguments["count"] = .number(count) }
        if let until = refusal.until { arguments["until"] = .date(until, .until) }
        let isAboutField =
            switch refusal.code {
            case .sendBudget, .sendTooMany, .gatewayDown, .resetBlocked, .tokenTooMany: false
            default: true
            }
        self.init(
            isAboutField ? refusal.field ?? field : nil, heading: Message("problem.\(refusal.code.rawValue)"),
            message: .refusal(refusal.code.rawValue, arguments))
    }

    func slots(_ say: Speaker) -> Slots { ["field": field, "message": say(message)] }
}

/// What just happened: part of the page, above the heading.
struct Notice: Sendable {
    /// How it is meant.
    enum Kind: String, Sendable {
        case saved, info, warning
    }

    var kind: Kind
    var message: Message
    /// More than the short form; shows as a callout.
    var detail: Message?

    static func saved(_ message: Message) -> Notice { Notice(kind: .saved, message: message) }

    func slots(_ say: Speaker) -> Slots {
        [
            "saved": kind == .saved && detail == nil, "callout": kind != .saved || detail != nil, "message": say(message),
            "detail": say.optional(detail), "icon": kind == .saved ? "success" : kind.rawValue,
            "kind": kind == .info ? nil : " is-\(kind == .saved ? "success" : kind.rawValue)",
        ]
    }
}

/// One row of a list of choices.
struct Choice: Sendable {
    /// What choosing does.
    enum Action: Sendable {
        case link(String)
        /// The button of the form around the list.
        case button(name: String, value: String)
        /// Named, but not to be had here; the hint says why.
        case off
    }

    var icon: String
    var title: Message
    var hint: Message?
    var action: Action

    init(_ title: Message, hint: Message? = nil, icon: String, _ action: Action) {
        self.title = title
        self.hint = hint
        self.icon = icon
        self.action = action
    }

    func slots(_ say: Speaker) -> Slots {
        var slots: Slots = ["icon": icon, "title": say(title), "hint": say.optional(hint)]
        switch action {
        case .link(let href): slots["href"] = href
        case .button(let name, let value): slots["button"] = ["name": name, "value": value] as Slots
        case .off: slots["off"] = true
        }
        return slots
    }
}

/// A list of choices, with the form around it where choices are buttons.
struct Choices: Sendable {
    var form: Form?
    var items: [Choice]

    init(_ items: [Choice], form: Form? = nil) {
        self.items = items
        self.form = form
    }

    /// Nil when there is nothing to choose.
    func slots(_ say: Speaker) -> Slots? {
        items.isEmpty ? nil : ["form": form?.slots, "noForm": form == nil, "items": items.map { $0.slots(say) }]
    }
}

/// One entry of a choice by radio buttons.
struct Radio: Sendable {
    var value: String
    var title: Message
    var hint: Message?
    /// A number or address under the title, as it is.
    var detail: String?
    var isChosen = false

    func slots(_ say: Speaker, name: String) -> Slots {
        ["name": name, "value": value, "title": say(title), "hint": say.optional(hint), "detail": detail, "chosen": isChosen]
    }
}

/// A small label with a word and an icon.
struct Badge: Sendable {
    /// Its colour's meaning.
    enum Kind: String, Sendable {
        case plain, accent, success, warning, danger
    }

    var kind: Kind
    var label: Message
    var icon: String?

    /// Marks the method that is asked for first.
    static let defaultMethod = Badge(kind: .accent, label: Message("part.badge.default"), icon: "star")
    /// The organisation's policy does not allow it now.
    static let notAllowed = Badge(kind: .warning, label: Message("part.badge.not-allowed"), icon: "warning")
    /// The directory keeps it.
    static let keptByOrganisation = Badge(kind: .plain, label: Message("part.badge.kept"), icon: "lock")
    /// Entered by somebody else and never confirmed.
    static let unconfirmed = Badge(kind: .warning, label: Message("part.badge.unconfirmed"), icon: "warning")
    /// Switched off after a report.
    static let suspended = Badge(kind: .danger, label: Message("part.badge.suspended"), icon: "blocked")
    static let success = Badge(kind: .success, label: Message("part.badge.success"), icon: "check")
    static let failure = Badge(kind: .danger, label: Message("part.badge.failure"), icon: "close")
    static let thisBrowser = Badge(kind: .plain, label: Message("part.badge.this-browser"))

    func slots(_ say: Speaker) -> Slots {
        ["label": say(label), "icon": icon, "kind": kind == .plain ? nil : " is-\(kind.rawValue)"]
    }
}

/// A method in a list: what it is, its value, where it counts, what one can do with it.
struct MethodRow: Sendable {
    /// A small action at the end of the row. Its hidden words name the method.
    struct Action: Sendable {
        var label: Message
        var target: Target
        var isDanger = false
    }

    var icon: String
    var title: Message
    /// A number, an address or a name, as it is.
    var value: String?
    /// Keep the direction of the value (numbers).
    var isNumber = false
    var badges: [Badge] = []
    var meta: [Message] = []
    var actions: [Action] = []
    /// Shown with a quiet tile: kept by others, or of no use now.
    var isOff = false

    func slots(_ say: Speaker, level: Int = 2) -> Slots {
        let name = [say(title), value].compactMap(\.self).joined(separator: " ")
        return [
            "icon": icon, "title": say(title), "value": value, "number": isNumber, "off": isOff, "level": level,
            "badges": badges.map { $0.slots(say) }, "meta": meta.map { say($0) },
            "hasActions": !actions.isEmpty,
            "actions": actions.map { action in
                action.target.slots.merging(["label": say(action.label), "about": name, "danger": action.isDanger])
            },
        ]
    }
}

/// One line of "Why am I being asked?".
struct Reason: Sendable {
    /// What kind of reason.
    enum Kind: String, Sendable {
        case policy, fact, blocked
    }

    var kind: Kind
    var message: Message

    init(_ kind: Kind, _ message: Message) {
        self.kind = kind
        self.message = message
    }

    func slots(_ say: Speaker) -> Slots {
        [
            "icon": kind == .fact ? "check" : kind.rawValue, "kind": kind == .blocked ? "is-warning" : nil, "message": say(message),
        ]
    }
}

/// A name and what it is: "Reference: 7K3Q-X9".
struct Fact: Sendable {
    var name: Message
    /// Words, or data as it is.
    enum Value: Sendable {
        case message(Message)
        case text(String)
        /// A reference to be read aloud.
        case code(String)
    }

    var value: Value

    init(_ name: Message, _ value: Value) {
        self.name = name
        self.value = value
    }

    /// The reference of a dead end.
    static func caseCode(_ code: String) -> Fact { Fact(Message("part.fact.reference"), .code(code)) }

    func slots(_ say: Speaker) -> Slots {
        switch value {
        case .message(let message): ["name": say(name), "text": say(message)]
        case .text(let text): ["name": say(name), "text": text]
        case .code(let code): ["name": say(name), "code": code]
        }
    }
}

/// Something a stuck person can do: a link or plain words, and a hint.
struct Help: Sendable {
    var icon: String
    var title: Message
    var href: String?
    var hint: Message?

    func slots(_ say: Speaker) -> Slots { ["icon": icon, "title": say(title), "href": href, "hint": say.optional(hint)] }

    /// The organisation's helpdesk, every way it can be reached.
    static func helpdesk(_ organisation: Organisation, withReference: Bool = false) -> [Help] {
        let desk = organisation.helpdesk
        var items: [Help] = []
        if let phone = desk.phone {
            let digits = phone.filter { $0.isNumber || $0 == "+" }
            let hint: Message? =
                if let hours = desk.hours {
                    Message(withReference ? "helpdesk.call-hint-hours-reference" : "helpdesk.call-hint-hours", ["hours": .text(hours)])
                } else {
                    withReference ? Message("helpdesk.call-hint-reference") : nil
                }
            // A number stays on one line.
            let whole = phone.replacing(" ", with: "\u{a0}")
            items.append(Help(icon: "call", title: Message("helpdesk.call", ["phone": .ltr(whole)]), href: "tel:\(digits)", hint: hint))
        }
        if let email = desk.email {
            items.append(Help(icon: "mail", title: Message("helpdesk.mail", ["address": .ltr(email)]), href: "mailto:\(email)", hint: nil))
        }
        if let url = desk.url { items.append(Help(icon: "globe", title: Message("helpdesk.page"), href: url, hint: nil)) }
        if items.isEmpty { items.append(Help(icon: "people", title: Message("helpdesk.ask"), href: nil, hint: nil)) }
        return items
    }
}
