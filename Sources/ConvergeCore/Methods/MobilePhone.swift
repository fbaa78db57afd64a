/// The mobile phone: one number that takes texts and, where calls exist, calls.
public enum MobilePhone: AuthenticationMethod {
    public static let traits = MethodTraits(
        .mobilePhone, icon: "phone",
        capabilities: [
            CapabilityTraits(.text, .sentCode(.text), signIn: .counts, reset: .counts, change: .counts, offeredUnconfirmed: true),
            CapabilityTraits(.call, .answeredCall, signIn: .counts, reset: .counts, change: .counts, offeredUnconfirmed: true),
        ],
        group: .phone, strength: 4, change: .owner, inWizard: true, onPhone: true)

    public static let implements: Set<Capability> = [.text]

    /// Digits of a texted code.
    static let digits = 6
    /// Life of a texted code.
    static let life = Span.minutes(5)

    public static func beginEnrolment(_ state: EnrolmentState, _ context: MethodContext) -> EnrolmentStep {
        if state.phone != nil, state.code == nil { return send(state, context) }
        return EnrolmentStep(state, prompt(state, context))
    }

    public static func continueEnrolment(_ state: EnrolmentState, _ input: EnrolmentInput, _ context: MethodContext) -> EnrolmentStep {
        switch input {
        case .phone(let typed, let region):
            return take(state, typed, region, context)
        case .email, .answer:
            return EnrolmentStep(state, prompt(state, context))
        case .changeContact:
            var state = state
            state.phone = nil
            state.forgetCodes()
            return EnrolmentStep(state, prompt(state, context))
        case .sendAgain:
            guard state.phone != nil else { return EnrolmentStep(state, prompt(state, context)) }
            return send(state, context)
        case .code(let typed):
            return answer(state, typed, context)
        }
    }

    public static func prompt(_ state: EnrolmentState, _ context: MethodContext) -> Prompt {
        guard let phone = state.phone, let code = state.code else { return .phone(region: state.region, typed: state.typed ?? "") }
        return .code(length: digits, sentTo: phone.e164, until: code.until, canSendAgain: code.canSendAgain && state.triesLeft > 0)
    }

    public static func beginChallenge(
        _ state: ChallengeState, _ credential: OpenCredential, _ context: MethodContext
    ) -> (state: ChallengeState, message: CodeMessage?) {
        guard let phone = credential.content.phone else { return (state, nil) }
        var state = state, codes = state.code ?? CodeState()
        guard codes.canSendAgain else { return (state, nil) }
        let made = codes.make(digits: digits, life: life, binding: credential.credential.id.text, context)
        state.code = codes
        return (state, CodeMessage(channel: .text(phone), code: made.code, notAfter: made.notAfter, purpose: state.purpose))
    }

    public static func verify(_ state: ChallengeState, _ answer: Answer, _ credential: OpenCredential, _ context: MethodContext)
        -> Verification
    {
        state.code?.verify(answer.code, binding: credential.credential.id.text, context) ?? .wrong
    }

    private static func take(_ state: EnrolmentState, _ typed: String, _ region: String, _ context: MethodContext) -> EnrolmentStep {
        var state = state
        state.typed = typed
        state.region = region
        switch context.readPhone(typed, region) {
        case .failure(let refusal):
            return EnrolmentStep(state, .phone(region: region, typed: typed), refusal: refusal)
        case .success(let phone):
            guard context.isCountryOpen(phone) else {
                return EnrolmentStep(state, .phone(region: region, typed: typed), refusal: Refusal(.phoneCountryClosed))
            }
            if state.phone != phone || state.code == nil { state.code = state.code ?? CodeState() }
            state.phone = phone
            return send(state, context)
        }
    }

    private static func send(_ state: EnrolmentState, _ context: MethodContext) -> EnrolmentStep {
        guard let phone = state.phone else { return EnrolmentStep(state, prompt(state, context)) }
        var state = state, codes = state.code ?? CodeState()
        guard codes.canSendAgain, state.triesLeft > 0 else {
            return EnrolmentStep(state, prompt(state, context), refusal: Refusal(.sendTooMany))
        }
        let made = codes.make(digits: digits, life: life, binding: phone.e164, context)
        state.code = codes
        return EnrolmentStep(
            state, prompt(state, context),
            message: CodeMessage(channel: .text(phone), code: made.code, notAfter: made.notAfter, purpose: .change))
    }

    private static func answer(_ state: EnrolmentState, _ typed: String, _ context: MethodContext) -> EnrolmentStep {
        guard let phone = state.phone, let code = state.code else { return EnrolmentStep(state, prompt(state, context)) }
        var state = state
        if let refusal = CodeState.spendTry(&state.triesLeft, typed) {
            return EnrolmentStep(state, prompt(state, context), refusal: refusal)
        }
        switch code.verify(typed, binding: phone.e164, context) {
        case .right:
            let credential = NewCredential(
                method: .mobilePhone, capabilities: [.text, .call], verifiedBy: .text, content: CredentialContent(phone: phone),
                channelSource: "tel:" + phone.e164, hint: phone.lastTwo, replaces: state.replaces, confirms: state.confirms)
            return EnrolmentStep(state, prompt(state, context), finished: credential)
        case .expired:
            return EnrolmentStep(state, prompt(state, context), refusal: Refusal(.codeExpired))
        case .wrong, .alreadySpent, .refused:
            return EnrolmentStep(state, prompt(state, context), refusal: state.refusalOfWrong)
        }
    }
}
