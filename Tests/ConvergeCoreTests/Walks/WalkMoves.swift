@testable import ConvergeCore

/// Something a person may do on a page.
struct WalkMove {
    let event: SignInEvent
    /// Whether whoever has only the password can do it.
    var byPassword = true
    /// Whether it has to lead on. Choices may be opened again and again, and stopping is one's own decision.
    var isForward = true
    /// What it changes beside the sign-in.
    var marks: [WalkMark] = []
    /// What the registration of this move proves.
    var enrols: CredentialUse?

    /// For the way to a state.
    var name: Substring {
        switch event {
        case .proved(let use, _): "proved \(use.capability.rawValue)"
        case .enrolled(let id): "registered \(id)"
        case .choose(let kind): "chose \(kind.rawValue)"
        case .postpone: "postpone"
        case .cancel: "cancel"
        case .startWizard: "start"
        case .openChoices: "choices"
        case .closeChoices: "close"
        case .codesKept: "kept"
        case .finishWizard: "finish"
        case .reviewed: "reviewed"
        case .passwordChanged: "password"
        }
    }
}

extension SignInWalk {
    /// What the page at hand offers, as the server takes it.
    func moves(_ node: Node) -> [WalkMove] {
        switch node.page {
        case .challenge(let uses, _, let postpone), .bridge(let uses, let postpone), .directoryProof(let uses, let postpone):
            return proofs(uses) + later(postpone)
        case .unreachable:
            let facts = worlds[node.world].facts
            return proofs(
                facts.standing.offered(for: .signIn, reach: facts.reach, now: facts.now).filter {
                    MethodRegistry.traits(of: $0.capability).signIn == .offeredOnly
                })
        case .changePassword: return [WalkMove(event: .passwordChanged, marks: [.passwordChanged])]
        case .moreInformation(_, let postpone), .campaign(_, _, let postpone): return [WalkMove(event: .startWizard)] + leave(postpone)
        case .choose(let plan, _, _, let postpone):
            let choices = (plan.alternatives.first ?? []) + plan.saferButLonger
            return choices.map { WalkMove(event: .choose($0.method)) } + [WalkMove(event: .closeChoices)] + leave(postpone)
        case .register(let item, let plan, _, _, let postpone):
            let choice = plan.hasChoice && isThorough ? [WalkMove(event: .openChoices, isForward: false)] : []
            return registrations(item, worlds[node.world].world) + choice + leave(postpone)
        case .recoveryCodes:
            let has = worlds[node.world].world.credentials.contains { $0.method == .recoveryCodes }
            return [WalkMove(event: .codesKept, marks: has ? [] : [.codesMade])]
        case .summary: return [WalkMove(event: .finishWizard)]
        case .review: return [WalkMove(event: .reviewed)] + confirmations(worlds[node.world].world)
        case .blocked, .outdated, .cancelled, .deadEnd, .done: return []
        }
    }

    /// The owner answers whatever is held and this release can verify; whoever has only the password, what they registered here.
    private func proofs(_ uses: [CredentialUse]) -> [WalkMove] {
        uses.filter { MethodRegistry.implementedCapabilities.contains($0.capability) }
            .map { WalkMove(event: .proved($0), byPassword: WalkWorld.isOwn($0)) }
    }

    private func later(_ postpone: Postponement) -> [WalkMove] { postpone == .none ? [] : [WalkMove(event: .postpone)] }

    private func leave(_ postpone: Postponement) -> [WalkMove] {
        postpone == .none ? [WalkMove(event: .cancel, isForward: false)] : [WalkMove(event: .postpone)]
    }

    /// On the review page the owner may confirm what the directory knows.
    private func confirmations(_ world: WalkWorld) -> [WalkMove] {
        world.credentials.filter { $0.state == .unconfirmed && MethodRegistry.method($0.method) != nil }.map { known in
            WalkMove(
                event: .enrolled(known.id), byPassword: false, marks: [.confirmed(known.id)],
                enrols: known.use(WalkWorld.proven(known.method)))
        }
    }

    /// A new credential at this keyboard, or the owner's confirmation of what the directory knows.
    private func registrations(_ item: PlanItem, _ world: WalkWorld) -> [WalkMove] {
        guard MethodRegistry.method(item.method) != nil else { return [] }
        let capability = WalkWorld.proven(item.method)
        let id = world.newID(item.method)
        let fresh = WalkMove(
            event: .enrolled(id), marks: [.registered(item.method, instead: item.confirms)],
            enrols: CredentialUse(credential: id, capability: capability))
        guard let known = item.confirms else { return [fresh] }
        let confirmed = WalkMove(
            event: .enrolled(known), byPassword: false, marks: [.confirmed(known)],
            enrols: CredentialUse(credential: known, capability: capability))
        return [confirmed, fresh]
    }
}

extension SignInPage {
    /// The page without what stands on it.
    var name: String {
        switch self {
        case .blocked: "blocked"
        case .outdated: "outdated"
        case .cancelled: "cancelled"
        case .challenge: "challenge"
        case .unreachable: "unreachable"
        case .deadEnd(let end): end.rawValue
        case .bridge: "bridge"
        case .directoryProof: "directory proof"
        case .changePassword: "change password"
        case .moreInformation: "more information"
        case .choose: "choose"
        case .register: "register"
        case .recoveryCodes: "recovery codes"
        case .summary: "summary"
        case .review: "review"
        case .campaign: "campaign"
        case .done(let grant): grant.hasMFA ? "signed in, MFA" : "signed in"
        }
    }

    /// Pages that register or confirm, or show in full what a person holds.
    var altersSecurityInfo: Bool {
        switch self {
        case .moreInformation, .choose, .register, .recoveryCodes, .summary, .review, .campaign: true
        default: false
        }
    }

    var asksForProof: Bool {
        switch self {
        case .challenge, .bridge, .directoryProof: true
        default: false
        }
    }

    /// Signed in, or told what is wrong and whom to ask.
    var isEnd: Bool {
        switch self {
        case .blocked, .outdated, .cancelled, .unreachable, .deadEnd, .done: true
        default: false
        }
    }

    /// Signed in, or stopped by something else than a missing second step.
    var isEndOfOwnAccord: Bool {
        switch self {
        case .blocked, .outdated, .cancelled, .done: true
        default: false
        }
    }
}
