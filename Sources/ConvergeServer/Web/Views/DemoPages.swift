import ConvergeCore

/// The demo's box of texts, mails and calls, newest first.
struct OutboxPage: Page {
    static let template = "demo/outbox"

    /// One text or mail as it would have been sent, or a call that rings here.
    struct Item: Sendable {
        /// A text, a mail with its subject, or a call with where its keys go.
        enum Kind: Sendable {
            case text
            case mail(subject: String)
            case call(Form)
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
                var subject: String?, call: Form?
                switch item.kind {
                case .text: break
                case .mail(let line): subject = line
                case .call(let form): call = form
                }
                let heading = subject != nil ? "outbox.mail-to" : call != nil ? "outbox.call-to" : "outbox.text-to"
                return [
                    "icon": subject != nil ? "mail" : call != nil ? "call" : "text",
                    "heading": say(Message(heading, ["to": .ltr(item.to)])),
                    "subject": subject, "call": call?.slots, "sent": say.dates.say(item.at, .dayAndTime, in: say.messages),
                    "iso": say.dates.iso(item.at), "body": item.body, "code": item.code,
                ] as Slots
            },
        ]
    }
}
