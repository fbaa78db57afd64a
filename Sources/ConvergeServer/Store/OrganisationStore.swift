import ConvergeCore

/// The organisation's row: one now.
struct OrganisationStore: Sendable {
    /// The organisation in the store; a fresh store gets one.
    ///
    /// - Parameter id: what a new one is called.
    func ensure(_ id: OrganisationID, name: String, now: Moment, _ db: any Connection) throws -> OrganisationID {
        if let row = try db.row("SELECT id FROM organisation ORDER BY created_ms LIMIT 1") {
            return try row.id("id", as: OrganisationSubject.self)
        }
        try db.execute("INSERT INTO organisation (id, name, created_ms) VALUES (\(id), \(name), \(now))")
        return id
    }
}
