public import ConvergeCore

extension Administration {
    /// Somebody to try the demo as.
    public struct DemoPerson: Sendable {
        public let name: String
        public let password: String
        public let story: String
        let displayName: String
        var roles: Set<Role> = []
        var kind = PersonKind.member
    }

    static let demoPeople = [
        DemoPerson(name: "ada", password: "copper kettle by the sea", story: "new, has registered nothing", displayName: "Ada Okafor"),
        DemoPerson(name: "ben", password: "seven lanterns on a hill", story: "phone (by text) and e-mail", displayName: "Ben Castell"),
        DemoPerson(
            name: "cara", password: "wooden bridge in april", story: "her review is due, and the directory knows an address",
            displayName: "Cara Lind"),
        DemoPerson(
            name: "dana", password: "quiet orchard after rain", story: "administrator, has registered nothing",
            displayName: "Dana Whitfield",
            roles: [.globalAdministrator]),
        DemoPerson(name: "gita", password: "paper boats in the park", story: "guest", displayName: "Gita Rao", kind: .guest),
    ]

    /// Fills an empty store with example people; a store with people is left as it is.
    ///
    /// - Returns: the people to try it as.
    public func seedDemo() async throws -> [DemoPerson] {
        let instance = self.instance
        guard try await instance.database.read({ db in try instance.people.count(db) }) == 0 else { return Self.demoPeople }
        let organisation = instance.organisation
        try await instance.database.write { db in try OrganisationStore().markAsDemo(organisation, db) }
        for person in Self.demoPeople {
            _ = try await add(
                NewPerson(name: person.name, displayName: person.displayName, kind: person.kind, roles: person.roles),
                password: Secret(person.password), mustChange: false)
        }
        let now = self.now
        try await instance.database.write { db in
            try give("ben", "+447700900131", "ben.castell@mail.example", now - .days(40), db)
            try give("cara", "+447700900152", nil, now - .days(200), db)
            let cara = try self.person("cara", db)
            try instance.people.recordReview(cara.id, at: now - .days(190), db)
        }
        try await addDirectoryAddress("cara", "cara.lind@post.example")
        return Self.demoPeople
    }

    /// A phone proven by text, and perhaps a mailbox, registered some time ago.
    private func give(_ name: String, _ number: String, _ address: String?, _ at: Moment, _ db: any Connection) throws {
        let record = try person(name, db)
        guard let phone = PhoneNumber(e164: number) else { return }
        try register(.mobilePhone, CredentialContent(phone: phone), .text, "tel:" + phone.e164, phone.lastTwo, record, at, db)
        guard let email = address.flatMap({ EmailAddress($0) }) else { return }
        try register(.email, CredentialContent(email: email), .emailCode, "mail:" + email.normalised, email.masked, record, at, db)
    }

    private func register(
        _ method: MethodKind, _ content: CredentialContent, _ verified: Capability, _ channel: String, _ hint: String,
        _ record: PersonRecord, _ at: Moment, _ db: any Connection
    ) throws {
        let traits = MethodRegistry.traits(of: method)
        let credential = Credential(
            id: instance.world.newID(), method: method, capabilities: Set(traits.capabilities.map(\.capability)), verifiedBy: verified,
            verifiedAt: at, channel: instance.credentials.channelKey(channel), addedAt: at)
        try instance.credentials.insert(credential, of: record.id, content: content, hint: hint, db)
        try instance.people.noteHeld(record.id, at: at, canSignIn: traits.canSignIn, db)
    }

    /// An address that the directory knows and nobody has confirmed, newer than the last review.
    private func addDirectoryAddress(_ name: String, _ address: String) async throws {
        let now = self.now, instance = self.instance
        try await instance.database.write { db in
            let record = try self.person(name, db)
            guard let email = EmailAddress(address) else { return }
            let credential = Credential(
                id: instance.world.newID(), method: .email, state: .unconfirmed, source: .directory, capabilities: [.emailCode],
                channel: instance.credentials.channelKey("mail:" + email.normalised), addedAt: now)
            try instance.credentials.insert(credential, of: record.id, content: CredentialContent(email: email), hint: email.masked, db)
        }
    }
}
