import ConvergeCore

/// Challenges, as sign-in, fresh proof and reset ask them: one place that sends, counts, compares and spends.
struct Challenger {
    let instance: Instance
    let dossier: Dossier
    let knownBrowser: Bool
    let ledger: Ledger

    private func context(_ state: ChallengeState) throws -> MethodContext {
        try instance.methodContext(for: dossier, state.approvals, db)
    }

    /// Without what was asked elsewhere: nothing is looked up, so that beginning costs the same whoever it is for.
    private var plainContext: MethodContext { get throws { try instance.methodContext(for: dossier, nil, db) } }

    private var db: any Connection { ledger.db }

    /// Starts a challenge, or sends another code for the one at hand.
    ///
    /// - Returns: the state to keep, and a refusal when nothing could be sent.
    func begin(_ use: CredentialUse, purpose: Purpose, continuing state: ChallengeState?) throws -> (ChallengeState, Refusal?) {
        let current = state?.use == use ? state! : ChallengeState(use: use, purpose: purpose, startedAt: dossier.now)
        guard let record = dossier.credential(use.credential), let method = MethodRegistry.method(record.credential.method) else {
            return (current, Refusal(.notAllowed))
        }
        if let kind = OutboxMessage.Kind(use.capability), dossier.gatewaysDown.contains(kind) { return (current, Refusal(.gatewayDown)) }
        let (next, message) = method.beginChallenge(current, try instance.credentials.open(record), try plainContext)
        guard let message else {
            return sends(use) ? (current, Refusal(tooMany(use))) : (next, nil)
        }
        if let refusal = try ledger.send(message, to: dossier.record, isKnown: knownBrowser) { return (current, refusal) }
        return (next, nil)
    }

    /// Whether a capability sends something to the person.
    func sends(_ use: CredentialUse) -> Bool { MethodRegistry.traits(of: use.capability).manner.carrier != nil }

    private func tooMany(_ use: CredentialUse) -> Refusal.Code {
        switch MethodRegistry.traits(of: use.capability).manner {
        case .answeredCall: .callTooMany
        case .approval: .approvalTooMany
        default: .sendTooMany
        }
    }

    /// Whether a text may start by itself: from a browser that never signed in as this person, once in ten minutes.
    func mayStartByItself(_ use: CredentialUse) throws -> Bool {
        guard sends(use), !knownBrowser else { return true }
        let rule = BudgetRule(limit: 1, window: .minutes(10))
        return try instance.budgets.spend("auto:\(dossier.person.id)", rule, now: dossier.now, db) == nil
    }

    /// What came of an answer.
    enum Outcome {
        case proved(Proof)
        case refused(Refusal)
    }

    /// Compares an answer: counts the try first, spends what has to be spent.
    ///
    /// An app's code may come from any of the person's apps that are offered.
    func answer(_ answer: Answer, state: inout ChallengeState, offered: [CredentialUse]) throws -> Outcome {
        if let refusal = incomplete(answer, state) { return .refused(refusal) }
        let isCeremony = MethodRegistry.traits(of: state.use.capability).manner == .ceremony
        guard state.triesLeft > 0 else { return .refused(refusal(state, late: false)) }
        let siblings =
            ResetMachine.isSent(state.use.capability)
            ? [] : offered.filter { $0.capability == state.use.capability && $0 != state.use }
        var spent = false, late = false, undecided: Refusal?, detail: String?
        // Nobody guesses a signature: a budget would only let a stranger close the passkey to its owner.
        if !isCeremony,
            let until = try Budgets.spendTry(state.use.credential, knownBrowser: knownBrowser, now: dossier.now, instance.budgets, db)
        {
            return .refused(Refusal(.codeTooMany, until: until))
        }
        state.triesLeft -= 1
        for use in [state.use] + siblings {
            switch try compare(answer, state, use) {
            case .right(let claim, let references):
                if let claim, try !instance.credentials.win(claim, at: dossier.now, db) {
                    switch claim {
                    case .step, .driftingStep: spent = !isCeremony
                    case .approval: undecided = Refusal(.callLate)
                    case .recoveryCode, .pass: break
                    }
                    continue
                }
                // One passed gate of a reset is no sign-in: somebody else may hold that one.
                let ceilings = state.purpose == .reset ? [] : dossier.credentials.map(\.id)
                try Budgets.clear(use.credential, ceilings: ceilings, instance.budgets, db)
                try instance.credentials.used(use.credential, for: state.purpose, at: dossier.now, db)
                try ledger.answered(use.capability)
                // A phone that was asked too has nothing to decide any more.
                if mayHaveAsked { try ledger.endApprovals(of: dossier.person.id) }
                return .proved(Proof(use: use, at: dossier.now, references: references))
            case .refused(let why):
                if why.code == .passkeyCopied { return .refused(try refuseCopied(use.credential)) }
                detail = why.detail
            case .alreadySpent: spent = true
            case .expired: late = true
            case .undecided(let refusal): undecided = refusal
            case .wrong: break
            }
        }
        if spent || undecided != nil {
            // Right, but used already, or nothing was answered: costs no try, neither here nor of the account.
            state.triesLeft += 1
            try instance.budgets.giveBack(Budgets.codes(state.use.credential, knownBrowser: knownBrowser).map(\.key), db)
            return .refused(undecided ?? Refusal(.codeSpent))
        }
        if !late { state = try afterWrong(state) }
        return .refused(refusal(state, late: late).because(detail))
    }

    /// There may be a copy of a passkey: it is refused, and its owner told.
    func refuseCopied(_ id: CredentialID) throws -> Refusal {
        try ledger.tell(.passkeyCopied, dossier, credential: id)
        return Refusal(.passkeyCopied, detail: PasskeyProblem.counter.code)
    }

    /// Why an answer is none at all.
    func incomplete(_ answer: Answer, _ state: ChallengeState) -> Refusal? { method(of: state.use)?.incomplete(state, answer) }

    /// What has to be hashed before an answer is compared.
    func slowWork(_ answer: Answer, _ state: ChallengeState) throws -> [SlowJob] {
        guard let record = dossier.credential(state.use.credential), let method = method(of: state.use) else { return [] }
        return method.slowWork(state, answer, try instance.credentials.open(record), try context(state))
    }

    private func afterWrong(_ state: ChallengeState) throws -> ChallengeState {
        guard !MethodRegistry.traits(of: state.use.capability).manner.isCode, let method = method(of: state.use),
            let record = dossier.credential(state.use.credential)
        else { return state }
        return method.afterWrong(state, try instance.credentials.open(record), try context(state))
    }

    private func refusal(_ state: ChallengeState, late: Bool) -> Refusal {
        if late { return Refusal(.codeExpired) }
        if state.use.capability == .passkey { return state.triesLeft > 0 ? Refusal(.passkeyWrong) : Refusal(.passkeyTooMany) }
        guard state.triesLeft > 0 else { return Refusal(.codeTooMany) }
        switch state.use.capability {
        case .recoveryCode: return Refusal(.recoveryWrong, count: state.triesLeft)
        case .temporaryAccessPass: return Refusal(.passWrong, count: state.triesLeft)
        case .securityQuestions: return Refusal(.answersWrong, count: state.triesLeft)
        default: return Refusal(.codeWrong, count: state.triesLeft)
        }
    }

    private var mayHaveAsked: Bool { dossier.credentials.contains { $0.credential.capabilities.contains(.appNotification) } }

    private func method(of use: CredentialUse) -> (any AuthenticationMethod.Type)? {
        (dossier.credential(use.credential)?.credential.method).flatMap(MethodRegistry.method)
    }

    /// What the page of a challenge asks for; nil where its credential is gone.
    func prompt(_ state: ChallengeState) throws -> Prompt? {
        guard let record = dossier.credential(state.use.credential), let method = method(of: state.use) else { return nil }
        return method.challengePrompt(state, try instance.credentials.open(record), try context(state))
    }

    private func compare(_ answer: Answer, _ state: ChallengeState, _ use: CredentialUse) throws -> Verification {
        guard let record = dossier.credential(use.credential), let method = MethodRegistry.method(record.credential.method) else {
            return .wrong
        }
        return method.verify(state, answer, try instance.credentials.open(record), try context(state))
    }
}
