import ConvergeCore

/// "Your applications": the person's first page.
struct HomePage: Page {
    static let template = "portal/home"
    var firstName: String
    /// Things worth doing, for example getting recovery codes.
    var hints: [Help] = []
    var notice: Notice?

    var frame: Frame {
        Frame(
            layout: .portal(.home), heading: Message("home.heading", ["name": .text(firstName)]), title: Message("home.title"),
            notice: notice)
    }

    func body(_ say: Speaker) -> Slots { ["hasHelps": !hints.isEmpty, "helps": hints.map { $0.slots(say) }] }
}

/// Who the organisation says a person is.
struct ProfilePage: Page {
    static let template = "portal/profile"
    var displayName: String
    var userName: String
    var email: String?
    var passwordSet: Moment?
    /// Whether the password is kept here, and not in a directory.
    var canChangePassword = true
    /// How many browsers are not asked for the second step now.
    var remembered = 0
    /// Asks all of them again.
    var forget: Target?
    var signOutEverywhere: Target?
    /// The browsers that are signed in, this one first.
    var sessions: [MethodRow] = []
    var notice: Notice?

    var frame: Frame { Frame(layout: .portal(.profile), heading: Message("profile.heading"), notice: notice) }

    private var passwordWords: Message {
        passwordSet.map { day in Message("profile.password-set", ["day": .date(day, .onDay)]) } ?? Message("profile.password-unknown")
    }

    func body(_ say: Speaker) -> Slots {
        let facts = [
            Fact(Message("profile.fact.name"), .text(displayName)), Fact(Message("profile.fact.user-name"), .text(userName)),
        ]
        let mail = email.map { [Fact(Message("profile.fact.email"), .text($0))] } ?? []
        return [
            "facts": (facts + mail).map { $0.slots(say) }, "canChange": canChangePassword,
            "password": say(passwordWords),
            "browsers": forget.map { target in
                [
                    "remembered": say(Message("profile.remembered", ["count": .number(remembered)])),
                    "way": remembered > 0 ? Way(Message("profile.forget"), target).slots(say) : nil,
                ] as Slots
            },
            "signedIn": !sessions.isEmpty, "sessions": sessions.map { $0.slots(say, level: 3) },
            "everywhere": signOutEverywhere.map { Way(Message("security.everywhere.submit"), $0).slots(say) },
        ]
    }
}

extension ProfilePage {
    /// One browser that is signed in.
    ///
    /// - Parameters:
    ///   - browser: what it calls itself in words, empty where that is unknown.
    ///   - end: signs it out; nil for the browser at hand.
    static func session(browser: String, network: String, since: Moment, seen: Moment, end: Target?) -> MethodRow {
        var row = MethodRow(
            icon: "laptop",
            title: browser.isEmpty ? Message("profile.session.unknown") : Message("profile.session.browser", ["browser": .text(browser)]))
        row.meta = [
            Message("profile.session.since", ["when": .date(since, .onDayAndTime), "network": .ltr(network)]),
            Message("profile.session.seen", ["when": .date(seen, .onDayAndTime)]),
        ]
        if let end {
            row.actions = [.init(label: Message("profile.session.end"), target: end, isDanger: true)]
        } else {
            row.badges = [.thisBrowser]
        }
        return row
    }
}

/// Recent activity, day by day.
struct ActivityPage: Page {
    static let template = "portal/activity"

    /// One thing that happened.
    struct Event: Sendable {
        var icon: String
        var title: Message
        var badges: [Badge] = []
        /// Browser and place, or who did it.
        var detail: String?
        var at: Moment
        /// What stands behind the time: "with password and app code".
        var more: Message?
        /// Where "This wasn't me" leads.
        var notMe: String?
    }

    /// Newest first; days are made here.
    var events: [Event]
    var days = 30
    var earlier: String?

    var frame: Frame {
        Frame(layout: .portal(.activity), heading: Message("activity.heading"), lead: Message("activity.lead", ["count": .number(days)]))
    }

    func body(_ say: Speaker) -> Slots {
        var groups: [(day: Int, events: [Event])] = []
        for event in events {
            let day = say.dates.civil(event.at).dayNumber
            if groups.last?.day == day {
                groups[groups.count - 1].events.append(event)
            } else {
                groups.append((day, [event]))
            }
        }
        return [
            "isEmpty": events.isEmpty, "earlier": earlier,
            "groups": groups.enumerated().map { index, group in
                [
                    "anchor": "day-\(index + 1)", "name": group.events.first.map { say.dates.say($0.at, .heading, in: say.messages) },
                    "events": group.events.map { slots($0, say) },
                ] as Slots
            },
        ]
    }

    private func slots(_ event: Event, _ say: Speaker) -> Slots {
        [
            "icon": event.icon, "title": say(event.title), "badges": event.badges.map { $0.slots(say) }, "detail": event.detail,
            "iso": say.dates.iso(event.at), "time": say.dates.say(event.at, .time, in: say.messages), "more": say.optional(event.more),
            "notMe": event.notMe,
        ]
    }
}

/// How each method works, in plain words.
struct GuidePage: Page {
    static let template = "portal/guide"

    /// Every method of this release, strongest first.
    var methods: [(kind: String, icon: String)] = MethodRegistry.all.filter { MethodRegistry.method($0.kind) != nil }
        .map { ($0.kind.rawValue, $0.icon) }

    var frame: Frame { Frame(layout: .portal(nil), heading: Message("guide.heading"), lead: Message("guide.lead")) }

    func body(_ say: Speaker) -> Slots {
        [
            "methods": methods.map { method in
                [
                    "anchor": method.kind, "icon": method.icon, "name": say(.method(method.kind)),
                    "what": say(Message("guide.what.\(method.kind)")), "how": say(Message("guide.how.\(method.kind)")),
                ] as Slots
            }
        ]
    }
}

/// Makes the first administrator, with the one-time code of the command line.
struct SetupPage: Page {
    static let template = "part/fields"
    var form = Form("/setup")
    var code = ""
    var name = ""
    var displayName = ""
    var email = ""
    var rule: Message
    var errors: [FieldError] = []

    var frame: Frame { Frame(heading: Message("setup.heading"), lead: Message("setup.lead"), errors: errors) }

    func body(_ say: Speaker) -> Slots {
        let fields = [
            Field(
                "code", .code(digits: nil), label: Message("setup.code"), hint: Message("setup.code-hint"), value: code,
                takesFocus: true),
            Field("name", .name, label: Message("setup.name"), hint: Message("setup.name-hint"), value: name),
            Field("display", .text, label: Message("setup.display"), value: displayName, autocomplete: "name"),
            Field("email", .email, label: Message("setup.email"), value: email, isRequired: false),
            Field("new", .newPassword, label: Message("password.field.new"), hint: rule),
            Field("again", .newPassword, label: Message("password.field.again")),
        ]
        return ["form": form.slots, "fields": fields.map { $0.slots(say, errors: errors) }, "submit": say(Message("setup.submit"))]
    }
}
