/// The number that a page shows and that is typed in the app: whoever approves has seen the page.
public enum NumberMatching {
    /// Digits of a number.
    public static let digits = 2

    /// The number of an approval. It is kept nowhere: whoever has the key ring can work it out, and nobody else.
    public static func number(of approval: ApprovalID, _ keyedHash: (String) -> String) -> String {
        let hash = Hex.decode(keyedHash("number:" + approval.text)) ?? []
        let value = hash.prefix(8).reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        return String(10 + value % 90)
    }
}

/// What an app answered, as it arrived.
public struct AppAnswer: Sendable {
    public let decision: AppDecision
    public let number: String
    public let signature: [UInt8]

    public init(decision: AppDecision, number: String, signature: [UInt8]) {
        self.decision = decision
        self.number = number
        self.signature = signature
    }

    /// What becomes of an answer.
    public enum Verdict: Hashable, Sendable {
        /// The approval ends so.
        case ends(ApprovalOutcome, ApprovalFailure?)
        /// It is no answer: nothing changes.
        case ignored(Why)
    }

    /// Why something is no answer.
    public enum Why: String, Hashable, Sendable {
        /// Another approval, another person's, or no signature of this app over what was asked.
        case foreign
        /// It was decided before.
        case decided
        case late
    }

    /// Judges an answer. The signature is held against what the server itself asked, so that nothing an app sends is believed.
    ///
    /// - Parameters:
    ///   - key: the key of the app that answers.
    ///   - number: what the page shows.
    public func judge(
        _ approval: Approval, by credential: CredentialID, of person: PersonID, key: AppKey, origin: String, number wanted: String,
        at now: Moment
    ) -> Verdict {
        guard approval.capability == .appNotification, approval.person == person else { return .ignored(.foreign) }
        let statement = ApprovalStatement(
            challenge: approval.id, person: approval.person, credential: credential, origin: origin,
            application: approval.asked.application, number: number, decision: decision, expiry: approval.until)
        guard key.signed(statement.bytes, signature) else { return .ignored(.foreign) }
        guard approval.outcome == .pending else { return .ignored(.decided) }
        guard now < approval.until else { return .ignored(.late) }
        switch decision {
        case .deny: return .ends(.denied, nil)
        case .fraud: return .ends(.fraud, nil)
        case .approve:
            let isRight = equalInConstantTime(Array(number.utf8), Array(wanted.utf8))
            return isRight ? .ends(.approved, nil) : .ends(.failed, .wrongNumber)
        }
    }
}
