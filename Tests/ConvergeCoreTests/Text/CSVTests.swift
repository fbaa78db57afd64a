import ConvergeCore
import Testing

@Suite("CSV")
struct CSVTests {
    private func read(_ text: String, limits: CSVLimits = CSVLimits()) throws(CSVError) -> [[String]] {
        try CSV.read(Array(text.utf8), limits: limits).map(\.fields)
    }

    private func refusal(_ text: String, limits: CSVLimits = CSVLimits()) -> CSVError? {
        do {
            _ = try CSV.read(Array(text.utf8), limits: limits)
            return nil
        } catch {
            return error
        }
    }

    @Test func `the rules of RFC 4180 section 2 hold`() throws {
        #expect(try read("aaa,bbb,ccc\r\nzzz,yyy,xxx\r\n") == [["aaa", "bbb", "ccc"], ["zzz", "yyy", "xxx"]])
        #expect(try read("aaa,bbb,ccc\r\nzzz,yyy,xxx") == [["aaa", "bbb", "ccc"], ["zzz", "yyy", "xxx"]])
        #expect(try read("\"aaa\",\"b\r\nbb\",\"ccc\"\r\nzzz,yyy,xxx") == [["aaa", "b\r\nbb", "ccc"], ["zzz", "yyy", "xxx"]])
        #expect(try read("\"aaa\",\"b\"\"bb\",\"c,cc\"") == [["aaa", "b\"bb", "c,cc"]])
        #expect(try read("a,,\n,\"\",c\n") == [["a", "", ""], ["", "", "c"]])
    }

    @Test func `a byte order mark, bare line feeds, empty lines and spaces do no harm`() throws {
        let rows = try CSV.read([0xEF, 0xBB, 0xBF] + Array("a, b\n\n\r\nc,d ".utf8))
        #expect(rows == [CSVRow(number: 1, fields: ["a", " b"]), CSVRow(number: 4, fields: ["c", "d "])])
        #expect(try read("") == [])
        #expect(try CSV.read([0xEF, 0xBB, 0xBF]) == [])
        #expect(try CSV.read(Array("a;b,c".utf8), separator: UInt8(ascii: ";")).map(\.fields) == [["a", "b,c"]])
    }

    @Test func `errors say which record and which field`() {
        #expect(refusal("a,b\r\nc,d\r\ne") == CSVError(kind: .unevenRow, row: 3, column: 1))
        #expect(refusal("a,b\nc,d\"d") == CSVError(kind: .strayQuote, row: 2, column: 2))
        #expect(refusal("a,\"b\"b") == CSVError(kind: .textAfterQuote, row: 1, column: 2))
        #expect(refusal("a\n\n\"b") == CSVError(kind: .openQuote, row: 3, column: 1))
        #expect(refusal("a,b\rc,d") == CSVError(kind: .strayReturn, row: 1, column: 2))
        #expect(refusal("a\0b") == CSVError(kind: .notText, row: 1, column: 1))
        #expect(throws: CSVError(kind: .notText, row: 1, column: 2)) { try CSV.read([0x61, 0x2C, 0xFF]) }
    }

    @Test func `every bound holds, and one less passes`() {
        #expect(refusal("abc", limits: CSVLimits(bytes: 2))?.kind == .tooLarge)
        #expect(refusal("abc", limits: CSVLimits(bytes: 3)) == nil)
        #expect(refusal("a\nb\n", limits: CSVLimits(rows: 1)) == CSVError(kind: .tooManyRows, row: 2, column: 1))
        #expect(refusal("a\nb\n", limits: CSVLimits(rows: 2)) == nil)
        #expect(refusal("a,b", limits: CSVLimits(columns: 1)) == CSVError(kind: .tooManyColumns, row: 1, column: 2))
        #expect(refusal("a,b", limits: CSVLimits(columns: 2)) == nil)
        for text in ["a,bcd", "a,\"bcd\""] {
            #expect(refusal(text, limits: CSVLimits(fieldBytes: 2)) == CSVError(kind: .fieldTooLong, row: 1, column: 2))
            #expect(refusal(text, limits: CSVLimits(fieldBytes: 3)) == nil)
        }
    }

    @Test(arguments: ["=1+1", "+447700900184", "-2", "@SUM(A1)", "\t=1", "\r=1", "  =1", "'=1", "＝1", "\n=1"])
    func `a field that a spreadsheet would run is written with an apostrophe`(field: String) throws {
        let row = try #require(try read(CSV.write([[field]])).first)
        #expect(row == ["'" + field])
        #expect(CSV.unguarded(row[0]) == field)
    }

    @Test func `an ordinary field is left alone`() {
        #expect(CSV.write([["a", "b c", "'quoted'", "x=1", "1-2"]]) == "a,b c,'quoted',x=1,1-2\r\n")
        #expect(CSV.write([["a,b", "c\"d", " e", "f\ng"], [""]]) == "\"a,b\",\"c\"\"d\",\" e\",\"f\ng\"\r\n\"\"\r\n")
        #expect(CSV.unguarded("'quoted'") == "'quoted'")
    }

    @Test func `whatever is written reads back`() throws {
        var random = Repeatable(seed: 13)
        let alphabet = Array("ab,\";'\r\n\t =+-@é\u{1F469}").map(String.init)
        for _ in 0..<500 {
            let columns = Int.random(in: 1...4, using: &random)
            let rows = (0..<Int.random(in: 0...4, using: &random)).map { _ in
                (0..<columns).map { _ in
                    (0..<Int.random(in: 0...6, using: &random)).map { _ in alphabet.randomElement(using: &random)! }.joined()
                }
            }
            let back = try read(CSV.write(rows)).map { $0.map(CSV.unguarded) }
            #expect(back == rows)
        }
    }

    @Test func `no bytes break the reader`() {
        var random = Repeatable(seed: 17)
        let likely: [UInt8] = [0x22, 0x2C, 0x0A, 0x0D, 0x61, 0xC3, 0xA9, 0xEF, 0xBB, 0xBF, 0x00]
        for _ in 0..<3000 {
            let bytes = (0..<Int.random(in: 0...24, using: &random)).map { _ in likely.randomElement(using: &random)! }
            if let rows = try? CSV.read(bytes) { #expect(rows.allSatisfy { $0.fields.count == rows[0].fields.count }) }
        }
    }
}
