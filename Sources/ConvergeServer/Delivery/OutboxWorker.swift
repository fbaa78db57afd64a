import ConvergeCore
import Logging
public import ServiceLifecycle

/// Carries what stands in the outbox: claims a few messages, sends them, and writes down what came of it. At least once;
/// a repeat carries the same code and the same idempotency key. A code is never delivered late.
public struct OutboxWorker: Service {
    let instance: Instance
    let mail: MailTransport?
    let texts: TextGateway?
    let signal: OutboxSignal

    /// How many messages one round takes.
    static let batch = 8
    /// How long a claimed message belongs to one worker.
    static let lease = Span.minutes(2)
    /// Pauses before the next tries; afterwards the last one again.
    static let pauses = [Span.seconds(5), .seconds(15), .seconds(45), .minutes(2), .minutes(10)]

    public init(_ instance: Instance, curl: Curl) {
        self.instance = instance
        mail = instance.config.mail.map { MailTransport(settings: $0, curl: curl) }
        texts = instance.config.text.map { TextGateway(settings: $0, http: OutgoingHTTP(curl: curl)) }
        signal = instance.outboxSignal
    }

    public func run() async throws {
        await cancelWhenGracefulShutdown {
            while !Task.isCancelled {
                do {
                    while try await round() > 0, !Task.isCancelled {}
                } catch {
                    instance.log.error("outbox round failed", metadata: ["reason": "\(error)"])
                }
                await signal.wait(atMostMs: 1000)
            }
        }
    }

    /// Delivers what is due.
    ///
    /// - Returns: how many messages were taken.
    @discardableResult
    func round() async throws -> Int {
        let instance = self.instance, now = instance.world.now()
        let due = try await instance.database.write { db in
            try instance.outbox.claim(limit: Self.batch, now: now, lease: Self.lease, db, instance.database.dialect)
        }
        for record in due { try await deliver(record) }
        return due.count
    }

    private func deliver(_ record: OutboxRecord) async throws {
        let instance = self.instance
        guard instance.world.now() < record.notAfter else { return try await settle(record, "expired", "too late") }
        let message = try instance.outbox.open(record)
        let outcome = await send(message, record.id)
        switch outcome {
        case .accepted:
            try await settle(record, "sent", nil)
        case .refusedPermanently(let reason):
            instance.log.warning("message refused", metadata: ["message": "\(record.id)", "reason": "\(reason)"])
            try await settle(record, "refused", reason)
        case .tryLater(let reason):
            try await retry(record, reason)
        }
    }

    private func send(_ message: OutboxMessage, _ id: String) async -> DeliveryOutcome {
        instance.box?.put(message, id: id, at: instance.world.now())
        switch message.kind {
        case .text:
            guard let texts else { return instance.box == nil ? .refusedPermanently(reason: "no text gateway is configured") : .accepted }
            guard let phone = PhoneNumber(e164: message.to) else { return .refusedPermanently(reason: "not a number") }
            return await texts.send(message.body, to: phone, idempotencyKey: id)
        case .mail:
            guard let mail, let from = instance.config.mailFrom else {
                return instance.box == nil ? .refusedPermanently(reason: "no mail server is configured") : .accepted
            }
            guard let to = EmailAddress(message.to) else { return .refusedPermanently(reason: "not an address") }
            return await post(message, from: from, to: to, through: mail, id)
        }
    }

    private func post(
        _ message: OutboxMessage, from: EmailAddress, to: EmailAddress, through mail: MailTransport, _ id: String
    ) async -> DeliveryOutcome {
        do {
            let bytes = try MailMessage(
                fromName: instance.config.organisation.name, from: from, to: to, subject: message.subject, text: message.body,
                html: message.html ?? "", date: instance.world.now(), key: id
            ).bytes()
            return await mail.send(from: from, to: to, message: bytes)
        } catch {
            return .refusedPermanently(reason: "the message could not be built")
        }
    }

    private func retry(_ record: OutboxRecord, _ reason: String) async throws {
        let pause = Self.pauses[min(record.tries, Self.pauses.count) - 1], next = instance.world.now() + pause
        guard next < record.notAfter else {
            instance.log.warning("message given up", metadata: ["message": "\(record.id)", "reason": "\(reason)"])
            return try await settle(record, "gaveUp", reason)
        }
        instance.log.notice("message delayed", metadata: ["message": "\(record.id)", "reason": "\(reason)", "tries": "\(record.tries)"])
        let outbox = instance.outbox
        try await instance.database.write { db in try outbox.retry(record.id, at: next, failure: reason, db) }
    }

    private func settle(_ record: OutboxRecord, _ state: String, _ failure: String?) async throws {
        let outbox = instance.outbox, now = instance.world.now()
        try await instance.database.write { db in try outbox.finish(record.id, state: state, failure: failure, now: now, db) }
    }
}
