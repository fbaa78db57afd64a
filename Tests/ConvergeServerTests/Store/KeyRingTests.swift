import ConvergeCore
import ConvergeServer
import Foundation
import Testing

@Suite struct KeyRingTests {
    private let secret = Array("otpauth secret".utf8)

    @Test func `what was sealed opens for its own row only`() throws {
        let ring = KeyRing(world: .fixed())
        let sealed = try ring.seal(secret, aad: "credential/1/data")
        #expect(sealed.text.hasPrefix("k1."))
        #expect(try ring.open(sealed, aad: "credential/1/data") == secret)
        #expect(throws: KeyRingError.notAuthentic) { try ring.open(sealed, aad: "credential/2/data") }
        #expect(throws: KeyRingError.notAuthentic) { try KeyRing(world: .fixed(seed: 2)).open(sealed, aad: "credential/1/data") }
    }

    @Test func `an altered value does not open, wherever it was altered`() throws {
        let ring = KeyRing(world: .fixed())
        let sealed = try ring.seal(secret, aad: "a")
        let bytes = try #require(Base64URL.decode(String(sealed.text.dropFirst(3))))
        for index in bytes.indices {
            var altered = bytes
            altered[index] ^= 1
            #expect(throws: KeyRingError.notAuthentic) { try ring.open(Sealed("k1." + Base64URL.encode(altered)), aad: "a") }
        }
        for text in ["", "k1", "k1.", "k1.AAAA", sealed.text + "A"] {
            #expect(throws: KeyRingError.notAuthentic) { try ring.open(Sealed(text), aad: "a") }
        }
    }

    @Test func `the same bytes never seal to the same text`() throws {
        let ring = KeyRing(world: .fixed())
        #expect(try ring.seal(secret, aad: "a") != ring.seal(secret, aad: "a"))
    }

    @Test func `after a rotation the new key seals, the old one still opens and hashes stay`() throws {
        let ring = KeyRing(world: .fixed())
        let before = try ring.seal(secret, aad: "a")
        let hash = ring.keyedHash(secret, purpose: "code")
        #expect(try ring.rotate() == "k2")
        let after = try ring.seal(secret, aad: "a")
        #expect(before.keyName == "k1" && after.keyName == "k2")
        #expect(try ring.open(before, aad: "a") == secret)
        #expect(try ring.open(after, aad: "a") == secret)
        #expect(ring.keyedHash(secret, purpose: "code") == hash)
        #expect(throws: KeyRingError.unknownKey("k2")) { try KeyRing(world: .fixed()).open(after, aad: "a") }
    }

    @Test func `a keyed hash depends on key, purpose and bytes`() {
        let ring = KeyRing(world: .fixed())
        let hash = ring.keyedHash([1], purpose: "code")
        #expect(hash.count == 64)
        #expect(hash == ring.keyedHash([1], purpose: "code"))
        #expect(hash != ring.keyedHash([2], purpose: "code"))
        #expect(hash != ring.keyedHash([1], purpose: "link"))
        #expect(hash != KeyRing(world: .fixed(seed: 9)).keyedHash([1], purpose: "code"))
        #expect(ring.keyedHash(Array("bc".utf8), purpose: "a") != ring.keyedHash(Array("c".utf8), purpose: "ab"))
    }

    @Test func `a ring that is absent is made for its owner alone and read again`() throws {
        let folder = try TemporaryFolder()
        let path = folder.path + "/keys.json"
        #expect(throws: KeyRingError.missing(path: path)) {
            try KeyRing.open(path: path, createIfAbsent: false, production: true, world: .fixed())
        }
        let made = try KeyRing.open(path: path, createIfAbsent: true, production: true, world: .fixed())
        #expect(try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int == 0o600)
        try made.rotate()
        let sealed = try made.seal(secret, aad: "a")
        let read = try KeyRing.open(path: path, createIfAbsent: false, production: true, world: .fixed(seed: 5))
        #expect(try read.open(sealed, aad: "a") == secret)
        #expect(read.keyedHash(secret, purpose: "p") == made.keyedHash(secret, purpose: "p"))
    }

    @Test(arguments: [0o640, 0o604, 0o620]) func `in production a ring that others can touch is refused`(mode: Int) throws {
        let folder = try TemporaryFolder()
        let path = folder.path + "/keys.json"
        _ = try KeyRing.open(path: path, createIfAbsent: true, production: true, world: .fixed())
        try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: path)
        #expect(throws: KeyRingError.exposed(path: path)) {
            try KeyRing.open(path: path, createIfAbsent: true, production: true, world: .fixed())
        }
        _ = try KeyRing.open(path: path, createIfAbsent: false, production: false, world: .fixed())
    }

    @Test(arguments: [
        "", "{}", #"{"active":"k2","hash":"\#(key)","keys":{"k1":"\#(key)"}}"#, #"{"active":"k1","hash":"AAAA","keys":{"k1":"\#(key)"}}"#,
    ])
    func `a damaged ring is refused, not replaced`(text: String) throws {
        let folder = try TemporaryFolder()
        let path = try folder.write("keys.json", text)
        #expect(throws: KeyRingError.self) { try KeyRing.open(path: path, createIfAbsent: true, production: false, world: .fixed()) }
        #expect(try String(contentsOfFile: path, encoding: .utf8) == text)
    }

    private static let key = Data(repeating: 7, count: 32).base64EncodedString()
}
