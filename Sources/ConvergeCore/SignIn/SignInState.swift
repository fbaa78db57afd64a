/// How a sign-in began.
public enum FirstFactor: String, Codable, Sendable {
    case password, accessPass
    /// A passkey with user verification: both steps at once.
    case passkey
}

/// One use that was answered in this sign-in or session, with its time.
public struct Proof: Hashable, Codable, Sendable {
    public let use: CredentialUse
    public let at: Moment
    /// Authentication method references (RFC 8176), where they say more than the capability does.
    public let references: [String]?

    public init(use: CredentialUse, at: Moment, references: [String]? = nil) {
        self.use = use
        self.at = at
        self.references = references
    }
}

/// The interrupts of a sign-in; each is shown at most once.
public enum Interrupt: String, Codable, Sendable, Hashable {
    case wizard, review, campaign
}

/// The wizard inside a sign-in.
public struct WizardState: Codable, Sendable, Equatable {
    /// What the person chose instead of the proposal.
    public var chosen: [MethodKind] = []
    /// The credentials this wizard has registered or confirmed, in order.
    public var done: [CredentialID] = []
    /// Whether the person has pressed Start.
    public var started = false
    /// Whether the page with the choices is open.
    public var choosing = false
    /// Whether the recovery codes were shown and put away, or there are none to show.
    public var codesSeen = false
    /// The campaign that this wizard answers; nil: it meets requirements.
    public var campaign: String?

    public init() {}
}

/// A sign-in after its first factor was right: one value, kept sealed in a flow row.
public struct SignInState: Codable, Sendable, Equatable {
    public let person: PersonID
    public let firstFactor: FirstFactor
    /// The session epoch of the person when the sign-in began: a higher one ends it.
    public var epoch: Int64
    public var proofs: [Proof] = []
    /// Set when the sign-in became *registration-only*: the person's security version then, kept in step with this
    /// sign-in's own registrations. Any other change of what the person holds ends the mode.
    public var registrationVersion: Int64?
    /// Interrupts that were answered, put off or finished.
    public var closed: Set<Interrupt> = []
    /// A value of the directory was confirmed in the review at hand, which stays open until it is answered.
    public var reviewOpen = false
    /// Interrupts are left out this time ("Not now" at a proof, or nothing could be reached).
    public var leftOut = false
    public var wizard: WizardState?
    public var enrolment: EnrolmentState?
    public var challenge: ChallengeState?
    /// The person stopped a wizard that could not be put off.
    public var cancelled = false
    /// "Don't ask again on this browser" was ticked.
    public var remember = false
    /// When the pass that began the sign-in ends.
    public var passEnds: Moment?

    public init(person: PersonID, firstFactor: FirstFactor, epoch: Int64) {
        self.person = person
        self.firstFactor = firstFactor
        self.epoch = epoch
    }

    /// Entered without having held anything, and nobody else has registered anything for the person since.
    func isRegistrationOnly(_ person: Person) -> Bool { registrationVersion == person.securityVersion }
}

/// What the request and its browser add to the decision.
public struct RequestFacts: Hashable, Sendable {
    public var inTrustedNetwork: Bool
    public var rememberedBrowser: Bool
    /// The application asks for a second step whatever the policy says.
    public var applicationDemandsMFA: Bool

    public init(inTrustedNetwork: Bool = false, rememberedBrowser: Bool = false, applicationDemandsMFA: Bool = false) {
        self.inTrustedNetwork = inTrustedNetwork
        self.rememberedBrowser = rememberedBrowser
        self.applicationDemandsMFA = applicationDemandsMFA
    }
}

/// Everything a sign-in decision looks at.
public struct SignInFacts: Sendable {
    public let standing: Standing
    public let reach: Reachability
    public let request: RequestFacts
    public let now: Moment
    /// The end of the day that lies some days after a moment, in the organisation's zone.
    public let endOfDay: @Sendable (Moment, _ days: Int) -> Moment

    public init(
        standing: Standing, reach: Reachability = .open, request: RequestFacts = RequestFacts(), now: Moment,
        endOfDay: @escaping @Sendable (Moment, Int) -> Moment = { $0 + .days($1) }
    ) {
        self.standing = standing
        self.reach = reach
        self.request = request
        self.now = now
        self.endOfDay = endOfDay
    }

    public var person: Person { standing.person }
    public var policy: ResolvedPolicy { standing.policy }
}

/// Whether and until when a page may be put off.
public enum Postponement: Hashable, Sendable {
    /// Not at all.
    case none
    /// "Not now"; with a day where a grace period ends.
    case notNow(until: Moment?)
    /// The sign-in part is done, only the reset part is left: "Finish later".
    case finishLater(skipsLeft: Int?)
}

/// A dead end with a name and somebody to ask.
public enum DeadEnd: String, Codable, CaseIterable, Sendable, Hashable {
    case policyUnsatisfiable = "policy.unsatisfiable"
    case stranded = "mfa.stranded"
    case registrationGuarded = "registration.guarded"
}

/// What a session is worth when it begins.
public struct SessionGrant: Hashable, Sendable {
    /// Authentication methods references (RFC 8176); the truth.
    public let amr: [String]
    public let proofs: [Proof]
    /// Whether a second step was proven.
    public let hasMFA: Bool
    /// The session ends with the pass that opened it.
    public let endsAt: Moment?
    public let rememberDays: Int
}

/// The page a sign-in shows.
public enum SignInPage: Hashable, Sendable {
    case blocked
    /// The session epoch rose: the sign-in is over.
    case outdated
    /// The person stopped a registration that could not be put off.
    case cancelled
    case challenge(uses: [CredentialUse], first: CredentialUse, postpone: Postponement)
    /// Something counts, none of it can be reached: never the wizard.
    case unreachable
    case deadEnd(DeadEnd)
    /// One proof with something held: opens registration of a replacement and nothing else.
    case bridge(uses: [CredentialUse], postpone: Postponement)
    /// A code to a contact that the directory knows, before the first registration.
    case directoryProof(uses: [CredentialUse], postpone: Postponement)
    case changePassword
    case moreInformation(Plan, postpone: Postponement)
    case choose(Plan, step: Int, of: Int, postpone: Postponement)
    case register(PlanItem, Plan, step: Int, of: Int, postpone: Postponement)
    case recoveryCodes
    case summary
    case review
    /// A campaign suggests one more method, before anything is started.
    case campaign(PlanItem, name: String, postpone: Postponement)
    case done(SessionGrant)
}
