import ConvergeCore

extension Instance {
    /// Gives a signed-in browser a new secret: at every rise of assurance, and after its person's other sessions ended.
    /// The session that asked ends with it.
    ///
    /// - Parameters:
    ///   - dossier: read anew after whatever was written in this transaction.
    ///   - proof: what was proven just now; nil when nothing was.
    func renewSession(
        _ session: SessionRecord, _ dossier: Dossier, proven proof: Proof? = nil, _ request: AnonymousRequest, _ db: any Connection
    ) throws -> OpenedSession {
        try sessions.revoke(session.id, now: request.now, db)
        return try openSession(
            dossier.person, amr: proof.map { session.amr(adding: $0, dossier.standing) } ?? session.amr,
            proofs: session.proofs + (proof.map { [$0] } ?? []), endsAt: session.endsAt,
            policy: dossier.policy.session, request, db)
    }

    /// The session of a request, looked up inside the transaction that needs it. Throws `Overtaken` when it has ended.
    func liveSession(_ signedIn: SignedInRequest, _ db: any Connection) throws -> SessionRecord {
        guard let session = try session(signedIn.request.sessionSecret, now: signedIn.request.now, db), session.id == signedIn.session.id
        else {
            throw Overtaken()
        }
        return session
    }
}

extension SessionRecord {
    /// The references of this session with one more proof: `mfa` only when it is a second step beside the password.
    func amr(adding proof: Proof, _ standing: Standing) -> [String] {
        var result = amr
        let use = proof.use
        for value in AuthenticationReference.values(of: proof) where !result.contains(value) { result.append(value) }
        let isEmergency = use.capability == .recoveryCode || use.capability == .temporaryAccessPass
        let isSecondStep = isEmergency || standing.counting(for: .signIn).contains(use)
        if isSecondStep, result.contains("pwd"), !result.contains("mfa") { result.append("mfa") }
        return result
    }
}
