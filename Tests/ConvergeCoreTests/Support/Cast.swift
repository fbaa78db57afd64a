import ConvergeCore

/// When every story of the tests happens, unless it says otherwise.
let noon = Moment(ms: 1_780_000_000_000)

/// People of the stories: valid by default, changed once where a story needs it.
enum Cast {
    /// An ordinary member who never held anything.
    static let ada = Person(id: PersonID("ada"))
    /// A guest.
    static let ben = Person(id: PersonID("ben"), kind: .guest)
    /// A helpdesk administrator.
    static let cleo = Person(id: PersonID("cleo"), roles: [.helpdesk])
    /// Has an office number in the directory.
    static let dora = Person(id: PersonID("dora"), hasDirectoryOfficePhone: true)
}

/// A credential of a kind: registered by its owner three months ago and proven with the first thing it can do.
func credential(_ kind: MethodKind, _ name: String? = nil, changed change: (inout Credential) -> Void = { _ in }) -> Credential {
    let capabilities = MethodRegistry.traits(of: kind).capabilities.map(\.capability), name = name ?? kind.rawValue
    var made = Credential(
        id: CredentialID(name), method: kind, capabilities: Set(capabilities), verifiedBy: capabilities.first,
        verifiedAt: noon - .days(90), channel: "channel of \(name)", addedAt: noon - .days(90))
    change(&made)
    return made
}

/// One letter of the decision tables: N Converge app, T other app, P phone, O office, E email, Q questions, K passkey.
let letters: [Character: MethodKind] = [
    "N": .convergeApp, "T": .totpApp, "P": .mobilePhone, "O": .officePhone, "E": .email, "Q": .securityQuestions, "K": .passkey,
]

/// Credentials by their letters.
func held(_ text: String) -> [Credential] { text.compactMap { letters[$0] }.map { credential($0) } }

/// Plan items as letters, confirmations in brackets.
func spelled(_ items: [PlanItem]) -> String {
    items.map { item in
        let letter = letters.first { $0.value == item.method }.map { String($0.key) } ?? "?"
        return item.confirms == nil ? letter : "(\(letter))"
    }.joined(separator: " ")
}

/// A policy for everybody: MFA and both registrations required unless said otherwise.
func policy(
    mfa: Set<Capability> = [], required: Bool = true, reset: Set<Capability>? = nil, gates: Int = 1,
    registerMFA: Bool = true, registerReset: Bool = true, guardKind: RegistrationGuard = .password,
    changed change: (inout PolicyDocument) -> Void = { _ in }
) -> PolicyDocument {
    var document = PolicyDocument(
        mfa: [MFARule(name: "sign-in", required: required, allow: mfa)],
        reset: reset.map { [ResetRule(name: "reset", gates: gates, allow: $0)] } ?? [],
        registration: [
            RegistrationRule(name: "registration", requireForMFA: registerMFA, requireForReset: registerReset, guardKind: guardKind)
        ])
    change(&document)
    return document
}

/// One person, what they hold, the policy and the world around a decision.
struct Scene {
    var person = Cast.ada
    var credentials: [Credential] = []
    var document: PolicyDocument
    /// When a capability left the sign-in policy.
    var removed: [Capability: Moment] = [:]
    var reach = Reachability.open
    var request = RequestFacts()
    var now = noon

    /// Somebody holds these; what that means for the person's history follows from the kinds.
    init(
        _ person: Person = Cast.ada, _ credentials: [Credential] = [], _ document: PolicyDocument,
        changed change: (inout Scene) -> Void = { _ in }
    ) {
        self.person = person
        self.credentials = credentials
        self.document = document
        let registered = credentials.filter { $0.state == .active || $0.state == .suspended }
        if registered.contains(where: \.traits.canProve) { self.person.firstHeldAt = noon - .days(90) }
        if registered.contains(where: \.traits.canSignIn) { self.person.mfaFirstHeldAt = noon - .days(90) }
        change(&self)
    }

    var policy: ResolvedPolicy {
        var resolved = document.resolve(for: person)
        resolved.removedAt = removed
        return resolved
    }

    var standing: Standing { Standing(person: person, credentials: credentials, policy: policy) }
    var facts: SignInFacts { SignInFacts(standing: standing, reach: reach, request: request, now: now) }

    /// Nobody reaches this person over any of these.
    mutating func cutOff(_ capabilities: Set<Capability>) {
        for credential in credentials {
            for capability in credential.capabilities.intersection(capabilities) {
                reach.gaps[credential.use(capability)] = Reachability.Gap(.budget, until: now + .minutes(10))
            }
        }
    }
}

/// Every capability there is.
let everything = Set(Capability.allCases)
