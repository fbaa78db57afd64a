import ConvergeCore

/// "Answer your phone and press #": what a call is doing, live, until somebody has pressed the key.
struct CallPage: Page {
    static let template = "challenge/call"

    /// Nil: what the call does is not told, for the number may be nobody's.
    var stage: ApprovalStage?
    var around: Around

    /// After how long a page offers to call again, and somebody to ask.
    static let patience = Span.seconds(10)

    private var isOver: Bool { stage?.isOver == true && stage != .approved }

    var frame: Frame {
        var around = self.around
        // It has a place of its own on this page.
        around.sendAgain = nil
        if around.lead == nil, let contact = around.contact, !isOver {
            around.lead = Message("calling.lead", ["to": .message(contact.words)])
        }
        if isOver, around.errors.isEmpty, let failed { around.lead = Message.refusal(failed.rawValue) }
        let over = failed.map { Message("problem.\($0.rawValue)") } ?? Message("calling.heading")
        return around.frame(heading: isOver ? over : Message("calling.heading"))
    }

    private var failed: Refusal.Code? {
        switch stage {
        case .failed(let failure): failure.refusal
        case .denied, .fraud: .callReported
        default: nil
        }
    }

    func body(_ say: Speaker) -> Slots {
        let wait = around.since.map { max(0, ($0 + Self.patience - say.dates.now).ms) } ?? 0
        return around.slots(say).merging([
            "waiting": isOver
                ? nil
                : [
                    "poll": around.poll, "seen": stage?.word ?? ApprovalProgress.queued.rawValue,
                    "words": say(Self.words(stage)),
                ] as Slots,
            "again": around.sendAgain.map { $0.slots.merging(["isPrimary": isOver]) },
            "after": isOver || wait == 0 ? nil : String(wait),
            "isOver": isOver,
        ])
    }

    /// Before the first gate of a reset, the same for every name and number.
    static func perhapsCalled(until: Moment) -> Message { Message("calling.lead-perhaps", ["until": .date(until, .until)]) }

    /// What is happening, in one sentence.
    static func words(_ stage: ApprovalStage?) -> Message {
        switch stage {
        case .waiting(let progress): Message("calling.stage.\(progress.rawValue)")
        case .approved: Message("calling.approved")
        case .denied, .fraud: Message("problem.\(Refusal.Code.callReported.rawValue)")
        case .failed(let failure): Message("problem.\(failure.refusal.rawValue)")
        case nil: Message("calling.perhaps")
        }
    }
}
