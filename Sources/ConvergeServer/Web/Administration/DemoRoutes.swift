import ConvergeCore
import HTTPTypes

/// Where the demo's texts and mails can be read. Not there in production.
enum DemoRoutes {
    static let routes: [Route] = [
        .open(.get, "/dev/outbox", demoOnly: true) { request, instance in
            let entries = instance.box?.all ?? []
            guard request.query["format"] == "json" else {
                return .page(OutboxPage(items: entries.map(item)))
            }
            let rows = entries.map {
                Entry(
                    kind: $0.message.kind.rawValue, to: $0.message.to, subject: $0.message.subject, body: $0.message.body,
                    code: $0.message.code, at: $0.at.ms)
            }
            return .text(try JSONText.encode(rows), type: "application/json")
        },
        .open(.post, "/dev/calls", demoOnly: true, press),
    ]

    /// Somebody answers a call of the demo and presses keys, or lets it ring.
    private static func press(_ request: AnonymousRequest, _ instance: Instance) async throws -> Reply {
        guard let handle = instance.box?.all.first(where: { $0.id == request.form["call"] })?.message.handle else {
            return .redirect("/dev/outbox")
        }
        let desk = CallDesk(instance: instance, now: request.now), call = "demo"
        switch request.form["press"] {
        case "approve":
            _ = try await desk.answered(handle, call: call, isMachine: false)
            _ = try await desk.pressed(CallKeys.approve, handle, call: call)
        case "fraud":
            _ = try await desk.answered(handle, call: call, isMachine: false)
            _ = try await desk.pressed(instance.config.fraudDigits + CallKeys.approve, handle, call: call)
        case "busy", "no-answer":
            _ = try await desk.status(request.form["press"], handle, call: call)
        default: break
        }
        return .redirect("/dev/outbox")
    }

    private struct Entry: Encodable {
        let kind: String
        let to: String
        let subject: String
        let body: String
        let code: String?
        /// Milliseconds since 1970.
        let at: Int64
    }

    private static func item(_ entry: DemoBox.Entry) -> OutboxPage.Item {
        let kind: OutboxPage.Item.Kind =
            switch entry.message.kind {
            case .text: .text
            case .mail: .mail(subject: entry.message.subject)
            case .voice: .call(Form("/dev/calls", hidden: ["call": entry.id]))
            }
        let number = entry.message.to + (entry.message.extension.map { " " + $0 } ?? "")
        return OutboxPage.Item(kind: kind, to: number, at: entry.at, body: entry.message.body, code: entry.message.code)
    }
}
