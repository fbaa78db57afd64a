import ConvergeCore
import HTTPTypes

/// Where a registration on Security info begins: adding, changing, confirming.
enum EnrolmentRoutes {
    static let routes: [Route] = [
        .recentlyVerified(.get, "/security-info/add") { verified, _ in .page(addPage(verified.dossier, returnTo: verified.request.returnTo))
        },
        .recentlyVerified(.post, "/security-info/add", add),
        .recentlyVerified(.get, "/security-info/change") { _, _ in .redirect("/security-info") },
        .recentlyVerified(.post, "/security-info/change", change),
        .recentlyVerified(.get, "/security-info/replace") { _, _ in .redirect("/security-info") },
        .recentlyVerified(.post, "/security-info/replace") { verified, instance in
            verified.request.form["credential"].isEmpty ? try await add(verified, instance) : try await change(verified, instance)
        },
        .recentlyVerified(.get, "/security-info/confirm") { _, _ in .redirect("/security-info") },
        .recentlyVerified(.post, "/security-info/confirm", confirm),
    ]

    /// A registration takes no longer: its codes live ten minutes at most.
    private static let life = Span.minutes(20)

    // MARK: adding

    /// The methods that can be added, and those that cannot with a word why.
    private static func addPage(_ dossier: Dossier, returnTo: String, errors: [FieldError] = []) -> AddMethodPage {
        let items = dossier.standing.addable.map { kind, addability in
            let name = kind.rawValue, icon = MethodRegistry.traits(of: kind).icon
            return switch addability {
            case .open: Choice(.method(name), hint: Message("method.hint.\(name)"), icon: icon, .button(name: "method", value: name))
            case .notAllowed: AddMethodPage.off(name, icon: icon, because: Message("add.not-allowed"))
            case .needs(let first): AddMethodPage.off(name, icon: icon, because: AddMethodPage.needs(first.rawValue))
            case .limit(let count): AddMethodPage.off(name, icon: icon, because: AddMethodPage.limit(count))
            }
        }
        let hidden = returnTo == "/" ? [:] : ["return": returnTo]
        return AddMethodPage(choices: Choices(items, form: Form("/security-info/add", hidden: hidden)), errors: errors)
    }

    private static func add(_ verified: RecentlyVerifiedRequest, _ instance: Instance) async throws -> Reply {
        let kind = MethodKind(rawValue: verified.request.form["method"])
        return try await open(verified, instance) { registrar in
            guard let kind, registrar.dossier.standing.addability(of: kind) == .open, let begun = try registrar.begin(kind) else {
                return nil
            }
            return EnrolmentFlowState(purpose: .add, enrolment: begun.state)
        }
    }

    // MARK: changing and confirming

    private static func change(_ verified: RecentlyVerifiedRequest, _ instance: Instance) async throws -> Reply {
        let id = CredentialID(verified.request.form["credential"])
        return try await open(verified, instance) { registrar in
            let standing = registrar.dossier.standing
            guard let credential = standing.credential(id), standing.addability(of: credential.method, replacing: id) == .open,
                let begun = try registrar.begin(credential.method, replacing: id)
            else { return nil }
            return EnrolmentFlowState(purpose: .change, enrolment: begun.state)
        }
    }

    private static func confirm(_ verified: RecentlyVerifiedRequest, _ instance: Instance) async throws -> Reply {
        let id = CredentialID(verified.request.form["credential"])
        return try await open(verified, instance) { registrar in
            let standing = registrar.dossier.standing
            guard let credential = standing.credential(id), credential.state == .unconfirmed, standing.wouldServe(credential),
                let begun = try registrar.begin(credential.method, confirming: id)
            else { return nil }
            return EnrolmentFlowState(purpose: .confirm, enrolment: begun.state)
        }
    }

    /// Opens the conversation, or shows where things are when what was asked for is not to be had (any more).
    private static func open(
        _ verified: RecentlyVerifiedRequest, _ instance: Instance, _ begin: @escaping @Sendable (Registrar) throws -> EnrolmentFlowState?
    ) async throws -> Reply {
        let request = verified.request
        return try await instance.database.write { db in
            guard let (dossier, _) = try instance.dossier(verified.dossier.person.id, request, db) else { throw Overtaken() }
            let id: FlowID = instance.world.newID()
            let ledger = Ledger(instance, db, request: request, correlation: id.text)
            guard let state = try begin(Registrar(instance: instance, dossier: dossier, ledger: ledger)) else {
                return .page(addPage(dossier, returnTo: request.returnTo, errors: [FieldError(nil, Refusal(.notAllowed))]), status: 422)
            }
            try ledger.note(.startedRegistration, dossier.record, details: ["method": state.enrolment.method.rawValue])
            try instance.flows.insert(
                id, kind: .enrolment, state: state, person: dossier.person.id, epoch: dossier.person.sessionEpoch,
                browserHash: request.browserHash, returnTo: request.returnTo == "/" ? "/security-info" : request.returnTo,
                policyVersion: dossier.policy.version, now: request.now, life: life, db)
            return .redirect("/flows/\(id)")
        }
    }
}
