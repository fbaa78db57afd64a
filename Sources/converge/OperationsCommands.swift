import ArgumentParser
import ConvergeCore
import ConvergeServer
import Foundation

/// The keys that seal stored secrets.
struct KeyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "key", abstract: "The keys that seal stored secrets.",
        discussion: "All of it may be done while Converge serves. Copy the key ring's file after each change.",
        subcommands: [List.self, Prepare.self, Rotate.self, Reseal.self, Retire.self])

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Every key, and how much it sealed.")

        @Flag(name: .long, help: "Print JSON.") var json = false
        @OptionGroup var place: Place

        func run() async throws {
            let keys = try await place.with { try await $0.listKeys() }
            if json { return try sayJSON(keys) }
            for key in keys {
                let uses = key.uses.sorted { $0.key < $1.key }.map { "\($0.value) in \($0.key)" }.joined(separator: ", ")
                say([key.name, key.sealsNow ? "seals now" : "opens", uses.isEmpty ? "nothing" : uses].joined(separator: "\t"))
            }
        }
    }

    struct Prepare: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Add a key that seals nothing before key rotate.",
            discussion: "For nodes that have files of their own: copy the file to each of them before key rotate.")

        @Flag(name: .long, help: "Print JSON.") var json = false
        @OptionGroup var place: Place

        func run() async throws {
            let (name, path) = try await (place.with { try await $0.prepareKey() }, try place.read().keyRingPath)
            if json { return try sayJSON(["key": name]) }
            say("\(name) opens, and seals after key rotate. Copy \(path) to every node first.")
        }
    }

    struct Rotate: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Seal under the prepared key from now on, or a new one; older keys open what they sealed.",
            discussion: "A running server uses it at once. Afterwards: key reseal, then key retire.")

        @Flag(name: .long, help: "Print JSON.") var json = false
        @OptionGroup var place: Place

        func run() async throws {
            let (name, path) = try await (place.with { try await $0.rotateKey() }, try place.read().keyRingPath)
            if json { return try sayJSON(["key": name]) }
            say("\(name) seals from now on. Copy \(path) to where its copies are kept.")
        }
    }

    struct Reseal: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Seal everything anew under the key that seals now.",
            discussion: "A little at a time, so that a running server does not wait. May be stopped and run again.")

        @Flag(name: .long, help: "Print JSON.") var json = false
        @OptionGroup var place: Place

        func run() async throws {
            let done = try await place.with { administration in
                try await administration.reseal { if $0 > 0, $0 % 10_000 == 0 { remark("Sealed anew: \($0)") } }
            }
            if json { try sayJSON(done) } else { say("Sealed anew: \(done.resealed).") }
            guard done.unreadable == 0 else {
                throw CommandFailure("\(done.unreadable) values could not be opened and stay as they are. Run converge doctor.")
            }
        }
    }

    struct Retire: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Take a key away that seals nothing any more.",
            discussion: "Refused while anything is sealed under it. Backups from before need the copy of the ring from before.")

        @Argument(help: "Name of the key, for example k1.") var name: String
        @OptionGroup var place: Place

        func run() async throws {
            try await place.with { try await $0.retireKey(name) }
            say("\(name) is gone. Backups made before need the copy of the key ring from before.")
        }
    }
}

/// Copies the store beside a running server.
struct BackupCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "backup", abstract: "Write a consistent copy of the store, while Converge serves.",
        discussion: "The key ring is not in it; keep its copies elsewhere. An existing file is not overwritten.")

    @Argument(help: "File to write, readable for its owner only.") var file: String
    @Flag(name: .long, help: "Print JSON.") var json = false
    @OptionGroup var place: Place

    func run() async throws {
        let bytes = try await place.with { try await $0.backup(to: file) }
        if json {
            struct Written: Encodable { let file: String, bytes: Int }
            return try sayJSON(Written(file: file, bytes: bytes))
        }
        say("Wrote \(file), \(bytes / 1024) KB. It can only be used with the key ring, which is not in it.")
    }
}

/// Puts a copy back.
struct RestoreCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "restore", abstract: "Put a backup in the place of the store. The server must be stopped.",
        discussion: """
            Everybody is signed out, waiting messages are not sent, and access passes end: they may have ended since. Recovery codes \
            used since the backup are good again; people make new ones on Security info.
            """)

    @Argument(help: "File that backup wrote.") var file: String
    @Flag(name: .long, help: "Take the place of a store that is there; it is kept under another name.") var force = false
    @Flag(name: .long, help: "Print JSON.") var json = false
    @OptionGroup var place: Place

    func run() async throws {
        let environment = ProcessInfo.processInfo.environment
        let restore = Restore(
            config: try place.read(mustExist: false), world: .system(environment: environment),
            resources: try ResourceFolder.find(environment: environment))
        let report = try await restore.run(file, force: force)
        if json { return try sayJSON(report) }
        say("Restored \(report.people) people, as they were at \(report.lastEvent ?? "the beginning").")
        if let former = report.former { say("What was there is kept at \(former).") }
    }
}

/// Moves the store.
struct StoreCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "store", abstract: "Move the store to another engine, or make a copy safe that was put in its place.",
        subcommands: [Copy.self, Restored.self])

    struct Restored: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Make a store safe that other tools have put back: pg_restore, a snapshot of a disk. Every node must be stopped.",
            discussion: """
                What converge restore does to a backup: everybody is signed out, waiting messages are not sent, and access passes end: \
                they may have ended since. Recovery codes used since the copy are good again; people make new ones on Security info.
                """)

        @Flag(name: .long, help: "Print JSON.") var json = false
        @OptionGroup var place: Place

        func run() async throws {
            let environment = ProcessInfo.processInfo.environment
            let restore = Restore(
                config: try place.read(mustExist: true), world: .system(environment: environment),
                resources: try ResourceFolder.find(environment: environment))
            let report = try await restore.settle()
            if json { return try sayJSON(report) }
            say("\(report.people) people, as they were at \(report.lastEvent ?? "the beginning"). Nobody is signed in.")
        }
    }

    struct Copy: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Copy the whole store into an empty one and compare the two row by row.",
            discussion: """
                Stop every node first. The key ring stays the same one. What fails leaves the new store empty. Afterwards name the new \
                store in the configuration. A password for PostgreSQL is read from CONVERGE_DATABASE_PASSWORD.
                """)

        @Option(name: .long, help: "The store to read, for example sqlite:/var/lib/converge/converge.db.") var from: String
        @Option(name: .long, help: "The empty store to fill, for example 'postgres:host=db1 dbname=converge user=converge'.") var to: String
        @Flag(name: .long, help: "Print JSON.") var json = false

        func run() async throws {
            let environment = ProcessInfo.processInfo.environment, resources = try ResourceFolder.find(environment: environment)
            let password = environment["CONVERGE_DATABASE_PASSWORD"].map { Secret($0) }
            let ends = (try StoreAddress(from, password: password), try StoreAddress(to, password: password))
            guard ends.0 != ends.1 else { throw CommandFailure("Both are the same store. Nothing was written.") }
            let source = try await ends.0.openAlone(mayCreate: false)
            let report = try await Self.closing(source) {
                let target = try await ends.1.openAlone(mayCreate: true)
                return try await Self.closing(target) {
                    try await StoreCopy(from: source, to: target, migrations: resources.sub("migrations"))
                        .run(now: World.system(environment: environment).now()) { remark("Copying \($0)") }
                }
            }
            if json { return try sayJSON(report.rows) }
            for (table, count) in report.rows.sorted(by: { $0.key < $1.key }) { say("\(table)\t\(count)") }
            say("Every row is the same in both. Name the new store in the configuration, and keep the key ring.")
        }

        private static func closing<Result>(_ database: any Database, _ run: () async throws -> Result) async throws -> Result {
            do {
                let result = try await run()
                try await database.close()
                return result
            } catch {
                try? await database.close()
                throw error
            }
        }
    }
}

/// Looks at everything that a server needs.
struct DoctorCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "doctor", abstract: "Look at everything that a server needs; nothing is changed or sent.",
        discussion: "Each line is ok, warn or fail. Ends with 1 when something fails.")

    @Flag(name: .long, help: "Print JSON.") var json = false
    @OptionGroup var place: Place

    func run() async throws {
        let findings = try await examine()
        if json { try sayJSON(findings) } else { for finding in findings { say(Self.line(finding)) } }
        if findings.contains(where: { $0.state == .fail }) { throw ExitCode(1) }
    }

    private func examine() async throws -> [Doctor.Finding] {
        let environment = ProcessInfo.processInfo.environment, config: Config
        do { config = try place.read(mustExist: false) } catch let error as ConfigError { return [Doctor.Finding(error)] }
        let curl = Curl()
        let findings = await Doctor(
            config: config, world: .system(environment: environment), environment: environment, curl: curl
        ).examine()
        try await curl.close()
        return findings
    }

    private static func line(_ finding: Doctor.Finding) -> String {
        let check = finding.check.padding(toLength: 16, withPad: " ", startingAt: 0)
        return "\(finding.state.rawValue.padding(toLength: 5, withPad: " ", startingAt: 0)) \(check) \(finding.text)"
    }
}

/// Every command with its help, from which the documentation is made.
struct CommandsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "commands", abstract: "Every command with its help, as Markdown.", shouldDisplay: false)

    func run() {
        say(Self.text(Converge.self, path: []), end: "")
    }

    private static func text(_ command: any ParsableCommand.Type, path: [String]) -> String {
        let name = command._commandName, path = path + [name], configuration = command.configuration
        let subcommands = configuration.subcommands.filter { $0.configuration.shouldDisplay }
        let heading = String(repeating: "#", count: min(path.count, 3)) + " " + path.joined(separator: " ")
        let help = Converge.helpMessage(for: command, columns: 100).split(separator: "\n", omittingEmptySubsequences: false)
            .map { String($0.reversed().drop { $0 == " " }.reversed()) }.joined(separator: "\n")
        let own = path.count == 1 ? "" : "\(heading)\n\n```\n\(help.hasSuffix("\n") ? help : help + "\n")```\n\n"
        return own + subcommands.map { text($0, path: path) }.joined()
    }
}
