import ConvergeCore

/// Signing in with a passkey alone: it checked who uses it, so it is both steps at once.
///
/// The page carries a ticket, random and with its end; what has to be signed is a keyed hash of the ticket and of the browser, so that
/// showing the page writes nothing. A sign-in that begins takes its id from the ticket: of two with the same ticket the second finds
/// the first, and goes on there if it is of the same person.
enum PasskeySignIn {
    /// How long the page may stay open before the passkey is used.
    static let life = Span.minutes(30)

    /// Whether any rule lets a passkey be a second step: the same page for everybody.
    static func isOpen(_ instance: Instance) -> Bool {
        instance.policyCache.latest?.mfa.contains { $0.scope.extent != .none && $0.allow.contains(.passkey) } ?? false
    }

    /// What the page asks the browser for.
    static func ceremony(_ request: AnonymousRequest, _ instance: Instance) -> PasskeyForm {
        let ticket = "\(instance.world.newToken(bytes: 16)).\((request.now + life).ms)"
        let asked = PasskeyRequest(
            challenge: challenge(ticket, request, instance), relyingParty: instance.config.publicHost, allow: [], verification: .required)
        var form = SignInRoutes.form("/sign-in/passkey", request)
        form.hidden["ticket"] = ticket
        return PasskeyForm(.signIn(asked), form)
    }

    private static func challenge(_ ticket: String, _ request: AnonymousRequest, _ instance: Instance) -> [UInt8] {
        Hex.decode(instance.keyed("\(ticket):\(request.browserHash)", "passkey challenge")) ?? []
    }

    static func run(_ request: AnonymousRequest, _ instance: Instance) async throws -> Reply {
        let outcome = try await instance.database.write { db -> Result<Reply, Refusal> in
            let budget = Budgets.from(request.network, .signIn, instance)
            if let until = try instance.spend([budget], now: request.now, db) {
                return .success(.page(TooManyPage(until: until, again: "/sign-in"), status: 429))
            }
            let outcome = try take(request, instance, db)
            if case .success = outcome { try instance.budgets.giveBack([budget.key], db) }
            return outcome
        }
        switch outcome {
        case .success(let reply): return reply
        case .failure(let refusal):
            return .page(SignInRoutes.page(request, instance, name: "", errors: [FieldError(nil, refusal)]), status: 422)
        }
    }

    private static func take(_ request: AnonymousRequest, _ instance: Instance, _ db: any Connection) throws -> Result<Reply, Refusal> {
        let answer = request.form.answer, ticket = request.form["ticket"]
        if let refusal = Passkey.incomplete(answer) { return .failure(refusal) }
        let flow = FlowID(String(instance.keyed(ticket, "passkey sign-in").prefix(32)))
        let before = try instance.flows.find(flow, db)
        let isSame = before?.person.map { Base64URL.encode(Array($0.text.utf8)) } == request.form["userHandle"]
        if isSame, let reply = try SignInConversation.again(before, request, instance) { return .success(reply) }
        guard let end = ticket.split(separator: ".").last.flatMap({ Int64($0) }), request.now < Moment(ms: end), before == nil else {
            return .failure(Refusal(.passkeyExpired))
        }
        let ledger = Ledger(instance, db, request: request, correlation: flow.text)
        guard let (dossier, browser) = try owner(request, instance, db) else {
            try ledger.note(.signInRefused, nil, success: false, reason: PasskeyProblem.unknownPasskey.code, by: .anonymous)
            return .failure(Refusal(.passkeyRefused))
        }
        let challenger = Challenger(instance: instance, dossier: dossier, knownBrowser: browser.isKnown, ledger: ledger)
        switch try challenger.signIn(answer, challenge: challenge(ticket, request, instance)) {
        case .refused(let refusal):
            try ledger.note(
                .signInRefused, dossier.record, success: false, reason: refusal.code.rawValue, by: .anonymous,
                details: refusal.logged)
            return .failure(refusal)
        case .proved(let proof):
            return .success(
                try SignInConversation.begin(dossier.person.id, .passkey, id: flow, proof: proof, passEnds: nil, request, instance, db))
        }
    }

    /// Whose passkey it says it is. Nobody's and a disabled account's are answered alike.
    private static func owner(
        _ request: AnonymousRequest, _ instance: Instance, _ db: any Connection
    ) throws -> (Dossier, BrowserRecord)? {
        guard let handle = Base64URL.decode(request.form["userHandle"]), let id = String(validating: handle, as: UTF8.self),
            let found = try instance.dossier(PersonID(id), request, db), found.0.person.state != .disabled
        else { return nil }
        return found
    }
}

extension Challenger {
    /// A passkey instead of the password: it has to count, and to have checked who uses it.
    func signIn(_ answer: Answer, challenge: [UInt8]) throws -> Outcome {
        let standing = dossier.standing, context = try instance.methodContext(for: dossier, nil, ledger.db)
        for record in dossier.credentials where standing.counts(record.credential, .passkey, for: .signIn) {
            let use = record.credential.use(.passkey), open = try instance.credentials.open(record)
            switch Passkey.verify(answer, challenge: challenge, needsVerification: true, open, context) {
            case .right(let claim, let references):
                if let claim, try !instance.credentials.win(claim, at: dossier.now, ledger.db) { return .refused(Refusal(.passkeyRefused)) }
                try Budgets.clear(use.credential, ceilings: dossier.credentials.map(\.id), instance.budgets, ledger.db)
                try instance.credentials.used(use.credential, for: .signIn, at: dossier.now, ledger.db)
                return .proved(Proof(use: use, at: dossier.now, references: references))
            case .refused(let why):
                return .refused(
                    why.code == .passkeyCopied ? try refuseCopied(use.credential) : Refusal(.passkeyRefused, detail: why.detail))
            case .wrong, .alreadySpent, .expired, .undecided: continue
            }
        }
        return .refused(Refusal(.passkeyRefused))
    }
}
