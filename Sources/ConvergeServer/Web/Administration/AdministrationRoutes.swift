import ConvergeCore
import HTTPTypes

/// The administrators' pages: the audit log as a page, as JSON and as CSV, all with the same filters.
enum AdministrationRoutes {
    static let routes: [Route] = [
        .administrator(.get, "/admin") { _, _ in .redirect("/admin/audit") },
        .administrator(.get, "/admin/audit", page),
        .administrator(.get, "/admin/audit.json") { signedIn, instance in
            let export = try await export(signedIn.request, instance)
            let rows = Export(events: export.rows, next: export.next)
            return download(try JSONText.encode(rows), "audit.json", type: "application/json", next: export.next)
        },
        .administrator(.get, "/admin/audit.csv") { signedIn, instance in
            let export = try await export(signedIn.request, instance)
            return download(
                Administration.csv(export.rows), "audit.csv", type: "text/csv; charset=utf-8; header=present", next: export.next)
        },
    ]

    /// Events on one page.
    static let pageSize = 50
    /// Events in one export; the answer names the address of the next ones.
    static let exportSize = 10_000

    private struct Export: Encodable {
        let events: [Administration.AuditRow]
        let next: String?
    }

    private static func page(_ signedIn: SignedInRequest, _ instance: Instance) async throws -> Reply {
        let form = AuditForm(signedIn.request.query, zone: instance.config.organisation.zone)
        let found = try await find(form, limit: pageSize, instance)
        return .page(
            AuditPage(
                filter: form.values, categories: AuditCategory.allCases.map(\.rawValue), activities: AuditActivity.allCases.map(\.rawValue),
                rows: found.records.map(row), older: found.last.map { form.address("/admin/audit", before: $0) },
                csv: form.address("/admin/audit.csv"), json: form.address("/admin/audit.json"), errors: found.errors))
    }

    private static func export(
        _ request: AnonymousRequest, _ instance: Instance
    ) async throws -> (rows: [Administration.AuditRow], next: String?) {
        let form = AuditForm(request.query, zone: instance.config.organisation.zone)
        let found = try await find(form, limit: exportSize, instance)
        let path = String(request.path.prefix { $0 != "?" })
        return (found.records.map { Administration.AuditRow($0) }, found.last.map { form.address(path, before: $0) })
    }

    private struct Found {
        var records: [AuditRecord] = []
        /// The last event shown, where older ones follow.
        var last: AuditRecord?
        var errors: [FieldError] = []
    }

    /// A filter that was not understood finds nothing: never more than was asked for.
    private static func find(_ form: AuditForm, limit: Int, _ instance: Instance) async throws -> Found {
        try await instance.database.read { db in
            let (filter, errors) = try form.filter(limit: limit + 1) { name in
                try SignInName(name).flatMap { try instance.people.find(nameKey: $0.normalised, db)?.id }
            }
            guard errors.isEmpty else { return Found(errors: errors) }
            let records = try instance.audit.find(filter, db)
            let shown = Array(records.prefix(limit))
            return Found(records: shown, last: records.count > limit ? shown.last : nil)
        }
    }

    private static func row(_ record: AuditRecord) -> AuditPage.Row {
        let event = record.event, exported = Administration.AuditRow(record)
        let reference = event.caseCode ?? event.correlation
        return AuditPage.Row(
            activity: event.activity.rawValue, at: record.at, person: event.personName, actor: exported.actor,
            category: record.category.rawValue, isSuccess: event.success, reason: event.reason,
            details: event.details.filter { $0.key != "credential" }.sorted { $0.key < $1.key }.map { ($0.key, $0.value) },
            flow: reference.map { (String($0.prefix(8)), "/admin/audit?reference=" + PercentEncoding.encode($0)) })
    }

    private static func download(_ text: String, _ name: String, type: String, next: String?) -> Reply {
        var reply = Reply.text(text, type: type)
        reply.headers.append(("Content-Disposition", "attachment; filename=\"\(name)\""))
        if let next { reply.headers.append(("Link", "<\(next)>; rel=\"next\"")) }
        return reply
    }
}
