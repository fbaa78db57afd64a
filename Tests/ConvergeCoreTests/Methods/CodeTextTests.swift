import ConvergeCore
import Foundation
import Testing

@Suite("Codes for texts, calls and email")
struct OneTimeCodeTests {
    @Test func `bytes that would favour low digits are thrown away`() {
        #expect(OneTimeCode.digits(4, random: [255, 250, 249, 0, 251, 10, 19])?.text == "9009")
    }

    @Test func `over all bytes each digit comes up equally often`() {
        var counts = [UInt8: Int]()
        for byte in UInt8.min...UInt8.max {
            if let code = OneTimeCode.digits(4, random: [byte, byte, byte, byte]) { counts[code.bytes[0], default: 0] += 1 }
        }
        #expect(counts.count == 10 && counts.values.allSatisfy { $0 == 25 })
    }

    @Test func `the advised number of bytes suffices, too few give nothing`() {
        var random = Repeatable(seed: 3)
        for _ in 0..<500 {
            for count in [6, 8] {
                #expect(OneTimeCode.digits(count, random: random.bytes(OneTimeCode.randomBytes(for: count)))?.bytes.count == count)
            }
        }
        #expect(OneTimeCode.digits(6, random: [1, 2, 3, 4, 5]) == nil)
        #expect(OneTimeCode.digits(3, random: random.bytes(99)) == nil)
    }

    @Test func `typed codes lose spaces and dashes and nothing else`() {
        #expect(OneTimeCode.normalise(Secret(" 123-456\n"))?.text == "123456")
        #expect(OneTimeCode.normalise(Secret("12\u{2013}34\u{00A0}56"))?.text == "123456")
        for typed in ["", "12a456", "½", "1234567890123", "²3", String(repeating: " ", count: 500)] {
            #expect(OneTimeCode.normalise(Secret(typed)) == nil, "\(typed)")
        }
    }
}

@Suite("Codes that people copy")
struct ReadableCodeTests {
    @Test func `the alphabet has thirty-two symbols and no look-alike`() {
        #expect(Set(ReadableCode.alphabet).count == 32)
        for confusing in "ILOU" { #expect(!ReadableCode.alphabet.contains(confusing)) }
    }

    @Test func `every letter and digit is read as a symbol of the alphabet`() throws {
        for scalar in (0x30...0x7A).compactMap(Unicode.Scalar.init) where Character(scalar).isLetter || Character(scalar).isNumber {
            let read = try #require(ReadableCode.normalise(String(scalar)))
            #expect(ReadableCode.alphabet.contains(read))
            #expect(ReadableCode.normalise(read) == read)
        }
        #expect(ReadableCode.normalise("oO iI lL uU") == "001111VV")
    }

    @Test func `a byte gives one symbol, every symbol as often as any other`() throws {
        var counts = [UInt8: Int]()
        for byte in UInt8.min...UInt8.max {
            let code = try #require(ReadableCode(.caseCode, random: [UInt8](repeating: byte, count: 6)))
            counts[code.canonical.bytes[0], default: 0] += 1
        }
        #expect(counts.count == 32 && counts.values.allSatisfy { $0 == 8 })
    }

    @Test func `a recovery code is shown in fives and read back however it is typed`() throws {
        let code = try #require(ReadableCode(.recoveryCode, random: [0, 1, 2, 3, 4, 29, 30, 31, 255, 10]))
        #expect(code.shown(.recoveryCode).text == "01234-XYZZA")
        #expect(code.selector == "0123")
        for typed in ["01234-XYZZA", "o1234 xyzza", " 0l234—XYZZA ", "０１２３４xyzzA"] {
            #expect(ReadableCode(.recoveryCode, typed: typed) == code, "\(typed)")
        }
        for typed in ["01234-XYZZ", "01234-XYZZAB", "01234-XYZZ!", "", "01234-XYZZß"] {
            #expect(ReadableCode(.recoveryCode, typed: typed) == nil, "\(typed)")
        }
        #expect("\(code)".contains("XYZZA") == false)
    }

    @Test func `a set of recovery codes has no selector twice`() throws {
        let repeated: [UInt8] = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 1, 2, 3, 4, 9, 9, 9, 9, 9, 9, 2, 2, 3, 4, 5, 6, 7, 8, 9, 10]
        let codes = try #require(ReadableCode.recoveryCodes(2, random: repeated))
        #expect(codes.compactMap(\.selector) == ["1234", "2234"])
        #expect(ReadableCode.recoveryCodes(3, random: repeated) == nil)
        var random = Repeatable(seed: 5)
        let ten = try #require(ReadableCode.recoveryCodes(10, random: random.bytes(400)))
        #expect(Set(ten.compactMap(\.selector)).count == 10)
    }

    @Test func `a pass has eight to forty-eight symbols`() throws {
        var random = Repeatable(seed: 6)
        for length in [8, 12, 48] {
            let pass = try #require(ReadableCode(.accessPass, length: length, random: random.bytes(48)))
            #expect(pass.canonical.bytes.count == length)
            #expect(ReadableCode(.accessPass, typed: pass.shown(.accessPass).text) == pass)
        }
        for length in [7, 49] { #expect(ReadableCode(.accessPass, length: length, random: random.bytes(64)) == nil) }
        #expect(ReadableCode(.accessPass, random: random.bytes(7)) == nil)
    }

    @Test func `a code survives the flow row it is kept in, a forged one does not`() throws {
        let code = try #require(ReadableCode(.recoveryCode, typed: "01234-XYZZA"))
        let json = try JSONEncoder().encode([code])
        #expect(try JSONDecoder().decode([ReadableCode].self, from: json) == [code])
        #expect(throws: DecodingError.self) { try JSONDecoder().decode([ReadableCode].self, from: Data("[\"0I\"]".utf8)) }
    }
}
