import ConvergeCore
import Foundation
import HTTPTypes

/// The audit log for administrators: filterable, keyset-paged, as JSON and as CSV.
enum AdministrationRoutes {
    static let routes: [Route] = [
        .administrator(.get, "/admin/audit", show),
        .administrator(.get, "/admin/audit.json") { signedIn, instance in
            let rows = try await find(signedIn, instance, limit: 10_000).map(Administration.AuditRow.init)
            return .text(try JSONText.encode(rows), type: "application/json")
        },
        .administrator(.get, "/admin/audit.csv") { signedIn, instance in
            let rows = try await find(signedIn, instance, limit: 10_000).map(Administration.AuditRow.init)
            var reply = Reply.text(Administration.csv(rows), type: "text/csv; charset=utf-8")
            reply.headers.append(("Content-Disposition", "attachment; filename=\"audit.csv\""))
            return reply
        },
    ]

    private static let pageSize = 50

    private static func show(_ signedIn: SignedInRequest, _ instance: Instance) async throws -> Reply {
        let query = signedIn.request.query
        let rows = try await find(signedIn, instance, limit: pageSize + 1)
        let shown = Array(rows.prefix(pageSize))
        let older = rows.count > pageSize ? shown.last.map { "/admin/audit?" + text(query, ["before": "\($0.at.ms).\($0.id)"]) } : nil
        return .page(
            AuditPage(
                filter: AuditPage.Filter(
                    person: query["person"], category: query["category"], activity: query["activity"], result: query["result"],
                    from: query["from"], to: query["to"], reference: query["reference"]),
                categories: AuditCategory.allCases.map(\.rawValue), activities: AuditActivity.allCases.map(\.rawValue).sorted(),
                rows: shown.map(row), older: older, csv: "/admin/audit.csv?" + text(query, [:]), json: "/admin/audit.json?" + text(query, [:])))
    }

    private static func row(_ record: AuditRecord) -> AuditPage.Row {
        let exported = Administration.AuditRow(record)
        return AuditPage.Row(
            activity: exported.activity, at: record.at, person: exported.person, actor: exported.actor, category: exported.category,
            isSuccess: record.event.success, reason: exported.reason,
            flow: exported.correlation.map { (label: String($0.prefix(8)), href: "/admin/audit?reference=" + PercentEncoding.encode($0)) })
    }

    private static let filters = ["person", "category", "activity", "result", "from", "to", "reference"]

    private static func text(_ query: Fields, _ more: [String: String]) -> String {
        (filters.map { ($0, query[$0]) } + more.map { ($0.key, $0.value) }).filter { !$0.1.isEmpty }
            .map { "\($0.0)=\(PercentEncoding.encode($0.1))" }.joined(separator: "&")
    }

    private static func find(_ signedIn: SignedInRequest, _ instance: Instance, limit: Int) async throws -> [AuditRecord] {
        let query = signedIn.request.query, zone = instance.config.organisation.zone
        return try await instance.database.read { db in
            var filter = AuditFilter(limit: limit)
            filter.category = AuditCategory(rawValue: query["category"])
            filter.activity = AuditActivity(rawValue: query["activity"])
            if !query["result"].isEmpty { filter.success = query["result"] == "success" }
            filter.from = day(query["from"], zone)
            filter.to = day(query["to"], zone).map { OrganisationCalendar(zone: zone).endOfDay($0, after: 0) }
            if !query["person"].isEmpty {
                filter.person = try instance.people.find(nameKey: SignInName(query["person"])?.normalised ?? "", db)?.id ?? PersonID("nobody")
            }
            let reference = query["reference"].trimmingSpaces()
            if reference.count == 6 { filter.caseCode = ReadableCode.normalise(reference) } else if !reference.isEmpty { filter.correlation = reference }
            let before = query["before"].split(separator: ".", maxSplits: 1)
            if before.count == 2, let ms = Int64(before[0]) { filter.before = (Moment(ms: ms), String(before[1])) }
            return try instance.audit.find(filter, db)
        }
    }

    /// The beginning of a day, `2026-11-23`, in the organisation's zone.
    private static func day(_ text: String, _ zone: String) -> Moment? {
        let parts = text.split(separator: "-").compactMap { Int($0) }
        guard parts.count == 3 else { return nil }
        return OrganisationCalendar(zone: zone).start(year: parts[0], month: parts[1], day: parts[2])
    }
}
