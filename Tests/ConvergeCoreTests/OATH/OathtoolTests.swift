import ConvergeCore
import Foundation
import Testing

/// A second opinion on our codes, by a program that shares nothing with them.
@Suite("oathtool agrees", .enabled(if: Oathtool.isThere, "oathtool is missing: scripts/setup --tests"))
struct OathtoolTests {
    @Test func `about forty random keys at random moments`() throws {
        for _ in 0..<40 {
            let key = (0..<20).map { _ in UInt8.random(in: 0...255) }
            let now = Moment(ms: Int64.random(in: 0...4_000_000_000_000))
            let code = try Oathtool.code(Base32.encode(key), seconds: now.seconds)
            let totp = try #require(TOTP(secret: Secret(bytes: key)))
            let step = totp.step(at: now)
            #expect(totp.code(step: step).text == code, "\(Base32.encode(key)) at \(now.seconds)")
            #expect(totp.matchingStep(Secret(code), at: now) == .step(step), "\(Base32.encode(key)) at \(now.seconds)")
        }
    }
}

private enum Oathtool {
    private static let path = "/usr/bin/oathtool"
    static var isThere: Bool { FileManager.default.isExecutableFile(atPath: path) }

    /// The code of a key in Base32 at a moment.
    static func code(_ key: String, seconds: Int64) throws -> String {
        let process = Process(), output = Pipe()
        process.executableURL = URL(fileURLWithPath: path)
        process.arguments = ["--totp", "--base32", "--now", "@\(seconds)", key]
        process.standardOutput = output
        try process.run()
        let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        return text.trimmingCharacters(in: .whitespacesAndNewlines)
    }
}
