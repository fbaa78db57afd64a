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
        }
    ]

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
        OutboxPage.Item(
            kind: entry.message.kind == .text ? .text : .mail(subject: entry.message.subject), to: entry.message.to, at: entry.at,
            body: entry.message.body, code: entry.message.code)
    }
}
