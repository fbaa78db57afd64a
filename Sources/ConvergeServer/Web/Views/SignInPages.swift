import ConvergeCore

/// Name and password: where everybody begins. (The core's `SignInPage` is a decision, this is a page.)
struct PasswordPage: Page {
    static let template = "sign-in/password"
    var form = Form("/sign-in")
    /// What was typed before, kept on an error.
    var name = ""
    var errors: [FieldError] = []
    var notice: Notice?
    /// The same with a passkey alone; nil where no policy takes one.
    var passkey: PasskeyForm?
    /// Where an access pass is typed; a link on everyone's page.
    var accessPass = "/sign-in/pass"
    var cannotAccess = "/reset-password"

    var frame: Frame {
        Frame(
            heading: Message("sign-in.heading"), notice: notice, errors: errors,
            ways: [
                Way(Message("sign-in.way.cannot"), .link(cannotAccess)),
                Way(Message("sign-in.way.pass"), .link(accessPass)),
            ])
    }

    func body(_ say: Speaker) -> Slots {
        var name = Field("name", .name, label: Message("part.field.name"), value: name, takesFocus: name.isEmpty)
        // The browser offers passkeys beside the names that it remembers.
        if passkey != nil { name.autocomplete = "username webauthn" }
        let password = Field("password", .currentPassword, label: Message("part.field.password"), takesFocus: !self.name.isEmpty)
        return [
            "form": form.slots, "fields": [name, password].map { $0.slots(say, errors: errors) }, "submit": say(Message("sign-in.submit")),
            "passkey": passkey?.slots(say),
        ]
    }

    static let signedOut = Notice.saved(Message("sign-in.notice.signed-out"))
    static let passwordChanged = Notice.saved(Message("sign-in.notice.password-changed"))
    static let setUp = Notice.saved(Message("sign-in.notice.set-up"))
    static let unlocked = Notice.saved(Message("sign-in.notice.unlocked"))
    static let expired = Notice(kind: .info, message: Message("sign-in.notice.expired"))
    /// The browser was signed out for safety, for example after a reset elsewhere.
    static let endedElsewhere = Notice(kind: .info, message: Message("sign-in.notice.ended"))
}

/// Name and access pass: for people whom the helpdesk gave one.
struct AccessPassPage: Page {
    static let template = "part/fields"
    var form = Form("/sign-in/pass")
    var name = ""
    var errors: [FieldError] = []
    var signIn = "/sign-in"

    var frame: Frame {
        Frame(
            heading: Message("pass.heading"), lead: Message("pass.lead"), errors: errors,
            ways: [Way.back(Message("part.way.back-to-sign-in"), signIn)])
    }

    func body(_ say: Speaker) -> Slots {
        let name = Field("name", .name, label: Message("part.field.name"), value: name, takesFocus: name.isEmpty)
        let pass = Field(
            "pass", .code(digits: nil), label: Message("pass.field"), hint: Message("pass.hint"), takesFocus: !self.name.isEmpty)
        return [
            "form": form.slots, "fields": [name, pass].map { $0.slots(say, errors: errors) }, "submit": say(Message("sign-in.submit")),
        ]
    }
}

/// Asks before signing out: a link may lead here, only the button signs out.
struct SignOutPage: Page {
    static let template = "part/fields"
    var form = Form("/sign-out")
    var stay = "/"

    var frame: Frame {
        Frame(heading: Message("sign-out.heading"), lead: Message("sign-out.lead"), ways: [Way(Message("sign-out.way.stay"), .link(stay))])
    }

    func body(_ say: Speaker) -> Slots { ["form": form.slots, "submit": say(Message("sign-out.submit"))] }
}

/// Signed out.
struct SignedOutPage: Page {
    static let template = "sign-in/link"
    var signIn = "/sign-in"

    var frame: Frame { Frame(heading: Message("signed-out.heading"), lead: Message("signed-out.lead")) }

    func body(_ say: Speaker) -> Slots { ["href": signIn, "label": say(Message("signed-out.again"))] }
}

/// The person stopped a wizard that cannot be put off: nothing is wrong, but there is no session.
struct StoppedPage: Page {
    static let template = "sign-in/link"
    var again = "/sign-in"

    var frame: Frame { Frame(heading: Message("stopped.heading"), lead: Message("stopped.lead")) }

    func body(_ say: Speaker) -> Slots { ["href": again, "label": say(Message("stopped.again"))] }
}
