import ConvergeCore
// A release build compiles all files at once, and takes the system's `stat` for a part of this.
import CoreFoundation
import Crypto
import Foundation
import Synchronization

/// Why a key ring or a sealed value could not be used. Never holds key or content.
public enum KeyRingError: Error, Hashable, Sendable, CustomStringConvertible {
    case missing(path: String)
    /// The ring is gone, and the database holds what it sealed.
    case lost(path: String, database: String)
    /// The ring is another one than the database was made with.
    case foreign(path: String, database: String)
    case unreadable(path: String, reason: String)
    /// Others than the owner may read the file.
    case exposed(path: String)
    case notWritten(path: String)
    /// A value was sealed under a key that this ring lacks.
    case unknownKey(String)
    /// The key that seals cannot be taken away.
    case inUse(String)
    /// The value was altered, belongs to another row, or is no sealed value at all.
    case notAuthentic

    public var description: String {
        switch self {
        case .missing(let path): "The key ring \(path) is not there. Without it no stored secret can be read."
        case .lost(let path, let database):
            "The key ring \(path) is not there, but the database \(database) holds an organisation that was made with one. "
                + "A new ring could read nothing of it, so none was made. Correct keyRing.path, or put the copy of the key ring back."
        case .foreign(let path, let database):
            "The key ring \(path) is not the one that the database \(database) was made with. Correct keyRing.path or the settings under database."
        case .unreadable(let path, let reason): "The key ring \(path) cannot be used: \(reason)."
        case .exposed(let path): "The key ring \(path) can be read by others than its owner. Run: chmod 600 \(path)"
        case .notWritten(let path): "The key ring \(path) cannot be written."
        case .unknownKey(let name): "A stored secret was sealed under the key \(name), which the key ring lacks."
        case .inUse(let name): "The key \(name) is the one that seals now. Add another first: converge key rotate"
        case .notAuthentic: "A stored secret was altered or belongs to another row."
        }
    }
}

/// A sealed value in its stored form: the key's name, a point, base64url of nonce, ciphertext and tag.
public struct Sealed: Hashable, Sendable, SQLBindable {
    public let text: String

    public init(_ text: String) {
        self.text = text
    }

    /// The name of the key that sealed it, by which a rotation finds what is still to be sealed anew.
    public var keyName: String { String(text.prefix { $0 != "." }) }
    public var sqlValue: SQLValue { .text(text) }
}

/// Named 256-bit keys. New values are sealed under the active one; older keys open what they sealed. A further key,
/// which never rotates, makes the keyed hashes by which codes and secrets are looked up.
///
/// A ring that was read from a file follows the file: a key that a command adds beside a running server is known to the
/// server before the next value is sealed or opened.
public final class KeyRing: Sendable {
    private struct Keys {
        var active: String
        var secrets: [String: Secret]
        var sealing: [String: SymmetricKey]
        /// A key that opens, and will seal when the ring is rotated.
        var next: String?
        /// The highest number that a key was ever named with.
        var highest: Int
        /// The file as it was read.
        var mark: FileMark?

        init(active: String, next: String? = nil, secrets: [String: Secret], highest: Int = 0, mark: FileMark? = nil) {
            self.active = active
            self.next = next
            self.highest = secrets.keys.compactMap { Int($0.dropFirst()) }.reduce(highest, max)
            self.secrets = secrets
            self.mark = mark
            sealing = secrets.mapValues { KeyRing.derive($0, "converge sealing v1") }
        }

        /// The same with a key more, under a name that no key ever had.
        func adding(_ secret: Secret) -> Keys {
            let name = "k\(highest + 1)"
            return Keys(active: active, next: name, secrets: secrets.merging([name: secret]) { $1 }, highest: highest, mark: mark)
        }
    }

    private struct File: Codable {
        var active: String
        var next: String?
        var highest: Int?
        var hash: Data
        var keys: [String: Data]
    }

    private let ring: Mutex<Keys>
    private let hash: Secret
    private let hashing: SymmetricKey
    private let random: @Sendable (Int) -> [UInt8]
    /// Nil: in memory only.
    private let path: String?

    /// A new ring with one key, in memory only.
    public convenience init(world: World) {
        self.init(
            Keys(active: "k1", secrets: ["k1": Secret(bytes: world.random(32))]), hash: Secret(bytes: world.random(32)), path: nil,
            world: world)
    }

    private init(_ keys: Keys, hash: Secret, path: String?, world: World) {
        ring = Mutex(keys)
        self.hash = hash
        self.path = path
        random = world.random
        hashing = Self.derive(hash, "converge keyed hash v1")
    }

    /// One use, one key: a key of the file is never used directly.
    private static func derive(_ key: Secret, _ use: String) -> SymmetricKey {
        HKDF<SHA256>.deriveKey(inputKeyMaterial: SymmetricKey(data: key.bytes), info: Data(use.utf8), outputByteCount: 32)
    }

    // MARK: the file

    /// Reads the ring, or makes it with mode 0600 when it is absent and may be made.
    ///
    /// - Parameter production: refuse a file that group or others can read.
    public static func open(path: String, createIfAbsent: Bool, production: Bool, world: World) throws -> KeyRing {
        if !FileManager.default.fileExists(atPath: path) {
            guard createIfAbsent else { throw KeyRingError.missing(path: path) }
            // Of two processes that start on a new store one makes the ring; both read it.
            try KeyRing(world: world).save(path: path, replacing: false)
        }
        if production, try mode(path) & 0o077 != 0 { throw KeyRingError.exposed(path: path) }
        let (keys, hash) = try read(path)
        return KeyRing(keys, hash: hash, path: path, world: world)
    }

    /// The permission bits of a ring's file.
    static func mode(_ path: String) throws -> UInt32 {
        var status = stat()
        guard stat(path, &status) == 0 else { throw KeyRingError.missing(path: path) }
        return UInt32(status.st_mode) & 0o777
    }

    private static func read(_ path: String) throws -> (Keys, hash: Secret) {
        let mark = FileMark(path)
        guard let data = FileManager.default.contents(atPath: path) else {
            throw KeyRingError.unreadable(path: path, reason: "it may not be read by this user")
        }
        guard let file = try? JSONDecoder().decode(File.self, from: data) else {
            throw KeyRingError.unreadable(path: path, reason: "it is not a key ring")
        }
        guard file.hash.count == 32, file.keys.values.allSatisfy({ $0.count == 32 }), file.keys[file.active] != nil,
            file.next.map({ file.keys[$0] != nil }) ?? true,
            file.keys.keys.allSatisfy({ !$0.isEmpty && !$0.contains(".") })
        else { throw KeyRingError.unreadable(path: path, reason: "a key is missing, has a wrong length or a wrong name") }
        return (
            Keys(
                active: file.active, next: file.next, secrets: file.keys.mapValues { Secret(bytes: Array($0)) }, highest: file.highest ?? 0,
                mark: mark),
            Secret(bytes: Array(file.hash))
        )
    }

    /// Takes over what the file holds now. A file that cannot be read, or is another ring, changes nothing: `doctor` names it.
    private func refresh(_ keys: inout Keys) {
        guard let path, let mark = FileMark(path), mark != keys.mark, let (fresh, hash) = try? Self.read(path),
            hash.bytes == self.hash.bytes
        else { return }
        keys = fresh
    }

    /// Writes the ring with mode 0600, whole or not at all.
    public func save(path: String) throws {
        try save(path: path, replacing: true)
    }

    private func save(path: String, replacing: Bool) throws {
        try Self.save(file(ring.withLock { $0 }), path, replacing: replacing)
    }

    private func file(_ keys: Keys) -> File {
        File(
            active: keys.active, next: keys.next, highest: keys.highest, hash: Data(hash.bytes),
            keys: keys.secrets.mapValues { Data($0.bytes) })
    }

    private static func save(_ file: File, _ path: String, replacing: Bool) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
        guard let data = try? encoder.encode(file) else { throw KeyRingError.notWritten(path: path) }
        // A name of its own, mode 0600.
        var template = Array("\(path).XXXXXX".utf8CString)
        let descriptor = mkstemp(&template)
        guard descriptor >= 0 else { throw KeyRingError.notWritten(path: path) }
        let temporary = template.withUnsafeBufferPointer { String(cString: $0.baseAddress!) }
        defer { unlink(temporary) }
        let written = data.withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) } == data.count && fsync(descriptor) == 0
        close(descriptor)
        guard written else { throw KeyRingError.notWritten(path: path) }
        // A link never replaces a file that somebody else made meanwhile.
        let placed = replacing ? rename(temporary, path) == 0 : link(temporary, path) == 0 || errno == EEXIST
        guard placed else { throw KeyRingError.notWritten(path: path) }
    }

    // MARK: rotation

    /// The name of the key that seals.
    public var active: String { current().name }

    /// Every key's name, the oldest first.
    public var names: [String] {
        ring.withLock { keys in
            refresh(&keys)
            return keys.secrets.keys.sorted { ($0.count, $0) < ($1.count, $1) }
        }
    }

    /// Adds a key that seals nothing before `rotate`, so that nodes with files of their own get to know it first. Written to the file
    /// first; one that waits already is not joined by another.
    ///
    /// - Returns: the waiting key's name.
    @discardableResult
    public func prepare() throws -> String {
        try change { keys in
            if keys.next == nil { keys = keys.adding(Secret(bytes: random(32))) }
            return keys.next ?? keys.active
        }
    }

    /// Makes the key that waits the active one, or a new one where none does; the others stay to open what they sealed. Written to the
    /// file first.
    ///
    /// - Returns: the name of the key that seals now.
    @discardableResult
    public func rotate() throws -> String {
        try change { keys in
            if keys.next == nil { keys = keys.adding(Secret(bytes: random(32))) }
            keys = Keys(active: keys.next ?? keys.active, secrets: keys.secrets, highest: keys.highest, mark: keys.mark)
            return keys.active
        }
    }

    /// Takes a key away. What it sealed can never be opened again: the caller has looked.
    public func retire(_ name: String) throws {
        try change { keys in
            guard name != keys.active else { throw KeyRingError.inUse(name) }
            guard keys.secrets[name] != nil else { throw KeyRingError.unknownKey(name) }
            let next = keys.next == name ? nil : keys.next
            let left = keys.secrets.filter { $0.key != name }
            keys = Keys(active: keys.active, next: next, secrets: left, highest: keys.highest, mark: keys.mark)
        }
    }

    /// One change at a time, over all processes: each begins with what the file holds.
    private func change<Result: Sendable>(_ body: (inout Keys) throws -> Result) throws -> Result {
        let lock = path.flatMap { FileLock(beside: $0, .exclusive) }
        defer { withExtendedLifetime(lock) {} }
        return try ring.withLock { keys in
            refresh(&keys)
            var changed = keys
            let result = try body(&changed)
            if let path {
                try Self.save(file(changed), path, replacing: true)
                changed.mark = FileMark(path)
            }
            keys = changed
            return result
        }
    }

    // MARK: use

    private func current() -> (name: String, key: SymmetricKey?) {
        ring.withLock { keys in
            refresh(&keys)
            return (keys.active, keys.sealing[keys.active])
        }
    }

    private func key(_ name: String) -> SymmetricKey? {
        ring.withLock { keys in
            if keys.sealing[name] == nil { refresh(&keys) }
            return keys.sealing[name]
        }
    }

    /// Seals bytes with AES-256-GCM under the active key.
    ///
    /// - Parameter aad: names the row and column, so that a sealed value moved to another row does not open.
    public func seal(_ bytes: [UInt8], aad: String) throws -> Sealed {
        let (name, key) = current()
        guard let key else { throw KeyRingError.unknownKey(name) }
        let box = try AES.GCM.seal(
            bytes, using: key, nonce: AES.GCM.Nonce(data: random(12)), authenticating: Self.associated(name, aad))
        guard let combined = box.combined else { throw KeyRingError.notAuthentic }
        return Sealed(name + "." + Base64URL.encode(combined))
    }

    /// Opens what `seal` made for the same row and column.
    public func open(_ sealed: Sealed, aad: String) throws -> [UInt8] {
        let name = sealed.keyName
        guard let bytes = Base64URL.decode(String(sealed.text.dropFirst(name.count + 1))), let box = try? AES.GCM.SealedBox(combined: bytes)
        else { throw KeyRingError.notAuthentic }
        guard let key = self.key(name) else { throw KeyRingError.unknownKey(name) }
        guard let opened = try? AES.GCM.open(box, using: key, authenticating: Self.associated(name, aad)) else {
            throw KeyRingError.notAuthentic
        }
        return Array(opened)
    }

    /// HMAC-SHA256 in hexadecimal under the ring's permanent key, which rotation does not touch: equal inputs stay
    /// findable, and whoever steals the database alone cannot try codes or numbers.
    ///
    /// - Parameter purpose: keeps hashes of different things apart, even of equal bytes.
    public func keyedHash(_ bytes: [UInt8], purpose: String) -> String {
        var hmac = HMAC<SHA256>(key: hashing)
        hmac.update(data: Data(purpose.utf8) + [0])
        hmac.update(data: bytes)
        return hmac.finalize().map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }.joined()
    }

    /// A signing key for the server's own use, the same for as long as the ring is: what others have bound to it would be lost with it.
    ///
    /// - Parameter fits: whether 32 bytes are a key; a few are none, then others are made.
    public func ownKey<Key>(_ use: String, _ fits: ([UInt8]) -> Key?) -> Key {
        for number in 0... {
            let bytes = HKDF<SHA256>.deriveKey(
                inputKeyMaterial: SymmetricKey(data: hash.bytes), info: Data("converge own key v1 \(use) \(number)".utf8),
                outputByteCount: 32)
            if let key = fits(bytes.withUnsafeBytes { Array($0) }) { return key }
        }
        preconditionFailure("no key fits")
    }

    private static func associated(_ key: String, _ aad: String) -> Data {
        Data(key.utf8) + [0] + Data(aad.utf8)
    }
}

/// Tells whether a file is still the one that was read.
private struct FileMark: Equatable {
    private let inode: UInt64
    private let size: Int64
    private let seconds: Int
    private let nanoseconds: Int

    init?(_ path: String) {
        var status = stat()
        guard stat(path, &status) == 0 else { return nil }
        inode = UInt64(status.st_ino)
        size = Int64(status.st_size)
        seconds = status.st_mtim.tv_sec
        nanoseconds = status.st_mtim.tv_nsec
    }
}
