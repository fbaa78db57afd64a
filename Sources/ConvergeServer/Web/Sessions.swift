import ConvergeCore
import Logging

extension Instance {
    /// Looks a session up by the secret of its cookie.
    func session(_ secret: Secret?, now: Moment, _ db: any Connection) throws -> SessionRecord? {
        guard let hash = sessionHash(secret) else { return nil }
        return try sessions.find(secretHash: hash, now: now, db)
    }

    /// How the store knows the secret of a session's cookie.
    func sessionHash(_ secret: Secret?) -> String? { secret.map { keyed($0.text, "session") } }

    /// Runs a handler for somebody signed in, or leads to the sign-in page and back.
    func whenSignedIn(
        _ request: AnonymousRequest, _ run: @Sendable (SignedInRequest) async throws -> Reply
    ) async throws -> Reply {
        var visitor = request.visitor
        if case .unread = visitor { visitor = try await database.read { db in try self.askVisitor(request, db).answer() } }
        guard case .somebody(let session, let dossier) = visitor else {
            return .redirect("/sign-in?return=" + PercentEncoding.encode(request.path))
        }
        let found = SignedInRequest(request: request, session: session, dossier: dossier)
        try await touch(found.session, policy: found.dossier.policy.session, now: request.now)
        var reply = try await run(found)
        reply.person = Visit.Person(displayName: found.person.displayName, isAdministrator: found.person.person.isAdministrator)
        return reply
    }

    /// Asks who is signed in at the browser of a request.
    func askVisitor(_ request: AnonymousRequest, _ db: any Connection) throws -> Asked<AnonymousRequest.Visitor> {
        guard let hash = sessionHash(request.sessionSecret) else { return Asked { .nobody } }
        let session = try sessions.ask(secretHash: hash, now: request.now, db)
        let found = try ask(about: .holder(ofSession: hash), .settled(isKnown: true), now: request.now, db)
        return Asked {
            guard let session = try session.answer(), let dossier = try found.answer()?.dossier else { return .nobody }
            return .somebody(session, dossier)
        }
    }

    /// Moves the idle limit of a session on, at most once a minute: reading pages need not write.
    private func touch(_ session: SessionRecord, policy: SessionPolicy, now: Moment) async throws {
        guard now >= session.seenAt + .minutes(1) else { return }
        let sessions = self.sessions
        do {
            try await database.write { db in
                try sessions.touch(session.id, now: now, idleUntil: now + .minutes(policy.idleMinutes), db)
            }
        } catch let error as StoreError where error.isPassing {
            // A page that only reads is shown although nothing can be written; the next one moves the limit.
            log.warning("idle limit not moved", metadata: ["reason": "\(error)"])
        }
    }

    /// Runs a handler for somebody with a fresh proof, or asks for one and comes back.
    ///
    /// Somebody who has never held anything has nothing to prove with: the registration guard decides.
    func whenRecentlyVerified(
        _ signedIn: SignedInRequest, _ run: @Sendable (RecentlyVerifiedRequest) async throws -> Reply
    ) async throws -> Reply {
        guard let verified = recentlyVerified(signedIn) else {
            return .redirect("/prove?return=" + PercentEncoding.encode(signedIn.request.path))
        }
        return try await run(verified)
    }

    /// Nil: a fresh proof is needed first.
    func recentlyVerified(_ signedIn: SignedInRequest) -> RecentlyVerifiedRequest? {
        let isFresh = signedIn.session.hasFreshProof(policy: signedIn.dossier.policy, now: signedIn.request.now)
        return isFresh || hasNothingToProve(signedIn) ? RecentlyVerifiedRequest(signedIn: signedIn) : nil
    }

    /// Never held anything, and the organisation's guard lets the first registration begin without a proof.
    func hasNothingToProve(_ signedIn: SignedInRequest) -> Bool {
        signedIn.dossier.person.firstHeldAt == nil && guardIsMet(signedIn)
    }

    private func guardIsMet(_ signedIn: SignedInRequest) -> Bool {
        switch signedIn.dossier.policy.guardKind {
        case .password: true
        case .trustedNetwork: signedIn.request.isFromNetwork(of: signedIn.dossier.document)
        case .directoryContact, .accessPass: false
        }
    }

    /// Opens a session: a new secret at every rise of assurance.
    func openSession(
        _ person: Person, amr: [String], proofs: [Proof], endsAt: Moment?, policy: SessionPolicy, _ request: AnonymousRequest,
        _ db: any Connection
    ) throws -> OpenedSession {
        let secret = Secret(world.newToken(bytes: 32)), now = request.now
        let absolute = now + .hours(policy.absoluteHours)
        let ends = endsAt.map { min($0, absolute) } ?? absolute
        let session = SessionRecord(
            id: world.newID(), person: person.id, epoch: person.sessionEpoch, createdAt: now, seenAt: now,
            idleUntil: min(now + .minutes(policy.idleMinutes), ends), endsAt: ends, amr: amr, proofs: proofs,
            agent: request.agent, network: request.network)
        try sessions.insert(session, secretHash: keyed(secret.text, "session"), db)
        return OpenedSession(id: session.id, secret: secret)
    }
}

/// A session that was opened just now, with the secret for its cookie.
struct OpenedSession: Sendable {
    let id: SessionID
    let secret: Secret

    /// What a conversation ends with that opened it.
    func end(_ location: String, _ request: AnonymousRequest, _ instance: Instance) -> FlowEnd {
        FlowEnd(location: location, session: id, presented: instance.sessionHash(request.sessionSecret))
    }
}

extension SessionRecord {
    /// Whether the latest proof is younger than the policy's minutes.
    func hasFreshProof(policy: ResolvedPolicy, now: Moment) -> Bool {
        latestProof.map { now < $0 + .minutes(policy.session.freshMinutes) } ?? false
    }
}
