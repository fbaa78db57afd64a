/// A hardware OATH token as the organisation's inventory has it.
public struct InventoryToken: Hashable, Codable, Sendable {
    public let id: String
    /// As it stands on the back of the thing.
    public let serial: String
    /// Key, hash, digits and period (RFC 6238).
    public let totp: TOTP

    public init(id: String, serial: String, totp: TOTP) {
        self.id = id
        self.serial = serial
        self.totp = totp
    }

    /// The form of a serial number that is stored beside it and compared: without spaces and hyphens, capitals and small letters alike.
    public static func key(of serial: String) -> String {
        serial.compatibilityFolded.filter { !$0.isWhitespace && $0 != "-" }
    }
}

/// What the inventory says about a serial number that somebody typed.
public struct FoundToken: Sendable {
    /// What it is to whoever typed it.
    public enum Standing: String, Sendable {
        /// Free for anybody.
        case free
        /// Kept for this person.
        case kept
        case keptForAnother = "kept-for-another"
        case inUse = "in-use"
        case unknown = "serial-unknown"
    }

    /// Whether, and by whom, it may be added.
    public let standing: Standing
    /// As the inventory has it; nil: it is not there.
    public let serial: String?
    /// Only where this person may have it.
    public let token: InventoryToken?

    public init(_ standing: Standing, serial: String? = nil, token: InventoryToken? = nil) {
        self.standing = standing
        self.serial = serial
        self.token = token
    }

    /// Not in the inventory.
    public static let unknown = FoundToken(.unknown)
}

/// Hardware OATH tokens: a key fob from the organisation's inventory that shows time-based codes (RFC 6238).
///
/// A fob's clock runs away by some minutes a year and cannot be set. So activation looks for the code ten minutes to either side and keeps
/// by how many steps the clock differs; each right code corrects that (RFC 6238 section 6).
public enum HardwareToken: AuthenticationMethod {
    public static let traits = MethodTraits(
        .hardwareToken, icon: "token",
        capabilities: [CapabilityTraits(.hardwareCode, .typedCode, signIn: .counts, reset: .counts, change: .counts)],
        group: .token, strength: 3, limitGroup: "apps", limit: 5)

    /// Steps to either side of the clock that the token is known to have.
    static let window = 2

    public static func beginEnrolment(_ state: EnrolmentState, _ context: MethodContext) -> EnrolmentStep {
        EnrolmentStep(state, prompt(state, context))
    }

    /// Compared with where there is no token, so that the answer takes as long.
    private static let nobodys = TOTP(secret: Secret(bytes: [UInt8](repeating: 0, count: 20)))

    /// The serial number names the inventory's entry, which the shell looks up: `answer.token`. The shell also counts the tries of a
    /// person and against a token, which outlive a registration.
    ///
    /// A serial number that nobody has, one that another has, and a wrong code are one answer: who is signed in could else find out which
    /// tokens there are. The log keeps which it was.
    public static func continueEnrolment(_ state: EnrolmentState, _ input: EnrolmentInput, _ context: MethodContext) -> EnrolmentStep {
        guard case .answer(let answer) = input else { return beginEnrolment(state, context) }
        var state = state
        state.typed = answer["serial"].trimmingSpaces()
        let prompt = prompt(state, context)
        func refused(_ refusal: Refusal) -> EnrolmentStep { EnrolmentStep(state, prompt, refusal: refusal) }
        if let refusal = incomplete(state, answer) { return refused(refusal) }
        state.triesLeft -= 1
        let found = answer.token ?? .unknown, drift = (found.token?.totp ?? nobodys)?.drift(Secret(answer.code), at: context.now)
        guard let token = found.token, let drift else {
            let why = found.token == nil ? found.standing.rawValue : "code-wrong"
            guard state.triesLeft > 0 else { return refused(Refusal(.codeTooMany, detail: why, field: "code")) }
            return refused(Refusal(.tokenMismatch, count: state.triesLeft, detail: why, field: "serial"))
        }
        let step = token.totp.step(at: context.now) + Int64(drift)
        let credential = NewCredential(
            method: .hardwareToken, capabilities: [.hardwareCode], verifiedBy: .hardwareCode,
            content: CredentialContent(label: token.serial, token: token), channelSource: "token:" + token.id, hint: "", spentStep: step,
            replaces: state.replaces, token: token.id, drift: drift)
        return EnrolmentStep(state, prompt, finished: credential)
    }

    /// Why nothing is compared: something is missing, or no try is left.
    public static func incomplete(_ state: EnrolmentState, _ answer: Answer) -> Refusal? {
        if answer["serial"].trimmingSpaces().isEmpty { return Refusal(.serialEmpty).about("serial") }
        if answer.code.trimmingSpaces().isEmpty { return Refusal(.codeEmpty).about("code") }
        return state.triesLeft > 0 ? nil : Refusal(.codeTooMany).about("code")
    }

    public static func prompt(_ state: EnrolmentState, _ context: MethodContext) -> Prompt { .token(serial: state.typed ?? "") }

    public static func verify(_ state: ChallengeState, _ answer: Answer, _ credential: OpenCredential, _ context: MethodContext)
        -> Verification
    {
        guard let totp = credential.content.token?.totp else { return .wrong }
        let here = totp.step(at: context.now), shifted = context.now + .seconds(credential.drift * totp.period)
        return switch totp.matchingStep(Secret(answer.code), at: shifted, window: window, after: credential.spentStep) {
        case .step(let step): .right(.driftingStep(credential.credential.id, step, drift: Int(step - here)))
        case .alreadySpent: .alreadySpent
        case .wrong: .wrong
        }
    }
}
