/// Where a call stands, as its page shows it.
public struct Calling: Hashable, Sendable {
    public let stage: ApprovalStage
    public let askedAt: Moment
    public let until: Moment
    public let canAskAgain: Bool
    /// The number in full, while it is being registered; else it is masked by whoever makes the page.
    public let number: DialledNumber?

    public init(stage: ApprovalStage, askedAt: Moment, until: Moment, canAskAgain: Bool, number: DialledNumber? = nil) {
        self.stage = stage
        self.askedAt = askedAt
        self.until = until
        self.canAskAgain = canAskAgain
        self.number = number
    }
}

/// What every method shares that is proven by a call: one key approves, and nothing is typed.
enum Calls {
    /// Places a call, for a challenge or a registration.
    ///
    /// - Returns: nil when there were too many.
    static func place(
        _ dialled: DialledNumber, _ capability: Capability, of credential: CredentialID?, _ state: inout ApprovalState?, _ purpose: Purpose,
        _ context: MethodContext
    ) -> CodeMessage? {
        var approvals = state ?? ApprovalState()
        guard approvals.canAskAgain else { return nil }
        let (handle, id) = approvals.ask(context)
        state = approvals
        return CodeMessage(
            channel: .call(dialled), code: handle, notAfter: context.now + Approval.callWithin, purpose: purpose,
            approval: ApprovalDraft(id: id, capability: capability, credential: credential, until: context.now + Approval.life))
    }

    /// What the page says of the newest call.
    static func prompt(_ state: ApprovalState?, number: DialledNumber? = nil, _ context: MethodContext) -> Prompt? {
        guard let state, let asked = state.current else { return nil }
        let known = context.approval.flatMap { $0.id == asked.id ? $0 : nil }
        return .call(
            Calling(
                stage: known?.stage(at: context.now) ?? .waiting(.queued), askedAt: asked.at, until: asked.until,
                canAskAgain: state.canAskAgain, number: number))
    }

    /// Whether the newest call was answered with the right key. Nothing was typed, so no answer costs a try.
    static func verify(_ state: ApprovalState?, _ context: MethodContext) -> Verification {
        guard let asked = state?.current, let approval = context.approval, approval.id == asked.id else {
            return .undecided(Refusal(.callPending))
        }
        switch approval.stage(at: context.now) {
        case .approved:
            return approval.isSpent || context.now >= approval.until
                ? .undecided(Refusal(.callLate)) : .right(.approval(approval.id))
        case .waiting: return .undecided(Refusal(.callPending))
        case .denied, .fraud: return .undecided(Refusal(.callReported))
        case .failed(let failure): return .undecided(Refusal(failure.refusal))
        }
    }

    static func beginChallenge(
        _ state: ChallengeState, _ credential: OpenCredential, _ context: MethodContext
    ) -> (state: ChallengeState, message: CodeMessage?) {
        guard let dialled = credential.content.dialled else { return (state, nil) }
        var state = state
        let message = place(
            dialled, state.use.capability, of: credential.credential.id, &state.approvals, state.purpose, context)
        return (state, message)
    }
}

/// A method that is nothing but a number which is called: its registration from the typed number to the pressed key.
protocol CalledMethod: AuthenticationMethod {
    static var kind: MethodKind { get }
    static var capability: Capability { get }
    /// Whether an extension may stand behind the number.
    static var takesExtension: Bool { get }
}

extension CalledMethod {
    public static func beginEnrolment(_ state: EnrolmentState, _ context: MethodContext) -> EnrolmentStep {
        EnrolmentStep(state, prompt(state, context))
    }

    public static func continueEnrolment(_ state: EnrolmentState, _ input: EnrolmentInput, _ context: MethodContext) -> EnrolmentStep {
        switch input {
        case .phone(let typed, let region, _): return take(state, typed, region, context)
        case .sendAgain: return call(state, context)
        case .changeContact:
            var state = state
            state.forgetPhone()
            return EnrolmentStep(state, prompt(state, context))
        case .code, .answer: return answer(state, context)
        case .email: return EnrolmentStep(state, prompt(state, context))
        }
    }

    public static func prompt(_ state: EnrolmentState, _ context: MethodContext) -> Prompt {
        Calls.prompt(state.approvals, number: state.dialled, context) ?? .phone(region: state.region, typed: state.typed ?? "")
    }

    public static func beginChallenge(
        _ state: ChallengeState, _ credential: OpenCredential, _ context: MethodContext
    ) -> (state: ChallengeState, message: CodeMessage?) { Calls.beginChallenge(state, credential, context) }

    public static func challengePrompt(_ state: ChallengeState, _ credential: OpenCredential, _ context: MethodContext) -> Prompt {
        Calls.prompt(state.approvals, context) ?? .phone(region: nil, typed: "")
    }

    public static func incomplete(_ state: ChallengeState, _ answer: Answer) -> Refusal? { nil }

    public static func verify(_ state: ChallengeState, _ answer: Answer, _ credential: OpenCredential, _ context: MethodContext)
        -> Verification
    { Calls.verify(state.approvals, context) }

    private static func take(_ state: EnrolmentState, _ typed: String, _ region: String, _ context: MethodContext) -> EnrolmentStep {
        var state = state
        state.typed = typed
        state.region = region
        switch context.readCalled(typed, region, takesExtension) {
        case .failure(let refusal):
            return EnrolmentStep(state, .phone(region: region, typed: typed), refusal: refusal)
        case .success(let dialled):
            state.phone = dialled.number
            state.extension = dialled.extension
            return call(state, context)
        }
    }

    private static func call(_ state: EnrolmentState, _ context: MethodContext) -> EnrolmentStep {
        guard let dialled = state.dialled else { return EnrolmentStep(state, prompt(state, context)) }
        var state = state
        guard let message = Calls.place(dialled, capability, of: nil, &state.approvals, .change, context) else {
            return EnrolmentStep(state, prompt(state, context), refusal: Refusal(.callTooMany))
        }
        return EnrolmentStep(state, prompt(state, context), message: message)
    }

    private static func answer(_ state: EnrolmentState, _ context: MethodContext) -> EnrolmentStep {
        guard let dialled = state.dialled else { return EnrolmentStep(state, prompt(state, context)) }
        switch Calls.verify(state.approvals, context) {
        case .right(let claim, _):
            let new = NewCredential(
                method: kind, capabilities: [capability], verifiedBy: capability,
                content: CredentialContent(phone: dialled.number, extension: dialled.extension),
                channelSource: dialled.channelSource, hint: dialled.lastTwo, replaces: state.replaces, confirms: state.confirms,
                claim: claim)
            return EnrolmentStep(state, prompt(state, context), finished: new)
        case .undecided(let refusal): return EnrolmentStep(state, prompt(state, context), refusal: refusal)
        case .wrong, .alreadySpent, .expired, .refused: return EnrolmentStep(state, prompt(state, context), refusal: Refusal(.callLate))
        }
    }
}

extension CredentialContent {
    /// The number with what is dialled behind it.
    public var dialled: DialledNumber? { phone.flatMap { DialledNumber($0, extension: self.extension) } }
}

extension EnrolmentState {
    /// The number that is called.
    var dialled: DialledNumber? { phone.flatMap { DialledNumber($0, extension: self.extension) } }

    /// Something is on its way to the person, or was.
    public var isUnderWay: Bool { code != nil || approvals?.current != nil }

    /// Another number begins with calls, codes and tries of its own.
    mutating func forgetPhone() {
        phone = nil
        self.extension = nil
        approvals = nil
        forgetCodes()
    }
}

extension ChallengeState {
    /// Something went to the person, or rings there.
    public var isUnderWay: Bool { code != nil || approvals?.current != nil }

    /// Until when the newest of it is good.
    public var until: Moment? { code?.until ?? approvals?.current?.until }

    /// How often something was sent.
    public var sends: Int { (code?.sent.count ?? 0) + (approvals?.asked.count ?? 0) }
}

extension ApprovalFailure {
    /// The sentence that names it.
    public var refusal: Refusal.Code {
        switch self {
        case .busy: .callBusy
        case .noAnswer: .callNoAnswer
        case .unreachable: .callUnreachable
        case .machine: .callMachine
        case .noKey: .callNoKey
        case .wrongKey: .callWrongKey
        case .tooLate, .replaced, .wrongNumber: .callLate
        }
    }
}
