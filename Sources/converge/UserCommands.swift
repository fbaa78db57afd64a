public import ArgumentParser
public import ConvergeCore
import ConvergeServer
import Foundation

/// People: adding, looking, helping.
struct UserCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "user", abstract: "People: add, look, help.",
        subcommands: [
            Add.self, List.self, Show.self, Import.self, ResetPassword.self, Pass.self, RevokeSessions.self, RoleChange.self,
            AdminCode.self,
        ])

    struct Add: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Add a person; prints a password that must be changed.")

        @Argument(help: "User name.") var name: String
        @Option(name: .long, help: "Name as people say it.") var displayName = ""
        @Option(name: .long, help: "Administrator role: global, user or helpdesk. May be given several times.") var role: [Role] = []
        @Option(name: .long, help: "Group. May be given several times.") var group: [String] = []
        @Flag(name: .long, help: "A guest of the organisation.") var guest = false
        @Option(name: .long, help: "Mobile number that the directory knows.") var mobile: String?
        @Option(name: .long, help: "Private e-mail address that the directory knows.") var email: String?
        @Option(name: .long, help: "Office number that the directory knows.") var officePhone: String?
        @Flag(name: .long, help: "Read the password from standard input; it need not be changed.") var passwordStdin = false
        @Flag(name: .long, help: "Print JSON.") var json = false
        @OptionGroup var place: Place

        func run() async throws {
            let given = passwordStdin ? readLine().map { Secret($0) } : nil
            let new = Administration.NewPerson(
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

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Everybody.")

        @Flag(name: .long, help: "Print JSON.") var json = false
        @OptionGroup var place: Place

        func run() async throws {
            let people = try await place.with { try await $0.list() }
            if json { return try sayJSON(people) }
            for person in people {
                let methods = person.methods.map(\.method.rawValue).joined(separator: ", ")
                say(
                    [person.name, person.displayName, person.state.rawValue, methods.isEmpty ? "nothing registered" : methods].joined(
                        separator: "\t"))
            }
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
            if !person.roles.isEmpty { say("roles   " + person.roles.map(\.rawValue).joined(separator: ", ")) }
            if !person.groups.isEmpty { say("groups  " + person.groups.joined(separator: ", ")) }
            for method in person.methods {
                let counts = method.countsFor.isEmpty ? "counts for nothing" : "counts for " + method.countsFor.joined(separator: " and ")
                say("\(method.method.rawValue)  …\(method.hint)  \(method.state.rawValue), by \(method.source.rawValue), \(counts)")
            }
        }
    }

    struct Import: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Add people from a CSV file: all of them, or none.",
            discussion:
                "Columns, by their header: name, displayName, kind (member or guest), groups (separated by ;), mobile, email, officePhone.")

        @Argument(help: "CSV file, UTF-8, first row is the header.") var file: String
        @Flag(name: .long, help: "Print JSON.") var json = false
        @OptionGroup var place: Place

        func run() async throws {
            guard let data = FileManager.default.contents(atPath: file) else { throw CommandFailure("The file \(file) cannot be read.") }
            let added = try await place.with { try await $0.importPeople(csv: Array(data)) }
            if json { return try sayJSON(added.map { ["name": $0.name, "password": $0.password.text] }) }
            for person in added { say("\(person.name)\t\(person.password.text)") }
        }
    }

    struct ResetPassword: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Set a password that must be changed; ends every session.")

        @Argument(help: "User name.") var name: String
        @Flag(name: .long, help: "Print JSON.") var json = false
        @OptionGroup var place: Place

        func run() async throws {
            let password = try await place.with { try await $0.resetPassword(name) }
            if json { return try sayJSON(["name": name, "password": password.text]) }
            say("New password of \(name), to be changed at sign-in: \(password.text)")
        }
    }

    struct Pass: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Make a Temporary Access Pass; shown once.")

        @Argument(help: "User name.") var name: String
        @Option(name: .long, help: "Minutes the pass lives, 10 to 43200.") var minutes = 60
        @Option(name: .long, help: "Symbols, 8 to 48.") var length = 8
        @Flag(name: .long, help: "May be used many times while it lives.") var many = false
        @Option(name: .long, help: "Minutes from now until it begins to work.") var startsIn = 0
        @Flag(name: .long, help: "Print JSON.") var json = false
        @OptionGroup var place: Place

        func run() async throws {
            let made = try await place.with { administration in
                let starts = startsIn > 0 ? administration.moment + .minutes(startsIn) : nil
                return try await administration.makePass(name, .init(length: length, minutes: minutes, once: !many, starts: starts))
            }
            if json {
                return try sayJSON(["name": name, "pass": made.pass.text, "from": made.from.iso, "until": made.until.iso])
            }
            say("Pass for \(name): \(made.pass.text)\nIt works from \(made.from.iso) until \(made.until.iso)\(many ? "" : ", once").")
        }
    }

    struct RevokeSessions: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "End every session, remembered browser and open conversation.")

        @Argument(help: "User name.") var name: String
        @OptionGroup var place: Place

        func run() async throws {
            try await place.with { try await $0.revokeSessions(name) }
            say("\(name) is signed out everywhere.")
        }
    }

    struct RoleChange: AsyncParsableCommand {
        static let configuration = CommandConfiguration(commandName: "role", abstract: "Give or take administrator roles.")

        @Argument(help: "User name.") var name: String
        @Option(name: .long, help: "Role to give: global, user or helpdesk.") var add: [Role] = []
        @Option(name: .long, help: "Role to take.") var remove: [Role] = []
        @OptionGroup var place: Place

        func run() async throws {
            let roles = try await place.with { try await $0.setRoles(name, add: Set(add), remove: Set(remove)) }
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
