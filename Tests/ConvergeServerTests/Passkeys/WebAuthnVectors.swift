import ConvergeCertificates
import ConvergeCore
import Foundation

@testable import ConvergeServer

/// The vectors of WebAuthn level 3, section 16, which the tests of the core and of the server share.
struct WebAuthnVectors: Decodable {
    struct Case: Decodable {
        struct Registration: Decodable { let challenge: String, clientDataJSON: String, attestationObject: String, credential_id: String }
        struct Authentication: Decodable {
            let challenge: String, clientDataJSON: String, authenticatorData: String, signature: String
        }
        struct Expected: Decodable {
            let fmt: String, attestationType: String, credentialAlg: Int, aaguid: String, coseKey: String
            let registrationFlags: String, authenticationFlags: String
        }
        let name: String, registration: Registration, authentication: Authentication, expected: Expected
    }
    struct Root: Decodable { let attestation_ca_cert: String }
    let rpId: String, origin: String, attestationRoot: Root, cases: [Case]

    static let all = Result {
        let file = SourceFile.root + "/Tests/ConvergeCoreTests/Vectors/webauthn-l3.json"
        return try JSONDecoder().decode(WebAuthnVectors.self, from: Data(contentsOf: URL(fileURLWithPath: file)))
    }

    /// The root as an operator would configure it.
    var anchors: AttestationAnchors { AttestationAnchors(pem: AttestationChains.pem(bytes(attestationRoot.attestation_ca_cert)))! }

    func expectation(_ challenge: String, verification: Bool = false, origin: String? = nil, rp: String? = nil) -> PasskeyExpectation {
        PasskeyExpectation(
            challenge: bytes(challenge), origin: origin ?? self.origin, relyingParty: rp ?? rpId, needsVerification: verification)
    }
}

func bytes(_ hex: String) -> [UInt8] { Hex.decode(hex)! }
