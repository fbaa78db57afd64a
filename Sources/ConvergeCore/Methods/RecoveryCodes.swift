/// Ten codes on paper, each good once. They sign in, but never count for a plan or a requirement.
public enum RecoveryCodes: AuthenticationMethod {
    public static let traits = MethodTraits(
        .recoveryCodes, icon: "codes",
        capabilities: [
            CapabilityTraits(
                .recoveryCode, .typedCode, signIn: .offeredOnly, reset: .offeredOnly, change: .counts,
                conditions: [.reset: [.resetSetting(.recoveryCode), .twoGates]])
        ],
        group: .recovery, strength: 19)

    /// How many codes a set has.
    public static let count = 10

    /// A fresh set, as shown once.
    public static func make(_ context: MethodContext) -> [ReadableCode] {
        ReadableCode.recoveryCodes(count, random: context.random(count * ReadableCodeShape.recoveryCode.lengths.upperBound)) ?? []
    }

    /// The keyed hash of a code, however it was typed.
    public static func hash(_ typed: String, _ context: MethodContext) -> String {
        context.keyedHash("recovery:" + (ReadableCode.normalise(typed) ?? ""))
    }

    public static func beginEnrolment(_ state: EnrolmentState, _ context: MethodContext) -> EnrolmentStep {
        EnrolmentStep(state, prompt(state, context))
    }

    public static func continueEnrolment(_ state: EnrolmentState, _ input: EnrolmentInput, _ context: MethodContext) -> EnrolmentStep {
        EnrolmentStep(state, prompt(state, context))
    }

    public static func prompt(_ state: EnrolmentState, _ context: MethodContext) -> Prompt {
        .code(length: ReadableCodeShape.recoveryCode.lengths.upperBound, sentTo: nil, until: nil, canSendAgain: false)
    }

    public static func verify(_ state: ChallengeState, _ answer: Answer, _ credential: OpenCredential, _ context: MethodContext)
        -> Verification
    {
        .right(.recoveryCode(credential.credential.id, hash: hash(answer.code, context)))
    }
}
