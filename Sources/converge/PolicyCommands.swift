import ArgumentParser
import ConvergeCore
import ConvergeServer
import Foundation

/// The policy document: show, check, apply.
struct PolicyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "policy", abstract: "The policy document: show, check, apply.", subcommands: [Show.self, Check.self, Apply.self])

    static func text(_ file: String) throws -> String {
        guard let text = try? String(contentsOfFile: file, encoding: .utf8) else {
            throw CommandFailure("The file \(file) cannot be read.")
        }
        return text
    }

    struct Show: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "The policy in force, as a file that apply takes.")

        @Option(name: .long, help: "An earlier version.") var version: Int64?
        @Flag(name: .long, help: "Print JSON.") var json = false
        @OptionGroup var place: Place

        func run() async throws {
            let version = self.version
            if json {
                try sayJSON(try await place.with { try await $0.policy(version) })
            } else {
                say(try await place.with { try await $0.policyText(version) })
            }
        }
    }

    struct Check: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "What a policy file would do to everybody at the next sign-in. Changes nothing.")

        @Argument(help: "Policy file (YAML).") var file: String
        @Flag(name: .long, help: "Print JSON.") var json = false
        @OptionGroup var place: Place

        func run() async throws {
            let text = try PolicyCommand.text(file)
            let report = try await place.with { try await $0.check(text) }
            if json { return try sayJSON(report) }
            for line in report.lines { say(line) }
        }
    }

    struct Apply: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Put a policy file into force, at once.")

        @Argument(help: "Policy file (YAML).") var file: String
        @Flag(name: .long, help: "Even when no administrator could sign in any more.") var force = false
        @Option(name: .long, help: "Only when this version is in force.") var expected: Int64?
        @OptionGroup var place: Place

        func run() async throws {
            let text = try PolicyCommand.text(file)
            let version = try await place.with { try await $0.apply(text, expected: expected, force: force) }
            say("Version \(version) is in force.")
        }
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
    @Option(name: .long, help: "At most so many events.") var limit = 100
    @Flag(name: .long, help: "Print JSON.") var json = false
    @Flag(name: .long, help: "Print CSV.") var csv = false
    @OptionGroup var place: Place

    func run() async throws {
        let query = Administration.AuditQuery(
            category: category, activity: activity, person: person, result: result, hours: hours, limit: limit)
        let rows = try await place.with { try await $0.audit(query) }
        if json { return try sayJSON(rows) }
        if csv { return say(Administration.csv(rows)) }
        for row in rows { say([row.at, row.activity, row.result, row.person ?? "-", row.reason ?? ""].joined(separator: "\t")) }
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
            let target = config.passwords.breachedList ?? (place.data.map { $0 + "/breached.bin" } ?? "")
            guard !target.isEmpty else { throw CommandFailure("Say where the list is kept: passwords.breachedList in the configuration.") }
            let count = try BreachedList.importing(from: file, to: target)
            say("Imported \(count) hashes into \(target).")
        }
    }
}
