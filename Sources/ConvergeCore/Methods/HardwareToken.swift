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

    /// The serial number names the inventory's entry, which the shell looks up: `answer.token`.
    public static func continueEnrolment(_ state: EnrolmentState, _ input: EnrolmentInput, _ context: MethodContext) -> EnrolmentStep {
        guard case .answer(let answer) = input else { return beginEnrolment(state, context) }
        var state = state
        state.typed = answer["serial"].trimmingSpaces()
        let prompt = prompt(state, context)
        func refused(_ refusal: Refusal) -> EnrolmentStep { EnrolmentStep(state, prompt, refusal: refusal) }
        guard state.typed?.isEmpty == false else { return refused(Refusal(.serialEmpty).about("serial")) }
        guard !answer.code.trimmingSpaces().isEmpty else { return refused(Refusal(.codeEmpty).about("code")) }
        guard state.triesLeft > 0 else { return refused(Refusal(.codeTooMany).about("code")) }
        state.triesLeft -= 1
        guard let token = answer.token else { return refused(Refusal(.serialUnknown).about("serial")) }
        guard let drift = token.totp.drift(Secret(answer.code), at: context.now) else {
            return refused(state.refusalOfWrong.about("code"))
        }
        let step = token.totp.step(at: context.now) + Int64(drift)
        let credential = NewCredential(
            method: .hardwareToken, capabilities: [.hardwareCode], verifiedBy: .hardwareCode,
            content: CredentialContent(label: token.serial, token: token), channelSource: "token:" + token.id, hint: "", spentStep: step,
            replaces: state.replaces, token: token.id, drift: drift)
        return EnrolmentStep(state, prompt, finished: credential)
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
