import ConvergeCore
import ConvergeServer
import Testing

@Suite struct PhoneParserTests {
    @Test(arguments: [
        ("07700 900184", "GB", "+447700900184", "+44 7700 900184", "GB"),
        ("(0)7700-900184", "GB", "+447700900184", "+44 7700 900184", "GB"),
        ("+1 212 555 0123", "GB", "+12125550123", "+1 212-555-0123", "US"),
        ("00 49 1512 3456789", "GB", "+4915123456789", "+49 1512 3456789", "DE"),
        ("06 1234 5678", "IT", "+390612345678", "+39 06 1234 5678", "IT"),
        ("+52 1 -155 1234 5678", "MX", "+525512345678", "+52 55 1234 5678", "MX"),
        ("  +44 7700 900184 ", "US", "+447700900184", "+44 7700 900184", "GB"),
    ])
    func `numbers are read as people type them`(typed: String, region: String, e164: String, display: String, found: String) throws {
        let phone = try PhoneParser.parse(typed, region: region).get()
        #expect(phone.number.e164 == e164)
        #expect(phone.display == display)
        #expect(phone.region == found)
    }

    @Test(arguments: [
        ("", PhoneProblem.empty), ("   ", .empty), ("call me", .impossible), ("12", .impossible), ("+999 1234567", .impossible),
        ("00 007900184", .impossible),
        ("020 7946 0958 ext. 12", .extension), ("0909 879 0000", .premium), ("+44 7700 900184 900184 900184", .tooLong),
        (String(repeating: "1", count: 100), .tooLong),
        // A personal number looks like a mobile one. Shared cost; a premium number of another country.
        ("070 1234 5678", .premium), ("0843 456 7890", .premium), ("+49 700 12345678", .premium), ("+1 900 234 5678", .premium),
    ])
    func `each problem has its own name`(typed: String, problem: PhoneProblem) {
        #expect(PhoneParser.parse(typed, region: "GB") == .failure(problem))
    }

    @Test(arguments: ["0300 123 4567", "07640 123456", "+49 157 7991234567"])
    func `a company's number, a pager and a voicemail are numbers, but no text reaches them`(typed: String) throws {
        let phone = try PhoneParser.parse(typed, region: "GB").get()
        #expect(!phone.takesTexts)
        #expect(PhoneParser.parseForTexts(typed, region: "GB") == .failure(.noTexts))
    }

    @Test(arguments: ["07700 900184", "07624 300000", "020 7946 0958", "+1 212 555 0123", "+49 1512 3456789"])
    func `mobiles and landlines take texts`(typed: String) throws {
        #expect(try PhoneParser.parseForTexts(typed, region: "GB").get().takesTexts)
    }

    @Test func `a number that is possible but not known to be assigned is accepted with its country`() throws {
        let phone = try PhoneParser.parse("+1 212 155 0123", region: "US").get()
        #expect(phone.region == "US")
    }

    @Test func `the list has the world's countries once, by name`() throws {
        let all = Countries.all
        #expect(all.count > 200)
        #expect(Set(all.map(\.code)).count == all.count)
        #expect(all.first { $0.code == "GB" } == Country(code: "GB", name: "United Kingdom", callingCode: 44))
        #expect(all.first { $0.code == "US" }?.callingCode == 1)
        #expect(try #require(all.firstIndex { $0.code == "AX" }) < #require(all.firstIndex { $0.code == "DE" }))
        #expect(all.prefix(1).first?.name.hasPrefix("A") == true)
    }
}
