internal import ConvergeCertificates
public import ConvergeCore
import Logging

/// One running Converge: everything a page or a command needs, assembled once and shared by server, commands and tests.
public struct Instance: Sendable, CustomStringConvertible {
    /// Whoever names what it works with, as the group of services does of each of them at the start, gets one word: not keys and
    /// settings, and not half a second of reading every message and template.
    public var description: String { "Converge" }

    public let config: Config
    public let world: World
    public let database: any Database
    public let organisation: OrganisationID
    let keys: KeyRing
    let people: PersonStore
    let credentials: CredentialStore
    let tokens: TokenStore
    let groups: GroupStore
    let policies: PolicyStore
    let flows: FlowStore
    let sessions: SessionStore
    let audit: AuditStore
    let outbox: OutboxStore
    let approvals: ApprovalStore
    let authenticators: AuthenticatorStore
    let budgets: BudgetStore
    let passwordLocks = PasswordLockStore()
    let hasher: PasswordHasher
    let breached: BreachedList?
    /// Makers of authenticators that the operator trusts.
    let anchors: AttestationAnchors
    /// Where network addresses are; nil: nobody knows.
    let places: PlaceFinder?
    let renderer: Renderer
    let policyCache: PolicyCache
    let letters: Letters
    let outboxSignal = Signal()
    /// Somebody has decided on a telephone or another device, or is about to.
    let approvalSignal = Signal()
    let metrics: Metrics
    let log: Logger
    /// The demo's in-memory box for texts and mails; nil in production.
    let box: DemoBox?
    /// Whom push services take messages from.
    let pushSender: PushSender

    /// Keyed hash with the key ring, for one purpose.
    func keyed(_ text: String, _ purpose: String) -> String { keys.keyedHash(Array(text.utf8), purpose: purpose) }

    /// The id of the approval that a handle belongs to, as methods make it.
    func approvalID(_ handle: Secret) -> ApprovalID { ApprovalHandle.id(handle.text) { keyed($0, "code") } }

    /// What methods may use while they work for one account.
    func methodContext(
        accountName: String, settings: MethodSettings = MethodSettings(), passkeys: PasskeyContext = PasskeyContext(), now: Moment
    ) -> MethodContext {
        let keys = self.keys, config = self.config
        let own = Set(config.organisation.mailDomains.map { $0.lowercased() })
        var context = MethodContext(
            now: now, random: world.random, keyedHash: { keys.keyedHash(Array($0.utf8), purpose: "code") },
            readPhone: { typed, region in PhoneParser.read(typed, region: region) },
            isCountryOpen: { config.isCountryOpen($0) },
            isOwnMailDomain: { domain in own.contains { domain == $0 || domain.hasSuffix("." + $0) } }, settings: settings,
            passkeys: passkeys, issuer: config.organisation.name, accountName: accountName, host: config.publicHost)
        context.readCalled = { typed, region, takesExtension in
            PhoneParser.readCalled(typed, region: region, takesExtension: takesExtension).flatMap { dialled in
                config.isCountryOpenForCalls(dialled.number) ? .success(dialled) : .failure(Refusal(.phoneCountryClosed))
            }
        }
        context.isLandline = { PhoneParser.isLandline($0) }
        return context
    }

    /// The same for a person, with the passkeys that are registered, and what was asked of them elsewhere.
    func methodContext(
        for dossier: Dossier, _ approvals: ApprovalState?, activation: AppActivation? = nil, _ db: any Connection
    ) throws -> MethodContext {
        let held = try dossier.credentials.filter { $0.credential.method == .passkey && $0.credential.state == .active }
            .compactMap { try credentials.open($0).content.passkey }
        let passkeys = PasskeyContext(
            origin: config.publicURL, person: dossier.person.id, displayName: dossier.record.displayName, held: held, trust: anchors)
        var context = methodContext(
            accountName: dossier.record.name, settings: dossier.policy.methods, passkeys: passkeys, now: dossier.now)
        // What began only now was not there when the dossier was read.
        context.app = try activation.flatMap {
            try dossier.elsewhere.apps[$0.credential] ?? authenticators.askSeen($0.credential, db).answer()
        }
        context.approval = try approvals?.current.flatMap {
            try dossier.elsewhere.approvals[$0.id] ?? self.approvals.find($0.id, db)
        }
        context.ways = Set(
            MethodRegistry.implementedCapabilities.filter { capability in
                (OutboxMessage.Kind(capability).map(carries) ?? true)
                    && (dossier.standing.policyAllows(capability, for: .signIn) || dossier.standing.policyAllows(capability, for: .reset))
            })
        return context
    }

    /// The end of the day that lies some days after a moment, in the organisation's zone.
    var endOfDay: @Sendable (Moment, Int) -> Moment {
        let zone = config.organisation.zone
        return { OrganisationCalendar(zone: zone).endOfDay($0, after: $1) }
    }
}

extension PhoneParser {
    /// Reads a number as typed, as a method sees it.
    static func readCalled(_ typed: String, region: String, takesExtension: Bool) -> Result<DialledNumber, Refusal> {
        switch parse(typed, region: region, takesExtension: takesExtension) {
        case .success(let parsed):
            DialledNumber(parsed.number, extension: parsed.extension).map { .success($0) } ?? .failure(Refusal(.phoneExtension))
        case .failure(let problem): .failure(Refusal(problem.refusal))
        }
    }

    static func isLandline(_ phone: PhoneNumber) -> Bool {
        if case .success(let parsed) = parse(phone.e164, region: "ZZ") { parsed.isLandline } else { false }
    }

    static func read(_ typed: String, region: String) -> Result<PhoneNumber, Refusal> {
        switch parseForTexts(typed, region: region) {
        case .success(let parsed): .success(parsed.number)
        case .failure(let problem): .failure(Refusal(problem.refusal))
        }
    }
}

extension PhoneProblem {
    /// The sentence that names the problem.
    var refusal: Refusal.Code {
        switch self {
        case .empty: .phoneEmpty
        case .extension: .phoneExtension
        case .premium: .phonePremium
        case .noTexts: .phoneNoTexts
        default: .phoneImpossible
        }
    }
}
