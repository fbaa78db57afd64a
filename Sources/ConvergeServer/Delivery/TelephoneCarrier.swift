public import ConvergeCore
import Foundation

/// Sends texts and places calls through a telephone carrier with the API of Twilio (2010-04-01): forms over HTTPS with basic
/// authentication, answers and reports in return.
public struct TelephoneCarrier: Sendable {
    /// Account and numbers at the carrier.
    public struct Settings: Sendable {
        /// Without a path: `https://api.twilio.com`.
        public var url: String
        public var account: String
        /// The account's token: it signs in here, and signs the carrier's reports.
        public var token: Secret
        /// The number that texts come from, or a messaging service (`MG…`); nil: no texts go this way.
        public var textsFrom: String?
        /// The number that calls come from; nil: nobody is called.
        public var callsFrom: String?
        /// Whether the carrier shall find out if a machine answers; it costs a moment of silence.
        public var detectsMachines: Bool

        public init(
            url: String = "https://api.twilio.com", account: String, token: Secret, textsFrom: String? = nil, callsFrom: String? = nil,
            detectsMachines: Bool = false
        ) {
            self.url = url
            self.account = account
            self.token = token
            self.textsFrom = textsFrom
            self.callsFrom = callsFrom
            self.detectsMachines = detectsMachines
        }
    }

    /// How long a telephone rings.
    static let ringSeconds = 30

    private let settings: Settings
    private let http: OutgoingHTTP
    private let callbacks: CarrierCallbacks

    /// - Parameter publicURL: where the carrier's reports come back to.
    public init(settings: Settings, http: OutgoingHTTP, publicURL: String) {
        self.settings = settings
        self.http = http
        callbacks = CarrierCallbacks(publicURL: publicURL)
    }

    /// Whether texts go this way.
    var takesTexts: Bool { settings.textsFrom != nil }

    /// Hands one text over.
    ///
    /// - Parameter id: the message's, the same for every try.
    public func text(_ body: String, to number: PhoneNumber, id: String) async -> DeliveryOutcome {
        guard let from = settings.textsFrom else { return .tryLater(reason: "no number for texts is configured") }
        return await post(
            "Messages",
            [
                ("To", number.e164), (from.hasPrefix("MG") ? "MessagingServiceSid" : "From", from), ("Body", body),
                ("StatusCallback", callbacks.text(id)),
            ], id: id)
    }

    /// Places a call.
    ///
    /// - Parameters:
    ///   - handle: the approval's, by which the carrier asks what to say and reports what happened.
    ///   - id: the message's, the same for every try.
    public func call(_ number: DialledNumber, handle: Secret, id: String) async -> DeliveryOutcome {
        guard let from = settings.callsFrom else { return .tryLater(reason: "no number for calls is configured") }
        var fields = [
            ("To", number.number.e164), ("From", from), ("Url", callbacks.voice(handle)), ("Method", "POST"),
            ("StatusCallback", callbacks.voice(handle, "status")), ("StatusCallbackMethod", "POST"), ("Timeout", String(Self.ringSeconds)),
        ]
        fields += ["initiated", "ringing", "answered", "completed"].map { ("StatusCallbackEvent", $0) }
        // Two seconds of silence before the extension: the exchange speaks first.
        if let digits = number.extension { fields.append(("SendDigits", "wwww" + digits)) }
        if settings.detectsMachines { fields.append(("MachineDetection", "Enable")) }
        return await post("Calls", fields, id: id)
    }

    private func post(_ what: String, _ fields: [(String, String)], id: String) async -> DeliveryOutcome {
        let body = fields.map { PercentEncoding.encode($0.0) + "=" + PercentEncoding.encode($0.1) }.joined(separator: "&")
        let login = Data("\(settings.account):\(settings.token.text)".utf8).base64EncodedString()
        let account = PercentEncoding.encode(settings.account)
        do {
            let answer = try await http.send(
                .init(
                    "POST", "\(settings.url)/2010-04-01/Accounts/\(account)/\(what).json",
                    headers: [
                        .init("Content-Type", "application/x-www-form-urlencoded"), .init("Authorization", "Basic " + login),
                        // A carrier that knows such keys recognises a repeat by it.
                        .init("Idempotency-Key", id),
                    ], body: Array(body.utf8)))
            return Self.judge(answer)
        } catch {
            return .unanswered(error)
        }
    }

    private struct Taken: Decodable {
        let sid: String?
    }

    private static func judge(_ answer: OutgoingHTTP.Answer) -> DeliveryOutcome {
        let outcome = DeliveryOutcome.answered(answer.status)
        guard case .accepted = outcome else { return outcome }
        let sid = (try? JSONDecoder().decode(Taken.self, from: Data(answer.body)))?.sid
        return .accepted(as: sid.flatMap { $0.utf8.count <= 64 ? $0 : nil })
    }
}

/// The addresses to which a carrier reports.
struct CarrierCallbacks: Sendable {
    let publicURL: String

    func text(_ id: String) -> String { "\(publicURL)/callbacks/text/\(id)" }

    func voice(_ handle: Secret, _ step: String? = nil) -> String {
        "\(publicURL)/callbacks/voice/\(handle.text)" + (step.map { "/" + $0 } ?? "")
    }
}
