import ConvergeCore
import ConvergeServer
import Foundation
import Testing

@Suite struct ConfigTests {
    private let good = """
        publicURL: https://ID.example.org/
        organisation:
          name: Example
          mailDomains: [Example.org, example.com]
        mail:
          host: smtp.example.org
          from: id@example.org
          password: hunter2
        trustedProxies: ["10.0.0.0/8", "2001:db8::/32"]
        """

    private func problems(_ yaml: String, _ environment: [String: String] = [:]) -> [String] {
        do {
            _ = try Config.read(yaml: yaml, environment: environment)
            return []
        } catch let error as ConfigError { return error.problems } catch { return ["\(error)"] }
    }

    @Test func `values come from the file, defaults from the table`() throws {
        let config = try Config.read(yaml: good, environment: [:])
        #expect(config.publicURL == "https://id.example.org")
        #expect(config.organisation.mailDomains == ["example.org", "example.com"])
        #expect(config.mail?.port == 587 && config.mail?.security == .starttls && config.mail?.password?.text == "hunter2")
        #expect(config.text == nil && config.textCountries == ["GB"])
        #expect(config.trustedProxies.count == 2 && config.passwords.workers == 2 && !config.isDemo)
        #expect(!"\(config)".contains("hunter2"))
        try config.validateForProduction()
    }

    @Test func `the environment overrides the file, lists split at commas`() throws {
        let config = try Config.read(
            yaml: good,
            environment: ["CONVERGE_MAIL_HOST": "other", "CONVERGE_ORGANISATION_MAILDOMAINS": "a.org, b.org", "CONVERGE_LISTEN_PORT": "0"])
        #expect(config.mail?.host == "other" && config.listenPort == 0)
        #expect(config.organisation.mailDomains == ["a.org", "b.org"])
    }

    @Test func `the store is a file or a PostgreSQL database, whose password stands elsewhere`() throws {
        #expect(try Config.read(yaml: good, environment: [:]).postgres == nil)
        let server = "database: { postgres: 'host=db1.example.org dbname=converge user=converge sslmode=verify-full' }\n"
        let config = try Config.read(yaml: good + "\n" + server, environment: ["CONVERGE_DATABASE_PASSWORD": "hunter3"])
        #expect(config.postgres?.password?.text == "hunter3" && config.postgres?.sessions == 8)
        #expect(config.storeName == "converge at db1.example.org" && !"\(config)".contains("hunter3"))
        try config.validateForProduction()
        for (text, word) in [
            ("host=db1 dbname=x password=hunter4", "must not hold the password"), ("postgresql://u:hunter4@db1/x", "must not hold"),
            ("host=db1", "must name host and dbname"), ("dbname=x", "must name host and dbname"), ("host db1 hunter4", "connection string"),
        ] {
            let found = problems(good + "\ndatabase: { postgres: '\(text)' }")
            #expect(found.count == 1 && found[0].contains(word) && !found[0].contains("hunter4"), "\(text): \(found)")
        }
        #expect(problems(good + "\ndatabase: { postgres: 'host=db1 dbname=x', path: /x }").contains { $0.contains("not both") })
        for text in ["host=db1 dbname=x sslmode=require", "host=localhost,db1 dbname=x sslmode=prefer"] {
            let plain = try Config.read(yaml: good + "\ndatabase: { postgres: '\(text)' }", environment: [:])
            #expect(throws: ConfigError.self) { try plain.validateForProduction() }
        }
        for host in ["localhost", "/var/run/postgresql", "db1"] {
            let local = try Config.read(yaml: good + "\ndatabase: { postgres: 'host=\(host) dbname=x' }", environment: [:])
            try local.validateForProduction()
        }
        let demo = try Config.demo(dataFolder: "/d", port: 8099, environment: ["CONVERGE_DATABASE_POSTGRES": "host=db1 dbname=x"])
        #expect(demo.postgres != nil && demo.keyRingPath == "/d/keys.json")
    }

    @Test func `every key of the table is read and documented`() {
        for key in ConfigKey.all {
            // A list where one value belongs, or a mapping where a list belongs, must be noticed: so the key was read.
            let path = key.name.split(separator: ".")
            let value = key.kind == .list ? "{ x: 1 }" : "[1, 2]"
            let yaml = path.count == 1 ? "\(path[0]): \(value)" : "\(path[0]): { \(path[1]): \(value) }"
            #expect(problems(yaml).contains { $0.hasPrefix(key.name) }, "\(key.name)")
            #expect(Config.documentation.contains("| `\(key.name)` |") && Config.documentation.contains(key.environmentName))
        }
        #expect(Set(ConfigKey.all.map(\.name)).count == ConfigKey.all.count)
    }

    @Test(arguments: [
        ("mail: { hots: x }", "mail.hots is not a setting. Did you mean mail.host?"),
        ("publicUrl: x", "publicUrl is not a setting. Did you mean publicURL?"),
        ("zzzzzzzzzzzzzzzzzzzzzzzz: 1", "zzzzzzzzzzzzzzzzzzzzzzzz is not a setting."),
        ("demo: true", "demo is not a setting."),
    ])
    func `an unknown key is refused and the nearest named`(yaml: String, sentence: String) {
        #expect(problems(yaml).contains { $0.hasPrefix(sentence) })
    }

    @Test func `an unknown variable is refused and the nearest named; others are none of ours`() {
        let problems = problems(good, ["CONVERGE_MAIL_HOTS": "x", "PATH": "/bin", "CONVERGE_RESOURCES": "/usr/share/converge"])
        #expect(problems == ["CONVERGE_MAIL_HOTS in the environment is not a setting. Did you mean CONVERGE_MAIL_HOST?"])
    }

    @Test func `the demo tells what is wrong with its gateways`() {
        #expect(throws: ConfigError.self) {
            try Config.demo(dataFolder: "/d", port: 8080, environment: ["CONVERGE_MAIL_PORT": "post"])
        }
    }

    @Test func `the documented table is the one that the program prints`() throws {
        let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().path + "/../../.."
        let text = try String(contentsOfFile: folder + "/docs/configuration.md", encoding: .utf8)
        #expect(text.contains(Config.documentation), "converge settings prints what docs/configuration.md should hold")
    }

    @Test(arguments: [
        ("listen: { port: 65536 }", "listen.port"), ("listen: { port: x }", "listen.port"), ("mail: { security: maybe }", "mail.security"),
        ("organisation: { zone: Mars/Base }", "organisation.zone"), ("organisation: { accent: red }", "organisation.accent"),
        ("organisation: { country: XX }", "organisation.country"),
        ("organisation: { helpdeskURL: 'javascript:x' }", "organisation.helpdeskURL"),
        ("trustedProxies: [10.0.0.0/33]", "trustedProxies"), ("text: { allowedCountries: [ZZ] }", "text.allowedCountries"),
        ("mail: { host: h }", "mail.from"), ("publicURL: https://x/path", "publicURL"), ("publicURL: ftp://x", "publicURL"),
        ("", "organisation.name is required"), ("", "publicURL is required"), ("passwords: { workers: 0 }", "passwords.workers"),
    ])
    func `a wrong value is named`(yaml: String, start: String) {
        #expect(problems(yaml).contains { $0.hasPrefix(start) })
    }

    @Test(arguments: ["a: [", "a: 1\na: 2", "- 1", "just text"]) func `what is no mapping of settings is refused`(yaml: String) {
        let complete = ["CONVERGE_PUBLICURL": "https://x.org", "CONVERGE_ORGANISATION_NAME": "X"]
        #expect(problems("", complete).isEmpty)
        #expect(!problems(yaml, complete).isEmpty)
    }

    @Test(arguments: ["http://id.example.org", "http://localhost.example.org", "http://127.0.0.1.example.org"])
    func `production wants https but on loopback`(url: String) throws {
        #expect(throws: ConfigError.self) {
            try Config.read(yaml: good, environment: ["CONVERGE_PUBLICURL": url]).validateForProduction()
        }
        try Config.read(yaml: good, environment: ["CONVERGE_PUBLICURL": "http://localhost:8080"]).validateForProduction()
    }

    @Test(arguments: [
        ["CONVERGE_MAIL_SECURITY": "none"], ["CONVERGE_TEXT_URL": "http://sms.example.org"],
    ])
    func `production sends no secret in clear over a network`(environment: [String: String]) throws {
        #expect(throws: ConfigError.self) { try Config.read(yaml: good, environment: environment).validateForProduction() }
    }

    @Test func `the demo runs on loopback in its folder and never in production`() {
        let config = Config.demo(dataFolder: "/d", port: 8099)
        #expect(config.isDemo && config.publicURL == "http://localhost:8099" && config.databasePath == "/d/converge.db")
        #expect(throws: ConfigError.self) { try config.validateForProduction() }
    }
}
