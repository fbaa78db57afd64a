import ConvergeCore
import CoreFoundation
import Foundation
import HTTPTypes
import Testing

@testable import ConvergeServer

/// Somebody who has a list of names and wants to know which of them exist: sends forms, keeps every answer and how long it took.
final class NameProbe: @unchecked Sendable {
    /// One answer, made comparable: ids, tokens and the name itself are masked.
    struct Answer: Equatable {
        let what: String
        let status: Int
        let headers: [String]
        let body: String
        /// Bytes of the body as it was sent.
        let size: Int
    }

    let server: TestServer
    let name: String
    private(set) var answers: [Answer] = []
    /// How long each answer took.
    private(set) var times: [Stopwatch.Time] = []
    /// What each answer cost the database, in statements and commits.
    private(set) var costs: [[String]] = []
    private let mark: String
    private let network: String
    private let listensTo: FailingDatabase?
    /// A delay that is planted into every answer, in milliseconds.
    private let planted: Double
    private var flow = ""

    /// - Parameter number: makes browser and network different from those of other probes.
    init(_ server: TestServer, _ name: String, number: Int, listensTo: FailingDatabase? = nil, planted: Double = 0) {
        self.server = server
        self.name = name
        self.listensTo = listensTo
        self.planted = planted
        let text = String(number)
        mark = String(repeating: "m", count: 43 - text.count) + text
        network = "10.\(number / 65_536 % 256).\(number / 256 % 256).\(number % 256)"
    }

    // MARK: requests

    func get(_ path: String) async throws { try await ask(.get, path, nil) }

    func post(_ path: String, _ fields: [(String, String)]) async throws {
        let all = [("csrf", server.instance.keyed(mark, "csrf"))] + fields
        try await ask(.post, path, all.map { PercentEncoding.encode($0.0) + "=" + PercentEncoding.encode($0.1) }.joined(separator: "&"))
    }

    private func ask(_ method: HTTPRequest.Method, _ path: String, _ body: String?) async throws {
        var headers: HTTPFields = [
            .cookie: "converge-browser=\(mark)", .init("X-Forwarded-For")!: network, .origin: "http://localhost:8080",
        ]
        if body != nil { headers[.contentType] = "application/x-www-form-urlencoded" }
        listensTo?.listen()
        let watch = Stopwatch()
        let (status, answered, html) = try await server.send(method, path, headers: headers, body: body)
        if planted > 0 { Stopwatch.work(planted) }
        times.append(watch.time)
        costs.append(listensTo?.heard() ?? [])
        if let location = answered[.location], location.hasPrefix("/flows/") { flow = location.split(separator: "?")[0].description }
        let what = "\(method) \(path.replacing(/\/flows\/[^\/?]+/, with: "/flows/…"))"
        let fields = answered.map { "\($0.name): \($0.name.canonicalName == "x-request-id" ? "…" : masked($0.value))" }.sorted()
        answers.append(Answer(what: what, status: status, headers: fields, body: masked(html), size: html.utf8.count))
    }

    private func masked(_ text: String) -> String {
        text.replacing(/\/flows\/[A-Za-z0-9_-]{22}/, with: "/flows/…").replacing(/name="csrf" value="[0-9a-f]{64}"/, with: "csrf")
            .replacing(/<span class="mono nowrap">[A-Z0-9]{6}<\/span>/, with: "reference")
            .replacing(/converge(-browser)?=[A-Za-z0-9_-]{43}/, with: "cookie").replacing(name, with: "NAME")
    }

    // MARK: the ways to ask

    /// Types a wrong password, and a wrong access pass.
    func signIn() async throws {
        try await get("/sign-in")
        try await post("/sign-in", [("name", name), ("password", "wrong password for everybody")])
        try await post("/sign-in", [("name", name), ("password", "")])
        try await post("/sign-in/pass", [("name", name), ("pass", "AAAA-AAAA")])
    }

    /// Begins a reset and goes as far as one comes without a proof.
    func reset(contact: [(String, String)] = [("country", "GB"), ("number", "07700 900184")], mail: String = "ada@okafor-family.example")
        async throws
    {
        try await begin()
        try await at("reason", [("reason", "forgot")])
        try await at("gate", [("gate", "text")])
        try await at("contact", contact)
        try await at("answer", [("code", "999999")])
        try await at("again", [])
        try await at("change", [])
        try await at("back", [])
        try await at("gate", [("gate", "appCode")])
        try await at("answer", [("code", "999999")])
        try await at("back", [])
        try await at("gate", [("gate", "emailCode")])
        try await at("contact", [("email", mail)])
        try await at("answer", [("code", "99999999")])
        try await at("back", [])
        try await at("cannot", [])
        try await get(flow + "?view=stuck")
    }

    /// The same by a call: nothing is typed, and nobody presses a key.
    func resetByCall(number: String = "07700 900184") async throws {
        try await begin()
        try await at("reason", [("reason", "forgot")])
        try await at("gate", [("gate", "call")])
        try await at("contact", [("country", "GB"), ("number", number)])
        try await at("answer", [])
        try await at("again", [])
        try await at("answer", [])
        try await get(flow + "/progress")
    }

    /// The shortest way that touches everything, for measuring time.
    func shortReset() async throws {
        try await post("/reset-password", [("name", name)])
        try await get(flow)
        try await post(flow + "/reason", [("reason", "forgot")])
        try await post(flow + "/gate", [("gate", "text")])
        try await post(flow + "/contact", [("country", "GB"), ("number", "07700 900184")])
        try await post(flow + "/answer", [("code", "999999")])
    }

    private func begin() async throws {
        try await get("/reset-password")
        try await post("/reset-password", [("name", name)])
        try await get(flow)
    }

    private func at(_ action: String, _ fields: [(String, String)]) async throws {
        try await post(flow + "/" + action, fields)
        try await get(flow)
    }
}

/// Names of one length, so that pages that repeat them are of one size: some exist, others do not, or may not sign in or reset.
struct NameList {
    enum Kind: String, CaseIterable { case known, unknown, disabled, blocked, guest, bare }

    let server: TestServer
    private(set) var names: [Kind: [String]] = [:]

    /// - Parameter count: how many of each kind.
    init(_ server: TestServer, count: Int) async throws {
        self.server = server
        let instance = server.instance
        let hash = try await PasswordDoor(instance: instance).hash(Secret(TestServer.password)), now = server.clock.now
        for kind in Kind.allCases {
            for number in 0..<count {
                let name = kind.rawValue.padding(toLength: 8, withPad: "x", startingAt: 0) + String(100 + number)
                names[kind, default: []].append(name)
                guard kind != .unknown else { continue }
                let id: PersonID = instance.world.newID()
                let person = Person(
                    id: id, kind: kind == .guest ? .guest : .member,
                    state: kind == .disabled ? .disabled : kind == .blocked ? .blocked : .enabled)
                let record = PersonRecord(
                    person: person, organisation: instance.organisation, name: name, displayName: name, passwordHash: hash,
                    passwordSetAt: now,
                    createdAt: now)
                try await instance.database.write { db in try instance.people.insert(record, nameKey: name, db) }
                guard kind != .bare else { continue }
                try await server.give(id, .totpApp, content: CredentialContent(secret: Secret(bytes: Array(1...20))), by: .appCode)
                try await server.give(id, .mobilePhone, content: CredentialContent(phone: PhoneNumber(e164: "+447700900184")), by: .text)
                try await server.give(
                    id, .email, content: CredentialContent(email: EmailAddress("ada@okafor-family.example")), by: .emailCode)
            }
        }
    }

    func name(_ kind: Kind, _ index: Int) -> String {
        let all = names[kind] ?? []
        return all[index % all.count]
    }
}

/// Measures what the process worked and how long it took, in milliseconds.
struct Stopwatch {
    /// Work is the time of all processors together; it is the same however busy the machine is with other things.
    struct Time {
        let work: Double
        let wall: Double
    }

    private let begun = Time(work: now(CLOCK_PROCESS_CPUTIME_ID), wall: now(CLOCK_MONOTONIC))

    var time: Time { Time(work: Self.now(CLOCK_PROCESS_CPUTIME_ID) - begun.work, wall: Self.now(CLOCK_MONOTONIC) - begun.wall) }

    private static func now(_ clock: clockid_t) -> Double {
        var time = timespec()
        clock_gettime(clock, &time)
        return Double(time.tv_sec) * 1000 + Double(time.tv_nsec) / 1e6
    }

    /// Works for so many milliseconds, as a look-up would that should not be there.
    static func work(_ milliseconds: Double) {
        let watch = Stopwatch()
        while watch.time.work < milliseconds {}
    }
}
