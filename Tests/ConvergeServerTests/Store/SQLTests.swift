import ConvergeCore
import ConvergeServer
import Testing

@Suite struct SQLTests {
    enum Kind: String { case member, guest }

    @Test func `values become numbered bindings and never text`() {
        let name = "'; DROP TABLE person; --"
        let sql: SQL = "SELECT * FROM person WHERE name = \(name) AND age > \(7) AND kind = \(Kind.guest)"
        #expect(sql.text == "SELECT * FROM person WHERE name = $1 AND age > $2 AND kind = $3")
        #expect(sql.bindings == [.text(name), .integer(7), .text("guest")])
    }

    @Test func `a spliced fragment is numbered anew`() {
        let condition: SQL = "b = \(2) OR c = \(true)"
        let sql: SQL = "SELECT \(raw: "x") FROM t WHERE a = \("1") AND (\(fragment: condition)) AND d = \([UInt8(1)])"
        #expect(sql.text == "SELECT x FROM t WHERE a = $1 AND (b = $2 OR c = $3) AND d = $4")
        #expect(sql.bindings == [.text("1"), .integer(2), .bool(true), .bytes([1])])
    }

    @Test func `nil binds NULL whatever its type`() {
        let id: PersonID? = nil
        let kind: Kind? = nil
        let phone: PhoneNumber? = nil
        #expect(("\(orNull: id) \(orNull: kind) \(orNull: phone) \(orNull: nil as Int?)" as SQL).bindings == [.null, .null, .null, .null])
    }

    @Test func `instants, identifiers and numbers bind in their stored form`() throws {
        let phone = try #require(PhoneNumber(e164: "+447700900184"))
        let sql: SQL = "\(Moment(ms: 5)) \(PersonID("p")) \(phone) \(Int64(9))"
        #expect(sql.bindings == [.integer(5), .text("p"), .text("+447700900184"), .integer(9)])
    }

    @Test func `a list counts its values and an empty one matches nothing`() {
        #expect(("x IN \(fragment: .list([PersonID("a"), PersonID("b")]))" as SQL).text == "x IN ($1, $2)")
        #expect(("x IN \(fragment: .list([Int]()))" as SQL).text == "x IN (NULL)")
    }

    @Test func `joined and added fragments keep their order`() {
        let sql = "a = \(1)" + SQL.joined([" AND b = \(2)", "c = \(3)"], by: " OR ")
        #expect(sql.text == "a = $1 AND b = $2 OR c = $3")
        #expect(sql.bindings == [.integer(1), .integer(2), .integer(3)])
    }

    @Test func `a row names the column it cannot give`() {
        let row = Row(columns: ["a": 0, "n": 1], values: [.integer(2), .null])
        #expect(throws: StoreError.fault("column b is not in the answer")) { try row.text("b") }
        #expect(throws: StoreError.fault("column a is not text")) { try row.text("a") }
        #expect(throws: StoreError.fault("column a is not a truth value")) { try row.bool("a") }
        #expect(throws: StoreError.fault("column n is NULL")) { try row.integer("n") }
        #expect(throws: StoreError.fault("column b is not in the answer")) { try row.optionalText("b") }
    }

    @Test(arguments: [
        ("CREATE TABLE a (x TEXT DEFAULT 'a;''b'); CREATE TABLE b (y TEXT)", 2),
        ("-- a; b\nSELECT 1; /* ; */ SELECT 2;\n-- end;\n", 2),
        ("CREATE TRIGGER t AFTER INSERT ON a BEGIN UPDATE a SET x = CASE WHEN 1 THEN 2 END; SELECT 1; END; SELECT 2", 2),
        ("CREATE FUNCTION f() RETURNS trigger AS $$ BEGIN RETURN NEW; END; $$ LANGUAGE plpgsql; SELECT 1", 2),
        ("CREATE FUNCTION f() RETURNS int AS $x$ SELECT '$$;'; $x$ LANGUAGE sql; SELECT \"a;b\"", 2),
        ("CREATE TABLE \"begin;\" (x INT); BEGIN; END;", 3), (";;  ;", 0), ("", 0),
    ])
    func `statements are split where they end`(text: String, count: Int) throws {
        let folder = try TemporaryFolder()
        try folder.write("0001-x.sql", text)
        #expect(try Migrator(folder: folder.path, dialect: .sqlite).migrations[0].statements.count == count)
    }
}
