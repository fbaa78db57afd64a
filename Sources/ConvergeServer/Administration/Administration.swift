public import ConvergeCore

/// What administrators and operators can do, for commands and administrative pages alike.
public struct Administration: Sendable {
    let instance: Instance

    public init(_ instance: Instance) {
        self.instance = instance
    }

    /// Something that was asked cannot be done; one sentence for the person who asked.
    public struct Problem: Error, Hashable, Sendable, CustomStringConvertible {
        public let description: String

        public init(_ description: String) {
            self.description = description
        }
    }

    var now: Moment { instance.world.now() }

    /// Now, as the server sees it.
    public var moment: Moment { now }
    /// The address under which people find this server.
    public var publicURL: String { instance.config.publicURL }

    /// The person with a name, or a problem.
    func person(_ name: String, _ db: any Connection) throws -> PersonRecord {
        let key = SignInName(name)?.normalised ?? ""
        guard let record = try instance.people.find(nameKey: key, db) else { throw Problem("There is nobody named “\(name)”.") }
        return record
    }

    /// What is set up and what is missing, line by line.
    public func diagnose() async throws -> [String] {
        let instance = self.instance
        let (people, version) = try await instance.database.read { db in
            (try instance.people.count(db), try instance.policies.currentVersion(db))
        }
        let administrators = try await instance.database.read { db in try instance.people.administrators(db).count }
        return [
            "store          ok, \(people) people, policy version \(version)",
            "administrators \(administrators == 0 ? "none yet: converge user admin-code" : "\(administrators)")",
            "mail           \(instance.config.mail == nil ? "not configured: e-mail codes cannot be sent" : "configured")",
            "texts          \(instance.config.text == nil ? "not configured: texts cannot be sent" : "configured")",
            "breached list  \(instance.breached == nil ? "none: converge passwords import FILE" : "\(instance.breached!.count) passwords")",
        ]
    }
}

extension Administration {
    /// How moments are typed and read here.
    public var when: WhenText { WhenText(zone: instance.config.organisation.zone, now: now) }
}
