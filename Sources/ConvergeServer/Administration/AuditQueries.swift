public import ConvergeCore
import Foundation

extension Administration {
    /// What to look for in the log; nil: anything.
    public struct AuditQuery: Sendable {
        public var category: String?
        public var activity: String?
        public var person: String?
        public var result: String?
        public var hours: Int?
        /// Nil: all of them.
        public var limit: Int?

        public init(
            category: String? = nil, activity: String? = nil, person: String? = nil, result: String? = nil, hours: Int? = nil,
            limit: Int? = 100
        ) {
            self.category = category
            self.activity = activity
            self.person = person
            self.result = result
            self.hours = hours
            self.limit = limit
        }
    }

    /// One event as exports carry it.
    public struct AuditRow: Sendable, Codable, Hashable {
        public let id: String
        public let at: String
        public let category: String
        public let activity: String
        public let result: String
        public let reason: String?
        public let person: String?
        public let actor: String
        public let correlation: String?
        public let reference: String?
        public let network: String?
        public let policyVersion: Int64?
        public let details: [String: String]
    }

    /// Events that match, newest first.
    public func audit(_ query: AuditQuery) async throws -> [AuditRow] {
        var rows: [AuditRow] = []
        _ = try await audit(query) { rows += $0 }
        return rows
    }

    /// Events that match, newest first, a page at a time: the list needs no memory however long it is.
    ///
    /// - Returns: whether older events match too, beyond the limit.
    public func audit(_ query: AuditQuery, each: ([AuditRow]) throws -> Void) async throws -> Bool {
        var walk = AuditWalk(instance, try await filter(query), limit: query.limit)
        while let page = try await walk.next() { try each(page.map(AuditRow.init)) }
        return walk.hasMore
    }

    private func filter(_ query: AuditQuery) async throws -> AuditFilter {
        var filter = AuditFilter()
        if let text = query.category {
            guard let category = AuditCategory.allCases.first(where: { $0.rawValue.lowercased() == text.lowercased() }) else {
                throw Problem(
                    "There is no category “\(text)”. There are: \(AuditCategory.allCases.map(\.rawValue).joined(separator: ", ")).")
            }
            filter.category = category
        }
        if let text = query.activity {
            guard let activity = AuditActivity.allCases.first(where: { $0.rawValue.lowercased() == text.lowercased() }) else {
                let near = Nearest.nearest(to: text, in: AuditActivity.allCases.map(\.rawValue)).map { " Did you mean “\($0)”?" } ?? ""
                throw Problem("There is no activity “\(text)”.\(near)")
            }
            filter.activity = activity
        }
        if let result = query.result {
            guard ["success", "failure"].contains(result) else { throw Problem("A result is success or failure, not “\(result)”.") }
            filter.success = result == "success"
        }
        if let hours = query.hours { filter.from = now - .hours(hours) }
        if let name = query.person { filter.person = try await instance.database.read { db in try person(name, db).id } }
        return filter
    }

    /// The first row of a CSV export.
    public static let csvHeader = CSV.write([
        [
            "at", "category", "activity", "result", "reason", "person", "actor", "correlation", "reference", "network", "policyVersion",
            "details",
        ]
    ])

    /// Rows as CSV, without a header; formulas of spreadsheets are neutralised.
    public static func csv(_ rows: [AuditRow]) -> String {
        CSV.write(
            rows.map { row in
                [
                    row.at, row.category, row.activity, row.result, row.reason ?? "", row.person ?? "", row.actor, row.correlation ?? "",
                    row.reference ?? "", row.network ?? "", row.policyVersion.map(String.init) ?? "",
                    row.details.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }.joined(separator: "; "),
                ]
            })
    }
}

/// The events that match a filter, newest first, a page at a time. Each page is asked for by the last event of the one before, so
/// that events written meanwhile neither repeat nor skip any.
struct AuditWalk {
    /// Events on a page: nothing in memory, and few statements for many events.
    static let pageSize = 500

    private let instance: Instance
    private var filter: AuditFilter
    private var left: Int?
    private var isOver = false
    /// Whether the limit left older events out.
    private(set) var hasMore = false

    /// - Parameter limit: nil: all that match.
    init(_ instance: Instance, _ filter: AuditFilter, limit: Int? = nil) {
        self.instance = instance
        self.filter = filter
        left = limit
    }

    /// The next page; nil when there is none.
    mutating func next() async throws -> [AuditRecord]? {
        guard !isOver else { return nil }
        let size = min(left ?? Self.pageSize, Self.pageSize)
        // One more than is shown tells whether there are any.
        filter.limit = size + 1
        let wanted = filter, instance = self.instance
        let found = try await instance.database.read { db in try instance.audit.find(wanted, db) }
        let page = Array(found.prefix(size))
        left = left.map { $0 - page.count }
        isOver = found.count <= size || left == 0
        hasMore = found.count > size && left == 0
        filter.before = page.last.map { ($0.at, $0.id) }
        return page.isEmpty ? nil : page
    }
}

extension Administration.AuditRow {
    init(_ record: AuditRecord) {
        let event = record.event
        let actor: String =
            switch event.actor {
            case .person(_, let name): name
            case .operatorConsole: "command line"
            case .system: "system"
            case .anonymous: "anonymous"
            }
        self.init(
            id: record.id, at: record.at.iso, category: record.category.rawValue, activity: event.activity.rawValue,
            result: event.success ? "success" : "failure", reason: event.reason, person: event.personName, actor: actor,
            correlation: event.correlation, reference: event.caseCode, network: event.network, policyVersion: event.policyVersion,
            details: event.details)
    }
}

extension Moment {
    /// ISO 8601 in UTC, seconds.
    public var iso: String {
        Date(timeIntervalSince1970: Double(ms) / 1000).formatted(.iso8601)
    }
}
