import ConvergeCore

@testable import ConvergeServer

extension Administration {
    /// Everybody at once, for tests with few people.
    func everybody() async throws -> [Listed] {
        var all: [Listed] = []
        try await list { all += $0 }
        return all
    }
}

extension TestServer {
    var administration: Administration { Administration(instance) }

    /// What waits in the outbox, oldest first.
    func waiting() async throws -> [OutboxMessage] {
        let instance = self.instance
        return try await instance.database.read { db in
            let order = instance.database.dialect.order
            let rows = try db.rows("SELECT * FROM outbox WHERE state = 'waiting' AND sealed IS NOT NULL ORDER BY \(fragment: order)")
            return try rows.map { row in
                try instance.outbox.open(
                    OutboxRecord(
                        id: row.text("id"), kind: row.choice("kind", as: OutboxMessage.Kind.self), tries: 0,
                        notAfter: row.moment("not_after_ms"), createdAt: row.moment("created_ms"), sealed: row.text("sealed")))
            }
        }
    }

    /// One person as stored.
    func record(_ name: String) async throws -> PersonRecord {
        let administration = self.administration
        return try await instance.database.read { db in try administration.person(name, db) }
    }
}
