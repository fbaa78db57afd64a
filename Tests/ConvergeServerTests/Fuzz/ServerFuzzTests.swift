import ConvergeCore
import Foundation
import HTTPTypes
import Synchronization
import Testing

@testable import ConvergeServer

extension ParserCheck: CustomTestStringConvertible {
    var testDescription: String { name }
}

@Suite("Parsers of the server under broken input")
struct ServerFuzzTests {
    /// How many inputs each gets; what reads a whole file or weighs a password takes longer for one.
    private static func share(_ check: ParserCheck) -> Int {
        switch check.name {
        case "settings", "mail", "password": 1000
        case "policy", "certificates": 2000
        case "form", "phone": 3000
        default: 5000
        }
    }

    /// What pages carry in their addresses and forms.
    static let cursor = ParserCheck("cursor") { bytes in
        let typed = text(bytes)
        let (filter, errors) = AuditForm(Fields(FormText.parse(typed)), zone: "Europe/London").filter(limit: 7) { _ in nil }
        try hold(filter.limit == 7 && errors.count <= 3, "\(errors.count) errors")
        if let before = filter.before { try hold(typed.utf8.count > before.id.utf8.count, "the place is longer than what was typed") }
        if let use = CredentialUse(form: typed) { try hold(CredentialUse(form: use.formValue) == use, "\(use.formValue) reads back") }
        if let notice = SavedNotice(query: typed) { try hold(notice.query == typed, "\(notice.query) was \(typed)") }
        try hold(BrowserName.of(typed).utf8.count <= 30, "somebody else's words for a browser")
        if let event = NoticeEvent(name: typed) { try hold(event.name == typed, "\(event.name) was \(typed)") }
    }

    @Test("whatever comes, bounds hold, values read back, refusals are named", arguments: ServerChecks.all + [cursor])
    func broken(_ check: ParserCheck) throws {
        try FuzzRun.cases(Self.share(check), check)
    }

    /// Eight times as much takes about eight times as long; a quadratic parser would take 64 times.
    @Test("time grows with the input, not with its square", arguments: ServerChecks.all.filter { $0.parse != nil })
    func linear(_ check: ParserCheck) {
        for (unit, factor) in FuzzRun.growth(check) { #expect(factor < 28, "\(check.name) of \(unit.debugDescription): \(factor) times") }
    }

    @Test("a configuration is read or refused by name, whatever is in the file")
    func configuration() throws {
        let seen = Seen()
        try FuzzRun.cases(1000, Self.configuration { try seen.note { try Config.read(yaml: $0, environment: [:]) }($0) })
        // Were nearly all of them refused, nothing would be known of what is read, and the other way round.
        #expect(seen.read > 10 && seen.refused > 50, "\(seen.read) were read, \(seen.refused) refused")
    }

    /// What must hold of a reader of configuration files.
    private static func configuration(_ read: @escaping @Sendable (String) throws -> Config) -> ParserCheck {
        ParserCheck("settings") { bytes in
            do {
                let config = try read(text(bytes))
                let url = try must(URLComponents(string: config.publicURL), "\(config.publicURL) is no address")
                try hold(["http", "https"].contains(url.scheme) && url.path.isEmpty && url.user == nil, config.publicURL)
                try hold((0...65_535).contains(config.listenPort) && !config.textCountries.isEmpty && !config.isDemo, "bounds")
                try hold(TimeZone(identifier: config.organisation.zone) != nil, "zone")
            } catch let error as ConfigError {
                let names = ConfigKey.all.map(\.name)
                try hold(!error.problems.isEmpty, "refused without a reason")
                for problem in error.problems {
                    let isNamed = names.contains { problem.hasPrefix($0) } || problem.contains("is not a setting")
                    try hold(isNamed || problem.hasPrefix("The file is no") || problem.contains(": aliases are not"), problem)
                }
            }
        }
    }

    /// How often a reader read, and how often it refused.
    private final class Seen: Sendable {
        private let counts = Mutex((read: 0, refused: 0))
        var read: Int { counts.withLock(\.read) }
        var refused: Int { counts.withLock(\.refused) }

        func note(_ read: @escaping @Sendable (String) throws -> Config) -> @Sendable (String) throws -> Config {
            { yaml in
                do {
                    let config = try read(yaml)
                    self.counts.withLock { $0.read += 1 }
                    return config
                } catch {
                    self.counts.withLock { $0.refused += 1 }
                    throw error
                }
            }
        }
    }

    /// Readers that forget something now and then, as a change could make the real one do.
    private static let forgetful: [(String, @Sendable (String) throws -> Config)] = [
        ("a path in the address", { yaml in try changed(yaml) { if yaml.contains("/") { $0.publicURL += "/x" } } }),
        ("a port that is none", { yaml in try changed(yaml) { if yaml.utf8.count % 7 == 0 { $0.listenPort = 65_536 } } }),
        ("a zone that is none", { yaml in try changed(yaml) { if yaml.utf8.count % 7 == 0 { $0.organisation.zone += "?" } } }),
        ("no country", { yaml in try changed(yaml) { if yaml.utf8.count % 7 == 0 { $0.textCountries = [] } } }),
        ("a demo", { yaml in try changed(yaml) { $0.isDemo = yaml.utf8.count % 7 == 0 } }),
        (
            "a refusal without a reason",
            { yaml in
                do { return try changed(yaml) { _ in } } catch is ConfigError { throw ConfigError(problems: []) }
            }
        ),
        (
            "a refusal that names nothing",
            { yaml in
                do { return try changed(yaml) { _ in } } catch is ConfigError { throw ConfigError(problems: ["Something is wrong."]) }
            }
        ),
        ("another error", { yaml in if yaml.contains("&") { throw CancellationError() } else { return try changed(yaml) { _ in } } }),
    ]

    private static func changed(_ yaml: String, _ change: (inout Config) -> Void) throws -> Config {
        var config = try Config.read(yaml: yaml, environment: [:])
        change(&config)
        return config
    }

    @Test("a reader that forgets something is found", arguments: forgetful.indices)
    func forgetfulReaders(_ index: Int) throws {
        let (name, read) = Self.forgetful[index]
        #expect(try FuzzRun.firstBroken(500, Self.configuration(read)) != nil, "\(name)")
    }

    @Test("a list of leaked passwords is taken whole or not at all")
    func leakedPasswords() throws {
        let folder = try TemporaryFolder()
        let source = folder.path + "/typed", list = folder.path + "/list"
        try FuzzRun.cases(
            500,
            ParserCheck("breached-list") { bytes in
                try Data(bytes).write(to: URL(fileURLWithPath: source))
                let pattern = /[0-9A-Fa-f]{40}:[0-9]+/
                var wanted = bytes.split(separator: 10, omittingEmptySubsequences: false).map { line in
                    String(validating: line.last == 13 ? line.dropLast() : line, as: UTF8.self) ?? ""
                }
                if wanted.last == "", bytes.isEmpty || bytes.last == 10 { wanted.removeLast() }
                do {
                    let count = try BreachedList.importing(from: source, to: list)
                    try hold(count == wanted.count && wanted.allSatisfy { $0.wholeMatch(of: pattern) != nil }, "a bad line was taken")
                    try hold(try BreachedList(path: list).count == count, "the list holds another number")
                } catch BreachedListError.badLines(let numbers) {
                    for number in numbers {
                        try hold(wanted.indices.contains(number - 1), "there is no line \(number)")
                        let line = wanted[number - 1].trimmingCharacters(in: ["\r"])
                        try hold(line.wholeMatch(of: pattern) == nil, "line \(number) is good")
                    }
                }
            })
    }

    @Test("the front door answers every request, never with a fault, and leads to no other host")
    func frontDoor() async throws {
        let server = try await TestServer()
        var mutator = Mutator(seeds: try FuzzRun.examples("request"), seed: 1)
        for _ in 0..<400 {
            let input = mutator.next()
            let parts = lines(input.filter { $0 != 13 }, 4).map { text($0) }
            let isPost = parts[0].utf8.first == UInt8(ascii: "P")
            let path =
                "/"
                + PercentEncoding.encode(parts[1]).replacing("%2F", with: "/").replacing("%3F", with: "?")
                .replacing("%3D", with: "=").replacing("%26", with: "&")
            var headers = HTTPFields()
            headers[.cookie] = parts[2].filter { $0.isASCII && !$0.isNewline && $0 != "\0" }
            headers[.contentType] = "application/x-www-form-urlencoded"
            headers[.origin] = "http://localhost:8080"
            let (status, answer, body) = try await server.send(isPost ? .post : .get, path, headers: headers, body: isPost ? parts[3] : nil)
            #expect((200..<500).contains(status) && !body.contains("⟦"), "\(status) for \(path) with \(parts[3].debugDescription)")
            let place = answer[.location] ?? "/"
            #expect(LocalPath.checked(place) == place, "\(path) leads to \(place)")
        }
    }
}
