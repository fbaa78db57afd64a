import ConvergeCore
import Foundation
import HTTPTypes
import Hummingbird
import Logging
import NIOCore
import NIOEmbedded

@testable import ConvergeServer

/// A whole Converge in a folder of its own, without a socket: its clock is moved by hand, its messages are read from the box.
final class TestServer: Sendable {
    let instance: Instance
    let clock: TestClock
    let folder: String
    private let responder: any HTTPResponder<FrontContext>

    /// Says only what should not happen: a line for each request would bury the results.
    static let quiet: Logger = {
        var log = Logger(label: "test")
        log.logLevel = .error
        return log
    }()

    /// 23 November 2026, 09:00 in London.
    static let start = Moment(ms: 1_795_424_400_000)

    /// Below it every server has its folder: another one may go on with it, so all go when the tests are over.
    private static let root: String = {
        let root = NSTemporaryDirectory() + "converge-tests-\(ProcessInfo.processInfo.processIdentifier)"
        atexit { try? FileManager.default.removeItem(atPath: TestServer.root) }
        return root
    }()

    /// - Parameters:
    ///   - folder: an existing folder, for a server that starts again on its data.
    ///   - engine: where its tables are.
    ///   - configure: for example a gateway on loopback.
    ///   - box: nil for a server that has only its gateways.
    ///   - over: for example a database that fails.
    init(
        folder: String? = nil, clock: TestClock = TestClock(now: TestServer.start), policy: PolicyDocument? = nil,
        engine: Engine = .ofServers, configure: (inout Config) -> Void = { _ in }, hashing: HashingCost = .cheap, box: DemoBox? = DemoBox(),
        over: (any Database) -> any Database = { $0 }, log: Logger = TestServer.quiet
    ) async throws {
        let path = folder ?? Self.root + "/" + UUID().uuidString
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        self.folder = path
        self.clock = clock
        var config = Config.demo(dataFolder: path, port: 8080)
        config.organisation.country = "GB"
        if engine == .postgres { config.postgres = try await TestPostgres.settings(folder: path) }
        configure(&config)
        let instance = try await Instance.assemble(
            config: config, world: .fixed(clock: clock, seed: UInt64.random(in: 1...UInt64.max)),
            resources: try ResourceFolder.find(environment: [:]), hashing: hashing, box: box, over: over, log: log)
        self.instance = instance
        responder = Front(instance).router().buildResponder()
        if let policy { try await apply(policy) }
    }

    /// Puts a policy into force.
    func apply(_ policy: PolicyDocument) async throws {
        let instance = self.instance, now = clock.now
        try await instance.database.write { db in
            _ = try instance.policies.apply(policy, expected: instance.policies.currentVersion(db), by: "test", now: now, db)
        }
    }

    /// Changes the policy in force.
    func changePolicy(_ change: @Sendable (inout PolicyDocument) -> Void) async throws {
        let instance = self.instance
        var document = try await instance.database.read { db in try instance.policyCache.versions(instance.policies, db).current }
        change(&document)
        try await apply(document)
    }

    /// Adds a person with a password and nothing else.
    @discardableResult
    func add(
        _ name: String, display: String? = nil, password: String = TestServer.password, roles: Set<Role> = [], kind: PersonKind = .member
    )
        async throws -> PersonID
    {
        let instance = self.instance, now = clock.now
        let hash = try await PasswordDoor(instance: instance).hash(Secret(password))
        let id: PersonID = instance.world.newID()
        let record = PersonRecord(
            person: Person(id: id, kind: kind, roles: roles), organisation: instance.organisation, name: name,
            displayName: display ?? name.capitalized, passwordHash: hash, passwordSetAt: now, createdAt: now)
        try await instance.database.write { db in
            try instance.people.insert(record, nameKey: SignInName(name)!.normalised, db)
        }
        return id
    }

    static let password = "quiet harbour lights at noon"

    /// Writes a credential as if it had been registered before.
    @discardableResult
    func give(
        _ person: PersonID, _ method: MethodKind, content: CredentialContent, by capability: Capability, state: CredentialState = .active,
        source: CredentialSource = .person, hint: String = "", remaining: Int? = nil, ago: Span = .days(90)
    ) async throws -> CredentialID {
        let instance = self.instance, at = clock.now - ago
        let id: CredentialID = instance.world.newID()
        let channel = content.phone.map { "tel:" + $0.e164 } ?? content.email.map { "mail:" + $0.normalised } ?? "app:\(id)"
        let credential = Credential(
            id: id, method: method, state: state, source: source,
            capabilities: Set(MethodRegistry.traits(of: method).capabilities.map(\.capability)),
            verifiedBy: state == .active ? capability : nil, verifiedAt: state == .active ? at : nil,
            channel: instance.credentials.channelKey(channel), addedAt: at, remaining: remaining)
        let shown = content.phone?.lastTwo ?? content.email?.masked ?? hint
        try await instance.database.write { db in
            try instance.credentials.insert(credential, of: person, content: content, hint: shown, db)
            guard state == .active else { return }
            try instance.people.noteHeld(person, at: at, canSignIn: MethodRegistry.traits(of: method).canSignIn, db)
        }
        return id
    }

    /// The newest code that was sent, read from the outbox as the worker would.
    func latestCode(to: String? = nil) async throws -> String {
        let instance = self.instance
        let messages = try await instance.database.read { db in
            let order = instance.database.dialect.order
            let rows = try db.rows("SELECT * FROM outbox WHERE state = 'waiting' AND sealed IS NOT NULL ORDER BY \(fragment: order)")
            return try rows.reversed().map { row in
                try instance.outbox.open(
                    OutboxRecord(
                        id: row.text("id"), kind: row.choice("kind", as: OutboxMessage.Kind.self), tries: 0,
                        notAfter: row.moment("not_after_ms"), createdAt: row.moment("created_ms"), sealed: row.text("sealed")))
            }
        }
        return messages.first { $0.code != nil && (to == nil || $0.to == to) }?.code ?? "none"
    }

    /// What the audit log says of a person, oldest first.
    func audit(of person: PersonID) async throws -> [AuditEvent] {
        let instance = self.instance
        var filter = AuditFilter(limit: 500)
        filter.person = person
        let wanted = filter
        return try await instance.database.read { db in try instance.audit.find(wanted, db).reversed().map(\.event) }
    }

    /// Sends one request to the router.
    func send(
        _ method: HTTPRequest.Method, _ path: String, headers: HTTPFields, body: String?, host: String? = nil
    ) async throws -> (Int, HTTPFields, String) {
        let head = HTTPRequest(
            method: method, scheme: "http", authority: host ?? instance.config.publicAuthority, path: path, headerFields: headers)
        let request = Request(
            head: head, body: body.map { RequestBody(buffer: ByteBuffer(string: $0)) } ?? RequestBody(buffer: ByteBuffer()))
        let context = FrontContext(source: ApplicationRequestContextSource(channel: EmbeddedChannel(), logger: instance.log))
        let response = try await responder.respond(to: request, context: context)
        let writer = Collector()
        try await response.body.write(writer)
        return (Int(response.status.code), response.headers, String(buffer: writer.buffer))
    }
}

/// Collects a response's body.
private final class Collector: ResponseBodyWriter {
    var buffer = ByteBuffer()
    func write(_ part: ByteBuffer) async throws { buffer.writeImmutableBuffer(part) }
    func finish(_ trailers: HTTPFields?) async throws {}
}
