import ConvergeCore

/// One of many people, with what decisions look at. Credentials and their channels carry their position in place of their name:
/// no decision depends on how they are called, and equal lists stay equal.
struct WalkedPerson: Sendable {
    let nameKey: String
    let name: String
    let displayName: String
    let person: Person
    /// In the order in which they were added; retired ones left out.
    let credentials: [Credential]
    /// Masked, one for each credential.
    let hints: [String]
}

/// Reads everybody, a page at a time: three statements for a page, however many people are on it.
struct PeopleWalkStore: Sendable {
    let organisation: OrganisationID

    /// People after a name key, in its order.
    func page(after nameKey: String, limit: Int, _ db: any Connection) throws -> [WalkedPerson] {
        let rows = try db.rows(
            """
            SELECT id, name, name_key, display_name, kind, state, mfa_state, roles, first_held_ms, mfa_first_held_ms,
                campaign_snoozed_ms, campaign_snoozes, grace_start_ms, reset_skips, last_review_ms, password_must_change,
                password_known_to_others, security_version, session_epoch
            FROM person WHERE organisation_id = \(organisation) AND name_key > \(nameKey) ORDER BY name_key LIMIT \(limit)
            """)
        let ids = try rows.map { try $0.text("id") }
        let groups = try self.groups(ids, db), credentials = try self.credentials(ids, db)
        return try zip(ids, rows).map { id, row in try walked(row, groups[id] ?? [], credentials[id] ?? []) }
    }

    private func groups(_ people: [String], _ db: any Connection) throws -> [String: Set<GroupID>] {
        try db.rows("SELECT person_id, group_id FROM effective_membership WHERE person_id IN \(fragment: .list(people))")
            .reduce(into: [:]) { groups, row in
                groups[try row.text("person_id"), default: []].insert(try row.id("group_id", as: GroupSubject.self))
            }
    }

    private func credentials(_ people: [String], _ db: any Connection) throws -> [String: [Row]] {
        try db.rows(
            """
            SELECT person_id, method, state, source, serves, capabilities, verified_by, verified_ms, channel_key, hint, added_ms,
                from_first_wizard, own_mail_domain, valid_from_ms, valid_until_ms, remaining, authenticator
            FROM credential WHERE person_id IN \(fragment: .list(people)) AND state <> 'retired' ORDER BY person_id, added_ms, id
            """
        ).reduce(into: [:]) { credentials, row in credentials[try row.text("person_id"), default: []].append(row) }
    }

    private func walked(_ row: Row, _ groups: Set<GroupID>, _ credentials: [Row]) throws -> WalkedPerson {
        var channels: [String] = [], listed: [Credential] = []
        for (position, credential) in credentials.enumerated() {
            let key = try credential.text("channel_key"), channel = channels.firstIndex(of: key) ?? position
            channels.append(key)
            listed.append(
                try CredentialStore.credential(credential, id: CredentialID(String(position)), channel: "channel \(channel)"))
        }
        var person = try PersonStore.person(row, id: PersonID("somebody"), groups: groups)
        person.hasDirectoryOfficePhone = listed.contains { $0.method == .officePhone }
        return WalkedPerson(
            nameKey: try row.text("name_key"), name: try row.text("name"), displayName: try row.text("display_name"), person: person,
            credentials: listed, hints: try credentials.map { try $0.text("hint") })
    }
}
