import ConvergeCore
import Foundation
import Testing

extension ParserCheck: CustomTestStringConvertible {
    var testDescription: String { name }
}

@Suite("Parsers of the core under broken input")
struct CoreFuzzTests {
    /// How many inputs each gets; signatures take longer than texts.
    private static func share(_ check: ParserCheck) -> Int {
        ["app-key", "app-answer", "push-keys"].contains(check.name) ? 1000 : 5000
    }

    @Test("whatever comes, bounds hold, values read back, refusals are named", arguments: CoreChecks.all)
    func broken(_ check: ParserCheck) throws {
        try FuzzRun.cases(Self.share(check), check)
    }

    /// Eight times as much takes about eight times as long; a quadratic parser would take 64 times.
    @Test("time grows with the input, not with its square", arguments: CoreChecks.all.filter { $0.parse != nil })
    func linear(_ check: ParserCheck) {
        for (unit, factor) in FuzzRun.growth(check) { #expect(factor < 28, "\(check.name) of \(unit.debugDescription): \(factor) times") }
    }

    /// `make fuzz` builds for minutes, so it is run now and then: a file that was moved or checks that were added would be missed.
    @Test("the fuzzers have every check, and none of their links leads nowhere")
    func links() throws {
        let files = FileManager.default, sources = FuzzRun.root.path + "/Fuzz/Sources"
        let linked = try ["", "/ConvergeServer", "/fuzz"].flatMap { folder in
            try files.contentsOfDirectory(atPath: sources + folder).map { sources + folder + "/" + $0 }
        }
        let lost = linked.filter { !files.fileExists(atPath: $0) }
        #expect(linked.count > 20 && lost.isEmpty, "\(lost)")
        for target in ["ConvergeCoreTests", "ConvergeServerTests"] {
            let folder = try files.contentsOfDirectory(atPath: FuzzRun.root.path + "/Tests/\(target)/Fuzz")
            for name in folder where name.hasSuffix("Checks.swift") {
                #expect(linked.contains(sources + "/fuzz/" + name), "\(name) is not among the fuzzers' files")
            }
        }
    }
}
