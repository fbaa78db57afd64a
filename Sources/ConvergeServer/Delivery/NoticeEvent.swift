import ConvergeCore

/// What the other contact points of a person are told at once.
enum NoticeEvent: Sendable, Hashable {
    case methodAdded(MethodKind), methodChanged(MethodKind), methodRemoved(MethodKind), methodSuspended(MethodKind)
    case passwordReset, passwordChanged, unlocked
    /// An administrator set a new password.
    case passwordResetByAdministrator
    /// An administrator removed several methods.
    case wiped
    /// An administrator made a Temporary Access Pass.
    case accessPassMade
    /// Somebody passed one gate of a reset and had no second.
    case resetStopped
    case recoveryCodesMade
    /// "This wasn't me": nothing was there to be switched off, but everything was signed out.
    case reported
    /// Somebody who was asked to approve said that it was not them.
    case fraudReported
    /// A passkey answered whose counter had not risen.
    case passkeyCopied
    /// The phone was reported as lost or stolen.
    case phoneLost
    /// A replacement was taken back.
    case methodRestored(MethodKind)

    /// The name under which a "this wasn't me" link remembers it: what happened, and to which method.
    var name: String {
        switch self {
        case .methodAdded(let kind), .methodChanged(let kind), .methodRemoved(let kind), .methodSuspended(let kind),
            .methodRestored(let kind):
            "\(word).\(kind.rawValue)"
        default: word
        }
    }

    /// The event with a name.
    init?(name: String) {
        let parts = name.split(separator: ".", maxSplits: 1).map(String.init)
        let kind = parts.count == 2 ? MethodKind(rawValue: parts[1]) : nil
        let ofMethod =
            kind.map { [Self.methodAdded($0), .methodChanged($0), .methodRemoved($0), .methodSuspended($0), .methodRestored($0)] } ?? []
        let others: [Self] = [
            .passwordReset, .passwordChanged, .passwordResetByAdministrator, .accessPassMade, .wiped, .unlocked, .resetStopped,
            .recoveryCodesMade, .reported, .fraudReported, .phoneLost, .passkeyCopied,
        ]
        guard let event = (ofMethod + others).first(where: { $0.name == name }) else { return nil }
        self = event
    }

    private var word: String {
        switch self {
        case .methodAdded: "added"
        case .methodChanged: "changed"
        case .methodRemoved: "deleted"
        case .methodSuspended: "suspended"
        case .passwordReset: "password-reset"
        case .passwordChanged: "password-changed"
        case .passwordResetByAdministrator: "password-reset-by-administrator"
        case .accessPassMade: "pass-made"
        case .wiped: "wiped"
        case .unlocked: "unlocked"
        case .resetStopped: "reset-failed"
        case .recoveryCodesMade: "codes-made"
        case .reported: "reported"
        case .fraudReported: "fraud"
        case .passkeyCopied: "passkey-copied"
        case .phoneLost: "phone-lost"
        case .methodRestored: "restored"
        }
    }

    /// The event as a page, a mail and a text name it.
    var message: Message {
        switch self {
        case .methodAdded(let kind), .methodChanged(let kind), .methodRemoved(let kind), .methodSuspended(let kind),
            .methodRestored(let kind):
            .event(word, method: kind.rawValue)
        default: .event(word)
        }
    }

    /// Whether somebody who did it may know the password.
    var isPassword: Bool {
        switch self {
        case .passwordReset, .passwordChanged, .passwordResetByAdministrator, .unlocked: true
        default: false
        }
    }

    /// Whether the reset policy's "tell the person" decides. Everything else is always told.
    var isPartOfReset: Bool { self == .passwordReset || self == .unlocked || self == .resetStopped }

    var subject: Message {
        switch self {
        case .methodAdded, .methodChanged, .methodRemoved, .methodSuspended, .methodRestored, .recoveryCodesMade, .reported, .phoneLost,
            .wiped:
            Message("mail.changed.subject")
        case .passwordReset, .passwordChanged, .passwordResetByAdministrator: Message("mail.password.subject")
        case .accessPassMade: Message("mail.pass.subject")
        case .unlocked: Message("mail.unlocked.subject")
        case .resetStopped: Message("mail.reset-failed.subject")
        case .fraudReported: Message("mail.fraud.subject")
        case .passkeyCopied: Message("mail.passkey-copied.subject")
        }
    }

    var lead: Message {
        switch self {
        case .methodAdded, .methodChanged, .methodRemoved, .methodSuspended, .methodRestored, .recoveryCodesMade, .reported, .phoneLost:
            Message("mail.changed.lead")
        case .passwordReset: Message("mail.password.reset")
        case .passwordChanged: Message("mail.password.changed")
        case .passwordResetByAdministrator: Message("mail.password.reset-by-administrator")
        case .accessPassMade: Message("mail.pass.lead")
        case .wiped: Message("mail.wiped.lead")
        case .unlocked: Message("mail.unlocked.lead")
        case .resetStopped: Message("mail.reset-failed.lead")
        case .fraudReported: Message("mail.fraud.lead")
        case .passkeyCopied: Message("mail.passkey-copied.lead")
        }
    }

    /// What to do about it. Where there is no link to say "this wasn't me", there is the helpdesk.
    func closing(hasLink: Bool) -> [Message] {
        let helpdesk = Message("mail.gone.closing")
        return switch self {
        case .passwordResetByAdministrator, .accessPassMade, .wiped:
            [Message(hasLink ? "mail.password.unrequested" : "mail.gone.unrequested")]
        case .passkeyCopied: [Message("mail.passkey-copied.closing")] + (hasLink ? [] : [helpdesk])
        case .resetStopped: [Message("mail.reset-failed.closing")] + (hasLink ? [] : [helpdesk])
        case .fraudReported: [Message("mail.fraud.closing")] + (hasLink ? [] : [helpdesk])
        default: [Message("mail.changed.closing")] + (hasLink ? [] : [helpdesk])
        }
    }
}
