import ConvergeCore
import Foundation
import Testing

@testable import ConvergeServer

@Suite("Places")
struct PlaceFinderTests {
    /// The networks of RFC 5737, which are nobody's.
    private func file(in folder: TemporaryFolder) throws -> String {
        var file = PlaceFile()
        file.add(
            [203, 0, 113, 0], bits: 24,
            .init(city: ["en": "Bristol"], country: ["de": "Vereinigtes Königreich", "en": "United Kingdom"]))
        file.add([198, 51, 100, 0], bits: 25, .init(country: ["en": "Iceland"]))
        let path = folder.path + "/places.mmdb"
        try Data(file.bytes).write(to: URL(fileURLWithPath: path))
        return path
    }

    @Test func `town and country, in the person's language where the file has it; nothing of what it does not know`() throws {
        let folder = try TemporaryFolder(), finder = try PlaceFinder(path: file(in: folder))
        func place(_ address: String, _ language: String = "en") throws -> String? {
            finder.place(of: try #require(IPAddress(address)), language: language)
        }
        #expect(finder.kind == "Places of a test")
        #expect(try place("203.0.113.7") == "Bristol, United Kingdom")
        #expect(try place("203.0.113.7", "de") == "Bristol, Vereinigtes Königreich")
        #expect(try place("198.51.100.7") == "Iceland")
        #expect(try place("198.51.100.200") == nil)
        #expect(try place("192.0.2.1") == nil)
        #expect(try place("2001:db8::1") == nil)
    }

    @Test func `a file that is none is named at the start`() throws {
        let folder = try TemporaryFolder(), path = folder.path + "/no.mmdb"
        #expect(throws: PlaceFileError.self) { try PlaceFinder(path: path) }
        try Data("not a file of places".utf8).write(to: URL(fileURLWithPath: path))
        let error = #expect(throws: PlaceFileError.self) { try PlaceFinder(path: path) }
        #expect(error?.description.hasPrefix("places.file: \(path) cannot be read: ") == true)
    }

    @Test func `an approval says where the request comes from`() async throws {
        let folder = try TemporaryFolder(), path = try file(in: folder)
        let kit = try await AppKit(configure: {
            $0.placesFile = path
            $0.trustedProxies = [try! CIDR("127.0.0.0/8")]
        })
        let stranger = TestBrowser(kit.server)
        stranger.address = "203.0.113.7"
        _ = try await kit.begin(stranger)
        if let ask = stranger.page.forms.first(where: { $0.action.hasSuffix("/use") }) { try await stranger.post(ask.action, ask.hidden) }
        #expect(try await kit.phone.asked().network == "Bristol, United Kingdom (203.0.113.7)")
    }
}
