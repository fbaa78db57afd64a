/// The mobile phone: one number that takes texts and calls, proven by either.
public enum MobilePhone: AuthenticationMethod {
    public static let traits = MethodTraits(
        .mobilePhone, icon: "phone",
        capabilities: [
            CapabilityTraits(.text, .sentCode(.text), signIn: .counts, reset: .counts, change: .counts, offeredUnconfirmed: true),
            CapabilityTraits(.call, .answeredCall, signIn: .counts, reset: .counts, change: .counts, offeredUnconfirmed: true),
        ],
        group: .phone, strength: 4, change: .owner, inWizard: true, onPhone: true)

    /// Digits of a texted code.
    static let digits = 6
    /// Life of a texted code.
    static let life = Span.minutes(5)

    public static func beginEnrolment(_ state: EnrolmentState, _ context: MethodContext) -> EnrolmentStep {
        EnrolmentStep(state, prompt(state, context))
    }

    public static func continueEnrolment(_ state: EnrolmentState, _ input: EnrolmentInput, _ context: MethodContext) -> EnrolmentStep {
        switch input {
        case .phone(let typed, let region, let by):
            return take(state, typed, region, by, context)
        case .email:
            return EnrolmentStep(state, prompt(state, context))
        case .answer:
            return state.approvals == nil ? EnrolmentStep(state, prompt(state, context)) : pressed(state, context)
        case .changeContact:
            var state = state
            state.forgetPhone()
            return EnrolmentStep(state, prompt(state, context))
        case .sendAgain:
            guard let phone = state.phone else { return EnrolmentStep(state, prompt(state, context)) }
            return state.approvals == nil ? send(state, context) : call(state, phone, context)
        case .code(let typed):
            return state.approvals == nil ? answer(state, typed, context) : pressed(state, context)
        }
    }

    public static func prompt(_ state: EnrolmentState, _ context: MethodContext) -> Prompt {
        if let calling = Calls.prompt(state.approvals, number: state.dialled, context) { return calling }
        guard let phone = state.phone, let code = state.code else { return .phone(region: state.region, typed: state.typed ?? "") }
        return .code(length: digits, sentTo: phone.e164, until: code.until, canSendAgain: code.canSendAgain && state.triesLeft > 0)
    }

    public static func beginChallenge(
        _ state: ChallengeState, _ credential: OpenCredential, _ context: MethodContext
    ) -> (state: ChallengeState, message: CodeMessage?) {
        guard state.use.capability == .text else { return Calls.beginChallenge(state, credential, context) }
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
        guard state.use.capability == .text else { return Calls.verify(state.approvals, context) }
        return state.code?.verify(answer.code, binding: credential.credential.id.text, context) ?? .wrong
    }

    public static func challengePrompt(_ state: ChallengeState, _ credential: OpenCredential, _ context: MethodContext) -> Prompt {
        if state.use.capability != .text { return Calls.prompt(state.approvals, context) ?? .phone(region: nil, typed: "") }
        return .code(
            length: digits, sentTo: nil, until: state.code?.until,
            canSendAgain: state.code?.canSendAgain == true && state.triesLeft > 0)
    }

    public static func incomplete(_ state: ChallengeState, _ answer: Answer) -> Refusal? {
        state.use.capability == .text && answer.code.trimmingSpaces().isEmpty ? Refusal(.codeEmpty) : nil
    }

    private static func take(
        _ state: EnrolmentState, _ typed: String, _ region: String, _ by: Capability?, _ context: MethodContext
    ) -> EnrolmentStep {
        var state = state
        state.typed = typed
        state.region = region
        let refused = { (refusal: Refusal) in EnrolmentStep(state, .phone(region: region, typed: typed), refusal: refusal) }
        if way(by, context) == .call {
            switch context.readCalled(typed, region, false) {
            case .failure(let refusal): return refused(refusal)
            case .success(let dialled): return call(state, dialled.number, context)
            }
        }
        switch context.readPhone(typed, region) {
        case .failure(let refusal): return refused(refusal)
        case .success(let phone):
            guard context.isCountryOpen(phone) else { return refused(Refusal(.phoneCountryClosed)) }
            if context.isLandline(phone), context.ways?.contains(.call) == true { return refused(Refusal(.phoneLandline)) }
            if state.phone != phone || state.code == nil { state.code = state.code ?? CodeState() }
            state.phone = phone
            return send(state, context)
        }
    }

    /// How a number is proven: as its owner chose, as far as that is open; by text where both are and nobody chose.
    private static func way(_ wanted: Capability?, _ context: MethodContext) -> Capability {
        guard let open = context.ways, open.contains(.call) else { return wanted == .call && context.ways == nil ? .call : .text }
        return open.contains(.text) ? wanted ?? .text : .call
    }

    private static func call(_ state: EnrolmentState, _ phone: PhoneNumber, _ context: MethodContext) -> EnrolmentStep {
        var state = state
        state.phone = phone
        guard let message = Calls.place(DialledNumber(phone), .call, of: nil, &state.approvals, .change, context) else {
            return EnrolmentStep(state, prompt(state, context), refusal: Refusal(.callTooMany))
        }
        return EnrolmentStep(state, prompt(state, context), message: message)
    }

    private static func pressed(_ state: EnrolmentState, _ context: MethodContext) -> EnrolmentStep {
        guard let phone = state.phone else { return EnrolmentStep(state, prompt(state, context)) }
        switch Calls.verify(state.approvals, context) {
        case .right(let claim, _):
            let finished = credential(phone, by: .call, state, claim: claim, context)
            return EnrolmentStep(state, prompt(state, context), finished: finished)
        case .undecided(let refusal): return EnrolmentStep(state, prompt(state, context), refusal: refusal)
        case .wrong, .alreadySpent, .expired, .refused: return EnrolmentStep(state, prompt(state, context), refusal: Refusal(.callLate))
        }
    }

    /// Either proof makes a phone that can do both, but for a landline that was called.
    private static func credential(
        _ phone: PhoneNumber, by capability: Capability, _ state: EnrolmentState, claim: Claim? = nil, _ context: MethodContext
    ) -> NewCredential {
        NewCredential(
            method: .mobilePhone, capabilities: capability == .call && context.isLandline(phone) ? [.call] : [.text, .call],
            verifiedBy: capability, content: CredentialContent(phone: phone), channelSource: "tel:" + phone.e164, hint: phone.lastTwo,
            replaces: state.replaces, confirms: state.confirms, claim: claim)
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
            return EnrolmentStep(state, prompt(state, context), finished: credential(phone, by: .text, state, context))
        case .expired:
            return EnrolmentStep(state, prompt(state, context), refusal: Refusal(.codeExpired))
        case .wrong, .alreadySpent, .undecided, .refused:
            return EnrolmentStep(state, prompt(state, context), refusal: state.refusalOfWrong)
        }
    }
}
