import ConvergeCore
import Crypto
import Foundation

/// Why a key ring or a sealed value could not be used. Never holds key or content.
public enum KeyRingError: Error, Hashable, Sendable, CustomStringConvertible {
    case missing(path: String)
    case unreadable(path: String, reason: String)
    /// Others than the owner may read the file.
    case exposed(path: String)
    case notWritten(path: String)
    /// A value was sealed under a key that this ring lacks.
    case unknownKey(String)
    /// The value was altered, belongs to another row, or is no sealed value at all.
    case notAuthentic

    public var description: String {
        switch self {
        case .missing(let path): "The key ring \(path) is not there. Without it no stored secret can be read."
        case .unreadable(let path, let reason): "The key ring \(path) cannot be used: \(reason)."
        case .exposed(let path): "The key ring \(path) can be read by others than its owner. Run: chmod 600 \(path)"
        case .notWritten(let path): "The key ring \(path) cannot be written."
        case .unknownKey(let name): "A stored secret was sealed under the key \(name), which the key ring lacks."
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
public struct KeyRing: Sendable {
    /// The name of the key that seals.
    public private(set) var active: String
    private var keys: [String: Secret]
    private let hash: Secret
    private var sealing: [String: SymmetricKey]
    private let hashing: SymmetricKey
    private let random: @Sendable (Int) -> [UInt8]

    private struct File: Codable {
        var active: String
        var hash: Data
        var keys: [String: Data]
    }

    /// A new ring with one key, in memory only.
    public init(world: World) {
        self.init(active: "k1", keys: ["k1": Secret(bytes: world.random(32))], hash: Secret(bytes: world.random(32)), world: world)
    }

    private init(active: String, keys: [String: Secret], hash: Secret, world: World) {
        self.active = active
        self.keys = keys
        self.hash = hash
        random = world.random
        sealing = keys.mapValues { Self.derive($0, "converge sealing v1") }
        hashing = Self.derive(hash, "converge keyed hash v1")
    }

    /// One use, one key: a key of the file is never used directly.
    private static func derive(_ key: Secret, _ use: String) -> SymmetricKey {
        HKDF<SHA256>.deriveKey(inputKeyMaterial: SymmetricKey(data: key.bytes), info: Data(use.utf8), outputByteCount: 32)
    }

    /// Reads the ring, or makes it with mode 0600 when it is absent and may be made.
    ///
    /// - Parameter production: refuse a file that group or others can read.
    public static func open(path: String, createIfAbsent: Bool, production: Bool, world: World) throws -> KeyRing {
        guard FileManager.default.fileExists(atPath: path) else {
            guard createIfAbsent else { throw KeyRingError.missing(path: path) }
            let ring = KeyRing(world: world)
            try ring.save(path: path)
            return ring
        }
        var status = stat()
        guard stat(path, &status) == 0, let data = FileManager.default.contents(atPath: path) else {
            throw KeyRingError.unreadable(path: path, reason: "it may not be read by this user")
        }
        if production, status.st_mode & 0o077 != 0 { throw KeyRingError.exposed(path: path) }
        guard let file = try? JSONDecoder().decode(File.self, from: data) else {
            throw KeyRingError.unreadable(path: path, reason: "it is not a key ring")
        }
        guard file.hash.count == 32, file.keys.values.allSatisfy({ $0.count == 32 }), file.keys[file.active] != nil,
            file.keys.keys.allSatisfy({ !$0.isEmpty && !$0.contains(".") })
        else { throw KeyRingError.unreadable(path: path, reason: "a key is missing, has a wrong length or a wrong name") }
        return KeyRing(
            active: file.active, keys: file.keys.mapValues { Secret(bytes: Array($0)) }, hash: Secret(bytes: Array(file.hash)), world: world
        )
    }

    /// Writes the ring with mode 0600, whole or not at all.
    public func save(path: String) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
        let file = File(active: active, hash: Data(hash.bytes), keys: keys.mapValues { Data($0.bytes) })
        guard let data = try? encoder.encode(file) else { throw KeyRingError.notWritten(path: path) }
        let temporary = path + ".new"
        unlink(temporary)
        let descriptor = Foundation.open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw KeyRingError.notWritten(path: path) }
        let written = data.withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) } == data.count && fsync(descriptor) == 0
        close(descriptor)
        guard written, rename(temporary, path) == 0 else { throw KeyRingError.notWritten(path: path) }
    }

    /// Adds a key and makes it the active one; the others stay to open what they sealed.
    ///
    /// - Returns: the new key's name.
    @discardableResult
    public mutating func rotate() -> String {
        var number = keys.count + 1
        while keys["k\(number)"] != nil { number += 1 }
        let key = Secret(bytes: random(32))
        active = "k\(number)"
        keys[active] = key
        sealing[active] = Self.derive(key, "converge sealing v1")
        return active
    }

    /// Seals bytes with AES-256-GCM under the active key.
    ///
    /// - Parameter aad: names the row and column, so that a sealed value moved to another row does not open.
    public func seal(_ bytes: [UInt8], aad: String) throws -> Sealed {
        guard let key = sealing[active] else { throw KeyRingError.unknownKey(active) }
        let box = try AES.GCM.seal(
            bytes, using: key, nonce: AES.GCM.Nonce(data: random(12)), authenticating: Self.associated(active, aad))
        guard let combined = box.combined else { throw KeyRingError.notAuthentic }
        return Sealed(active + "." + Base64URL.encode(combined))
    }

    /// Opens what `seal` made for the same row and column.
    public func open(_ sealed: Sealed, aad: String) throws -> [UInt8] {
        let name = sealed.keyName
        guard let bytes = Base64URL.decode(String(sealed.text.dropFirst(name.count + 1))), let box = try? AES.GCM.SealedBox(combined: bytes)
        else { throw KeyRingError.notAuthentic }
        guard let key = sealing[name] else { throw KeyRingError.unknownKey(name) }
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

    private static func associated(_ key: String, _ aad: String) -> Data {
        Data(key.utf8) + [0] + Data(aad.utf8)
    }
}
