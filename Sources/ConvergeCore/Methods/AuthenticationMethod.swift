/// A method: a few functions over values. No HTTP, no SQL, no clock.
public protocol AuthenticationMethod: Sendable {
    static var traits: MethodTraits { get }
    /// What of its capabilities this release can register and verify; by default all.
    static var implements: Set<Capability> { get }

    /// Starts a registration.
    static func beginEnrolment(_ state: EnrolmentState, _ context: MethodContext) -> EnrolmentStep
    /// Takes the next input of a registration.
    static func continueEnrolment(_ state: EnrolmentState, _ input: EnrolmentInput, _ context: MethodContext) -> EnrolmentStep
    /// Shows where a registration stands, without changing it (reload, back button, another node).
    static func prompt(_ state: EnrolmentState, _ context: MethodContext) -> Prompt
    /// Starts a challenge; a message is an effect to be carried out by the shell.
    static func beginChallenge(
        _ state: ChallengeState, _ credential: OpenCredential, _ context: MethodContext
    ) -> (state: ChallengeState, message: CodeMessage?)
    /// What the page of a challenge asks for, without changing it; by default one code.
    static func challengePrompt(_ state: ChallengeState, _ credential: OpenCredential, _ context: MethodContext) -> Prompt
    /// Why an answer is none at all: it costs no try. By default an empty code.
    static func incomplete(_ state: ChallengeState, _ answer: Answer) -> Refusal?
    /// What has to be hashed before an input of a registration is taken; by default nothing.
    static func slowWork(_ state: EnrolmentState, _ input: EnrolmentInput, _ context: MethodContext) -> [SlowJob]
    /// What has to be hashed before an answer is compared; by default nothing.
    static func slowWork(
        _ state: ChallengeState, _ answer: Answer, _ credential: OpenCredential, _ context: MethodContext
    ) -> [SlowJob]
    /// What a challenge is after a wrong answer; by default the same.
    static func afterWrong(_ state: ChallengeState, _ credential: OpenCredential, _ context: MethodContext) -> ChallengeState
    /// Compares an answer. Tries are counted by the caller, before.
    static func verify(_ state: ChallengeState, _ answer: Answer, _ credential: OpenCredential, _ context: MethodContext) -> Verification
}

extension AuthenticationMethod {
    public static var implements: Set<Capability> { Set(traits.capabilities.map(\.capability)) }

    public static func beginChallenge(
        _ state: ChallengeState, _ credential: OpenCredential, _ context: MethodContext
    ) -> (state: ChallengeState, message: CodeMessage?) { (state, nil) }

    public static func challengePrompt(_ state: ChallengeState, _ credential: OpenCredential, _ context: MethodContext) -> Prompt {
        .code(
            length: ResetMachine.codeDigits(state.use.capability), sentTo: nil, until: state.code?.until,
            canSendAgain: state.code?.canSendAgain == true && state.triesLeft > 0)
    }

    public static func slowWork(_ state: EnrolmentState, _ input: EnrolmentInput, _ context: MethodContext) -> [SlowJob] { [] }

    public static func slowWork(
        _ state: ChallengeState, _ answer: Answer, _ credential: OpenCredential, _ context: MethodContext
    ) -> [SlowJob] { [] }

    public static func afterWrong(_ state: ChallengeState, _ credential: OpenCredential, _ context: MethodContext) -> ChallengeState {
        state
    }

    public static func incomplete(_ state: ChallengeState, _ answer: Answer) -> Refusal? {
        answer.code.trimmingSpaces().isEmpty ? Refusal(.codeEmpty) : nil
    }
}
