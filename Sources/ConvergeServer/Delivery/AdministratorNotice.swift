import ConvergeCore

/// What the other administrators are told when it happens to one of them: whoever takes over an administrator's account takes
/// over everybody's.
enum AdministratorNotice: Sendable, Hashable, CaseIterable {
    /// The password was reset with registered proofs.
    case passwordReset
    /// An administrator set a new password.
    case passwordGiven
    case passMade
    /// Methods were removed, and a pass perhaps made.
    case wiped
    /// Somebody who was asked to approve said that it was not them.
    case fraudReported

    /// Whether the reset policy's "tell the administrators" decides. Everything else is always told.
    var isPartOfReset: Bool { self == .passwordReset }

    var subject: Message {
        switch self {
        case .passwordReset, .passwordGiven: Message("mail.administrator.subject")
        case .passMade: Message("mail.administrator-pass.subject")
        case .wiped: Message("mail.administrator-wiped.subject")
        case .fraudReported: Message("mail.administrator-fraud.subject")
        }
    }

    func lead(_ administrator: String) -> Message {
        let person = ["person": MessageArgument.text(administrator)]
        return switch self {
        case .passwordReset: Message("mail.administrator.lead", person)
        case .passwordGiven: Message("mail.administrator-given.lead", person)
        case .passMade: Message("mail.administrator-pass.lead", person)
        case .wiped: Message("mail.administrator-wiped.lead", person)
        case .fraudReported: Message("mail.administrator-fraud.lead", person)
        }
    }

    /// What happened, as activity and notices name it.
    var event: Message {
        switch self {
        case .passwordReset: .event("password-reset")
        case .passwordGiven: .event("password-reset-by-administrator")
        case .passMade: .event("pass-made")
        case .wiped: .event("wiped")
        case .fraudReported: .event("fraud")
        }
    }

    /// The same for a text.
    func text(_ administrator: String) -> Message {
        let person = ["person": MessageArgument.text(administrator)]
        return switch self {
        case .passwordReset, .passwordGiven: Message("sms.administrator-reset", person)
        case .passMade: Message("sms.administrator-pass", person)
        case .wiped: Message("sms.administrator-wiped", person)
        case .fraudReported: Message("sms.administrator-fraud", person)
        }
    }
}
