public import ConvergeCore

extension Administration {
    /// A person to be added.
    public struct NewPerson: Sendable, Hashable {
        public var name: String
        public var displayName: String
        public var kind: PersonKind
        public var roles: Set<Role>
        public var groups: [String]
        /// Values that a directory knows and nobody has confirmed.
        public var mobile: String?
        public var email: String?
        public var officePhone: String?

        public init(
            name: String, displayName: String, kind: PersonKind = .member, roles: Set<Role> = [], groups: [String] = [],
            mobile: String? = nil, email: String? = nil, officePhone: String? = nil
        ) {
            self.name = name
            self.displayName = displayName
            self.kind = kind
            self.roles = roles
            self.groups = groups
            self.mobile = mobile
            self.email = email
            self.officePhone = officePhone
        }
    }

    /// Adds a person with a password.
    ///
    /// - Parameter password: nil: one is made that must be changed at the first sign-in, and returned.
    /// - Returns: the generated password.
    public func add(_ new: NewPerson, password: Secret? = nil, mustChange: Bool = true, by actor: String = "command line") async throws
        -> Secret
    {
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

    func insert(_ new: NewPerson, hash: Secret, mustChange: Bool, now: Moment, _ db: any Connection) throws {
        guard let name = SignInName(new.name) else { throw Problem("“\(new.name)” cannot be a user name.") }
        let id: PersonID = instance.world.newID()
        var person = Person(id: id, kind: new.kind, roles: new.roles)
        person.passwordMustChange = mustChange
        let record = PersonRecord(
            person: person, organisation: instance.organisation, name: name.typed,
            displayName: new.displayName.isEmpty ? name.typed : new.displayName, passwordHash: hash, passwordSetAt: now, createdAt: now)
        do {
            try instance.people.insert(record, nameKey: name.normalised, db)
        } catch StoreError.conflict {
            throw Problem("Somebody is named “\(new.name)” already.")
        }
        for group in new.groups {
            try instance.groups.add(id, to: instance.groups.ensure(group, id: instance.world.newID(), db), db)
        }
        try addDirectoryValues(new, id, now, db)
        try Ledger(instance, db, now: now).note(.personAdded, record, by: .operatorConsole)
    }

    private func addDirectoryValues(_ new: NewPerson, _ person: PersonID, _ now: Moment, _ db: any Connection) throws {
        if let mobile = new.mobile, !mobile.isEmpty { try addPhone(mobile, .mobilePhone, person, now, db) }
        if let office = new.officePhone, !office.isEmpty { try addPhone(office, .officePhone, person, now, db) }
        guard let text = new.email, !text.isEmpty else { return }
        guard let email = EmailAddress(text) else { throw Problem("“\(text)” is not an e-mail address.") }
        try addUnconfirmed(.email, CredentialContent(email: email), "mail:" + email.normalised, email.masked, person, now, db)
    }

    private func addPhone(_ text: String, _ kind: MethodKind, _ person: PersonID, _ now: Moment, _ db: any Connection) throws {
        guard case .success(let phone) = PhoneParser.read(text, region: instance.config.organisation.country) else {
            throw Problem("“\(text)” is not a phone number.")
        }
        try addUnconfirmed(kind, CredentialContent(phone: phone), "tel:" + phone.e164, phone.lastTwo, person, now, db)
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

    // MARK: looking

    /// What lists and `show` tell of a person. No secrets, contact data masked.
    public struct Listed: Sendable, Codable, Hashable {
        public struct Method: Sendable, Codable, Hashable {
            public let method: MethodKind
            public let state: CredentialState
            public let source: CredentialSource
            public let hint: String
            public let countsFor: [String]
        }

        public let name: String
        public let displayName: String
        public let kind: PersonKind
        public let state: PersonState
        public let roles: [Role]
        public let groups: [String]
        public let methods: [Method]
        public let mfaState: MFAState
    }

    /// Everybody, by name.
    public func list() async throws -> [Listed] {
        var all: [Listed] = [], last = ""
        while true {
            let (after, instance) = (last, self.instance)
            let page = try await instance.database.read { db in
                try instance.people.page(after: after, limit: 200, db).map { ($0, try self.listed($0, db)) }
            }
            all += page.map(\.1)
            guard let end = page.last else { return all }
            last = SignInName(end.0.name)?.normalised ?? end.0.name
        }
    }

    /// One person.
    public func show(_ name: String) async throws -> Listed {
        try await instance.database.read { db in try listed(person(name, db), db) }
    }

    private func listed(_ record: PersonRecord, _ db: any Connection) throws -> Listed {
        let dossier = try instance.dossier(record, knownBrowser: true, now: now, db), names = try instance.groups.names(db)
        return Listed(
            name: record.name, displayName: record.displayName, kind: record.person.kind, state: record.person.state,
            roles: record.person.roles.sorted { $0.rawValue < $1.rawValue }, groups: record.person.groups.compactMap { names[$0] }.sorted(),
            methods: dossier.credentials.map { entry in
                let counts = [Purpose.signIn, .reset].filter { dossier.standing.counts(entry.credential, for: $0) }
                return .init(
                    method: entry.credential.method, state: entry.credential.state, source: entry.credential.source, hint: entry.hint,
                    countsFor: counts.map(\.rawValue))
            }, mfaState: record.person.mfaState)
    }

    // MARK: changing

    /// Sets a generated password that must be changed, ends every session, opens the locks.
    public func resetPassword(_ name: String) async throws -> Secret {
        let password = Self.generatedPassword(instance), now = self.now
        let hash = try await PasswordDoor(instance: instance).hash(password)
        try await instance.database.write { db in
            let record = try person(name, db)
            guard try instance.people.raiseSecurityVersion(record.person, db) else {
                throw Problem("Somebody else changed this person just now. Try again.")
            }
            try instance.people.setPassword(record.id, hash: hash, at: now, mustChange: true, db)
            try endEverything(record, now, db)
            for known in [true, false] { try instance.passwordLocks.open(PasswordDoor.lockKey(record.id.text, known: known), db) }
            try Ledger(instance, db, now: now).note(.resetByAdmin, record, by: .operatorConsole)
        }
        return password
    }

    /// Ends every session, remembered browser and pending conversation of a person.
    public func revokeSessions(_ name: String) async throws {
        let now = self.now
        try await instance.database.write { db in
            let record = try person(name, db)
            try endEverything(record, now, db)
            try Ledger(instance, db, now: now).note(.sessionsRevoked, record, by: .operatorConsole)
        }
    }

    private func endEverything(_ record: PersonRecord, _ now: Moment, _ db: any Connection) throws {
        try instance.people.raiseEpoch(record.id, db)
        try instance.sessions.forgetRemembered(of: record.id, db)
        try instance.flows.closeAll(of: record.id, now: now, db)
    }

    /// Adds or takes roles. The last global administrator keeps the role.
    public func setRoles(_ name: String, add: Set<Role>, remove: Set<Role>) async throws -> [Role] {
        let now = self.now
        return try await instance.database.write { db in
            let record = try person(name, db)
            let roles = record.person.roles.union(add).subtracting(remove)
            if record.person.roles.contains(.globalAdministrator), !roles.contains(.globalAdministrator) {
                let others = try instance.people.administrators(db).filter {
                    $0.id != record.id && $0.person.roles.contains(.globalAdministrator)
                }
                guard !others.isEmpty else { throw Problem("\(record.name) is the last global administrator and keeps the role.") }
            }
            guard try instance.people.raiseSecurityVersion(record.person, db) else {
                throw Problem("Somebody else changed this person just now. Try again.")
            }
            try instance.people.setRoles(record.id, roles, db)
            try Ledger(instance, db, now: now).note(
                .roleChanged, record, by: .operatorConsole,
                details: ["roles": roles.map(\.rawValue).sorted().joined(separator: ",")])
            return roles.sorted { $0.rawValue < $1.rawValue }
        }
    }

    // MARK: passes

    /// How a pass is made.
    public struct PassOrder: Sendable {
        public var length: Int
        public var minutes: Int
        public var once: Bool
        public var starts: Moment?

        public init(length: Int = 8, minutes: Int = 60, once: Bool = true, starts: Moment? = nil) {
            self.length = length
            self.minutes = minutes
            self.once = once
            self.starts = starts
        }
    }

    /// Makes a Temporary Access Pass; an older one of the same person ends.
    ///
    /// - Returns: the pass, shown this once, and when it ends.
    public func makePass(_ name: String, _ order: PassOrder) async throws -> (pass: Secret, from: Moment, until: Moment) {
        guard (8...48).contains(order.length) else { throw Problem("A pass has 8 to 48 symbols.") }
        guard (10...43_200).contains(order.minutes) else { throw Problem("A pass lives between 10 minutes and 30 days.") }
        let now = self.now, from = order.starts ?? now, until = from + .minutes(order.minutes)
        guard let code = ReadableCode(.accessPass, length: order.length, random: instance.world.random(order.length)) else {
            throw Fault("no randomness for a pass")
        }
        try await instance.database.write { db in
            let record = try person(name, db)
            for old in try instance.credentials.all(of: record.id, db) where old.credential.method == .temporaryAccessPass {
                try instance.credentials.retire(old.id, reason: "replaced", replacedBy: nil, at: now, db)
            }
            let id: CredentialID = instance.world.newID()
            let credential = Credential(
                id: id, method: .temporaryAccessPass, source: .administrator, capabilities: [.temporaryAccessPass], channel: "pass:\(id)",
                addedAt: now, validFrom: from, validUntil: until, remaining: order.once ? 1 : nil)
            try instance.credentials.insert(credential, of: record.id, content: CredentialContent(), hint: "", db)
            let context = instance.methodContext(accountName: record.name, now: now)
            try instance.credentials.insertPass(
                id, hash: TemporaryAccessPass.hash(code.canonical.text, context), usesLeft: order.once ? 1 : nil, db)
            try Ledger(instance, db, now: now).note(.passCreated, record, by: .operatorConsole)
        }
        return (code.shown(.accessPass), from, until)
    }
}
