import ConvergeCore
import Foundation
import Logging
import NIOCore

@testable import ConvergeServer

/// A server whose gateways are on loopback, with a worker that is driven by hand.
struct DeliveryKit {
    let server: TestServer
    let worker: OutboxWorker
    let curl: Curl
    let log: Heard

    static let number = PhoneNumber(e164: "+447700900184")!
    static let mailbox = EmailAddress("ada.private@elsewhere.example")!
    static let code = "481920"

    var instance: Instance { server.instance }
    var clock: TestClock { server.clock }

    /// - Parameters:
    ///   - texts: port of the text gateway; nil: none.
    ///   - mail: port of the mail relay; nil: none.
    ///   - carrier: port of the telephone carrier; nil: none.
    ///   - patience: seconds that a transfer may take.
    init(
        texts: Int? = nil, mail: Int? = nil, carrier: Int? = nil, folder: String? = nil,
        clock: TestClock = TestClock(now: TestServer.start),
        box: DemoBox? = nil, policy: PolicyDocument? = nil, patience: Int = 1, engine: Engine = .ofServers
    ) async throws {
        let heard = Heard()
        var logger = Logger(label: "test") { _ in HeardLog(heard: heard) }
        logger.logLevel = .trace
        server = try await TestServer(
            folder: folder, clock: clock, policy: policy, engine: engine,
            configure: { config in
                config.text = texts.map { TextGateway.Settings(url: "http://127.0.0.1:\($0)/sms") }
                config.carrier = carrier.map { port in
                    var settings = CallKit.settings
                    settings.url = "http://127.0.0.1:\(port)"
                    return settings
                }
                config.mail = mail.map { MailTransport.Settings(host: "127.0.0.1", port: $0, security: .none, totalSeconds: patience) }
                config.mailFrom = EmailAddress("id@example.org")
            }, box: box, log: logger)
        log = heard
        curl = Curl(threads: 4)
        worker = OutboxWorker(server.instance, curl: curl, limits: .init(connectSeconds: patience, totalSeconds: patience))
    }

    func close() async throws {
        try await curl.close()
        try await instance.close()
    }

    /// A text with a code, as it is inserted beside the change that asks for it.
    @discardableResult
    func insertText(to number: PhoneNumber = Self.number, code: String = Self.code, life: Span = .minutes(5)) async throws -> String {
        try await insert(OutboxMessage(kind: .text, to: number.e164, body: "\(code) is your code", code: code), life)
    }

    @discardableResult
    func insertMail(life: Span = .minutes(10)) async throws -> String {
        try await insert(
            OutboxMessage(
                kind: .mail, to: Self.mailbox.address, subject: "Your code", body: "\(Self.code) plain", html: "<b>\(Self.code)</b>",
                code: Self.code), life)
    }

    private func insert(_ message: OutboxMessage, _ life: Span) async throws -> String {
        let instance = self.instance, now = clock.now, id = instance.world.newToken(bytes: 16)
        try await instance.database.write { db in
            try instance.outbox.insert(message, id: id, person: nil, notAfter: now + life, now: now, db)
        }
        return id
    }

    /// What the table says of a message.
    struct Standing: Equatable {
        let state: String
        let isWiped: Bool
        let tries: Int
    }

    func standing(_ id: String) async throws -> Standing {
        try await instance.database.read { db in
            guard let row = try db.row("SELECT * FROM outbox WHERE id = \(id)") else { throw Fault("no such message") }
            return Standing(state: try row.text("state"), isWiped: try row.optionalText("sealed") == nil, tries: try row.int("tries"))
        }
    }

    /// Everything that waits in the outbox, in the order of its insertion.
    func waiting() async throws -> [OutboxMessage] {
        let instance = self.instance
        return try await instance.database.read { db in
            let order = instance.database.dialect.order
            return try db.rows("SELECT * FROM outbox WHERE state = 'waiting' ORDER BY \(fragment: order)").map { row in
                try instance.outbox.open(
                    OutboxRecord(
                        id: row.text("id"), kind: row.choice("kind", as: OutboxMessage.Kind.self), tries: 0,
                        notAfter: row.moment("not_after_ms"), createdAt: row.moment("created_ms"), sealed: row.text("sealed")))
            }
        }
    }

    /// Why a way of the person cannot be used now.
    func gap(_ capability: Capability, of person: PersonID) async throws -> Reachability.Gap? {
        let instance = self.instance, now = clock.now
        return try await instance.database.read { db in
            guard let dossier = try instance.dossier(person, knownBrowser: true, now: now, db),
                let record = dossier.credentials.first(where: { $0.credential.capabilities.contains(capability) })
            else { throw Fault("no such way") }
            return dossier.reach.gaps[record.credential.use(capability)]
        }
    }

    /// Whether a text stands in a file of the database, its log included, in clear.
    func isInFiles(_ text: String) throws -> Bool {
        let names = try FileManager.default.contentsOfDirectory(atPath: server.folder).filter { $0.hasPrefix("converge.db") }
        return try names.contains { name in
            try Data(contentsOf: URL(fileURLWithPath: server.folder + "/" + name)).range(of: Data(text.utf8)) != nil
        }
    }

    /// Whether the log tells where something went or what it said.
    var logIsSilent: Bool {
        let all = log.all.joined(separator: "\n")
        return !all.contains(Self.code) && !all.contains(Self.number.e164.dropFirst()) && !all.contains("ada.private")
    }
}

extension OutboxWorker {
    /// Delivers what is due, all at once.
    @discardableResult
    func round() async throws -> Int {
        let records = try await claim([.text: 100, .mail: 100, .voice: 100, .push: 100])
        await withTaskGroup(of: Void.self) { group in
            for record in records { group.addTask { await deliver(record) } }
        }
        return records.count
    }
}

/// A log that keeps its lines for the test.
struct HeardLog: LogHandler {
    let heard: Heard
    var metadata: Logger.Metadata = [:]
    var logLevel = Logger.Level.trace

    init(heard: Heard) {
        self.heard = heard
    }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        heard.append("\(event.level) \(event.message) \(event.metadata ?? [:])")
    }
}

/// A text gateway that gives one answer after the other, the last one for ever.
final class ScriptedGateway: Sendable {
    let heard: Heard
    let server: LoopbackServer

    convenience init(_ answers: String...) async throws { try await self.init(heard: Heard(), answers) }

    init(heard: Heard, _ answers: [String]) async throws {
        self.heard = heard
        server = try await LoopbackServer {
            WebConversation(heard: heard, answer: Self.whole(answers[min(heard.all.count, answers.count - 1)]))
        }
    }

    private static func whole(_ answer: String) -> String { answer.isEmpty ? "" : WebConversation.answer(answer) }

    /// The fields of each request.
    var bodies: [[String: String]] {
        heard.all.map { request in
            let body = request.components(separatedBy: "\r\n\r\n").last ?? ""
            return (try? JSONDecoder().decode([String: String].self, from: Data(body.utf8))) ?? [:]
        }
    }
}

/// A text gateway that thinks before it answers.
struct SlowConversation: Conversation {
    let heard: Heard

    mutating func opening() -> String { "" }

    mutating func received(_ bytes: [UInt8]) -> String? {
        heard.append(String(decoding: bytes, as: UTF8.self))
        usleep(300_000)
        return WebConversation.answer("200 OK")
    }
}
