public import ArgumentParser
public import ConvergeCore
import ConvergeServer
import Foundation

/// People: adding, looking, helping.
struct UserCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "user", abstract: "People: add, look, help.",
        groupedSubcommands: [
            CommandGroup(name: "Adding and looking", subcommands: [Add.self, Import.self, List.self, Show.self]),
            CommandGroup(
                name: "Helping",
                subcommands: [ResetPassword.self, Unlock.self, Pass.self, Wipe.self, RevokeSessions.self]),
            CommandGroup(name: "Accounts", subcommands: [Block.self, Unblock.self, Disable.self, Enable.self]),
            CommandGroup(name: "Administrators", subcommands: [RoleChange.self, AdminCode.self]),
        ])

    struct Add: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Add a person; prints a password that must be changed.")

        @Argument(help: "User name.") var name: String
        @Option(name: .long, help: "Name as people say it.") var displayName = ""
        @Option(name: .long, help: "Administrator role: global, user or helpdesk. May be given several times.") var role: [Role] = []
        @Option(name: .long, help: "Group. May be given several times.") var group: [String] = []
        @Flag(name: .long, help: "A guest of the organisation.") var guest = false
        @Option(name: .long, help: "Mobile number that the directory knows.") var mobile: String?
        @Option(name: .long, help: "Private email address that the directory knows.") var email: String?
        @Option(name: .long, help: "Office number that the directory knows.") var officePhone: String?
        @Flag(name: .long, help: "Read the password from standard input; it need not be changed.") var passwordStdin = false
        @Flag(name: .long, help: "Print JSON.") var json = false
        @OptionGroup var place: Place

        func run() async throws {
            let given = passwordStdin ? readLine().map { Secret($0) } : nil
            if passwordStdin, given == nil { throw CommandFailure("There was no password on standard input. Nobody was added.") }
            let new = NewPerson(
                name: name, displayName: displayName, kind: guest ? .guest : .member, roles: Set(role), groups: group, mobile: mobile,
                email: email, officePhone: officePhone)
            let password = try await place.with { try await $0.add(new, password: given, mustChange: given == nil) }
            if json {
                try sayJSON(["name": name, "password": passwordStdin ? nil : password.text])
            } else {
                say(passwordStdin ? "Added \(name)." : "Added \(name). First password, to be changed at sign-in: \(password.text)")
            }
        }
    }

    struct Import: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Add people from a CSV file: all of them, or none.",
            discussion: """
                Columns, by their header: name, displayName, kind (member or guest), roles and groups (separated by ;), mobile, email, \
                officePhone. Every broken row is named by its number. First passwords are printed once.
                """)

        @Argument(help: "CSV file, UTF-8, first row is the header.") var file: String
        @Flag(name: .long, help: "Print JSON.") var json = false
        @OptionGroup var place: Place

        func run() async throws {
            guard let data = FileManager.default.contents(atPath: file) else { throw CommandFailure("The file \(file) cannot be read.") }
            let added = try await place.with { administration in
                try await administration.importPeople(csv: Array(data)) { done, all in
                    if done == all || done % 100 == 0 { remark("Passwords made: \(done) of \(all)") }
                }
            }
            if json { return try sayJSON(added.map { ["name": $0.name, "password": $0.password.text] }) }
            for person in added { say("\(person.name)\t\(person.password.text)") }
            remark("Added \(added.count) \(added.count == 1 ? "person" : "people").")
        }
    }

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Everybody.")

        @Flag(name: .long, help: "Print JSON.") var json = false
        @OptionGroup var place: Place

        func run() async throws {
            var printer = Printer(json ? .json : .lines)
            try await place.with { administration in
                try await administration.list { page in
                    for person in page { try printer.add(json ? jsonLine(person) : Self.line(person)) }
                }
            }
            printer.finish()
        }

        private static func line(_ person: Administration.Listed) -> String {
            let methods = person.methods.map(\.method.rawValue).joined(separator: ", ")
            return [person.name, person.displayName, person.state.rawValue, methods.isEmpty ? "nothing registered" : methods]
                .joined(separator: "\t")
        }
    }

    struct Show: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "One person and their methods.")

        @Argument(help: "User name.") var name: String
        @Flag(name: .long, help: "Print JSON.") var json = false
        @OptionGroup var place: Place

        func run() async throws {
            let person = try await place.with { try await $0.show(name) }
            if json { return try sayJSON(person) }
            say("\(person.name) (\(person.displayName)), \(person.kind.rawValue), \(person.state.rawValue)")
            if let reason = person.blockedBecause { say("blocked because: \(reason)") }
            if let until = person.lockedUntil { say("locked until \(until) after wrong passwords") }
            if !person.roles.isEmpty { say("roles   " + person.roles.map(\.rawValue).joined(separator: ", ")) }
            if !person.groups.isEmpty { say("groups  " + person.groups.joined(separator: ", ")) }
            if person.methods.isEmpty { say("nothing registered") }
            for method in person.methods {
                let counts = method.countsFor.isEmpty ? "counts for nothing" : "counts for " + method.countsFor.joined(separator: " and ")
                say("\(method.method.rawValue)  …\(method.hint)  \(method.state.rawValue), by \(method.source.rawValue), \(counts)")
            }
        }
    }

    struct RoleChange: AsyncParsableCommand {
        static let configuration = CommandConfiguration(commandName: "role", abstract: "Give or take administrator roles.")

        @Argument(help: "User name.") var name: String
        @Option(name: .long, help: "Role to give: global, user or helpdesk.") var add: [Role] = []
        @Option(name: .long, help: "Role to take.") var remove: [Role] = []
        @Flag(name: .long, help: "Print JSON.") var json = false
        @OptionGroup var place: Place

        func validate() throws {
            if add.isEmpty, remove.isEmpty { throw ValidationError("Say which: --add ROLE or --remove ROLE.") }
        }

        func run() async throws {
            let roles = try await place.with { try await $0.setRoles(name, add: Set(add), remove: Set(remove)) }
            if json { return try sayJSON(["roles": roles.map(\.rawValue)]) }
            say("\(name): \(roles.isEmpty ? "no roles" : roles.map(\.rawValue).joined(separator: ", "))")
        }
    }

    struct AdminCode: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "admin-code", abstract: "Print a one-time code that /setup turns into the first administrator.")

        @Flag(name: .long, help: "Print JSON.") var json = false
        @OptionGroup var place: Place

        func run() async throws {
            let (code, url) = try await place.with { (try await $0.makeAdminCode(), $0.publicURL) }
            if json { return try sayJSON(["code": code.text, "url": "\(url)/setup"]) }
            say("Open \(url)/setup within 24 hours and type this code: \(code.text)")
        }
    }
}

extension Role: ExpressibleByArgument {}
