/// A question that a person may choose to answer.
public enum SecurityQuestion: Hashable, Codable, Sendable {
    /// One of ours: its sentence is a message in every language.
    case predefined(String)
    /// One of the organisation's own, shown as it was written.
    case custom(String)

    /// The ids of ours. They ask for what does not stand in a profile and does not change.
    public static let predefinedIDs = [
        "parents-met", "first-home-street", "childhood-friend", "first-job-town", "first-teacher", "favourite-teacher", "first-pet",
        "soft-toy", "childhood-dish", "first-concert", "childhood-hero", "grandparent-town", "sibling-nickname", "first-flight",
        "childhood-dream-job", "first-car", "school-bus-stop", "holiday-place", "first-boss", "hidden-talent", "childhood-book",
        "oldest-cousin", "first-instrument", "childhood-shop",
    ]

    /// How a form carries it.
    public var formValue: String {
        switch self {
        case .predefined(let id): id
        case .custom(let text): "custom:" + text
        }
    }

    /// What somebody may choose from.
    public static func pool(_ settings: QuestionPolicy) -> [SecurityQuestion] {
        predefinedIDs.map { .predefined($0) } + settings.custom.map { .custom($0) }
    }
}

/// A question with what was answered, while a set is being registered.
public struct ChosenAnswer: Codable, Sendable, Hashable {
    public var question: SecurityQuestion?
    public var answer: Secret

    public init(question: SecurityQuestion?, answer: Secret) {
        self.question = question
        self.answer = answer
    }
}

/// A question with the slow hash of its answer: all that is kept.
public struct HashedAnswer: Codable, Sendable, Equatable {
    public let question: SecurityQuestion
    /// PHC string, Argon2id over the peppered answer.
    public let hash: String

    public init(question: SecurityQuestion, hash: String) {
        self.question = question
        self.hash = hash
    }
}

/// How answers are compared: the way people remember them, not the way they typed them.
public enum AnswerText {
    /// The shortest normal form, in characters.
    public static let shortest = 3
    /// The longest answer as typed, in characters.
    public static let longest = 100

    /// Compatibility composition, capitals and small letters alike, and only what is letter, digit, mark or symbol: white space and
    /// punctuation are left out.
    public static func normalised(_ typed: String) -> String {
        let kept = typed.compatibilityFolded.unicodeScalars.filter { scalar in
            switch scalar.properties.generalCategory {
            case .spaceSeparator, .lineSeparator, .paragraphSeparator, .control, .format, .connectorPunctuation, .dashPunctuation,
                .openPunctuation, .closePunctuation, .initialPunctuation, .finalPunctuation, .otherPunctuation, .privateUse, .unassigned,
                .surrogate:
                false
            default: true
            }
        }
        // A mark may follow its letter now that nothing stands between them.
        return String(String.UnicodeScalarView(kept)).compatibilityFolded
    }

    /// Why an answer cannot be taken; nil when it can.
    public static func refusal(_ typed: String) -> Refusal? {
        if typed.trimmingSpaces().isEmpty { return Refusal(.answerEmpty) }
        if typed.count > longest { return Refusal(.answerTooLong, count: longest) }
        return normalised(typed).count < shortest ? Refusal(.answerTooShort, count: shortest) : nil
    }
}
