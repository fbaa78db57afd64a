/// What would happen to one person at the next sign-in with the right password, under some policy.
public struct Forecast: Hashable, Sendable {
    /// Names of the pages a sign-in can end on, as `policy check` prints them.
    public enum Outcome: String, Codable, CaseIterable, Sendable {
        case signedIn = "signed-in"
        case challenge, bridge, wizard, wizardPostponable = "wizard-postponable", review
        case changePassword = "change-password"
        case directoryProof = "directory-proof"
        case unreachable
        case blocked, disabled
        case policyUnsatisfiable = "policy.unsatisfiable"
        case stranded = "mfa.stranded"
        case registrationGuarded = "registration.guarded"
    }

    public let outcome: Outcome
    public let requirements: Requirements
    public let plan: [MethodKind]
    public let countingForSignIn: [CredentialUse]
    public let countingForReset: [CredentialUse]
    public let reasons: [Reason]

    /// Asks the same functions that a sign-in asks: simulation is the truth.
    ///
    /// - Parameters:
    ///   - planning: whoever asks for many people may remember plans.
    ///   - withReasons: false: leaves them empty, for whoever asks for many people and shows none.
    public static func atNextSignIn(
        _ facts: SignInFacts, planning: Planning = Planner.plan, withReasons: Bool = true
    ) -> Forecast {
        let person = facts.person, standing = facts.standing
        let state = SignInState(person: person.id, firstFactor: .password, epoch: person.sessionEpoch)
        var table = SignInTable(state: state, facts: facts, planning: planning)
        let page = table.read(), outcome = table.outcome, requirements = table.requirements
        return Forecast(
            outcome: person.state == .disabled ? .disabled : name(of: page), requirements: requirements,
            plan: outcome.plan.items.map(\.method), countingForSignIn: standing.counting(for: .signIn),
            countingForReset: standing.counting(for: .reset),
            reasons: withReasons ? standing.reasons(for: requirements, outcome: outcome) : [])
    }

    /// The name of the page that a sign-in shows.
    public static func name(of page: SignInPage) -> Outcome {
        switch page {
        case .blocked: .blocked
        case .outdated, .cancelled: .disabled
        case .challenge: .challenge
        case .unreachable: .unreachable
        case .deadEnd(.policyUnsatisfiable): .policyUnsatisfiable
        case .deadEnd(.stranded): .stranded
        case .deadEnd(.registrationGuarded): .registrationGuarded
        case .bridge: .bridge
        case .directoryProof: .directoryProof
        case .changePassword: .changePassword
        case .moreInformation(_, .none), .choose(_, _, _, .none), .register(_, _, _, _, .none): .wizard
        case .moreInformation, .choose, .register, .campaign: .wizardPostponable
        case .recoveryCodes, .summary: .wizard
        case .review: .review
        case .done: .signedIn
        }
    }
}
