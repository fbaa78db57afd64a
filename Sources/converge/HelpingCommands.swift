public import ArgumentParser
public import ConvergeCore
import ConvergeServer

extension UserCommand {
    struct ResetPassword: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Set a password that must be changed; ends every session.",
            discussion: "The person is told at every contact point, and where it is an administrator, all other administrators are.")

        @Argument(help: "User name.") var name: String
        @Flag(name: .long, help: "Print JSON.") var json = false
        @OptionGroup var place: Place

        func run() async throws {
            let password = try await place.with { try await $0.resetPassword(name) }
            if json { return try sayJSON(["name": name, "password": password.text]) }
            say("New password of \(name), to be changed at sign-in: \(password.text)")
        }
    }

    struct Unlock: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Open the locks that wrong passwords closed; the password stays.")

        @Argument(help: "User name.") var name: String
        @Flag(name: .long, help: "Print JSON.") var json = false
        @OptionGroup var place: Place

        func run() async throws {
            let wasLocked = try await place.with { try await $0.unlock(name) }
            if json { return try sayJSON(["wasLocked": wasLocked]) }
            say(wasLocked ? "\(name) can try the password again." : "\(name) was not locked. Wrong tries of before are forgotten.")
        }
    }

    struct Pass: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Make a Temporary Access Pass; shown once.",
            discussion: """
                A pass made before ends. The person is told at every contact point, and where it is an administrator, all other \
                administrators are.
                """)

        @Argument(help: "User name.") var name: String
        @OptionGroup var order: PassOptions
        @Flag(name: .long, help: "Print JSON.") var json = false
        @OptionGroup var place: Place

        func run() async throws {
            let (made, when) = try await place.with { administration in
                (try await administration.makePass(name, try order.order(administration)), administration.when)
            }
            if json { return try sayJSON(PassOptions.Printed(made, of: name)) }
            say(PassOptions.words(made, of: name, when))
        }
    }

    struct Wipe: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Remove methods of somebody who has lost them; ends every session and makes an access pass.",
            discussion: """
                What the directory knows stays, unless its kind is named. That the person once had methods is remembered, so that the \
                password alone opens nothing: the pass does. The person is told at every contact point.
                """)

        @Argument(help: "User name.") var name: String
        @Option(name: .long, help: "Kind of method to remove, for example totpApp or mobilePhone. May be given several times.")
        var method: [MethodKind] = []
        @Flag(name: .long, help: "Remove everything that is registered.") var all = false
        @OptionGroup var order: PassOptions
        @Flag(name: .long, help: "Make no pass: only while something is left that lets the person in.") var noPass = false
        @Flag(
            name: .long,
            help: "Make no pass, and let whoever knows the password register anew. Only with --all; it is written into the audit log.")
        var passwordAlone = false
        @Option(name: .long, help: "Why, for the audit log.") var reason: String?
        @Flag(name: .long, help: "Print JSON.") var json = false
        @OptionGroup var place: Place

        func validate() throws {
            guard all != !method.isEmpty else { throw ValidationError("Say what to remove: --method KIND, or --all.") }
            guard !(noPass && passwordAlone) else { throw ValidationError("Give one of --no-pass and --password-alone.") }
            guard !passwordAlone || all else { throw ValidationError("--password-alone goes with --all.") }
        }

        func run() async throws {
            let (wiped, when) = try await place.with { administration in
                let after: Administration.AfterWipe =
                    if passwordAlone { .passwordAlone } else if noPass { .whatIsLeft } else {
                        .pass(try order.order(administration))
                    }
                let wiped = try await administration.wipe(name, all ? nil : Set(method), then: after, reason: reason)
                return (wiped, administration.when)
            }
            if json { return try sayJSON(Printed(name: name, removed: wiped.removed, pass: wiped.pass.map { .init($0, of: name) })) }
            let removed = wiped.removed.map(\.rawValue).joined(separator: ", ")
            say(removed.isEmpty ? "\(name) had nothing registered." : "Removed of \(name): \(removed). Signed out everywhere.")
            if let pass = wiped.pass { say(PassOptions.words(pass, of: name, when)) }
            if passwordAlone { say("Whoever knows the password of \(name) may now register.") }
        }

        private struct Printed: Encodable {
            let name: String
            let removed: [MethodKind]
            let pass: PassOptions.Printed?
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

    struct Block: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Close an account, for example after a fraud report; ends every session.",
            discussion: "The person reads so after the right password, and nothing is sent to them any more.")

        @Argument(help: "User name.") var name: String
        @Option(name: .long, help: "Why, for the audit log and for whoever unblocks.") var reason: String
        @OptionGroup var place: Place

        func run() async throws {
            try await place.with { try await $0.block(name, reason: reason) }
            say("\(name) is blocked and signed out everywhere.")
        }
    }

    struct Unblock: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Open a blocked account again.")

        @Argument(help: "User name.") var name: String
        @Option(name: .long, help: "Why, for the audit log.") var reason: String
        @OptionGroup var place: Place

        func run() async throws {
            try await place.with { try await $0.unblock(name, reason: reason) }
            say("\(name) can sign in again.")
        }
    }

    struct Disable: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Close an account so that it looks like one that never was; ends every session.")

        @Argument(help: "User name.") var name: String
        @Option(name: .long, help: "Why, for the audit log.") var reason: String?
        @OptionGroup var place: Place

        func run() async throws {
            try await place.with { try await $0.disable(name, reason: reason) }
            say("\(name) is disabled and signed out everywhere.")
        }
    }

    struct Enable: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Open a disabled account again.")

        @Argument(help: "User name.") var name: String
        @Option(name: .long, help: "Why, for the audit log.") var reason: String?
        @OptionGroup var place: Place

        func run() async throws {
            try await place.with { try await $0.enable(name, reason: reason) }
            say("\(name) can sign in again.")
        }
    }
}

/// How an access pass is made, for every command that makes one.
struct PassOptions: ParsableArguments {
    enum Uses: String, ExpressibleByArgument, CaseIterable { case one, many }

    @Option(name: .long, help: "How often the pass works: one or many.") var uses = Uses.one
    @Option(name: .long, help: "When it begins to work, such as “2026-11-23 09:00”, with a Z at the end in UTC. Left out: now.")
    var starts: String?
    @Option(name: .long, help: "Minutes that it works, 10 to 43200.") var minutes: Int?
    @Option(name: .long, help: "When it ends, in place of --minutes. Left out: after 60 minutes.") var ends: String?
    @Option(name: .long, help: "Symbols, 8 to 48.") var length = 8

    func validate() throws {
        guard minutes == nil || ends == nil else { throw ValidationError("Give one of --minutes and --ends.") }
        guard (8...48).contains(length) else { throw ValidationError("A pass has 8 to 48 symbols.") }
    }

    func order(_ administration: Administration) throws -> Administration.PassOrder {
        let from = try starts.map { try read($0, administration) } ?? administration.moment
        let span = try ends.map { Int((try read($0, administration) - from).ms / 60_000) }
        return .init(
            length: length, minutes: span ?? minutes ?? 60, once: uses == .one, starts: starts == nil ? nil : from)
    }

    private func read(_ text: String, _ administration: Administration) throws -> Moment {
        guard let moment = administration.when.read(text) else {
            throw ValidationError("“\(text)” is not a time such as “2026-11-23 09:00”.")
        }
        return moment
    }

    static func words(_ made: Administration.MadePass, of name: String, _ when: WhenText) -> String {
        """
        Pass for \(name): \(made.pass.text)
        It works \(made.once ? "once" : "as often as needed"), from \(when.say(made.from)) until \(when.say(made.until)) (\(when.zone)).
        """
    }

    /// A pass as JSON.
    struct Printed: Encodable {
        let name: String
        let pass: String
        let uses: String
        let from: String
        let until: String

        init(_ made: Administration.MadePass, of name: String) {
            self.name = name
            pass = made.pass.text
            uses = (made.once ? Uses.one : .many).rawValue
            from = made.from.iso
            until = made.until.iso
        }
    }
}

extension MethodKind: ExpressibleByArgument {}
