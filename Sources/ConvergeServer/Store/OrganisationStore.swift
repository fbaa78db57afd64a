import ConvergeCore

/// The organisation that a store belongs to. One row now.
struct OrganisationStore: Sendable {
    /// What is known of an organisation before anything of it can be opened.
    struct Identity: Sendable, Hashable {
        let id: OrganisationID
        /// What only its key ring can say; nil in a store of the first release.
        let keyCheck: String?
        let isDemo: Bool
    }

    /// Whether a store holds an organisation. A new store has no table to ask; a table that may not be read is no such store.
    func isThere(in database: any Database) async throws -> Bool {
        let dialect = database.dialect
        return try await database.read { db in
            try dialect.has(table: "organisation", db) && db.row("SELECT id FROM organisation LIMIT 1") != nil
        }
    }

    func find(_ db: any Connection) throws -> Identity? {
        try db.row("SELECT id, key_check, is_demo FROM organisation ORDER BY created_ms LIMIT 1").map { row in
            Identity(
                id: try row.id("id", as: OrganisationSubject.self), keyCheck: try row.optionalText("key_check"),
                isDemo: try row.bool("is_demo"))
        }
    }

    func insert(_ id: OrganisationID, name: String, keyCheck: String, at now: Moment, _ db: any Connection) throws {
        try db.execute(
            "INSERT INTO organisation (id, name, created_ms, key_check) VALUES (\(id), \(name), \(now), \(keyCheck))")
    }

    func setKeyCheck(_ check: String, of id: OrganisationID, _ db: any Connection) throws {
        try db.execute("UPDATE organisation SET key_check = \(check) WHERE id = \(id)")
    }

    /// Its people are examples: no production server takes it.
    func markAsDemo(_ id: OrganisationID, _ db: any Connection) throws {
        try db.execute("UPDATE organisation SET is_demo = TRUE WHERE id = \(id)")
    }
}

extension KeyRing {
    /// What only this ring can say of an organisation.
    func check(of organisation: OrganisationID) -> String { keyedHash(Array(organisation.text.utf8), purpose: "key check") }
}
