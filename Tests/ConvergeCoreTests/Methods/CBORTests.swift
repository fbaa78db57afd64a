import ConvergeCore
import Testing

private struct CBORExamples: Decodable {
    struct Case: Decodable { let hex: String, kind: String?, ctap2: String?, expect: String?, name: String?, text: String? }
    let cases: [Case]
}

private struct COSEKeys: Decodable {
    struct Case: Decodable {
        let curve: String, coseKeyWithKid: String, coseKeyWithoutAlg: String, coseKeyWithAlg: String?, x963Hex: String
    }
    let cases: [Case]
}

@Suite("CBOR and COSE keys, as authenticators write them")
struct CBORTests {
    private static func read(_ hex: String) throws -> CBOR { try CBOR.read(try #require(Hex.decode(hex))) }

    @Test func `the examples of RFC 8949 are read where they are canonical and of a kind that occurs, and read back`() throws {
        let cases = try Vectors.load("rfc8949-cbor-appendix-a", as: CBORExamples.self).cases
        let unused: Set = ["float", "undefined", "simple"]
        var read = 0
        for example in cases {
            if example.ctap2 == "accept", !unused.contains(example.kind ?? "") {
                let item = try Self.read(example.hex)
                #expect(Hex.encode(item.encoded) == example.hex)
                if let text = example.text { #expect(item.text == text) }
                read += 1
            } else {
                #expect(throws: CBORError.self, "\(example.hex)") { try Self.read(example.hex) }
            }
        }
        #expect(cases.count == 81 && read > 35, "\(read)")
    }

    @Test func `nothing of what RFC 8949 calls not well-formed is read`() throws {
        let cases = try Vectors.load("rfc8949-cbor-not-well-formed", as: CBORExamples.self).cases
        for example in cases { #expect(throws: CBORError.self, "\(example.hex)") { try Self.read(example.hex) } }
        #expect(cases.count == 94)
    }

    @Test func `one case for each rule of the canonical form`() throws {
        let cases = try Vectors.load("ctap2-canonical-rules", as: CBORExamples.self).cases
        for example in cases {
            if example.expect == "accept" {
                #expect(throws: Never.self, "\(example.name ?? "")") { _ = try Self.read(example.hex) }
            } else {
                #expect(throws: CBORError.self, "\(example.name ?? "")") { _ = try Self.read(example.hex) }
            }
        }
        #expect(cases.count == 42)
    }

    @Test(arguments: [
        ("18", CBORError.endOfInput), ("1c", .reserved), ("1817", .notShortest), ("5f4100ff", .indefiniteLength), ("c101", .tag),
        ("f90000", .simpleValue), ("f7", .simpleValue), ("61ff", .notText), ("a1f500", .keyKind), ("a201000100", .keyOrder),
        ("a20200" + "0100", .keyOrder), ("8181818181", .tooDeep), ("0000", .trailingBytes), ("9b7fffffffffffffff", .endOfInput),
        ("bbffffffffffffffff", .endOfInput), ("5b7fffffffffffffff00", .endOfInput),
    ])
    func `each refusal has its reason, and a length beyond the input costs nothing`(hex: String, error: CBORError) {
        #expect(throws: error) { try Self.read(hex) }
    }

    @Test func `the keys of RFC 9052 are read with the label that names their algorithm, on P-256 only`() throws {
        let cases = try Vectors.load("rfc9052-cose-keys", as: COSEKeys.self).cases
        #expect(cases.count == 4 && cases.contains { $0.curve == "P-256" && $0.coseKeyWithAlg != nil })
        for example in cases {
            for hex in [example.coseKeyWithKid, example.coseKeyWithoutAlg] {
                #expect(throws: PasskeyProblem.key) { try SigningKey(cose: Hex.decode(hex)!) }
            }
            guard let hex = example.coseKeyWithAlg else { continue }
            if example.curve == "P-256" {
                let key = try SigningKey(cose: Hex.decode(hex)!)
                #expect(key == .p256(Array(Hex.decode(example.x963Hex)!.dropFirst())))
                #expect(Hex.encode(key.cose) == hex)
            } else {
                #expect(throws: PasskeyProblem.self) { try SigningKey(cose: Hex.decode(hex)!) }
            }
        }
    }

    @Test func `a point beside the curve, a key of another kind, and RSA that is too small, too large or odd are no keys`() throws {
        func key(_ entries: [(Int, CBOR)]) -> CBOR { .map(entries.map { CBOREntry(.integer($0.0), $0.1) }) }
        let zeros = [UInt8](repeating: 1, count: 32)
        func rsa(_ bytes: Int, _ exponent: [UInt8] = [1, 0, 1]) -> CBOR {
            key([
                (1, .integer(3)), (3, .integer(-257)), (-1, .bytes([0x80] + Array(repeating: 1, count: bytes - 1))), (-2, .bytes(exponent)),
            ])
        }
        for broken in [
            key([(1, .integer(2)), (3, .integer(-7)), (-1, .integer(1)), (-2, .bytes(zeros)), (-3, .bytes(zeros))]),
            key([(1, .integer(1)), (3, .integer(-7)), (-1, .integer(1)), (-2, .bytes(zeros)), (-3, .bytes(zeros))]),
            key([(1, .integer(1)), (3, .integer(-8)), (-1, .integer(6)), (-2, .bytes(Array(zeros.dropLast())))]),
            rsa(255), rsa(513), rsa(256, [1]), rsa(256, [1, 0, 0]), rsa(256, [0, 1, 0, 1]), rsa(256, [1, 1, 1, 1, 1]), .integer(1),
        ] { #expect(throws: PasskeyProblem.key, "\(broken)") { try SigningKey(cose: broken) } }
        #expect(throws: Never.self) { try SigningKey(cose: rsa(256)) }
        #expect(throws: PasskeyProblem.algorithm(-35)) { try SigningKey(cose: key([(1, .integer(2)), (3, .integer(-35))])) }
    }

    @Test func `the number of a kind of authenticator is read with its dashes only`() {
        let text = "cb69481e-8ff7-4039-93ec-0a2729a154a8"
        #expect(AAGUID(text)?.description == text && AAGUID(text.uppercased())?.description == text)
        #expect(AuthenticatorNames.name(of: AAGUID(text)!) == "YubiKey 5" && AuthenticatorNames.name(of: .none) == nil)
        for wrong in [
            "", "cb69481e8ff7403993ec0a2729a154a8", text + "0", "cb69481-e8ff7-4039-93ec-0a2729a154a8", text.replacing("c", with: "g"),
        ] {
            #expect(AAGUID(wrong) == nil, "\(wrong)")
        }
    }
}
