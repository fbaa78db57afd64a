import ConvergeCore

/// Where a notice goes: nobody is called to be told something.
enum NoticeChannel: Sendable {
    case text(PhoneNumber)
    case email(EmailAddress)
}

/// Composes what is sent: codes and notices, as texts and as mails with a plain and an HTML part.
struct Letters: Sendable {
    let renderer: Renderer
    /// Host of the public address, for the origin-bound line of a text.
    let host: String
    let publicURL: String

    /// A code for a text or a mail.
    func code(_ message: CodeMessage, person: PersonRecord, now: Moment) -> OutboxMessage {
        let language = person.locale ?? "en", code = message.code.text
        switch message.channel {
        case .text(let phone):
            let text = renderer.codeText(
                code, purpose: message.purpose, until: message.notAfter, host: host, language: language, now: now)
            return OutboxMessage(kind: .text, to: phone.e164, body: text, code: code)
        case .email(let email):
            let mail = renderer.mail(
                .code(code, name: person.shortName, purpose: message.purpose, until: message.notAfter), language: language, now: now)
            return OutboxMessage(
                kind: .mail, to: email.address, subject: mail.subject, body: mail.text, html: mail.html, code: code)
        case .call(let dialled):
            // What is said is made when somebody answers; the body is for the demo's page.
            let say = renderer.speaker(language: language, now: now)
            return OutboxMessage(
                kind: .voice, to: dialled.number.e164, body: say(Message("call.ask.\(message.purpose.rawValue)")), handle: message.code,
                extension: dialled.extension)
        }
    }

    /// What happened, for a phone or a mailbox.
    ///
    /// - Parameters:
    ///   - place: browser and network, where they are known.
    ///   - notMe: where "this wasn't me" leads; nil where the reader may be somebody else than the owner.
    func notice(
        _ event: NoticeEvent, to channel: NoticeChannel, person: PersonRecord, place: String?, notMe: String?, now: Moment
    ) -> OutboxMessage {
        let language = person.locale ?? "en"
        switch channel {
        case .text(let phone):
            let text = renderer.noticeText(event.message, at: now, notMe: notMe, language: language, now: now)
            return OutboxMessage(kind: .text, to: phone.e164, body: text)
        case .email(let email):
            let mail = Mail.notice(event, name: person.shortName, at: now, place: place, notMe: notMe)
            return outgoing(mail, to: email, language: language, now: now)
        }
    }

    /// To another administrator: what happened to one of them.
    func administrator(
        _ notice: AdministratorNotice, of administrator: String, to channel: NoticeChannel, person: PersonRecord, place: String?,
        now: Moment
    ) -> OutboxMessage {
        let language = person.locale ?? "en"
        switch channel {
        case .text(let phone):
            let text = renderer.noticeText(notice.text(administrator), at: now, notMe: nil, language: language, now: now)
            return OutboxMessage(kind: .text, to: phone.e164, body: text)
        case .email(let email):
            let mail = Mail.administrator(notice, name: person.shortName, administrator: administrator, at: now, place: place)
            return outgoing(mail, to: email, language: language, now: now)
        }
    }

    /// Browser and network in words; nil where neither is known.
    func place(agent: String?, network: String?, language: String, now: Moment) -> String? {
        let browser = agent.map { BrowserName.of($0) } ?? "", network = network ?? ""
        guard !browser.isEmpty, !network.isEmpty else { return browser + network == "" ? nil : browser + network }
        let words = Message("mail.place", ["browser": .text(browser), "network": .ltr(network)])
        return renderer.speaker(language: language, now: now)(words)
    }

    /// Where "this wasn't me" leads.
    func notMe(_ token: Secret) -> String { "\(publicURL)/not-me/\(token.text)" }

    private func outgoing(_ mail: Mail, to email: EmailAddress, language: String, now: Moment) -> OutboxMessage {
        let rendered = renderer.mail(mail, language: language, now: now)
        return OutboxMessage(kind: .mail, to: email.address, subject: rendered.subject, body: rendered.text, html: rendered.html)
    }
}
