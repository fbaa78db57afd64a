import ConvergeCore

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
        }
    }

    /// A notice for a mailbox.
    func notice(_ mail: Mail, to email: EmailAddress, language: String, now: Moment) -> OutboxMessage {
        let rendered = renderer.mail(mail, language: language, now: now)
        return OutboxMessage(kind: .mail, to: email.address, subject: rendered.subject, body: rendered.text, html: rendered.html)
    }

    /// A notice for a phone.
    func notice(_ event: Message, to phone: PhoneNumber, language: String, now: Moment) -> OutboxMessage {
        OutboxMessage(kind: .text, to: phone.e164, body: renderer.noticeText(event, language: language, now: now))
    }

    /// Where "this wasn't me" leads.
    func notMe(_ token: Secret) -> String { "\(publicURL)/not-me/\(token.text)" }
}
