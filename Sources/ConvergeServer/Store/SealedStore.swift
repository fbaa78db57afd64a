import ConvergeCore

/// Every sealed value of the store, whatever it is about: for looking which keys are in use, and for sealing anew.
struct SealedStore: Sendable {
    let organisation: OrganisationID
    let keys: KeyRing

    /// A table with a column `sealed`.
    enum Table: String, CaseIterable, Sendable {
        case credential, flow, outbox, hardwareToken = "hardware_token"

        /// What binds a value to its row.
        fileprivate func aad(_ row: Row) throws -> String {
            let id = try row.text("id")
            return switch self {
            case .credential:
                CredentialStore.aad(CredentialID(id), try row.id("person_id", as: PersonSubject.self))
            case .flow: FlowStore.aad(FlowID(id))
            case .outbox: OutboxStore.aad(id)
            case .hardwareToken: TokenStore.aad(id)
            }
        }
    }

    /// How many values of a table each key sealed. Nil stands for keys that the ring lacks.
    func usage(of table: Table, _ db: any Connection) throws -> [String?: Int] {
        var usage: [String?: Int] = [:], known = 0
        for name in keys.names {
            let count = try count(table, "\(fragment: Self.prefix(name.count + 1)) = \(name + ".")", db)
            if count > 0 { usage[name] = count }
            known += count
        }
        let all = try count(table, "sealed <> ''", db)
        if all > known { usage[nil] = all - known }
        return usage
    }

    private func count(_ table: Table, _ condition: SQL, _ db: any Connection) throws -> Int {
        try db.row(
            "SELECT COUNT(*) AS n FROM \(raw: table.rawValue) WHERE organisation_id = \(organisation) AND \(fragment: condition)"
        )?.int("n") ?? 0
    }

    private static func prefix(_ length: Int) -> SQL { "substr(sealed, 1, \(length))" }

    /// A portion of resealing.
    struct Portion: Sendable {
        /// The last row looked at; nil: there was none.
        var last: String?
        var resealed = 0
        /// Values that do not open: another ring's, or damaged. They stay as they are.
        var unreadable = 0
    }

    /// Seals values anew under the active key, a portion at a time in the order of ids.
    func reseal(_ table: Table, after id: String, limit: Int, _ db: any Connection) throws -> Portion {
        let active = keys.active + "."
        let person: SQL = table == .credential ? ", person_id" : ""
        let rows = try db.rows(
            """
            SELECT id, sealed\(fragment: person) FROM \(raw: table.rawValue)
            WHERE organisation_id = \(organisation) AND id > \(id) AND sealed <> '' AND \(fragment: Self.prefix(active.count)) <> \(active)
            ORDER BY id LIMIT \(limit)
            """)
        var portion = Portion()
        for row in rows {
            let id = try row.text("id"), old = try row.text("sealed"), aad = try table.aad(row)
            portion.last = id
            guard let bytes = try? keys.open(Sealed(old), aad: aad) else {
                portion.unreadable += 1
                continue
            }
            let sealed = try keys.seal(bytes, aad: aad)
            // Whoever sealed it anew meanwhile was right.
            portion.resealed += try db.execute(
                "UPDATE \(raw: table.rawValue) SET sealed = \(sealed) WHERE id = \(id) AND sealed = \(old)")
        }
        return portion
    }
}
