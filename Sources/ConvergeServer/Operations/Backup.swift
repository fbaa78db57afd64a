import ConvergeCore
import Foundation

extension Administration {
    /// Writes a consistent copy of the store into a new file, beside a running server. Everything secret in it is sealed or hashed
    /// with the key ring, which is not in it.
    ///
    /// - Returns: the size of the copy in bytes.
    public func backup(to path: String) async throws -> Int {
        guard let database = instance.database as? SQLiteDatabase else {
            throw Problem(
                "The store is in PostgreSQL, which makes backups itself: pg_dump --format=custom, or a copy that follows the server. "
                    + "Nothing was written.")
        }
        do {
            try await database.backup(to: path)
        } catch StoreError.exists {
            throw Problem("\(path) is there already, and nothing is overwritten. Name another file.")
        } catch StoreError.full {
            throw Problem("The disk is full. Nothing was written.")
        }
        return (try? FileManager.default.attributesOfItem(atPath: path)[.size] as? Int) ?? 0
    }
}

/// Puts a backup in the place of a store that nobody uses.
///
/// The copy is checked, migrated and made safe beside the place it goes to, and takes it in one step: a restore that fails leaves
/// everything as it was.
public struct Restore: Sendable {
    private let config: Config
    private let world: World
    private let resources: ResourceFolder

    public init(config: Config, world: World, resources: ResourceFolder) {
        self.config = config
        self.world = world
        self.resources = resources
    }

    /// What was restored.
    public struct Report: Sendable, Codable, Hashable {
        public let people: Int
        /// The last thing that the log of the backup tells of, when it tells of anything.
        public let lastEvent: String?
        /// Where the store that was there before is kept now.
        public let former: String?
    }

    private var target: String { config.databasePath }
    private var staged: String { target + ".restoring" }

    /// Restores a backup.
    ///
    /// - Parameter force: keep the store that is there under another name and take its place.
    public func run(_ file: String, force: Bool) async throws -> Report {
        guard config.postgres == nil else {
            throw Administration.Problem(
                "The store is in PostgreSQL, which puts backups back itself: pg_restore into an empty database, then "
                    + "converge store restored. Nothing was changed.")
        }
        guard let lock = FileLock(beside: target, .exclusive, wait: false) else {
            throw Administration.Problem("\(target) is in use. Stop the server, and wait for commands to end. Nothing was changed.")
        }
        defer { withExtendedLifetime(lock) {} }
        let isThere = FileManager.default.fileExists(atPath: target)
        guard force || !isThere else {
            throw Administration.Problem(
                "\(target) is there already. With --force it is kept under another name. Nothing was changed.")
        }
        let keys = try KeyRing.open(path: config.keyRingPath, createIfAbsent: false, production: !config.isDemo, world: world)
        defer { removeStaged() }
        try copy(file)
        let facts = try await prepare(file, keys)
        let former = isThere ? try setAside() : nil
        guard rename(staged, target) == 0, FileFlush.folder(of: target) else {
            throw Administration.Problem("\(target) cannot be written: \(String(cString: strerror(errno))).")
        }
        return Report(people: facts.people, lastEvent: facts.lastEvent, former: former)
    }

    /// Makes the store that the configuration names safe after somebody put a copy in its place: what PostgreSQL's tools restored, a
    /// snapshot of a disk.
    public func settle() async throws -> Report {
        let keys = try KeyRing.open(path: config.keyRingPath, createIfAbsent: false, production: !config.isDemo, world: world)
        let address: StoreAddress = config.postgres.map { .postgres($0) } ?? .sqlite(path: target)
        let database: any Database
        do {
            database = try await address.openAlone(mayCreate: false)
        } catch let problem as StoreCopy.Problem {
            throw Administration.Problem("\(problem) Nothing was changed.")
        }
        do {
            let facts = try await settle(address.description, database, keys)
            try await database.close()
            return Report(people: facts.people, lastEvent: facts.lastEvent, former: nil)
        } catch {
            try? await database.close()
            throw error
        }
    }

    // MARK: the copy

    private func removeStaged() {
        for end in ["", "-wal", "-shm", "-journal", ".lock"] { unlink(staged + end) }
    }

    /// Copies the backup to its stage, for its owner alone.
    private func copy(_ file: String) throws {
        removeStaged()
        guard let input = InputStream(fileAtPath: file), FileManager.default.isReadableFile(atPath: file) else {
            throw Administration.Problem("The file \(file) cannot be read. Nothing was changed.")
        }
        let output = open(staged, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard output >= 0 else { throw Administration.Problem("\(staged) cannot be written: \(String(cString: strerror(errno))).") }
        defer { close(output) }
        input.open()
        defer { input.close() }
        var buffer = [UInt8](repeating: 0, count: 1 << 20)
        while true {
            let count = input.read(&buffer, maxLength: buffer.count)
            guard count > 0 else {
                guard count == 0, fsync(output) == 0 else { throw Administration.Problem("The file \(file) cannot be copied.") }
                return
            }
            guard buffer.withUnsafeBytes({ write(output, $0.baseAddress, count) }) == count else {
                throw Administration.Problem("The file \(file) cannot be copied: \(String(cString: strerror(errno))).")
            }
        }
    }

    // MARK: what is in it

    private func prepare(_ file: String, _ keys: KeyRing) async throws -> (people: Int, lastEvent: String?) {
        let database: SQLiteDatabase
        do {
            database = try SQLiteDatabase(path: staged)
        } catch is StoreError {
            throw noBackup(file)
        }
        do {
            let facts = try await prepare(file, database, keys)
            // Only a file that needs no log beside it may be renamed.
            try await database.settle()
            try await database.close()
            return facts
        } catch {
            try? await database.close()
            throw error
        }
    }

    private func noBackup(_ file: String) -> Administration.Problem {
        Administration.Problem("\(file) is no backup of Converge, or a damaged one. Nothing was changed.")
    }

    private func prepare(_ file: String, _ database: SQLiteDatabase, _ keys: KeyRing) async throws -> (people: Int, lastEvent: String?) {
        guard try await database.check() == nil else { throw noBackup(file) }
        return try await settle(file, database, keys)
    }

    private func settle(_ file: String, _ database: any Database, _ keys: KeyRing) async throws -> (people: Int, lastEvent: String?) {
        let store = OrganisationStore()
        guard try await store.isThere(in: database) else { throw noBackup(file) }
        _ = try await Migrator(folder: resources.sub("migrations"), dialect: database.dialect).migrate(database, now: world.now())
        let now = world.now(), id = AuditID.next(at: now, world)
        return try await database.write { db in
            // Everybody's row changes: it takes as long as it must.
            try db.beginMigration()
            guard let identity = try store.find(db) else { throw noBackup(file) }
            guard identity.keyCheck ?? keys.check(of: identity.id) == keys.check(of: identity.id) else {
                throw KeyRingError.foreign(path: config.keyRingPath, database: file)
            }
            let sealed = SealedStore(organisation: identity.id, keys: keys)
            let unknown = try SealedStore.Table.allCases.reduce(0) { try $0 + (sealed.usage(of: $1, db)[nil] ?? 0) }
            guard unknown == 0 else {
                throw Administration.Problem(
                    "\(file) holds \(unknown) values sealed under keys that \(config.keyRingPath) lacks. "
                        + "Put the copy of the ring from the time of the backup there. Nothing was changed.")
            }
            let last = try AuditStore(organisation: identity.id).find(AuditFilter(limit: 1), db).first?.at.iso
            try RestoredStore(organisation: identity.id, keys: keys).makeSafe(now: now, db)
            try AuditStore(organisation: identity.id).write(AuditEvent(.restored, actor: .operatorConsole), id: id, at: now, db)
            return (try PersonStore(organisation: identity.id).count(db), last)
        }
    }

    // MARK: what was there

    /// Keeps the store that was there under a name of its own.
    private func setAside() throws -> String {
        var number = 1
        while FileManager.default.fileExists(atPath: "\(target).former-\(number)") { number += 1 }
        let former = "\(target).former-\(number)"
        // Its log first: a database without its log would lack its last changes.
        for end in ["-wal", "-shm", ""] where FileManager.default.fileExists(atPath: target + end) {
            guard rename(target + end, former + end) == 0 else {
                throw Administration.Problem("\(target + end) cannot be renamed: \(String(cString: strerror(errno))).")
            }
        }
        return former
    }
}
