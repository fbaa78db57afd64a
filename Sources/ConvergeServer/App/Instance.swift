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
    let budgets: BudgetStore
    let passwordLocks = PasswordLockStore()
    let hasher: PasswordHasher
    let breached: BreachedList?
    /// Makers of authenticators that the operator trusts.
    let anchors: AttestationAnchors
    let renderer: Renderer
    let policyCache: PolicyCache
    let letters: Letters
    let outboxSignal = OutboxSignal()
    let metrics: Metrics
    let log: Logger
    /// The demo's in-memory box for texts and mails; nil in production.
    let box: DemoBox?

    /// Keyed hash with the key ring, for one purpose.
    func keyed(_ text: String, _ purpose: String) -> String { keys.keyedHash(Array(text.utf8), purpose: purpose) }

    /// What methods may use while they work for one account.
    func methodContext(
        accountName: String, settings: MethodSettings = MethodSettings(), passkeys: PasskeyContext = PasskeyContext(), now: Moment
    ) -> MethodContext {
        let keys = self.keys, config = self.config
        let own = Set(config.organisation.mailDomains.map { $0.lowercased() })
        return MethodContext(
            now: now, random: world.random, keyedHash: { keys.keyedHash(Array($0.utf8), purpose: "code") },
            readPhone: { typed, region in PhoneParser.read(typed, region: region) },
            isCountryOpen: { config.isCountryOpen($0) },
            isOwnMailDomain: { domain in own.contains { domain == $0 || domain.hasSuffix("." + $0) } }, settings: settings,
            passkeys: passkeys, issuer: config.organisation.name, accountName: accountName, host: config.publicHost)
    }

    /// The same for a person, of whom passkeys that are registered are known.
    func methodContext(_ dossier: Dossier) throws -> MethodContext {
        let held = try dossier.credentials.filter { $0.credential.method == .passkey && $0.credential.state == .active }
            .compactMap { try credentials.open($0).content.passkey }
        let passkeys = PasskeyContext(
            origin: config.publicURL, person: dossier.person.id, displayName: dossier.record.displayName, held: held, trust: anchors)
        return methodContext(
            accountName: dossier.record.name, settings: dossier.policy.methods, passkeys: passkeys, now: dossier.now)
    }

    /// The end of the day that lies some days after a moment, in the organisation's zone.
    var endOfDay: @Sendable (Moment, Int) -> Moment {
        let zone = config.organisation.zone
        return { OrganisationCalendar(zone: zone).endOfDay($0, after: $1) }
    }
}

extension PhoneParser {
    /// Reads a number as typed, as a method sees it.
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
