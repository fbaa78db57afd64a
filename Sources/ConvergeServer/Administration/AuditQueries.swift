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
        public var limit: Int

        public init(
            category: String? = nil, activity: String? = nil, person: String? = nil, result: String? = nil, hours: Int? = nil,
            limit: Int = 100
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
        var filter = AuditFilter(limit: max(1, min(query.limit, 100_000)))
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
        if let result = query.result { filter.success = result == "success" }
        if let hours = query.hours { filter.from = now - .hours(hours) }
        let name = query.person, wanted = filter, instance = self.instance
        return try await instance.database.read { db in
            var filter = wanted
            if let name { filter.person = try self.person(name, db).id }
            return try instance.audit.find(filter, db).map(AuditRow.init)
        }
    }

    /// Rows as CSV, with a header; formulas of spreadsheets are neutralised.
    public static func csv(_ rows: [AuditRow]) -> String {
        let header = [
            "at", "category", "activity", "result", "reason", "person", "actor", "correlation", "reference", "network", "policyVersion",
            "details",
        ]
        return CSV.write(
            [header]
                + rows.map { row in
                    [
                        row.at, row.category, row.activity, row.result, row.reason ?? "", row.person ?? "", row.actor,
                        row.correlation ?? "",
                        row.reference ?? "", row.network ?? "", row.policyVersion.map(String.init) ?? "",
                        row.details.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }.joined(separator: "; "),
                    ]
                })
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

extension Administration {
    /// Now, as the server sees it.
    public var moment: Moment { now }
    /// The address under which people find this server.
    public var publicURL: String { instance.config.publicURL }

    /// A person that an import added, with the first password.
    public struct Imported: Sendable {
        public let name: String
        public let password: Secret
    }

    /// Adds everybody of a CSV file, or nobody: every broken row is told by its number.
    public func importPeople(csv bytes: [UInt8]) async throws -> [Imported] {
        let rows: [CSVRow]
        do {
            rows = try CSV.read(bytes)
        } catch {
            throw Problem("Row \(error.row), column \(error.column): the file is not CSV (\(error.kind.rawValue)).")
        }
        guard let header = rows.first?.fields.map({ $0.trimmingSpaces() }) else { throw Problem("The file is empty.") }
        let known = ["name", "displayName", "kind", "groups", "mobile", "email", "officePhone"]
        for column in header where !known.contains(column) {
            let near = Nearest.nearest(to: column, in: known).map { " Did you mean “\($0)”?" } ?? ""
            throw Problem("There is no column “\(column)”.\(near)")
        }
        var problems: [String] = [], people: [(row: Int, new: NewPerson)] = []
        for row in rows.dropFirst() {
            if row.fields.count != header.count {
                problems.append("Row \(row.number): \(row.fields.count) fields instead of \(header.count).")
                continue
            }
            let values = Dictionary(zip(header, row.fields.map { CSV.unguarded($0).trimmingSpaces() }), uniquingKeysWith: { $1 })
            people.append((row.number, Self.person(values)))
        }
        return try await addAll(people, problems)
    }

    private static func person(_ values: [String: String]) -> NewPerson {
        NewPerson(
            name: values["name"] ?? "", displayName: values["displayName"] ?? "", kind: values["kind"] == "guest" ? .guest : .member,
            groups: (values["groups"] ?? "").split(separator: ";").map { $0.trimmingSpaces() }, mobile: values["mobile"],
            email: values["email"], officePhone: values["officePhone"])
    }

    private func addAll(_ people: [(row: Int, new: NewPerson)], _ broken: [String]) async throws -> [Imported] {
        // Hashing takes its time and happens before the transaction.
        var ready: [(row: Int, new: NewPerson, password: Secret, hash: Secret)] = []
        for (row, new) in people {
            let password = Self.generatedPassword(instance)
            ready.append((row, new, password, try await PasswordDoor(instance: instance).hash(password)))
        }
        let all = ready, now = self.now
        return try await instance.database.write { db in
            var problems = broken
            for (row, new, _, hash) in all {
                do {
                    try insert(new, hash: hash, mustChange: true, now: now, db)
                } catch let problem as Problem {
                    problems.append("Row \(row): \(problem.description)")
                }
            }
            // Thrown inside the transaction: nothing stays.
            guard problems.isEmpty else { throw Problem((problems + ["Nobody was added."]).joined(separator: "\n")) }
            return all.map { Imported(name: $0.new.name, password: $0.password) }
        }
    }
}
