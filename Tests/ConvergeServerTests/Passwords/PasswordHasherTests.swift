import ConvergeCore
import Foundation
import Testing

@testable import ConvergeServer

@Suite struct PasswordHasherTests {
    private func hasher(_ cost: HashingCost = .cheap, workers: Int = 2, queue: Int = 10, seed: UInt64 = 1) throws -> PasswordHasher {
        try PasswordHasher(cost: cost, workers: workers, queue: queue, world: .fixed(seed: seed))
    }

    @Test func `a password verifies against its own hash only`() async throws {
        let hasher = try hasher()
        let hash = try await hasher.hash(Secret("correct horse"))
        #expect(hash.hasPrefix("$argon2id$v=19$m=8,t=1,p=1$"))
        #expect(try await hasher.verify(Secret("correct horse"), against: hash))
        #expect(try await !hasher.verify(Secret("correct horsf"), against: hash))
        #expect(try await !hasher.verify(Secret(""), against: hash))
        #expect(try await hasher.hash(Secret("correct horse")) != hash)
        try await hasher.close()
    }

    // Made with libargon2 20171227: argon2id_hash_encoded(2, 19456, 1, "correct horse", "somesaltsomesalt", 32).
    @Test func `a hash by the reference implementation verifies`() async throws {
        let hasher = try hasher()
        let reference = "$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$k9ohroejZy1PN5E1SbHNPug6vB8eQAahb5SOAp6iGF4"
        #expect(try await hasher.verify(Secret("correct horse"), against: reference))
        #expect(try await !hasher.verify(Secret("correct horses"), against: reference))
        try await hasher.close()
    }

    @Test func `the empty secret and bytes that are no text hash and verify`() async throws {
        let hasher = try hasher()
        for secret in [Secret(""), Secret(bytes: [0, 255, 0]), Secret(bytes: Array(repeating: 200, count: 5000))] {
            let hash = try await hasher.hash(secret)
            #expect(try await hasher.verify(secret, against: hash))
            #expect(try await !hasher.verify(Secret(bytes: secret.bytes + [0]), against: hash))
        }
        try await hasher.close()
    }

    @Test(arguments: [
        "", "x", "$argon2id$", "$argon2id$v=19$m=8,t=1,p=1$AAAA", "$2b$12$abcdefghijklmnopqrstuv", String(repeating: "a", count: 500),
    ])
    func `what is no hash verifies nothing and is to be replaced`(text: String) async throws {
        let hasher = try hasher()
        #expect(try await !hasher.verify(Secret("x"), against: text))
        #expect(hasher.needsRehash(text))
        try await hasher.close()
    }

    @Test func `the standard cost is written into the hash and weaker hashes are to be replaced`() async throws {
        let standard = try hasher(.standard, workers: 1)
        let cheap = try hasher()
        let strong = try await standard.hash(Secret("x"))
        let weak = try await cheap.hash(Secret("x"))
        #expect(strong.hasPrefix("$argon2id$v=19$m=19456,t=2,p=1$"))
        #expect(try await cheap.verify(Secret("x"), against: strong))
        #expect(!standard.needsRehash(strong) && standard.needsRehash(weak))
        #expect(!cheap.needsRehash(strong) && !cheap.needsRehash(weak))
        try await standard.close()
        try await cheap.close()
    }

    /// That the time of an answer tells nothing is measured apart from other tests (`make measure`); here, that the work is the same.
    @Test func `an unknown name costs what a wrong password costs`() async throws {
        let hasher = try hasher(.standard, workers: 1)
        let cost = /^\$argon2id\$v=19\$m=19456,t=2,p=1\$/
        #expect(try await hasher.hash(Secret("x")).contains(cost) && hasher.dummy.contains(cost))
        #expect(try await !hasher.verifyDummy(Secret("y")))
        try await hasher.close()
    }

    @Test func `beyond the queue callers are told when to come back, and served afterwards`() async throws {
        let hasher = try hasher(.standard, workers: 1, queue: 2)
        let outcomes = await withTaskGroup(of: Bool?.self) { group in
            for _ in 0..<12 {
                group.addTask {
                    do { return try await hasher.hash(Secret("x")).isEmpty == false } catch let error as Overloaded {
                        return error.retryAfterSeconds >= 1 ? nil : false
                    } catch { return false }
                }
            }
            return await group.reduce(into: [Bool?]()) { $0.append($1) }
        }
        #expect(outcomes.count { $0 == true } >= 3)
        #expect(outcomes.contains { $0 == nil })
        #expect(!outcomes.contains(false))
        _ = try await hasher.hash(Secret("after"))
        try await hasher.close()
    }

    @Test func `a round of answers is one admission`() async throws {
        let hasher = try hasher(workers: 1, queue: 0)
        let hashes = try await hasher.hash(all: [Secret("a"), Secret("b"), Secret("c")])
        #expect(
            try await hasher.verify(all: [(Secret("a"), hashes[0]), (Secret("x"), hashes[1]), (Secret("c"), hashes[2])]) == [
                true, false, true,
            ])
        try await hasher.close()
    }
}

@Suite struct StrengthTests {
    @Test func `the scale runs from the worst password to a good phrase`() {
        #expect(Strength(of: Secret("password")).score == 0)
        #expect(Strength(of: Secret("Tr0ub4dour&3")).score == 3)
        #expect(Strength(of: Secret("correct horse battery staple")).score == 4)
        #expect(Strength(of: Secret("")).score == 0)
        #expect(Strength(of: Secret(bytes: [0] + Array("long and unguessable 73".utf8))).score == 0)
    }

    @Test func `a person's own words make a password weaker`() {
        let password = Secret("lovelacebyron")
        #expect(Strength(of: password, words: ["", "lovelace", "byron"]).bits < Strength(of: password).bits)
    }
}

@Suite struct BreachedListTests {
    private let password = "5BAA61E4C9B93F3F0682250B6CF8331B7EE68FD8:10434004"  // SHA-1 of "password"
    private let abc = "a9993e364706816aba3e25717850c26c9cd0d89d:7"  // of "abc"; small letters are good too
    private let empty = "DA39A3EE5E6B4B0D3255BFEF95601890AFD80709:1"

    private func list(_ text: String) throws -> BreachedList {
        let folder = try TemporaryFolder()
        let source = try folder.write("source", text)
        _ = try BreachedList.importing(from: source, to: folder.path + "/list")
        return try BreachedList(path: folder.path + "/list")
    }

    @Test(arguments: [true, false]) func `listed passwords are found, others not, in whatever order they came`(sorted: Bool) throws {
        let lines = [password, abc, empty]
        let list = try list((sorted ? lines : [empty, password, abc]).joined(separator: "\r\n") + "\r\n")
        #expect(list.count == 3)
        for listed in ["password", "abc", ""] { #expect(list.contains(Secret(listed))) }
        for other in ["passwords", "abd", "x"] { #expect(!list.contains(Secret(other))) }
    }

    @Test func `an empty list holds nothing`() throws {
        #expect(try !list("").contains(Secret("password")))
    }

    @Test func `bad lines are named and the list in use stays`() throws {
        let folder = try TemporaryFolder()
        let target = folder.path + "/list"
        _ = try BreachedList.importing(from: try folder.write("good", abc), to: target)
        let bad = [password, "", "5BAA61:3", abc + "x", abc.replacing("a", with: "g"), empty, String(abc.prefix(41))]
        #expect(throws: BreachedListError.badLines([2, 3, 4, 5, 7])) {
            try BreachedList.importing(from: try folder.write("bad", bad.joined(separator: "\n")), to: target)
        }
        let list = try BreachedList(path: target)
        #expect(list.contains(Secret("abc")) && !list.contains(Secret("password")))
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted() == ["bad", "good", "list"])
    }

    @Test func `a download that was not imported is no list`() throws {
        let folder = try TemporaryFolder()
        let path = try folder.write("source", abc)
        #expect(throws: BreachedListError.notAList(path: path)) { try BreachedList(path: path) }
        #expect(throws: BreachedListError.unreadable(path: "/nowhere")) { try BreachedList(path: "/nowhere") }
    }
}
