import Crypto
import Foundation

/// What a browser gives a server so that it can send it something: two keys, both public to nobody else.
public struct PushKeys: Hashable, Sendable, Codable {
    /// The browser's public key on P-256, uncompressed.
    public let key: [UInt8]
    /// A secret that both know.
    public let secret: Secret

    /// Nil: no point of the curve, or a secret of another length.
    public init?(key: [UInt8], secret: [UInt8]) {
        guard secret.count == 16, (try? P256.KeyAgreement.PublicKey(x963Representation: key)) != nil else { return nil }
        self.key = key
        self.secret = Secret(bytes: secret)
    }
}

/// Encryption of push messages, RFC 8291: the push service sees that there is one, and how long it is.
public enum PushEncryption {
    /// Longest message that every push service takes (RFC 8030 section 7.2 asks for 4096 bytes of body).
    public static let longest = 3993
    /// Random bytes for a message: the salt and the sender's key of one use.
    public static let randomLength = ContentEncoding.saltLength + 32
    static let recordSize = 4096

    /// Encrypts one message.
    ///
    /// - Parameter random: `randomLength` bytes that are used for nothing else. Nil comes back when they happen to be no key, which
    ///   happens once in 2^32, or when the message is too long.
    public static func encrypt(_ message: [UInt8], to keys: PushKeys, random: [UInt8]) -> [UInt8]? {
        guard message.count <= longest, random.count == randomLength else { return nil }
        return encrypt(
            message, to: keys, salt: Array(random.prefix(ContentEncoding.saltLength)), senderKey: Array(random.suffix(32)))
    }

    /// - Parameter senderKey: a private key on P-256 of one use.
    static func encrypt(_ message: [UInt8], to keys: PushKeys, salt: [UInt8], senderKey: [UInt8]) -> [UInt8]? {
        guard let own = try? P256.KeyAgreement.PrivateKey(rawRepresentation: senderKey),
            let theirs = try? P256.KeyAgreement.PublicKey(x963Representation: keys.key),
            let shared = try? own.sharedSecretFromKeyAgreement(with: theirs)
        else { return nil }
        let sender = Array(own.publicKey.x963Representation)
        let info = Array("WebPush: info\0".utf8) + keys.key + sender
        let material = shared.hkdfDerivedSymmetricKey(using: SHA256.self, salt: keys.secret.bytes, sharedInfo: info, outputByteCount: 32)
        // 2 ends the last record, which is the only one.
        return ContentEncoding.seal(
            [message + [2]], key: material.withUnsafeBytes { Array($0) }, salt: salt, keyID: sender, recordSize: recordSize)
    }
}
