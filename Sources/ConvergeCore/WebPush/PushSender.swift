import Crypto
import Foundation

/// Who sends push messages, as a push service is told (VAPID, RFC 8292): a key, and a statement signed with it.
public struct PushSender: Sendable {
    private let key: P256.Signing.PrivateKey
    /// Whom the push service can ask: an address of a page, or of mail.
    public let contact: String

    /// How long a statement is good; a push service takes a day at most.
    static let life = Span.hours(12)

    /// - Parameter key: 32 bytes; nil comes back for the few that are no key.
    public init?(key: [UInt8], contact: String) {
        guard let key = try? P256.Signing.PrivateKey(rawRepresentation: key) else { return nil }
        self.key = key
        self.contact = contact
    }

    /// What a browser binds its subscription to: the point, uncompressed, in base64url.
    public var publicKey: String { Base64URL.encode(key.publicKey.x963Representation) }

    /// The header `Authorization` for one push service.
    ///
    /// - Parameter audience: scheme, host and port of the push service.
    public func authorization(for audience: String, at now: Moment) -> String? {
        token(for: audience, at: now).map { "vapid t=\($0), k=\(publicKey)" }
    }

    private struct Claims: Encodable {
        let aud: String
        let exp: Int64
        let sub: String
    }

    func token(for audience: String, at now: Moment) -> String? {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        guard let claims = try? encoder.encode(Claims(aud: audience, exp: (now + Self.life).seconds, sub: contact)) else { return nil }
        let signed = Base64URL.encode(Array(#"{"typ":"JWT","alg":"ES256"}"#.utf8)) + "." + Base64URL.encode(Array(claims))
        guard let signature = try? key.signature(for: Data(signed.utf8)) else { return nil }
        return signed + "." + Base64URL.encode(Array(signature.rawRepresentation))
    }

    /// Whether a statement is signed by the key that it comes with: what a push service looks at.
    static func isRight(token: String, key: String) -> Bool {
        let parts = token.split(separator: ".")
        guard parts.count == 3, let point = Base64URL.decode(key), let bytes = Base64URL.decode(parts[2]),
            let verifier = try? P256.Signing.PublicKey(x963Representation: point),
            let signature = try? P256.Signing.ECDSASignature(rawRepresentation: bytes)
        else { return false }
        return verifier.isValidSignature(signature, for: Data("\(parts[0]).\(parts[1])".utf8))
    }
}

/// Which push services a server talks to: clients name them, so only those of a list are taken.
public struct PushHosts: Sendable, Hashable {
    /// `host`, `*.host`, or a whole origin with its scheme, which is then the only one that matches.
    public let entries: [String]

    public init(_ entries: [String]) { self.entries = entries.map { $0.lowercased() } }

    /// Nothing is pushed: the app asks by itself.
    public var isEmpty: Bool { entries.isEmpty }

    /// Scheme, host and port of an address that may be sent to; nil: it may not.
    public func origin(of address: String) -> String? {
        guard address.utf8.count <= 1024, let url = URLComponents(string: address), let scheme = url.scheme?.lowercased(),
            let host = url.host?.lowercased(), !host.isEmpty, url.user == nil, url.password == nil, url.fragment == nil
        else { return nil }
        let origin = "\(scheme)://\(host)" + (url.port.map { ":\($0)" } ?? "")
        guard Self.begins(address, with: origin) else { return nil }
        if entries.contains(origin) { return origin }
        guard scheme == "https", url.port == nil || url.port == 443, host.utf8.allSatisfy(Self.isOfName) else { return nil }
        let isKnown = entries.contains { entry in
            entry.hasPrefix("*.") ? host.hasSuffix(entry.dropFirst()) && host.count > entry.count - 1 : host == entry
        }
        return isKnown ? origin : nil
    }

    /// Letters, digits, hyphens and dots: no host on the network has anything else in its name.
    private static func isOfName(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte) || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
            || byte == UInt8(ascii: "-") || byte == UInt8(ascii: ".")
    }

    /// Whether the origin stands at the beginning as it is, and ends there. An address can also be written so that two readers find two
    /// hosts in it (`https://a.example%2F.push.apple.com/`); whoever connects later is another reader than the one here.
    private static func begins(_ address: String, with origin: String) -> Bool {
        let typed = Array(address.utf8), end = origin.utf8.count
        guard typed.allSatisfy({ (0x21...0x7E).contains($0) }), address.lowercased().utf8.starts(with: origin.utf8) else { return false }
        return typed.count == end || typed[end] == UInt8(ascii: "/") || typed[end] == UInt8(ascii: "?")
    }
}
