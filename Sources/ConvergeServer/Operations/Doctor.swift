import ConvergeCertificates
import ConvergeCore
import Foundation

/// Looks at everything that a server needs, without changing or sending anything.
public struct Doctor: Sendable {
    /// One thing looked at.
    public struct Finding: Sendable, Codable, Hashable {
        public enum State: String, Sendable, Codable { case ok, warn, fail }

        public let check: String
        public let state: State
        /// What was found, and what to do about it.
        public let text: String

        init(check: String, state: State, text: String) {
            self.check = check
            self.state = state
            self.text = text
        }

        /// A configuration that cannot be read: nothing else can be looked at.
        public init(_ error: ConfigError) {
            self.init(check: "configuration", state: .fail, text: error.description)
        }
    }

    private let config: Config
    private let world: World
    private let environment: [String: String]
    private let curl: Curl

    /// - Parameter environment: tells where the resources lie.
    public init(config: Config, world: World, environment: [String: String], curl: Curl) {
        self.config = config
        self.world = world
        self.environment = environment
        self.curl = curl
    }

    /// Everything, in the order in which a server would need it.
    public func examine() async -> [Finding] {
        var findings = [configuration, resources, breachedList, clock]
        if config.attestationRoots != nil { findings.append(attestationRoots) }
        if let path = config.placesFile { findings.append(places(path)) }
        if config.postgres == nil { findings.append(disk) }
        findings += await store()
        findings += await [mail(), texts(), calls()]
        return findings
    }

    private func ok(_ check: String, _ text: String) -> Finding { Finding(check: check, state: .ok, text: text) }
    private func warn(_ check: String, _ text: String) -> Finding { Finding(check: check, state: .warn, text: text) }
    private func fail(_ check: String, _ text: String) -> Finding { Finding(check: check, state: .fail, text: text) }

    // MARK: this machine

    private var configuration: Finding {
        if config.isDemo { return warn("configuration", "This is a demo: for trying, not for an organisation.") }
        do {
            try config.validateForProduction()
            return ok("configuration", "People use \(config.publicURL).")
        } catch {
            return fail("configuration", "\(error)")
        }
    }

    private var resources: Finding {
        do {
            return ok("resources", "They are in \(try ResourceFolder.find(environment: environment).path).")
        } catch {
            return fail("resources", "\(error)")
        }
    }

    private var breachedList: Finding {
        guard let path = config.passwords.breachedList else {
            return warn("leaked passwords", "No list: leaked passwords are not refused. Import one with: converge passwords import FILE")
        }
        do {
            let list = try BreachedList(path: path)
            return list.count > 0
                ? ok("leaked passwords", "\(list.count) of them are in \(path).") : warn("leaked passwords", "\(path) is empty.")
        } catch {
            return fail("leaked passwords", "\(error)")
        }
    }

    private var attestationRoots: Finding {
        do {
            let anchors = try config.readAttestationRoots(), path = config.attestationRoots ?? ""
            if let end = anchors.firstEnd, end <= world.now() { return warn("attestation", "A certificate in \(path) has expired.") }
            return ok("attestation", "\(anchors.count) certificates of makers of authenticators are in \(path).")
        } catch {
            return fail("attestation", "\(error)")
        }
    }

    private func places(_ path: String) -> Finding {
        do {
            return ok("places", "\(path) is a file of places (\(try PlaceFinder(path: path).kind)).")
        } catch {
            return fail("places", "\(error)")
        }
    }

    /// Codes of authenticator apps are wrong when the clock is.
    private var clock: Finding {
        switch World.isClockSynchronised {
        case true?: ok("clock", "It follows a time server.")
        case false?: warn("clock", "It follows no time server. When it is wrong by a minute, codes of authenticator apps are refused.")
        case nil: warn("clock", "Whether it follows a time server cannot be told.")
        }
    }

    private static let littleSpace = 1_000_000_000
    private static let noSpace = 100_000_000

    private var disk: Finding {
        let folder = URL(fileURLWithPath: config.databasePath).deletingLastPathComponent().path
        var status = statvfs()
        guard statvfs(folder, &status) == 0 else {
            return fail("disk", "\(folder) cannot be looked at: \(String(cString: strerror(errno))).")
        }
        let free = Int(status.f_bavail) * Int(status.f_frsize), words = "\(free / 1_000_000) MB are free in \(folder)."
        return free < Self.noSpace ? fail("disk", words) : free < Self.littleSpace ? warn("disk", words) : ok("disk", words)
    }

    // MARK: gateways

    private func mail() async -> Finding {
        guard let settings = config.mail else {
            return warn(
                "mail", config.isDemo ? "The demo shows mails at /dev/outbox." : "No relay: codes and notices by email cannot be sent.")
        }
        return await reach("mail", "\(settings.host):\(settings.port)", .reach(settings))
    }

    private func texts() async -> Finding {
        if let carrier = config.carrier, carrier.textsFrom != nil { return await reach("texts", carrier) }
        guard let settings = config.text else {
            return warn(
                "texts", config.isDemo ? "The demo shows texts at /dev/outbox." : "No gateway: codes and notices by text cannot be sent.")
        }
        return await reach("texts", URLComponents(string: settings.url)?.host ?? settings.url, .reach(settings.url))
    }

    private func calls() async -> Finding {
        guard let carrier = config.carrier, carrier.callsFrom != nil else {
            return warn(
                "calls", config.isDemo ? "The demo shows calls at /dev/outbox." : "No number to call from: nobody can prove it by a call.")
        }
        if config.isLoopback {
            return fail("calls", "publicURL is on this machine: the carrier cannot ask there what to say, and no call can be answered.")
        }
        return await reach("calls", carrier)
    }

    private func reach(_ check: String, _ carrier: TelephoneCarrier.Settings) async -> Finding {
        await reach(check, URLComponents(string: carrier.url)?.host ?? carrier.url, .reach(carrier.url))
    }

    private func reach(_ check: String, _ name: String, _ transfer: Curl.Transfer) async -> Finding {
        do {
            let outcome = try await curl.run(transfer)
            let code = outcome.status > 0 ? ", reply \(outcome.status)" : ""
            return outcome.code == 0
                ? ok(check, "\(name) answers. Nothing was sent.") : fail(check, "\(name): \(outcome.reason)\(code).")
        } catch {
            return fail(check, "\(name): \(error)")
        }
    }

    // MARK: store and key ring

    private func store() async -> [Finding] {
        let (ring, keys) = keyRing()
        if let postgres = config.postgres { return [ring] + (await self.postgres(postgres, keys)) }
        guard FileManager.default.fileExists(atPath: config.databasePath) else {
            return [ring, fail("database", "\(config.databasePath) is not there. converge migrate makes it, and so does converge serve.")]
        }
        let database: SQLiteDatabase
        do {
            database = try SQLiteDatabase(path: config.databasePath)
        } catch {
            return [ring, fail("database", "\(error)")]
        }
        let findings = [ring, mode(), await pragmas(database)] + (await tables(database, keys))
        try? await database.close()
        return findings
    }

    /// Whether the tables are up to date, and then what is in them.
    private func tables(_ database: any Database, _ keys: KeyRing?) async -> [Finding] {
        let migrations = await migrations(database)
        guard migrations.state == .ok else { return [migrations] }
        do {
            return [migrations] + (try await contents(database, keys))
        } catch {
            return [migrations, fail("database", "\(error)")]
        }
    }

    private func postgres(_ settings: PostgresDatabase.Settings, _ keys: KeyRing?) async -> [Finding] {
        do {
            let database = try await PostgresDatabase(settings), facts = try await database.facts()
            let findings = [
                ok("database", "PostgreSQL \(facts.version), \(settings.address)."), secrecy(settings, facts), durability(facts),
                collation(facts), notes(facts),
            ]
            let tables = await tables(database, keys)
            try await database.close()
            return findings + tables
        } catch {
            return [fail("database", "\(settings.address): \(error)")]
        }
    }

    private func secrecy(_ settings: PostgresDatabase.Settings, _ facts: PostgresDatabase.Facts) -> Finding {
        if settings.address.isLocal { return ok("connection", "It does not leave this machine.") }
        return facts.isEncrypted && settings.address.isProtected
            ? ok("connection", "It is encrypted, and the server has shown that it is the right one.")
            : fail("connection", "Others could read it, or pose as the server. Say sslmode=verify-full in database.postgres.")
    }

    private func notes(_ facts: PostgresDatabase.Facts) -> Finding {
        facts.notesEach >= Self.notesWanted
            ? ok("serializable", "There is room for what many transactions read at once.")
            : warn(
                "serializable",
                "max_pred_locks_per_transaction is \(facts.notesEach): with many sign-ins a second and one that hangs, others would have to "
                    + "wait for it. Set it to \(Self.notesWanted) in postgresql.conf and restart PostgreSQL.")
    }

    private static let notesWanted = 1024

    private func durability(_ facts: PostgresDatabase.Facts) -> Finding {
        facts.unsafe.isEmpty
            ? ok("durability", "Every change is flushed to the disk before it is acknowledged.")
            : fail("durability", "PostgreSQL runs with \(facts.unsafe.map { $0 + "=off" }.joined(separator: ", ")): changes may be lost.")
    }

    /// The order of texts in another collation may change with the system's libraries, and then its indexes are wrong.
    private func collation(_ facts: PostgresDatabase.Facts) -> Finding {
        ["C", "C.UTF-8", "POSIX"].contains(facts.collation)
            ? ok("collation", "Texts are compared byte by byte.")
            : warn(
                "collation",
                "\(facts.collation): after an upgrade of the system, reindex. A database made with LOCALE 'C' needs no such care.")
    }

    private func keyRing() -> (Finding, KeyRing?) {
        do {
            let keys = try KeyRing.open(path: config.keyRingPath, createIfAbsent: false, production: false, world: world)
            let mode = try KeyRing.mode(config.keyRingPath)
            guard mode & 0o077 == 0 else { return (fail("key ring", KeyRingError.exposed(path: config.keyRingPath).description), keys) }
            let count = keys.names.count
            return (ok("key ring", "\(count) \(count == 1 ? "key" : "keys"), \(keys.active) seals. Readable for its owner only."), keys)
        } catch {
            return (fail("key ring", "\(error)"), nil)
        }
    }

    private func mode() -> Finding {
        let mode = (try? FileManager.default.attributesOfItem(atPath: config.databasePath)[.posixPermissions] as? Int) ?? 0
        return mode & 0o077 == 0
            ? ok("database", "\(config.databasePath) is readable for its owner only.")
            : warn("database", "\(config.databasePath) can be read by others than its owner. Run: chmod 600 \(config.databasePath)")
    }

    /// A server sets these when it opens the store; this asks whether the engine takes them.
    private func pragmas(_ database: SQLiteDatabase) async -> Finding {
        do {
            let synchronous = try await database.pragma("synchronous"), journal = try await database.pragma("journal_mode")
            return synchronous == "2" && journal == "wal"
                ? ok("durability", "Every change is flushed to the disk before it is acknowledged.")
                : fail("durability", "SQLite runs with synchronous=\(synchronous ?? "?") and journal_mode=\(journal ?? "?").")
        } catch {
            return fail("durability", "\(error)")
        }
    }

    private func migrations(_ database: any Database) async -> Finding {
        do {
            let folder = try ResourceFolder.find(environment: environment).sub("migrations")
            let pending = try await Migrator(folder: folder, dialect: database.dialect).pending(database)
            return pending.isEmpty
                ? ok("migrations", "The tables are up to date.")
                : fail("migrations", "\(pending.count) are missing. converge migrate applies them, and so does converge serve.")
        } catch {
            return fail("migrations", "\(error)")
        }
    }

    /// What the store holds, and whether the key ring opens it.
    private func contents(_ database: any Database, _ keys: KeyRing?) async throws -> [Finding] {
        let now = world.now()
        let (identity, facts) = try await database.read { db in
            let identity = try OrganisationStore().find(db)
            return (identity, try identity.map { try Facts($0.id, keys, db) })
        }
        guard let identity, let facts else { return [warn("people", "The store is new: nobody is in it.")] }
        var findings = [match(identity, facts, keys)]
        findings.append(
            facts.administrators > 0
                ? ok("people", "\(facts.people) people, \(facts.administrators) administrators, policy version \(facts.policy).")
                : warn("people", "\(facts.people) people and no administrator. converge user admin-code lets you make one."))
        if let last = facts.lastEvent, last > now + .minutes(5) {
            findings.append(fail("time", "The log's last event is later than the clock: the clock went backwards."))
        }
        if let waiting = facts.oldestMessage, waiting < now - .minutes(10) {
            findings.append(warn("outbox", "A message has waited for \((now - waiting).ms / 60_000) minutes. Does a server run?"))
        }
        return findings
    }

    private func match(_ identity: OrganisationStore.Identity, _ facts: Facts, _ keys: KeyRing?) -> Finding {
        guard let keys else { return fail("secrets", "Without the key ring nothing that people registered can be read.") }
        if let check = identity.keyCheck, check != keys.check(of: identity.id) {
            return fail("secrets", KeyRingError.foreign(path: config.keyRingPath, database: config.storeName).description)
        }
        if facts.unreadable > 0 {
            return fail("secrets", "\(facts.unreadable) values are sealed under keys that \(config.keyRingPath) lacks.")
        }
        if identity.isDemo, !config.isDemo { return fail("secrets", "The database was filled by the demo. Name another one.") }
        return facts.old > 0
            ? ok("secrets", "The key ring opens them. \(facts.old) are sealed under older keys: converge key reseal")
            : ok("secrets", "The key ring is the one that the database was made with.")
    }

    /// Numbers about the store, read in one go.
    private struct Facts: Sendable {
        let people: Int
        let administrators: Int
        let policy: Int64
        let lastEvent: Moment?
        let oldestMessage: Moment?
        var unreadable = 0
        /// Values under keys that do not seal any more.
        var old = 0

        init(_ id: OrganisationID, _ keys: KeyRing?, _ db: any Connection) throws {
            people = try PersonStore(organisation: id).count(db)
            administrators = try PersonStore(organisation: id).administrators(db).count
            policy = try PolicyStore(organisation: id).currentVersion(db)
            lastEvent = try AuditStore(organisation: id).find(AuditFilter(limit: 1), db).first?.at
            guard let keys else {
                oldestMessage = nil
                return
            }
            oldestMessage = try OutboxStore(organisation: id, keys: keys).backlog(db).values.map(\.oldest).min()
            let sealed = SealedStore(organisation: id, keys: keys), active = keys.active
            for table in SealedStore.Table.allCases {
                for (name, count) in try sealed.usage(of: table, db) {
                    if name == nil { unreadable += count } else if name != active { old += count }
                }
            }
        }
    }
}
