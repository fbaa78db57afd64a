import ConvergeCore
import HTTPTypes

/// The administrators' pages: the audit log as a page, as JSON and as CSV, all with the same filters.
enum AdministrationRoutes {
    static let routes: [Route] = [
        .administrator(.get, "/admin") { _, _ in .redirect("/admin/audit") },
        .administrator(.get, "/admin/audit", page),
        .administrator(.get, "/admin/audit.json") { signedIn, instance in
            let walk = try await walk(signedIn.request, instance)
            return download("audit.json", type: "application/json") { write in
                try await write("{\"events\":[")
                try await eachPage(walk) { rows, isFirst in
                    try await write((isFirst ? "\n" : ",\n") + rows.map { try JSONText.encode($0) }.joined(separator: ",\n"))
                }
                try await write("]}\n")
            }
        },
        .administrator(.get, "/admin/audit.csv") { signedIn, instance in
            let walk = try await walk(signedIn.request, instance)
            return download("audit.csv", type: "text/csv; charset=utf-8; header=present") { write in
                try await write(Administration.csvHeader)
                try await eachPage(walk) { rows, _ in try await write(Administration.csv(rows)) }
            }
        },
    ]

    /// Events on one page.
    static let pageSize = 50

    private static func page(_ signedIn: SignedInRequest, _ instance: Instance) async throws -> Reply {
        let form = AuditForm(signedIn.request.query, zone: instance.config.organisation.zone)
        let found = try await find(form, limit: pageSize, instance)
        return .page(
            AuditPage(
                filter: form.values, categories: AuditCategory.allCases.map(\.rawValue), activities: AuditActivity.allCases.map(\.rawValue),
                rows: found.records.map(row), older: found.last.map { form.address("/admin/audit", before: $0) },
                csv: form.address("/admin/audit.csv"), json: form.address("/admin/audit.json"), errors: found.errors))
    }

    /// All events that the form's filter matches. A filter that was not understood finds nothing: never more than was asked for.
    private static func walk(_ request: AnonymousRequest, _ instance: Instance) async throws -> AuditWalk? {
        let form = AuditForm(request.query, zone: instance.config.organisation.zone)
        let (filter, errors) = try await instance.database.read { db in try self.filter(form, limit: 0, instance, db) }
        return errors.isEmpty ? AuditWalk(instance, filter) : nil
    }

    private static func eachPage(
        _ walk: AuditWalk?, _ write: (_ rows: [Administration.AuditRow], _ isFirst: Bool) async throws -> Void
    ) async throws {
        guard var walk else { return }
        var isFirst = true
        while let page = try await walk.next() {
            try await write(page.map { Administration.AuditRow($0) }, isFirst)
            isFirst = false
        }
    }

    private static func filter(
        _ form: AuditForm, limit: Int, _ instance: Instance, _ db: any Connection
    ) throws -> (filter: AuditFilter, errors: [FieldError]) {
        try form.filter(limit: limit) { name in
            try SignInName(name).flatMap { try instance.people.find(nameKey: $0.normalised, db)?.id }
        }
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
            let (filter, errors) = try self.filter(form, limit: limit + 1, instance, db)
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
            // Ids, and what a policy said before and says now, are for the exports.
            details: event.details.filter { $0.key != "credential" && $0.value.count <= 120 }.sorted { $0.key < $1.key }
                .map { ($0.key, $0.value) },
            flow: reference.map { (String($0.prefix(8)), "/admin/audit?reference=" + PercentEncoding.encode($0)) })
    }

    private static func download(_ name: String, type: String, _ pieces: @escaping Reply.Pieces) -> Reply {
        var reply = Reply(status: 200, body: .stream(type: type, pieces))
        reply.headers.append(("Content-Disposition", "attachment; filename=\"\(name)\""))
        return reply
    }
}
