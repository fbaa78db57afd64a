import ConvergeCore
import Foundation

/// Hands push messages to the services of browsers (RFC 8030), encrypted for the browser alone.
struct PushTransport: Sendable {
    let hosts: PushHosts
    let sender: PushSender
    let http: OutgoingHTTP

    /// - Parameters:
    ///   - until: no service keeps it any longer.
    ///   - random: for this one message.
    func send(_ message: OutboxMessage, until: Moment, now: Moment, random: [UInt8]) async -> DeliveryOutcome {
        guard let keys = message.pushKeys, let origin = hosts.origin(of: message.to) else {
            return .refusedPermanently(reason: "not an address that may be pushed to")
        }
        guard let authorization = sender.authorization(for: origin, at: now),
            let body = PushEncryption.encrypt(Array(message.body.utf8), to: keys, random: random)
        else { return .tryLater(reason: "not encrypted", isAboutGateway: false) }
        do {
            let answer = try await http.send(
                .init(
                    "POST", message.to,
                    headers: [
                        .init("Content-Type", "application/octet-stream"), .init("Content-Encoding", "aes128gcm"),
                        .init("TTL", String(max(1, (until - now).ms / 1000))), .init("Urgency", "high"),
                        .init("Authorization", authorization),
                    ], body: body))
            // Nobody there, or never was: RFC 8030 section 7.3.
            return [404, 410].contains(answer.status) ? .refusedPermanently(reason: "gone") : .answered(answer.status)
        } catch {
            return .unanswered(error)
        }
    }
}
