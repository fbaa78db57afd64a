/// A mailbox outside the organisation, for password reset only.
public enum EmailMethod: AuthenticationMethod {
    public static let traits = MethodTraits(
        .email, icon: "mail",
        capabilities: [
            CapabilityTraits(
                .emailCode, .sentCode(.mail), signIn: .never, reset: .counts, change: .counts,
                conditions: [.change: [.nothingCountsForSignIn]], offeredUnconfirmed: true)
        ],
        group: .email, strength: 7, change: .owner, inWizard: true)

    /// Digits of a mailed code.
    static let digits = 8
    /// Life of a mailed code.
    static let life = Span.minutes(10)

    public static func beginEnrolment(_ state: EnrolmentState, _ context: MethodContext) -> EnrolmentStep {
        if state.email != nil, state.code == nil { return send(state, context) }
        return EnrolmentStep(state, prompt(state, context))
    }

    public static func continueEnrolment(_ state: EnrolmentState, _ input: EnrolmentInput, _ context: MethodContext) -> EnrolmentStep {
        switch input {
        case .email(let typed):
            return take(state, typed, context)
        case .phone, .answer:
            return EnrolmentStep(state, prompt(state, context))
        case .changeContact:
            var state = state
            state.email = nil
            state.forgetCodes()
            return EnrolmentStep(state, prompt(state, context))
        case .sendAgain:
            guard state.email != nil else { return EnrolmentStep(state, prompt(state, context)) }
            return send(state, context)
        case .code(let typed):
            return answer(state, typed, context)
        }
    }

    public static func prompt(_ state: EnrolmentState, _ context: MethodContext) -> Prompt {
        guard let email = state.email, let code = state.code else { return .email(typed: state.typed ?? "") }
        return .code(length: digits, sentTo: email.address, until: code.until, canSendAgain: code.canSendAgain && state.triesLeft > 0)
    }

    public static func beginChallenge(
        _ state: ChallengeState, _ credential: OpenCredential, _ context: MethodContext
    ) -> (state: ChallengeState, message: CodeMessage?) {
        guard let email = credential.content.email else { return (state, nil) }
        var state = state, codes = state.code ?? CodeState()
        guard codes.canSendAgain else { return (state, nil) }
        let made = codes.make(digits: digits, life: life, binding: credential.credential.id.text, context)
        state.code = codes
        return (state, CodeMessage(channel: .email(email), code: made.code, notAfter: made.notAfter, purpose: state.purpose))
    }

    public static func verify(_ state: ChallengeState, _ answer: Answer, _ credential: OpenCredential, _ context: MethodContext)
        -> Verification
    {
        state.code?.verify(answer.code, binding: credential.credential.id.text, context) ?? .wrong
    }

    private static func take(_ state: EnrolmentState, _ typed: String, _ context: MethodContext) -> EnrolmentStep {
        var state = state
        state.typed = typed
        guard !typed.trimmingSpaces().isEmpty else { return EnrolmentStep(state, .email(typed: typed), refusal: Refusal(.emailEmpty)) }
        guard let email = EmailAddress(typed) else { return EnrolmentStep(state, .email(typed: typed), refusal: Refusal(.emailWrong)) }
        guard !context.isOwnMailDomain(email.domain) else {
            return EnrolmentStep(state, .email(typed: typed), refusal: Refusal(.emailOwnDomain))
        }
        state.email = email
        return send(state, context)
    }

    private static func send(_ state: EnrolmentState, _ context: MethodContext) -> EnrolmentStep {
        guard let email = state.email else { return EnrolmentStep(state, prompt(state, context)) }
        var state = state, codes = state.code ?? CodeState()
        guard codes.canSendAgain, state.triesLeft > 0 else {
            return EnrolmentStep(state, prompt(state, context), refusal: Refusal(.sendTooMany))
        }
        let made = codes.make(digits: digits, life: life, binding: email.normalised, context)
        state.code = codes
        return EnrolmentStep(
            state, prompt(state, context),
            message: CodeMessage(channel: .email(email), code: made.code, notAfter: made.notAfter, purpose: .change))
    }

    private static func answer(_ state: EnrolmentState, _ typed: String, _ context: MethodContext) -> EnrolmentStep {
        guard let email = state.email, let code = state.code else { return EnrolmentStep(state, prompt(state, context)) }
        var state = state
        if let refusal = CodeState.spendTry(&state.triesLeft, typed) {
            return EnrolmentStep(state, prompt(state, context), refusal: refusal)
        }
        switch code.verify(typed, binding: email.normalised, context) {
        case .right:
            let credential = NewCredential(
                method: .email, capabilities: [.emailCode], verifiedBy: .emailCode, content: CredentialContent(email: email),
                channelSource: "mail:" + email.normalised, hint: email.masked,
                inOwnMailDomain: context.isOwnMailDomain(email.domain), replaces: state.replaces, confirms: state.confirms)
            return EnrolmentStep(state, prompt(state, context), finished: credential)
        case .expired:
            return EnrolmentStep(state, prompt(state, context), refusal: Refusal(.codeExpired))
        case .wrong, .alreadySpent, .undecided, .refused:
            return EnrolmentStep(state, prompt(state, context), refusal: state.refusalOfWrong)
        }
    }
}
