public import ConvergeCore

/// A person as stored: what decisions look at, and what pages show.
public struct PersonRecord: Sendable, Hashable {
    public var person: Person
    public let organisation: OrganisationID
    /// The name as it was entered, for showing.
    public var name: String
    public var displayName: String
    public var locale: String?
    public var zone: String?
    /// Argon2id, PHC string; nil: no password can be right.
    public var passwordHash: Secret?
    public var passwordSetAt: Moment?
    public var createdAt: Moment
    public var externalKey: String?

    public var id: PersonID { person.id }

    /// What a page calls the person: the first word of the display name.
    public var shortName: String { displayName.split(separator: " ").first.map(String.init) ?? name }
}

/// People, their groups and their counters.
public struct PersonStore: Sendable {
    public let organisation: OrganisationID

    public init(organisation: OrganisationID) {
        self.organisation = organisation
    }

    /// Everything of a person, and whether the directory knows an office number that waits to be confirmed.
    private static let select: SQL = """
        SELECT person.*, EXISTS (SELECT 1 FROM credential WHERE person_id = person.id AND method = 'officePhone' AND state = 'unconfirmed')
            AS has_office FROM person
        """

    /// The person with an id, or nil.
    public func find(_ id: PersonID, _ db: any Connection) throws -> PersonRecord? { try ask(.person(id), db).answer() }

    /// The person with a name as typed, or nil; names are compared in their normalised form.
    public func find(nameKey: String, _ db: any Connection) throws -> PersonRecord? {
        try ask(.named(nameKey, in: organisation), db).answer()
    }

    /// Asks who it is. The same statements whether or not there is such a person: how long it takes must not tell that somebody exists.
    public func ask(_ whom: Whom, _ db: any Connection) throws -> Asked<PersonRecord?> {
        let row = try db.askRow("\(fragment: Self.select) WHERE id = \(fragment: whom.id) AND organisation_id = \(organisation)")
        let groups = try db.ask("SELECT group_id FROM effective_membership WHERE person_id = \(fragment: whom.id)")
        return Asked { try row.answer().map { try record($0, groups: groups.answer()) } }
    }

    /// Every holder of an administrator role.
    public func administrators(_ db: any Connection) throws -> [PersonRecord] {
        let rows = try db.rows(
            """
            \(fragment: Self.select) WHERE organisation_id = \(organisation) AND roles > '' AND state = 'enabled' ORDER BY name_key
            """)
        return try rows.map { try record($0, db) }
    }

    /// Adds a person. A name that is taken throws `StoreError.conflict`.
    public func insert(_ record: PersonRecord, nameKey: String, _ db: any Connection) throws {
        let person = record.person
        try db.execute(
            """
            INSERT INTO person (id, organisation_id, directory_id, external_key, name, name_key, display_name, kind, state, locale,
                zone, mfa_state, roles, grace_start_ms, reset_skips, last_review_ms, preference, first_held_ms, mfa_first_held_ms,
                security_version, session_epoch, password_hash, password_set_ms, password_must_change,
                password_known_to_others, created_ms)
            VALUES (\(person.id), \(organisation), 'embedded', \(orNull: record.externalKey), \(record.name), \(nameKey),
                \(record.displayName), \(person.kind), \(person.state), \(orNull: record.locale), \(orNull: record.zone), \(person.mfaState),
                \(Self.roles(person.roles)), \(orNull: person.graceStart), \(person.resetSkips), \(orNull: person.lastReviewAt),
                \(try JSONText.encode(person.preference)), \(orNull: person.firstHeldAt), \(orNull: person.mfaFirstHeldAt),
                \(person.securityVersion), \(person.sessionEpoch), \(orNull: record.passwordHash?.text), \(orNull: record.passwordSetAt),
                \(person.passwordMustChange), \(person.passwordKnownToOthers), \(record.createdAt))
            """)
    }

    /// Compare-and-set of what a person holds: raises the security version, and fails when somebody else was faster.
    ///
    /// - Returns: false when the version had moved; the caller rolls back and shows where things are now.
    public func raiseSecurityVersion(_ person: Person, _ db: any Connection) throws -> Bool {
        try db.execute(
            """
            UPDATE person SET security_version = security_version + 1
            WHERE id = \(person.id) AND security_version = \(person.securityVersion)
            """) == 1
    }

    /// Notes the first credential that can prove, and the first that can be a second step.
    public func noteHeld(_ id: PersonID, at now: Moment, canSignIn: Bool, _ db: any Connection) throws {
        try db.later(
            """
            UPDATE person SET first_held_ms = COALESCE(first_held_ms, \(now)),
                mfa_first_held_ms = CASE WHEN \(canSignIn) THEN COALESCE(mfa_first_held_ms, \(now)) ELSE mfa_first_held_ms END
            WHERE id = \(id)
            """)
    }

    /// After the owner's own deletion of the last credential with a fresh proof: the person starts anew.
    public func clearHeld(_ id: PersonID, everything: Bool, _ db: any Connection) throws {
        try db.later("UPDATE person SET mfa_first_held_ms = NULL WHERE id = \(id)")
        if everything { try db.later("UPDATE person SET first_held_ms = NULL WHERE id = \(id)") }
    }

    /// Ends every session and flow that began before, by raising the session epoch.
    public func raiseEpoch(_ id: PersonID, _ db: any Connection) throws {
        try db.later("UPDATE person SET session_epoch = session_epoch + 1 WHERE id = \(id)")
    }

    /// Stores a new password.
    public func setPassword(_ id: PersonID, hash: Secret, at now: Moment, mustChange: Bool, _ db: any Connection) throws {
        try db.later(
            """
            UPDATE person SET password_hash = \(hash.text), password_set_ms = \(now), password_must_change = \(mustChange),
                password_known_to_others = FALSE WHERE id = \(id)
            """)
    }

    /// Replaces a hash by one with newer parameters; the password stays.
    public func rehash(_ id: PersonID, from old: Secret, to new: Secret, _ db: any Connection) throws {
        try db.later("UPDATE person SET password_hash = \(new.text) WHERE id = \(id) AND password_hash = \(old.text)")
    }

    /// Somebody else may know the password: it must be changed at the next sign-in.
    public func setPasswordKnownToOthers(_ id: PersonID, _ db: any Connection) throws {
        try db.later("UPDATE person SET password_known_to_others = TRUE WHERE id = \(id)")
    }

    public func setPreference(_ id: PersonID, _ preference: [CredentialUse], _ db: any Connection) throws {
        try db.later("UPDATE person SET preference = \(try JSONText.encode(preference)) WHERE id = \(id)")
    }

    public func startGrace(_ id: PersonID, at now: Moment, _ db: any Connection) throws {
        try db.later("UPDATE person SET grace_start_ms = COALESCE(grace_start_ms, \(now)) WHERE id = \(id)")
    }

    public func countSkip(_ id: PersonID, _ db: any Connection) throws {
        try db.later("UPDATE person SET reset_skips = reset_skips + 1 WHERE id = \(id)")
    }

    public func recordReview(_ id: PersonID, at now: Moment, _ db: any Connection) throws {
        try db.later("UPDATE person SET last_review_ms = \(now) WHERE id = \(id)")
    }

    public func snoozeCampaign(_ id: PersonID, at now: Moment, _ db: any Connection) throws {
        try db.later("UPDATE person SET campaign_snoozed_ms = \(now), campaign_snoozes = campaign_snoozes + 1 WHERE id = \(id)")
    }

    public func setState(_ id: PersonID, _ state: PersonState, _ db: any Connection) throws {
        try db.later("UPDATE person SET state = \(state), blocked_until_ms = NULL WHERE id = \(id)")
    }

    /// Closes an account until some moment.
    public func block(_ id: PersonID, until: Moment, _ db: any Connection) throws {
        try db.later("UPDATE person SET state = \(PersonState.blocked), blocked_until_ms = \(until) WHERE id = \(id)")
    }

    /// Accounts whose time of being closed is over.
    func blockedUntil(_ now: Moment, limit: Int, _ db: any Connection) throws -> [PersonRecord] {
        let rows = try db.rows(
            """
            \(fragment: Self.select) WHERE organisation_id = \(organisation) AND blocked_until_ms <= \(now)
                AND state = \(PersonState.blocked) LIMIT \(limit)
            """)
        return try rows.map { try record($0, db) }
    }

    public func setRoles(_ id: PersonID, _ roles: Set<Role>, _ db: any Connection) throws {
        try db.later("UPDATE person SET roles = \(Self.roles(roles)) WHERE id = \(id)")
    }

    public func setMFAState(_ id: PersonID, _ state: MFAState, _ db: any Connection) throws {
        try db.later("UPDATE person SET mfa_state = \(state) WHERE id = \(id)")
    }

    /// How many people there are.
    public func count(_ db: any Connection) throws -> Int {
        try db.row("SELECT COUNT(*) AS n FROM person WHERE organisation_id = \(organisation)")?.int("n") ?? 0
    }

    private static func roles(_ roles: Set<Role>) -> String { roles.map(\.rawValue).sorted().joined(separator: ",") }

    private static func roles(_ text: String) -> Set<Role> {
        text.isEmpty ? [] : Set(text.split(separator: ",").compactMap { Role(rawValue: String($0)) })
    }

    private func record(_ row: Row, _ db: any Connection) throws -> PersonRecord {
        let id = try row.id("id", as: PersonSubject.self)
        return try record(row, groups: db.rows("SELECT group_id FROM effective_membership WHERE person_id = \(id)"))
    }

    private func record(_ row: Row, groups: [Row]) throws -> PersonRecord {
        let groups = try groups.map { try $0.id("group_id", as: GroupSubject.self) }
        var person = try Self.person(row, id: row.id("id", as: PersonSubject.self), groups: Set(groups))
        let preference = try row.text("preference")
        // Most people never chose an order.
        if preference != "[]" { person.preference = try JSONText.decode([CredentialUse].self, from: preference) }
        person.hasDirectoryOfficePhone = try row.bool("has_office")
        return PersonRecord(
            person: person, organisation: organisation, name: try row.text("name"), displayName: try row.text("display_name"),
            locale: try row.optionalText("locale"), zone: try row.optionalText("zone"),
            passwordHash: try row.optionalText("password_hash").map { Secret($0) },
            passwordSetAt: try row.optionalMoment("password_set_ms"), createdAt: try row.moment("created_ms"),
            externalKey: try row.optionalText("external_key"))
    }

    /// What decisions look at, but for the preference and what other tables say.
    static func person(_ row: Row, id: PersonID, groups: Set<GroupID>) throws -> Person {
        Person(
            id: id, kind: try row.choice("kind", as: PersonKind.self), state: try row.choice("state", as: PersonState.self),
            mfaState: try row.choice("mfa_state", as: MFAState.self), roles: Self.roles(try row.text("roles")), groups: groups,
            firstHeldAt: try row.optionalMoment("first_held_ms"), mfaFirstHeldAt: try row.optionalMoment("mfa_first_held_ms"),
            graceStart: try row.optionalMoment("grace_start_ms"), resetSkips: try row.int("reset_skips"),
            lastReviewAt: try row.optionalMoment("last_review_ms"),
            campaignSnoozedAt: try row.optionalMoment("campaign_snoozed_ms"), campaignSnoozes: try row.int("campaign_snoozes"),
            passwordMustChange: try row.bool("password_must_change"),
            passwordKnownToOthers: try row.bool("password_known_to_others"), securityVersion: try row.integer("security_version"),
            sessionEpoch: try row.integer("session_epoch"))
    }
}
