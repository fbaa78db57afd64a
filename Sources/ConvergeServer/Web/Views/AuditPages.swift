import ConvergeCore
import Foundation

/// The audit log: filtered by a form, exported as JSON or CSV.
struct AuditPage: Page {
    static let template = "admin/audit"

    /// What the form holds.
    struct Filter: Sendable {
        var person = ""
        /// Empty: all.
        var category = ""
        var activity = ""
        /// Empty, "success" or "failure".
        var result = ""
        /// Days, `2026-11-23`.
        var from = ""
        var to = ""
        /// A flow's id or a case code.
        var reference = ""
    }

    /// One event.
    struct Row: Sendable {
        /// The activity's name, the same in every language: exports and reports use it too.
        var activity: String
        var at: Moment
        var person: String?
        var actor: String
        var category: String
        var isSuccess: Bool
        var reason: String?
        /// What exactly: which method, which step of a reset, what a policy said before.
        var details: [(name: String, value: String)] = []
        /// Short reference and where it leads.
        var flow: (label: String, href: String)?
    }

    var filter = Filter()
    var categories: [String]
    var activities: [String]
    var rows: [Row]
    var older: String?
    var csv: String
    var json: String
    var clear = "/admin/audit"
    var errors: [FieldError] = []

    var frame: Frame {
        Frame(layout: .administration(.audit), heading: Message("audit.heading"), lead: Message("audit.lead"), errors: errors)
    }

    func body(_ say: Speaker) -> Slots {
        func field(_ id: String, _ kind: Field.Kind, _ label: Message, _ value: String) -> Slots {
            Field(id, kind, label: label, value: value, isRequired: false).slots(say, errors: errors)
        }
        let result = ["success", "failure"].map { Self.option($0, say(Message("audit.result.\($0)")), filter.result) }
        return [
            "person": field("person", .search, Message("audit.field.person"), filter.person),
            "reference": field("reference", .search, Message("audit.field.reference"), filter.reference),
            "from": field("from", .date, Message("audit.field.from"), filter.from),
            "to": field("to", .date, Message("audit.field.to"), filter.to),
            "selects": [
                select("category", Message("audit.field.category"), categories.map { Self.option($0, $0, filter.category) }, say),
                select("activity", Message("audit.field.activity"), activities.map { Self.option($0, $0, filter.activity) }, say),
                select("result", Message("audit.field.result"), result, say),
            ],
            "rows": rows.map { slots($0, say) }, "isEmpty": rows.isEmpty, "older": older, "csv": csv, "json": json, "clear": clear,
            "zone": say(Message("audit.zone", ["zone": .text(say.organisation.zone.identifier)])),
        ]
    }

    private func slots(_ row: Row, _ say: Speaker) -> Slots {
        [
            "activity": row.activity, "iso": say.dates.iso(row.at), "when": say.dates.say(row.at, .precise, in: say.messages),
            "who": row.person, "actor": row.actor, "category": row.category,
            "badge": (row.isSuccess ? Badge.success : Badge.failure).slots(say), "reason": row.reason,
            "details": row.details.isEmpty ? nil : row.details.map { "\($0.name): \($0.value)" }.joined(separator: " · "),
            "flow": row.flow.map { ["label": $0.label, "href": $0.href] as Slots },
        ]
    }

    private func select(_ id: String, _ label: Message, _ options: [Slots], _ say: Speaker) -> Slots {
        ["id": id, "label": say(label), "options": options, "all": say(Message("audit.all"))]
    }

    private static func option(_ value: String, _ label: String, _ chosen: String) -> Slots {
        ["value": value, "label": label, "chosen": value == chosen]
    }
}
