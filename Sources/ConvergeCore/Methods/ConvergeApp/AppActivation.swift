/// The code that tells an installed app which registration it belongs to: shown on the page, scanned or typed in the app, good once.
public struct AppActivation: Codable, Sendable, Equatable {
    /// The id that the credential will have: the app knows it before the credential is there.
    public let credential: CredentialID
    public let code: Secret
    public let until: Moment

    /// How long a code is good.
    public static let life = Span.minutes(10)
    static let shape = ReadableCodeShape(lengths: 8...8, group: 4)

    static func make(_ context: MethodContext) -> AppActivation {
        let id = String(Base64URL.encode(context.random(16)).reversed())
        let code = ReadableCode(shape, random: context.random(8))
        return AppActivation(
            credential: CredentialID(id), code: code?.canonical ?? Secret(""), until: context.now + life)
    }

    /// The code as it is shown.
    public var shown: String { ReadableCode(Self.shape, typed: code.text)?.shown(Self.shape).text ?? "" }

    /// The only form in which a code is stored; nil: it cannot be one.
    public static func hash(_ typed: String, _ keyedHash: (String) -> String) -> String? {
        ReadableCode(shape, typed: typed).map { keyedHash("activation:" + $0.canonical.text) }
    }
}

/// A registration that waits for its app: to be written down with the step that made it.
public struct AppOffer: Hashable, Sendable {
    public let credential: CredentialID
    public let codeHash: String
    /// The key of the time-based codes, which the app gets when it comes with the code.
    public let secret: Secret
    public let until: Moment
}

/// What is known of an app that came with its code.
public struct SeenApp: Hashable, Sendable {
    public let key: AppKey
    /// What it calls itself.
    public let label: String
    /// The step of the first code that it showed to be right.
    public let step: Int64?

    public init(key: AppKey, label: String, step: Int64?) {
        self.key = key
        self.label = label
        self.step = step
    }
}

/// Where a registration of the app stands before its first approval.
public struct Activating: Hashable, Sendable {
    public let code: Secret
    public let shown: String
    public let until: Moment
    /// The app is there: the first approval can be asked for.
    public let isThere: Bool

    public init(code: Secret, shown: String, until: Moment, isThere: Bool) {
        self.code = code
        self.shown = shown
        self.until = until
        self.isThere = isThere
    }
}

/// Where an approval stands, as its page shows it.
public struct Approving: Hashable, Sendable {
    public let stage: ApprovalStage
    /// To be typed on the other device.
    public let number: String
    public let askedAt: Moment
    public let until: Moment
    public let canAskAgain: Bool

    public init(stage: ApprovalStage, number: String, askedAt: Moment, until: Moment, canAskAgain: Bool) {
        self.stage = stage
        self.number = number
        self.askedAt = askedAt
        self.until = until
        self.canAskAgain = canAskAgain
    }
}
