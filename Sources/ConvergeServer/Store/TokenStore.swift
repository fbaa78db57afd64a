import ConvergeCore

/// Where a hardware token is in its life.
public enum TokenState: String, CaseIterable, Codable, Sendable {
    /// In the drawer.
    case available
    /// For somebody who has not activated it yet.
    case assigned
    /// In use.
    case activated
}

/// A token of the inventory as people see it: its key is never shown.
public struct ListedToken: Sendable, Codable, Hashable {
    public let serial: String
    public let manufacturer: String
    public let model: String
    public let state: TokenState
    /// Whose it is, by user name.
    public let person: String?
}

/// The organisation's hardware tokens. Keys are sealed and bound to their row.
struct TokenStore: Sendable {
    let organisation: OrganisationID
    let keys: KeyRing

    static func aad(_ id: String) -> String { "hardware_token:" + id }

    /// A credential in use holds the token.
    private static let inUse: SQL =
        "EXISTS (SELECT 1 FROM credential WHERE credential.id = hardware_token.credential_id AND credential.state <> 'retired')"

    /// Puts a token into the inventory.
    ///
    /// - Returns: false where its serial number is there already.
    func insert(
        _ token: InventoryToken, manufacturer: String, model: String, for person: PersonID?, at now: Moment, _ db: any Connection
    ) throws -> Bool {
        let sealed = try keys.seal(JSONText.bytes(token), aad: Self.aad(token.id))
        return try db.execute(
            """
            INSERT INTO hardware_token (id, organisation_id, serial, serial_key, manufacturer, model, sealed, person_id, added_ms)
            VALUES (\(token.id), \(organisation), \(token.serial), \(InventoryToken.key(of: token.serial)), \(manufacturer), \(model),
                \(sealed), \(orNull: person), \(now))
            ON CONFLICT DO NOTHING
            """) == 1
    }

    /// What a serial number is to this person; the token itself only where it is free or kept for them.
    func lookUp(serial: String, for person: PersonID, _ db: any Connection) throws -> FoundToken {
        let row = try db.row(
            """
            SELECT hardware_token.id, hardware_token.serial, hardware_token.sealed, hardware_token.person_id, credential.id AS used_by
            FROM hardware_token
            LEFT JOIN credential ON credential.id = hardware_token.credential_id AND credential.state <> 'retired'
            WHERE hardware_token.organisation_id = \(organisation) AND hardware_token.serial_key = \(InventoryToken.key(of: serial))
            """)
        guard let row else { return .unknown }
        let shown = try row.text("serial"), owner = try row.optionalID("person_id", as: PersonSubject.self)
        guard try row.optionalText("used_by") == nil else { return FoundToken(.inUse, serial: shown) }
        guard owner == nil || owner == person else { return FoundToken(.keptForAnother, serial: shown) }
        let bytes = try keys.open(Sealed(try row.text("sealed")), aad: Self.aad(try row.text("id")))
        return FoundToken(owner == nil ? .free : .kept, serial: shown, token: try JSONText.decode(InventoryToken.self, from: bytes))
    }

    /// The serial number of a token that waits for this person.
    func assignedSerial(of person: PersonID, _ db: any Connection) throws -> String? {
        try db.row(
            """
            SELECT serial FROM hardware_token WHERE person_id = \(person) AND NOT \(fragment: Self.inUse) ORDER BY added_ms, id LIMIT 1
            """)?.text("serial")
    }

    /// Gives a token to a credential, in one statement that only one of two rivals wins.
    func activate(_ id: String, as credential: CredentialID, of person: PersonID, _ db: any Connection) throws -> Bool {
        try db.execute(
            """
            UPDATE hardware_token SET person_id = NULL, credential_id = \(credential)
            WHERE id = \(id) AND (person_id IS NULL OR person_id = \(person)) AND NOT \(fragment: Self.inUse)
            """) == 1
    }

    /// Assigns a token that is not in use; nil takes the assignment back.
    func assign(serial: String, to person: PersonID?, _ db: any Connection) throws -> Bool {
        try db.execute(
            """
            UPDATE hardware_token SET person_id = \(orNull: person)
            WHERE organisation_id = \(organisation) AND serial_key = \(InventoryToken.key(of: serial)) AND NOT \(fragment: Self.inUse)
            """) == 1
    }

    /// Takes a token that is not in use out of the inventory.
    func remove(serial: String, _ db: any Connection) throws -> Bool {
        try db.execute(
            """
            DELETE FROM hardware_token
            WHERE organisation_id = \(organisation) AND serial_key = \(InventoryToken.key(of: serial)) AND NOT \(fragment: Self.inUse)
            """) == 1
    }

    /// What is known about a token, with the credential that uses it.
    func find(serial: String, _ db: any Connection) throws -> (token: ListedToken, credential: CredentialID?, person: PersonID?)? {
        let row = try db.row(
            "\(fragment: listing) AND hardware_token.serial_key = \(InventoryToken.key(of: serial))")
        guard let row else { return nil }
        return (
            try Self.listed(row), try row.optionalID("used_by", as: CredentialSubject.self),
            try row.optionalID("owner", as: PersonSubject.self)
        )
    }

    /// The inventory, by serial number, a portion at a time.
    func list(after serial: String, limit: Int, _ db: any Connection) throws -> [ListedToken] {
        try db.rows(
            """
            \(fragment: listing) AND hardware_token.serial_key > \(InventoryToken.key(of: serial)) ORDER BY hardware_token.serial_key
            LIMIT \(limit)
            """
        ).map(Self.listed)
    }

    private var listing: SQL {
        """
        SELECT hardware_token.serial, hardware_token.manufacturer, hardware_token.model, person.name, person.id AS owner,
            credential.id AS used_by
        FROM hardware_token
        LEFT JOIN credential ON credential.id = hardware_token.credential_id AND credential.state <> 'retired'
        LEFT JOIN person ON person.id = COALESCE(credential.person_id, hardware_token.person_id)
        WHERE hardware_token.organisation_id = \(organisation)
        """
    }

    private static func listed(_ row: Row) throws -> ListedToken {
        let person = try row.optionalText("name"), isUsed = try row.optionalText("used_by") != nil
        return ListedToken(
            serial: try row.text("serial"), manufacturer: try row.text("manufacturer"), model: try row.text("model"),
            state: isUsed ? .activated : person == nil ? .available : .assigned, person: person)
    }
}
