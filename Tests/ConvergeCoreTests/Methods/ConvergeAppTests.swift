import Crypto
import Foundation
import Testing

@testable import ConvergeCore

@Suite("The Converge app: what it signs, and what that is worth")
struct ConvergeAppTests {
    private static let key = try! P256.Signing.PrivateKey(rawRepresentation: [UInt8](repeating: 3, count: 32))
    private static let other = try! P256.Signing.PrivateKey(rawRepresentation: [UInt8](repeating: 4, count: 32))
    private static let now = Moment(ms: 1_800_000_000_000)
    private static let person = PersonID("ada"), credential = CredentialID("phone"), origin = "https://id.example"

    private static func hash(_ text: String) -> String { Hex.encode(SHA256.hash(data: Data(text.utf8))) }

    private static func sign(_ bytes: [UInt8], _ key: P256.Signing.PrivateKey = key) -> [UInt8] {
        Array(try! key.signature(for: Data(bytes)).rawRepresentation)
    }

    private static func approval(_ id: String = "question", until: Moment = now + .seconds(60), outcome: ApprovalOutcome = .pending)
        -> Approval
    {
        Approval(
            id: ApprovalID(id), person: person, credential: credential, capability: .appNotification, purpose: .signIn, flow: FlowID("f"),
            until: until, outcome: outcome, asked: AskedFacts(application: "Harbour & Vale"))
    }

    private static func statement(_ number: String = "47", _ decision: AppDecision = .approve) -> ApprovalStatement {
        ApprovalStatement(
            challenge: ApprovalID("question"), person: person, credential: credential, origin: origin, application: "Harbour & Vale",
            number: number, decision: decision, expiry: now + .seconds(60))
    }

    private static func judge(
        _ statement: ApprovalStatement, number: String? = nil, decision: AppDecision? = nil, key: P256.Signing.PrivateKey = key,
        _ approval: Approval = approval(), of person: PersonID = person, at now: Moment = now
    ) -> AppAnswer.Verdict {
        let answer = AppAnswer(
            decision: decision ?? statement.decision, number: number ?? statement.number, signature: sign(statement.bytes, key))
        return answer.judge(
            approval, by: credential, of: person, key: AppKey(Array(Self.key.publicKey.x963Representation))!, origin: origin, number: "47",
            at: now)
    }

    @Test("what was asked, signed by the app, with the number of the page, approves")
    func approves() {
        #expect(Self.judge(Self.statement()) == .ends(.approved, nil))
        #expect(Self.judge(Self.statement("", .deny)) == .ends(.denied, nil))
        #expect(Self.judge(Self.statement("", .fraud)) == .ends(.fraud, nil))
    }

    @Test("a wrong number ends it", arguments: ["46", "", "4", "047", "47 "])
    func wrongNumber(_ number: String) { #expect(Self.judge(Self.statement(number)) == .ends(.failed, .wrongNumber)) }

    @Test("each signed field, altered, makes it no answer")
    func altered() {
        let changes: [(String, (inout ApprovalStatement) -> Void)] = [
            ("challenge", { $0.challenge = ApprovalID("another") }), ("person", { $0.person = PersonID("ben") }),
            ("credential", { $0.credential = CredentialID("tablet") }), ("origin", { $0.origin = "https://id.example.evil" }),
            ("application", { $0.application = "Payroll" }), ("expiry", { $0.expiry = $0.expiry + Span(ms: 1) }),
        ]
        for (name, change) in changes {
            var statement = Self.statement()
            change(&statement)
            #expect(Self.judge(statement) == .ignored(.foreign), "\(name)")
        }
        #expect(Self.judge(Self.statement("46"), number: "47") == .ignored(.foreign), "the number")
        #expect(Self.judge(Self.statement("47", .deny), decision: .approve) == .ignored(.foreign), "the decision")
        #expect(Self.judge(Self.statement(), decision: .deny) == .ignored(.foreign))
    }

    @Test("the version is signed too: what another version signs is no answer")
    func version() {
        let bytes = Self.statement().bytes, text = String(decoding: bytes, as: UTF8.self)
        #expect(text.hasPrefix("19:converge-approval-1,8:question,3:ada,5:phone,18:https://id.example,14:Harbour & Vale,2:47,7:approve,"))
        let older = Array(text.replacing("approval-1", with: "approval-0").utf8)
        let key = AppKey(Array(Self.key.publicKey.x963Representation))!
        #expect(key.signed(bytes, Self.sign(bytes)) && !key.signed(bytes, Self.sign(older)))
    }

    @Test("no two statements are signed alike, whatever stands in their fields")
    func oneReading() {
        var first = Self.statement(), second = Self.statement()
        (first.origin, first.application) = ("a,1:b", "c")
        (second.origin, second.application) = ("a", "b,1:c")
        #expect(first.bytes != second.bytes)
    }

    @Test("another key, another person, too late, or decided before: no answer")
    func refused() {
        #expect(Self.judge(Self.statement(), key: Self.other) == .ignored(.foreign))
        #expect(Self.judge(Self.statement(), of: PersonID("ben")) == .ignored(.foreign))
        #expect(Self.judge(Self.statement(), at: Self.now + .seconds(60)) == .ignored(.late))
        #expect(Self.judge(Self.statement(), at: Self.now + Span(ms: 59_999)) == .ends(.approved, nil))
        for outcome in ApprovalOutcome.allCases where outcome != .pending {
            #expect(Self.judge(Self.statement(), Self.approval(outcome: outcome)) == .ignored(.decided), "\(outcome)")
        }
        var call = Self.approval()
        call = Approval(
            id: call.id, person: call.person, credential: call.credential, capability: .call, purpose: .signIn, flow: call.flow,
            until: call.until,
            asked: call.asked)
        #expect(Self.judge(Self.statement(), call) == .ignored(.foreign), "an app answers no call")
    }

    @Test("what is no signature, and what is no key, is none")
    func noSignature() {
        let key = AppKey(Array(Self.key.publicKey.x963Representation))!, bytes = Self.statement().bytes
        for signature in [
            [], [0], [UInt8](repeating: 0, count: 64), [UInt8](repeating: 255, count: 64), Array(Self.sign(bytes).dropLast()),
        ] {
            #expect(!key.signed(bytes, signature))
        }
        var point = key.point
        point[10] ^= 1
        #expect(AppKey(point) == nil && AppKey([]) == nil && AppKey(Array(Self.key.publicKey.compressedRepresentation)) == nil)
    }

    @Test("numbers have two digits, belong to their approval, and all of them come up")
    func numbers() {
        let numbers = (0..<4000).map { NumberMatching.number(of: ApprovalID("a\($0)"), Self.hash) }
        #expect(Set(numbers).count == 90 && numbers.allSatisfy { $0.count == 2 && Int($0)! >= 10 })
        #expect(NumberMatching.number(of: ApprovalID("a7"), Self.hash) == numbers[7])
        #expect(numbers != (0..<4000).map { NumberMatching.number(of: ApprovalID("a\($0)")) { Self.hash("key" + $0) } })
    }

    @Test("an app's request is good for a minute to either side")
    func fresh() {
        let request = AppRequest(.poll, subject: "phone", origin: Self.origin, at: Self.now)
        #expect(request.isFresh(at: Self.now + .seconds(60)) && request.isFresh(at: Self.now - .seconds(60)))
        #expect(!request.isFresh(at: Self.now + Span(ms: 60_001)) && !request.isFresh(at: Self.now - Span(ms: 60_001)))
        let kinds: [AppRequest.Kind] = [.activate, .poll, .subscribe]
        #expect(Set(kinds.map { AppRequest($0, subject: "phone", origin: Self.origin, at: Self.now).bytes }).count == 3)
    }

    // MARK: registration and challenge

    private static func context(_ approval: Approval? = nil, _ app: SeenApp? = nil, at now: Moment = now) -> MethodContext {
        var context = MethodContext(
            now: now, random: { count in (0..<count).map { UInt8(truncatingIfNeeded: $0 * 7 + Int(now.ms % 251)) } }, keyedHash: hash,
            readPhone: { _, _ in .failure(Refusal(.phoneImpossible)) }, issuer: "Harbour & Vale", accountName: "ada", host: "id.example")
        context.approval = approval
        context.app = app
        return context
    }

    private static var app: SeenApp { SeenApp(key: AppKey(Array(key.publicKey.x963Representation))!, label: "Chrome, Android", step: 7) }

    private static func given(_ id: ApprovalID, by credential: CredentialID?, _ outcome: ApprovalOutcome = .approved, spent: Bool = false)
        -> Approval
    {
        Approval(
            id: id, person: person, credential: nil, capability: .appNotification, purpose: .change, flow: nil, until: now + .seconds(60),
            outcome: outcome, failure: outcome == .failed ? .wrongNumber : nil, isSpent: spent, decidedBy: credential)
    }

    @Test("a registration waits for its app, then asks it, and is done when that very app approved")
    func registration() throws {
        let begun = ConvergeApp.beginEnrolment(EnrolmentState(method: .convergeApp), Self.context())
        let activation = try #require(begun.state.activation), offer = try #require(begun.offer)
        #expect(activation.code.text.count == 8 && activation.shown.count == 9 && activation.until == Self.now + .minutes(10))
        #expect(offer.credential == activation.credential && offer.secret == begun.state.secret && offer.secret.bytes.count == 20)
        #expect(AppActivation.hash(activation.shown.lowercased(), Self.hash) == offer.codeHash, "typed in small letters, with its dash")
        #expect(
            AppActivation.hash("1234567", Self.hash) == nil && AppActivation.hash(String(repeating: "A", count: 10_000), Self.hash) == nil)

        let early = ConvergeApp.continueEnrolment(begun.state, .answer(Answer([:])), Self.context())
        #expect(early.refusal?.code == .appNotThere && early.message == nil)

        let asked = ConvergeApp.continueEnrolment(begun.state, .answer(Answer([:])), Self.context(nil, Self.app))
        let message = try #require(asked.message), draft = try #require(message.approval)
        #expect(message.channel == .app(only: activation.credential) && draft.credential == nil && draft.until == Self.now + .seconds(60))

        for (approval, code) in [
            (nil, Refusal.Code.approvalPending), (Self.given(draft.id, by: CredentialID("another")), .approvalPending),
            (Self.given(draft.id, by: activation.credential, .denied), .approvalDenied),
            (Self.given(draft.id, by: activation.credential, .failed), .approvalWrong),
            (Self.given(draft.id, by: activation.credential, spent: true), .approvalLate),
            (Self.given(ApprovalID("older"), by: activation.credential), .approvalPending),
        ] {
            let step = ConvergeApp.continueEnrolment(asked.state, .answer(Answer([:])), Self.context(approval, Self.app))
            #expect(step.finished == nil && step.refusal?.code == code)
        }
        let done = ConvergeApp.continueEnrolment(
            asked.state, .answer(Answer([:])), Self.context(Self.given(draft.id, by: activation.credential), Self.app))
        let new = try #require(done.finished)
        #expect(new.id == activation.credential && new.capabilities == [.appNotification, .appCode] && new.verifiedBy == .appNotification)
        #expect(
            new.content.appKey == Self.app.key && new.content.secret == offer.secret && new.spentStep == 7
                && new.claim == .approval(draft.id))
    }

    @Test("a new code makes the old one void; another approval is asked for three times at most")
    func again() throws {
        let begun = ConvergeApp.beginEnrolment(EnrolmentState(method: .convergeApp), Self.context())
        let other = ConvergeApp.continueEnrolment(begun.state, .sendAgain, Self.context(at: Self.now + .seconds(1)))
        #expect(
            other.offer != nil && other.state.activation?.code != begun.state.activation?.code && other.state.secret == begun.state.secret)
        var state = begun.state
        for _ in 1...3 {
            let step = ConvergeApp.continueEnrolment(state, .sendAgain, Self.context(nil, Self.app))
            #expect(step.message != nil)
            state = step.state
        }
        let last = ConvergeApp.continueEnrolment(state, .sendAgain, Self.context(nil, Self.app))
        #expect(last.message == nil && last.refusal?.code == .approvalTooMany)
    }

    @Test("a challenge shows its number, and counts for the app that approved it alone")
    func challenge() throws {
        let credential = Credential(
            id: Self.credential, method: .convergeApp, capabilities: [.appNotification, .appCode], verifiedBy: .appNotification,
            channel: "c",
            addedAt: Self.now)
        let open = OpenCredential(
            credential: credential, content: CredentialContent(secret: Secret(bytes: [UInt8](repeating: 1, count: 20))))
        let begun = ConvergeApp.beginChallenge(
            ChallengeState(use: credential.use(.appNotification), purpose: .signIn, startedAt: Self.now), open, Self.context())
        let id = try #require(begun.message?.approval?.id)
        guard case .approve(let approving) = ConvergeApp.challengePrompt(begun.state, open, Self.context()) else {
            Issue.record("no number")
            return
        }
        #expect(approving.number == NumberMatching.number(of: id, Self.hash) && approving.stage == .waiting(.queued))
        let late = Self.context(at: Self.now + .seconds(60))
        if case .approve(let over) = ConvergeApp.challengePrompt(begun.state, open, late) { #expect(over.stage == .failed(.tooLate)) }

        func verify(_ approval: Approval?) -> Verification {
            ConvergeApp.verify(begun.state, Answer([:]), open, Self.context(approval))
        }
        #expect(verify(Self.given(id, by: Self.credential)) == .right(.approval(id)))
        #expect(verify(Self.given(id, by: CredentialID("tablet"))) == .undecided(Refusal(.approvalPending)))
        #expect(verify(Self.given(id, by: Self.credential, .fraud)) == .undecided(Refusal(.approvalReported)))
        #expect(verify(nil) == .undecided(Refusal(.approvalPending)))

        let code = ChallengeState(use: credential.use(.appCode), purpose: .signIn, startedAt: Self.now)
        #expect(ConvergeApp.beginChallenge(code, open, Self.context()).message == nil)
        #expect(ConvergeApp.incomplete(code, Answer([:]))?.code == .codeEmpty && ConvergeApp.incomplete(begun.state, Answer([:])) == nil)
        let totp = TOTP(secret: open.content.secret!)!
        #expect(
            ConvergeApp.verify(code, Answer(code: totp.code(step: totp.step(at: Self.now)).text), open, Self.context())
                == .right(.step(Self.credential, totp.step(at: Self.now))))
    }
}
