import ConvergeCore

/// Asks what a new app password is for.
struct NewAppPasswordPage: Page {
    static let template = "part/fields"
    var form: Form
    var name = ""
    var service = ""
    var errors: [FieldError] = []

    var frame: Frame {
        Frame(
            heading: Message("app-password.heading"), lead: Message("app-password.lead"),
            crumb: .back(Message("layout.nav.security"), "/security-info"), errors: errors)
    }

    func body(_ say: Speaker) -> Slots {
        let fields = [
            Field(
                "name", .text, label: Message("app-password.name"), hint: Message("app-password.name-hint"), value: name, takesFocus: true),
            Field(
                "service", .search, label: Message("app-password.service"), hint: Message("app-password.service-hint"), value: service),
        ]
        return [
            "form": form.slots, "fields": fields.map { $0.slots(say, errors: errors) }, "submit": say(Message("app-password.submit")),
        ]
    }
}

/// An app password, shown this once.
struct AppPasswordPage: Page {
    static let template = "security-info/app-password"
    var password: Secret
    var name: String

    var frame: Frame {
        Frame(
            heading: Message("app-password.shown", ["name": .text(name)]), lead: Message("app-password.shown-lead"))
    }

    func body(_ say: Speaker) -> Slots { ["password": password.text, "done": "/security-info"] }
}
