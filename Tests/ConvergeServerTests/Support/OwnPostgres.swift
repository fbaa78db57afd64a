import Foundation
import Testing

/// A PostgreSQL server that one test may stop, start and demote: below a `scripts/with-postgres` of its own.
final class OwnPostgres: Sendable {
    /// Host, port and user.
    let conninfo: String
    private let ctl: String

    private init(conninfo: String, ctl: String) {
        self.conninfo = conninfo
        self.ctl = ctl
    }

    /// Runs something with such a server, and ends it.
    static func with<Value>(_ run: (OwnPostgres) async throws -> Value) async throws -> Value {
        let process = Process(), input = Pipe(), output = Pipe()
        process.executableURL = URL(fileURLWithPath: SourceFile.root + "/scripts/with-postgres")
        process.arguments = ["sh", "-c", "echo \"$CONVERGE_TEST_POSTGRES\"; echo \"$CONVERGE_TEST_POSTGRES_CTL\"; cat"]
        process.standardInput = input
        process.standardOutput = output
        try process.run()
        let lines = await onThread { () -> [String] in
            var text = ""
            while text.filter({ $0 == "\n" }).count < 2 {
                let data = output.fileHandleForReading.availableData
                if data.isEmpty { break }
                text += String(decoding: data, as: UTF8.self)
            }
            return text.split(separator: "\n").map(String.init)
        }
        let result: Result<Value, any Error>
        do {
            try #require(lines.count == 2, "the server did not start")
            result = .success(try await run(OwnPostgres(conninfo: lines[0], ctl: lines[1])))
        } catch {
            result = .failure(error)
        }
        // Its command ends with its input, and then it cleans up.
        try? input.fileHandleForWriting.close()
        await onThread { process.waitUntilExit() }
        #expect(process.terminationStatus == 0)
        if let ctl = lines.last {
            #expect(!FileManager.default.fileExists(atPath: (ctl as NSString).deletingLastPathComponent), "its folder is still there")
        }
        return try result.get()
    }

    /// `stop`, `start` or `restart`; at once, as when the machine is gone.
    func control(_ command: String) async throws {
        let ctl = self.ctl
        let code = await Self.onThread { () -> Int32 in
            let process = Process()
            process.executableURL = URL(fileURLWithPath: ctl)
            process.arguments = command == "start" ? [command] : [command, "-m", "immediate"]
            try? process.run()
            process.waitUntilExit()
            return process.terminationStatus
        }
        #expect(code == 0, "pg_ctl \(command)")
    }

    private static func onThread<T: Sendable>(_ body: @escaping @Sendable () -> T) async -> T {
        await withCheckedContinuation { continuation in
            Thread.detachNewThread { continuation.resume(returning: body()) }
        }
    }
}
