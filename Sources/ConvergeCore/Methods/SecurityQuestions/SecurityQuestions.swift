/// Security questions: a second gate of a reset, for people without an administrator role. Never alone, never at sign-in.
///
/// Answers are easily guessed by whoever knows the person. So a whole round is judged at once and a wrong one is drawn anew, what is
/// kept is a slow hash of each answer with a pepper, and nobody but the person ever sees which questions were chosen.
public enum SecurityQuestions: AuthenticationMethod {
    public static let traits = MethodTraits(
        .securityQuestions, icon: "questions",
        capabilities: [
            CapabilityTraits(
                .securityQuestions, .answers, signIn: .never, reset: .counts, change: .never,
                conditions: [.reset: [.twoGates, .secondGateOnly, .notAdministrator]], needsFullSet: true)
        ],
        group: .questions, strength: 8, inWizard: true)

    // MARK: registering

    public static func beginEnrolment(_ state: EnrolmentState, _ context: MethodContext) -> EnrolmentStep {
        EnrolmentStep(state, prompt(state, context))
    }

    public static func continueEnrolment(_ state: EnrolmentState, _ input: EnrolmentInput, _ context: MethodContext) -> EnrolmentStep {
        guard case .answer(let answer) = input else { return beginEnrolment(state, context) }
        var state = state
        let chosen = read(answer, context.settings.questions)
        state.answers = chosen
        if let refusal = refusal(chosen) { return EnrolmentStep(state, prompt(state, context), refusal: refusal) }
        let hashed = chosen.compactMap { one -> HashedAnswer? in
            guard let question = one.question, let hash = answer.slow.hash(of: peppered(one.answer.text, context)) else { return nil }
            return HashedAnswer(question: question, hash: hash)
        }
        // Whoever hashes looks at what was typed before the transaction; the rules may have moved since.
        guard hashed.count == chosen.count else {
            return EnrolmentStep(state, prompt(state, context), refusal: Refusal(.changedElsewhere))
        }
        state.answers = nil
        let credential = NewCredential(
            method: .securityQuestions, capabilities: [.securityQuestions], verifiedBy: .securityQuestions,
            content: CredentialContent(answers: hashed), channelSource: "questions:\(hashed.map(\.hash).joined())", hint: "",
            replaces: state.replaces, remaining: hashed.count)
        return EnrolmentStep(state, prompt(state, context), finished: credential)
    }

    public static func prompt(_ state: EnrolmentState, _ context: MethodContext) -> Prompt {
        let settings = context.settings.questions
        let blank = ChosenAnswer(question: nil, answer: Secret(""))
        let typed = state.answers ?? []
        let chosen = (0..<settings.toRegister).map { typed.indices.contains($0) ? typed[$0] : blank }
        return .chooseQuestions(pool: SecurityQuestion.pool(settings), chosen: chosen)
    }

    public static func slowWork(_ state: EnrolmentState, _ input: EnrolmentInput, _ context: MethodContext) -> [SlowJob] {
        guard case .answer(let answer) = input else { return [] }
        let chosen = read(answer, context.settings.questions)
        return refusal(chosen) == nil ? chosen.map { .hash(peppered($0.answer.text, context)) } : []
    }

    private static func read(_ answer: Answer, _ settings: QuestionPolicy) -> [ChosenAnswer] {
        let pool = SecurityQuestion.pool(settings)
        return (1...settings.toRegister).map { number in
            let value = answer["question-\(number)"]
            return ChosenAnswer(question: pool.first { $0.formValue == value }, answer: Secret(answer["answer-\(number)"]))
        }
    }

    /// What is wrong with a set, with the field that it is about.
    private static func refusal(_ chosen: [ChosenAnswer]) -> Refusal? {
        var questions: Set<SecurityQuestion> = [], answers: Set<String> = []
        for (index, one) in chosen.enumerated() {
            let number = index + 1
            guard let question = one.question else { return Refusal(.questionEmpty).about("question-\(number)") }
            guard questions.insert(question).inserted else { return Refusal(.questionTwice).about("question-\(number)") }
            if let refusal = AnswerText.refusal(one.answer.text) { return refusal.about("answer-\(number)") }
            guard answers.insert(AnswerText.normalised(one.answer.text)).inserted else {
                return Refusal(.answerTwice).about("answer-\(number)")
            }
        }
        return nil
    }

    // MARK: answering

    /// Draws the questions of a round.
    public static func beginChallenge(
        _ state: ChallengeState, _ credential: OpenCredential, _ context: MethodContext
    ) -> (state: ChallengeState, message: CodeMessage?) {
        var state = state
        if state.drawn == nil { state.drawn = draw(credential, context) }
        return (state, nil)
    }

    /// A wrong round is drawn anew, so that nobody tries one question after the other.
    public static func afterWrong(_ state: ChallengeState, _ credential: OpenCredential, _ context: MethodContext) -> ChallengeState {
        var state = state
        state.drawn = draw(credential, context)
        return state
    }

    public static func challengePrompt(_ state: ChallengeState, _ credential: OpenCredential, _ context: MethodContext) -> Prompt {
        .questions(state.drawn ?? [])
    }

    public static func incomplete(_ state: ChallengeState, _ answer: Answer) -> Refusal? {
        for number in 1...max(1, state.drawn?.count ?? 0) {
            let typed = answer["answer-\(number)"]
            if typed.trimmingSpaces().isEmpty { return Refusal(.answerEmpty).about("answer-\(number)") }
            if typed.count > AnswerText.longest {
                return Refusal(.answerTooLong, count: AnswerText.longest).about("answer-\(number)")
            }
        }
        return nil
    }

    public static func slowWork(
        _ state: ChallengeState, _ answer: Answer, _ credential: OpenCredential, _ context: MethodContext
    ) -> [SlowJob] {
        guard incomplete(state, answer) == nil else { return [] }
        return pairs(state, answer, credential, context).map { .compare($0, phc: $1) }
    }

    public static func verify(_ state: ChallengeState, _ answer: Answer, _ credential: OpenCredential, _ context: MethodContext)
        -> Verification
    {
        let pairs = pairs(state, answer, credential, context)
        guard let drawn = state.drawn, !drawn.isEmpty, pairs.count == drawn.count else { return .wrong }
        // All are looked at, whatever the first ones give.
        let right = pairs.map { answer.slow.matches($0, phc: $1) }
        return right.allSatisfy { $0 } ? .right(nil) : .wrong
    }

    private static func pairs(
        _ state: ChallengeState, _ answer: Answer, _ credential: OpenCredential, _ context: MethodContext
    ) -> [(Secret, phc: String)] {
        (state.drawn ?? []).enumerated().compactMap { index, question in
            guard let kept = credential.content.answers?.first(where: { $0.question == question }) else { return nil }
            return (peppered(answer["answer-\(index + 1)"], context), kept.hash)
        }
    }

    private static func draw(_ credential: OpenCredential, _ context: MethodContext) -> [SecurityQuestion] {
        var rest = (credential.content.answers ?? []).map(\.question), drawn: [SecurityQuestion] = []
        while drawn.count < context.settings.questions.toReset, !rest.isEmpty {
            drawn.append(rest.remove(at: randomIndex(below: rest.count, context)))
        }
        return drawn
    }

    /// Even for every index: bytes that would favour the first ones are thrown away.
    private static func randomIndex(below count: Int, _ context: MethodContext) -> Int {
        let fair = 256 - 256 % count
        while true {
            for byte in context.random(8) where Int(byte) < fair { return Int(byte) % count }
        }
    }

    /// What is hashed slowly: the normal form under the server's key, so that a stolen database alone cannot be searched.
    private static func peppered(_ typed: String, _ context: MethodContext) -> Secret {
        Secret(context.keyedHash("answer:" + AnswerText.normalised(typed)))
    }
}
