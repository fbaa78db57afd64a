import ArgumentParser

@main
struct Converge: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "converge",
        abstract: "Register once, then sign in and reset with it.",
        discussion: "Ends with 0 when it is done, 1 when it was refused or failed, 64 when the command line cannot be understood.",
        groupedSubcommands: [
            CommandGroup(name: "Serving", subcommands: [DemoCommand.self, ServeCommand.self]),
            CommandGroup(name: "People", subcommands: [UserCommand.self, TokenCommand.self, PasswordsCommand.self]),
            CommandGroup(name: "Policy", subcommands: [PolicyCommand.self, ExplainCommand.self]),
            CommandGroup(
                name: "Operating",
                subcommands: [
                    DoctorCommand.self, AuditCommand.self, KeyCommand.self, BackupCommand.self, RestoreCommand.self, StoreCommand.self,
                    MigrateCommand.self, SettingsCommand.self, CommandsCommand.self,
                ]),
        ])
}
