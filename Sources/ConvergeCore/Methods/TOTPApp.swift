/// Any authenticator app that makes time-based codes: OATH TOTP (RFC 6238), SHA-1, 6 digits, 30 seconds.
public enum TOTPApp: AuthenticationMethod {
    static let code = CapabilityTraits(.appCode, .typedCode, signIn: .counts, reset: .counts, change: .counts)

    public static let traits = MethodTraits(
        .totpApp, icon: "app", capabilities: [code], group: .app, strength: 2, limitGroup: "apps", limit: 5, inWizard: true,
        onPhone: true)

    /// Bytes of a key: 160 bits, as RFC 4226 section 4 recommends.
    static let keyLength = 20

    public static func beginEnrolment(_ state: EnrolmentState, _ context: MethodContext) -> EnrolmentStep {
        var state = state
        if state.secret == nil { state.secret = Secret(bytes: context.random(keyLength)) }
        return EnrolmentStep(state, prompt(state, context))
    }

    public static func continueEnrolment(_ state: EnrolmentState, _ input: EnrolmentInput, _ context: MethodContext) -> EnrolmentStep {
        guard case .code(let typed) = input, let secret = state.secret, let totp = TOTP(secret: secret) else {
            return beginEnrolment(state, context)
        }
        let prompt = prompt(state, context)
        guard !typed.trimmingSpaces().isEmpty else { return EnrolmentStep(state, prompt, refusal: Refusal(.codeEmpty)) }
        switch totp.matchingStep(Secret(typed), at: context.now) {
        case .step(let step):
            return EnrolmentStep(state, prompt, finished: credential(state, secret, step))
        case .alreadySpent, .wrong:
            if let drift = totp.drift(Secret(typed), at: context.now) {
                return EnrolmentStep(state, prompt, refusal: Refusal(.codeClock, count: abs(drift) * totp.period))
            }
            return EnrolmentStep(state, prompt, refusal: Refusal(.codeMismatch))
        }
    }

    public static func prompt(_ state: EnrolmentState, _ context: MethodContext) -> Prompt {
        guard let totp = state.secret.flatMap({ TOTP(secret: $0) }),
            let uri = OtpauthURI(totp: totp, issuer: context.issuer, account: context.accountName)
        else { return .scan(uri: Secret(""), key: Secret("")) }
        return .scan(uri: uri.text, key: uri.keyInGroups)
    }

    public static func verify(_ state: ChallengeState, _ answer: Answer, _ credential: OpenCredential, _ context: MethodContext)
        -> Verification
    {
        guard let totp = credential.content.secret.flatMap({ TOTP(secret: $0) }) else { return .wrong }
        return switch totp.matchingStep(Secret(answer.code), at: context.now, after: credential.spentStep) {
        case .step(let step): .right(.step(credential.credential.id, step))
        case .alreadySpent: .alreadySpent
        case .wrong: .wrong
        }
    }

    private static func credential(_ state: EnrolmentState, _ secret: Secret, _ step: Int64) -> NewCredential {
        NewCredential(
            method: .totpApp, capabilities: [.appCode], verifiedBy: .appCode, content: CredentialContent(secret: secret),
            channelSource: "app:" + Base32.encode(secret.bytes), hint: "", spentStep: step,
            replaces: state.replaces, confirms: state.confirms)
    }
}
