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
        if entries.contains(origin) { return origin }
        guard scheme == "https", url.port == nil || url.port == 443 else { return nil }
        let isKnown = entries.contains { entry in
            entry.hasPrefix("*.") ? host.hasSuffix(entry.dropFirst()) && host.count > entry.count - 1 : host == entry
        }
        return isKnown ? origin : nil
    }
}
