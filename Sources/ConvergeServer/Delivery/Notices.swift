import ConvergeCore
import Logging

extension Ledger {
    /// Notices per person and hour. The budgets of codes do not hold a notice back; this only keeps a script from filling
    /// somebody's mailbox, and the first thirty have been sent by then.
    static let noticesPerPerson = BudgetRule(limit: 30, window: .hours(1))
    /// How long a notice is worth delivering.
    static let noticeLife = Span.hours(24)
    /// How long a "this wasn't me" link works.
    static let notMeLife = Span.days(7)

    /// Tells a person's other contact points of a change, each with a "this wasn't me" link.
    ///
    /// Contact points are the phones and mailboxes among the credentials of the dossier that are active or known from the
    /// directory, each number or mailbox once. Where no mailbox is among them, the sign-in name is one when it is a mail
    /// address. Give the dossier as it was *before* the change: the old number is told when it is replaced by another.
    ///
    /// - Parameters:
    ///   - credential: the credential that the link suspends; nil where the change is not of a credential.
    ///   - except: credentials whose channels are not told: the new one, and those that proved the change.
    ///   - gone: credentials that were removed or replaced. They are told, for the owner's sake, but without the link: whoever
    ///     found a lost phone must not undo what its owner did.
    func tell(
        _ event: NoticeEvent, _ dossier: Dossier, credential: CredentialID? = nil, except: Set<CredentialID> = [],
        gone: Set<CredentialID> = []
    ) throws {
        guard dossier.policy.notifyPerson || !event.isPartOfReset else { return }
        let contacts = try contacts(of: dossier.record, dossier.credentials, except: except)
        guard !contacts.isEmpty, try mayTell(dossier.person.id) else { return }
        let token = Secret(instance.world.newToken(bytes: 24)), record = dossier.record, letters = instance.letters
        try NoticeLinkStore(organisation: instance.organisation).insert(
            hash: instance.keyed(token.text, "notice"), person: record.id, credential: credential, what: event.name,
            at: now, expires: now + Self.notMeLife, db)
        for contact in contacts {
            let isGone = contact.credential.map(gone.contains) ?? false
            let message = letters.notice(
                event, to: contact.channel, person: record, place: place(record), notMe: isGone ? nil : letters.notMe(token), now: now)
            try send(message, to: record.id, notAfter: now + Self.noticeLife)
        }
    }

    /// Tells every other administrator what happened to one of them: by mail, by text where no mailbox is known. Nothing is told
    /// of anybody else.
    func tellAdministrators(_ notice: AdministratorNotice = .passwordReset, about dossier: Dossier) throws {
        guard dossier.person.isAdministrator, dossier.policy.notifyAdministrators || !notice.isPartOfReset else { return }
        try tellEveryAdministrator(notice, about: dossier)
    }

    /// The same, whomever it happened to.
    func tellEveryAdministrator(_ notice: AdministratorNotice, about dossier: Dossier) throws {
        for other in try instance.people.administrators(db) where other.id != dossier.person.id {
            let all = try contacts(of: other, instance.credentials.all(of: other.id, db), except: [])
            let mailboxes = all.filter { if case .email = $0.channel { true } else { false } }
            guard !all.isEmpty, try mayTell(other.id) else { continue }
            for contact in mailboxes.isEmpty ? all : mailboxes {
                let message = instance.letters.administrator(
                    notice, of: dossier.record.displayName, to: contact.channel, person: other, place: place(other), now: now)
                try send(message, to: other.id, notAfter: now + Self.noticeLife)
            }
        }
    }

    private func mayTell(_ person: PersonID) throws -> Bool {
        let until = try instance.budgets.spend("notice:\(person)", Self.noticesPerPerson, now: now, db)
        if until != nil { instance.log.warning("notices of a person are over the cap", metadata: ["person": "\(person)"]) }
        return until == nil
    }

    private func place(_ reader: PersonRecord) -> String? {
        instance.letters.place(agent: agent, network: network, language: reader.locale ?? "en", now: now)
    }

    /// Where a person is told of something; without a credential it is the sign-in name.
    private struct Contact {
        let channel: NoticeChannel
        var credential: CredentialID?
    }

    private func contacts(
        of record: PersonRecord, _ credentials: [CredentialRecord], except: Set<CredentialID>
    ) throws -> [Contact] {
        var seen = Set(credentials.filter { except.contains($0.id) }.map(\.credential.channel))
        var contacts: [Contact] = [], hasMailbox = false
        for record in credentials where record.credential.state == .active || record.credential.state == .unconfirmed {
            guard seen.insert(record.credential.channel).inserted else { continue }
            let content = try instance.credentials.open(record).content
            if let phone = content.phone, record.credential.capabilities.contains(.text), instance.carries(.text) {
                contacts.append(Contact(channel: .text(phone), credential: record.id))
            }
            if let email = content.email, instance.carries(.mail) {
                contacts.append(Contact(channel: .email(email), credential: record.id))
                hasMailbox = true
            }
        }
        guard !hasMailbox, instance.carries(.mail), let own = EmailAddress(record.name) else { return contacts }
        let channel = instance.credentials.channelKey("mail:" + own.normalised)
        return seen.contains(channel) ? contacts : contacts + [Contact(channel: .email(own))]
    }
}
