import ConvergeCore
import Testing

@Suite("Security questions")
struct SecurityQuestionsTests {
    private static let context = MethodContext(
        now: Moment(ms: 0), random: { count in (0..<count).map { _ in UInt8.random(in: 0...255) } }, keyedHash: { "keyed " + $0 },
        readPhone: { _, _ in .failure(Refusal(.phoneEmpty)) }, issuer: "Harbour Vale", accountName: "ada", host: "id.example")

    private static let typed = [
        "question-1": "first-pet", "answer-1": "Mr. Whiskers", "question-2": "first-car", "answer-2": "green Mini",
        "question-3": "soft-toy", "answer-3": "Bär",
    ]

    /// What a shell does between two transactions: "hashes" by writing the secret backwards.
    private static func hashed(_ jobs: [SlowJob]) -> SlowResults {
        var results = SlowResults()
        for job in jobs {
            switch job {
            case .hash(let secret): results.note(secret, hash: String(secret.text.reversed()))
            case .compare(let secret, let phc): if String(secret.text.reversed()) == phc { results.noteMatch(job) }
            }
        }
        return results
    }

    private static func enrol(_ fields: [String: String], _ context: MethodContext = context) -> EnrolmentStep {
        let state = EnrolmentState(method: .securityQuestions)
        let jobs = SecurityQuestions.slowWork(state, .answer(Answer(fields)), context)
        return SecurityQuestions.continueEnrolment(state, .answer(Answer(fields, slow: hashed(jobs))), context)
    }

    private static func registered() throws -> OpenCredential {
        let new = try #require(enrol(typed).finished)
        return OpenCredential(
            credential: Credential(
                id: CredentialID("q"), method: .securityQuestions, capabilities: new.capabilities, channel: "q", addedAt: Moment(ms: 0),
                remaining: new.remaining), content: new.content)
    }

    @Test(
        "capitals, width, spaces and punctuation make no difference, letters do",
        arguments: [
            ("Mr. Whiskers", "mr whiskers", true), ("  Straße 5", "STRASSE-5", true), ("ＡＢＣ", "abc", true), ("O’Neill", "oneill", true),
            ("Bär", "Ba\u{308}r", true), ("Bär", "Bar", false), ("ﬁsh", "FISH", true), ("e \u{301}cole", "école", true),
            ("red", "read", false),
        ])
    func normalForm(_ one: String, _ other: String, _ isSame: Bool) {
        #expect((AnswerText.normalised(one) == AnswerText.normalised(other)) == isSame)
    }

    @Test(
        "what cannot be an answer says why",
        arguments: [
            ("", Refusal.Code.answerEmpty), ("  ", .answerEmpty), ("ab", .answerTooShort), ("- a . b -", .answerTooShort),
            (String(repeating: "a", count: 101), .answerTooLong), (String(repeating: "a", count: 10_000), .answerTooLong),
        ])
    func refused(_ text: String, _ code: Refusal.Code) { #expect(AnswerText.refusal(text)?.code == code) }

    @Test("a set is kept as slow hashes of peppered answers, and as nothing else")
    func enrolment() throws {
        let step = Self.enrol(Self.typed), new = try #require(step.finished)
        #expect(new.content.answers?.count == 3 && new.remaining == 3 && step.state.answers == nil)
        #expect(new.content.answers?[0].hash == String("keyed answer:mrwhiskers".reversed()))
    }

    @Test(
        "no question and no answer twice, none left out; what was typed is kept",
        arguments: [
            (["question-2": "first-pet"], "question-2", Refusal.Code.questionTwice),
            (["question-1": "nothing"], "question-1", .questionEmpty),
            (["answer-3": "MR WHISKERS!"], "answer-3", .answerTwice), (["answer-2": " "], "answer-2", .answerEmpty),
            (["answer-2": "a.b"], "answer-2", .answerTooShort),
        ])
    func wrongSets(_ change: [String: String], _ field: String, _ code: Refusal.Code) {
        let step = Self.enrol(Self.typed.merging(change) { $1 })
        #expect(step.finished == nil && step.refusal?.code == code && step.refusal?.field == field)
        #expect(step.state.answers?.count == 3)
    }

    @Test("a round is right as a whole or not at all")
    func rounds() throws {
        let open = try Self.registered()
        let begun = ChallengeState(use: open.credential.use(.securityQuestions), purpose: .reset, startedAt: Moment(ms: 0))
        let state = SecurityQuestions.beginChallenge(begun, open, Self.context).state, drawn = try #require(state.drawn)
        #expect(Set(drawn).count == 3)
        #expect(SecurityQuestions.beginChallenge(state, open, Self.context).state.drawn == drawn, "to look again draws nothing")
        var right: [String: String] = [:]
        for (index, question) in drawn.enumerated() {
            let number = (1...3).first { Self.typed["question-\($0)"] == question.formValue }!
            right["answer-\(index + 1)"] = Self.typed["answer-\(number)"]!.uppercased()
        }
        func verify(_ fields: [String: String]) -> Verification {
            let jobs = SecurityQuestions.slowWork(state, Answer(fields), open, Self.context)
            return SecurityQuestions.verify(state, Answer(fields, slow: Self.hashed(jobs)), open, Self.context)
        }
        #expect(verify(right) == .right(nil))
        for index in 1...3 { #expect(verify(right.merging(["answer-\(index)": "something else"]) { $1 }) == .wrong) }
        #expect(SecurityQuestions.verify(state, Answer(right), open, Self.context) == .wrong, "nothing was hashed")
        let again = (0..<40).map { _ in SecurityQuestions.afterWrong(state, open, Self.context).drawn }
        #expect(again.contains { $0 != drawn }, "a wrong round is drawn anew")
    }

    @Test("five are registered, three drawn: every one has its turn")
    func draw() throws {
        let settings = MethodSettings(questions: QuestionPolicy(toRegister: 5, toReset: 3, custom: ["What is under the lighthouse?"]))
        let base = Self.context
        let context = MethodContext(
            now: base.now, random: base.random, keyedHash: base.keyedHash, readPhone: base.readPhone, settings: settings,
            issuer: base.issuer, accountName: base.accountName, host: base.host)
        let more = [
            "question-4": "custom:What is under the lighthouse?", "answer-4": "a cave", "question-5": "first-boss", "answer-5": "Quint",
        ]
        let new = try #require(Self.enrol(Self.typed.merging(more) { $1 }, context).finished)
        let open = OpenCredential(
            credential: Credential(
                id: CredentialID("q"), method: .securityQuestions, capabilities: new.capabilities, channel: "q", addedAt: Moment(ms: 0)),
            content: new.content)
        let begun = ChallengeState(use: open.credential.use(.securityQuestions), purpose: .reset, startedAt: Moment(ms: 0))
        let draws = (0..<200).map { _ in SecurityQuestions.beginChallenge(begun, open, context).state.drawn ?? [] }
        #expect(draws.allSatisfy { Set($0).count == 3 })
        #expect(Set(draws.flatMap { $0 }).count == 5)
    }

    @Test("a set that was enough once is none when policy asks for more")
    func smallSet() {
        let person = Cast.ada
        var document = policy(mfa: [.appCode], reset: [.emailCode, .securityQuestions], gates: 2)
        let questions = credential(.securityQuestions) { $0.remaining = 3 }
        #expect(Scene(person, [questions], document).standing.counts(questions, for: .reset))
        document.methods.questions = QuestionPolicy(toRegister: 5, toReset: 4)
        let standing = Scene(person, [questions], document).standing
        #expect(!standing.counts(questions, for: .reset) && standing.whyNotCounting(questions, for: .reset) == .setTooSmall)
    }
}
