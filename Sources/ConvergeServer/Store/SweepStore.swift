import ConvergeCore

/// What the sweeper looks up and deletes, a portion at a time.
struct SweepStore: Sendable {
    /// Rows of one table that are over.
    struct Over: Sendable {
        let table: String
        let key: String
        let condition: SQL
    }

    /// A lock on guessing passwords, as stored. `quietSince`: since when nothing is remembered.
    struct Lock: Sendable {
        let key: String
        let note: String
        let quietSince: Moment
    }

    /// Everything that was over before a moment. Counters with a note are locks on guessing passwords.
    ///
    /// - Parameters:
    ///   - empty: rows without content that stood for messages to nobody are over before this moment.
    ///   - kept: how the keys of counters begin that are never over.
    func over(before: Moment, empty: Moment, keeping kept: String) -> [Over] {
        [
            Over(table: "outbox", key: "id", condition: "state = 'decoy' AND done_ms < \(empty)"),
            Over(table: "flow", key: "id", condition: "expires_ms < \(before)"),
            Over(table: "session", key: "id", condition: "ends_ms < \(before)"),
            Over(table: "outbox", key: "id", condition: "state <> 'waiting' AND done_ms < \(before)"),
            Over(table: "approval", key: "id", condition: "until_ms < \(before)"),
            // An app goes with its credential, once that cannot be taken back any more; a registration that no app came to goes at once.
            Over(
                table: "authenticator", key: "id",
                condition: """
                    until_ms < \(before) AND NOT EXISTS
                        (SELECT 1 FROM credential
                         WHERE credential.id = authenticator.id AND (credential.state <> 'retired' OR credential.sealed <> ''))
                    """),
            Over(table: "notice_link", key: "hash", condition: "expires_ms < \(before)"),
            Over(table: "admin_code", key: "hash", condition: "expires_ms < \(before)"),
            Over(table: "delivery_trouble", key: "channel", condition: "failed_ms < \(before)"),
            Over(
                table: "budget", key: "key",
                condition: """
                    note IS NULL AND key NOT LIKE \(kept + "%") AND window_start_ms < \(before)
                    AND (locked_until_ms IS NULL OR locked_until_ms < \(before))
                    """),
        ]
    }

    /// Keys of rows that are over.
    func keys(_ over: Over, limit: Int, _ db: any Connection) throws -> [String] {
        try db.rows("SELECT \(raw: over.key) AS k FROM \(raw: over.table) WHERE \(fragment: over.condition) LIMIT \(limit)")
            .map { try $0.text("k") }
    }

    /// Deletes those of the rows that are over still.
    func delete(_ keys: [String], _ over: Over, _ db: any Connection) throws {
        try db.execute(
            "DELETE FROM \(raw: over.table) WHERE \(raw: over.key) IN \(fragment: .list(keys)) AND \(fragment: over.condition)")
    }

    /// What could have been taken back, a day ago.
    func forgetReplaced(before: Moment, _ db: any Connection) throws {
        try db.execute(
            "UPDATE credential SET sealed = '', hint = '' WHERE state = 'retired' AND retired_ms <= \(before) AND sealed <> ''")
    }

    /// Messages whose time ended while no worker ran: their content goes now.
    func expireMessages(now: Moment, _ db: any Connection) throws {
        try db.execute(
            """
            UPDATE outbox SET state = \(OutboxEnd.expired), sealed = NULL, failure = 'too late', done_ms = \(now)
            WHERE state = 'waiting' AND not_after_ms <= \(now) AND next_ms <= \(now)
            """)
    }

    /// Locks after a key, in the order of keys.
    func locks(after key: String, limit: Int, _ db: any Connection) throws -> [Lock] {
        try db.rows(
            "SELECT key, note, window_start_ms FROM budget WHERE note IS NOT NULL AND key > \(key) ORDER BY key LIMIT \(limit)"
        )
        .map { Lock(key: try $0.text("key"), note: try $0.text("note"), quietSince: try $0.moment("window_start_ms")) }
    }

    /// Replaces a lock that nobody changed meanwhile.
    func replace(_ lock: Lock, by state: PasswordLockState, now: Moment, _ db: any Connection) throws {
        try db.execute(
            """
            UPDATE budget SET note = \(try JSONText.encode(state)), locked_until_ms = \(orNull: state.lockedUntil),
                window_start_ms = \(now) WHERE key = \(lock.key) AND note = \(lock.note)
            """)
    }

    /// Forgets a lock that nobody changed meanwhile.
    func forget(_ lock: Lock, _ db: any Connection) throws {
        try db.execute("DELETE FROM budget WHERE key = \(lock.key) AND note = \(lock.note)")
    }
}
