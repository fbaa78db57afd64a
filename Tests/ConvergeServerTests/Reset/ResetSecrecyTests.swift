import ConvergeCore
import Foundation
import Testing

@testable import ConvergeServer

@Suite("A reset tells nothing before the first proof")
struct ResetSecrecyTests {
    /// Every page from the name to the last try, with a number that may be wrong.
    private func walk(_ name: String, _ server: TestServer, contact: [String: String] = ResetStory.typedNumber) async throws -> [String] {
        let browser = TestBrowser(server)
        var pages: [String] = []
        func keep() { pages.append("\(browser.page.status) \(browser.page.withoutIDs)") }
        try await browser.open("/reset-password")
        try await browser.submit("/reset-password", ["name": name])
        keep()
        try await browser.submit("/reason", ["reason": "forgot"])
        keep()
        for kind in ["text", "appCode"] {
            try await browser.submit("/gate", ["gate": kind])
            keep()
            if kind == "text" {
                try await browser.submit("/contact", ["country": "GB", "number": "12"])
                keep()
                try await browser.submit("/contact", contact)
                keep()
                for _ in 0..<2 {
                    try await browser.submit("/again")
                    keep()
                }
            }
            for _ in 0..<6 {
                try await browser.submit("/answer", ["code": "999"])
                keep()
            }
            try await browser.submit("/back")
            keep()
        }
        return pages
    }

    @Test("known, unknown, disabled, guest, blocked, out of scope: the same pages to the letter")
    func samePages() async throws {
        let story = try await ResetStory(), server = story.server
        let instance = server.instance
        for (name, state) in [("dora", PersonState.disabled), ("bill", .blocked)] {
            let id = try await server.add(name)
            try await instance.database.write { db in try instance.people.setState(id, state, db) }
        }
        try await server.add("gast", kind: .guest)
        try await server.add("nell")
        let known = try await walk("ada", server)
        #expect(known.count == 22)
        let codes = try await server.messages().count
        #expect(codes == 3, "her own number gets its codes")
        for name in ["nobody", "dora", "gast", "bill", "nell", "\u{0}odd name\u{7}"] {
            let other = try await walk(name, server)
            #expect(other == known, "\(name)")
        }
        let wrongNumber = try await walk("ada", server, contact: ["country": "GB", "number": "07700 900999"])
        #expect(wrongNumber.dropLast(8) == known.dropLast(8))
        #expect(try await server.messages().count == codes, "nobody else got one")
    }

    @Test("ten wrong codes close one contact to strangers for a day, told alike for a name that does not exist")
    func contactCloses() async throws {
        let story = try await ResetStory(), server = story.server
        for name in ["ada", "nobody"] {
            let browser = TestBrowser(server)
            for _ in 0..<2 {
                try await story.begin(name, in: browser)
                try await browser.submit("/gate", ["gate": "text"])
                try await browser.submit("/contact", ResetStory.typedNumber)
                for _ in 0..<5 { try await browser.submit("/answer", ["code": "999"]) }
            }
            try await story.begin(name, in: browser)
            try await browser.submit("/gate", ["gate": "text"])
            try await browser.submit("/contact", ResetStory.typedNumber)
            #expect(browser.page.status == 422 && browser.page.says("too many tries"), "\(name)")
            #expect(browser.page.says("24 November") || browser.page.says("tomorrow"), "and until when")
            try await browser.submit("/back")
            try await browser.submit("/gate", ["gate": "emailCode"])
            try await browser.submit("/contact", ["email": ResetStory.address])
            #expect(browser.page.says("a code is on its way"), "other ways stay open")
        }
    }

    @Test("a stranger's wrong codes do not keep the owner out of her own browser")
    func ownerStays() async throws {
        let story = try await ResetStory(), server = story.server, own = TestBrowser(server), stranger = TestBrowser(server)
        try await own.signIn("ada")
        try await own.submit("/answer", ["code": own.appCode(secret: ResetStory.appSecret)])
        for _ in 0..<2 {
            try await story.begin(in: stranger)
            try await stranger.submit("/gate", ["gate": "text"])
            try await stranger.submit("/contact", ResetStory.typedNumber)
            for _ in 0..<5 { try await stranger.submit("/answer", ["code": "999"]) }
        }
        try await story.passFirst(in: own)
        #expect(own.page.title.contains("Second proof"))
    }

    @Test("codes asked for by strangers use up nothing of the owner's: not her resets by another number, not her sign-in")
    func sendsApart() async throws {
        let story = try await ResetStory(), server = story.server, stranger = TestBrowser(server)
        for _ in 0..<4 {
            try await story.begin(in: stranger)
            try await stranger.submit("/gate", ["gate": "text"])
            try await stranger.submit("/contact", ["country": "GB", "number": "07700 900999"])
            guard stranger.page.status == 200 else { break }
            for _ in 0..<2 { try await stranger.submit("/again") }
        }
        #expect(stranger.page.says("Too many codes"), "the stranger is told to wait")
        #expect(try await server.messages().isEmpty)
        try await story.passFirst()
        #expect(story.browser.page.title.contains("Second proof"))
    }

    @Test("codes that were sent for a reset are refused at the same count for a name that does not exist")
    func sendsAlike() async throws {
        let story = try await ResetStory(), browser = story.browser
        for name in ["ada", "nobody"] {
            var asked = 0
            for _ in 0..<6 {
                try await story.begin(name)
                try await browser.submit("/gate", ["gate": "text"])
                try await browser.submit("/contact", ResetStory.typedNumber)
                if browser.page.says("Too many codes") { break }
                asked += 1
                for _ in 0..<2 {
                    try await browser.submit("/again")
                    if browser.page.status == 200 { asked += 1 }
                }
            }
            #expect(asked == 10, "\(name)")
        }
        #expect(try await story.server.messages().count == 10)
    }

    @Test("somebody else's reset of the same account ends a reset without a word before its first proof")
    func epochIsSilent() async throws {
        let story = try await ResetStory(), server = story.server, stranger = TestBrowser(server)
        try await story.begin(in: stranger)
        try await stranger.submit("/gate", ["gate": "text"])
        try await stranger.submit("/contact", ResetStory.typedNumber)
        let code = try await server.latestCode(to: ResetStory.number)
        server.clock.advance(by: .minutes(1))
        try await story.passBoth()
        try await story.setPassword()
        try await stranger.open(stranger.page.path.split(separator: "/").prefix(2).map { "/" + $0 }.joined())
        #expect(stranger.page.heading == "Enter the code we texted you")
        try await stranger.submit("/answer", ["code": code])
        #expect(stranger.page.status == 422 && stranger.page.says("4 tries"))
    }

    @Test("the row of a flow names nobody, and nothing in it is in clear")
    func flowRow() async throws {
        let story = try await ResetStory()
        try await story.passFirst()
        #expect(try await story.server.count("SELECT COUNT(*) AS n FROM flow WHERE kind = 'reset' AND person_id IS NULL") == 1)
        // Longer than what random letters spell now and then.
        let clear = ["ada@", "7700900", "person", "passed"].map { "sealed LIKE '%\($0)%'" }.joined(separator: " OR ")
        #expect(try await story.server.count("SELECT COUNT(*) AS n FROM flow WHERE \(raw: clear)") == 0)
    }
}
