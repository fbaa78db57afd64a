import ConvergeCore
import Logging

/// What becomes of a call: who answers it, what they press, how it ends. The carrier's reports and the demo's page drive it alike.
struct CallDesk {
    let instance: Instance
    let now: Moment

    /// What came of a report, as it is counted.
    enum Outcome: String, Sendable {
        case taken, late, unknown
    }

    /// What a call does next, and what came of the report.
    typealias Turn = (script: CallScript?, outcome: Outcome)

    // MARK: what the carrier asks

    /// Somebody, or a machine, has answered.
    func answered(_ handle: Secret, call: String, isMachine: Bool) async throws -> Turn {
        try await turn(handle, call) { approval, words, db in
            guard !isMachine else {
                try fail(approval, .machine, db)
                return nil
            }
            try instance.approvals.advance(approval.id, to: .answered, db)
            return words.ask(approval.purpose)
        }
    }

    /// A key was pressed while the first question was asked.
    func pressed(_ digits: String, _ handle: Secret, call: String) async throws -> Turn {
        try await take(CallKeys.first(digits, report: instance.config.fraudDigits), handle, call)
    }

    /// What was pressed after the first digit of a fraud report.
    func reported(_ digits: String, _ handle: Secret, call: String) async throws -> Turn {
        try await take(CallKeys.rest(digits, report: instance.config.fraudDigits), handle, call)
    }

    private func take(_ meaning: CallKeys.Meaning, _ handle: Secret, _ call: String) async throws -> Turn {
        try await turn(handle, call) { approval, words, db in
            switch meaning {
            case .approve:
                // The first decision stands: a repeated report finds it made, and hears the same.
                guard try instance.approvals.decide(approval.id, .approved, now: now, db) else { return words.end("call.over") }
                return words.end("call.approved")
            case .reportBegins:
                return words.report
            case .report:
                guard try instance.approvals.decide(approval.id, .fraud, now: now, db) else { return words.end("call.over") }
                try FraudReport.take(approval, now: now, instance, db)
                return words.end("call.reported")
            case .wrong:
                guard try instance.approvals.countWrongKey(approval.id, db) < Approval.wrongKeysMax else {
                    try fail(approval, .wrongKey, db)
                    return words.end("call.goodbye")
                }
                return words.wrongKey(approval.purpose)
            }
        }
    }

    /// The carrier tells how far the call has come.
    func status(_ status: String, _ handle: Secret, call: String) async throws -> Outcome {
        try await turn(handle, call) { approval, _, db in
            switch CallStatus(rawValue: status) {
            case .ringing: try instance.approvals.advance(approval.id, to: .ringing, db)
            case .answered: try instance.approvals.advance(approval.id, to: .answered, db)
            case .busy: try fail(approval, .busy, db)
            case .noAnswer, .canceled: try fail(approval, .noAnswer, db)
            case .failed: try fail(approval, .unreachable, db)
            case .completed:
                // Over without a decision: hung up, a machine that spoke to nobody, or nothing but wrong keys.
                try fail(approval, approval.wrongKeys > 0 ? .wrongKey : .noKey, db)
            case .queued, .initiated, nil: break
            }
            return nil
        }.outcome
    }

    // MARK: inside

    /// It ends without an approval. An administrator who helps somebody wants to know why.
    private func fail(_ approval: Approval, _ failure: ApprovalFailure, _ db: any Connection) throws {
        guard try instance.approvals.decide(approval.id, .failed, failure, now: now, db), approval.credential != nil,
            let person = try instance.people.find(approval.person, db)
        else { return }
        try Ledger(instance, db, now: now, correlation: approval.flow?.text).note(
            .challengeAnswered, person, success: false, reason: failure.refusal.rawValue,
            details: ["capability": approval.capability.rawValue, "purpose": approval.purpose.rawValue])
    }

    private func turn(
        _ handle: Secret, _ call: String,
        _ body: @escaping @Sendable (Approval, CallWords, any Connection) throws -> CallScript?
    ) async throws -> Turn {
        let instance = self.instance, now = self.now, id = instance.approvalID(handle)
        let turn: Turn = try await instance.database.write { db in
            guard let approval = try instance.approvals.find(id, db) else { return (nil, .unknown) }
            let words = CallWords(
                speaker: try instance.speaker(of: approval.person, now: now, db), fraudDigits: instance.config.fraudDigits)
            // Another call about the same, placed when the answer to the first request was lost.
            guard try instance.approvals.adopt(id, call: call, db) else { return (words.end("call.over"), .late) }
            guard approval.isOpen(at: now) else { return (words.end(Self.said(approval)), .late) }
            return (try body(approval, words, db), .taken)
        }
        if turn.outcome == .taken { instance.approvalSignal.wake() }
        return turn
    }

    /// What a call says that was decided before: a carrier repeats a report whose answer it did not get.
    private static func said(_ approval: Approval) -> String {
        switch approval.outcome {
        case .approved: "call.approved"
        case .fraud: "call.reported"
        default: "call.over"
        }
    }
}

/// How far a call has come, in the carrier's words.
private enum CallStatus: String {
    case queued, initiated, ringing, busy, failed, canceled, completed
    case answered = "in-progress"
    case noAnswer = "no-answer"
}

extension Instance {
    /// Speaks to a person in their language.
    func speaker(of person: PersonID, now: Moment, _ db: any Connection) throws -> Speaker {
        renderer.speaker(language: try people.find(person, db)?.locale ?? "en", now: now)
    }
}
