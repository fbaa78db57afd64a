/// One setting: the row of the table from which reading, refusing and documenting follow.
public struct ConfigKey: Sendable, Hashable {
    /// What a value may be.
    public enum Kind: String, Sendable {
        case text
        case number
        case list
    }

    /// The dotted name in the file, for example `mail.host`.
    public let name: String
    public let kind: Kind
    /// The default as it would be written, nil when there is none.
    public let fallback: String?
    /// One sentence or two for the operator.
    public let help: String

    init(_ name: String, _ kind: Kind, _ fallback: String?, _ help: String) {
        self.name = name
        self.kind = kind
        self.fallback = fallback
        self.help = help
    }

    /// The environment variable that overrides it: `CONVERGE_MAIL_HOST`.
    public var environmentName: String {
        "CONVERGE_" + name.replacing(".", with: "_").uppercased()
    }

    /// Every setting there is.
    public static let all: [ConfigKey] = server + organisation + delivery + passwords + passkeys + limits

    private static let server = [
        ConfigKey(
            "publicURL", .text, nil,
            "The address people use, for example `https://id.example.org`. Required. Every link is made from it; https, but for loopback."),
        ConfigKey("listen.host", .text, "127.0.0.1", "The address to listen on."),
        ConfigKey("listen.port", .number, "8080", "The port to listen on, 0 to 65535; 0 takes a free one."),
        ConfigKey("trustedProxies", .list, "", "Networks (CIDR) of reverse proxies whose `X-Forwarded-For` is believed."),
        ConfigKey(
            "database.path", .text, "/var/lib/converge/converge.db",
            "The SQLite file. Not used, and not to be set, where `database.postgres` is."),
        ConfigKey(
            "database.postgres", .text, "",
            """
            A PostgreSQL database in place of the file, as libpq names it: \
            `host=db1,db2 dbname=converge user=converge sslmode=verify-full sslrootcert=/etc/converge/db-ca.pem`. Of several hosts the \
            one that takes writes is used.
            """),
        ConfigKey("database.password", .text, "", "The password for it, when it asks for one; better given in the environment."),
        ConfigKey("database.sessions", .number, "8", "Sessions at PostgreSQL at most, for each node, 2 to 200; two more listen."),
        ConfigKey(
            "keyRing.path", .text, "/etc/converge/keys.json", "The keys that seal stored secrets. Back it up apart from the database."),
        ConfigKey(
            "metrics.networks", .list, "127.0.0.0/8, ::1/128",
            "Networks (CIDR) that may read `/metrics`. For everybody else there is no such page."),
        ConfigKey("log.level", .text, "info", "`trace`, `debug`, `info`, `notice`, `warning`, `error` or `critical`."),
        ConfigKey("log.format", .text, "json", "`json`, one object a line, or `text`."),
    ]

    private static let organisation = [
        ConfigKey("organisation.name", .text, nil, "The name shown on pages and in messages. Required."),
        ConfigKey("organisation.zone", .text, "UTC", "Time zone (IANA name) in which days end, for example `Europe/London`."),
        ConfigKey("organisation.accent", .text, "#1f5fbf", "Accent colour of the pages, `#rrggbb`."),
        ConfigKey(
            "organisation.mailDomains", .list, "", "Domains of the organisation's own mailboxes, which need the lost password to be read."),
        ConfigKey("organisation.country", .text, "GB", "Country (ISO code) assumed for numbers typed without one."),
        ConfigKey("organisation.helpdesk", .text, "", "How to reach the helpdesk, shown where nothing else helps."),
        ConfigKey("organisation.helpdeskPhone", .text, "", "The helpdesk's telephone number."),
        ConfigKey("organisation.helpdeskURL", .text, "", "The helpdesk's page (http or https)."),
        ConfigKey("organisation.privacyURL", .text, "", "The privacy statement (http or https)."),
        ConfigKey(
            "places.file", .text, "",
            """
            A file of places (MaxMind DB format), by which an approval says roughly where the request comes from. Without it the network \
            address alone is shown.
            """),
    ]

    private static let delivery = [
        ConfigKey("mail.host", .text, "", "The mail relay. Without it no email is sent."),
        ConfigKey("mail.port", .number, "587", "Its port."),
        ConfigKey("mail.security", .text, "starttls", "`starttls` (required, never optional), `tls`, or `none` for a relay on loopback."),
        ConfigKey("mail.user", .text, "", "User name at the relay, when it asks for one."),
        ConfigKey("mail.password", .text, "", "Password at the relay; better given in the environment."),
        ConfigKey("mail.from", .text, "", "The sender's address. Required when `mail.host` is set."),
        ConfigKey("mail.caFile", .text, "", "Certificates (PEM) to trust in place of the system's."),
        ConfigKey("text.url", .text, "", "The text-message gateway (https). Without it no texts are sent."),
        ConfigKey("text.authorization", .text, "", "The whole `Authorization` header for it; better given in the environment."),
        ConfigKey("text.toField", .text, "to", "JSON field for the number."),
        ConfigKey("text.textField", .text, "text", "JSON field for the message."),
        ConfigKey(
            "text.idempotencyField", .text, "idempotencyKey", "JSON field for the key by which a repeat is recognised; empty for none."),
        ConfigKey(
            "text.allowedCountries", .list, "", "Countries (ISO codes) that texts may go to; empty means `organisation.country` only."),
        ConfigKey("carrier.account", .text, "", "Account at a telephone carrier with Twilio's API. Without it nobody is called."),
        ConfigKey(
            "carrier.token", .text, "",
            "The account's token, which also signs the carrier's reports to `publicURL`; better given in the environment."),
        ConfigKey("carrier.url", .text, "https://api.twilio.com", "Where that API is (https)."),
        ConfigKey(
            "carrier.textsFrom", .text, "",
            "Number, or messaging service (`MG…`), that texts come from. Set it instead of `text.url` to send texts through the carrier."),
        ConfigKey("carrier.callsFrom", .text, "", "Number that calls come from. Without it nobody is called."),
        ConfigKey("calls.allowedCountries", .list, "", "Countries (ISO codes) that may be called; empty means those of texts."),
        ConfigKey("calls.fraudDigits", .text, "0", "Digits that somebody presses before `#` to say that it was not them."),
        ConfigKey(
            "calls.detectMachines", .text, "false",
            "`true`: the carrier finds out whether a machine answers. It costs a moment of silence; a machine approves nothing either way."),
        ConfigKey(
            "push.hosts", .list, "fcm.googleapis.com,updates.push.services.mozilla.com,*.push.apple.com,*.notify.windows.com",
            "Push services that the Converge app may name. Empty: nothing is pushed, and the app asks by itself while it is open."),
        ConfigKey("push.contact", .text, "", "Whom a push service can ask: `mailto:` and an address, or a page; empty means `publicURL`."),
    ]

    private static let passwords = [
        ConfigKey("passwords.breachedList", .text, "", "A list imported by `converge`; passwords on it are refused."),
        ConfigKey("passwords.workers", .number, "2", "Threads that hash passwords, 1 to 64; as many as cores."),
        ConfigKey(
            "passwords.queue", .number, "32", "Sign-ins that may wait for a hash, 0 to 10000; beyond, people are asked to try again."),
    ]

    private static let passkeys = [
        ConfigKey(
            "passkeys.attestationRoots", .text, "",
            "Certificates (PEM) of makers of security keys, for a policy that asks for an attestation. Without it none is trusted.")
    ]

    // A network is an IPv4 address, or the /64 of an IPv6 address: a household, or an office behind one address.
    private static let limits = [
        ConfigKey(
            "limits.signInsPerNetwork", .number, "300",
            """
            Sign-ins from one network (an IPv4 address, or an IPv6 /64) that fail or are under way within five minutes, 10 to 1000000. Those \
            that succeeded do not count. Where more than about 2000 people come from one address, raise it.
            """),
        ConfigKey(
            "limits.resetsPerNetwork", .number, "60",
            "Resets from one network in which nothing was proved, in an hour, 5 to 1000000."),
        ConfigKey(
            "limits.codesPerNetwork", .number, "60",
            """
            Codes (texts, mails, calls) for one network that are on their way or were not answered, in an hour, 5 to 1000000. Where some \
            hundred people who get codes come from one address, raise it to a tenth of them and those who wait for one at the same moment.
            """),
        ConfigKey(
            "limits.textsPerCountry", .number, "300",
            "Texts in an hour to each country other than `organisation.country`, 50 to 10000000: fraud with dear numbers goes abroad."),
        ConfigKey("limits.callsPerCountry", .number, "100", "Calls in an hour to each of them, 50 to 10000000."),
        ConfigKey(
            "limits.codes", .number, "5000",
            "Codes sent for the whole organisation in an hour, answered or not, 10 to 10000000: the most that an abuse can cost."),
        ConfigKey("limits.calls", .number, "1000", "Calls among them, 10 to 10000000."),
    ]
}
