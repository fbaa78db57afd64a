import ArgumentParser
import ConvergeCore
import ConvergeServer
import Foundation

/// The policy document: show, check, apply.
struct PolicyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "policy", abstract: "The policy document: show, check, apply.",
        subcommands: [Show.self, Check.self, Apply.self, Keys.self])

    static func text(_ file: String) throws -> String {
        guard let text = try? String(contentsOfFile: file, encoding: .utf8) else {
            throw CommandFailure("The file \(file) cannot be read.")
        }
        return text
    }

    struct Show: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "The policy in force, as a file that apply takes.")

        @Option(name: .long, help: "An earlier version.") var version: Int64?
        @Flag(name: .long, help: "Print YAML (the default).") var yaml = false
        @Flag(name: .long, help: "Print JSON.") var json = false
        @OptionGroup var place: Place

        func validate() throws {
            if yaml, json { throw ValidationError("Choose one of --yaml and --json.") }
        }

        func run() async throws {
            let version = self.version
            if json {
                try sayJSON(try await place.with { try await $0.policy(version) })
            } else {
                say(try await place.with { try await $0.policyText(version) }, end: "")
            }
        }
    }

    struct Check: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "What a policy file would do to everybody at the next sign-in. Changes nothing.",
            discussion: "Ends with 1 when the file cannot be read as a policy, or when apply would refuse it.")

        @Argument(help: "Policy file (YAML).") var file: String
        @Flag(name: .long, help: "Print JSON: everybody, then the numbers.") var json = false
        @OptionGroup var place: Place

        func run() async throws {
            let text = try PolicyCommand.text(file)
            let report = json ? try await sayDocument(text) : try await sayWords(text)
            if !report.obstacles.isEmpty { throw ExitCode(1) }
        }

        /// Everybody as they come, so that a long list needs no memory; then the numbers, in one JSON document.
        private func sayDocument(_ text: String) async throws -> Administration.CheckReport {
            var printer = Printer(.json, opening: "{\"people\":[")
            // Most people are like many others: all of it but the name is encoded once.
            var known: [Administration.CheckedPerson: String] = [:]
            let report = try await place.with { administration in
                try await administration.check(text) { person in
                    var nameless = person
                    nameless.name = ""
                    if known.count > 10_000 { known = [:] }
                    let rest = try known[nameless] ?? jsonLine(nameless)
                    known[nameless] = rest
                    try printer.add(rest.replacing("\"name\":\"\"", with: "\"name\":" + jsonLine(person.name), maxReplacements: 1))
                }
            }
            printer.closing = "]," + (try jsonLine(report)).dropFirst()
            printer.finish()
            return report
        }

        private func sayWords(_ text: String) async throws -> Administration.CheckReport {
            let report = try await place.with { administration in
                try await administration.check(text) { person in
                    guard person.before != person.outcome || !person.effects.isEmpty else { return }
                    let plan = person.plan.isEmpty ? "" : ", to register: \(person.plan.joined(separator: ", "))"
                    let effects = person.effects.isEmpty ? "" : " (\(person.effects.map(\.rawValue).joined(separator: ", ")))"
                    say("\(person.name): \(person.before) → \(person.outcome)\(effects)\(plan)")
                }
            }
            for (outcome, count) in report.outcomes.sorted(by: { $0.key < $1.key }) {
                say("\(count) \(count == 1 ? "person" : "people"): \(outcome)")
            }
            for entry in report.lint { say("\(entry.level.rawValue): \(entry.text)") }
            return report
        }
    }

    struct Apply: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Put a policy file into force, at once.",
            discussion: "It is checked first and refused when somebody must not be lost.")

        @Argument(help: "Policy file (YAML).") var file: String
        @Flag(name: .long, help: "Whatever the check finds.") var force = false
        @Option(name: .long, help: "Only when this version is in force.") var expected: Int64?
        @Flag(name: .long, help: "Print JSON.") var json = false
        @OptionGroup var place: Place

        func run() async throws {
            let text = try PolicyCommand.text(file)
            let applied = try await place.with { try await $0.apply(text, expected: expected, force: force) }
            if json { return try sayJSON(applied) }
            if applied.changed.isEmpty { return say("Nothing differs from version \(applied.version), which is in force.") }
            say("Version \(applied.version) is in force. Changed: \(applied.changed.joined(separator: ", ")).")
        }
    }

    struct Keys: ParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Every key of a policy file, as a Markdown table.")

        func run() { say(PolicyKey.documentation, end: "") }
    }
}

/// Why somebody is asked what they are asked.
struct ExplainCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "explain", abstract: "Why somebody is asked what they are asked.")

    @Argument(help: "User name.") var name: String?
    @Option(name: .long, help: "The reference that a dead end showed.") var reference: String?
    @Flag(name: .long, help: "Print JSON.") var json = false
    @OptionGroup var place: Place

    func run() async throws {
        guard name != nil || reference != nil else { throw ValidationError("Say whom: a user name, or --reference CODE.") }
        let explanation = try await place.with { try await $0.explain(name: name, reference: reference) }
        if json { return try sayJSON(explanation) }
        for line in explanation.lines { say(line) }
    }
}

/// The audit log.
struct AuditCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "audit", abstract: "The audit log, newest first.")

    @Option(name: .long, help: "Category, for example “Authentication Methods”.") var category: String?
    @Option(name: .long, help: "Activity.") var activity: String?
    @Option(name: .long, help: "User name.") var person: String?
    @Option(name: .long, help: "success or failure.") var result: String?
    @Option(name: .long, help: "Only the last so many hours.") var hours: Int?
    @Option(name: .long, help: "At most so many events. Left out: 100, and all of them with --json or --csv.") var limit: Int?
    @Flag(name: .long, help: "Print JSON.") var json = false
    @Flag(name: .long, help: "Print CSV.") var csv = false
    @OptionGroup var place: Place

    func validate() throws {
        if json, csv { throw ValidationError("Choose one of --json and --csv.") }
        if let limit, limit < 1 { throw ValidationError("--limit is a number from 1.") }
        if let hours, hours < 1 { throw ValidationError("--hours is a number from 1.") }
    }

    func run() async throws {
        let query = Administration.AuditQuery(
            category: category, activity: activity, person: person, result: result, hours: hours,
            limit: limit ?? (json || csv ? nil : 100))
        var printer = Printer(json ? .json : .lines)
        if csv { say(Administration.csvHeader, end: "") }
        let hasMore = try await place.with { administration in
            try await administration.audit(query) { rows in
                if csv { return say(Administration.csv(rows), end: "") }
                for row in rows { try printer.add(json ? jsonLine(row) : Self.line(row)) }
            }
        }
        printer.finish()
        if hasMore { remark("There are older events. --limit shows more of them, --csv and --json all.") }
    }

    private static func line(_ row: Administration.AuditRow) -> String {
        [row.at, row.activity, row.result, row.person ?? "-", row.reason ?? ""].joined(separator: "\t")
    }
}

/// Lists of leaked passwords.
struct PasswordsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "passwords", abstract: "Lists of leaked passwords.", subcommands: [Import.self])

    struct Import: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Import leaked passwords (SHA-1 hashes, one a line, “HASH:count”).",
            discussion: "Nothing leaves this machine. A broken line is named and nothing is imported.")

        @Argument(help: "File in the Pwned Passwords hash format.") var file: String
        @OptionGroup var place: Place

        func run() async throws {
            let config = try place.read()
            let target = config.passwords.breachedList ?? place.data.map { DemoFolder($0).breachedListPath }
            guard let target else {
                throw CommandFailure("Say where the list is kept: passwords.breachedList in the configuration. Nothing was imported.")
            }
            let count = try BreachedList.importing(from: file, to: target) { remark("Read \($0 / 1_000_000) million lines.") }
            say("Imported \(count) hashes into \(target). A server takes them from its next start on.")
        }
    }
}
