import ConvergeCore
import Foundation
import Testing

@Suite("Passwords, NIST profile")
struct NISTPasswordTests {
    private func problems(
        _ password: String, names: [String] = [], banned: [String] = [], breached: Bool = false, last: Bool = false, strength: Int? = nil
    ) -> [PasswordProblem] {
        PasswordFacts(
            password: Secret(password), rules: .nist, names: names, banned: banned, isBreached: breached, sameAsLast: last,
            strengthScore: strength
        ).problems
    }

    @Test func `twelve characters do, eleven do not, whatever they are made of`() {
        #expect(problems("correcthorse") == [])
        #expect(problems("correcthors") == [.tooShort(minimum: 12)])
        #expect(problems("ααβββγγγδδδδ") == [])
        #expect(problems("pass phrase 2") == [])
    }

    @Test func `256 characters do and 257 do not, counted in scalars after normalisation`() {
        #expect(problems(String(repeating: "é", count: 256)) == [])
        #expect(problems(String(repeating: "e\u{301}", count: 256)) == [])
        #expect(problems(String(repeating: "é", count: 257)) == [.tooLong(maximum: 256)])
        #expect(problems(String(repeating: "a", count: 5000)) == [.tooLong(maximum: 256)])
    }

    @Test(arguments: ["\u{0}", "\n", "\t", "\u{7F}", "\u{85}", "\u{2028}"])
    func `a control character is refused`(control: String) {
        #expect(problems("correct\(control)horses") == [.controlCharacter])
    }

    @Test func `bytes that are no text are refused`() {
        let facts = PasswordFacts(password: Secret(bytes: [UInt8](repeating: 0xFF, count: 20)))
        #expect(facts.problems == [.controlCharacter])
        #expect(PasswordText.normalised(facts.password) == nil)
    }

    @Test func `facts of the world are reported beside the rest, all at once`() {
        #expect(
            problems("short", breached: true, last: true, strength: 1)
                == [.tooShort(minimum: 12), .tooWeak(score: 1, needed: 2), .breached, .sameAsLast])
        #expect(problems("correcthorse", strength: 2) == [])
    }

    @Test func `a name or a banned word is refused where it dominates and taken where it does not`() {
        #expect(problems("anagarcia-2026!", names: ["Ana", "García"], banned: []) == [])
        #expect(problems("garciagarcia1", names: ["Ana", "García"]) == [.containsName])
        #expect(problems("Converge2026", banned: ["converge"]) == [.bannedWord])
        #expect(problems("C0nverge2026!", names: ["Converge Ltd"]) == [.containsName])
        #expect(problems("maria.del.mar", names: ["María del Mar"]) == [])
        #expect(problems("mariadelmar12", names: ["María del Mar"]) == [.containsName])
        #expect(problems("converge of staple horses", banned: ["converge"]) == [])
        #expect(problems("anaanaanaana", names: ["Ana"]) == [], "three letters are found everywhere; the strength estimate judges this one")
    }

    @Test func `one more character outside the word decides`() {
        #expect(problems("converge123456", banned: ["converge"]) == [.bannedWord])
        #expect(problems("converge1234567", banned: ["converge"]) == [])
    }

    @Test func `the same password typed on two keyboards is one password`() {
        #expect(PasswordText.normalised(Secret("ｐａｓｓ e\u{301}")) == PasswordText.normalised(Secret("pass é")))
    }
}

@Suite("Passwords, Entra profile")
struct EntraPasswordTests {
    private func problems(_ password: String, names: [String] = [], banned: [String] = []) -> [PasswordProblem] {
        PasswordFacts(password: Secret(password), rules: .entra, names: names, banned: banned).problems
    }

    @Test func `the two scores of the documentation are reproduced`() {
        #expect(problems("C0ntos0Blank12", banned: ["contoso", "blank"]) == [.tooPredictable(score: 4, needed: 5)])
        #expect(problems("ContoS0Bl@nkf9!", banned: ["contoso", "blank"]) == [])
    }

    @Test(arguments: ["Abcdef", "Abcdeg", "Abcdefg", "Abcde", "Xbcdef", "bcdef", "Xabcdef", "Abcxdef", "Abdef"])
    func `a password one edit from a banned word is refused`(password: String) {
        #expect(problems(password, banned: ["abcdef"]).contains(.bannedWord))
    }

    @Test(arguments: ["Abcd", "Abcdefgh", "Abdcef", "Xbcdeg", "Fedcba"])
    func `a password two edits away is not`(password: String) {
        #expect(!problems(password, banned: ["abcdef"]).contains(.bannedWord))
    }

    @Test func `a name of four characters is refused anywhere, one of three is not looked for`() {
        #expect(problems("p0LL23fbxx", names: ["Poll"]) == [.containsName])
        #expect(problems("p0L123fbxx", names: ["Pol"]) == [])
    }

    @Test func `three classes of four are asked for`() {
        #expect(problems("kqzvwmtr") == [.tooFewClasses(found: 1, needed: 3)])
        #expect(problems("kqzvWMTR") == [.tooFewClasses(found: 2, needed: 3)])
        #expect(problems("kqzvWMT7") == [])
        #expect(problems("kqzv mt7") == [])
        #expect(problems("KQZV-MT7") == [])
    }

    @Test func `eight characters do, seven do not, and only plain ones`() {
        #expect(problems("kqzvWT7") == [.tooShort(minimum: 8)])
        #expect(problems("kqzvWT7é") == [.unsupportedCharacter])
        #expect(problems("Kq7" + String(repeating: "x", count: 253)) == [])
        #expect(problems("Kq7" + String(repeating: "x", count: 254)) == [.tooLong(maximum: 256)])
    }

    @Test func `the score is the lowest that any way of cutting gives`() {
        #expect(problems("Abcdefgh1!", banned: ["abcd", "abcdefg", "efgh"]) == [.tooPredictable(score: 4, needed: 5)])
        #expect(problems("Aaaaaaaa1!", banned: ["aaaa"]) == [.tooPredictable(score: 4, needed: 5)])
    }

    @Test func `a list is checked for its size and the lengths of its terms`() {
        #expect(BannedWords.problems(["contoso", "abc", String(repeating: "x", count: 17)]) == [.tooShort(index: 1), .tooLong(index: 2)])
        #expect(BannedWords.problems([String](repeating: "contoso", count: 1000)) == [])
        #expect(BannedWords.problems([String](repeating: "contoso", count: 1001)) == [.tooMany(count: 1001)])
    }
}

@Suite("Password rules in words")
struct PasswordWordsTests {
    @Test func `every rule and every problem has its own stable code`() {
        let words = PasswordRules.nist.words + PasswordRules.entra.words
        #expect(Set(words.map(\.code)).count == 11)
        #expect(PasswordRules.nist.words.first?.arguments == ["minimum": 12])
        let problems: [PasswordProblem] = [
            .tooShort(minimum: 12), .tooLong(maximum: 256), .controlCharacter, .unsupportedCharacter, .tooFewClasses(found: 2, needed: 3),
            .containsName, .bannedWord, .tooPredictable(score: 4, needed: 5), .tooWeak(score: 1, needed: 2), .breached, .sameAsLast,
        ]
        #expect(Set(problems.map(\.code)).count == problems.count)
        #expect(PasswordProblem.tooFewClasses(found: 2, needed: 3).arguments == ["found": 2, "needed": 3])
    }

    @Test func `no setting makes every password impossible, also when decoded`() throws {
        let rules = PasswordRules(profile: .nist, minimumLength: 3, minimumStrength: 9)
        #expect(rules.minimumLength == 8 && rules.minimumStrength == 4)
        let json = Data(#"{"profile": "entra", "minimumLength": 9999}"#.utf8)
        #expect(try JSONDecoder().decode(PasswordRules.self, from: json).minimumLength == 64)
    }
}
