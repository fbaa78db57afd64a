import ConvergeCertificates
import ConvergeCore
import Foundation
import Testing

@testable import ConvergeServer

@Suite("Passkeys: the vectors of WebAuthn level 3")
struct WebAuthnVectorTests {
    /// Within the certificates' time.
    private static let now = Moment(ms: 1_800_000_000_000)
    private let vectors: WebAuthnVectors

    init() throws { vectors = try WebAuthnVectors.all.get() }

    private func registered(
        _ example: WebAuthnVectors.Case, _ expected: PasskeyExpectation? = nil, rules: AuthenticatorRules = AuthenticatorRules(),
        trust: (any AttestationTrust)? = nil, attestation: [UInt8]? = nil, clientData: [UInt8]? = nil, now: Moment = Self.now
    ) throws(PasskeyProblem) -> PasskeyContent {
        let answer = example.registration
        return try PasskeyCeremony.register(
            clientData: clientData ?? bytes(answer.clientDataJSON), attestation: attestation ?? bytes(answer.attestationObject),
            transports: ["usb", "nonsense"], expected ?? vectors.expectation(answer.challenge), rules: rules,
            trust: trust ?? vectors.anchors, now: now
        ).passkey
    }

    private func asserted(
        _ example: WebAuthnVectors.Case, by passkey: PasskeyContent, _ expected: PasskeyExpectation? = nil, data: [UInt8]? = nil,
        clientData: [UInt8]? = nil, signature: [UInt8]? = nil
    ) throws(PasskeyProblem) -> AuthenticatorData {
        let answer = example.authentication
        return try PasskeyCeremony.assert(
            clientData: clientData ?? bytes(answer.clientDataJSON), authenticatorData: data ?? bytes(answer.authenticatorData),
            signature: signature ?? bytes(answer.signature), by: passkey, expected ?? vectors.expectation(answer.challenge))
    }

    /// What is refused, and why; everything else passes.
    private static let refused: [String: PasskeyProblem] = [
        "none-es256-crossOrigin": .crossOrigin, "none-es256-topOrigin": .crossOrigin, "packed-es384": .algorithm(-35),
        "packed-es512": .algorithm(-36), "packed-ed448": .algorithm(-53), "tpm-es256": .format("tpm"),
        "android-key-es256": .format("android-key"), "apple-es256": .format("apple"), "fido-u2f-es256": .format("fido-u2f"),
    ]
    private static let strengths: [String: AttestationStrength] = ["none": .none, "self": .own, "x5c": .anchored]

    @Test func `each vector passes in both ceremonies, or is refused for its reason`() throws {
        var passed = 0
        for example in vectors.cases {
            if let problem = Self.refused[example.name] {
                #expect(throws: problem, "\(example.name)") { try registered(example) }
                continue
            }
            let passkey = try registered(example)
            #expect(passkey.id == bytes(example.registration.credential_id) && passkey.key == bytes(example.expected.coseKey))
            #expect(passkey.kind.bytes == bytes(example.expected.aaguid) && passkey.transports == ["usb"])
            #expect(passkey.strength == Self.strengths[example.expected.attestationType], "\(example.name)")
            let flags = bytes(example.expected.authenticationFlags)[0], data = try asserted(example, by: passkey)
            #expect(data.isUserVerified == (flags & 4 != 0) && data.isBackedUp == (flags & 16 != 0) && data.counter == 0)
            passed += 1
        }
        #expect(vectors.cases.count == 15 && passed == 6)
    }

    private var anchored: WebAuthnVectors.Case { vectors.cases.first { $0.name == "packed-es256" }! }
    private var plain: WebAuthnVectors.Case { vectors.cases.first { $0.name == "none-es256" }! }

    @Test func `an answer for another site, challenge or ceremony, or without the person, is refused`() throws {
        let answer = plain.registration, passkey = try registered(plain), verified = vectors.cases.first { $0.name == "packed-eddsa" }!
        #expect(throws: PasskeyProblem.origin) {
            try registered(plain, vectors.expectation(answer.challenge, origin: "https://example.org:8443"))
        }
        #expect(throws: PasskeyProblem.relyingParty) { try registered(plain, vectors.expectation(answer.challenge, rp: "example.com")) }
        #expect(throws: PasskeyProblem.challenge) { try registered(plain, vectors.expectation(plain.authentication.challenge)) }
        #expect(throws: PasskeyProblem.challenge) { try registered(plain, vectors.expectation("")) }
        #expect(throws: PasskeyProblem.ceremony) {
            try registered(
                plain, vectors.expectation(plain.authentication.challenge), clientData: bytes(plain.authentication.clientDataJSON))
        }
        #expect(throws: PasskeyProblem.userVerification) {
            try asserted(verified, by: try registered(verified), vectors.expectation(verified.authentication.challenge, verification: true))
        }
        var data = bytes(plain.authentication.authenticatorData)
        data[32] &= 0xFE
        #expect(throws: PasskeyProblem.userPresence) { try asserted(plain, by: passkey, data: data) }
        #expect(throws: PasskeyProblem.origin) {
            try asserted(plain, by: passkey, vectors.expectation(plain.authentication.challenge, origin: "http://example.org"))
        }
        #expect(throws: PasskeyProblem.relyingParty) {
            try asserted(plain, by: passkey, vectors.expectation(plain.authentication.challenge, rp: "org"))
        }
    }

    @Test func `no bit of what is signed, nor of the signature, can be changed`() throws {
        for name in ["none-es256", "packed-rs256", "packed-eddsa"] {
            let example = vectors.cases.first { $0.name == name }!, passkey = try registered(example)
            let data = bytes(example.authentication.authenticatorData), signature = bytes(example.authentication.signature)
            for bit in 0..<data.count * 8 {
                var changed = data
                changed[bit / 8] ^= 1 << UInt8(bit % 8)
                #expect(throws: PasskeyProblem.self) { try asserted(example, by: passkey, data: changed) }
            }
            for bit in 0..<signature.count * 8 {
                var changed = signature
                changed[bit / 8] ^= 1 << UInt8(bit % 8)
                #expect(throws: PasskeyProblem.signature) { try asserted(example, by: passkey, signature: changed) }
            }
        }
    }

    @Test func `a passkey answers for itself only, and cannot learn to be backed up`() throws {
        let passkey = try registered(plain), other = try registered(vectors.cases.first { $0.name == "packed-eddsa" }!)
        #expect(throws: PasskeyProblem.backup) { try asserted(plain, by: other) }
        #expect(throws: PasskeyProblem.signature) {
            let mixed = PasskeyContent(
                id: passkey.id, key: other.key, kind: passkey.kind, strength: .none, isBackupEligible: passkey.isBackupEligible,
                verifiesUser: true, transports: [])
            return try asserted(plain, by: mixed)
        }
    }

    @Test func `where an attestation is demanded a trust anchor must stand behind it, now`() throws {
        let rules = AuthenticatorRules(needsAttestation: true), own = vectors.cases.first { $0.name == "packed-self-es256" }!
        #expect(try registered(anchored, rules: rules).strength == .anchored)
        #expect(throws: PasskeyProblem.attestationMissing) { try registered(plain, rules: rules) }
        #expect(throws: PasskeyProblem.attestationMissing) { try registered(own, rules: rules) }
        #expect(throws: PasskeyProblem.attestationUntrusted) { try registered(anchored, rules: rules, trust: AttestationAnchors()) }
        #expect(throws: PasskeyProblem.attestationCertificate) { try registered(anchored, trust: NoAttestationTrust()) }
        // Before the certificates begin (2024), and after they end (3024).
        for moment in [Moment(ms: 1_600_000_000_000), Moment(ms: 34_000_000_000_000)] {
            #expect(throws: PasskeyProblem.attestationUntrusted) { try registered(anchored, rules: rules, now: moment) }
        }
        #expect(try registered(anchored, trust: AttestationAnchors()).strength == .certificate)
    }

    @Test func `only kinds that the policy allows`() throws {
        let kind = AAGUID(bytes: bytes(plain.expected.aaguid))!, other = AAGUID(bytes: bytes(anchored.expected.aaguid))!
        #expect(throws: PasskeyProblem.authenticator(kind)) { try registered(plain, rules: AuthenticatorRules(blocked: [kind])) }
        #expect(throws: PasskeyProblem.authenticator(kind)) { try registered(plain, rules: AuthenticatorRules(allowed: [other])) }
        #expect(try registered(plain, rules: AuthenticatorRules(allowed: [kind, other])).kind == kind)
    }

    @Test func `a statement that is not what its format says is refused by name`() throws {
        func changed(_ example: WebAuthnVectors.Case, _ change: ([CBOREntry]) -> [CBOREntry]) throws -> [UInt8] {
            let item = try CBOR.read(bytes(example.registration.attestationObject))
            return CBOR.map(item.map!.map { $0.key == .text("attStmt") ? CBOREntry($0.key, .map(change($0.value.map!))) : $0 }).encoded
        }
        let own = vectors.cases.first { $0.name == "packed-self-es256" }!
        func refusal(_ example: WebAuthnVectors.Case, _ change: ([CBOREntry]) -> [CBOREntry]) throws -> PasskeyProblem? {
            let attestation = try changed(example, change)
            do throws(PasskeyProblem) { _ = try registered(example, attestation: attestation) } catch { return error }
            return nil
        }
        #expect(try refusal(plain) { _ in [CBOREntry(.text("alg"), .integer(-7))] } == .statement)
        #expect(try refusal(own) { Array($0.dropFirst()) } == .statement)
        #expect(try refusal(own) { [CBOREntry(.text("alg"), .integer(-8)), $0[1]] } == .statement)
        #expect(try refusal(own) { [CBOREntry(.text("alg"), .integer(-35)), $0[1]] } == .algorithm(-35))
        #expect(try refusal(own) { [$0[0], CBOREntry(.text("sig"), .bytes([1, 2, 3]))] } == .attestationSignature)
        #expect(try refusal(anchored) { [$0[0], $0[1], CBOREntry(.text("x5c"), .array([]))] } == .statement)
        #expect(try refusal(anchored) { [$0[0], $0[1], CBOREntry(.text("x5c"), .array([.bytes([1])]))] } == .attestationCertificate)
        #expect(try refusal(anchored) { [$0[0], CBOREntry(.text("sig"), .bytes([1])), $0[2]] } == .attestationSignature)
        let root = CBOR.bytes(bytes(vectors.attestationRoot.attestation_ca_cert))
        #expect(try refusal(anchored) { [$0[0], $0[1], CBOREntry(.text("x5c"), .array([root]))] } == .attestationCertificate)
        #expect(
            try refusal(anchored) { entries in
                let chain = entries[2].value.array! + Array(repeating: root, count: 5)
                return [entries[0], entries[1], CBOREntry(.text("x5c"), .array(chain))]
            } == .statement)
    }

    @Test func `a chain leads to an anchor link by link`() throws {
        let object = try AttestationObject(bytes(anchored.registration.attestationObject))
        let leaf = object.statement["x5c"]!.array![0].bytes!, root = bytes(vectors.attestationRoot.attestation_ca_cert)
        let anchors = vectors.anchors
        #expect(anchors.isAnchored([leaf], at: Self.now) && anchors.isAnchored([leaf, root], at: Self.now))
        #expect(!anchors.isAnchored([leaf, leaf], at: Self.now) && !anchors.isAnchored([], at: Self.now))
        #expect(!anchors.isAnchored([leaf, [1, 2]], at: Self.now) && !AttestationAnchors().isAnchored([leaf, root], at: Self.now))
        #expect(anchors.certificate(leaf)?.unit == "Authenticator Attestation" && anchors.certificate(root)?.isAuthority == true)
        var changed = leaf
        changed[leaf.count - 1] ^= 1
        #expect(!anchors.isAnchored([changed], at: Self.now))
        #expect(
            AttestationAnchors(pem: "") == nil
                && AttestationAnchors(pem: "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----") == nil)
    }

    @Test func `an issuer must be one that may: for signing certificates, and above no more authorities than it says`() throws {
        typealias Chain = AttestationChains
        let anchors = try #require(AttestationAnchors(pem: Chain.pem(Chain.root)))
        #expect(anchors.isAnchored([Chain.ofMaker, Chain.maker], at: Self.now))
        #expect(anchors.isAnchored([Chain.ofMaker, Chain.maker, Chain.root], at: Self.now))
        #expect(anchors.isAnchored([Chain.maker], at: Self.now), "issued by the anchor itself")
        #expect(!anchors.isAnchored([Chain.ofBranch, Chain.branch, Chain.maker], at: Self.now))
        #expect(!anchors.isAnchored([Chain.ofSigner, Chain.signsDocuments], at: Self.now))
        // What an operator trusts is asked the same.
        let branch = try #require(AttestationAnchors(pem: Chain.pem(Chain.branch)))
        #expect(branch.isAnchored([Chain.ofBranch], at: Self.now))
        let maker = try #require(AttestationAnchors(pem: Chain.pem(Chain.maker)))
        #expect(!maker.isAnchored([Chain.ofBranch, Chain.branch], at: Self.now))
        let signer = try #require(AttestationAnchors(pem: Chain.pem(Chain.signsDocuments)))
        #expect(!signer.isAnchored([Chain.ofSigner], at: Self.now))
    }
}
