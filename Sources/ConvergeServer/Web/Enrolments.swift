import ConvergeCore

/// Registrations, as the wizard and the Security info page run them: one place that sends, writes and tells.
struct Registrar {
    let instance: Instance
    let dossier: Dossier
    let ledger: Ledger

    private func context(_ state: EnrolmentState? = nil) throws -> MethodContext {
        try instance.methodContext(for: dossier, state?.approvals, activation: state?.activation, db)
    }
    private var db: any Connection { ledger.db }

    /// Whether one more credential of a kind may be added.
    func refusalToAdd(_ kind: MethodKind, replacing: CredentialID?) -> Refusal? {
        let traits = MethodRegistry.traits(of: kind)
        let held = dossier.credentials.map(\.credential).filter {
            $0.traits.limitGroup == traits.limitGroup && $0.id != replacing && $0.state == .active
        }
        guard held.count >= traits.limit else { return nil }
        return Refusal(.limitReached, count: traits.limit)
    }

    /// Starts a registration, of a new credential or of a value that the directory knows.
    func begin(_ kind: MethodKind, replacing: CredentialID? = nil, confirming: CredentialID? = nil) throws -> EnrolmentStep? {
        guard let method = MethodRegistry.method(kind) else { return nil }
        var state = EnrolmentState(method: kind, replaces: replacing, confirms: confirming)
        if let confirming, let record = dossier.credential(confirming) {
            // The value is taken over; its code is sent when the person says so.
            let content = try instance.credentials.open(record).content
            state.typed = content.phone?.e164 ?? content.email?.address
        }
        if kind == .hardwareToken { state.typed = try instance.tokens.assignedSerial(of: dossier.person.id, db) }
        let step = method.beginEnrolment(state, try context())
        try keep(step.offer)
        return step
    }

    /// An app is waited for: its code is written down.
    private func keep(_ offer: AppOffer?) throws {
        guard let offer, let flow = ledger.correlation.map({ FlowID($0) }) else { return }
        try instance.authenticators.insert(offer, of: dossier.person.id, flow: flow, db)
    }

    /// What has to be hashed before an input is taken.
    func slowWork(_ input: EnrolmentInput, _ state: EnrolmentState) throws -> [SlowJob] {
        try MethodRegistry.method(state.method)?.slowWork(state, input, context(state)) ?? []
    }

    /// Where a registration stands.
    func prompt(_ state: EnrolmentState) throws -> Prompt? { MethodRegistry.method(state.method)?.prompt(state, try context(state)) }

    /// How a number may be proven, where its owner has a choice.
    var ways: Set<Capability> { get throws { try context().ways ?? [] } }

    /// What came of one input.
    enum Outcome {
        case waiting(EnrolmentState, Prompt, Refusal?)
        /// The credential is written. The proof is the one given with it.
        case finished(Proof)
    }

    /// Takes one input. Throws `Overtaken` when what the person holds has changed meanwhile.
    ///
    /// - Parameter firstWizard: the person's first wizard; its credentials are exempt from the minimum age for a reset.
    func take(_ input: EnrolmentInput, _ state: EnrolmentState, firstWizard: Bool) throws -> Outcome {
        guard let method = MethodRegistry.method(state.method) else { return .waiting(state, .email(typed: ""), Refusal(.notAllowed)) }
        let context = try context(state), input = try lookedUp(input), tries = TokenTries(input, state, dossier.person.id, instance)
        guard try mayType(input, state) else { return .waiting(state, method.prompt(state, context), Refusal(.notAllowed)) }
        if let tries, let refusal = try tries.spend(at: dossier.now, db) {
            try noteWrong(refusal, state.method, input)
            var same = state
            same.typed = tries.serial
            return .waiting(same, method.prompt(same, context), refusal)
        }
        let step = method.continueEnrolment(state, input, context)
        try keep(step.offer)
        if let message = step.message, let refusal = try refusalToSend(message) {
            // Nothing was sent, so the codes are those from before; what was typed is kept.
            var same = state
            (same.typed, same.region) = (step.state.typed, step.state.region)
            return .waiting(same, method.prompt(same, context), refusal)
        }
        guard let new = step.finished else {
            if let refusal = step.refusal, refusal.isWrongProof { try noteWrong(refusal, state.method, input) }
            return .waiting(step.state, step.prompt, step.refusal)
        }
        try tries?.giveBack(db)
        if let refusal = try refusalToFinish(new) { return .waiting(step.state, step.prompt, refusal) }
        if let claim = new.claim, try !instance.credentials.win(claim, at: dossier.now, db) {
            return .waiting(step.state, step.prompt, Refusal(new.method == .convergeApp ? .approvalLate : .callLate))
        }
        let use = try write(new, firstWizard: firstWizard)
        // Only now: the same code may be typed again until then.
        try ledger.answered(use.capability)
        return .finished(Proof(use: use, at: dossier.now, references: new.references))
    }

    /// Whether what is typed may be the person's own choice. What the directory keeps is confirmed as it is, whatever a form says.
    private func mayType(_ input: EnrolmentInput, _ state: EnrolmentState) throws -> Bool {
        switch input {
        case .email, .phone, .changeContact:
            try isConfirming(input, state) || dossier.standing.ownerMay(\.add, MethodRegistry.traits(of: state.method))
        case .sendAgain, .code, .answer: true
        }
    }

    /// The very value that the directory has.
    private func isConfirming(_ input: EnrolmentInput, _ state: EnrolmentState) throws -> Bool {
        guard let record = state.confirms.flatMap({ dossier.credential($0) }), record.credential.state == .unconfirmed else {
            return false
        }
        let content = try instance.credentials.open(record).content
        return switch input {
        case .phone(let typed, _, _): typed == content.dialled?.typed
        case .email(let typed): typed == content.email?.address
        case .changeContact, .sendAgain, .code, .answer: false
        }
    }

    /// An answer with what the store knows about it.
    private func lookedUp(_ input: EnrolmentInput) throws -> EnrolmentInput {
        guard case .answer(var answer) = input, !answer["serial"].isEmpty else { return input }
        answer.token = try instance.tokens.lookUp(serial: answer["serial"], for: dossier.person.id, db)
        return .answer(answer)
    }

    private func noteWrong(_ refusal: Refusal, _ method: MethodKind, _ input: EnrolmentInput) throws {
        var details = refusal.logged.merging(["method": method.rawValue]) { $1 }
        // Only what the inventory knows: anything may have been typed.
        if case .answer(let answer) = input { details["serial"] = answer.token?.serial }
        try ledger.note(.registered, dossier.record, success: false, reason: refusal.code.rawValue, details: details)
    }

    private func refusalToSend(_ message: CodeMessage) throws -> Refusal? {
        let kind: OutboxMessage.Kind =
            switch message.channel {
            case .text: .text
            case .email: .mail
            case .call: .voice
            case .app: .push
            }
        if kind != .push, dossier.gatewaysDown.contains(kind) { return Refusal(.gatewayDown) }
        return try ledger.send(message, to: dossier.record, isKnown: true)
    }

    private func refusalToFinish(_ new: NewCredential) throws -> Refusal? {
        let channel = instance.credentials.channelKey(new.channelSource)
        // A value that only the directory sets is confirmed by its owner, and no other takes its place.
        let isOwners = dossier.standing.ownerMay(\.add, MethodRegistry.traits(of: new.method))
        guard isOwners || known(new, channel) != nil else { return Refusal(.notAllowed) }
        let same = dossier.credentials.contains {
            $0.credential.channel == channel && $0.credential.state == .active && $0.id != new.replaces && $0.id != new.confirms
                && $0.credential.method == new.method
        }
        if same { return Refusal(new.method == .passkey ? .passkeyHeld : .phoneTaken) }
        if isOwners, try hasNumberOfAnother(new) { return Refusal(.phoneTaken) }
        return refusalToAdd(new.method, replacing: new.replaces ?? new.confirms)
    }

    /// Whether another of the person's telephones has this number but for an extension: behind a mobile's number an extension is a
    /// few tones that nobody hears, and one telephone would pass for two. A switchboard has many telephones behind it.
    private func hasNumberOfAnother(_ new: NewCredential) throws -> Bool {
        guard let number = new.content.phone, try !context().isLandline(number) else { return false }
        return try dossier.credentials.contains { record in
            guard record.credential.method != new.method, record.credential.state != .retired else { return false }
            let content = try instance.credentials.open(record).content
            return content.phone == number && content.extension != new.content.extension
        }
    }

    private func write(_ new: NewCredential, firstWizard: Bool) throws -> CredentialUse {
        guard try instance.people.raiseSecurityVersion(dossier.person, db) else { throw Overtaken() }
        let channel = instance.credentials.channelKey(new.channelSource), now = dossier.now
        let use: CredentialUse
        if let known = known(new, channel) {
            try instance.credentials.confirm(known, by: new.verifiedBy, at: now, db)
            use = CredentialUse(credential: known, capability: new.verifiedBy)
        } else {
            use = try insert(new, channel: channel, firstWizard: firstWizard)
        }
        let traits = MethodRegistry.traits(of: new.method)
        if traits.canProve { try instance.people.noteHeld(dossier.person.id, at: now, canSignIn: traits.canSignIn, db) }
        let detail = [
            "method": new.method.rawValue, "capability": new.verifiedBy.rawValue, "hint": new.hint, "credential": use.credential.text,
        ]
        try ledger.note(new.replaces == nil ? .registered : .updated, dossier.record, details: detail)
        // What one and the same wizard registered is not told of the next; a number that the directory knew, or the one that
        // is replaced now, is: its owner may be somebody else than the person at the keyboard.
        let wizard = dossier.credentials.filter { firstWizard && $0.credential.fromFirstWizard }.map(\.id)
        try ledger.tell(
            new.replaces == nil ? .methodAdded(new.method) : .methodChanged(new.method), dossier, credential: use.credential,
            except: Set(wizard).union([use.credential]), gone: Set([new.replaces].compactMap { $0 }))
        return use
    }

    /// The unconfirmed credential whose value this is: asked to be confirmed, or typed anew by its owner.
    private func known(_ new: NewCredential, _ channel: String) -> CredentialID? {
        guard new.replaces == nil else { return nil }
        return dossier.credentials.map(\.credential).first {
            $0.method == new.method && $0.channel == channel && ($0.id == new.confirms || $0.state == .unconfirmed)
        }?.id
    }

    private func insert(_ new: NewCredential, channel: String, firstWizard: Bool) throws -> CredentialUse {
        let now = dossier.now
        let credential = Credential(
            id: new.id ?? instance.world.newID(), method: new.method, capabilities: new.capabilities, verifiedBy: new.verifiedBy,
            verifiedAt: now, channel: channel, addedAt: now, fromFirstWizard: firstWizard, remaining: new.remaining,
            inOwnMailDomain: new.inOwnMailDomain, authenticator: new.authenticator)
        try instance.credentials.insert(
            credential, of: dossier.person.id, content: new.content, hint: new.hint, spentStep: new.spentStep, drift: new.drift, db)
        if let token = new.token, try !instance.tokens.activate(token, as: credential.id, of: dossier.person.id, db) { throw Overtaken() }
        // A value of the directory that was replaced by another one is gone with it.
        if let old = new.replaces ?? new.confirms {
            // What was switched off as lost or not theirs does not come back, nor a token that is in the drawer again for anybody.
            let before = dossier.credential(old)?.credential
            let undoable = new.replaces != nil && before?.state == .active && before?.method != .hardwareToken
            try instance.credentials.retire(old, reason: "replaced", replacedBy: credential.id, undoable: undoable, at: now, db)
        }
        return credential.use(new.verifiedBy)
    }

    /// Makes a fresh set of recovery codes; an older set is retired. Throws `Overtaken` when what the person holds has changed
    /// meanwhile.
    ///
    /// - Returns: the codes, to be shown once.
    func makeRecoveryCodes(fromFirstWizard: Bool) throws -> [Secret] {
        guard try instance.people.raiseSecurityVersion(dossier.person, db) else { throw Overtaken() }
        let context = try context(), codes = RecoveryCodes.make(context), id: CredentialID = instance.world.newID(), now = dossier.now
        for old in dossier.credentials where old.credential.method == .recoveryCodes {
            try instance.credentials.retire(old.id, reason: "replaced", replacedBy: id, at: now, db)
        }
        let credential = Credential(
            id: id, method: .recoveryCodes, capabilities: [.recoveryCode], verifiedBy: nil, channel: "codes:\(id)", addedAt: now,
            fromFirstWizard: fromFirstWizard, remaining: codes.count)
        try instance.credentials.insert(credential, of: dossier.person.id, content: CredentialContent(), hint: "", db)
        try instance.credentials.insertRecoveryCodes(
            codes.map { RecoveryCodes.hash($0.canonical.text, context) }, of: id, db)
        try ledger.note(.registered, dossier.record, details: ["method": MethodKind.recoveryCodes.rawValue, "credential": id.text])
        return codes.map { $0.shown(.recoveryCode) }
    }
}

extension Refusal {
    /// Something was proven wrong in a registration: worth a line in the audit log.
    fileprivate var isWrongProof: Bool {
        [
            .codeWrong, .codeMismatch, .codeClock, .codeTooMany, .passkeyWrong, .passkeyKind, .passkeyUnreadable, .tokenMismatch,
            .tokenTooMany,
        ]
        .contains(code)
    }
}

extension EnrolmentInput {
    /// What an action of a registration page means: `phone`, `email`, `code`, `again`, `change`, and `enrol` for all that is a
    /// method's own.
    static func from(_ action: String, _ form: Fields) -> EnrolmentInput? {
        switch action {
        case "phone": .phone(typed: form["number"], region: form["country"], by: Capability(rawValue: form["by"]))
        case "email": .email(form["email"])
        case "code": .code(form["code"])
        case "again": .sendAgain
        case "change": .changeContact
        case "enrol": .answer(form.answer)
        default: nil
        }
    }
}
