/// An opaque identifier that cannot be mixed up with the identifier of another kind of thing.
///
/// Identifiers are random text made by the server's one door to randomness; the core only compares them.
public struct Identifier<Subject>: Hashable, Comparable, Codable, Sendable, CustomStringConvertible {
    public let text: String

    public init(_ text: String) {
        self.text = text
    }

    public init(from decoder: any Decoder) throws {
        text = try decoder.singleValueContainer().decode(String.self)
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(text)
    }

    public var description: String { text }

    public static func < (left: Self, right: Self) -> Bool { left.text < right.text }
}

/// What an `OrganisationID` names.
public enum OrganisationSubject {}
/// What a `PersonID` names.
public enum PersonSubject {}
/// What a `CredentialID` names.
public enum CredentialSubject {}
/// What a `GroupID` names.
public enum GroupSubject {}
/// What a `FlowID` names.
public enum FlowSubject {}
/// What a `SessionID` names.
public enum SessionSubject {}
/// What an `ApprovalID` names.
public enum ApprovalSubject {}

/// The organisation a row belongs to.
public typealias OrganisationID = Identifier<OrganisationSubject>
/// A person: random, never the name. Also `sub` and the WebAuthn user handle.
public typealias PersonID = Identifier<PersonSubject>
/// One person's registration of a method.
public typealias CredentialID = Identifier<CredentialSubject>
/// A group of people; policies apply to groups.
public typealias GroupID = Identifier<GroupSubject>
/// A multi-step conversation.
public typealias FlowID = Identifier<FlowSubject>
/// A signed-in browser.
public typealias SessionID = Identifier<SessionSubject>
/// A question put to a person on a telephone or another device.
public typealias ApprovalID = Identifier<ApprovalSubject>
