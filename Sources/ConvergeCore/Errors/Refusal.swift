/// An expected "no": shown to the person as a sentence, with a stable code that the log carries too.
public struct Refusal: Error, Hashable, Sendable {
    /// Stable codes; each has a sentence in every language.
    public enum Code: String, CaseIterable, Codable, Sendable {
        case signInWrong = "sign-in.wrong"
        case signInLocked = "sign-in.locked"
        case codeWrong = "code.wrong"
        /// The first code of an app that is being connected: tries are not counted.
        case codeMismatch = "code.mismatch"
        case codeLastTry = "code.last-try"
        case codeSpent = "code.spent"
        case codeExpired = "code.expired"
        case codeTooMany = "code.too-many"
        case codeEmpty = "code.empty"
        case codeClock = "code.clock"
        case sendTooMany = "send.too-many"
        case sendBudget = "send.budget"
        case gatewayDown = "send.gateway-down"
        case callPending = "call.pending"
        case callBusy = "call.busy"
        case callNoAnswer = "call.no-answer"
        case callUnreachable = "call.unreachable"
        case callMachine = "call.machine"
        case callNoKey = "call.no-key"
        case callWrongKey = "call.wrong-key"
        case callLate = "call.late"
        case callReported = "call.reported"
        case callTooMany = "call.too-many"
        case appNotThere = "app.not-there"
        case approvalPending = "approval.pending"
        case approvalDenied = "approval.denied"
        case approvalReported = "approval.reported"
        case approvalWrong = "approval.wrong"
        case approvalLate = "approval.late"
        case approvalBusy = "approval.busy"
        case approvalTooMany = "approval.too-many"
        case phoneEmpty = "phone.empty"
        case phoneImpossible = "phone.impossible"
        case phoneExtension = "phone.extension"
        case phonePremium = "phone.premium"
        case phoneNoTexts = "phone.no-texts"
        case phoneLandline = "phone.landline"
        case phoneCountryClosed = "phone.country-closed"
        case phoneTaken = "phone.same"
        case emailEmpty = "email.empty"
        case emailWrong = "email.wrong"
        case emailOwnDomain = "email.own-domain"
        case limitReached = "limit.reached"
        case notAllowed = "method.not-allowed"
        case methodGone = "method.gone"
        case lastMethod = "method.last"
        case changedElsewhere = "changed.elsewhere"
        case flowExpired = "flow.expired"
        case passWrong = "pass.wrong"
        case recoveryWrong = "recovery.wrong"
        case notEnoughProofs = "reset.not-enough"
        case resetBlocked = "reset.blocked"
        case passwordsDiffer = "password.differ"
        case passwordCurrentWrong = "password.current-wrong"
        case fieldEmpty = "field.empty"
        case fieldTooLong = "field.too-long"
        case setupCodeWrong = "setup.code-wrong"
        case nameTaken = "setup.name-taken"
        case linkSpent = "link.spent"
        case nothingTicked = "lost.nothing-ticked"
        case keptNotTicked = "recovery.not-kept"
        case passkeyWrong = "passkey.wrong"
        /// The person closed the browser's window, or let it wait.
        case passkeyCancelled = "passkey.cancelled"
        /// The authenticator holds one of the person's passkeys already.
        case passkeyHeld = "passkey.held"
        case passkeyUnsupported = "passkey.unsupported"
        /// The page is not at the public address, or the browser refuses it there.
        case passkeyElsewhere = "passkey.elsewhere"
        /// Sent without what the page's script adds.
        case passkeyNoScript = "passkey.no-script"
        /// Policy does not allow this kind of authenticator.
        case passkeyKind = "passkey.kind"
        /// An algorithm or a format that was not asked for.
        case passkeyUnreadable = "passkey.unreadable"
        /// The counter of its authenticator did not rise.
        case passkeyCopied = "passkey.copied"
        /// Not known here, not allowed any more, or it did not check who uses it: one sentence for all at the sign-in without a password.
        case passkeyRefused = "passkey.refused"
        case passkeyTooMany = "passkey.too-many"
        case passkeyExpired = "passkey.expired"
        case nameTooLong = "name.too-long"
        case serialEmpty = "serial.empty"
        case serialUnknown = "serial.unknown"
        case questionEmpty = "question.empty"
        case questionTwice = "question.twice"
        case answerEmpty = "answer.empty"
        case answerTooShort = "answer.too-short"
        case answerTooLong = "answer.too-long"
        case answerTwice = "answer.twice"
        /// One of a whole round: which one is not told.
        case answersWrong = "answers.wrong"
    }

    public let code: Code
    /// What the sentence needs, for example the tries left.
    public let count: Int?
    public let until: Moment?
    /// More for the log, where the sentence does not tell it all.
    public let detail: String?
    /// The field that it is about, on pages with several.
    public let field: String?

    public init(_ code: Code, count: Int? = nil, until: Moment? = nil, detail: String? = nil, field: String? = nil) {
        self.detail = detail
        self.code = code
        self.count = count
        self.until = until
        self.field = field
    }

    /// What the audit log keeps beside the code.
    public var logged: [String: String] { detail.map { ["detail": $0] } ?? [:] }

    /// The same, with more for the log.
    public func because(_ detail: String?) -> Refusal {
        Refusal(code, count: count, until: until, detail: detail ?? self.detail, field: field)
    }

    /// The same, about one field of a page with several.
    public func about(_ field: String) -> Refusal { Refusal(code, count: count, until: until, detail: detail, field: field) }
}

/// The world broke: logged with its reason; the person sees a request id.
public struct Fault: Error, Sendable, CustomStringConvertible {
    /// For the log only.
    public let reason: String
    public let place: String

    public init(_ reason: String, file: String = #fileID, line: Int = #line) {
        self.reason = reason
        self.place = "\(file):\(line)"
    }

    public var description: String { "\(reason) (\(place))" }
}
