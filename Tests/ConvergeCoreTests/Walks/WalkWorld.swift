import ConvergeCore

/// What happens to a person, the policy or the world beside the steps of the sign-in itself.
enum WalkOutside: String, CaseIterable, Hashable {
    case budgetsSpent, gatewaysDown, everythingBack
    case methodsWithdrawn, methodsCompromised, secondStepRequired, graceGranted, guardRaised, resetRequired
    case applicationAsks, networkLeft
    case timePasses
    case ownerRegistersElsewhere, credentialsSuspended, credentialsDeleted, blocked, sessionsEnded
}

/// One thing that changed since the sign-in began. A world is what these, in their order, make of the setting.
enum WalkMark: Hashable {
    case graceStarted, skipped, reviewed, campaignPutOff, passwordChanged
    /// Registered in this sign-in, by whoever sits at the keyboard.
    case registered(MethodKind, instead: CredentialID?)
    /// The directory's value, confirmed with a code that only its owner gets.
    case confirmed(CredentialID)
    case codesMade
    case outside(WalkOutside)
}

/// A person, what they hold, the policy and the world at one moment of a walk.
struct WalkWorld {
    var person: Person
    var credentials: [Credential]
    var document: PolicyDocument
    var removedAt: Moment?
    /// The policy before an outside change of it.
    var former: PolicyDocument?
    var request: RequestFacts
    var trouble: WalkTrouble
    var now = noon
    var marks: [WalkMark] = []
    var wasOutside = false
    /// The owner has held something, in a sign-in of their own.
    var ownerHeld: Bool
    var resolved: ResolvedPolicy

    init(_ setting: WalkSetting) {
        person = setting.person
        credentials = setting.credentials
        document = setting.document
        removedAt = setting.removedAt
        request = setting.request
        trouble = setting.trouble
        ownerHeld = setting.person.firstHeldAt != nil
        resolved = setting.document.resolve(for: setting.person)
        resolve()
    }

    var facts: SignInFacts {
        SignInFacts(
            standing: Standing(person: person, credentials: credentials, policy: resolved), reach: reach, request: request, now: now)
    }

    private var reach: Reachability {
        var gaps: [CredentialUse: Reachability.Gap] = [:]
        for credential in credentials {
            for capability in credential.capabilities where trouble.cuts(capability) {
                gaps[credential.use(capability)] = Reachability.Gap(.gateway)
            }
        }
        return Reachability(gaps: gaps)
    }

    /// Registered at this keyboard: whoever sits there can answer it.
    static func isOwn(_ use: CredentialUse) -> Bool { use.credential.text.hasPrefix("new ") }

    func newID(_ kind: MethodKind) -> CredentialID { CredentialID("new \(kind.rawValue) \(marks.count)") }

    // MARK: changes

    mutating func take(_ mark: WalkMark) {
        defer { marks.append(mark) }
        switch mark {
        case .graceStarted: person.graceStart = now
        case .skipped: person.resetSkips += 1
        case .reviewed: person.lastReviewAt = now
        case .campaignPutOff:
            person.campaignSnoozedAt = now
            person.campaignSnoozes += 1
        case .passwordChanged: person.passwordMustChange = false
        case .registered(let kind, let instead):
            credentials.removeAll { $0.id == instead }
            register(kind, newID(kind))
        case .confirmed(let id):
            guard let index = credentials.firstIndex(where: { $0.id == id }) else { return }
            credentials[index].state = .active
            credentials[index].verifiedBy = Self.proven(credentials[index].method)
            noteHeld(credentials[index].method)
        case .codesMade:
            credentials.append(
                Credential(
                    id: CredentialID("new codes"), method: .recoveryCodes, capabilities: [.recoveryCode], channel: "codes", addedAt: now,
                    fromFirstWizard: true, remaining: 10))
        case .outside(let change):
            wasOutside = true
            take(change)
        }
    }

    /// What a registration proves.
    static func proven(_ kind: MethodKind) -> Capability {
        switch kind {
        case .mobilePhone: .text
        case .email: .emailCode
        default: .appCode
        }
    }

    /// As the server writes a new credential.
    private mutating func register(_ kind: MethodKind, _ id: CredentialID) {
        let capabilities: Set<Capability> = kind == .mobilePhone ? [.text, .call] : [Self.proven(kind)]
        credentials.append(
            Credential(
                id: id, method: kind, capabilities: capabilities, verifiedBy: Self.proven(kind), verifiedAt: now,
                channel: id.text, addedAt: now, fromFirstWizard: person.firstHeldAt == nil))
        noteHeld(kind)
    }

    private mutating func noteHeld(_ kind: MethodKind) {
        let traits = MethodRegistry.traits(of: kind)
        person.securityVersion += 1
        if traits.canProve { person.firstHeldAt = person.firstHeldAt ?? now }
        if traits.canSignIn { person.mfaFirstHeldAt = person.mfaFirstHeldAt ?? now }
    }

    private mutating func take(_ change: WalkOutside) {
        switch change {
        case .budgetsSpent: trouble = .budgets
        case .gatewaysDown: trouble = .gateways
        case .everythingBack: trouble = .none
        case .methodsWithdrawn, .methodsCompromised, .secondStepRequired, .graceGranted, .guardRaised, .resetRequired:
            former = document
            amend(change)
            resolve()
        case .applicationAsks: request.applicationDemandsMFA = true
        case .networkLeft: request = RequestFacts()
        case .timePasses: now = now + .days(40)
        case .ownerRegistersElsewhere:
            register(.totpApp, CredentialID("owner's app"))
            ownerHeld = true
        case .credentialsSuspended:
            for index in credentials.indices where credentials[index].state == .active { credentials[index].state = .suspended }
            person.securityVersion += 1
        case .credentialsDeleted:
            credentials = []
            person.securityVersion += 1
        case .blocked: person.state = .blocked
        case .sessionsEnded: person.sessionEpoch += 1
        }
    }

    private mutating func amend(_ change: WalkOutside) {
        switch change {
        case .methodsWithdrawn, .methodsCompromised:
            document.mfa[0].allow = document.mfa[0].allow.contains(.appCode) ? [.text] : [.appCode]
            if change == .methodsCompromised { document.bridge.compromised = [.text, .appCode] }
        case .secondStepRequired: document.mfa[0].required = true
        case .graceGranted:
            document.mfa[0].required = true
            document.mfa[0].graceDays = 14
            document.mfa[0].allow = document.mfa[0].allow == [.appCode] ? [.text] : [.appCode]
        case .guardRaised:
            document.registration[0].guardKind = .accessPass
            document.bridge.days = 0
        default:
            document.registration[0].requireForReset = true
            document.reset = [ResetRule(name: "reset", gates: 2, allow: [.appCode, .text, .emailCode])]
        }
        document.version += 1
    }

    private mutating func resolve() {
        guard let former else {
            resolved = document.resolve(for: person)
            if let removedAt {
                for capability in everything.subtracting(resolved.mfaAllowed) { resolved.removedAt[capability] = removedAt }
            }
            return
        }
        resolved = document.resolve(for: person, former: [(former, since: noon - .days(100))], since: now)
    }
}
