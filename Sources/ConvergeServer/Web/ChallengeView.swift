import ConvergeCore

/// The page of a challenge: what its method asks for, with what stands around it. One place for sign-in, reset and fresh proof.
enum ChallengeView {
    /// - Parameter prompt: nil: one code, as for a contact that may be nobody's.
    static func page(_ capability: Capability, _ prompt: Prompt?, _ refusal: Refusal?, around: Around) -> any Page {
        var around = around
        switch prompt {
        case .code(let length, _, _, _):
            around.errors = refusal.map { [FieldError("code", $0)] } ?? []
            return CodePage(ask: CodePage.Ask(capability), around: around, digits: length)
        case .usePasskey(let request):
            around.errors = refusal.map { [FieldError(nil, $0)] } ?? []
            return PasskeyPage(ceremony: .use(request), around: around)
        case .questions(let questions):
            around.errors = refusal.map { [FieldError(nil, $0)] } ?? []
            return QuestionsPage(questions: questions, around: around)
        case .call(let calling):
            around.errors = refusal.map { [FieldError(nil, $0)] } ?? []
            around.since = calling.askedAt
            return CallPage(stage: calling.stage, around: around)
        case nil where MethodRegistry.traits(of: capability).manner == .answeredCall:
            around.errors = refusal.map { [FieldError(nil, $0)] } ?? []
            return CallPage(stage: nil, around: around)
        case .approve(let approving):
            around.errors = refusal.map { [FieldError(nil, $0)] } ?? []
            if !approving.canAskAgain { around.sendAgain = nil }
            return ApprovePage(approving: approving, around: around)
        case nil, .createPasskey, .chooseQuestions, .token, .scan, .phone, .email, .activate:
            return page(
                capability, .code(length: ResetMachine.codeDigits(capability), sentTo: nil, until: nil, canSendAgain: false), refusal,
                around: around)
        }
    }
}
