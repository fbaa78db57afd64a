/// A pass that an administrator makes: it signs in and opens registration for a while, then it is gone.
public enum TemporaryAccessPass: AuthenticationMethod {
    public static let traits = MethodTraits(
        .temporaryAccessPass, icon: "pass",
        capabilities: [CapabilityTraits(.temporaryAccessPass, .typedCode, signIn: .offeredOnly, reset: .never, change: .counts)],
        group: nil, strength: 18, add: .administrator, counted: false)

    /// The keyed hash of a pass, however it was typed.
    public static func hash(_ typed: String, _ context: MethodContext) -> String {
        context.keyedHash("pass:" + (ReadableCode.normalise(typed) ?? ""))
    }

    public static func beginEnrolment(_ state: EnrolmentState, _ context: MethodContext) -> EnrolmentStep {
        EnrolmentStep(state, prompt(state, context))
    }

    public static func continueEnrolment(_ state: EnrolmentState, _ input: EnrolmentInput, _ context: MethodContext) -> EnrolmentStep {
        EnrolmentStep(state, prompt(state, context))
    }

    public static func prompt(_ state: EnrolmentState, _ context: MethodContext) -> Prompt {
        .code(length: 8, sentTo: nil, until: nil, canSendAgain: false)
    }

    public static func verify(_ state: ChallengeState, _ answer: Answer, _ credential: OpenCredential, _ context: MethodContext)
        -> Verification
    {
        .right(.pass(credential.credential.id, hash: hash(answer.code, context)))
    }
}
