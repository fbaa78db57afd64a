import ConvergeCore

/// A mail as a value: the same parts for every kind, rendered as text and as HTML.
struct Mail: Sendable {
    var subject: Message
    /// Whom it greets.
    var name: String
    var paragraphs: [Message]
    /// A code to be typed, shown large.
    var code: String?
    var facts: [Fact] = []
    /// What follows facts or code.
    var closing: [Message] = []
    /// Where "This wasn't me" leads, the whole address.
    var notMe: String?

    /// A code, and what it is for (the core's purpose).
    static func code(_ code: String, name: String, purpose: Purpose, until: Moment) -> Mail {
        Mail(
            subject: Message("mail.code.subject"), name: name, paragraphs: [Message("mail.code.lead.\(purpose.rawValue)")], code: code,
            closing: [Message("mail.code.until", ["until": .date(until, .until)]), Message("mail.code.not-you")])
    }

    /// Something happened to the person's security info, password or account.
    static func notice(_ event: NoticeEvent, name: String, at: Moment, place: String?, notMe: String?) -> Mail {
        Mail(
            subject: event.subject, name: name, paragraphs: [event.lead], facts: facts(event.message, at, place),
            closing: notMe == nil ? [event.closing, Message("mail.gone.closing")] : [event.closing], notMe: notMe)
    }

    /// To all other administrators: what happened to one of them.
    static func administrator(
        _ notice: AdministratorNotice, name: String, administrator: String, at: Moment, place: String?
    ) -> Mail {
        Mail(
            subject: notice.subject, name: name, paragraphs: [notice.lead(administrator)], facts: facts(notice.event, at, place),
            closing: [Message("mail.administrator.closing")])
    }

    private static func facts(_ event: Message, _ at: Moment, _ place: String?) -> [Fact] {
        [
            Fact(Message("not-me.fact.what"), .message(event)),
            Fact(Message("not-me.fact.when"), .message(Message("not-me.when", ["when": .date(at, .precise)]))),
        ] + (place.map { [Fact(Message("not-me.fact.place"), .text($0))] } ?? [])
    }
}

/// A mail ready to be sent.
struct RenderedMail: Sendable, Equatable {
    let subject: String
    let text: String
    let html: String
}

extension Renderer {
    /// A mail in both forms.
    func mail(_ mail: Mail, language: String, now: Moment) -> RenderedMail {
        let say = speaker(language: language, now: now)
        let slots: Slots = [
            "lang": say.messages.language, "dir": say.messages.direction, "organisation": organisation.name,
            "subject": say(mail.subject), "greeting": say(Message("mail.greeting", ["name": .text(mail.name)])),
            "paragraphs": mail.paragraphs.map { say($0) }, "mailCode": mail.code, "hasFacts": !mail.facts.isEmpty,
            "facts": mail.facts.map { $0.slots(say) }, "closing": mail.closing.map { say($0) }, "notMe": mail.notMe,
        ]
        return RenderedMail(
            subject: say(mail.subject), text: fill("mail/message.text", slots, in: language),
            html: fill("mail/message.html", slots, in: language))
    }

    /// A text with a code. Its last line binds the code to the address of this server, so that browsers fill it in there and
    /// nowhere else (WICG "Origin-bound one-time codes").
    func codeText(_ code: String, purpose: Purpose, until: Moment, host: String, language: String, now: Moment) -> String {
        let say = speaker(language: language, now: now)
        let sentence = say(Message("sms.code.\(purpose.rawValue)", ["code": .text(code), "until": .date(until, .until)]))
        return "\(sentence)\n\n@\(host) #\(code)"
    }

    /// A text that tells of a change. It says the day in full: it may be read tomorrow.
    func noticeText(_ event: Message, at: Moment, notMe: String?, language: String, now: Moment) -> String {
        let say = speaker(language: language, now: now)
        let text = say(
            Message("sms.notice", ["event": .message(event), "day": .date(at, .fullDay), "time": .date(at, .time)]))
        let end = notMe.map { Message("sms.not-me", ["link": .ltr($0)]) } ?? Message("sms.gone")
        return "\(text) \(say(end))"
    }
}

extension Message {
    /// What happened to a method, for activity, notices and mails: added, changed, deleted, default, confirmed, suspended.
    static func event(_ name: String, method kind: String) -> Message { Message("event.\(name)", ["method": .message(.method(kind))]) }

    /// Something else that happened: signed-in, sign-in-refused, password-changed, password-reset, unlocked, codes-made, reviewed.
    static func event(_ name: String) -> Message { Message("event.\(name)") }
}
