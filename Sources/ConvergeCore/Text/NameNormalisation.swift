/// A name to sign in with, and the one written rule by which two such names are the same.
///
/// The rule: no white space at either end; compatibility composition and capitals and small letters alike, as in
/// `compatibilityFolded`. At most 113 Unicode scalars
/// (what Entra takes) after that. Refused: nothing at all, white space inside, control, format (zero-width, direction), private-use
/// and unassigned characters: they are invisible, or what they normalise to may change with the next edition of Unicode.
///
/// Names that a reader takes for the same become the same, never the other way round; so mail goes to the *stored* address of
/// the person found, not to what was typed.
public struct SignInName: Hashable, Codable, Sendable, CustomStringConvertible {
    /// The longest normal form, in Unicode scalars.
    public static let maximumLength = 113
    /// Nothing longer is looked at.
    public static let maximumBytes = 1024

    /// As it was given, without white space at the ends: how it is shown.
    public let typed: String
    /// The form that is stored beside it, unique within an organisation, and compared.
    public let normalised: String

    /// Returns nil when the text cannot be a name.
    public init?(_ text: String) {
        guard text.utf8.count <= Self.maximumBytes else { return nil }
        let typed = text.trimmingSpaces()
        let normalised = typed.compatibilityFolded
        guard !normalised.isEmpty, normalised.unicodeScalars.count <= Self.maximumLength,
            typed.unicodeScalars.allSatisfy(Self.isAllowed), normalised.unicodeScalars.allSatisfy(Self.isAllowed)
        else { return nil }
        self.typed = typed
        self.normalised = normalised
    }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        guard let name = SignInName(try container.decode(String.self)) else {
            throw DecodingError.dataCorruptedError(in: container, debugDescription: "not a sign-in name")
        }
        self = name
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(typed)
    }

    /// Two names are the same when their normal forms are.
    public static func == (left: Self, right: Self) -> Bool { left.normalised == right.normalised }

    public func hash(into hasher: inout Hasher) { hasher.combine(normalised) }

    public var description: String { typed }

    private static func isAllowed(_ scalar: Unicode.Scalar) -> Bool {
        if scalar.properties.isWhitespace { return false }
        return switch scalar.properties.generalCategory {
        case .control, .format, .privateUse, .unassigned, .surrogate, .lineSeparator, .paragraphSeparator: false
        default: true
        }
    }
}
