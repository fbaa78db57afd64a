import ConvergeCore

extension Administration {
    /// Why somebody is asked what they are asked.
    public struct Explanation: Sendable, Codable {
        public let name: String
        public let outcome: String
        public let policyVersion: Int64
        public let plan: [String]
        public let reasons: [String]
        public let credentials: [String]
        /// What the reference of a dead end belongs to.
        public let reference: String?

        public var lines: [String] {
            var lines = ["\(name), at the next sign-in: \(outcome) (policy version \(policyVersion))"]
            if let reference { lines.insert(reference, at: 0) }
            if !plan.isEmpty { lines.append("to register: \(plan.joined(separator: ", "))") }
            return lines + reasons.map { "because \($0)" } + credentials
        }
    }

    /// Explains a person, or whoever met the dead end with a reference.
    public func explain(name: String?, reference: String?) async throws -> Explanation {
        let now = self.now, instance = self.instance
        return try await instance.database.read { db in
            let event = try reference.flatMap { try self.event($0, db) }
            if reference != nil, event == nil { throw Problem("There is no dead end with the reference “\(reference ?? "")”.") }
            let record = try name.map { try self.person($0, db) } ?? event?.event.person.flatMap { try instance.people.find($0, db) }
            guard let record else { throw Problem("The person behind this reference is gone.") }
            let dossier = try instance.dossier(record, knownBrowser: true, now: now, db)
            let forecast = Forecast.atNextSignIn(dossier.signInFacts(RequestFacts(), instance))
            return Explanation(
                name: record.name, outcome: forecast.outcome.rawValue, policyVersion: dossier.policy.version,
                plan: forecast.plan.map(\.rawValue), reasons: forecast.reasons.map(Self.words),
                credentials: dossier.credentials.map { Self.words($0.credential, $0.hint, dossier) },
                reference: event.map { "\($0.at.iso): \($0.event.activity.rawValue), \($0.event.reason ?? "")" })
        }
    }

    private func event(_ reference: String, _ db: any Connection) throws -> AuditRecord? {
        var filter = AuditFilter(limit: 1)
        filter.caseCode = ReadableCode.normalise(reference) ?? reference
        return try instance.audit.find(filter, db).first
    }

    static func words(_ reason: Reason.Core) -> String {
        switch reason {
        case .secondStepMissing(let rules): "“\(rules.joined(separator: "”, “"))” asks for a second step, and nothing counts"
        case .administrator: "administrators always need a second step"
        case .personalSetting: "the account itself is set to need a second step"
        case .proofsMissing(let rules, let gates, let have):
            "“\(rules.joined(separator: "”, “"))” asks for \(gates) proofs before a reset; \(have) of them are there"
        case .servesBoth(let kind): "\(kind.rawValue) serves both"
        case .doesNotCount(_, let kind, let purpose, let why): "\(kind.rawValue) does not count for \(purpose.rawValue): \(words(why))"
        case .counts(_, let kind, let purpose): "\(kind.rawValue) counts for \(purpose.rawValue)"
        case .impossible(let purpose): "nothing that policy allows could meet what \(purpose.rawValue) needs"
        }
    }

    private static func words(_ why: NotCounting) -> String {
        switch why {
        case .notAllowed(let since): since.map { "not allowed since \($0.iso)" } ?? "not allowed"
        case .cannotServe: "it cannot serve this"
        case .unconfirmed: "nobody has confirmed it"
        case .suspended: "it is suspended"
        case .authenticatorNotAllowed: "its kind of authenticator is not allowed"
        case .setTooSmall: "the policy asks for more answers than there are"
        case .ownMailDomain: "the mailbox needs the lost password"
        case .registeredForOtherFeature: "it was registered for the other feature only"
        case .needsTwoGates: "it serves only where a reset takes two proofs"
        case .notForAdministrators: "never for administrators"
        }
    }

    private static func words(_ credential: Credential, _ hint: String, _ dossier: Dossier) -> String {
        let uses = [Purpose.signIn, .reset].map { purpose in
            dossier.standing.whyNotCounting(credential, for: purpose).map { "\(purpose.rawValue): no, \(words($0))" }
                ?? "\(purpose.rawValue): counts"
        }
        let gap = credential.capabilities.compactMap { dossier.reach.gaps[credential.use($0)] }.first
        let reach = gap.map { ", cannot be reached now (\($0.why.rawValue)\($0.until.map { " until \($0.iso)" } ?? ""))" } ?? ""
        let kind =
            credential.authenticator.map { kind in ", kind \(kind)\(AuthenticatorNames.name(of: kind).map { " “\($0)”" } ?? "")" } ?? ""
        return "\(credential.method.rawValue) …\(hint) (\(credential.state.rawValue)\(kind)) – \(uses.joined(separator: "; "))\(reach)"
    }
}

extension Reason {
    /// The core's reason: the same name means a line on a page here.
    typealias Core = ConvergeCore.Reason
}
