public import ConvergeCore

/// A person to be added.
public struct NewPerson: Sendable, Hashable {
    public var name: String
    public var displayName: String
    public var kind: PersonKind
    public var roles: Set<Role>
    public var groups: [String]
    /// Values that a directory knows and nobody has confirmed.
    public var mobile: String?
    public var email: String?
    public var officePhone: String?

    public init(
        name: String, displayName: String, kind: PersonKind = .member, roles: Set<Role> = [], groups: [String] = [],
        mobile: String? = nil, email: String? = nil, officePhone: String? = nil
    ) {
        self.name = name
        self.displayName = displayName
        self.kind = kind
        self.roles = roles
        self.groups = groups
        self.mobile = mobile
        self.email = email
        self.officePhone = officePhone
    }
}

extension NewPerson {
    static let columns = ["name", "displayName", "kind", "roles", "groups", "mobile", "email", "officePhone"]

    /// Reads one row of a CSV file.
    init(_ row: CSVTable.Row) throws(AdministrationProblem) {
        let kind = row["kind"]
        guard kind.isEmpty || PersonKind(rawValue: kind) != nil else {
            throw AdministrationProblem("kind is member or guest, not “\(kind)”.")
        }
        var roles: Set<Role> = []
        for text in Self.list(row["roles"]) {
            guard let role = Role(rawValue: text) else {
                let all = Role.allCases.map(\.rawValue).joined(separator: ", ")
                throw AdministrationProblem("“\(text)” is not a role. Roles: \(all).")
            }
            roles.insert(role)
        }
        self.init(
            name: row["name"], displayName: row["displayName"], kind: PersonKind(rawValue: kind) ?? .member, roles: roles,
            groups: Self.list(row["groups"]), mobile: row.values["mobile"], email: row.values["email"],
            officePhone: row.values["officePhone"])
    }

    private static func list(_ text: String) -> [String] {
        text.split(separator: ";").map { $0.trimmingSpaces() }.filter { !$0.isEmpty }
    }
}
