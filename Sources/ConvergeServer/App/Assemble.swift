internal import ConvergeCertificates
import ConvergeCore
import Foundation
public import Logging

extension Instance {
    /// Puts a Converge together: opens the store, migrates it, reads keys, templates and lists.
    ///
    /// - Parameters:
    ///   - hashing: Argon2id parameters; tests whose subject is not hashing take cheap ones.
    ///   - box: the demo's box for texts and mails.
    ///   - over: what stands between everything and the store; tests put one there that fails.
    public static func assemble(
        config: Config, world: World, resources: ResourceFolder, hashing: HashingCost = .standard, box: DemoBox? = nil,
        over: (any Database) -> any Database = { $0 }, log: Logger
    ) async throws -> Instance {
        let (opened, keys) = try await open(config, world), database = over(opened)
        _ = try await Migrator(folder: resources.sub("migrations"), dialect: database.dialect).migrate(database, now: world.now())
        let organisation = try await ensureOrganisation(config, keys, world, database)
        let renderer = try Renderer(resources: resources.path, organisation: Organisation(config))
        let instance = Instance(
            config: config, world: world, database: database, organisation: organisation, keys: keys,
            people: PersonStore(organisation: organisation), credentials: CredentialStore(organisation: organisation, keys: keys),
            tokens: TokenStore(organisation: organisation, keys: keys),
            groups: GroupStore(organisation: organisation), policies: PolicyStore(organisation: organisation),
            flows: FlowStore(organisation: organisation, keys: keys), sessions: SessionStore(organisation: organisation),
            audit: AuditStore(organisation: organisation), outbox: OutboxStore(organisation: organisation, keys: keys),
            approvals: ApprovalStore(organisation: organisation),
            authenticators: AuthenticatorStore(organisation: organisation, keys: keys),
            budgets: BudgetStore(),
            hasher: try PasswordHasher(
                cost: hashing, workers: config.passwords.workers, queue: config.passwords.queue, world: world),
            breached: try config.passwords.breachedList.map { try BreachedList(path: $0) },
            anchors: try config.readAttestationRoots(), places: try config.placesFile.map { try PlaceFinder(path: $0) }, renderer: renderer,
            policyCache: PolicyCache(),
            letters: Letters(renderer: renderer, host: config.publicHost, publicURL: config.publicURL),
            metrics: Metrics(startedAt: world.now()), log: log,
            box: box, pushSender: keys.ownKey("push") { PushSender(key: $0, contact: config.pushContact) })
        try await instance.ensurePolicy()
        return instance
    }

    /// Ends the hashing threads and closes the store.
    public func close() async throws {
        try await hasher.close()
        try await database.close()
    }

    /// Opens store and key ring. A ring is made for a new store only: beside a store in use, one that is not there is a mistyped
    /// path or a loss, and a new one could read nothing.
    private static func open(_ config: Config, _ world: World) async throws -> (any Database, KeyRing) {
        let hasRing = FileManager.default.fileExists(atPath: config.keyRingPath)
        let ring = { (mayCreate: Bool) in
            try KeyRing.open(path: config.keyRingPath, createIfAbsent: mayCreate, production: !config.isDemo, world: world)
        }
        if hasRing {
            let keys = try ring(false)
            return (try await config.openStore(), keys)
        }
        let database = try await config.openStore()
        guard try await !OrganisationStore().isThere(in: database) else {
            try await database.close()
            throw KeyRingError.lost(path: config.keyRingPath, database: config.storeName)
        }
        return (database, try ring(true))
    }

    /// The store's organisation, made where there is none.
    private static func ensureOrganisation(
        _ config: Config, _ keys: KeyRing, _ world: World, _ database: any Database
    ) async throws -> OrganisationID {
        let new: OrganisationID = world.newID(), now = world.now(), name = config.organisation.name
        return try await database.write { db in
            let store = OrganisationStore()
            guard let found = try store.find(db) else {
                try store.insert(new, name: name, keyCheck: keys.check(of: new), at: now, db)
                return new
            }
            guard found.keyCheck ?? keys.check(of: found.id) == keys.check(of: found.id) else {
                throw KeyRingError.foreign(path: config.keyRingPath, database: config.storeName)
            }
            if found.keyCheck == nil { try store.setKeyCheck(keys.check(of: found.id), of: found.id, db) }
            if found.isDemo, !config.isDemo { throw ConfigError(problems: [demoStore(config)]) }
            return found.id
        }
    }

    private static func demoStore(_ config: Config) -> String {
        "database.\(config.postgres == nil ? "path" : "postgres"): \(config.storeName) was filled by the demo, and everybody knows the "
            + "passwords of its people. Name another \(config.postgres == nil ? "file" : "database")."
    }

    /// A fresh store begins with the policy that this release proposes.
    private func ensurePolicy() async throws {
        let policies = self.policies, now = world.now()
        try await database.write { db in
            guard try policies.currentVersion(db) == 0 else { return }
            _ = try policies.apply(.initial, expected: 0, by: "first start", now: now, db)
        }
    }
}

extension Organisation {
    /// The organisation as the configuration describes it.
    init(_ config: Config) {
        self.init(name: config.organisation.name)
        if let zone = OrganisationCalendar.zone(config.organisation.zone) { self.zone = zone }
        helpdesk.phone = config.organisation.helpdeskPhone
        helpdesk.hours = config.organisation.helpdesk
        helpdesk.url = config.organisation.helpdeskURL
        privacyURL = config.organisation.privacyURL
        accent = config.organisation.accent
    }
}

extension Config {
    /// Reads the certificates of makers of authenticators that are trusted.
    func readAttestationRoots() throws -> AttestationAnchors {
        guard let path = attestationRoots else { return AttestationAnchors() }
        guard let pem = try? String(contentsOfFile: path, encoding: .utf8), let anchors = AttestationAnchors(pem: pem) else {
            throw ConfigError(problems: ["passkeys.attestationRoots: \(path) cannot be read as certificates (PEM)."])
        }
        return anchors
    }

    /// Opens the store that the configuration names; a file is made where there is none.
    func openStore() async throws -> any Database {
        if let postgres { try await PostgresDatabase(postgres) } else { try SQLiteDatabase(path: databasePath) }
    }

    /// Whether the store has been made: a file that is there, a database with an organisation in it.
    public func hasStore() async throws -> Bool {
        guard postgres != nil else { return FileManager.default.fileExists(atPath: databasePath) }
        let database = try await openStore()
        let isThere = try await OrganisationStore().isThere(in: database)
        try await database.close()
        return isThere
    }

    /// The host of the public address, without its port.
    var publicHost: String {
        let rest = publicURL.split(separator: "/", omittingEmptySubsequences: true).last.map(String.init) ?? "localhost"
        return rest.hasPrefix("[") ? rest : String(rest.split(separator: ":").first ?? "localhost")
    }

    /// Host and port as a browser sends them.
    var publicAuthority: String { publicURL.split(separator: "/", omittingEmptySubsequences: true).last.map(String.init) ?? "localhost" }

    /// Whether cookies are `__Host-` and Secure.
    var isSecure: Bool { publicURL.hasPrefix("https://") }

    /// Whether texts may go to a number and its country.
    func isCountryOpen(_ phone: PhoneNumber) -> Bool {
        Self.isOpen(PhoneParser.parseForTexts(phone.e164, region: organisation.country), textCountries)
    }

    /// The same for calls, which reach more kinds of numbers.
    func isCountryOpenForCalls(_ phone: PhoneNumber) -> Bool {
        Self.isOpen(PhoneParser.parse(phone.e164, region: organisation.country), callCountries)
    }

    private static func isOpen(_ parsed: Result<ParsedPhone, PhoneProblem>, _ countries: [String]) -> Bool {
        guard case .success(let parsed) = parsed else { return false }
        return countries.contains(parsed.region)
            || countries.contains { Countries.callingCode(of: $0) == Countries.callingCode(of: parsed.region) }
    }
}
