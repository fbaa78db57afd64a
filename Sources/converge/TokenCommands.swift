import ArgumentParser
import ConvergeServer
import Foundation

/// Hardware OATH tokens: the organisation's inventory.
struct TokenCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "token", abstract: "Hardware tokens: the inventory.",
        discussion: """
            A token is available until it is assigned to somebody, or until somebody adds it by its serial number, and activated with a code \
            that it shows. One that its owner deletes, or that is returned, is available again.
            """,
        subcommands: [Import.self, List.self, Assign.self, Return.self, Remove.self])

    struct Import: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Add the tokens of a CSV file: all of them, or none.",
            discussion: """
                Columns, by their header: upn (user name it is assigned to, may be empty), serial number, secret key (Base 32), time interval \
                (30 or 60), manufacturer, model, hash function (hmacsha1 or hmacsha256; left out: hmacsha1), digits (left out: 6). Every broken \
                row is named by its number.
                """)

        @Argument(help: "CSV file, UTF-8, first row is the header.") var file: String
        @OptionGroup var place: Place

        func run() async throws {
            guard let data = FileManager.default.contents(atPath: file) else { throw CommandFailure("The file \(file) cannot be read.") }
            let count = try await place.with { try await $0.importTokens(csv: Array(data)) }
            say("Added \(count) \(count == 1 ? "token" : "tokens").")
        }
    }

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Every token, with its state and whose it is.")

        @Flag(name: .long, help: "Print JSON.") var json = false
        @OptionGroup var place: Place

        func run() async throws {
            var printer = Printer(json ? .json : .lines)
            try await place.with { administration in
                try await administration.listTokens { page in
                    for token in page { try printer.add(json ? jsonLine(token) : Self.line(token)) }
                }
            }
            printer.finish()
        }

        private static func line(_ token: ListedToken) -> String {
            [token.serial, token.state.rawValue, token.person ?? "", token.manufacturer, token.model].joined(separator: "\t")
        }
    }

    struct Assign: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Keep a token for somebody, who activates it with a code.")

        @Argument(help: "Serial number.") var serial: String
        @Argument(help: "User name.") var name: String
        @OptionGroup var place: Place

        func run() async throws {
            try await place.with { try await $0.assignToken(serial, to: name) }
            say("\(serial) is kept for \(name), who adds it under Security info.")
        }
    }

    struct Return: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Bring a token back into the inventory: out of use, kept for nobody.")

        @Argument(help: "Serial number.") var serial: String
        @OptionGroup var place: Place

        func run() async throws {
            try await place.with { try await $0.returnToken(serial) }
            say("\(serial) is available.")
        }
    }

    struct Remove: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Take a token that is not in use out of the inventory.")

        @Argument(help: "Serial number.") var serial: String
        @OptionGroup var place: Place

        func run() async throws {
            try await place.with { try await $0.removeToken(serial) }
            say("\(serial) is gone.")
        }
    }
}
