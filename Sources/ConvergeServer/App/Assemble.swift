public import ConvergeCore
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
        let keys = try KeyRing.open(path: config.keyRingPath, createIfAbsent: true, production: !config.isDemo, world: world)
        let database = over(try SQLiteDatabase(path: config.databasePath))
        _ = try await Migrator(folder: resources.sub("migrations"), dialect: database.dialect).migrate(database, now: world.now())
        let organisation = try await ensureOrganisation(config, world, database)
        let renderer = try Renderer(resources: resources.path, organisation: Organisation(config))
        let instance = Instance(
            config: config, world: world, database: database, organisation: organisation, keys: keys,
            people: PersonStore(organisation: organisation), credentials: CredentialStore(organisation: organisation, keys: keys),
            groups: GroupStore(organisation: organisation), policies: PolicyStore(organisation: organisation),
            flows: FlowStore(organisation: organisation, keys: keys), sessions: SessionStore(organisation: organisation),
            audit: AuditStore(organisation: organisation), outbox: OutboxStore(organisation: organisation, keys: keys),
            budgets: BudgetStore(),
            hasher: try PasswordHasher(
                cost: hashing, workers: config.passwords.workers, queue: config.passwords.queue, world: world),
            breached: try config.passwords.breachedList.map { try BreachedList(path: $0) }, renderer: renderer,
            policyCache: PolicyCache(),
            letters: Letters(renderer: renderer, host: config.publicHost, publicURL: config.publicURL), log: log, box: box)
        try await instance.ensurePolicy()
        return instance
    }

    /// Ends the hashing threads and closes the store.
    public func close() async throws {
        try await hasher.close()
        try await database.close()
    }

    private static func ensureOrganisation(_ config: Config, _ world: World, _ database: any Database) async throws -> OrganisationID {
        let id: OrganisationID = world.newID(), now = world.now(), name = config.organisation.name
        return try await database.write { db in try OrganisationStore().ensure(id, name: name, now: now, db) }
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
    /// The host of the public address, without its port.
    var publicHost: String {
        let rest = publicURL.split(separator: "/", omittingEmptySubsequences: true).last.map(String.init) ?? "localhost"
        return rest.hasPrefix("[") ? rest : String(rest.split(separator: ":").first ?? "localhost")
    }

    /// Host and port as a browser sends them.
    var publicAuthority: String { publicURL.split(separator: "/", omittingEmptySubsequences: true).last.map(String.init) ?? "localhost" }

    /// Whether cookies are `__Host-` and Secure.
    var isSecure: Bool { publicURL.hasPrefix("https://") }

    /// Whether texts may go to a number's country.
    func isCountryOpen(_ phone: PhoneNumber) -> Bool {
        guard case .success(let parsed) = PhoneParser.parse(phone.e164, region: organisation.country) else { return false }
        return textCountries.contains(parsed.region)
            || textCountries.contains { Countries.callingCode(of: $0) == Countries.callingCode(of: parsed.region) }
    }
}
