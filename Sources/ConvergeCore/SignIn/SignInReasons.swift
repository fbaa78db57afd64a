extension SignInDecision {
    /// "Why am I being asked?": the reasons behind the wizard that a sign-in shows.
    public static func reasons(_ state: SignInState, _ facts: SignInFacts) -> [Reason] {
        let table = SignInTable(state: state, facts: facts)
        return facts.standing.reasons(for: table.requirements, outcome: table.outcome)
    }

    /// When the grace period of a person ends, where one runs.
    public static func graceEnds(_ facts: SignInFacts) -> Moment? {
        let state = SignInState(person: facts.person.id, firstFactor: .password, epoch: facts.person.sessionEpoch)
        let table = SignInTable(state: state, facts: facts)
        return table.isInGrace ? table.graceEnds : nil
    }
}
