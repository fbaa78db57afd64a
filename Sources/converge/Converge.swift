import ArgumentParser
import ConvergeCore
import ConvergeServer
import Foundation
import Logging

@main
struct Converge: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "converge",
        abstract: "Register once, then sign in and reset with it.",
        subcommands: [
            DemoCommand.self, ServeCommand.self, UserCommand.self, PolicyCommand.self, ExplainCommand.self, AuditCommand.self,
            PasswordsCommand.self, SettingsCommand.self, MigrateCommand.self, DoctorCommand.self,
        ])
}

/// Where a command finds its organisation.
struct Place: ParsableArguments {
    @Option(name: .long, help: "Configuration file (YAML).")
    var config: String?

    @Option(name: .long, help: "Data folder of a demo.")
    var data: String?

    /// The configuration that the options name.
    func read() throws -> Config {
        let environment = ProcessInfo.processInfo.environment
        if let config {
            guard let text = try? String(contentsOfFile: config, encoding: .utf8) else {
                throw CommandFailure("The configuration file \(config) cannot be read.")
            }
            return try Config.read(yaml: text, environment: environment)
        }
        guard let data else { throw ValidationError("Say where: --config FILE, or --data DIR for a demo's folder.") }
        guard FileManager.default.fileExists(atPath: data + "/converge.db") else {
            throw CommandFailure("There is no demo in \(data). Start one with: converge demo --data \(data)")
        }
        return Config.demo(dataFolder: data, port: 8080, environment: environment)
    }

    /// Opens the organisation for the length of one command.
    func with<Result>(_ run: (Administration) async throws -> Result) async throws -> Result {
        let config = try read()
        // A demo reaches everybody, through its box; this one is read by nobody.
        let instance = try await assemble(config, box: config.isDemo ? DemoBox() : nil, log: Self.logger(.error))
        do {
            let result = try await run(Administration(instance))
            try await instance.close()
            return result
        } catch {
            try? await instance.close()
            throw error
        }
    }

    /// Log lines of commands go to standard error; what a command prints is its answer.
    static func logger(_ level: Logger.Level) -> Logger {
        var log = Logger(label: "converge") { StreamLogHandler.standardError(label: $0) }
        log.logLevel = level
        return log
    }
}

/// Puts an instance together as every command does.
func assemble(_ config: Config, box: DemoBox?, log: Logger) async throws -> Instance {
    let environment = ProcessInfo.processInfo.environment
    return try await Instance.assemble(
        config: config, world: .system(environment: environment), resources: try ResourceFolder.find(environment: environment), box: box,
        log: log)
}

/// A command could not do what was asked: one clear sentence, exit code 1.
struct CommandFailure: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) {
        self.description = description
    }
}

/// Prints to standard output, the answer of a command.
func say(_ text: String, end: String = "\n") {
    FileHandle.standardOutput.write(Data((text + end).utf8))
}

/// Prints a value as JSON.
func sayJSON(_ value: some Encodable) throws {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    say(String(decoding: try encoder.encode(value), as: UTF8.self))
}

/// A value as JSON on one line.
func jsonLine(_ value: some Encodable) throws -> String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    return String(decoding: try encoder.encode(value), as: UTF8.self)
}
