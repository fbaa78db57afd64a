import ConvergeCore

/// Ends what a backup brings back to life although it ended since: a session that was signed out, a message that was sent, a pass
/// that was used. Methods, passwords and the log stay as they were.
struct RestoredStore: Sendable {
    let organisation: OrganisationID
    let keys: KeyRing

    func makeSafe(now: Moment, _ db: any Connection) throws {
        try db.execute("UPDATE person SET session_epoch = session_epoch + 1 WHERE organisation_id = \(organisation)")
        try db.execute("DELETE FROM session WHERE organisation_id = \(organisation)")
        try db.execute("DELETE FROM flow WHERE organisation_id = \(organisation)")
        try db.execute("DELETE FROM admin_code WHERE organisation_id = \(organisation)")
        try db.execute("DELETE FROM notice_link WHERE organisation_id = \(organisation)")
        try db.execute(
            """
            UPDATE outbox SET state = \(OutboxEnd.expired), sealed = NULL, failure = 'restored from a backup', done_ms = \(now)
            WHERE organisation_id = \(organisation) AND state = 'waiting'
            """)
        let credentials = CredentialStore(organisation: organisation, keys: keys)
        let passes = try db.rows(
            """
            SELECT id FROM credential
            WHERE organisation_id = \(organisation) AND method = \(MethodKind.temporaryAccessPass) AND state <> 'retired'
            """)
        for pass in passes {
            try credentials.retire(pass.id("id", as: CredentialSubject.self), reason: "restored", replacedBy: nil, at: now, db)
        }
    }
}
