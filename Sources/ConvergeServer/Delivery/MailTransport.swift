public import ConvergeCore

/// What became of one message. Reasons are for the log and hold neither address nor content.
public enum DeliveryOutcome: Hashable, Sendable {
    /// Handed over; `as`: by what the carrier names it, where it tells.
    case accepted(as: String? = nil)
    /// Trying again would be refused again.
    case refusedPermanently(reason: String)
    /// The network, a time-out, a full mailbox, our own configuration: worth another try.
    ///
    /// `isAboutGateway`: other messages would fare alike. One mailbox that is full says nothing about the others.
    case tryLater(reason: String, isAboutGateway: Bool = true)
}

/// Sends mail over SMTP.
public struct MailTransport: Sendable {
    /// How the connection is protected.
    public enum Security: String, Sendable, CaseIterable {
        /// Plain text: for a relay on the same machine.
        case none
        /// TLS is begun inside the connection, and required: a server without it gets no mail.
        case starttls
        /// TLS from the first byte.
        case tls
    }

    /// Where and how mail is handed over.
    public struct Settings: Sendable {
        public var host: String
        public var port: Int
        public var security: Security
        public var user: String?
        public var password: Secret?
        /// Certificates (PEM) trusted in place of the system's.
        public var caFile: String?
        /// The name we greet with.
        public var helloName: String
        public var connectSeconds: Int
        public var totalSeconds: Int

        public init(
            host: String, port: Int, security: Security, user: String? = nil, password: Secret? = nil, caFile: String? = nil,
            helloName: String = "localhost", connectSeconds: Int = 10, totalSeconds: Int = 30
        ) {
            self.host = host
            self.port = port
            self.security = security
            self.user = user
            self.password = password
            self.caFile = caFile
            self.helloName = helloName
            self.connectSeconds = connectSeconds
            self.totalSeconds = totalSeconds
        }
    }

    private let settings: Settings
    private let curl: Curl

    public init(settings: Settings, curl: Curl) {
        self.settings = settings
        self.curl = curl
    }

    /// Hands one message over.
    ///
    /// - Parameter message: the whole message with headers, lines ending in CR LF.
    public func send(from: EmailAddress, to: EmailAddress, message: [UInt8]) async -> DeliveryOutcome {
        let transfer = Curl.Transfer.mail(settings, from: from.address, to: to.address, message: message)
        guard let outcome = try? await curl.run(transfer) else { return .tryLater(reason: "shutting down") }
        return Self.judge(outcome)
    }

    /// Only a refusal of this very message is permanent. A refused greeting, log-in or TLS says something about the
    /// relay or our configuration, and must not lose anybody's mail.
    private static func judge(_ outcome: Curl.Outcome) -> DeliveryOutcome {
        if outcome.code == 0 { return .accepted() }
        // Not simply the last line: libcurl says QUIT after a refusal.
        let reply = outcome.lines.last { $0.hasPrefix("\(outcome.status)") }.map(replyCodes) ?? ""
        let reason = reply.isEmpty ? outcome.reason : "\(outcome.reason), reply \(reply)"
        let greeted = outcome.lines.first?.hasPrefix("2") == true
        let aboutUs = [530, 534, 535, 538].contains(outcome.status)
        // 67 is CURLE_LOGIN_DENIED, 64 CURLE_USE_SSL_FAILED.
        let refused = (500...599).contains(outcome.status) && greeted && !aboutUs && outcome.code != 67 && outcome.code != 64
        if refused { return .refusedPermanently(reason: reason) }
        // 450 to 452 are said of a mailbox or a message; 421 and 454 of the server.
        return .tryLater(reason: reason, isAboutGateway: !(greeted && [450, 451, 452].contains(outcome.status)))
    }

    /// The codes at the head of a reply (`550 5.1.1`); the text behind them may repeat the address.
    private static func replyCodes(_ line: String) -> String {
        let words = line.split(whereSeparator: { $0 == " " || $0 == "-" }).prefix(2)
        return words.prefix { $0.allSatisfy { $0.isASCII && ($0.isNumber || $0 == ".") } }.joined(separator: " ")
    }
}
