import ConvergeCore

/// The one-time code that makes the first administrator: printed by the command line, stored as a keyed hash.
struct AdminCodeStore: Sendable {
    let organisation: OrganisationID

    /// How long a code works.
    static let life = Span.hours(24)

    /// Writes a code; one that was printed before is good no more.
    func replace(hash: String, now: Moment, _ db: any Connection) throws {
        try db.execute("DELETE FROM admin_code WHERE organisation_id = \(organisation) AND used_ms IS NULL")
        try db.execute("INSERT INTO admin_code (hash, organisation_id, expires_ms) VALUES (\(hash), \(organisation), \(now + Self.life))")
    }

    /// Whether a code works. Looking changes nothing.
    func isGood(hash: String, now: Moment, _ db: any Connection) throws -> Bool {
        try db.row("SELECT hash FROM admin_code WHERE hash = \(hash) AND used_ms IS NULL AND expires_ms > \(now)") != nil
    }

    /// Spends a code: one statement, of which only one of many rivals wins.
    func spend(hash: String, now: Moment, _ db: any Connection) throws -> Bool {
        try !db.rows(
            """
            UPDATE admin_code SET used_ms = \(now)
            WHERE hash = \(hash) AND used_ms IS NULL AND expires_ms > \(now) RETURNING hash
            """
        ).isEmpty
    }
}
