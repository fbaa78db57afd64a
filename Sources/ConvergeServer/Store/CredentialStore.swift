public import ConvergeCore

/// A credential as stored, content still sealed.
public struct CredentialRecord: Sendable, Hashable {
    public let credential: Credential
    public let person: PersonID
    /// Masked: last digits, first letter. Shown before proof.
    public let hint: String
    public let sealed: String
    public let spentStep: Int64?
    /// By how many steps the clock of a hardware token differs.
    public let drift: Int
    public let lastUsed: [Purpose: Moment]

    public var id: CredentialID { credential.id }
}

/// Credentials, recovery codes and access passes. Contents are sealed and bound to their row.
public struct CredentialStore: Sendable {
    public let organisation: OrganisationID
    public let keys: KeyRing

    /// Within this time of each other, credentials are told to be of one moment. A clock that jumps back is none of it.
    private static let crowd = Span(ms: 100)

    public init(organisation: OrganisationID, keys: KeyRing) {
        self.organisation = organisation
        self.keys = keys
    }

    /// Everything a person has that is not retired, oldest first.
    public func all(of person: PersonID, _ db: any Connection) throws -> [CredentialRecord] { try ask(of: .person(person), db).answer() }

    /// Asks for the same.
    public func ask(of whom: Whom, _ db: any Connection) throws -> Asked<[CredentialRecord]> {
        try db.ask(
            "SELECT * FROM credential WHERE person_id = \(fragment: whom.id) AND state <> 'retired' ORDER BY added_ms, id"
        ).map { try $0.map(record) }
    }

    /// One credential of a person, retired ones included.
    public func find(_ id: CredentialID, of person: PersonID, _ db: any Connection) throws -> CredentialRecord? {
        try ask(id, of: .person(person), db).answer()
    }

    /// Asks for the same.
    public func ask(_ id: CredentialID, of whom: Whom, _ db: any Connection) throws -> Asked<CredentialRecord?> {
        try db.askRow("SELECT * FROM credential WHERE id = \(id) AND person_id = \(fragment: whom.id)").map { try $0.map(record) }
    }

    /// Opens the content of a credential.
    public func open(_ record: CredentialRecord) throws -> OpenCredential {
        let bytes = try keys.open(Sealed(record.sealed), aad: Self.aad(record.id, record.person))
        return OpenCredential(
            credential: record.credential, content: try JSONText.decode(CredentialContent.self, from: bytes),
            spentStep: record.spentStep, drift: record.drift)
    }

    /// What two gates must not share, and what tells that two credentials travel over one channel.
    public func channelKey(_ source: String) -> String { keys.keyedHash(Array(source.utf8), purpose: "channel") }

    /// Writes a credential. No two of one person are of one millisecond, so that their order is that of registration: one that
    /// comes in the same millisecond as another is dated a moment later.
    public func insert(
        _ credential: Credential, of person: PersonID, content: CredentialContent, hint: String, spentStep: Int64? = nil,
        drift: Int = 0, _ db: any Connection
    ) throws {
        let sealed = try keys.seal(JSONText.bytes(content), aad: Self.aad(credential.id, person))
        try db.later(
            """
            INSERT INTO credential (id, organisation_id, person_id, method, state, source, serves, capabilities, verified_by,
                verified_ms, channel_key, hint, sealed, added_ms, from_first_wizard, own_mail_domain, valid_from_ms,
                valid_until_ms, remaining, spent_step, drift_steps, authenticator, version)
            VALUES (\(credential.id), \(organisation), \(person), \(credential.method), \(credential.state), \(credential.source),
                \(Self.list(credential.serves.map(\.rawValue))), \(Self.list(credential.capabilities.map(\.rawValue))),
                \(orNull: credential.verifiedBy), \(orNull: credential.verifiedAt), \(credential.channel), \(hint), \(sealed),
                COALESCE((SELECT MAX(added_ms) + 1 FROM credential WHERE person_id = \(person)
                    AND added_ms BETWEEN \(credential.addedAt) AND \(credential.addedAt + Self.crowd)), \(credential.addedAt)),
                \(credential.fromFirstWizard), \(credential.inOwnMailDomain), \(orNull: credential.validFrom),
                \(orNull: credential.validUntil), \(orNull: credential.remaining), \(orNull: spentStep), \(drift),
                \(orNull: credential.authenticator?.description), 1)
            """)
    }

    /// Writes another content for a credential, for example with another name.
    public func setContent(_ content: CredentialContent, of record: CredentialRecord, _ db: any Connection) throws -> Bool {
        let sealed = try keys.seal(JSONText.bytes(content), aad: Self.aad(record.id, record.person))
        return try db.execute(
            "UPDATE credential SET sealed = \(sealed), version = version + 1 WHERE id = \(record.id) AND state <> 'retired'") == 1
    }

    /// Confirms a directory's or an administrator's value: it now serves both features.
    public func confirm(_ id: CredentialID, by capability: Capability, at now: Moment, _ db: any Connection) throws {
        try db.later(
            """
            UPDATE credential SET state = 'active', verified_by = \(capability), verified_ms = \(now), serves = 'reset,signIn',
                version = version + 1 WHERE id = \(id) AND state IN ('unconfirmed', 'active')
            """)
    }

    /// For so long a replacement can be undone.
    public static let undoLife = Span.hours(24)

    /// Retires a credential; its content is forgotten.
    ///
    /// - Parameter undoable: its content is kept for a day, so that its owner can take it back.
    public func retire(
        _ id: CredentialID, reason: String, replacedBy: CredentialID?, undoable: Bool = false, at now: Moment, _ db: any Connection
    ) throws {
        let content: SQL = undoable ? "sealed = sealed" : "sealed = '', hint = ''"
        try db.later(
            """
            UPDATE credential SET state = 'retired', retired_ms = \(now), retired_reason = \(reason), replaced_by = \(orNull: replacedBy),
                \(fragment: content), version = version + 1 WHERE id = \(id) AND state <> 'retired'
            """)
        try db.later("DELETE FROM recovery_code WHERE credential_id = \(id)")
        try db.later("DELETE FROM access_pass WHERE credential_id = \(id)")
    }

    /// What a credential became: itself, or whatever replaced it since. A replacement that was taken back became nothing.
    public func successor(of id: CredentialID, of person: PersonID, _ db: any Connection) throws -> CredentialRecord? {
        var id = id, seen: Set<CredentialID> = []
        while seen.insert(id).inserted,
            let row = try db.row(
                """
                SELECT replaced_by FROM credential
                WHERE id = \(id) AND person_id = \(person) AND state = 'retired' AND retired_reason <> 'undone'
                """),
            let next = try row.optionalID("replaced_by", as: CredentialSubject.self)
        { id = next }
        return try find(id, of: person, db)
    }

    /// What a person replaced within the last day and can take back, newest first: what took its place is still there.
    func undoable(of person: PersonID, now: Moment, _ db: any Connection) throws -> [Replacement] {
        try db.rows(
            """
            SELECT old.* FROM credential old JOIN credential new ON new.id = old.replaced_by
            WHERE old.person_id = \(person) AND old.state = 'retired' AND old.retired_reason = 'replaced' AND old.sealed <> ''
                AND old.retired_ms > \(now - Self.undoLife) AND new.state = 'active' ORDER BY old.retired_ms DESC, old.id
            """
        ).map { row in
            Replacement(
                old: try record(row), new: try row.id("replaced_by", as: CredentialSubject.self), at: try row.moment("retired_ms"))
        }
    }

    /// Nothing that a person replaced can be taken back any more.
    public func forgetReplaced(of person: PersonID, _ db: any Connection) throws {
        try db.later(
            "UPDATE credential SET sealed = '', hint = '' WHERE person_id = \(person) AND state = 'retired' AND sealed <> ''")
    }

    /// Takes a replacement back: the old one is active again, the new one is gone.
    public func undo(_ old: CredentialID, new: CredentialID, at now: Moment, _ db: any Connection) throws {
        try retire(new, reason: "undone", replacedBy: old, at: now, db)
        try db.later(
            """
            UPDATE credential SET state = 'active', retired_ms = NULL, retired_reason = NULL, replaced_by = NULL, version = version + 1
            WHERE id = \(old) AND state = 'retired' AND sealed <> ''
            """)
    }

    /// Suspends a credential until another proof.
    public func suspend(_ id: CredentialID, at now: Moment, _ db: any Connection) throws -> Bool {
        try db.execute(
            """
            UPDATE credential SET state = 'suspended', suspended_ms = \(now), version = version + 1
            WHERE id = \(id) AND state IN ('active', 'unconfirmed')
            """) == 1
    }

    /// Notes a use.
    public func used(_ id: CredentialID, for purpose: Purpose, at now: Moment, _ db: any Connection) throws {
        switch purpose {
        case .signIn: try db.later("UPDATE credential SET last_sign_in_ms = \(now) WHERE id = \(id)")
        case .reset: try db.later("UPDATE credential SET last_reset_ms = \(now) WHERE id = \(id)")
        case .change: try db.later("UPDATE credential SET last_change_ms = \(now) WHERE id = \(id)")
        }
    }

    /// Writes a set of recovery codes; the codes themselves are never stored.
    public func insertRecoveryCodes(_ hashes: [String], of credential: CredentialID, _ db: any Connection) throws {
        for hash in hashes {
            try db.later("INSERT INTO recovery_code (credential_id, hash) VALUES (\(credential), \(hash))")
        }
    }

    /// Writes what a pass is checked against.
    public func insertPass(_ credential: CredentialID, hash: String, usesLeft: Int?, _ db: any Connection) throws {
        try db.later("INSERT INTO access_pass (credential_id, hash, uses_left) VALUES (\(credential), \(hash), \(orNull: usesLeft))")
    }

    /// Spends a secret: one statement each, of which only one of many rivals wins.
    ///
    /// - Returns: whether the claim was won.
    public func win(_ claim: Claim, at now: Moment, _ db: any Connection) throws -> Bool {
        switch claim {
        case .step(let credential, let step):
            return try !db.rows(
                """
                UPDATE credential SET spent_step = \(step)
                WHERE id = \(credential) AND state = 'active' AND (spent_step IS NULL OR spent_step < \(step)) RETURNING id
                """
            ).isEmpty
        case .driftingStep(let credential, let step, let drift):
            return try !db.rows(
                """
                UPDATE credential SET spent_step = \(step), drift_steps = \(drift)
                WHERE id = \(credential) AND state = 'active' AND (spent_step IS NULL OR spent_step < \(step)) RETURNING id
                """
            ).isEmpty
        case .recoveryCode(let credential, let hash):
            let won = try !db.rows(
                """
                UPDATE recovery_code SET spent_ms = \(now)
                WHERE credential_id = \(credential) AND hash = \(hash) AND spent_ms IS NULL RETURNING hash
                """
            ).isEmpty
            if won { try db.later("UPDATE credential SET remaining = remaining - 1 WHERE id = \(credential)") }
            return won
        case .pass(let credential, let hash):
            return try winPass(credential, hash, now, db)
        case .approval(let id):
            return try ApprovalStore(organisation: organisation).spend(id, now: now, db)
        }
    }

    private func winPass(_ credential: CredentialID, _ hash: String, _ now: Moment, _ db: any Connection) throws -> Bool {
        let won = try db.rows(
            """
            UPDATE access_pass SET uses_left = uses_left - 1
            WHERE credential_id = \(credential) AND hash = \(hash) AND (uses_left IS NULL OR uses_left > 0)
                AND EXISTS (SELECT 1 FROM credential WHERE id = access_pass.credential_id AND state = 'active'
                    AND (valid_from_ms IS NULL OR valid_from_ms <= \(now)) AND (valid_until_ms IS NULL OR valid_until_ms > \(now)))
            RETURNING uses_left
            """)
        guard let row = won.first else { return false }
        if let left = try row.optionalInt("uses_left"), left <= 0 {
            try db.later("UPDATE credential SET remaining = 0 WHERE id = \(credential)")
        }
        return true
    }

    static func aad(_ credential: CredentialID, _ person: PersonID) -> String { "credential:\(person):\(credential)" }
    private static func list(_ values: [String]) -> String { values.sorted().joined(separator: ",") }

    private func record(_ row: Row) throws -> CredentialRecord {
        let credential = try Self.credential(
            row, id: row.id("id", as: CredentialSubject.self), channel: row.text("channel_key"))
        var lastUsed: [Purpose: Moment] = [:]
        lastUsed[.signIn] = try row.optionalMoment("last_sign_in_ms")
        lastUsed[.reset] = try row.optionalMoment("last_reset_ms")
        lastUsed[.change] = try row.optionalMoment("last_change_ms")
        return CredentialRecord(
            credential: credential, person: try row.id("person_id", as: PersonSubject.self), hint: try row.text("hint"),
            sealed: try row.text("sealed"), spentStep: try row.optionalInteger("spent_step"),
            drift: try row.int("drift_steps"), lastUsed: lastUsed)
    }

    /// What decisions look at.
    static func credential(_ row: Row, id: CredentialID, channel: String) throws -> Credential {
        let words = { (column: String) in try row.text(column).split(separator: ",").map(String.init) }
        return Credential(
            id: id, method: try row.choice("method", as: MethodKind.self), state: try row.choice("state", as: CredentialState.self),
            source: try row.choice("source", as: CredentialSource.self),
            serves: Set(try words("serves").compactMap { Purpose(rawValue: $0) }),
            capabilities: Set(try words("capabilities").compactMap { Capability(rawValue: $0) }),
            verifiedBy: try row.optionalText("verified_by").flatMap { Capability(rawValue: $0) },
            verifiedAt: try row.optionalMoment("verified_ms"), channel: channel, addedAt: try row.moment("added_ms"),
            fromFirstWizard: try row.bool("from_first_wizard"), validFrom: try row.optionalMoment("valid_from_ms"),
            validUntil: try row.optionalMoment("valid_until_ms"), remaining: try row.optionalInt("remaining"),
            inOwnMailDomain: try row.bool("own_mail_domain"), authenticator: try row.optionalText("authenticator").flatMap { AAGUID($0) })
    }
}

/// A credential that its owner replaced, and can take back.
struct Replacement: Sendable {
    let old: CredentialRecord
    let new: CredentialID
    let at: Moment

    /// Whether a session shows what taking it back asks for: the new one, or another second step, proven since. Whoever has only the old
    /// thing may be the reason why it was replaced.
    func mayBeUndone(by session: SessionRecord, _ standing: Standing) -> Bool {
        let counting = standing.counting(for: .signIn)
        return session.proofs.contains { proof in
            proof.at >= at && proof.use.credential != old.id && (proof.use.credential == new || counting.contains(proof.use))
        }
    }
}
