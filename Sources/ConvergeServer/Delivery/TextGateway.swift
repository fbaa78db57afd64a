public import ConvergeCore
import Foundation

/// Sends texts through an HTTP gateway that takes JSON.
public struct TextGateway: Sendable {
    /// The gateway's address and the names of its fields.
    public struct Settings: Sendable {
        public var url: String
        /// The whole `Authorization` header, for example `Bearer …`.
        public var authorization: Secret?
        public var toField: String
        public var textField: String
        /// Where the message's key goes, by which the gateway recognises a repeat; empty when it knows no such thing.
        public var idempotencyField: String

        public init(
            url: String, authorization: Secret? = nil, toField: String = "to", textField: String = "text",
            idempotencyField: String = "idempotencyKey"
        ) {
            self.url = url
            self.authorization = authorization
            self.toField = toField
            self.textField = textField
            self.idempotencyField = idempotencyField
        }
    }

    private let settings: Settings
    private let http: OutgoingHTTP

    public init(settings: Settings, http: OutgoingHTTP) {
        self.settings = settings
        self.http = http
    }

    /// Hands one text over.
    ///
    /// - Parameter idempotencyKey: the same for every try of one message.
    public func send(_ text: String, to number: PhoneNumber, idempotencyKey: String) async -> DeliveryOutcome {
        var fields = [settings.toField: number.e164, settings.textField: text]
        var headers = [OutgoingHTTP.Header("Content-Type", "application/json")]
        if !settings.idempotencyField.isEmpty { fields[settings.idempotencyField] = idempotencyKey }
        if let authorization = settings.authorization { headers.append(.init("Authorization", authorization.text)) }
        guard let body = try? JSONEncoder().encode(fields) else { return .refusedPermanently(reason: "not encodable") }
        do {
            return .answered(try await http.send(.init("POST", settings.url, headers: headers, body: Array(body))).status)
        } catch {
            return .unanswered(error)
        }
    }
}

extension DeliveryOutcome {
    /// What it means that a gateway gave no answer.
    static func unanswered(_ error: any Error) -> DeliveryOutcome {
        switch error as? OutgoingHTTP.Failure {
        // It did answer: the message may have been taken, and a repeat carries the same key.
        case .tooLarge: .tryLater(reason: "the gateway's answer is too large")
        case .timeout: .tryLater(reason: "the gateway did not answer in time")
        default: .tryLater(reason: "\(error)")
        }
    }

    /// What a gateway's answer means: 408 and 429 ask for another try; 401 and 403 are our own configuration, which must not lose anybody's code;
    /// a redirect is not followed and likewise ours to mend.
    static func answered(_ status: Int) -> DeliveryOutcome {
        switch status {
        case 200...299: .accepted()
        // Too many: perhaps to this number only. Somebody who provokes it must not stop everybody's texts.
        case 429: .tryLater(reason: "the gateway answered 429", isAboutGateway: false)
        case 401, 403, 407, 408, 425: .tryLater(reason: "the gateway answered \(status)")
        case 400...499: .refusedPermanently(reason: "the gateway answered \(status)")
        default: .tryLater(reason: "the gateway answered \(status)")
        }
    }
}
