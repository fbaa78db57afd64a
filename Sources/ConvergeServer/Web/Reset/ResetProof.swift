import ConvergeCore

/// The proofs of a reset: contacts typed in full, codes sent or said to be, answers.
///
/// Before the first passed gate a contact that is nobody's, and a name that is nobody's, are counted, refused and answered as the
/// person's own would be, and what they cost is spent too.
extension ResetTurn {
    // MARK: contacts

    /// A number or address as typed.
    private struct Typed {
        let text: String
        var region: String?
        /// Nil: cannot be one; why not does not depend on the person.
        var channel: CodeMessage.Channel?
        var refusal: Refusal?
    }

    /// The number or address was typed in full: a code goes out only when it is the person's own. The page is the same either way.
    mutating func takeContact() throws -> Refusal? {
        guard case .contact(let kind) = page else { return nil }
        let typed = read(kind)
        state.typedContact = typed.text
        state.typedRegion = typed.region
        guard let channel = typed.channel else { return typed.refusal }
        let key = instance.credentials.channelKey(channel.source)
        let own = ResetMachine.firstGateUses(kind, state, facts).first { dossier.standing.credential($0.credential)?.channel == key }
        if let refusal = try refusalToAsk(kind, own?.credential ?? decoy(kind, key)) ?? refusalOfBudgets(key) { return refusal }
        let challenge = try own.flatMap { try send($0, continuing: nil) }
        if own == nil { try pretend(channel, kind) }
        step(.challenged(challenge, typed: typed.text, region: typed.region, until: request.now + ResetMachine.codeLife(kind)))
        return nil
    }

    private func read(_ kind: Capability) -> Typed {
        switch MethodRegistry.traits(of: kind).manner.carrier {
        case .mail: readAddress(request.form["email"].trimmingSpaces())
        case .voice: readCalled(request.form["number"], request.form["country"], kind)
        default: readNumber(request.form["number"], request.form["country"])
        }
    }

    private func readCalled(_ text: String, _ region: String, _ kind: Capability) -> Typed {
        let context = instance.methodContext(accountName: dossier.record.name, now: request.now)
        switch context.readCalled(text, region, kind == .officeCall) {
        case .failure(let refusal): return Typed(text: text, region: region, refusal: refusal)
        case .success(let dialled): return Typed(text: text, region: region, channel: .call(dialled))
        }
    }

    private func readAddress(_ text: String) -> Typed {
        guard !text.isEmpty else { return Typed(text: text, refusal: Refusal(.emailEmpty)) }
        guard let email = EmailAddress(text) else { return Typed(text: text, refusal: Refusal(.emailWrong)) }
        return Typed(text: text, channel: .email(email))
    }

    private func readNumber(_ text: String, _ region: String) -> Typed {
        switch PhoneParser.read(text, region: region) {
        case .failure(let refusal): return Typed(text: text, region: region, refusal: refusal)
        case .success(let phone):
            guard instance.config.isCountryOpen(phone) else {
                return Typed(text: text, region: region, refusal: Refusal(.phoneCountryClosed))
            }
            return Typed(text: text, region: region, channel: .text(phone))
        }
    }

    /// What counts tries against something that is nobody's.
    private func decoy(_ kind: Capability, _ channel: String) -> CredentialID {
        CredentialID("nobody-" + instance.keyed("\(dossier.person.id):\(kind.rawValue):\(channel)", "decoy").prefix(32))
    }

    /// Why no code may be asked for now. Nothing here depends on whether the contact is the person's.
    private func refusalToAsk(_ kind: Capability, _ credential: CredentialID) throws -> Refusal? {
        if isGatewayDown(kind) { return Refusal(.gatewayDown) }
        if let until = try Budgets.closed(credential, knownBrowser: knownBrowser, now: request.now, instance.budgets, db) {
            return Refusal(.resetBlocked, until: until)
        }
        return nil
    }

    /// Only a whole gateway: that one number or mailbox failed would tell that something was sent there.
    private func isGatewayDown(_ kind: Capability) -> Bool {
        OutboxMessage.Kind(kind).map(dossier.gatewaysDown.contains) ?? false
    }

    /// Codes asked for are counted per name with contact, and per network, whether or not they are sent. A stranger who types other
    /// numbers uses up nothing of the owner's.
    private func refusalOfBudgets(_ contact: String) throws -> Refusal? {
        let budgets = [
            (key: key("asks") + ":" + contact, rule: Budgets.sendsPerPerson), Budgets.from(request.network, .resetCode, instance),
        ]
        return try instance.spend(budgets, now: request.now, db).map { Refusal(.sendBudget, until: $0) }
    }

    /// Sends the code of the person's own contact. That it could not be sent is written down and not told: it would tell that the
    /// contact is right.
    private func send(_ use: CredentialUse, continuing: ChallengeState?) throws -> ChallengeState? {
        let (challenge, refusal) = try challenger.begin(use, purpose: .reset, continuing: continuing)
        try note(
            refusal == nil ? "code sent" : "code not sent", success: refusal == nil, reason: refusal?.code.rawValue,
            details: ["capability": use.capability.rawValue])
        return challenge.isUnderWay ? challenge : nil
    }

    /// Does what sending costs, for a contact that gets nothing.
    private func pretend(_ channel: CodeMessage.Channel, _ kind: Capability) throws {
        let message = CodeMessage(
            channel: channel, code: decoyCode(kind), notAfter: request.now + ResetMachine.codeLife(kind), purpose: .reset)
        let decoys = ledger.sendBudgets(channel, dossier.person.id).indices.map { key("decoy-\($0)") }
        _ = try instance.budgets.spend(decoys.map { (key: $0, rule: Budgets.sendsPerPerson) }, now: request.now, db)
        if case .call = channel {
            let id = instance.approvalID(message.code)
            try instance.approvals.insertDecoy(id, flow: flow.id, person: dossier.person.id, now: request.now, db)
        }
        let letter = instance.letters.code(message, person: dossier.record, now: request.now)
        try instance.outbox.insertDecoy(
            letter, id: instance.world.newToken(bytes: 16), notAfter: message.notAfter, now: request.now, db)
        try note("code not sent", success: false, reason: "contact not on the account", details: ["capability": kind.rawValue])
    }

    /// A code like the person's own; for a call the handle of one.
    private func decoyCode(_ kind: Capability) -> Secret {
        if MethodRegistry.traits(of: kind).manner == .answeredCall {
            return ApprovalHandle.make(instance.methodContext(accountName: dossier.record.name, now: request.now))
        }
        let digits = ResetMachine.codeDigits(kind)
        return OneTimeCode.digits(digits, random: instance.world.random(OneTimeCode.randomBytes(for: digits))) ?? Secret("")
    }

    /// Another code for the choice at hand.
    mutating func sendAgain() throws -> Refusal? {
        guard case .code(let kind) = page, MethodRegistry.traits(of: kind).manner.carrier != nil else { return nil }
        guard state.canSendAgain else { return Refusal(.sendTooMany) }
        guard state.passed.isEmpty else { return try sendAgainToOwn() }
        guard let channel = typedChannel(kind) else { return nil }
        if isGatewayDown(kind) { return Refusal(.gatewayDown) }
        if let refusal = try refusalOfBudgets(instance.credentials.channelKey(channel.source)) { return refusal }
        let current = state.challenge
        let challenge = try current.flatMap { try send($0.use, continuing: $0) }
        if current == nil { try pretend(channel, kind) }
        step(.challenged(challenge ?? current, typed: nil, region: nil, until: request.now + ResetMachine.codeLife(kind)))
        return nil
    }

    /// After a passed gate the person may know why nothing is sent.
    private mutating func sendAgainToOwn() throws -> Refusal? {
        guard let current = state.challenge else { return nil }
        let (challenge, refusal) = try challenger.begin(current.use, purpose: .reset, continuing: current)
        if let refusal { return refusal }
        try note("code sent", details: ["capability": current.use.capability.rawValue])
        step(.challenged(challenge, typed: nil, region: nil, until: challenge.until))
        return nil
    }

    private func typedChannel(_ kind: Capability) -> CodeMessage.Channel? {
        let text = state.typedContact ?? ""
        switch MethodRegistry.traits(of: kind).manner.carrier {
        case .mail: return readAddress(text).channel
        case .voice: return readCalled(text, state.typedRegion ?? "", kind).channel
        default: return readNumber(text, state.typedRegion ?? "").channel
        }
    }

    // MARK: answers

    mutating func takeAnswer() throws -> Refusal? {
        guard case .code(let kind) = page else { return nil }
        let answer = request.form.answer, gate = state.passed.count + 1
        if let challenge = state.challenge, let refusal = challenger.incomplete(answer, challenge) { return refusal }
        let manner = MethodRegistry.traits(of: kind).manner
        if manner.isCode, answer.code.trimmingSpaces().isEmpty { return Refusal(.codeEmpty) }
        if manner == .ceremony, let refusal = Passkey.incomplete(answer) { return refusal }
        switch try compare(answer, kind) {
        case .proved(let proof):
            let use = proof.use
            guard step(.proved(use)) else { return Refusal(.notAllowed) }
            if gate == 1 { try giveBack(kind) }
            try note("gate \(gate) passed", details: ["capability": use.capability.rawValue])
            return nil
        case .refused(let refusal) where (manner == .answeredCall || manner == .approval) && refusal.until == nil:
            // Nothing was typed. Before the first proof nothing is told of a call, for its number may be nobody's.
            return state.passed.isEmpty ? Refusal(.callPending) : refusal
        case .refused(let refusal):
            if refusal.code != .codeSpent { try countAsFailed() }
            if refusal.until != nil { try noteBlocked() }
            try note(
                "gate \(gate) failed", success: false, reason: refusal.code.rawValue,
                details: refusal.logged.merging(["capability": kind.rawValue]) { $1 })
            // "Too many" by the account's budget says until when; by this page's tries it does not.
            return refusal.until.map { Refusal(.resetBlocked, until: $0) } ?? refusal
        }
    }

    /// Somebody proved something: this reset, and the code that was asked for before anything was proved, count no more for the network.
    private func giveBack(_ kind: Capability) throws {
        let budgets: [Budgets.FromNetwork] = ResetMachine.isSent(kind) ? [.reset, .resetCode] : [.reset]
        try instance.budgets.giveBack(budgets.map { Budgets.from(request.network, $0, instance).key }, db)
    }

    private mutating func compare(_ answer: Answer, _ kind: Capability) throws -> Challenger.Outcome {
        let offered = self.offered(kind)
        var unsent = offered.first.flatMap { use in
            ResetMachine.isSent(kind) ? nil : ChallengeState(use: use, purpose: .reset, startedAt: request.now)
        }
        unsent?.seed = passkeySeed
        guard var challenge = state.challenge ?? unsent, offered.contains(challenge.use) else {
            return .refused(MethodRegistry.traits(of: kind).manner == .answeredCall ? try decoyPending(kind) : try decoyRefusal(kind))
        }
        challenge.triesLeft = state.triesLeft
        let outcome = try challenger.answer(answer, state: &challenge, offered: offered)
        state.triesLeft = challenge.triesLeft
        if state.challenge != nil { state.challenge = challenge }
        return outcome
    }

    /// What an answer at the gate at hand may prove.
    private func offered(_ kind: Capability) -> [CredentialUse] {
        guard !state.passed.isEmpty else { return ResetMachine.firstGateUses(kind, state, facts) }
        return Gates.next(standing: dossier.standing, passed: state.passed, reach: .open, now: request.now)
            .filter { $0.capability == kind }
    }

    /// Nobody has pressed a key. Does what asking the store about a call costs.
    private func decoyPending(_ kind: Capability) throws -> Refusal {
        let decoy = decoy(kind, typedChannel(kind).map { instance.credentials.channelKey($0.source) } ?? "")
        if let until = try Budgets.spendTry(decoy, knownBrowser: knownBrowser, now: request.now, instance.budgets, db) {
            return Refusal(.codeTooMany, until: until)
        }
        _ = try instance.approvals.find(ApprovalID(decoy.text), db)
        try instance.budgets.giveBack(Budgets.codes(decoy, knownBrowser: knownBrowser).map(\.key), db)
        return Refusal(.callPending)
    }

    /// What the challenges for a passkey are made of while the page is that of anybody.
    var passkeySeed: [UInt8] { Hex.decode(instance.keyed(flow.id.text, "passkey reset")) ?? [] }

    /// Every code is wrong, and tries are counted as a person's own.
    private mutating func decoyRefusal(_ kind: Capability) throws -> Refusal {
        guard state.triesLeft > 0 else { return tooMany(kind) }
        guard MethodRegistry.traits(of: kind).manner != .ceremony else {
            state.triesLeft -= 1
            return state.triesLeft > 0 ? Refusal(.passkeyWrong) : tooMany(kind)
        }
        let channel = typedChannel(kind).map { instance.credentials.channelKey($0.source) } ?? ""
        if let until = try Budgets.spendTry(
            decoy(kind, channel), knownBrowser: knownBrowser, now: request.now, instance.budgets, db)
        {
            return Refusal(.codeTooMany, until: until)
        }
        state.triesLeft -= 1
        return state.triesLeft > 0 ? Refusal(.codeWrong, count: state.triesLeft) : tooMany(kind)
    }

    private func tooMany(_ kind: Capability) -> Refusal { Refusal(kind == .passkey ? .passkeyTooMany : .codeTooMany) }
}

extension CodeMessage.Channel {
    /// What the keyed hash of a channel is made of.
    var source: String {
        switch self {
        case .text(let phone): "tel:" + phone.e164
        case .email(let email): "mail:" + email.normalised
        case .call(let dialled): dialled.channelSource
        case .app: ""
        }
    }
}
