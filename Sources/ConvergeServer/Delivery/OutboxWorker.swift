import ConvergeCore
import Logging
public import ServiceLifecycle
import Synchronization

/// Carries what stands in the outbox: claims a few messages, sends them, and writes down what came of it. At least once;
/// a repeat carries the same code and the same idempotency key. A code is never sent late.
public struct OutboxWorker: Service {
    let instance: Instance
    let mail: MailTransport?
    let texts: TextGateway?
    let carrier: TelephoneCarrier?
    let push: PushTransport?

    /// How many messages of one kind are on their way at once. Each kind has its own, so that a gateway that hangs delays
    /// nothing of the other kind; together they are as many as libcurl has threads.
    static let atOnce = 2
    /// How long a claimed message belongs to one worker: longer than any transfer may take.
    static let lease = Span.seconds(60)
    /// Longest wait for a signal; also how late a second try may be.
    static let pause = Duration.seconds(2)
    /// Pauses before the next tries; afterwards the last one again.
    static let pauses: [Span] = [.seconds(5), .seconds(15), .seconds(45), .minutes(2), .minutes(5), .minutes(15), .hours(1)]

    public init(_ instance: Instance, curl: Curl) {
        // Somebody waits for a text: a gateway that is silent for fifteen seconds is down.
        self.init(instance, curl: curl, limits: OutgoingHTTP.Settings(connectSeconds: 5, totalSeconds: 15))
    }

    init(_ instance: Instance, curl: Curl, limits: OutgoingHTTP.Settings) {
        self.instance = instance
        mail = instance.config.mail.map { MailTransport(settings: $0, curl: curl) }
        let http = OutgoingHTTP(curl: curl, settings: limits)
        texts = instance.config.text.map { TextGateway(settings: $0, http: http) }
        push =
            instance.config.pushHosts.isEmpty
            ? nil : PushTransport(hosts: instance.config.pushHosts, sender: instance.pushSender, http: http)
        carrier = instance.config.carrier.map { TelephoneCarrier(settings: $0, http: http, publicURL: instance.config.publicURL) }
    }

    /// Delivers until told to stop; then finishes what is on its way and ends. What waits stays for the next start.
    public func run() async throws {
        let signal = instance.outboxSignal, told = instance.database.notifications(OutboxStore.channel)
        // Commands and other nodes write messages too.
        let ear = Task { if let told { for await _ in told { signal.wake() } } }
        defer { ear.cancel() }
        await withGracefulShutdownHandler {
            let busy = Busy()
            await withDiscardingTaskGroup { group in
                while !Task.isCancelled, !Task.isShuttingDownGracefully {
                    let seen = signal.generation
                    for record in await claimed(busy.free(of: Self.atOnce)) {
                        busy.change(record.kind, by: 1)
                        group.addTask {
                            await deliver(record)
                            busy.change(record.kind, by: -1)
                            signal.wake()
                        }
                    }
                    await signal.wait(since: seen, atMost: Self.pause)
                }
            }
        } onGracefulShutdown: {
            signal.wake()
        }
    }

    /// A round of claims that outlives a fault of the store.
    private func claimed(_ free: [OutboxMessage.Kind: Int]) async -> [OutboxRecord] {
        do {
            return try await claim(free)
        } catch is CancellationError {
            return []
        } catch {
            instance.log.error("outbox cannot be read", metadata: ["reason": "\(error)"])
            return []
        }
    }

    /// Claims what is due, of each kind at most so many.
    func claim(_ free: [OutboxMessage.Kind: Int]) async throws -> [OutboxRecord] {
        let outbox = instance.outbox, now = instance.world.now(), dialect = instance.database.dialect
        let due = try await instance.database.read { db in try outbox.dueKinds(now: now, db) }
        let wanted = free.filter { $0.value > 0 && due.contains($0.key) }
        guard !wanted.isEmpty else { return [] }
        return try await instance.database.write { db in
            try wanted.flatMap { kind, limit in
                try outbox.claim(kind, limit: limit, now: now, lease: Self.lease, db, dialect)
            }
        }
    }

    /// Sends one message, unless it is too late, and writes down what came of it.
    func deliver(_ record: OutboxRecord) async {
        guard let message = try? instance.outbox.open(record) else {
            instance.log.error("message cannot be opened", metadata: ["message": "\(record.id)"])
            return await settle(record, nil, .tryLater(reason: "cannot be opened", isAboutGateway: false))
        }
        guard instance.world.now() < record.notAfter else { return await settle(record, message, nil) }
        await settle(record, message, await send(message, record))
    }

    private func send(_ message: OutboxMessage, _ record: OutboxRecord) async -> DeliveryOutcome {
        let id = record.id
        if message.kind != .push { instance.box?.put(message, id: id, at: instance.world.now()) }
        guard instance.config.carries(message.kind) else {
            return instance.box == nil ? .tryLater(reason: "nothing that carries a \(message.kind.rawValue) is configured") : .accepted()
        }
        switch message.kind {
        case .text:
            guard let phone = PhoneNumber(e164: message.to) else { return .refusedPermanently(reason: "not a number") }
            if let carrier, carrier.takesTexts { return await carrier.text(message.body, to: phone, id: id) }
            guard let texts else { return .tryLater(reason: "no text gateway is configured") }
            return await texts.send(message.body, to: phone, idempotencyKey: id)
        case .voice:
            return await call(message, record)
        case .push:
            guard let push else { return .refusedPermanently(reason: "nothing is pushed") }
            let world = instance.world
            return await push.send(message, until: record.notAfter, now: world.now(), random: world.random(PushEncryption.randomLength))
        case .mail:
            guard let mail, let from = instance.config.mailFrom else { return .tryLater(reason: "no mail server is configured") }
            guard let to = EmailAddress(message.to) else { return .refusedPermanently(reason: "not an address") }
            return await post(message, from: from, to: to, through: mail, id)
        }
    }

    /// Places a call, once: where the answer to an earlier try was lost but the carrier has reported the call since, it has it.
    private func call(_ message: OutboxMessage, _ record: OutboxRecord) async -> DeliveryOutcome {
        guard let carrier, let handle = message.handle, let number = PhoneNumber(e164: message.to),
            let dialled = DialledNumber(number, extension: message.extension)
        else { return .refusedPermanently(reason: "not a number") }
        if record.tries > 1 {
            let instance = self.instance, id = instance.approvalID(handle)
            if (try? await instance.database.read({ db in try instance.approvals.isTaken(id, db) })) == true { return .accepted() }
        }
        return await carrier.call(dialled, handle: handle, id: record.id)
    }

    private func post(
        _ message: OutboxMessage, from: EmailAddress, to: EmailAddress, through mail: MailTransport, _ id: String
    ) async -> DeliveryOutcome {
        let whole = MailMessage(
            fromName: instance.config.organisation.name, from: from, to: to, subject: message.subject, text: message.body,
            html: message.html ?? "", date: instance.world.now(), key: id)
        guard let bytes = try? whole.bytes() else { return .refusedPermanently(reason: "the message could not be built") }
        return await mail.send(from: from, to: to, message: bytes)
    }

    /// Writes down what came of a message; nil: it was too late to send it.
    ///
    /// In a task of its own: a message that was taken must not go out again because this worker was just told to stop.
    private func settle(_ record: OutboxRecord, _ message: OutboxMessage?, _ outcome: DeliveryOutcome?) async {
        let instance = self.instance, now = instance.world.now()
        let next = now + Self.pauses[min(max(record.tries, 1), Self.pauses.count) - 1], channel = message.flatMap(instance.channelKey)
        note(record, outcome, isLast: next >= record.notAfter)
        do {
            try await Task {
                try await instance.database.write { db in
                    try Self.write(record, channel: channel, outcome, next: next, now: now, instance.outbox, db)
                    if case .refusedPermanently? = outcome, let app = message?.app { try Self.forget(app, message?.to, instance, db) }
                    guard let handle = message?.handle else { return }
                    try Self.follow(instance.approvalID(handle), outcome, isLast: next >= record.notAfter, now: now, instance, db)
                }
            }.value
            if message?.handle != nil { instance.approvalSignal.wake() }
        } catch {
            instance.log.error("outcome not written", metadata: ["message": "\(record.id)", "reason": "\(error)"])
        }
    }

    private static func write(
        _ record: OutboxRecord, channel: String?, _ outcome: DeliveryOutcome?, next: Moment, now: Moment, _ outbox: OutboxStore,
        _ db: any Connection
    ) throws {
        let gateway = record.kind.rawValue
        switch outcome {
        case nil:
            try outbox.finish(record, .expired, failure: "too late", now: now, db)
        case .accepted(let carrierID):
            try outbox.finish(record, .sent, failure: nil, carrierID: carrierID, now: now, db)
            try outbox.clearTrouble([gateway] + (channel.map { [$0] } ?? []), db)
        case .refusedPermanently(let reason):
            try outbox.finish(record, .refused, failure: reason, now: now, db)
            // The gateway works; this number or mailbox does not.
            try outbox.clearTrouble([gateway], db)
            if let channel { try outbox.noteTrouble(channel, at: now, db) }
        case .tryLater(let reason, let isAboutGateway):
            if let troubled = isAboutGateway ? gateway : channel { try outbox.noteTrouble(troubled, at: now, db) }
            if next < record.notAfter {
                try outbox.retry(record, at: next, failure: reason, db)
            } else {
                try outbox.finish(record, .gaveUp, failure: reason, now: now, db)
            }
        }
    }

    /// Whoever waits for a call learns that it was not placed, or that it rings where nobody reports on it.
    private static func follow(
        _ id: ApprovalID, _ outcome: DeliveryOutcome?, isLast: Bool, now: Moment, _ instance: Instance, _ db: any Connection
    ) throws {
        switch outcome {
        case nil: _ = try instance.approvals.decide(id, .failed, .tooLate, now: now, db)
        case .accepted(let call?): _ = try instance.approvals.adopt(id, call: call, db)
        case .accepted: if !instance.config.carries(.voice) { try instance.approvals.advance(id, to: .ringing, db) }
        case .refusedPermanently: _ = try instance.approvals.decide(id, .failed, .unreachable, now: now, db)
        case .tryLater: if isLast { _ = try instance.approvals.decide(id, .failed, .tooLate, now: now, db) }
        }
    }

    /// Whoever took push messages there does so no more; a newer address stays.
    private static func forget(_ app: CredentialID, _ endpoint: String?, _ instance: Instance, _ db: any Connection) throws {
        guard var record = try instance.authenticators.find(app, db), record.content.push?.endpoint == endpoint else { return }
        record.content.push = nil
        try instance.authenticators.save(record, db)
    }

    private static func label(_ outcome: DeliveryOutcome?, isLast: Bool) -> String {
        switch outcome {
        case nil: "expired"
        case .accepted: "sent"
        case .refusedPermanently: "refused"
        case .tryLater: isLast ? "gave-up" : "delayed"
        }
    }

    /// The log names the message, never where it goes or what it says.
    private func note(_ record: OutboxRecord, _ outcome: DeliveryOutcome?, isLast: Bool) {
        instance.metrics.count(.messages, record.kind.rawValue, Self.label(outcome, isLast: isLast))
        var facts: Logger.Metadata = ["message": "\(record.id)", "kind": "\(record.kind.rawValue)", "tries": "\(record.tries)"]
        switch outcome {
        case nil:
            instance.log.warning("message too late, not sent", metadata: facts)
        case .accepted:
            instance.log.debug("message sent", metadata: facts)
        case .refusedPermanently(let reason):
            facts["reason"] = "\(reason)"
            instance.log.warning("message refused", metadata: facts)
        case .tryLater(let reason, _):
            facts["reason"] = "\(reason)"
            if isLast {
                instance.log.warning("message given up", metadata: facts)
            } else {
                instance.log.notice("message delayed", metadata: facts)
            }
        }
    }
}

/// How many messages of each kind are on their way.
private final class Busy: Sendable {
    private let counts = Mutex<[OutboxMessage.Kind: Int]>([:])

    func change(_ kind: OutboxMessage.Kind, by difference: Int) {
        counts.withLock { $0[kind, default: 0] += difference }
    }

    func free(of limit: Int) -> [OutboxMessage.Kind: Int] {
        counts.withLock { counts in
            Dictionary(uniqueKeysWithValues: OutboxMessage.Kind.allCases.map { ($0, limit - counts[$0, default: 0]) })
        }
    }
}

extension Instance {
    /// Whether messages of a kind can be sent at all: by a gateway, or into the demo's box.
    func carries(_ kind: OutboxMessage.Kind) -> Bool { box != nil || config.carries(kind) }

    /// All that can be.
    var carriers: Set<Carrier> {
        Set(Carrier.allCases.filter { carrier in OutboxMessage.Kind(rawValue: carrier.rawValue).map(carries) ?? false })
    }

    /// A number that cannot be called may get texts all the same: its trouble has a name of its own.
    static func called(_ channel: String) -> String { "voice:" + channel }

    /// The channel key of the number or mailbox that a message goes to, equal to that of its credential.
    func channelKey(of message: OutboxMessage) -> String? {
        switch message.kind {
        case .text: PhoneNumber(e164: message.to).map { credentials.channelKey("tel:" + $0.e164) }
        case .mail: EmailAddress(message.to).map { credentials.channelKey("mail:" + $0.normalised) }
        case .push: nil
        case .voice:
            PhoneNumber(e164: message.to).flatMap { DialledNumber($0, extension: message.extension) }
                .map { Self.called(credentials.channelKey($0.channelSource)) }
        }
    }
}

extension Config {
    /// Whether messages of a kind go somewhere real.
    func carries(_ kind: OutboxMessage.Kind) -> Bool {
        switch kind {
        case .text: text != nil || carrier?.textsFrom != nil
        case .mail: mail != nil
        case .voice: carrier?.callsFrom != nil
        case .push: !pushHosts.isEmpty
        }
    }
}
