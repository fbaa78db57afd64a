import ConvergeCore
import HTTPTypes

/// Style sheets, icons and scripts; the page about the helpdesk.
enum StaticRoutes {
    static let routes: [Route] = [
        .open(.get, "/static/:file") { request, instance in
            guard let asset = instance.renderer.assets.files[request.parameters["file"] ?? ""] else {
                return .page(NotFoundPage(), status: 404)
            }
            var reply = Reply(status: 200, body: .bytes(asset.bytes, type: asset.contentType))
            reply.mayBeStored = true
            return reply
        },
        .open(.get, "/helpdesk") { _, _ in .page(HelpdeskPage()) },
    ]
}
