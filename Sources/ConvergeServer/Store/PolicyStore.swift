public import ConvergeCore

/// One kept version of the policy document.
public struct PolicyVersion: Sendable, Hashable {
    public let document: PolicyDocument
    public let appliedAt: Moment
    public let appliedBy: String
}

/// The numbered policy documents; every version is kept, because the bridge asks when a method left.
public struct PolicyStore: Sendable {
    public let organisation: OrganisationID

    public init(organisation: OrganisationID) {
        self.organisation = organisation
    }

    /// The number of the version in force.
    public func currentVersion(_ db: any Connection) throws -> Int64 { try askVersion(db).answer() }

    /// Asks for the same.
    public func askVersion(_ db: any Connection) throws -> Asked<Int64> {
        try db.askRow("SELECT MAX(version) AS version FROM policy_version WHERE organisation_id = \(organisation)")
            .map { try $0?.optionalInteger("version") ?? 0 }
    }

    /// Every version, oldest first.
    public func all(_ db: any Connection) throws -> [PolicyVersion] {
        try db.rows("SELECT * FROM policy_version WHERE organisation_id = \(organisation) ORDER BY version").map { row in
            var document = try JSONText.decode(PolicyDocument.self, from: row.text("document"))
            document.version = try row.integer("version")
            return PolicyVersion(
                document: document, appliedAt: try row.moment("applied_ms"), appliedBy: try row.text("applied_by"))
        }
    }

    /// Adds the next version, provided that nobody else did since `expected`: compare-and-set on the number.
    ///
    /// - Returns: the new number, or nil when somebody was faster.
    public func apply(
        _ document: PolicyDocument, expected: Int64, by actor: String, now: Moment, _ db: any Connection
    ) throws -> Int64? {
        guard try currentVersion(db) == expected else { return nil }
        var document = document
        document.version = expected + 1
        try db.execute(
            """
            INSERT INTO policy_version (organisation_id, version, document, applied_ms, applied_by)
            VALUES (\(organisation), \(document.version), \(try JSONText.encode(document)), \(now), \(actor))
            """)
        return document.version
    }
}
