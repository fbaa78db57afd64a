import Foundation
import Testing

/// A rule of the architecture: what is wrong with a set of files, and files that must be found wrong.
struct ArchitectureRule: Sendable, CustomTestStringConvertible {
    let name: String
    /// Each breaks the rule by itself.
    let planted: [SourceFile]
    /// Files that break it, or nothing.
    let offenders: @Sendable ([SourceFile]) -> [String]

    var testDescription: String { name }

    /// A rule about what may stand in the code of a file.
    ///
    /// - Parameters:
    ///   - home: files that may; by the end of their path.
    ///   - folder: where the rule holds.
    ///   - inText: look between quotation marks too.
    static func only(
        _ name: String, in home: [String], folder: String = "Sources/", inText: Bool = false, _ pattern: String, planted: [(String, String)]
    ) -> ArchitectureRule {
        ArchitectureRule(name: name, planted: planted.map { SourceFile($0.0, $0.1) }) { files in
            files.filter { file in file.path.hasPrefix(folder) && !home.contains { file.path.contains($0) } }.compactMap { file in
                let text = inText ? file.text : file.code
                return text.range(of: pattern, options: .regularExpression).map { "\(file.path): \(text[$0].prefix(60))" }
            }
        }
    }

    /// A rule about who may import a module.
    static func imports(_ modules: [String], onlyIn home: [String]) -> ArchitectureRule {
        let planted = modules.map { SourceFile("Sources/ConvergeServer/Web/Planted.swift", "internal import \($0)\n") }
        return ArchitectureRule(name: "\(modules.joined(separator: ", ")) only in \(home.joined(separator: ", "))", planted: planted) {
            $0.filter { file in !file.imports.isDisjoint(with: modules) && !home.contains { file.path.hasSuffix($0) } }.map(\.path)
        }
    }
}

extension ArchitectureRule {
    private static let server = "Sources/ConvergeServer/", core = "Sources/ConvergeCore/"

    /// One door each for the wall clock, randomness, and everything outside.
    static let doors: [ArchitectureRule] = [
        .only(
            "one door to the clock", in: ["Base/World.swift"],
            #"\bDate\(\)|\bDate\.now|Clock\.now|timeIntervalSinceNow|ContinuousClock|SuspendingClock|Dispatch(Wall)?Time|NIODeadline|CFAbsolute|cclock_(wall|monotonic)|clock_gettime|gettimeofday|CLOCK_REALTIME|systemUptime|(?<![.\w])time\(nil"#,
            planted: [
                (server + "Web/A.swift", "let now = Date()"), (core + "Policy/A.swift", "let now = Date.now"),
                (server + "Delivery/A.swift", "let at = ContinuousClock.now"), ("Sources/converge/A.swift", "clock_gettime(id, &time)"),
                (server + "Web/C.swift", "let now = cclock_wall()"),
            ]),
        .only(
            "one door to randomness", in: ["Base/World.swift"],
            #"SystemRandomNumberGenerator|\.random\(in|\b(Bool|U?Int\d*)\.random\(|randomElement\(|\bshuffled?\(|arc4random|getrandom|\bUUID\(|randombytes|SymmetricKey\(size|(GCM|Poly)\.Nonce\(\)|\.seal\((?![^)]*nonce:)[^)]*using:"#,
            planted: [
                (server + "Web/A.swift", "let id = UUID().uuidString"), (core + "Methods/A.swift", "let n = Int.random(in: 0..<10)"),
                (server + "Store/A.swift", "let key = SymmetricKey(size: .bits256)"), (server + "Web/B.swift", "codes.shuffled()"),
                (server + "Store/B.swift", "let box = try AES.GCM.seal(bytes, using: key)"),
            ]),
        .only(
            "one door to the outside", in: ["Delivery/Curl.swift"],
            #"URLSession|ClientBootstrap|DatagramBootstrap|HTTPClient\b|NWConnection|(?<![.\w])socket\(|(?<![.\w])connect\(|getaddrinfo|gethostbyname|\bcurl_|posix_spawn|\bProcess\(\)|URL\(string:[^)]*\)[^)\n]*contentsOf|contentsOf: *URL\(string"#,
            planted: [
                (server + "Web/A.swift", "URLSession.shared"), (server + "Delivery/A.swift", "curl_easy_perform(handle)"),
                (server + "Directory/A.swift", "let data = try Data(contentsOf: URL(string: address)!)"),
                (server + "App/A.swift", "let s = socket(AF_INET, 1, 0)"),
            ]),
        .only(
            "the environment is read by the commands", in: ["Sources/converge/"], #"ProcessInfo|getenv\("#,
            planted: [(server + "Web/A.swift", "ProcessInfo.processInfo.environment"), (core + "A.swift", "getenv(name)")]),
        .only(
            "nothing is printed but by the commands", in: ["Sources/converge/"], #"(?<![.\w])(print|debugPrint|dump|NSLog)\("#,
            planted: [(server + "Web/A.swift", "print(code)"), (core + "A.swift", "debugPrint(secret)")]),
    ]

    /// SQL is written in stores.
    static let sql: [ArchitectureRule] = [
        .only(
            "no SQL outside the stores", in: ["ConvergeServer/Store/"], inText: true,
            #"\b(SELECT\s[^"]*\sFROM\s|INSERT INTO\s|DELETE FROM\s|UPDATE\s+[a-z_]+\s+SET\s|CREATE (TABLE|INDEX)\s|PRAGMA\s)|\bdb\.(rows|row|execute)\("#,
            planted: [
                (server + "Web/A.swift", "let sql = \"SELECT id FROM person\""), (server + "App/A.swift", "try db.execute(change)"),
                (server + "Administration/A.swift", "let sql = \"\"\"\n    UPDATE person SET name = 'x'\n    \"\"\""),
                (core + "A.swift", "let sql = \"DELETE FROM person\""),
                ("Sources/converge/A.swift", "let sql = \"INSERT INTO person (id)\""),
            ]),
        .imports(["GRDB", "SQLite3", "CSQLite", "GRDBSQLite"], onlyIn: ["Store/SQLiteDatabase.swift"]),
        .imports(["PostgresNIO", "CLibpq", "CPostgres", "CPQ"], onlyIn: ["Store/Postgres/PostgresSession.swift"]),
    ]

    /// Every library of the system and every framework at its place.
    static let libraries: [ArchitectureRule] = [
        .imports(["CSodium"], onlyIn: ["Passwords/PasswordHasher.swift"]), .imports(["CQREncode"], onlyIn: ["Web/QRCode.swift"]),
        .imports(["CZxcvbn"], onlyIn: ["Passwords/Strength.swift"]), .imports(["CCurl"], onlyIn: ["Delivery/Curl.swift"]),
        .imports(["CMaxMind"], onlyIn: ["Directory/PlaceFinder.swift"]), .imports(["CPhone"], onlyIn: ["Directory/PhoneParser.swift"]),
        .imports(["CryptoExtras"], onlyIn: ["Methods/Passkey/SigningKey.swift"]),
        .imports(["X509", "SwiftASN1"], onlyIn: ["ConvergeCertificates/AttestationAnchors.swift"]),
        .imports(["NIOPosix"], onlyIn: ["Store/Postgres/PostgresPool.swift", "Passwords/PasswordHasher.swift", "Delivery/Curl.swift"]),
        .imports(
            ["Hummingbird", "HummingbirdCore", "NIOCore"],
            onlyIn: ["Web/Front.swift", "Web/ConnectionThread.swift", "Web/Gate.swift", "App/Server.swift"]),
        .imports(["Yams"], onlyIn: ["App/ConfigReader.swift", "Administration/PolicyFile.swift", "Administration/PolicyReader.swift"]),
    ]

    /// The core is pure, and nobody imports what stands above.
    static let directions: [ArchitectureRule] = [
        ArchitectureRule(
            name: "the core imports swift-crypto and Foundation and nothing else",
            planted: ["ConvergeServer", "GRDB", "Hummingbird", "NIOCore", "Logging", "Dispatch", "FoundationNetworking"].map {
                SourceFile("Sources/ConvergeCore/Planted.swift", "import \($0)\n")
            }
        ) { files in
            files.filter { $0.path.hasPrefix(core) && !$0.imports.isSubset(of: ["Crypto", "CryptoExtras", "Foundation"]) }.map(\.path)
        },
        .only(
            "the core touches no file, no thread and no log", in: [], folder: core,
            #"FileManager|FileHandle|\bData\(contentsOf|contentsOfFile|\basync\b|\bawait\b|DispatchQueue|\bThread\b|\bTask\b|\bLogger\b|\bOperationQueue"#,
            planted: [
                (core + "A.swift", "FileManager.default.contents(atPath: path)"), (core + "B.swift", "func load() async throws {}"),
                (core + "C.swift", "DispatchQueue.main"), (core + "D.swift", "let log: Logger"),
            ]),
        ArchitectureRule(
            name: "the server imports no command",
            planted: [
                SourceFile(server + "Web/Planted.swift", "import ArgumentParser\n"),
                SourceFile(server + "App/Planted.swift", "import converge\n"),
            ]
        ) { files in
            files.filter { $0.path.hasPrefix(server) && !$0.imports.isDisjoint(with: ["ArgumentParser", "converge"]) }.map(\.path)
        },
        ArchitectureRule(
            name: "the parts of the server know each other only in the written directions",
            planted: [
                SourceFile(server + "Store/Planted.swift", "func page(_ front: Front) {}\n"),
                SourceFile(server + "Store/Other.swift", "let ledger: Ledger\n"),
                SourceFile(server + "Base/Planted.swift", "let database: any Connection\n"),
                SourceFile(server + "Directory/Planted.swift", "let store: PersonStore\n"),
                SourceFile(server + "Web/Views/Planted.swift", "let dossier: Dossier\n"),
                SourceFile(server + "Delivery/Planted.swift", "let conversation: SignInConversation.Type\n"),
                SourceFile(server + "Web/Planted.swift", "let sweeper: Sweeper\n"),
                SourceFile(server + "Web/Another.swift", "let database: SQLiteDatabase\n"),
            ], offenders: Parts.offenders),
    ]

    static let all = doors + sql + libraries + directions
}

/// Which part of the server may name types of which other.
private enum Parts {
    static let allowed: [String: Set<String>] = [
        "Base": [], "Store": ["Base"], "Directory": [], "Views": [], "Passwords": ["App", "Base", "Store", "Web"],
        "Delivery": ["App", "Operations", "Store", "Views"],
        "Administration": ["App", "Base", "Directory", "Operations", "Passwords", "Store"],
        "Web": ["Administration", "App", "Base", "Delivery", "Directory", "Operations", "Passwords", "Store", "Views"],
        "App": ["Base", "Delivery", "Directory", "Operations", "Passwords", "Store", "Web", "Views"],
        "Operations": ["Administration", "App", "Base", "Delivery", "Passwords", "Store", "Views", "Web"],
    ]
    /// One name each that crosses the line on purpose.
    static let exceptions: [String: Set<String>] = ["Views": ["NoticeEvent", "AdministratorNotice"]]
    /// What only assembling, operating and the commands may name: nobody else reaches behind the protocols.
    static let assembly: Set<String> = [
        "SQLiteDatabase", "PostgresDatabase", "PostgresPool", "PostgresSession", "Sweeper", "Server", "OutboxWorker", "Migrator",
    ]

    @Sendable static func offenders(_ files: [SourceFile]) -> [String] {
        let parts = files.filter { $0.part != nil }
        var homes: [String: Set<String>] = [:]
        for file in files where !file.path.hasPrefix("Sources/converge/") {
            for name in declared(file, #"(?m)^"#) { homes[name, default: []].insert(file.part ?? "Core") }
        }
        return parts.flatMap { file -> [String] in
            let part = file.part!, own = Set(declared(file, #"(?m)^ *"#))
            let used = Set(file.code.matches(of: /\b[A-Z]\w+/).map { String($0.0) }).subtracting(own)
            return used.filter { name in
                guard let home = homes[name], home.count == 1, let home = home.first, home != part, home != "Core" else { return false }
                if assembly.contains(name), !["App", "Operations"].contains(part) { return true }
                return !(allowed[part]?.contains(home) ?? false) && !(exceptions[part]?.contains(name) ?? false)
            }.sorted().map { "\(file.path) names \($0)" }
        }
    }

    private static func declared(_ file: SourceFile, _ start: String) -> [String] {
        let pattern = start + #"(?:public |final |indirect |package )*(?:struct|class|enum|protocol|actor|typealias) (\w+)"#
        guard let expression = try? NSRegularExpression(pattern: pattern) else { return [] }
        let text = file.code as NSString
        return expression.matches(in: file.code, range: NSRange(location: 0, length: text.length)).map {
            text.substring(with: $0.range(at: 1))
        }
    }
}

@Suite("The house is built as its plan says")
struct ArchitectureTests {
    private static let sources = Result { try SourceFile.all(in: "Sources") }

    @Test("no file breaks a rule, and each rule finds what is planted against it", arguments: ArchitectureRule.all)
    func rules(_ rule: ArchitectureRule) throws {
        let files = try Self.sources.get(),
            planted = rule.planted.enumerated().map { index, file in
                SourceFile(file.path.replacing(".swift", with: "Planted\(index).swift"), file.text)
            }
        #expect(files.count > 150 && !planted.isEmpty)
        let found = rule.offenders(files + planted)
        #expect(found.filter { !$0.contains("Planted") } == [])
        for file in planted { #expect(found.contains { $0.hasPrefix(file.path) }, "\(rule.name): \(file.path)\n\(file.text)") }
    }

    @Test("dependencies are pinned")
    func pinned() throws {
        let package = try String(contentsOfFile: SourceFile.root + "/Package.swift", encoding: .utf8)
        func loose(_ text: String) -> [String] {
            text.split(separator: "\n").map(String.init).filter { $0.contains(".package(url:") && !$0.contains("exact:") }
        }
        #expect(package.contains("exact:") && loose(package) == [])
        #expect(loose(package + "\n.package(url: \"https://example.org/x\", from: \"1.0.0\"),").count == 1)
    }

    @Test("a method is described in the core only, without SQL, pages or addresses")
    func methodsArePure() throws {
        func offenders(_ files: [SourceFile]) -> [String] {
            files.filter { $0.path.hasPrefix("Sources/ConvergeCore/Methods/") }
                .filter { $0.text.contains(/https?:\/\/|<[a-z]+>|\bSELECT\b|\bHTTP|\bReply\b/) }.map(\.path)
        }
        let files = try Self.sources.get(), planted = SourceFile("Sources/ConvergeCore/Methods/Planted.swift", "let page = \"<p>\"")
        #expect(offenders(files) == [])
        #expect(offenders(files + [planted]) == [planted.path])
    }
}
