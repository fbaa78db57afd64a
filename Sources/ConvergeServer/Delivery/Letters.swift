import ConvergeCore

/// Composes what is sent: codes and notices, as texts and as mails with a plain and an HTML part.
struct Letters: Sendable {
    let renderer: Renderer
    let host: String
    let publicURL: String

    /// A code for a text or a mail.
    func code(_ message: CodeMessage, person: PersonRecord, now: Moment) -> OutboxMessage {
        switch message.channel {
        case .text(let phone): OutboxMessage(kind: .text, to: phone.e164, body: message.code.text, code: message.code.text)
        case .email(let email): OutboxMessage(kind: .mail, to: email.address, body: message.code.text, code: message.code.text)
        }
    }
}
