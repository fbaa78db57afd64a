import ConvergeCore
import Foundation

/// The audit page's filters: what the form holds, and what the store is asked for.
struct AuditForm: Sendable {
    let values: AuditPage.Filter
    /// Where the page before ended.
    let before: String
    private let zone: String

    init(_ query: Fields, zone: String) {
        values = AuditPage.Filter(
            person: query["person"].trimmingSpaces(), category: query["category"], activity: query["activity"], result: query["result"],
            from: query["from"].trimmingSpaces(), to: query["to"].trimmingSpaces(), reference: query["reference"].trimmingSpaces())
        before = query["before"]
        self.zone = zone
    }

    /// What the store is asked for, and what of the form could not be understood.
    ///
    /// - Parameter person: looks a sign-in name up.
    func filter(limit: Int, person: (String) throws -> PersonID?) rethrows -> (filter: AuditFilter, errors: [FieldError]) {
        var filter = AuditFilter(limit: limit), errors: [FieldError] = []
        filter.category = AuditCategory(rawValue: values.category)
        filter.activity = AuditActivity(rawValue: values.activity)
        filter.success = ["success": true, "failure": false][values.result]
        if !values.person.isEmpty {
            filter.person = try person(values.person)
            if filter.person == nil { errors.append(Self.error("person", Message("audit.error.person"))) }
        }
        let calendar = OrganisationCalendar(zone: zone)
        for (field, text, isEnd) in [("from", values.from, false), ("to", values.to, true)] where !text.isEmpty {
            guard let start = calendar.startOfDay(text) else {
                errors.append(Self.error(field, Message("audit.error.day")))
                continue
            }
            if isEnd { filter.to = calendar.endOfDay(start, after: 0) } else { filter.from = start }
        }
        if !values.reference.isEmpty {
            let code = ReadableCode(.caseCode, typed: values.reference)
            if let code { filter.caseCode = code.canonical.text } else { filter.correlation = values.reference }
        }
        filter.before = Self.place(before)
        return (filter, errors)
    }

    private static func error(_ field: String, _ message: Message) -> FieldError {
        FieldError(field, heading: Message("audit.error.heading"), message: message)
    }

    /// The address of another form of this view, with the same filters.
    func address(_ path: String, before: AuditRecord? = nil) -> String {
        let pairs = [
            ("person", values.person), ("category", values.category), ("activity", values.activity), ("result", values.result),
            ("from", values.from), ("to", values.to), ("reference", values.reference),
            ("before", before.map { "\($0.at.ms).\($0.id)" } ?? ""),
        ].filter { !$0.1.isEmpty }
        guard !pairs.isEmpty else { return path }
        return path + "?" + pairs.map { "\($0.0)=\(PercentEncoding.encode($0.1))" }.joined(separator: "&")
    }

    private static func place(_ text: String) -> (at: Moment, id: String)? {
        let parts = text.split(separator: ".", maxSplits: 1)
        guard parts.count == 2, let ms = Int64(parts[0]) else { return nil }
        return (Moment(ms: ms), String(parts[1]))
    }
}
