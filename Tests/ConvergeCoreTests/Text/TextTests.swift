import ConvergeCore
import Testing

private struct BaseNVectors: Decodable {
    struct Case: Decodable { let encoding: String, decoded: String, encoded: String }
    let cases: [Case]
}

@Suite("Base 64 for URLs and base 16")
struct BaseNTests {
    @Test func `the vectors of RFC 4648 hold, padding left out`() throws {
        let cases = try Vectors.load("rfc4648-base-n", as: BaseNVectors.self).cases
        for vector in cases where vector.encoding == "base64" {
            let bare = String(vector.encoded.prefix { $0 != "=" })
            #expect(Base64URL.encode(Array(vector.decoded.utf8)) == bare)
            #expect(Base64URL.decode(bare) == Array(vector.decoded.utf8))
        }
        for vector in cases where vector.encoding == "base16" {
            #expect(Hex.encode(Array(vector.decoded.utf8)) == vector.encoded.lowercased())
            #expect(Hex.decode(vector.encoded) == Array(vector.decoded.utf8))
        }
    }

    @Test(arguments: ["Zg==", "Zg=", "Z", "Zh", "Zm9", "+/+/", "Zm 9v", "Zm9v\n", "é"])
    func `a second way to write the same bytes is refused`(text: String) {
        #expect(Base64URL.decode(text) == nil)
    }

    @Test func `whatever is written reads back`() {
        var random = Repeatable(seed: 11)
        for length in 0..<200 {
            let bytes = random.bytes(length)
            #expect(Base64URL.decode(Base64URL.encode(bytes)) == bytes)
            #expect(Hex.decode(Hex.encode(bytes)) == bytes)
        }
        #expect(Base64URL.encode([0xFB, 0xFF]) == "-_8")
        for text in ["0", "0g", "é", " 00", "0x00"] { #expect(Hex.decode(text) == nil) }
    }
}

@Suite("Nearest word")
struct NearestTests {
    @Test func `the known distances`() {
        for (left, right, distance) in [("", "", 0), ("", "abc", 3), ("kitten", "sitting", 3), ("flaw", "lawn", 2), ("same", "same", 0)] {
            #expect(Nearest.distance(left, right) == distance)
            #expect(Nearest.distance(right, left) == distance)
        }
    }

    @Test func `a slip finds its word, something else finds none`() {
        let keys = ["publicURL", "trustedProxies", "database", "language"]
        #expect(Nearest.nearest(to: "publicUrl", in: keys) == "publicURL")
        #expect(Nearest.nearest(to: "trusted_proxies", in: keys) == "trustedProxies")
        #expect(Nearest.nearest(to: "databsae", in: keys) == "database")
        #expect(Nearest.nearest(to: "colour", in: keys) == nil)
        #expect(Nearest.nearest(to: "", in: keys) == nil)
        #expect(Nearest.nearest(to: String(repeating: "a", count: 101), in: [String(repeating: "a", count: 101)]) == nil)
        #expect(Nearest.nearest(to: "cat", in: ["car", "bat"]) == "car")
    }
}

@Suite("Sign-in names")
struct SignInNameTests {
    @Test func `names that look alike are the same`() {
        let same = [
            ("Ana@Example.ORG", " ana@example.org\n"), ("STRASSE", "straße"), ("ΟΔΟΣ", "οδος"), ("é", "e\u{301}"), ("ＡＮＡ", "ana"),
            ("ﬁn", "FIN"), ("\u{212A}im", "kim"), ("O’Neil", "o’neil"),
        ]
        for (left, right) in same { #expect(SignInName(left) == SignInName(right) && SignInName(left) != nil, "\(left) \(right)") }
        #expect(SignInName("ana") != SignInName("anna"))
        #expect(SignInName(" Ana ")?.typed == "Ana")
        #expect(SignInName("Ana")?.normalised == "ana")
    }

    @Test(arguments: [
        "", "  ", "an a", "an\u{A0}a", "an\u{0}a", "an\u{200B}a", "\u{202E}ana", "an\u{E000}a", "an\u{378}a", "a\u{2028}b", "a\u{AD}b",
    ])
    func `what cannot be seen or may change is refused`(text: String) {
        #expect(SignInName(text) == nil)
    }

    @Test func `113 characters do, 114 do not`() {
        #expect(SignInName(String(repeating: "a", count: 113)) != nil)
        #expect(SignInName(String(repeating: "a", count: 114)) == nil)
        #expect(SignInName(String(repeating: "ß", count: 57)) == nil)
        #expect(SignInName(String(repeating: " ", count: 1024) + "a") == nil)
    }

    @Test func `normalising twice changes nothing, for every character of Unicode`() {
        var names = 0
        for value in UInt32(0x21)...0x2FFFF {
            guard let scalar = Unicode.Scalar(value), let name = SignInName("x" + String(scalar)) else { continue }
            names += 1
            let again = SignInName(name.normalised)
            if again?.normalised.utf8.elementsEqual(name.normalised.utf8) != true { Issue.record("U+\(String(value, radix: 16))") }
        }
        #expect(names > 100_000)
    }
}
