import ConvergeCore

/// Chooses a new password: at the end of a reset, when a change is forced, and by one's own wish.
struct NewPasswordPage: Page {
    static let template = "password/new"

    /// Why it is chosen.
    enum Kind: Sendable, Equatable {
        case reset
        /// The password must change before sign-in goes on; why, as `password.forced.<why>`: reset, expired, known.
        case forced(why: String)
        case voluntary
    }

    var kind: Kind
    var form: Form
    /// Hidden, for password managers.
    var username: String
    /// The rules in words, the first beside the field.
    var rules: [Message]
    var errors: [FieldError] = []
    var notice: Notice?
    var progress: Progress?
    var who: Who?
    /// A voluntary change asks for the old one too, unless a proof is fresh.
    var asksCurrent: Bool?

    var frame: Frame {
        let lead: Message? =
            switch kind {
            case .reset: nil
            case .forced(let why): Message("password.forced.\(why)")
            case .voluntary: Message("password.lead.voluntary")
            }
        return Frame(
            heading: Message(kind == .voluntary ? "password.heading.change" : "password.heading.new"), lead: lead,
            crumb: kind == .voluntary ? Way.back(Message("layout.nav.profile"), "/profile") : nil, who: who,
            progress: progress, notice: notice, errors: errors)
    }

    func body(_ say: Speaker) -> Slots {
        let current = Field("current", .currentPassword, label: Message("password.field.current"), takesFocus: true)
        let asks = asksCurrent ?? (kind == .voluntary)
        let new = Field("new", .newPassword, label: Message("password.field.new"), hint: rules.first, takesFocus: !asks)
        let again = Field("again", .newPassword, label: Message("password.field.again"))
        return [
            "form": form.slots, "username": username,
            "fields": ((asks ? [current] : []) + [new, again]).map { $0.slots(say, errors: errors) },
            "more": rules.count > 1 ? ["rules": rules.dropFirst().map { say($0) }] as Slots : nil,
            "after": say(Message(kind == .reset ? "password.after.reset" : "password.after.change")),
        ]
    }

    /// A rule in words, by the code and the numbers of the core's rule.
    static func rule(_ code: String, _ numbers: [String: Int] = [:]) -> Message { Message(code, numbers.mapValues { .number($0) }) }

    /// What is wrong with the new password, by the code and the numbers of the core's problem.
    static func problem(_ code: String, _ numbers: [String: Int] = [:]) -> FieldError {
        FieldError("new", heading: Message("password.not-accepted"), message: Message(code, numbers.mapValues { .number($0) }))
    }
}
