import ConvergeCore

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

    /// The key of Cara's app, as one types it into an authenticator app.
    static let demoAppKey = "CA57 IP44 NA4K 222Z AE7A RQTH CQDM W7B2"

    static let demoPeople = [
        DemoPerson(name: "ada", password: "copper kettle by the sea", story: "new, has registered nothing", displayName: "Ada Okafor"),
        DemoPerson(name: "ben", password: "seven lanterns on a hill", story: "phone (by text) and email", displayName: "Ben Castell"),
        DemoPerson(
            name: "cara", password: "wooden bridge in april",
            story: "authenticator app (key \(demoAppKey)) and email; her review is due, and the directory knows a number",
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
            try give("ben", phone: "+447700900131", address: "ben.castell@mail.example", now - .days(40), db)
            try give("cara", appKey: Self.demoAppKey, address: "cara.lind@post.example", now - .days(200), db)
            try instance.people.recordReview(self.person("cara", db).id, at: now - .days(190), db)
            try know("cara", "+447700900152", now, db)
        }
        return Self.demoPeople
    }

    /// What somebody registered some time ago: an app, a phone proven by text, a mailbox.
    private func give(
        _ name: String, phone: String? = nil, appKey: String? = nil, address: String? = nil, _ at: Moment, _ db: any Connection
    ) throws {
        let record = try person(name, db)
        if let key = appKey.flatMap({ Base32.decode($0) }) {
            let channel = "app:" + Base32.encode(key)
            try register(.totpApp, CredentialContent(secret: Secret(bytes: key)), .appCode, channel, "", record, at, db)
        }
        if let phone = phone.flatMap({ PhoneNumber(e164: $0) }) {
            try register(.mobilePhone, CredentialContent(phone: phone), .text, "tel:" + phone.e164, phone.lastTwo, record, at, db)
        }
        if let email = address.flatMap({ EmailAddress($0) }) {
            try register(
                .email, CredentialContent(email: email), .emailCode, "mail:" + email.normalised, email.masked, record, at + .minutes(2), db)
        }
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

    /// A number that the directory knows and nobody has confirmed, newer than the last review.
    private func know(_ name: String, _ number: String, _ at: Moment, _ db: any Connection) throws {
        guard let phone = PhoneNumber(e164: number) else { return }
        let traits = MethodRegistry.traits(of: .mobilePhone)
        let credential = Credential(
            id: instance.world.newID(), method: .mobilePhone, state: .unconfirmed, source: .directory,
            capabilities: Set(traits.capabilities.map(\.capability)),
            channel: instance.credentials.channelKey("tel:" + phone.e164), addedAt: at)
        try instance.credentials.insert(
            credential, of: person(name, db).id, content: CredentialContent(phone: phone), hint: phone.lastTwo, db)
    }
}
