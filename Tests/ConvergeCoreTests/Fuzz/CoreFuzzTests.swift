import ConvergeCore
import Testing

extension ParserCheck: CustomTestStringConvertible {
    var testDescription: String { name }
}

@Suite("Parsers of the core under broken input")
struct CoreFuzzTests {
    @Test("whatever comes, bounds hold, values read back, refusals are named", arguments: CoreChecks.all)
    func broken(_ check: ParserCheck) throws {
        try FuzzRun.cases(5000, check)
    }

    /// Eight times as much takes about eight times as long; a quadratic parser would take 64 times.
    @Test("time grows with the input, not with its square", arguments: CoreChecks.all.filter { $0.parse != nil })
    func linear(_ check: ParserCheck) {
        for (unit, factor) in FuzzRun.growth(check) { #expect(factor < 28, "\(check.name) of \(unit.debugDescription): \(factor) times") }
    }
}
