import Crypto
import Foundation

/// The public key of an installed app, on P-256.
public struct AppKey: Hashable, Sendable, Codable {
    /// The point, uncompressed.
    public let point: [UInt8]

    /// Nil: no point of the curve.
    public init?(_ point: [UInt8]) {
        guard point.count == 65, (try? P256.Signing.PublicKey(x963Representation: point)) != nil else { return nil }
        self.point = point
    }

    /// Whether the app signed these bytes: ECDSA with SHA-256, the two numbers one after the other, as browsers sign.
    public func signed(_ bytes: [UInt8], _ signature: [UInt8]) -> Bool {
        guard let key = try? P256.Signing.PublicKey(x963Representation: point),
            let signature = try? P256.Signing.ECDSASignature(rawRepresentation: signature)
        else { return false }
        return key.isValidSignature(signature, for: Data(bytes))
    }
}

/// Texts put one after the other so that they can be read back in one way only: each behind its length in bytes.
enum SignedText {
    static func bytes(_ fields: [String]) -> [UInt8] {
        fields.flatMap { field in Array("\(field.utf8.count):".utf8) + Array(field.utf8) + [UInt8(ascii: ",")] }
    }
}

/// What somebody answers in the app.
public enum AppDecision: String, CaseIterable, Codable, Sendable {
    case approve, deny
    /// "This wasn't me": somebody else began it.
    case fraud
}

/// What the app signs when somebody answers. Whoever changes any of it has no signature for it.
public struct ApprovalStatement: Hashable, Sendable {
    /// Names what is signed and in which version, so that no signature means two things.
    static let tag = "converge-approval-1"

    public var challenge: ApprovalID
    public var person: PersonID
    public var credential: CredentialID
    /// The server's own address, so that an answer for another one is none.
    public var origin: String
    /// What the person lets in to.
    public var application: String
    /// The number as typed; empty unless it approves.
    public var number: String
    public var decision: AppDecision
    public var expiry: Moment

    public init(
        challenge: ApprovalID, person: PersonID, credential: CredentialID, origin: String, application: String, number: String,
        decision: AppDecision, expiry: Moment
    ) {
        self.challenge = challenge
        self.person = person
        self.credential = credential
        self.origin = origin
        self.application = application
        self.number = number
        self.decision = decision
        self.expiry = expiry
    }

    /// What is signed.
    public var bytes: [UInt8] {
        SignedText.bytes([
            Self.tag, challenge.text, person.text, credential.text, origin, application, number, decision.rawValue, String(expiry.ms),
        ])
    }
}

/// What else the app signs: that it is there, and asks or tells something now.
public struct AppRequest: Hashable, Sendable {
    public enum Kind: String, Sendable {
        case activate = "converge-activate-1"
        case poll = "converge-poll-1"
        case subscribe = "converge-subscribe-1"
    }

    public var kind: Kind
    /// The code of an activation; else the credential.
    public var subject: String
    public var origin: String
    public var at: Moment
    /// The public key of an activation; address and keys of a subscription.
    public var more: [String]

    public init(_ kind: Kind, subject: String, origin: String, at: Moment, more: [String] = []) {
        self.kind = kind
        self.subject = subject
        self.origin = origin
        self.at = at
        self.more = more
    }

    public var bytes: [UInt8] { SignedText.bytes([kind.rawValue, subject, origin, String(at.ms)] + more) }

    /// By how much the app's idea of the time may differ. Beyond, it is told the time and asks again.
    public static let tolerance = Span.seconds(60)

    /// Whether it was signed about now.
    public func isFresh(at now: Moment) -> Bool { at >= now - Self.tolerance && at <= now + Self.tolerance }
}
