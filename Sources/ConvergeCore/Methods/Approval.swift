/// How far something has come that a person decides elsewhere: on a telephone that rings, or in an app on another device.
///
/// The order is that of what happens; it never goes back.
public enum ApprovalProgress: String, CaseIterable, Placed, Codable, Sendable, Comparable {
    /// On its way to whoever carries it.
    case queued
    /// The telephone rings.
    case ringing
    /// Somebody, or a machine, has answered; no key was pressed yet.
    case answered
    /// A key was pressed that means nothing.
    case wrongKey

    public static func < (left: Self, right: Self) -> Bool { left.place < right.place }
    public func hash(into hasher: inout Hasher) { hasher.combine(place) }
}

/// How it ended.
public enum ApprovalOutcome: String, CaseIterable, Codable, Sendable {
    case pending, approved, denied
    /// The person said that somebody else began it.
    case fraud
    case failed
}

/// Why nobody decided.
public enum ApprovalFailure: String, CaseIterable, Codable, Sendable {
    case busy, noAnswer
    /// The number does not exist, or the carrier will not call it.
    case unreachable
    /// An answering machine took the call.
    case machine
    /// Answered, and hung up without a key.
    case noKey
    case wrongKey
    /// The call could not be placed in time.
    case tooLate
    /// A newer one took its place.
    case replaced
}

/// One question put to a person elsewhere, as it stands.
public struct Approval: Hashable, Sendable {
    public let id: ApprovalID
    public let person: PersonID
    /// Nil: nobody has the credential yet; it is being registered.
    public let credential: CredentialID?
    public let capability: Capability
    public let purpose: Purpose
    /// The conversation that waits for it.
    public let flow: FlowID?
    /// Decisions after this count for nothing.
    public let until: Moment
    public var progress: ApprovalProgress
    public var outcome: ApprovalOutcome
    public var failure: ApprovalFailure?
    /// Wrong keys so far.
    public var wrongKeys: Int
    public var isSpent: Bool

    public init(
        id: ApprovalID, person: PersonID, credential: CredentialID?, capability: Capability, purpose: Purpose, flow: FlowID?,
        until: Moment, progress: ApprovalProgress = .queued, outcome: ApprovalOutcome = .pending, failure: ApprovalFailure? = nil,
        wrongKeys: Int = 0, isSpent: Bool = false
    ) {
        self.id = id
        self.person = person
        self.credential = credential
        self.capability = capability
        self.purpose = purpose
        self.flow = flow
        self.until = until
        self.progress = progress
        self.outcome = outcome
        self.failure = failure
        self.wrongKeys = wrongKeys
        self.isSpent = isSpent
    }

    /// Whether a decision would still count.
    public func isOpen(at now: Moment) -> Bool { outcome == .pending && now < until }

    /// How long somebody has to answer and press a key.
    public static let life = Span.minutes(5)
    /// How long a call may be on its way before it is not placed any more: nobody expects it then.
    public static let callWithin = Span.minutes(1)
    /// Wrong keys until the call ends.
    public static let wrongKeysMax = 3

    /// What a page may say about it now.
    public func stage(at now: Moment) -> ApprovalStage {
        switch outcome {
        case .pending: now < until ? .waiting(progress) : .failed(.tooLate)
        case .approved: .approved
        case .denied: .denied
        case .fraud: .fraud
        case .failed: .failed(failure ?? .noKey)
        }
    }
}

/// Where an approval stands, as its page and its poll tell it.
public enum ApprovalStage: Hashable, Sendable {
    case waiting(ApprovalProgress)
    case approved, denied, fraud
    case failed(ApprovalFailure)

    /// Nothing more will happen by itself.
    public var isOver: Bool { if case .waiting = self { false } else { true } }

    /// One word for scripts and logs.
    public var word: String {
        switch self {
        case .waiting(let progress): progress.rawValue
        case .approved: "approved"
        case .denied: "denied"
        case .fraud: "fraud"
        case .failed(let failure): failure.rawValue
        }
    }
}

/// The secret by which whoever carries an approval names it; only its keyed hash is kept.
public enum ApprovalHandle {
    /// Random bytes of a handle.
    static let length = 24

    /// A fresh handle.
    public static func make(_ context: MethodContext) -> Secret { Secret(Base64URL.encode(context.random(length))) }

    /// The id of the approval that a handle belongs to.
    public static func id(_ handle: String, _ keyedHash: (String) -> String) -> ApprovalID { ApprovalID(keyedHash("approval:" + handle)) }
}

/// The approvals that were asked for in one challenge or registration.
public struct ApprovalState: Codable, Sendable, Equatable {
    public struct Asked: Codable, Sendable, Equatable {
        public let id: ApprovalID
        public let at: Moment
        public let until: Moment
    }

    public var asked: [Asked] = []

    public init() {}

    /// The one that may be answered now: asking again replaces the one before.
    public var current: Asked? { asked.last }

    /// Whether it may be asked for again.
    public var canAskAgain: Bool { asked.count < CodeState.sendsMax }

    /// Asks: remembers the id and returns the handle.
    public mutating func ask(_ context: MethodContext) -> (handle: Secret, id: ApprovalID) {
        let handle = ApprovalHandle.make(context), id = ApprovalHandle.id(handle.text, context.keyedHash)
        asked.append(Asked(id: id, at: context.now, until: context.now + Approval.life))
        return (handle, id)
    }

}

/// What the keys of a telephone mean.
public enum CallKeys {
    /// What somebody pressed during a call.
    public enum Meaning: Hashable, Sendable {
        case approve
        /// The first digit of the code that reports a fraud: the rest follows.
        case reportBegins
        case report
        case wrong
    }

    /// Approves.
    public static let approve = "#"

    /// What the first key means.
    ///
    /// - Parameter report: the digits before `#` that report a fraud, for example `0`.
    public static func first(_ digits: String, report: String) -> Meaning {
        digits == approve ? .approve : digits == report.prefix(1) ? .reportBegins : digits == report + approve ? .report : .wrong
    }

    /// What the keys after the first one mean.
    public static func rest(_ digits: String, report: String) -> Meaning { digits == report.dropFirst() + approve ? .report : .wrong }

    /// How many keys follow the first one.
    public static func restCount(report: String) -> Int { report.count }
}

/// An approval that has to be written down with the message that asks for it.
public struct ApprovalDraft: Hashable, Sendable {
    public let id: ApprovalID
    public let capability: Capability
    /// Nil: the credential is being registered.
    public let credential: CredentialID?
    public let until: Moment

    public init(id: ApprovalID, capability: Capability, credential: CredentialID?, until: Moment) {
        self.id = id
        self.capability = capability
        self.credential = credential
        self.until = until
    }
}
