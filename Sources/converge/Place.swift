import ArgumentParser
import ConvergeServer
import Foundation
import Logging

/// Where a command finds its organisation.
struct Place: ParsableArguments {
    @Option(name: .long, help: "Configuration file (YAML).")
    var config: String?

    @Option(name: .long, help: "Data folder of a demo.")
    var data: String?

    func validate() throws {
        guard config == nil || data == nil else { throw ValidationError("Give one of --config and --data.") }
        guard config != nil || data != nil else {
            throw ValidationError("Say where: --config FILE, or --data DIR for a demo's folder.")
        }
    }

    /// The configuration that the options name.
    ///
    /// - Parameter mustExist: false: a demo's folder may be empty still.
    func read(mustExist: Bool = true) throws -> Config {
        if let config { return try Self.read(file: config) }
        let folder = DemoFolder(data ?? "")
        guard folder.isThere || !mustExist else {
            throw CommandFailure("There is no demo in \(folder.path). Start one with: converge demo --data \(folder.path)")
        }
        return try Config.demo(
            dataFolder: folder.path, port: folder.port ?? DemoFolder.usualPort, environment: ProcessInfo.processInfo.environment)
    }

    /// The configuration in a file.
    static func read(file: String) throws -> Config {
        guard let text = try? String(contentsOfFile: file, encoding: .utf8) else {
            throw CommandFailure("The configuration file \(file) cannot be read.")
        }
        return try Config.read(yaml: text, environment: ProcessInfo.processInfo.environment)
    }

    /// Opens the organisation for the length of one command.
    ///
    /// - Parameter mayCreate: whether a store that is not there is made; otherwise a mistyped path is told.
    func with<Result>(mayCreate: Bool = false, _ run: (Administration) async throws -> Result) async throws -> Result {
        let config = try read()
        if !mayCreate, try await !config.hasStore() { throw Self.nothing(at: config) }
        // A demo's messages go into its box, whose worker runs beside this command.
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

    private static func nothing(at config: Config) -> CommandFailure {
        CommandFailure(
            config.postgres == nil
                ? "There is no database at \(config.storeName). Correct database.path, or make one with: converge migrate --config FILE"
                : "The database \(config.storeName) is empty. Correct database.postgres, or fill it with: converge migrate --config FILE")
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
