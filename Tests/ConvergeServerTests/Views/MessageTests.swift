import ConvergeCore
import Foundation
import Testing

@testable import ConvergeServer

@Suite struct MessageTests {
    private let dates = DateWords(now: Example.now, zone: TimeZone(identifier: "Europe/London")!)

    private func catalogue(_ texts: [String: String], language: String = "en") throws -> Messages {
        try Messages(language: language, json: JSONEncoder().encode(texts), always: ["organisation": "Acme"])
    }

    private func say(_ pattern: String, _ arguments: [String: MessageArgument] = [:], language: String = "en") throws -> String {
        try catalogue(["x": pattern, "inner": "inside {organisation}"], language: language).text(Message("x", arguments), dates: dates)
    }

    @Test func gapsAreFilled() throws {
        #expect(try say("Hello {name}, of {organisation}.", ["name": "Ada".argument]) == "Hello Ada, of Acme.")
        #expect(try say("{a}{b}", ["a": .number(3), "b": .message(Message("inner"))]) == "3inside Acme")
        #expect(try say("{name}") == "⟦name⟧")
        #expect(try catalogue([:]).text(Message("gone"), dates: dates) == "⟦gone⟧")
    }

    @Test(arguments: [(0, "none"), (1, "1 try"), (2, "a pair"), (7, "7 tries")])
    func plurals(_ count: Int, _ words: String) throws {
        #expect(try say("{n, plural, =0 {none} =2 {a pair} one {# try} other {# tries}}", ["n": .number(count)]) == words)
    }

    @Test func selectsAndNesting() throws {
        let pattern = "{k, select, a {A{n, plural, one {1} other {#}}} other {rest of {n}}}"
        #expect(try say(pattern, ["k": "a".argument, "n": 4]) == "A4")
        #expect(try say(pattern, ["k": "z".argument, "n": 4]) == "rest of 4")
        #expect(try say("# is literal", [:]) == "# is literal")
    }

    @Test func otherLanguagesHaveOtherPlurals() {
        #expect((0...6).map { PluralRule.category(of: $0, language: "cy") } == ["zero", "one", "two", "few", "other", "other", "many"])
        #expect([1, 2, 5, 12, 22].map { PluralRule.category(of: $0, language: "pl") } == ["one", "few", "many", "many", "few"])
        #expect([0, 1, 2].map { PluralRule.category(of: $0, language: "fr") } == ["one", "one", "other"])
        #expect(PluralRule.category(of: 1, language: "ja") == "other")
    }

    @Test(arguments: [
        "{", "}", "{a", "{}", "{a, plural, one {x}}", "{a, number}", "{a, plural, other x}", "{a, select, other {x}",
        "{a b}",
    ])
    func brokenPatternsAreRefused(_ pattern: String) {
        #expect(throws: MessagePattern.Malformed.self) { try MessagePattern(pattern) }
    }

    @Test func anIdCannotBeBothSentenceAndBranch() {
        #expect(throws: Messages.Defect.ambiguous("a.b")) { try catalogue(["a.b": "x", "a.b.c": "y"]) }
    }

    @Test func numbersKeepTheirDirection() throws {
        #expect(try say("{n}", ["n": .ltr("+44 1")], language: "he") == "\u{2066}+44 1\u{2069}")
        #expect(try say("{n}", ["n": .ltr("+44 1")]) == "+44 1")
        #expect(try catalogue([:], language: "ar").direction == "rtl")
    }

    // MARK: dates

    private func words(_ moment: Moment, _ style: DateStyle) -> String {
        dates.say(moment, style, in: Example.renderer.messages("en"))
    }

    @Test func daysAreSaidAsPeopleSayThem() {
        let now = Example.now
        #expect(words(now, .time) == "14:02")
        #expect(words(now, .dayAndTime) == "today at 14:02")
        #expect(words(now - .days(1), .onDayAndTime) == "yesterday at 14:02")
        #expect(words(now - .days(1), .heading) == "Yesterday, 22 November")
        #expect(words(now, .heading) == "Today, 23 November")
        #expect(words(now + .days(1), .day) == "tomorrow")
        #expect(words(now - .days(11), .heading) == "Thursday, 12 November")
        #expect(words(now - .days(11), .onDay) == "on 12 November")
        #expect(words(now - .days(11), .day) == "12 November")
        #expect(words(now + .days(50), .day) == "12 January")
        #expect(words(now - .days(400), .onDayAndTime) == "on 19 October 2025 at 15:02", "summer time, another year")
        #expect(words(now, .fullDay) == "23 November 2026")
        #expect(words(now, .precise) == "23 November 2026, 14:02:30")
        #expect(words(now + .minutes(5), .until) == "14:07")
        #expect(words(now + .hours(20), .until) == "tomorrow at 10:02")
        #expect(dates.iso(now) == "2026-11-23T14:02:30Z")
    }

    @Test func theCalendarAgreesWithFoundation() throws {
        var calendar = Calendar(identifier: .gregorian)
        calendar.timeZone = try #require(TimeZone(identifier: "America/New_York"))
        let words = DateWords(now: Example.now, zone: calendar.timeZone)
        for step in 0..<2000 {
            let moment = Moment(ms: -200_000_000_000 + Int64(step) * 2_345_678_901)
            let date = Date(timeIntervalSince1970: Double(moment.seconds))
            let parts = calendar.dateComponents([.year, .month, .day, .hour, .minute, .second, .weekday], from: date)
            let civil = words.civil(moment)
            #expect(civil.year == parts.year && civil.month == parts.month && civil.day == parts.day)
            #expect(civil.hour == parts.hour && civil.minute == parts.minute && civil.second == parts.second)
            #expect(civil.weekday % 7 + 1 == parts.weekday)
        }
    }

    // MARK: the catalogue

    /// Ids that the core names: rules and problems of a password.
    private static let families = ["password."]

    @Test func everySentenceExistsAndIsUsed() throws {
        var inTemplates: Set<String> = []
        var inSwift: Set<String> = []
        var families = Set(Self.families)
        for text in try Templates.all.values {
            inTemplates.formUnion(text.matches(of: /\{\{t\.([A-Za-z0-9.\-]+)\}\}/).map { String($0.1) })
        }
        let ids = Example.renderer.messages("en").ids
        let folder = URL(fileURLWithPath: Example.resources).deletingLastPathComponent().path
        for case let file as String in FileManager.default.enumerator(atPath: folder) ?? .init() where file.hasSuffix(".swift") {
            let source = try String(contentsOfFile: "\(folder)/\(file)", encoding: .utf8)
                .split(separator: "\n").filter { !$0.drop { $0 == " " }.hasPrefix("//") }.joined(separator: "\n")
            for call in source.matches(of: /Message\(\s*(?:[^"()\n]*\?\s*)?"([^"\\]+)"(?:\s*:\s*"([^"\\]+)")?/) {
                inSwift.insert(String(call.1))
                if let other = call.2 { inSwift.insert(String(other)) }
            }
            for family in source.matches(of: /Message\([^"\n]*"([a-z][A-Za-z.\-]+\.)\\\(/).map({ String($0.1) }) {
                #expect(ids.contains { $0.hasPrefix(family) }, "no sentence begins with \(family)")
            }
            // Ids that reach a message by another way, and families put together at run time: "reset.reason.\(value)".
            inSwift.formUnion(source.matches(of: /"([a-z][A-Za-z0-9.\-]+)"/).map { String($0.1) }.filter(ids.contains))
            families.formUnion(source.matches(of: /"([a-z][a-z\-]*\.[a-z.\-]*)\\\(/).map { String($0.1) })
        }
        #expect(inTemplates.count > 100 && inSwift.count > 200 && families.count > 20)
        #expect(
            Example.renderer.messages("en").validate(inTemplates: inTemplates, inSwift: inSwift, families: families.sorted()) == [])
    }

    @Test(arguments: Refusal.Code.allCases) func everyRefusalHasItsSentences(_ code: Refusal.Code) {
        let ids = Example.renderer.messages("en").ids
        #expect(ids.contains("refusal.\(code.rawValue)") && ids.contains("problem.\(code.rawValue)"))
    }

    @Test func everyMethodAndCapabilityHasItsNames() {
        let ids = Example.renderer.messages("en").ids
        for kind in MethodKind.allCases {
            for family in ["name", "yours", "hint"] { #expect(ids.contains("method.\(family).\(kind.rawValue)")) }
            if MethodRegistry.traits(of: kind).inWizard { #expect(ids.contains("more.item.\(kind.rawValue)")) }
            guard MethodRegistry.method(kind) != nil, MethodRegistry.traits(of: kind).counted else { continue }
            #expect(ids.contains("saved.added.\(kind.rawValue)"))
            let traits = MethodRegistry.traits(of: kind)
            if traits.add == .owner, traits.delete == .owner, kind != .recoveryCodes {
                #expect(ids.contains("refused.anew.\(kind.rawValue)"))
            }
        }
        for capability in Capability.allCases {
            for family in ["use", "asked"] { #expect(ids.contains("capability.\(family).\(capability.rawValue)")) }
        }
        for why in [Unreachable.budget, .gateway, .country, .browser] { #expect(ids.contains("unreachable.why.\(why.rawValue)")) }
    }

    @Test func sentencesAreShortAndCalm() throws {
        let json = try Data(contentsOf: URL(fileURLWithPath: "\(Example.resources)/messages/en.json"))
        for (id, text) in try JSONDecoder().decode([String: String].self, from: json) {
            #expect(!text.contains("!"), "\(id)")
            #expect(!text.contains("'"), "\(id): a straight apostrophe")
            for word in ["MFA", "SSPR", "OTP", "token ", "invalid", "please contact", "administrator password"] {
                let isName = id.contains("hardwareToken")
                #expect(isName || !text.localizedCaseInsensitiveContains(word), "\(id): \(word)")
            }
            let plain = text.replacing(/\{[a-z]+, (plural|select),/, with: "").replacing(/(=\d+|one|other) \{/, with: "")
            for sentence in plain.split(whereSeparator: { ".?:".contains($0) }) {
                #expect(sentence.split(separator: " ").count <= 24, "\(id): \(sentence)")
            }
        }
    }
}

extension String {
    /// As an argument of a message.
    fileprivate var argument: MessageArgument { .text(self) }
}
