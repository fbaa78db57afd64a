import Crypto
import Foundation
import Testing

@testable import ConvergeCore

@Suite("Push messages, as RFC 8188, 8291 and 8292 write them")
struct WebPushTests {
    private static func bytes(_ text: String) throws -> [UInt8] { try #require(Base64URL.decode(text)) }

    // MARK: RFC 8188

    private struct Contents: Decodable {
        struct Case: Decodable {
            let name: String
            let ikm: String
            let keyId: String
            let recordSize: Int
            let salt: String
            let body: String
            let records: [String]
        }
        let cases: [Case]
    }

    @Test("content is sealed record by record, to the byte as published")
    func content() throws {
        let vectors = try Vectors.load("rfc8188-encrypted-content", as: Contents.self)
        #expect(vectors.cases.count == 2)
        for vector in vectors.cases {
            let body = ContentEncoding.seal(
                try vector.records.map(Self.bytes), key: try Self.bytes(vector.ikm), salt: try Self.bytes(vector.salt),
                keyID: Array(vector.keyId.utf8), recordSize: vector.recordSize)
            #expect(body.map { Base64URL.encode($0) } == vector.body, "\(vector.name)")
        }
    }

    @Test("lengths out of bounds are refused")
    func bounds() {
        let salt = [UInt8](repeating: 1, count: 16), key = [UInt8](repeating: 2, count: 16)
        func seal(_ records: [[UInt8]], salt: [UInt8] = salt, keyID: [UInt8] = [], size: Int = 25) -> [UInt8]? {
            ContentEncoding.seal(records, key: key, salt: salt, keyID: keyID, recordSize: size)
        }
        #expect(seal([[2]]) != nil)
        #expect(seal([]) == nil && seal([[2]], salt: [1]) == nil && seal([[2]], size: 17) == nil)
        #expect(seal([[2]], keyID: [UInt8](repeating: 0, count: 256)) == nil)
        #expect(seal([[UInt8](repeating: 2, count: 10)]) == nil, "longer than a record")
        #expect(seal([[1], [2]]) == nil, "only the last may be shorter")
    }

    // MARK: RFC 8291

    private struct Messages: Decodable {
        struct Case: Decodable {
            let plaintext: String
            let as_private: String
            let ua_public: String
            let ua_private: String
            let salt: String
            let auth_secret: String
            let body: String
        }
        let cases: [Case]
    }

    @Test("a message is encrypted for a browser, to the byte as published")
    func message() throws {
        let vector = try #require(try Vectors.load("rfc8291-webpush", as: Messages.self).cases.first)
        let keys = try #require(PushKeys(key: try Self.bytes(vector.ua_public), secret: try Self.bytes(vector.auth_secret)))
        let body = PushEncryption.encrypt(
            try Self.bytes(vector.plaintext), to: keys, salt: try Self.bytes(vector.salt), senderKey: try Self.bytes(vector.as_private))
        #expect(body.map { Base64URL.encode($0) } == vector.body)
        let whole = PushEncryption.encrypt(
            try Self.bytes(vector.plaintext), to: keys, random: try Self.bytes(vector.salt) + Self.bytes(vector.as_private))
        #expect(whole == body)
    }

    @Test("what is no key of a browser, and what is too long for a push service, is refused")
    func wrongKeys() throws {
        let vector = try #require(try Vectors.load("rfc8291-webpush", as: Messages.self).cases.first)
        let key = try Self.bytes(vector.ua_public), secret = try Self.bytes(vector.auth_secret)
        var off = key
        off[40] ^= 1
        #expect(PushKeys(key: off, secret: secret) == nil, "not on the curve")
        #expect(PushKeys(key: Array(key.dropLast()), secret: secret) == nil && PushKeys(key: [], secret: secret) == nil)
        #expect(PushKeys(key: key, secret: Array(secret.dropLast())) == nil)
        let keys = try #require(PushKeys(key: key, secret: secret)), random = [UInt8](repeating: 7, count: PushEncryption.randomLength)
        #expect(PushEncryption.encrypt([UInt8](repeating: 65, count: PushEncryption.longest), to: keys, random: random)?.count == 4096)
        #expect(PushEncryption.encrypt([UInt8](repeating: 65, count: PushEncryption.longest + 1), to: keys, random: random) == nil)
        let zeros = [UInt8](repeating: 0, count: PushEncryption.randomLength)
        #expect(PushEncryption.encrypt([65], to: keys, random: zeros) == nil, "zero is no private key")
    }

    // MARK: RFC 8292

    private struct Statements: Decodable {
        struct Case: Decodable {
            let t: String
            let k: String
        }
        let cases: [Case]
    }

    @Test("the published statement is signed by the key beside it, a changed one is not")
    func statement() throws {
        let vector = try #require(try Vectors.load("rfc8292-vapid", as: Statements.self).cases.first)
        #expect(PushSender.isRight(token: vector.t, key: vector.k))
        #expect(!PushSender.isRight(token: vector.t.replacing("eyJhdWQi", with: "eyJhdWQj"), key: vector.k))
        let other = try #require(PushSender(key: [UInt8](repeating: 9, count: 32), contact: "x")).publicKey
        #expect(!PushSender.isRight(token: vector.t, key: other))
    }

    private struct Claims: Decodable, Equatable {
        let aud: String
        let exp: Int64
        let sub: String
    }

    @Test("a statement names the push service, whom to ask, and a time within a day")
    func own() throws {
        let sender = try #require(PushSender(key: [UInt8](repeating: 9, count: 32), contact: "https://converge.example"))
        let now = Moment(ms: 1_800_000_000_000)
        let header = try #require(sender.authorization(for: "https://push.example.net", at: now))
        let parts = try #require(header.wholeMatch(of: /vapid t=([^,]+), k=(.+)/))
        let pointLength = try Self.bytes(sender.publicKey).count
        #expect(String(parts.2) == sender.publicKey && pointLength == 65)
        #expect(PushSender.isRight(token: String(parts.1), key: sender.publicKey))
        let claims = try Self.bytes(String(parts.1.split(separator: ".")[1]))
        #expect(
            try JSONDecoder().decode(Claims.self, from: Data(claims))
                == Claims(aud: "https://push.example.net", exp: now.seconds + 12 * 3600, sub: "https://converge.example"))
        #expect(PushSender(key: [UInt8](repeating: 0, count: 32), contact: "") == nil)
    }

    // MARK: the list of hosts

    @Test(
        "addresses of the list may be pushed to, nothing else",
        arguments: [
            ("https://fcm.googleapis.com/wp/abc", "https://fcm.googleapis.com"),
            ("https://FCM.googleapis.com:443/x", "https://fcm.googleapis.com:443"),
            ("https://web.push.apple.com/q", "https://web.push.apple.com"), ("http://127.0.0.1:9999/p", "http://127.0.0.1:9999"),
            ("http://fcm.googleapis.com/x", nil), ("https://fcm.googleapis.com:8443/x", nil), ("https://push.apple.com/x", nil),
            ("https://evilpush.apple.com.example/x", nil), ("https://xpush.apple.com/", nil), ("https://user@fcm.googleapis.com/", nil),
            ("https://127.0.0.1:9999/p", nil), ("http://127.0.0.1:9998/p", nil), ("https://fcm.googleapis.com/#x", nil), ("", nil),
            ("https:///x", nil), ("https://evil.example%2F.push.apple.com/", nil), ("https://%66cm.googleapis.com/x", nil),
            ("https://fcm.googleapis.com:/x", nil), ("https://it's.push.apple.com/", nil),
            ("https://fcm.googleapis.com\\@evil.example/", nil),
            ("https://fcm.googleapis.com?x", "https://fcm.googleapis.com"), ("https://evil.example\u{0}.push.apple.com/", nil),
            ("https://fcm.googleapis.com/" + String(repeating: "x", count: 1000), nil), ("file:///etc/passwd", nil),
        ])
    func hosts(_ address: String, _ origin: String?) {
        let hosts = PushHosts(["fcm.googleapis.com", "*.push.apple.com", "http://127.0.0.1:9999"])
        #expect(hosts.origin(of: address) == origin)
        #expect(PushHosts([]).origin(of: address) == nil && PushHosts([]).isEmpty)
    }
}
