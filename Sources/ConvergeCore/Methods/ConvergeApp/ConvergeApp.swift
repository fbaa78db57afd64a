/// The Converge app: notification and code from one registration.
///
/// It is a page of this server, installed on a phone. A key that never leaves it signs approvals; a second key makes codes, without a
/// network too.
public enum ConvergeApp: AuthenticationMethod {
    public static let traits = MethodTraits(
        .convergeApp, icon: "app",
        capabilities: [
            CapabilityTraits(
                .appNotification, .approval, signIn: .counts, reset: .counts, change: .counts, conditions: [.reset: [.twoGates]]),
            TOTPApp.code,
        ],
        group: .app, strength: 1, limitGroup: "apps", limit: 5, inWizard: true, onPhone: true)

    /// How long an approval may be answered.
    public static let approvalLife = Span.seconds(60)

    // MARK: registration

    public static func beginEnrolment(_ state: EnrolmentState, _ context: MethodContext) -> EnrolmentStep {
        var state = state
        let secret = state.secret ?? Secret(bytes: context.random(TOTPApp.keyLength)), activation = AppActivation.make(context)
        (state.secret, state.activation, state.approvals) = (secret, activation, nil)
        var step = EnrolmentStep(state, prompt(state, context))
        step.offer = AppActivation.hash(activation.code.text, context.keyedHash).map {
            AppOffer(credential: activation.credential, codeHash: $0, secret: secret, until: activation.until)
        }
        return step
    }

    public static func continueEnrolment(_ state: EnrolmentState, _ input: EnrolmentInput, _ context: MethodContext) -> EnrolmentStep {
        switch input {
        case .changeContact: return beginEnrolment(state, context)
        case .sendAgain: return context.app == nil ? beginEnrolment(state, context) : ask(state, context)
        default: break
        }
        guard state.activation != nil else { return beginEnrolment(state, context) }
        guard let app = context.app else { return EnrolmentStep(state, prompt(state, context), refusal: Refusal(.appNotThere)) }
        guard state.approvals?.current != nil else { return ask(state, context) }
        return finish(state, app, context)
    }

    public static func prompt(_ state: EnrolmentState, _ context: MethodContext) -> Prompt {
        if let approving = approving(state.approvals, context) { return .approve(approving) }
        return .activate(
            Activating(
                code: state.activation?.code ?? Secret(""), shown: state.activation?.shown ?? "",
                until: state.activation?.until ?? context.now,
                isThere: context.app != nil))
    }

    /// The first approval, answered like every later one.
    private static func ask(_ state: EnrolmentState, _ context: MethodContext) -> EnrolmentStep {
        var state = state
        guard let activation = state.activation, let message = place(nil, only: activation.credential, &state.approvals, .change, context)
        else { return EnrolmentStep(state, prompt(state, context), refusal: Refusal(.approvalTooMany)) }
        return EnrolmentStep(state, prompt(state, context), message: message)
    }

    private static func finish(_ state: EnrolmentState, _ app: SeenApp, _ context: MethodContext) -> EnrolmentStep {
        guard let activation = state.activation, let secret = state.secret else { return beginEnrolment(state, context) }
        switch verify(state.approvals, by: activation.credential, context) {
        case .right(let claim, _):
            let new = NewCredential(
                method: .convergeApp, capabilities: [.appNotification, .appCode], verifiedBy: .appNotification,
                content: CredentialContent(secret: secret, label: app.label, appKey: app.key),
                channelSource: "app:" + Base32.encode(secret.bytes), hint: "", spentStep: app.step, replaces: state.replaces,
                confirms: state.confirms, claim: claim, id: activation.credential)
            return EnrolmentStep(state, prompt(state, context), finished: new)
        case .undecided(let refusal): return EnrolmentStep(state, prompt(state, context), refusal: refusal)
        case .wrong, .alreadySpent, .expired, .refused: return EnrolmentStep(state, prompt(state, context), refusal: Refusal(.approvalLate))
        }
    }

    // MARK: challenges

    public static func beginChallenge(
        _ state: ChallengeState, _ credential: OpenCredential, _ context: MethodContext
    ) -> (state: ChallengeState, message: CodeMessage?) {
        guard state.use.capability == .appNotification else { return (state, nil) }
        var state = state
        let message = place(credential.credential.id, only: nil, &state.approvals, state.purpose, context)
        return (state, message)
    }

    public static func challengePrompt(_ state: ChallengeState, _ credential: OpenCredential, _ context: MethodContext) -> Prompt {
        approving(state.approvals, context).map { .approve($0) } ?? TOTPApp.challengePrompt(state, credential, context)
    }

    public static func incomplete(_ state: ChallengeState, _ answer: Answer) -> Refusal? {
        state.use.capability == .appNotification ? nil : TOTPApp.incomplete(state, answer)
    }

    public static func verify(_ state: ChallengeState, _ answer: Answer, _ credential: OpenCredential, _ context: MethodContext)
        -> Verification
    {
        guard state.use.capability == .appNotification else { return TOTPApp.verify(state, answer, credential, context) }
        return verify(state.approvals, by: credential.credential.id, context)
    }

    /// Whether the newest approval was given, and by this very app: any app of the person may give it.
    private static func verify(_ state: ApprovalState?, by credential: CredentialID, _ context: MethodContext) -> Verification {
        guard let asked = state?.current, let approval = context.approval, approval.id == asked.id else {
            return .undecided(Refusal(.approvalPending))
        }
        switch approval.stage(at: context.now) {
        case .approved:
            guard approval.decidedBy == credential else { return .undecided(Refusal(.approvalPending)) }
            return approval.isSpent || context.now >= approval.until ? .undecided(Refusal(.approvalLate)) : .right(.approval(approval.id))
        case .waiting: return .undecided(Refusal(.approvalPending))
        case .denied: return .undecided(Refusal(.approvalDenied))
        case .fraud: return .undecided(Refusal(.approvalReported))
        case .failed(let failure): return .undecided(Refusal(failure.appRefusal))
        }
    }

    /// Asks the apps of the person.
    ///
    /// - Parameter only: the app that is being registered.
    /// - Returns: nil when it was asked too often.
    private static func place(
        _ credential: CredentialID?, only: CredentialID?, _ state: inout ApprovalState?, _ purpose: Purpose, _ context: MethodContext
    ) -> CodeMessage? {
        var approvals = state ?? ApprovalState()
        guard approvals.canAskAgain else { return nil }
        let (handle, id) = approvals.ask(context, life: approvalLife)
        state = approvals
        let until = context.now + approvalLife
        return CodeMessage(
            channel: .app(only: only), code: handle, notAfter: until, purpose: purpose,
            approval: ApprovalDraft(id: id, capability: .appNotification, credential: credential, until: until))
    }

    private static func approving(_ state: ApprovalState?, _ context: MethodContext) -> Approving? {
        guard let state, let asked = state.current else { return nil }
        let known = context.approval.flatMap { $0.id == asked.id ? $0 : nil }
        let stage = known?.stage(at: context.now) ?? (context.now < asked.until ? .waiting(.queued) : .failed(.tooLate))
        return Approving(
            stage: stage, number: NumberMatching.number(of: asked.id, context.keyedHash), askedAt: asked.at, until: asked.until,
            canAskAgain: state.canAskAgain)
    }
}

extension ApprovalFailure {
    /// The sentence that names it where an app was asked.
    public var appRefusal: Refusal.Code { self == .wrongNumber ? .approvalWrong : .approvalLate }
}
