public import ConvergeCore

/// What administrators and operators can do, for commands and administrative pages alike.
public struct Administration: Sendable {
    let instance: Instance

    public init(_ instance: Instance) {
        self.instance = instance
    }

    public typealias Problem = AdministrationProblem

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
}

extension Administration {
    /// How moments are typed and read here.
    public var when: WhenText { WhenText(zone: instance.config.organisation.zone, now: now) }
}
