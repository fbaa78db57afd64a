import ConvergeCore

/// The demo's box of texts and mails, newest first.
struct OutboxPage: Page {
    static let template = "demo/outbox"

    /// One text or mail as it would have been sent.
    struct Item: Sendable {
        /// A text, or a mail with its subject.
        enum Kind: Sendable {
            case text
            case mail(subject: String)
        }

        var kind: Kind
        /// The full number or address: this is a demo.
        var to: String
        var at: Moment
        var body: String
        /// Shown large, where it is known.
        var code: String?
    }

    var items: [Item]

    var frame: Frame {
        Frame(
            layout: .portal(nil), heading: Message("outbox.heading"), lead: Message("outbox.lead"),
            notice: Notice(kind: .info, message: Message("outbox.demo"), detail: Message("outbox.demo-detail")))
    }

    func body(_ say: Speaker) -> Slots {
        [
            "isEmpty": items.isEmpty,
            "messages": items.map { item in
                var subject: String?
                if case .mail(let line) = item.kind { subject = line }
                return [
                    "icon": subject == nil ? "text" : "mail",
                    "heading": say(Message(subject == nil ? "outbox.text-to" : "outbox.mail-to", ["to": .ltr(item.to)])),
                    "subject": subject, "sent": say.dates.say(item.at, .dayAndTime, in: say.messages),
                    "iso": say.dates.iso(item.at), "body": item.body, "code": item.code,
                ] as Slots
            },
        ]
    }
}
