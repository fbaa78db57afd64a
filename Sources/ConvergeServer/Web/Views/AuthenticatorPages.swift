import ConvergeCore

/// The app itself: one page, all of whose sentences are in it, so that it works without a network.
struct AuthenticatorPage: Page {
    static let template = "authenticator/app"

    var frame: Frame { Frame(heading: Message("authenticator.heading"), title: Message("authenticator.name")) }

    /// Where the page itself puts a code or a number in.
    private static let gap = MessageArgument.text("{}")

    func body(_ say: Speaker) -> Slots {
        [
            "codeWords": say(Message("authenticator.install.code", ["code": Self.gap])),
            "leftWords": say(Message("authenticator.code-left", ["seconds": Self.gap])),
        ]
    }
}

/// "Type this number in the app": what somebody sees while a phone is asked.
struct ApprovePage: Page {
    static let template = "challenge/approve"

    var approving: Approving
    /// The app was just connected: this is its first approval.
    var isFirst = false
    var around: Around

    private var isOver: Bool { approving.stage.isOver && approving.stage != .approved }

    var frame: Frame {
        var around = self.around
        around.sendAgain = nil
        if let failed {
            if around.errors.isEmpty { around.lead = Message.refusal(failed.rawValue) }
            return around.frame(heading: Message("problem.\(failed.rawValue)"))
        }
        around.lead = Message(isFirst ? "approve.lead-first" : "approve.lead")
        return around.frame(heading: Message("approve.heading"))
    }

    private var failed: Refusal.Code? {
        switch approving.stage {
        case .failed(let failure): failure.appRefusal
        case .denied: .approvalDenied
        case .fraud: .approvalReported
        case .waiting, .approved: nil
        }
    }

    func body(_ say: Speaker) -> Slots {
        around.slots(say).merging([
            "number": isOver ? nil : approving.number,
            "waiting": isOver
                ? nil
                : ["poll": around.poll, "seen": approving.stage.word, "words": say(Self.words(approving.stage, until: approving.until))]
                    as Slots,
            "again": around.sendAgain.map { $0.slots.merging(["isPrimary": isOver]) }, "isOver": isOver,
        ])
    }

    /// What is happening, in one sentence.
    static func words(_ stage: ApprovalStage, until: Moment) -> Message {
        switch stage {
        case .waiting: Message("approve.waiting", ["until": .date(until, .until)])
        case .approved: Message("approve.approved")
        case .denied: Message("problem.\(Refusal.Code.approvalDenied.rawValue)")
        case .fraud: Message("problem.\(Refusal.Code.approvalReported.rawValue)")
        case .failed(let failure): Message("problem.\(failure.appRefusal.rawValue)")
        }
    }
}

/// Connects the app: a code to scan or to type there.
struct WizardActivatePage: Page {
    static let template = "wizard/activate"

    var qr: QRFigure
    var code: String
    /// Where the app is, for people who type.
    var address: String
    var until: Moment
    var isThere: Bool
    /// Makes another code.
    var again: Form
    var around: Around

    var frame: Frame { around.frame(heading: Message("activate.heading")) }

    func body(_ say: Speaker) -> Slots {
        [
            "form": around.form.slots, "qr": qr.slots, "code": code, "address": address,
            "until": say(Message("activate.until", ["until": .date(until, .until)])),
            "waiting": ["poll": around.poll, "seen": Self.seen, "words": say(Self.words(isThere: isThere))] as Slots,
            "again": again.slots,
        ]
    }

    /// What the page has seen when nothing has happened yet.
    static let seen = "activation"

    static func words(isThere: Bool) -> Message { Message(isThere ? "activate.there" : "activate.waiting") }
}
