public import ConvergeCore

extension Administration {
    /// Adds a person with a password.
    ///
    /// - Parameter password: nil: one is made that must be changed at the first sign-in, and returned.
    /// - Returns: the generated password.
    public func add(_ new: NewPerson, password: Secret? = nil, mustChange: Bool = true) async throws -> Secret {
        let given = password ?? Self.generatedPassword(instance)
        let hash = try await PasswordDoor(instance: instance).hash(given), now = self.now
        try await instance.database.write { db in
            try insert(new, hash: hash, mustChange: mustChange, now: now, db)
        }
        return given
    }

    /// Words that can be read out: four groups of five symbols.
    static func generatedPassword(_ instance: Instance) -> Secret {
        let codes = ReadableCode.recoveryCodes(2, random: instance.world.random(80)) ?? []
        return Secret(codes.map { $0.shown(.recoveryCode).text }.joined(separator: "-"))
    }

    func insert(
        _ new: NewPerson, hash: Secret, mustChange: Bool, now: Moment, as activity: AuditActivity = .personAdded, _ db: any Connection
    ) throws {
        guard let name = SignInName(new.name) else { throw Problem("“\(new.name)” cannot be a user name.") }
        let id: PersonID = instance.world.newID()
        var person = Person(id: id, kind: new.kind, roles: new.roles)
        person.passwordMustChange = mustChange
        let record = PersonRecord(
            person: person, organisation: instance.organisation, name: name.typed,
            displayName: new.displayName.isEmpty ? name.typed : new.displayName, passwordHash: hash, passwordSetAt: now, createdAt: now)
        // Asked before, because a refused statement would end the transaction, and an import wants to name every row that is wrong.
        guard try instance.people.find(nameKey: name.normalised, db) == nil else {
            throw Problem("Somebody is named “\(new.name)” already.")
        }
        do {
            try instance.people.insert(record, nameKey: name.normalised, db)
        } catch StoreError.conflict {
            throw Problem("Somebody is named “\(new.name)” already.")
        }
        for group in new.groups {
            try instance.groups.add(id, to: instance.groups.ensure(group, id: instance.world.newID(), db), db)
        }
        try addDirectoryValues(new, id, now, db)
        try Ledger(instance, db, now: now).note(activity, record, by: .operatorConsole)
    }

    private func addDirectoryValues(_ new: NewPerson, _ person: PersonID, _ now: Moment, _ db: any Connection) throws {
        if let mobile = new.mobile, !mobile.isEmpty { try addPhone(mobile, .mobilePhone, person, now, db) }
        if let office = new.officePhone, !office.isEmpty { try addPhone(office, .officePhone, person, now, db) }
        guard let text = new.email, !text.isEmpty else { return }
        guard let email = EmailAddress(text) else { throw Problem("“\(text)” is not an email address.") }
        try addUnconfirmed(.email, CredentialContent(email: email), "mail:" + email.normalised, email.masked, person, now, db)
    }

    private func addPhone(_ text: String, _ kind: MethodKind, _ person: PersonID, _ now: Moment, _ db: any Connection) throws {
        let region = instance.config.organisation.country
        let isOffice = kind == .officePhone
        let parsed =
            isOffice ? PhoneParser.parse(text, region: region, takesExtension: true) : PhoneParser.parseForTexts(text, region: region)
        let dialled: DialledNumber
        switch parsed {
        case .success(let found):
            guard let number = DialledNumber(found.number, extension: found.extension) else {
                throw Problem("“\(text)” is not a phone number.")
            }
            dialled = number
        case .failure(.premium): throw Problem("“\(text)” costs whoever reaches it extra.")
        case .failure(.noTexts): throw Problem("No text reaches “\(text)”.")
        case .failure: throw Problem("“\(text)” is not a phone number.")
        }
        let content = CredentialContent(phone: dialled.number, extension: dialled.extension)
        try addUnconfirmed(kind, content, dialled.channelSource, dialled.lastTwo, person, now, db)
    }

    private func addUnconfirmed(
        _ kind: MethodKind, _ content: CredentialContent, _ channel: String, _ hint: String, _ person: PersonID, _ now: Moment,
        _ db: any Connection
    ) throws {
        let domains = instance.config.organisation.mailDomains
        let credential = Credential(
            id: instance.world.newID(), method: kind, state: .unconfirmed, source: .directory,
            capabilities: Set(MethodRegistry.traits(of: kind).capabilities.map(\.capability)),
            channel: instance.credentials.channelKey(channel), addedAt: now,
            inOwnMailDomain: content.email.map { domains.contains($0.domain) } ?? false)
        try instance.credentials.insert(credential, of: person, content: content, hint: hint, db)
    }
}
