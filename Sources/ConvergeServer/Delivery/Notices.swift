import ConvergeCore

/// What the other contact points of a person are told at once.
enum NoticeEvent: Sendable, Hashable {
    case methodAdded(MethodKind), methodChanged(MethodKind), methodRemoved(MethodKind), methodSuspended(MethodKind)
    case passwordReset, passwordChanged, unlocked
    /// Somebody passed one gate of a reset and had no second.
    case resetStopped
    case recoveryCodesMade

    /// The event as a page, a mail and a text name it.
    var message: Message {
        switch self {
        case .methodAdded(let kind): .event("added", method: kind.rawValue)
        case .methodChanged(let kind): .event("changed", method: kind.rawValue)
        case .methodRemoved(let kind): .event("deleted", method: kind.rawValue)
        case .methodSuspended(let kind): .event("suspended", method: kind.rawValue)
        case .passwordReset: .event("password-reset")
        case .passwordChanged: .event("password-changed")
        case .unlocked: .event("unlocked")
        case .resetStopped: .event("reset-failed")
        case .recoveryCodesMade: .event("codes-made")
        }
    }

    /// The name under which a "this wasn't me" link remembers it.
    var name: String {
        switch self {
        case .methodAdded: "added"
        case .methodChanged: "changed"
        case .methodRemoved: "deleted"
        case .methodSuspended: "suspended"
        case .passwordReset: "password-reset"
        case .passwordChanged: "password-changed"
        case .unlocked: "unlocked"
        case .resetStopped: "reset-failed"
        case .recoveryCodesMade: "codes-made"
        }
    }

    /// Whether it is about the password.
    var isPassword: Bool { self == .passwordReset || self == .passwordChanged || self == .unlocked }
}

extension Ledger {
    /// Notices per person and hour; more would only drown the first.
    private static let cap = BudgetRule(limit: 30, window: .hours(1))
    /// How long a notice is worth delivering.
    private static let life = Span.hours(24)
    /// How long a "this wasn't me" link works.
    private static let linkLife = Span.days(7)

    /// Tells a person's other contact points of a change, with a "this wasn't me" link in mails.
    ///
    /// Contact points are the phone and e-mail credentials that are active or known from the directory, each channel once;
    /// where none is left, the sign-in name when it is a mail address.
    ///
    /// - Parameters:
    ///   - credential: the credential that the link suspends; nil where the change is not of a credential.
    ///   - except: credentials that are not told: the changed one, and those that proved it.
    func tell(_ event: NoticeEvent, _ dossier: Dossier, credential: CredentialID? = nil, except: Set<CredentialID> = []) throws {
        guard try instance.budgets.spend("notice:\(dossier.person.id)", Self.cap, now: now, db) == nil else { return }
        let contacts = try contacts(of: dossier, except: except)
        guard !contacts.isEmpty else { return }
        let token = Secret(instance.world.newToken(bytes: 24)), record = dossier.record
        try NoticeLinkStore(organisation: instance.organisation).insert(
            hash: instance.keyed(token.text, "notice"), person: record.id, credential: credential, what: event.name,
            at: now, expires: now + Self.linkLife, db)
        let mail = letter(event, record, notMe: instance.letters.notMe(token)), language = record.locale ?? "en"
        for contact in contacts {
            let message: OutboxMessage =
                switch contact {
                case .text(let phone): instance.letters.notice(event.message, to: phone, language: language, now: now)
                case .email(let email): instance.letters.notice(mail, to: email, language: language, now: now)
                }
            try send(message, to: record.id, notAfter: now + Self.life)
        }
    }

    /// Tells every other administrator that one of them reset a password.
    func tellAdministrators(about dossier: Dossier) throws {
        guard dossier.person.isAdministrator, dossier.policy.notifyAdministrators else { return }
        for other in try instance.people.administrators(db) where other.id != dossier.person.id {
            let theirs = try instance.dossier(other, knownBrowser: true, now: now, db)
            let mail = Mail.administratorReset(
                name: other.shortName, administrator: dossier.record.displayName, at: now, place: place)
            for contact in try contacts(of: theirs, except: []) {
                guard case .email(let email) = contact else { continue }
                try send(
                    instance.letters.notice(mail, to: email, language: other.locale ?? "en", now: now), to: other.id,
                    notAfter: now + Self.life)
            }
        }
    }

    private func letter(_ event: NoticeEvent, _ record: PersonRecord, notMe: String) -> Mail {
        switch event {
        case .passwordReset: .passwordReset(name: record.shortName, at: now, place: place, notMe: notMe)
        case .passwordChanged: .passwordChanged(name: record.shortName, at: now, place: place, notMe: notMe)
        default: .securityInfoChanged(event.message, name: record.shortName, at: now, place: place, notMe: notMe)
        }
    }

    private var place: String? { agent.map { BrowserName.of($0) } }

    private func contacts(of dossier: Dossier, except: Set<CredentialID>) throws -> [CodeMessage.Channel] {
        var seen: Set<String> = [], contacts: [CodeMessage.Channel] = []
        for record in dossier.credentials where !except.contains(record.id) {
            guard record.credential.state == .active || record.credential.state == .unconfirmed,
                seen.insert(record.credential.channel).inserted
            else { continue }
            let content = try instance.credentials.open(record).content
            if let phone = content.phone { contacts.append(.text(phone)) }
            if let email = content.email { contacts.append(.email(email)) }
        }
        if contacts.isEmpty, let own = EmailAddress(dossier.record.name) { contacts.append(.email(own)) }
        return contacts
    }
}

/// What a browser calls itself, in words people know.
enum BrowserName {
    static func of(_ agent: String) -> String {
        let browser = [("Edg/", "Edge"), ("Firefox/", "Firefox"), ("Chrome/", "Chrome"), ("Safari/", "Safari")]
            .first { agent.contains($0.0) }?.1
        let system = [("Android", "Android"), ("iPhone", "iPhone"), ("iPad", "iPad"), ("Windows", "Windows"), ("Mac OS", "Mac"), ("Linux", "Linux")]
            .first { agent.contains($0.0) }?.1
        return [browser, system].compactMap { $0 }.joined(separator: ", ")
    }
}
