import ConvergeCore

/// A "this wasn't me" link: what it is about.
struct NoticeLink: Sendable, Hashable {
    let person: PersonID
    let credential: CredentialID?
    let what: String
    /// When it happened.
    let at: Moment
}

/// "This wasn't me" links, stored as keyed hashes; each works once, for seven days.
struct NoticeLinkStore: Sendable {
    let organisation: OrganisationID

    func insert(
        hash: String, person: PersonID, credential: CredentialID?, what: String, at: Moment, expires: Moment, _ db: any Connection
    ) throws {
        try db.later(
            """
            INSERT INTO notice_link (hash, organisation_id, person_id, credential_id, what, at_ms, expires_ms)
            VALUES (\(hash), \(organisation), \(person), \(orNull: credential), \(what), \(at), \(expires))
            """)
    }

    /// The link, while it works. Looking changes nothing.
    func find(hash: String, now: Moment, _ db: any Connection) throws -> NoticeLink? {
        try db.row("SELECT * FROM notice_link WHERE hash = \(hash) AND used_ms IS NULL AND expires_ms > \(now)").map(link)
    }

    /// Spends the link, in one statement.
    func use(hash: String, now: Moment, _ db: any Connection) throws -> NoticeLink? {
        try db.rows(
            """
            UPDATE notice_link SET used_ms = \(now) WHERE hash = \(hash) AND used_ms IS NULL AND expires_ms > \(now)
            RETURNING person_id, credential_id, what, at_ms
            """
        ).first.map(link)
    }

    private func link(_ row: Row) throws -> NoticeLink {
        NoticeLink(
            person: try row.id("person_id", as: PersonSubject.self),
            credential: try row.optionalID("credential_id", as: CredentialSubject.self), what: try row.text("what"),
            at: try row.moment("at_ms"))
    }
}
