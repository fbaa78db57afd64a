import ConvergeCore
import Testing

private struct HOTPVectors: Decodable {
    struct Case: Decodable { let counter: UInt64, hotp: String }
    let secretASCII: String, secretBase32: String, cases: [Case]
}

private struct TOTPVectors: Decodable {
    struct Key: Decodable { let ascii: String, base32: String, bytes: Int }
    struct Case: Decodable { let unixTime: Int64, stepHex: String, algorithm: OTPAlgorithm, totp: String }
    let secrets: [String: Key], stepSeconds: Int, cases: [Case]
}

private struct BaseNVectors: Decodable {
    struct Case: Decodable { let encoding: String, decoded: String, encoded: String }
    let cases: [Case]
}

@Suite("Base 32")
struct Base32Tests {
    @Test func `every vector of RFC 4648 is written without padding and read with it and without`() throws {
        let cases = try Vectors.load("rfc4648-base-n", as: BaseNVectors.self).cases.filter { $0.encoding == "base32" }
        #expect(cases.count == 7)
        for vector in cases {
            let bare = String(vector.encoded.prefix { $0 != "=" })
            #expect(Base32.encode(Array(vector.decoded.utf8)) == bare)
            #expect(Base32.decode(vector.encoded) == Array(vector.decoded.utf8))
            #expect(Base32.decode(bare) == Array(vector.decoded.utf8))
        }
    }

    @Test func `a key is read as people type it`() {
        for typed in ["GEZD GNBV", "gezd-gnbv", " gezdgnbv ", "GEZDGNBV", "ge zd-GN bv"] {
            #expect(Base32.decode(typed) == Array("12345".utf8), "\(typed)")
        }
        #expect(Base32.decode("MY") == [0x66])
        #expect(Base32.decode("MY=") == [0x66])
        #expect(Base32.decode("") == [])
    }

    @Test(arguments: [
        "GEZD0", "GEZ1", "GE8D", "M", "MZX", "MZXW6Y", "MZ", "MY=======", "M=Y", "MY======A", "GEZDGNBV=", "é", "GEZD\tGNBV", "=",
    ])
    func `what no encoder writes is refused`(text: String) {
        #expect(Base32.decode(text) == nil)
    }

    @Test func `a text longer than the bound is refused before it is read`() {
        #expect(Base32.decode(String(repeating: "A", count: 1024)) != nil)
        #expect(Base32.decode(String(repeating: "A", count: 1032)) == nil)
    }

    @Test func `whatever is written reads back`() {
        var random = Repeatable(seed: 1)
        for length in 0..<200 {
            let bytes = random.bytes(length)
            #expect(Base32.decode(Base32.encode(bytes)) == bytes)
            #expect(Base32.decode(Base32.encode(bytes).lowercased()) == bytes)
        }
    }
}

@Suite("HOTP")
struct HOTPTests {
    @Test func `the table of RFC 4226 appendix D holds`() throws {
        let vectors = try Vectors.load("rfc4226-hotp", as: HOTPVectors.self)
        #expect(vectors.cases.count == 10)
        #expect(Base32.decode(vectors.secretBase32) == Array(vectors.secretASCII.utf8))
        for vector in vectors.cases {
            #expect(HOTP.code(secret: Secret(vectors.secretASCII), counter: vector.counter).text == vector.hotp)
        }
    }

    @Test func `seven and eight digits are the same number with more of it`() {
        let secret = Secret("12345678901234567890")
        #expect(HOTP.code(secret: secret, counter: 0, digits: .seven).text == "4755224")
        #expect(HOTP.code(secret: secret, counter: 0, digits: .eight).text == "84755224")
    }
}

@Suite("TOTP")
struct TOTPTests {
    private let totp = TOTP(secret: Secret("12345678901234567890"))!

    @Test func `the table of RFC 6238 appendix B holds for all three hashes`() throws {
        let vectors = try Vectors.load("rfc6238-totp", as: TOTPVectors.self)
        #expect(vectors.cases.count == 18)
        for vector in vectors.cases {
            let key = try #require(vectors.secrets[vector.algorithm.rawValue])
            let secret = Secret(bytes: try #require(Base32.decode(key.base32)))
            #expect(secret == Secret(key.ascii) && secret.bytes.count == key.bytes)
            let totp = try #require(TOTP(secret: secret, algorithm: vector.algorithm, digits: .eight, period: vectors.stepSeconds))
            let now = Moment(ms: vector.unixTime * 1000)
            #expect(totp.step(at: now) == Int64(vector.stepHex, radix: 16))
            #expect(totp.code(step: totp.step(at: now)).text == vector.totp)
            #expect(totp.matchingStep(Secret(vector.totp), at: now) == .step(totp.step(at: now)))
        }
    }

    @Test func `a step ends with its last millisecond`() {
        #expect(totp.step(at: Moment(ms: 29_999)) == 0)
        #expect(totp.step(at: Moment(ms: 30_000)) == 1)
        #expect(totp.step(at: Moment(ms: -1)) == -1)
        #expect(totp.start(ofStep: 1) == Moment(ms: 30_000))
    }

    @Test func `one step to either side is good and two are wrong, to the millisecond`() {
        let code = totp.code(step: 1000)
        #expect(totp.matchingStep(code, at: Moment(ms: 999 * 30_000 - 1)) == .wrong)
        #expect(totp.matchingStep(code, at: Moment(ms: 999 * 30_000)) == .step(1000))
        #expect(totp.matchingStep(code, at: Moment(ms: 1002 * 30_000 - 1)) == .step(1000))
        #expect(totp.matchingStep(code, at: Moment(ms: 1002 * 30_000)) == .wrong)
    }

    @Test func `a right code whose step is spent says so, and so does one before a spent step`() {
        let now = Moment(ms: 1000 * 30_000)
        #expect(totp.matchingStep(totp.code(step: 1000), at: now, after: 999) == .step(1000))
        #expect(totp.matchingStep(totp.code(step: 1000), at: now, after: 1000) == .alreadySpent)
        #expect(totp.matchingStep(totp.code(step: 999), at: now, after: 1000) == .alreadySpent)
        #expect(totp.matchingStep(totp.code(step: 1001), at: now, after: 1000) == .step(1001))
        #expect(totp.matchingStep(Secret("000000"), at: now, after: 1000) == .wrong)
    }

    @Test(arguments: ["", "12345", "1234567", "abcdef", "12345a", "１２３４５", "      "])
    func `what is no code of this length is wrong`(typed: String) {
        #expect(totp.matchingStep(Secret(typed), at: Moment(ms: 59_000)) == .wrong)
    }

    @Test func `spaces and digits of other scripts are understood`() {
        #expect(totp.code(step: 1).text == "287082")
        for typed in ["287 082", " 287-082 ", "٢٨٧٠٨٢", "２８７０８２"] {
            #expect(totp.matchingStep(Secret(typed), at: Moment(ms: 59_000)) == .step(1), "\(typed)")
        }
    }

    @Test func `before the epoch nothing matches and nothing breaks`() {
        #expect(totp.matchingStep(totp.code(step: -5), at: Moment(ms: -150_000)) == .wrong)
        #expect(totp.matchingStep(totp.code(step: 0), at: Moment(ms: 0)) == .step(0))
    }

    @Test func `a wrong clock is named, whichever way it is wrong`() throws {
        var random = Repeatable(seed: 7)
        for _ in 0..<60 {
            let totp = try #require(TOTP(secret: Secret(bytes: random.bytes(20)), digits: .eight))
            let now = Moment(ms: Int64.random(in: 1_000_000_000_000...2_000_000_000_000, using: &random))
            let offset = Int.random(in: -25...25, using: &random)
            let found = totp.drift(totp.code(step: totp.step(at: now) + Int64(offset)), at: now)
            #expect(found == (abs(offset) <= 20 ? offset : nil))
        }
    }

    @Test func `keys and periods out of bounds are refused, also when decoded`() {
        #expect(TOTP(secret: Secret(bytes: [UInt8](repeating: 1, count: 9))) == nil)
        #expect(TOTP(secret: Secret(bytes: [UInt8](repeating: 1, count: 10))) != nil)
        #expect(TOTP(secret: Secret(bytes: [UInt8](repeating: 1, count: 129))) == nil)
        #expect(TOTP(secret: Secret("12345678901234567890"), period: 0) == nil)
    }
}

@Suite("Key URI")
struct OtpauthURITests {
    private func uri(_ issuer: String, _ account: String) -> String? {
        OtpauthURI(totp: TOTP(secret: Secret("12345678901234567890"))!, issuer: issuer, account: account)?.text.text
    }
    private let tail = "&algorithm=SHA1&digits=6&period=30"
    private let secret = "?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"

    @Test func `an ordinary name gives the ordinary address`() {
        #expect(uri("Example", "ana@example.org") == "otpauth://totp/Example:ana%40example.org\(secret)&issuer=Example\(tail)")
    }

    @Test func `odd names are encoded, a space never as a plus sign`() {
        #expect(uri("A & B+", "x=y?#/%") == "otpauth://totp/A%20%26%20B%2B:x%3Dy%3F%23%2F%25\(secret)&issuer=A%20%26%20B%2B\(tail)")
        #expect(uri("Zürich", "名") == "otpauth://totp/Z%C3%BCrich:%E5%90%8D\(secret)&issuer=Z%C3%BCrich\(tail)")
    }

    @Test func `a colon, a line break or a run of spaces becomes one space`() {
        #expect(uri("Example: IT", "CORP:ana\r\n") == "otpauth://totp/Example%20IT:CORP%20ana\(secret)&issuer=Example%20IT\(tail)")
    }

    @Test func `an organisation without a name leaves its part out, an account without one is refused`() {
        #expect(uri("", "ana") == "otpauth://totp/ana\(secret)\(tail)")
        #expect(uri("Example", " : ") == nil)
    }

    @Test func `hash, digits and period are said`() throws {
        let totp = try #require(TOTP(secret: Secret("12345678901234567890"), algorithm: .sha256, digits: .eight, period: 60))
        let text = try #require(OtpauthURI(totp: totp, issuer: "", account: "a")).text.text
        #expect(text.hasSuffix("&algorithm=SHA256&digits=8&period=60"))
    }

    @Test func `the key is shown in fours, reads back and never prints`() throws {
        let uri = try #require(OtpauthURI(totp: TOTP(secret: Secret("12345678901234567890"))!, issuer: "E", account: "a"))
        #expect(uri.keyInGroups.text == "GEZD GNBV GY3T QOJQ GEZD GNBV GY3T QOJQ")
        #expect(Base32.decode(uri.keyInGroups.text) == Array("12345678901234567890".utf8))
        #expect("\(uri)\(uri.text)".contains("GEZD") == false)
        #expect("\(uri)\(uri.text)".contains("1234567890") == false)
    }

    @Test func `long names are cut so that the picture can still be scanned`() throws {
        let text = try #require(uri(String(repeating: "Ω", count: 500), String(repeating: "語", count: 500)))
        #expect(text.utf8.count < 2000)
    }
}
