import Foundation
import Testing

@testable import ConvergeServer

/// The stylesheet holds what the pages use, and nothing else.
@Suite("Stylesheet")
struct StylesheetTests {
    /// Every class that a selector names: without comments and declarations, what follows a point and begins with a letter.
    static func classes(ofStylesheet text: String) -> Set<String> {
        let selectors = text.replacing(/\/\*.*?\*\//.dotMatchesNewlines(), with: "").replacing(/\{[^{}]*\}/, with: " ")
        return Set(selectors.matches(of: /\.([A-Za-z][\w\-]*)/).map { String($0.1) })
    }

    private static func classes(ofPage html: String) throws -> Set<String> {
        Set(try HTMLDocument(html).elements.flatMap { ($0.attributes["class"] ?? "").split(separator: " ").map(String.init) })
    }

    @Test func `classes are found in selectors only`() {
        let text = "/* .no */ @media (min-width: 39.99rem) { .a > .b-c:has(.d) { background: url(x.svg); margin: .5rem } } .a:hover { }"
        #expect(Self.classes(ofStylesheet: text) == ["a", "b-c", "d"])
    }

    @Test func `no rule that no page uses, and no class without a rule`() throws {
        let ruled = Self.classes(ofStylesheet: try String(contentsOfFile: "\(Example.resources)/static/converge.css", encoding: .utf8))
        let used = try Example.all.reduce(into: Set<String>()) { $0.formUnion(try Self.classes(ofPage: $1.html())) }
        #expect(ruled.subtracting(used).sorted() == [], "rules for nothing")
        #expect(used.subtracting(ruled).sorted() == [], "classes without a rule")
    }

    @Test func `no token that no rule uses`() throws {
        let text = try String(contentsOfFile: "\(Example.resources)/static/converge.css", encoding: .utf8)
        let tokens = Set(text.matches(of: /(--[\w\-]+)\s*:/).map { String($0.1) })
        #expect(tokens.filter { !text.contains("var(\($0))") }.sorted() == [])
    }
}
