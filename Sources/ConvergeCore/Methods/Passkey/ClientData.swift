import Foundation

/// What the browser says of a ceremony (WebAuthn level 3, section 5.8.1).
public struct ClientData: Hashable, Sendable {
    public enum Ceremony: String, Sendable {
        case create = "webauthn.create"
        case get = "webauthn.get"
    }

    /// A browser's own has some two hundred bytes; more may be added in time.
    public static let maximumLength = 3072

    public let ceremony: Ceremony?
    public let challenge: [UInt8]
    public let origin: String
    /// Asked for from within a frame of another site.
    public let isCrossOrigin: Bool

    private struct Read: Decodable {
        let type: String
        let challenge: String
        let origin: String
        let crossOrigin: Bool?
        let topOrigin: String?
    }

    public init(_ bytes: [UInt8]) throws(PasskeyProblem) {
        guard bytes.count <= Self.maximumLength, String(validating: bytes, as: UTF8.self) != nil,
            let read = try? JSONDecoder().decode(Read.self, from: Data(bytes)), let challenge = Base64URL.decode(read.challenge)
        else { throw .clientData }
        ceremony = Ceremony(rawValue: read.type)
        self.challenge = challenge
        origin = read.origin
        isCrossOrigin = read.crossOrigin ?? false || read.topOrigin != nil
    }
}
