import ConvergeCore

/// Something broke on our side; the number finds it in the log.
struct FaultPage: Page {
    static let template = "fault/fault"

    /// What is said about it.
    enum Kind: Sendable {
        case other
        /// There is no room to write anything down.
        case full
        /// The store was out of reach, perhaps only when it should have confirmed.
        case unavailable

        fileprivate var lead: String {
            switch self {
            case .other: "fault.lead"
            case .full: "fault.full"
            case .unavailable: "fault.unavailable"
            }
        }
    }

    var kind = Kind.other
    var requestID: String
    var again = "/"

    var frame: Frame { Frame(heading: Message("fault.heading"), lead: Message(kind.lead)) }

    func body(_ say: Speaker) -> Slots {
        [
            "hasFacts": true, "facts": [Fact(Message("fault.number"), .code(requestID)).slots(say)], "href": again,
            "label": say(Message("fault.again")),
        ]
    }
}

/// There is no such page.
struct NotFoundPage: Page {
    static let template = "sign-in/link"
    var home = "/"

    var frame: Frame { Frame(heading: Message("not-found.heading"), lead: Message("not-found.lead")) }

    func body(_ say: Speaker) -> Slots { ["href": home, "label": say(Message("part.home"))] }
}

/// The page exists, but not for this person.
struct ForbiddenPage: Page {
    static let template = "sign-in/link"
    var home = "/"

    var frame: Frame { Frame(heading: Message("forbidden.heading"), lead: Message("forbidden.lead")) }

    func body(_ say: Speaker) -> Slots { ["href": home, "label": say(Message("part.home"))] }
}

/// A flow that took too long, or ended elsewhere.
struct ExpiredPage: Page {
    static let template = "sign-in/link"

    /// What happened to it.
    enum Kind: String, Sendable {
        /// Too much time went by.
        case time
        /// Another tab or browser went on, or the policy changed.
        case elsewhere
        /// The form is from before the person signed in or out.
        case older
        /// The form did not come from this browser, or its cookies are blocked.
        case form
    }

    var kind = Kind.time
    /// Where it begins again.
    var start: String

    var frame: Frame { Frame(heading: Message("expired.heading.\(kind.rawValue)"), lead: Message("expired.lead.\(kind.rawValue)")) }

    func body(_ say: Speaker) -> Slots { ["href": start, "label": say(Message("expired.again"))] }
}

/// Too much at once; nothing was lost.
struct OverloadedPage: Page {
    static let template = "sign-in/link"
    /// Seconds until it is worth trying again.
    var retryAfter: Int
    var again: String

    var frame: Frame {
        Frame(heading: Message("overloaded.heading"), lead: Message("overloaded.lead", ["count": .number(retryAfter)]))
    }

    func body(_ say: Speaker) -> Slots { ["href": again, "label": say(Message("fault.again"))] }
}

/// Too many requests from one place.
struct TooManyPage: Page {
    static let template = "sign-in/link"
    var until: Moment
    var again: String

    var frame: Frame { Frame(heading: Message("too-many.heading"), lead: Message("too-many.lead", ["until": .date(until, .until)])) }

    func body(_ say: Speaker) -> Slots { ["href": again, "label": say(Message("fault.again"))] }
}
