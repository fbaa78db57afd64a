public import ConvergeCore
import Foundation

/// The configuration, read once at start and passed on as a value.
public struct Config: Sendable {
    /// How log lines are written.
    public enum LogFormat: String, Sendable, CaseIterable { case json, text }
    /// The least severity that is logged, with the names of the logging library.
    public enum LogLevel: String, Sendable, CaseIterable { case trace, debug, info, notice, warning, error, critical }

    /// The organisation as its people see it.
    public struct Organisation: Sendable {
        public var name: String
        /// IANA name; checked.
        public var zone: String
        /// `#rrggbb`; checked.
        public var accent: String
        /// In lower case.
        public var mailDomains: [String]
        /// ISO 3166-1 alpha-2.
        public var country: String
        public var helpdesk: String?
        public var helpdeskPhone: String?
        public var helpdeskURL: String?
        public var privacyURL: String?
    }

    /// Where the password list lies and how much hashing may go on.
    public struct Passwords: Sendable {
        public var breachedList: String?
        public var workers: Int
        public var queue: Int
    }

    /// How much is let through before it has to wait.
    public struct Limits: Sendable {
        /// Sign-ins in five minutes from one network that failed or are under way.
        public var signInsPerNetwork: Int
        /// Resets in an hour from one network in which nothing was proved.
        public var resetsPerNetwork: Int
        /// Codes in an hour for one network that are on their way or were not answered.
        public var codesPerNetwork: Int
        /// Texts in an hour to one country other than the organisation's own.
        public var textsPerCountry: Int
        /// Calls in an hour to one of them.
        public var callsPerCountry: Int
        /// Codes in an hour for the organisation.
        public var codes: Int
        /// Calls in an hour for the organisation.
        public var calls: Int
    }

    /// Scheme, host and port, without a path: the origin of every page.
    public var publicURL: String
    public var listenHost: String
    public var listenPort: Int
    public var trustedProxies: [CIDR]
    /// Who may read what the server counts.
    public var metricsNetworks: [CIDR]
    /// The SQLite file; not used where `postgres` is set.
    public var databasePath: String
    /// Nil: the store is a SQLite file.
    public var postgres: PostgresDatabase.Settings?
    public var keyRingPath: String
    public var organisation: Organisation
    /// Nil: no email is sent.
    public var mail: MailTransport.Settings?
    public var mailFrom: EmailAddress?
    /// Nil: no texts are sent.
    public var text: TextGateway.Settings?
    /// Countries that texts may go to; never empty.
    public var textCountries: [String]
    /// The telephone carrier; nil: nobody is called.
    public var carrier: TelephoneCarrier.Settings?
    /// Countries that may be called; never empty.
    public var callCountries: [String]
    /// What somebody presses before `#` to say that it was not them.
    public var fraudDigits: String
    /// Push services that apps may name; empty: nothing is pushed.
    public var pushHosts: PushHosts
    /// Whom a push service can ask.
    public var pushContact: String
    public var passwords: Passwords
    public var limits: Limits
    /// Certificates (PEM) of makers of authenticators; nil: none is trusted.
    public var attestationRoots: String?
    /// Path of a file of places; nil: none.
    public var placesFile: String?
    public var logLevel: LogLevel
    public var logFormat: LogFormat
    /// Made by `demo`: example people, an outbox anyone can read. No file can ask for it.
    public var isDemo: Bool

    /// Reads a YAML text, the environment overriding it.
    ///
    /// - Throws: `ConfigError` with every problem found.
    public static func read(yaml: String, environment: [String: String]) throws -> Config {
        var reader = ConfigReader(yaml: yaml, environment: environment)
        let config = read(&reader)
        guard reader.problems.isEmpty else { throw ConfigError(problems: reader.problems) }
        return config
    }

    /// Settings for trying Converge on this machine: plain http on loopback, everything in one folder.
    public static func demo(dataFolder: String, port: Int) -> Config {
        do {
            return try demo(dataFolder: dataFolder, port: port, environment: [:])
        } catch {
            preconditionFailure("the demo's own settings: \(error)")
        }
    }

    /// The same, with mail and texts going to real servers, and the data to PostgreSQL, where the environment says so; nothing else
    /// of it is read.
    ///
    /// - Throws: `ConfigError` with every problem found.
    public static func demo(dataFolder: String, port: Int, environment: [String: String]) throws -> Config {
        let folder = DemoFolder(dataFolder),
            outside = [
                "CONVERGE_MAIL_", "CONVERGE_TEXT_", "CONVERGE_DATABASE_", "CONVERGE_CARRIER_", "CONVERGE_CALLS_", "CONVERGE_PUSH_",
            ]
        var reader = ConfigReader(
            yaml: "",
            environment: [
                "CONVERGE_PUBLICURL": "http://localhost:\(port)", "CONVERGE_LISTEN_PORT": "\(port)",
                "CONVERGE_KEYRING_PATH": folder.keyRingPath,
                "CONVERGE_ORGANISATION_NAME": "Harbour & Vale", "CONVERGE_ORGANISATION_ZONE": "Europe/London",
                "CONVERGE_ORGANISATION_MAILDOMAINS": "example.org", "CONVERGE_LOG_FORMAT": "text",
                "CONVERGE_ORGANISATION_HELPDESK": "Weekdays from 8 to 18", "CONVERGE_ORGANISATION_HELPDESKPHONE": "0117 496 0123",
            ].merging(environment.filter { variable in outside.contains { variable.key.hasPrefix($0) } }) { $1 })
        var config = read(&reader)
        config.databasePath = folder.databasePath
        guard reader.problems.isEmpty else { throw ConfigError(problems: reader.problems) }
        config.isDemo = true
        if FileManager.default.fileExists(atPath: folder.breachedListPath) { config.passwords.breachedList = folder.breachedListPath }
        return config
    }

    /// Refuses what must not serve real people.
    ///
    /// - Throws: `ConfigError` naming each setting.
    public func validateForProduction() throws {
        var problems: [String] = []
        if isDemo { problems.append("Demo settings are not for production: use `converge serve` with a configuration file.") }
        if !publicURL.hasPrefix("https://"), !Self.isLoopback(publicURL) { problems.append("publicURL must begin with https://.") }
        if let mail, mail.security == .none, !Self.isLoopbackHost(mail.host) {
            problems.append("mail.security may be none only for a relay on loopback.")
        }
        if let postgres, !postgres.address.isProtected {
            problems.append("database.postgres may have another sslmode than verify-full only for a server on this machine.")
        }
        if let text, !text.url.hasPrefix("https://"), !Self.isLoopback(text.url) { problems.append("text.url must begin with https://.") }
        if let carrier, !carrier.url.hasPrefix("https://"), !Self.isLoopback(carrier.url) {
            problems.append("carrier.url must begin with https://.")
        }
        if pushHosts.entries.contains(where: { $0.hasPrefix("http://") && !Self.isLoopback($0) }) {
            problems.append("push.hosts may name a host with http:// only on loopback.")
        }
        guard problems.isEmpty else { throw ConfigError(problems: problems) }
    }

    /// The store in words for operators: a path, or a database and its hosts.
    public var storeName: String { postgres?.address.description ?? databasePath }

    /// A table of all settings in Markdown.
    public static var documentation: String {
        let rows = ConfigKey.all.map { key in
            let fallback = key.fallback.map { $0.isEmpty ? "–" : "`\($0)`" } ?? "required"
            return "| `\(key.name)` | \(key.kind.rawValue) | \(fallback) | `\(key.environmentName)` | \(key.help) |"
        }
        return (["| Setting | Type | Default | Environment | Meaning |", "|---|---|---|---|---|"] + rows).joined(separator: "\n") + "\n"
    }

    private static func read(_ reader: inout ConfigReader) -> Config {
        let organisation = readOrganisation(&reader)
        let mail = readMail(&reader)
        let carrier = readCarrier(&reader), text = readText(&reader)
        if text != nil, carrier?.textsFrom != nil { reader.problem("Set one of text.url and carrier.textsFrom, not both.") }
        let countries = readCountries("text.allowedCountries", &reader), called = readCountries("calls.allowedCountries", &reader)
        let textCountries = countries.isEmpty ? [organisation.country] : countries
        return Config(
            publicURL: readPublicURL(&reader), listenHost: reader.required("listen.host"),
            listenPort: reader.number("listen.port", in: 0...65535), trustedProxies: readNetworks("trustedProxies", &reader),
            metricsNetworks: readNetworks("metrics.networks", &reader),
            databasePath: reader.required("database.path"), postgres: readPostgres(&reader), keyRingPath: reader.required("keyRing.path"),
            organisation: organisation,
            mail: mail?.settings, mailFrom: mail?.from, text: text,
            textCountries: textCountries, carrier: carrier, callCountries: called.isEmpty ? textCountries : called,
            fraudDigits: readFraudDigits(&reader), pushHosts: readPushHosts(&reader),
            pushContact: reader.optionalText("push.contact") ?? reader.text("publicURL"),
            passwords: Passwords(
                breachedList: reader.optionalText("passwords.breachedList"), workers: reader.number("passwords.workers", in: 1...64),
                queue: reader.number("passwords.queue", in: 0...10_000)),
            limits: readLimits(&reader),
            attestationRoots: reader.optionalText("passkeys.attestationRoots"), placesFile: reader.optionalText("places.file"),
            logLevel: reader.choice("log.level", of: LogLevel.self, fallback: .info),
            logFormat: reader.choice("log.format", of: LogFormat.self, fallback: .json), isDemo: false)
    }

    private static func readPostgres(_ reader: inout ConfigReader) -> PostgresDatabase.Settings? {
        let text = reader.text("database.postgres"), password = reader.optionalText("database.password").map { Secret($0) }
        let sessions = reader.number("database.sessions", in: 2...200)
        guard !text.isEmpty else { return nil }
        if reader.isSet("database.path") { reader.problem("Set one of database.path and database.postgres, not both.") }
        do {
            return PostgresDatabase.Settings(address: try PostgresAddress(text), password: password, sessions: sessions)
        } catch PostgresAddress.Problem.secret {
            reader.problem("database.postgres must not hold the password. Give it as database.password, best in the environment.")
        } catch PostgresAddress.Problem.incomplete {
            reader.problem("database.postgres must name host and dbname.")
        } catch {
            reader.problem("database.postgres is no connection string: words like host=db1 dbname=converge, or a postgresql:// address.")
        }
        return nil
    }

    private static func readLimits(_ reader: inout ConfigReader) -> Limits {
        Limits(
            signInsPerNetwork: reader.number("limits.signInsPerNetwork", in: 10...1_000_000),
            resetsPerNetwork: reader.number("limits.resetsPerNetwork", in: 5...1_000_000),
            codesPerNetwork: reader.number("limits.codesPerNetwork", in: 5...1_000_000),
            textsPerCountry: reader.number("limits.textsPerCountry", in: 50...10_000_000),
            callsPerCountry: reader.number("limits.callsPerCountry", in: 50...10_000_000),
            codes: reader.number("limits.codes", in: 10...10_000_000), calls: reader.number("limits.calls", in: 10...10_000_000))
    }

    private static func readPublicURL(_ reader: inout ConfigReader) -> String {
        let text = reader.required("publicURL")
        guard !text.isEmpty else { return text }
        let trimmed = text.hasSuffix("/") ? String(text.dropLast()) : text
        guard let url = URLComponents(string: trimmed), let scheme = url.scheme?.lowercased(), ["http", "https"].contains(scheme),
            let host = url.host, !host.isEmpty, url.path.isEmpty, url.query == nil, url.fragment == nil, url.user == nil
        else {
            reader.problem("publicURL must be scheme and host, perhaps a port, without a path.")
            return trimmed
        }
        // As browsers write an origin: small letters, no default port.
        let port = url.port.flatMap { $0 == (scheme == "https" ? 443 : 80) ? nil : ":\($0)" } ?? ""
        return "\(scheme)://\(host.lowercased())\(port)"
    }

    private static func readNetworks(_ name: String, _ reader: inout ConfigReader) -> [CIDR] {
        reader.list(name).compactMap { text in
            if let network = try? CIDR(text) { return network }
            reader.problem("\(name): \(text) is not a network such as 10.0.0.0/8.")
            return nil
        }
    }

    private static func readOrganisation(_ reader: inout ConfigReader) -> Organisation {
        let organisation = Organisation(
            name: reader.required("organisation.name"), zone: reader.text("organisation.zone"),
            accent: reader.text("organisation.accent").lowercased(),
            mailDomains: reader.list("organisation.mailDomains").map { $0.lowercased() },
            country: reader.text("organisation.country").uppercased(), helpdesk: reader.optionalText("organisation.helpdesk"),
            helpdeskPhone: reader.optionalText("organisation.helpdeskPhone"), helpdeskURL: readLink("organisation.helpdeskURL", &reader),
            privacyURL: readLink("organisation.privacyURL", &reader))
        if TimeZone(identifier: organisation.zone) == nil {
            reader.problem("organisation.zone must be an IANA time zone, such as Europe/London.")
        }
        if organisation.accent.wholeMatch(of: /#[0-9a-f]{6}/) == nil {
            reader.problem("organisation.accent must be a colour such as #1f5fbf.")
        }
        if Countries.callingCode(of: organisation.country) == nil { reader.problem("organisation.country must be an ISO code such as GB.") }
        return organisation
    }

    /// A link that people will click: no `javascript:` from a configuration file either.
    private static func readLink(_ name: String, _ reader: inout ConfigReader) -> String? {
        guard let text = reader.optionalText(name) else { return nil }
        let scheme = URLComponents(string: text)?.scheme?.lowercased()
        if scheme != "http" && scheme != "https" { reader.problem("\(name) must begin with https:// or http://.") }
        return text
    }

    private static func readMail(_ reader: inout ConfigReader) -> (settings: MailTransport.Settings, from: EmailAddress?)? {
        let host = reader.text("mail.host")
        let sender = reader.text("mail.from")
        let settings = MailTransport.Settings(
            host: host, port: reader.number("mail.port", in: 1...65535),
            security: reader.choice("mail.security", of: MailTransport.Security.self, fallback: .starttls),
            user: reader.optionalText("mail.user"), password: reader.optionalText("mail.password").map { Secret($0) },
            caFile: reader.optionalText("mail.caFile"))
        guard !host.isEmpty else { return nil }
        let from = EmailAddress(sender)
        if from == nil { reader.problem("mail.from must be an address when mail.host is set.") }
        return (settings, from)
    }

    private static func readText(_ reader: inout ConfigReader) -> TextGateway.Settings? {
        let settings = TextGateway.Settings(
            url: reader.text("text.url"), authorization: reader.optionalText("text.authorization").map { Secret($0) },
            toField: reader.required("text.toField"), textField: reader.required("text.textField"),
            idempotencyField: reader.text("text.idempotencyField"))
        return settings.url.isEmpty ? nil : settings
    }

    private static func readCarrier(_ reader: inout ConfigReader) -> TelephoneCarrier.Settings? {
        let account = reader.text("carrier.account"), token = reader.text("carrier.token"), url = reader.required("carrier.url")
        let detects = reader.choice("calls.detectMachines", of: Flag.self, fallback: .false) == .true
        let texts = readSender("carrier.textsFrom", mayBeService: true, &reader), calls = readSender("carrier.callsFrom", &reader)
        guard !account.isEmpty else {
            if texts != nil || calls != nil { reader.problem("carrier.account is required when a number of it is set.") }
            return nil
        }
        if token.isEmpty { reader.problem("carrier.token is required when carrier.account is set.") }
        return TelephoneCarrier.Settings(
            url: url.hasSuffix("/") ? String(url.dropLast()) : url, account: account, token: Secret(token), textsFrom: texts,
            callsFrom: calls, detectsMachines: detects)
    }

    private enum Flag: String, CaseIterable { case `true`, `false` }

    private static func readSender(_ name: String, mayBeService: Bool = false, _ reader: inout ConfigReader) -> String? {
        guard let sender = reader.optionalText(name) else { return nil }
        let isService = mayBeService && sender.hasPrefix("MG")
        if !isService, PhoneNumber(e164: sender) == nil { reader.problem("\(name) must be a number such as +441174960123.") }
        return sender
    }

    private static func readCountries(_ name: String, _ reader: inout ConfigReader) -> [String] {
        let countries = reader.list(name).map { $0.uppercased() }
        for country in countries where Countries.callingCode(of: country) == nil {
            reader.problem("\(name): \(country) is not the ISO code of a country.")
        }
        return countries
    }

    private static func readPushHosts(_ reader: inout ConfigReader) -> PushHosts {
        let entries = reader.list("push.hosts")
        for entry in entries where entry.wholeMatch(of: /(\*\.)?[A-Za-z0-9.-]+|https?:\/\/[A-Za-z0-9.-]+(:[0-9]+)?/) == nil {
            reader.problem("push.hosts: \(entry) is not a host such as push.example.org or *.example.org.")
        }
        return PushHosts(entries)
    }

    private static func readFraudDigits(_ reader: inout ConfigReader) -> String {
        let digits = reader.text("calls.fraudDigits")
        if digits.wholeMatch(of: /[0-9]{1,4}/) == nil { reader.problem("calls.fraudDigits must be one to four digits.") }
        return digits
    }

    /// Whether people reach the server on this machine only.
    var isLoopback: Bool { Self.isLoopback(publicURL) }

    private static func isLoopback(_ url: String) -> Bool {
        URLComponents(string: url)?.host.map(isLoopbackHost) ?? false
    }

    private static func isLoopbackHost(_ host: String) -> Bool {
        ["localhost", "127.0.0.1", "::1", "[::1]"].contains(host.lowercased())
    }
}
