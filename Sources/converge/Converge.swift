import ArgumentParser

@main
struct Converge: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "converge",
        abstract: "Register once, then sign in and reset with it.",
        discussion: "Ends with 0 when it is done, 1 when it was refused or failed, 64 when the command line cannot be understood.",
        subcommands: [
            DemoCommand.self, ServeCommand.self, UserCommand.self, PolicyCommand.self, ExplainCommand.self, AuditCommand.self,
            PasswordsCommand.self, SettingsCommand.self, MigrateCommand.self, DoctorCommand.self,
        ])
}
