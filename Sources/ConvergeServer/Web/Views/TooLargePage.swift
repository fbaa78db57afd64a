import ConvergeCore

/// What was sent is larger than anything a person types.
struct TooLargePage: Page {
    static let template = "sign-in/link"
    var again: String

    var frame: Frame { Frame(heading: Message("too-large.heading"), lead: Message("too-large.lead")) }

    func body(_ say: Speaker) -> Slots { ["href": again, "label": say(Message("fault.again"))] }
}
