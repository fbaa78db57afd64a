import ConvergeCore
import HTTPTypes

/// What a call or an app is doing, for the page that waits for it: answered when something has changed, or after a moment.
enum ProgressRoutes {
    static let routes: [Route] = [
        .open(.get, "/flows/:id/progress") { request, instance in
            let seen = request.query["seen"], id = FlowID(request.parameters["id"] ?? "")
            let told = try await instance.approvalSignal.look(times: looks) {
                let told = try await instance.database.read { db in try look(id, request, instance, db) }
                return (told, told.map { $0.over || $0.seen != seen } ?? true)
            }
            // Not this browser's, or over: the page is asked for anew, and says so.
            return .text(try told.map { try JSONText.encode($0) } ?? #"{"over":true}"#, type: "application/json")
        }
    ]

    /// A page asks again by itself; a server that is told to stop waits for nobody for long.
    private static let looks = 3

    private struct Told: Encodable, Sendable {
        let seen: String
        let words: String
        let approved: Bool
        /// Nothing more will happen: the page is to be shown anew.
        let over: Bool
    }

    /// Nil: not this browser's, or over.
    private static func look(
        _ id: FlowID, _ request: AnonymousRequest, _ instance: Instance, _ db: any Connection
    ) throws -> Told? {
        let found = try instance.flows.ask(id, db), newest = try instance.approvals.askNewest(in: id, db)
        let apps = try instance.authenticators.askWaited(in: id, db)
        guard let flow = try found.answer(), flow.browserHash == request.browserHash, flow.closedAt == nil, request.now < flow.expiresAt
        else { return nil }
        let now = instance.world.now(), approval = try newest.answer(), app = try apps.answer()
        let say = instance.renderer.speaker(language: request.language, now: now)
        if try isSilent(flow, instance) {
            // Before the first proof of a reset only the right key tells anything: a number may be nobody's.
            let isApproved = approval?.stage(at: now) == .approved
            return Told(
                seen: ApprovalProgress.queued.rawValue, words: say(CallPage.words(nil)), approved: isApproved, over: isApproved)
        }
        if approval == nil, app.isActivated {
            let words = say(WizardActivatePage.words(isThere: true))
            return Told(seen: "there", words: words, approved: true, over: true)
        }
        if approval == nil, flow.kind != .reset, app.isWaited {
            return Told(
                seen: WizardActivatePage.seen, words: say(WizardActivatePage.words(isThere: false)), approved: false, over: false)
        }
        let stage = approval?.stage(at: now) ?? .waiting(.queued)
        if let approval, approval.capability == .appNotification {
            return Told(
                seen: stage.word, words: say(ApprovePage.words(stage, until: approval.until)), approved: stage == .approved,
                over: stage.isOver)
        }
        return Told(seen: stage.word, words: say(CallPage.words(stage)), approved: stage == .approved, over: stage.isOver)
    }

    private static func isSilent(_ flow: FlowRecord, _ instance: Instance) throws -> Bool {
        guard flow.kind == .reset else { return false }
        return try instance.flows.state(ResetState.self, of: flow)?.passed.isEmpty ?? true
    }
}
