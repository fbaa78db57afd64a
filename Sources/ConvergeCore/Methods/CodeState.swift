/// The codes that were sent for one challenge. Any of them is good until it expires; tries belong to the challenge and
/// do not refill when another code is sent.
public struct CodeState: Codable, Sendable, Equatable {
    /// Tries per challenge.
    public static let triesMax = 5
    /// Codes per challenge.
    public static let sendsMax = 3

    /// One code: only its keyed hash.
    public struct Sent: Codable, Sendable, Equatable {
        public let hash: String
        public let sentAt: Moment
        public let expiresAt: Moment
    }

    public var sent: [Sent] = []

    public init() {}

    /// Whether another code may be sent.
    public var canSendAgain: Bool { sent.count < Self.sendsMax }

    /// When the newest code stops working.
    public var until: Moment? { sent.last?.expiresAt }

    /// Makes a code of some digits, remembers its hash and returns it for delivery.
    ///
    /// - Parameter binding: what the hash is bound to, so that a hash says nothing elsewhere.
    public mutating func make(digits: Int, life: Span, binding: String, _ context: MethodContext) -> (code: Secret, notAfter: Moment) {
        let code = OneTimeCode.digits(digits, random: context.random(OneTimeCode.randomBytes(for: digits))) ?? Secret("")
        let until = context.now + life
        sent.append(Sent(hash: context.keyedHash("\(binding):\(code.text)"), sentAt: context.now, expiresAt: until))
        return (code, until)
    }

    /// Compares a typed code with every code sent for this challenge.
    public func verify(_ typed: String, binding: String, _ context: MethodContext) -> Verification {
        let digits = OneTimeCode.normalise(Secret(typed))?.text ?? ""
        guard !digits.isEmpty else { return .wrong }
        let hash = Array(context.keyedHash("\(binding):\(digits)").utf8)
        var result = Verification.wrong
        for code in sent where equalInConstantTime(Array(code.hash.utf8), hash) {
            result = context.now < code.expiresAt ? .right(nil) : .expired
        }
        return result
    }
}

extension EnrolmentState {
    /// Another number or address begins with codes and tries of its own.
    mutating func forgetCodes() {
        code = nil
        triesLeft = CodeState.triesMax
    }

    /// What is said to a wrong code.
    var refusalOfWrong: Refusal { triesLeft > 0 ? Refusal(.codeWrong, count: triesLeft) : Refusal(.codeTooMany) }
}

extension CodeState {
    /// Spends a try before the comparison; an empty answer costs none.
    static func spendTry(_ triesLeft: inout Int, _ typed: String) -> Refusal? {
        guard !typed.trimmingSpaces().isEmpty else { return Refusal(.codeEmpty) }
        guard triesLeft > 0 else { return Refusal(.codeTooMany) }
        triesLeft -= 1
        return nil
    }
}
