import ConvergeCore
import HTTPTypes

/// "This wasn't me": opened from a notice. Looking changes nothing; the button works once, for seven days.
enum NoticeRoutes {
    static let routes: [Route] = [
        .open(.get, "/not-me/:token", show),
        .open(.post, "/not-me/:token", confirm),
    ]

    private static func hash(_ request: AnonymousRequest, _ instance: Instance) -> String {
        instance.keyed(request.parameters["token"] ?? "", "notice")
    }

    private static func show(_ request: AnonymousRequest, _ instance: Instance) async throws -> Reply {
        let store = NoticeLinkStore(organisation: instance.organisation), hash = hash(request, instance)
        return try await instance.database.read { db in
            guard let link = try store.find(hash: hash, now: request.now, db) else { return .page(LinkSpentPage(), status: 410) }
            return .page(NotMePage(form: Form("/not-me/\(request.parameters["token"] ?? "")"), what: try what(link, instance, db), at: link.at))
        }
    }

    private static func what(_ link: NoticeLink, _ instance: Instance, _ db: any Connection) throws -> Message {
        guard let id = link.credential, let record = try instance.credentials.find(id, of: link.person, db) else { return .event(link.what) }
        return ["added", "changed", "deleted", "suspended"].contains(link.what)
            ? .event(link.what, method: record.credential.method.rawValue) : .event(link.what)
    }

    /// Suspends what was changed and ends every session. Never restores, never deletes.
    private static func confirm(_ request: AnonymousRequest, _ instance: Instance) async throws -> Reply {
        let store = NoticeLinkStore(organisation: instance.organisation), hash = hash(request, instance), now = request.now
        return try await instance.database.write { db in
            guard let link = try store.use(hash: hash, now: now, db),
                let (dossier, _) = try instance.dossier(link.person, request, db)
            else { return .page(LinkSpentPage(), status: 410) }
            guard try instance.people.raiseSecurityVersion(dossier.person, db) else { throw Overtaken() }
            var suspended: Message?
            if let id = link.credential, let record = dossier.credential(id), try instance.credentials.suspend(id, at: now, db) {
                suspended = .method(record.credential.method.rawValue)
            }
            if link.what.hasPrefix("password") || link.what == "unlocked" { try instance.people.setPasswordKnownToOthers(link.person, db) }
            try instance.people.raiseEpoch(link.person, db)
            try instance.sessions.forgetRemembered(of: link.person, db)
            try instance.flows.closeAll(of: link.person, now: now, db)
            let ledger = Ledger(instance, db, request: request)
            try ledger.note(.reportedNotMe, dossier.record, by: .anonymous, details: ["what": link.what])
            return .page(NotMeDonePage(suspended: suspended))
        }
    }
}
