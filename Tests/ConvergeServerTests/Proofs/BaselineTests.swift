import Foundation
import Testing

/// The security baseline is a table in the documentation that names the tests of each line. This reads the table.
@Suite("The baseline of the documentation is tested line by line")
struct BaselineTests {
    /// One line: what is promised, and the tests that show it.
    struct Line: Equatable {
        let section: String
        let claim: String
        let tests: [String]
    }

    /// The sections that the baseline has; a line belongs to one.
    static let sections = [
        "Passwords", "Sessions", "Requests", "Addresses", "Enumeration", "Budgets", "Codes", "Told at once", "Silence", "Outside bytes",
        "Bad days", "Simulation", "Architecture",
    ]

    /// Reads the tables of a text: a row's last cell names tests between backticks.
    static func lines(_ text: String) -> [Line] {
        var section = "", lines: [Line] = []
        for row in text.split(separator: "\n") {
            if row.hasPrefix("## ") { section = String(row.dropFirst(3)) }
            guard row.hasPrefix("| "), sections.contains(section), !row.hasPrefix("| Promise") else { continue }
            let cells = row.split(separator: "|").map { $0.trimmingCharacters(in: .whitespaces) }
            let names = (cells.last ?? "").matches(of: /`([^`]+)`/).map { String($0.1) }
            lines.append(Line(section: section, claim: cells.first ?? "", tests: names))
        }
        return lines
    }

    /// The names of all tests: of Swift functions, their display names, and of stories in Python.
    static func tests() throws -> Set<String> {
        var names: Set<String> = []
        for file in try SourceFile.all(in: "Tests") {
            names.formUnion(file.text.matches(of: /@Test\([^"\n]*"((?:[^"\\]|\\.)*)"/).map { String($0.1) })
            names.formUnion(file.text.matches(of: /@Test\(\s*\n\s*"((?:[^"\\]|\\.)*)"/).map { String($0.1) })
            names.formUnion(file.text.matches(of: /@Test[^\n]*func `([^`]+)`/).map { String($0.1) })
            names.formUnion(file.text.matches(of: /\n\s+func `([^`]+)`/).map { String($0.1) })
            names.formUnion(file.text.matches(of: /@Test[^\n]*func (\w+)\(/).map { String($0.1) })
        }
        for file in try SourceFile.all(in: "Tests/Journeys", ending: ".py") {
            names.formUnion(file.text.matches(of: /(?m)^def (test_\w+)/).map { String($0.1) })
        }
        return names
    }

    /// What is wrong with a text: a section without lines, a line without a test, a test that is not there.
    static func problems(_ text: String, _ tests: Set<String>) -> [String] {
        let lines = lines(text)
        var problems = sections.filter { section in !lines.contains { $0.section == section } }.map { "\($0): nothing is promised" }
        for line in lines {
            if line.tests.isEmpty { problems.append("“\(line.claim)” names no test") }
            problems += line.tests.filter { !tests.contains($0) }.map { "“\(line.claim)” names “\($0)”, which is not there" }
        }
        return problems
    }

    private static let text = Result { try String(contentsOfFile: SourceFile.root + "/docs/baseline.md", encoding: .utf8) }

    @Test("every line of the baseline names tests, and they are there")
    func everyLine() throws {
        let text = try Self.text.get()
        #expect(Self.lines(text).count > 60)
        #expect(Self.problems(text, try Self.tests()) == [])
    }

    @Test("a line without a test, a test that went away and a section that was emptied are found")
    func planted() throws {
        let text = try Self.text.get(), tests = try Self.tests()
        #expect(Self.problems(text.replacing("## Codes\n", with: "## Codes\n| Something new |  |\n"), tests).count == 1)
        let victim = try #require(Self.lines(text).first?.tests.first)
        #expect(Self.problems(text, tests.subtracting([victim])).count >= 1)
        #expect(Self.problems(text.replacing("## Passwords\n", with: "## Other\n"), tests).contains { $0.hasPrefix("Passwords") })
    }
}
