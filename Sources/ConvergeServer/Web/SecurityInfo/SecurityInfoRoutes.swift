import ConvergeCore
import HTTPTypes

/// "Security info": the ways a person proves who they are. Opened only with a fresh proof; never shows the wizard.
enum SecurityInfoRoutes {
    static let routes: [Route] = [
        .recentlyVerified(.get, "/security-info", show),
        .open(.get, "/setupsecurityinfo") { _, _ in .redirect("/security-info") },
        .open(.get, "/securityinfoguide") { _, _ in .page(GuidePage()) },
        .recentlyVerified(.get, "/security-info/add") { verified, instance in
            .page(AddMethodPage(choices: SecurityInfoView(verified.dossier, instance).addable))
        },
        .recentlyVerified(.post, "/security-info/add", add),
        .recentlyVerified(.post, "/security-info/change", change),
        .recentlyVerified(.post, "/security-info/confirm", confirm),
        .recentlyVerified(.post, "/security-info/recovery-codes", makeCodes),
        .recentlyVerified(.get, "/security-info/delete/:id", askDelete),
        .recentlyVerified(.post, "/security-info/delete/:id", delete),
        .recentlyVerified(.get, "/security-info/default") { verified, instance in
            .page(try SecurityInfoView(verified.dossier, instance).changeDefault())
        },
        .recentlyVerified(.post, "/security-info/default", changeDefault),
        .signedIn(.get, "/prove", prove),
    ]

    private static func show(_ verified: RecentlyVerifiedRequest, _ instance: Instance) async throws -> Reply {
        let view = SecurityInfoView(verified.dossier, instance)
        return .page(try view.page(notice: SavedNotice.read(verified.request.query["saved"])))
    }

    // MARK: registering

    private static func add(_ verified: RecentlyVerifiedRequest, _ instance: Instance) async throws -> Reply {
        guard let kind = MethodKind(rawValue: verified.request.form["method"]) else { return .redirect("/security-info/add") }
        let replaces = verified.request.form["replaces"]
        return try await begin(verified, instance, kind, replacing: replaces.isEmpty ? nil : CredentialID(replaces))
    }

    private static func change(_ verified: RecentlyVerifiedRequest, _ instance: Instance) async throws -> Reply {
        let id = CredentialID(verified.request.form["credential"])
        guard let record = verified.dossier.credential(id), record.credential.traits.change == .owner else { return .redirect("/security-info") }
        return try await begin(verified, instance, record.credential.method, replacing: id)
    }

    private static func confirm(_ verified: RecentlyVerifiedRequest, _ instance: Instance) async throws -> Reply {
        let id = CredentialID(verified.request.form["credential"])
        guard let record = verified.dossier.credential(id), record.credential.state == .unconfirmed else { return .redirect("/security-info") }
        return try await begin(verified, instance, record.credential.method, confirming: id)
    }

    private static func begin(
        _ verified: RecentlyVerifiedRequest, _ instance: Instance, _ kind: MethodKind, replacing: CredentialID? = nil,
        confirming: CredentialID? = nil
    ) async throws -> Reply {
        let request = verified.request, dossier = verified.dossier
        let view = SecurityInfoView(dossier, instance)
        guard view.mayAdd(kind, replacing: replacing ?? confirming) else {
            return .page(AddMethodPage(choices: view.addable, errors: [FieldError(nil, Refusal(.notAllowed))]), status: 422)
        }
        return try await instance.database.write { db in
            let registrar = Registrar(instance: instance, dossier: dossier, ledger: Ledger(instance, db, request: request))
            guard let step = try registrar.begin(kind, replacing: replacing, confirming: confirming) else { return .redirect("/security-info") }
            return try EnrolmentConversation.open(EnrolmentFlowState(enrolment: step.state), verified, instance, db)
        }
    }

    private static func makeCodes(_ verified: RecentlyVerifiedRequest, _ instance: Instance) async throws -> Reply {
        guard verified.dossier.policy.recoveryCodes else { return .redirect("/security-info") }
        return try await instance.database.write { db in
            let ledger = Ledger(instance, db, request: verified.request)
            let registrar = Registrar(instance: instance, dossier: verified.dossier, ledger: ledger)
            let codes = try registrar.makeRecoveryCodes(fromFirstWizard: false).map(\.text)
            try ledger.tell(.recoveryCodesMade, verified.dossier)
            return try EnrolmentConversation.open(EnrolmentFlowState(codes: codes), verified, instance, db)
        }
    }

    // MARK: deleting

    private static func askDelete(_ verified: RecentlyVerifiedRequest, _ instance: Instance) async throws -> Reply {
        let id = CredentialID(verified.request.parameters["id"] ?? "")
        guard verified.dossier.credential(id) != nil else { return .redirect("/security-info") }
        return .page(try SecurityInfoView(verified.dossier, instance).deletion(of: id))
    }

    private static func delete(_ verified: RecentlyVerifiedRequest, _ instance: Instance) async throws -> Reply {
        let id = CredentialID(verified.request.parameters["id"] ?? ""), request = verified.request
        return try await instance.database.write { db in
            // Read anew inside the transaction: another tab may have deleted something meanwhile.
            guard let (dossier, _) = try instance.dossier(verified.dossier.person.id, request, db), let record = dossier.credential(id) else {
                return .redirect("/security-info?saved=elsewhere")
            }
            let deletion = Deletion(id, dossier.standing)
            let ledger = Ledger(instance, db, request: request)
            guard deletion.verdict == .allowed else {
                try ledger.note(
                    .deleted, dossier.record, success: false, reason: Refusal.Code.lastMethod.rawValue,
                    details: ["method": record.credential.method.rawValue])
                return .page(try SecurityInfoView(dossier, instance).deletion(of: id), status: 409)
            }
            guard try instance.people.raiseSecurityVersion(dossier.person, db) else { throw Overtaken() }
            try instance.credentials.retire(id, reason: "deleted", replacedBy: nil, at: request.now, db)
            if deletion.isLastForSignIn { try instance.people.clearHeld(dossier.person.id, everything: deletion.isLastHeld, db) }
            try ledger.note(.deleted, dossier.record, details: ["method": record.credential.method.rawValue, "hint": record.hint])
            try ledger.tell(.methodRemoved(record.credential.method), dossier, credential: id, gone: [id])
            return .redirect("/security-info?saved=deleted.\(record.credential.method.rawValue)")
        }
    }

    // MARK: default

    private static func changeDefault(_ verified: RecentlyVerifiedRequest, _ instance: Instance) async throws -> Reply {
        let dossier = verified.dossier, request = verified.request
        guard let use = CredentialUse(form: request.form["default"]), dossier.standing.counting(for: .signIn).contains(use),
            DefaultMethod.isCandidate(use.capability)
        else { return .page(try SecurityInfoView(dossier, instance).changeDefault(), status: 422) }
        return try await instance.database.write { db in
            try instance.people.setPreference(dossier.person.id, [use], db)
            let hint = dossier.credential(use.credential)?.hint ?? ""
            let masked = hint.isEmpty ? "" : " (number ending in \(hint))"
            try Ledger(instance, db, request: request).note(
                .changedDefault, dossier.record, details: ["default": use.capability.rawValue + masked])
            return .redirect("/security-info?saved=default.\(use.capability.rawValue)")
        }
    }

    // MARK: fresh proof

    private static func prove(_ signedIn: SignedInRequest, _ instance: Instance) async throws -> Reply {
        let request = signedIn.request
        if signedIn.session.hasFreshProof(policy: signedIn.dossier.policy, now: request.now) { return .redirect(request.returnTo) }
        return try await instance.database.write { db in try ProofConversation.open(signedIn, instance, db) }
    }
}

/// What was just done, carried by a query of fixed words.
enum SavedNotice {
    static func read(_ text: String) -> Notice? {
        let parts = text.split(separator: ".").map(String.init)
        switch parts.first {
        case "elsewhere": return Notice(kind: .info, message: Message("refusal.changed.elsewhere"))
        case "codes": return .codesKept
        case "default": return parts.last.flatMap { Capability(rawValue: $0) }.map { .defaultChanged($0.rawValue) }
        default: break
        }
        guard parts.count == 2, let kind = MethodKind(rawValue: parts[1])?.rawValue else { return nil }
        switch parts[0] {
        case "added": return .added(kind)
        case "changed": return .changed(kind)
        case "deleted": return .deleted(kind)
        case "confirmed": return .confirmed(kind)
        default: return nil
        }
    }
}
