import ConvergeCore
import ConvergeServer
import Foundation
import Testing

@Suite struct WorldTests {
    @Test func `identifiers are 22 characters, differ and never look like an option`() {
        let world = World.system()
        let ids = (0..<500).map { _ in (world.newID() as PersonID).text }
        #expect(Set(ids).count == 500)
        #expect(ids.allSatisfy { $0.count == 22 && $0.first != "-" && $0.first != "_" })
        #expect(
            ids.allSatisfy {
                $0.utf8.allSatisfy { (48...57).contains($0) || (65...90).contains($0) || (97...122).contains($0) || $0 == 45 || $0 == 95 }
            })
    }

    @Test func `random bytes come in the number asked for`() {
        let world = World.system()
        for count in [0, 1, 7, 8, 9, 32] { #expect(world.random(count).count == count) }
        #expect(world.random(32) != world.random(32))
    }

    @Test func `the same seed gives the same bytes and another seed others`() {
        #expect(World.fixed(seed: 1).random(40) == World.fixed(seed: 1).random(40))
        #expect(World.fixed(seed: 1).random(40) != World.fixed(seed: 2).random(40))
    }

    @Test func `a test clock moves only by hand`() {
        let clock = TestClock(now: Moment(ms: 10))
        let world = World.fixed(clock: clock)
        #expect(world.now() == Moment(ms: 10))
        clock.advance(by: .seconds(2))
        #expect(world.now() == Moment(ms: 2010))
    }

    @Test func `the clock file moves the time of a debug build and is read again at every call`() throws {
        let folder = try TemporaryFolder()
        let file = try folder.write("offset", "86400000\n")
        let world = World.system(environment: ["CONVERGE_TEST_CLOCK_FILE": file])
        // Between two readings less than an hour passes; the offset is a day.
        #expect(world.now() - World.system().now() > .hours(23))
        try folder.write("offset", "0")
        #expect(world.now() - World.system().now() < .hours(1))
    }

    @Test(arguments: [[], [0], [255, 254], [1, 2, 3], Array(0...255)] as [[UInt8]])
    func `base64url comes back and only in its canonical form`(bytes: [UInt8]) {
        let text = Base64URL.encode(bytes)
        #expect(!text.contains("="))
        #expect(Base64URL.decode(text) == bytes)
    }

    @Test(arguments: ["A", "AA=", "A+8A", "A/8A", "AB", "A A A", "Aé"])
    func `base64url refuses other alphabets, padding and stray bits`(text: String) {
        #expect(Base64URL.decode(text) == nil)
    }

    @Test func `the resources are found beside what runs`() throws {
        let folder = try ResourceFolder.find(environment: [:])
        #expect(FileManager.default.fileExists(atPath: folder.sub("templates")))
        #expect(folder.path.hasSuffix("converge_ConvergeServer.resources/Resources"))
    }

    @Test func `an explicit folder is the only one sought`() throws {
        let folder = try TemporaryFolder()
        #expect(throws: ResourcesMissing.self) { try ResourceFolder.find(environment: ["CONVERGE_RESOURCES": folder.path]) }
        try FileManager.default.createDirectory(atPath: folder.path + "/migrations", withIntermediateDirectories: true)
        #expect(try ResourceFolder.find(environment: ["CONVERGE_RESOURCES": folder.path]).path == folder.path)
    }
}
