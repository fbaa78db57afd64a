import ArgumentParser
import ConvergeCore
import ConvergeServer
import Foundation
import Logging

/// Tries Converge on this machine, with example people and a box for their texts and mails.
struct DemoCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "demo", abstract: "Try Converge on this machine, with example people.",
        discussion: "Data survives restarts. Texts and mails are shown at /dev/outbox instead of being sent.")

    @Option(name: .long, help: "Port on this machine. Left out: the one used before in this folder, at first 8080.")
    var port: Int?

    @Option(name: .long, help: "Folder for data; made when it is not there.")
    var data = "data"

    func validate() throws {
        if let port, !(1...65535).contains(port) { throw ValidationError("A port is a number from 1 to 65535.") }
    }

    func run() async throws {
        let folder = DemoFolder(data), former = folder.port, port = self.port ?? former ?? DemoFolder.usualPort
        try folder.make()
        let config = try Config.demo(dataFolder: data, port: port, environment: ProcessInfo.processInfo.environment)
        let instance = try await assemble(config, box: DemoBox(), log: Place.logger(.warning))
        let people = try await Administration(instance).seedDemo()
        try folder.remember(port: port)
        greet(config, people)
        do {
            try await Server(instance).run()
        } catch {
            // Somebody else has this port; commands go on naming the one that works.
            try? folder.remember(port: former)
            throw error
        }
    }

    private func greet(_ config: Config, _ people: [Administration.DemoPerson]) {
        let width = people.map(\.name.count).max() ?? 0
        let rows = people.map { "  \($0.name.padding(toLength: width, withPad: " ", startingAt: 0))   \($0.password)   \($0.story)" }
        say(
            """

            Converge is running at \(config.publicURL)

            Sign in as
            \(rows.joined(separator: "\n"))

            Texts and mails arrive at \(config.publicURL)/dev/outbox
            Data is kept in \(data). Stop with Ctrl-C.

            """)
    }
}

/// Serves an organisation.
struct ServeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "serve", abstract: "Serve an organisation (production).")

    @Option(name: .long, help: "Configuration file (YAML).")
    var config: String

    func run() async throws {
        let settings = try Place.read(file: config)
        try settings.validateForProduction()
        let world = World.system(environment: ProcessInfo.processInfo.environment)
        let level = Logger.Level(rawValue: settings.logLevel.rawValue) ?? .info
        let instance = try await assemble(settings, box: nil, log: LogLines.logger(level, json: settings.logFormat == .json, world: world))
        try await Server(instance).run()
    }
}

/// Brings the store's tables up to date without serving.
struct MigrateCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "migrate", abstract: "Bring the store's tables up to date.")

    @OptionGroup var place: Place

    func run() async throws {
        try await place.with(mayCreate: true) { _ in say("The store is up to date.") }
    }
}

/// Every setting of the configuration.
struct SettingsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "settings", abstract: "Every setting of the configuration file, as a Markdown table.")

    func run() { say(Config.documentation, end: "") }
}
