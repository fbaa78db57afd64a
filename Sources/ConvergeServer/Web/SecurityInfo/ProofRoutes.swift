import ConvergeCore
import HTTPTypes

/// Where a page leads that wants a fresh proof.
enum ProofRoutes {
    static let routes: [Route] = [
        .signedIn(.get, "/prove", begin)
    ]

    /// A proof takes no longer than its codes live.
    private static let life = Span.minutes(15)

    /// Begins a proof. The only writing behind a GET: people are led here, and nothing about them changes but that a code may
    /// be on its way, once in ten minutes.
    private static func begin(_ signedIn: SignedInRequest, _ instance: Instance) async throws -> Reply {
        let request = signedIn.request
        guard !signedIn.session.hasFreshProof(policy: signedIn.dossier.policy, now: request.now), !instance.hasNothingToProve(signedIn)
        else {
            return .redirect(request.returnTo)
        }
        return try await instance.database.write { db in
            let id: FlowID = instance.world.newID()
            guard var turn = try ProofTurn(id, ProofFlowState(), signedIn, instance, db) else { throw Overtaken() }
            try turn.settle()
            try instance.flows.insert(
                id, kind: .proof, state: turn.state, person: turn.dossier.person.id, epoch: turn.dossier.person.sessionEpoch,
                browserHash: request.browserHash, returnTo: request.returnTo, policyVersion: turn.dossier.policy.version, now: request.now,
                life: life, db)
            return .redirect("/flows/\(id)")
        }
    }
}
