import ConvergeCore
import HTTPTypes

/// The Converge app: a page that people install on their phones, and what it asks and tells.
enum AuthenticatorRoutes {
    static let routes: [Route] = [
        .open(.get, "/authenticator") { _, _ in
            var reply = Reply.page(AuthenticatorPage())
            // Only this page looks through a camera.
            reply.headers.append(("Permissions-Policy", "camera=(self), geolocation=(), microphone=(), payment=(), usb=()"))
            return reply
        },
        .open(.get, "/authenticator/:file", file),
        .app("/authenticator/activate") { try await JSONText.encode($0.activate()) },
        .app("/authenticator/poll") { try await JSONText.encode($0.poll()) },
        .app("/authenticator/answer") { try await JSONText.encode($0.answer()) },
        .app("/authenticator/subscribe") {
            try await $0.subscribe()
            return "{}"
        },
    ]

    /// The app's own files keep their addresses, so that an installed app finds them; a browser asks each time whether they changed.
    private static func file(_ request: AnonymousRequest, _ instance: Instance) async throws -> Reply {
        let name = request.parameters["file"] ?? ""
        if name == "manifest.webmanifest" { return manifest(request, instance) }
        guard let asset = instance.renderer.appAssets.files[name] else { return .page(NotFoundPage(), status: 404) }
        var reply = Reply(status: 200, body: .bytes(asset.bytes, type: asset.contentType))
        reply.headers.append(("Cache-Control", "no-cache"))
        // The address of the app has no slash at its end, so its worker needs leave for it.
        if name == "worker.js" { reply.headers.append(("Service-Worker-Allowed", "/authenticator")) }
        return reply
    }

    private struct Manifest: Encodable {
        struct Icon: Encodable {
            let src: String
            let sizes: String
            let type: String
            let purpose: String
        }
        let id = "/authenticator"
        let name: String
        let short_name: String
        let start_url = "/authenticator"
        let scope = "/authenticator"
        let display = "standalone"
        let background_color = "#fdfefe"
        let theme_color: String
        let icons = [192, 512].flatMap { size in
            ["any", "maskable"].map {
                Icon(src: "/authenticator/icon-\(size).png", sizes: "\(size)x\(size)", type: "image/png", purpose: $0)
            }
        }
    }

    private static func manifest(_ request: AnonymousRequest, _ instance: Instance) -> Reply {
        let say = instance.renderer.speaker(language: request.language, now: request.now)
        let manifest = Manifest(
            name: say(Message("authenticator.name")), short_name: say(Message("authenticator.short-name")),
            theme_color: instance.config.organisation.accent)
        var reply = Reply.text((try? JSONText.encode(manifest)) ?? "{}", type: "application/manifest+json")
        reply.headers.append(("Cache-Control", "no-cache"))
        return reply
    }
}

extension Route {
    /// A request of an installed app: no session and no form of ours, but signed by the app.
    static func app(_ path: String, _ run: @escaping @Sendable (AppDesk) async throws -> String) -> Route {
        Route(method: .post, path: path, access: .app, demoOnly: false) { request, instance in
            do {
                return .text(try await run(AppDesk(instance: instance, request: request)), type: "application/json")
            } catch let problem as AppDesk.Problem {
                // The time goes along: an app whose clock is wrong asks again with ours.
                let body = try JSONText.encode(Refused(problem: problem.rawValue, now: instance.world.now().ms))
                return .text(body, type: "application/json", status: problem.status)
            }
        }
    }
}

private struct Refused: Encodable {
    let problem: String
    let now: Int64
}
