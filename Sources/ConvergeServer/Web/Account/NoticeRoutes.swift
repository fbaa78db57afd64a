import ConvergeCore
import HTTPTypes

/// The links in notices: opened by whoever reads the mail, signed in or not. Looking changes nothing.
enum NoticeRoutes {
    static let routes: [Route] = [
        .open(.get, "/not-me/:token", show),
        .open(.get, "/not-me") { _, _ in .redirect("/") },
        .open(.post, "/not-me", report),
    ]

    private static func hash(_ token: String, _ instance: Instance) -> String { instance.keyed(token, "notice") }

    private static func show(_ request: AnonymousRequest, _ instance: Instance) async throws -> Reply {
        let token = request.parameters["token"] ?? "", links = NoticeLinkStore(organisation: instance.organisation)
        let link = try await instance.database.read { db in try links.find(hash: hash(token, instance), now: request.now, db) }
        guard let link, let event = NoticeEvent(name: link.what) else { return .page(LinkSpentPage(), status: 410) }
        return .page(NotMePage(form: Form("/not-me", hidden: ["token": token]), what: event.message, at: link.at))
    }

    private static func report(_ request: AnonymousRequest, _ instance: Instance) async throws -> Reply {
        let links = NoticeLinkStore(organisation: instance.organisation), hash = hash(request.form["token"], instance)
        return try await instance.database.write { db in
            guard let link = try links.use(hash: hash, now: request.now, db), let event = NoticeEvent(name: link.what) else {
                return .page(LinkSpentPage(), status: 410)
            }
            let suspended = try NotMe.report(
                event, credential: link.credential, of: link.person, by: .anonymous, request, instance, db)
            return .page(NotMeDonePage(suspended: suspended.map { .method($0.rawValue) }))
        }
    }
}
