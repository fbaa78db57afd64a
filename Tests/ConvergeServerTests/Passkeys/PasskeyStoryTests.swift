import ConvergeCore
import Foundation
import Testing

@testable import ConvergeServer

@Suite("Passkeys over HTTP")
struct PasskeyStoryTests {
    @Test func `registered, asked for first where it is the default, and never the same challenge twice`() async throws {
        let story = try await PasskeyStory(), browser = story.browser
        try await story.register("Blue key")
        #expect(browser.page.says("Blue key"))
        try await story.signOut()
        try await story.challenge()
        let first = try SoftKey.asked(browser.page)
        #expect(first.allowCredentials?.map(\.id) == [Base64URL.encode(story.key.id)] && first.userVerification == "discouraged")
        story.key.origin = "http://localhost:8081"
        try await browser.submit("/answer", story.key.use(browser.page))
        #expect(browser.page.says("That passkey did not match") && browser.page.status == 422)
        let second = try SoftKey.asked(browser.page)
        #expect(first.challenge != second.challenge, "a try spends its challenge")
        story.key.origin = "http://localhost:8080"
        // An answer to the challenge before comes too late.
        try await browser.submit(
            "/answer",
            story.key.use(
                TestPage(status: 200, path: "", html: #"<h1></h1> data-options="{&quot;challenge&quot;:&quot;\#(first.challenge)&quot;}""#))
        )
        #expect(browser.page.says("That passkey did not match"))
        try await browser.submit("/answer", story.key.use(browser.page))
        #expect(browser.page.path == "/", "\(browser.page.text)")
        let events = try await story.server.audit(of: story.ada)
        #expect(events.last { $0.activity == .signedIn }?.details["amr"] == "pwd hwk user mfa")
        #expect(events.compactMap { $0.details["detail"] } == ["origin", "challenge"], "the log knows why")
    }

    @Test func `the person said no, or the script did not run: that costs no try`() async throws {
        let story = try await PasskeyStory(), browser = story.browser
        try await story.register()
        try await story.signOut()
        try await story.challenge()
        let challenge = try SoftKey.asked(browser.page).challenge
        for (fields, words) in [
            (["problem": "cancelled"], "The passkey was not used"), ([:], "Nothing came from your passkey"),
            (["problem": "unsupported"], "That does not work here"), (["problem": "elsewhere"], "That does not work at this address"),
        ] {
            try await browser.submit("/answer", fields)
            #expect(browser.page.says(words) && browser.page.status == 422, "\(browser.page.text)")
        }
        #expect(try SoftKey.asked(browser.page).challenge == challenge)
    }

    @Test func `five wrong answers end the challenge, and never close the passkey to its owner`() async throws {
        let story = try await PasskeyStory(), browser = story.browser
        try await story.register()
        try await story.signOut()
        for _ in 0..<5 {
            try await story.challenge()
            for left in (0..<5).reversed() {
                var answer = try story.key.use(browser.page)
                answer["signature"] = Base64URL.encode([0x30, 0x00])
                try await browser.submit("/answer", answer)
                #expect(browser.page.says(left > 0 ? "That passkey did not match" : "That did not work several times"))
            }
        }
        try await story.challenge()
        try await browser.submit("/answer", story.key.use(browser.page))
        #expect(browser.page.path == "/", "\(browser.page.text)")
    }

    @Test func `a counter that goes back or stands still is refused, written down and told; one that never counted is none`() async throws {
        let story = try await PasskeyStory(), browser = story.browser
        story.key.step = 0
        try await story.register()
        for _ in 0..<2 {
            try await story.signOut()
            try await story.challenge()
            try await browser.submit("/answer", story.key.use(browser.page))
            #expect(browser.page.path == "/", "without a counter")
        }
        for (counter, isGood) in [(7, true), (7, false), (6, false), (0, false), (8, true)] as [(UInt32, Bool)] {
            try await story.signOut()
            try await story.challenge()
            story.key.counter = counter
            try await browser.submit("/answer", story.key.use(browser.page))
            #expect((browser.page.path == "/") == isGood, "\(counter): \(browser.page.text)")
            #expect(browser.page.says("That passkey was refused") != isGood)
            if !isGood { try await story.browser.open("/sign-in") }
        }
        #expect(try await story.reasons().filter { $0 == "passkey.copied" }.count == 3)
        let told = try await story.server.messages().filter {
            $0.body.contains("A passkey was refused") || $0.subject.contains("was refused")
        }
        #expect(told.count == 3, "\(told.map(\.body))")
    }

    @Test func `without a password it has to check its user, and its answer is good once, here, in time`() async throws {
        let story = try await PasskeyStory(), browser = story.browser
        try await story.register()
        try await story.signOut()
        func attempt(_ change: (inout [String: String]) -> Void = { _ in }) async throws -> TestPage {
            try await browser.open("/sign-in")
            var answer = try story.key.use(browser.page)
            change(&answer)
            return try await browser.submit("/sign-in/passkey", answer)
        }
        let refused = "You can’t sign in with that passkey"
        story.key.flags = 0x01
        #expect(try await attempt().says(refused))
        story.key.flags = 0x05
        #expect(try await attempt { $0["userHandle"] = "" }.says(refused))
        #expect(try await attempt { $0["userHandle"] = Base64URL.encode(Array("nobody".utf8)) }.says(refused))
        #expect(try await attempt { $0["userHandle"] = "=" }.says(refused))
        #expect(try await attempt { $0["id"] = Base64URL.encode([1]) }.says(refused))
        #expect(try await attempt { $0["problem"] = "cancelled" }.says("The passkey was not used"))
        #expect(try await attempt { $0["ticket"] = "x.\(story.server.clock.now.ms + 1000)" }.says(refused), "a ticket of one's own")
        #expect(try await attempt { $0["ticket"] = "" }.says("This page was open for too long"))
        try await browser.open("/sign-in")
        let ticket = try #require(browser.page.forms.first { $0.action == "/sign-in/passkey" }).hidden
        let late = try story.key.use(browser.page)
        story.server.clock.advance(by: PasskeySignIn.life)
        try await browser.post("/sign-in/passkey", ticket.merging(late) { $1 })
        #expect(browser.page.says("This page was open for too long"))
        try await browser.open("/sign-in")
        let good = try story.key.use(browser.page),
            hidden = try #require(browser.page.forms.first { $0.action == "/sign-in/passkey" }).hidden
        let other = TestBrowser(story.server)
        try await other.open("/sign-in")
        let foreign = try #require(other.page.forms.first { $0.action == "/sign-in/passkey" }).hidden
        try await other.post(
            "/sign-in/passkey", hidden.merging(good) { $1 }.merging(["csrf": foreign["csrf"] ?? ""]) { $1 })
        #expect(other.page.says(refused), "another browser’s challenge")
        try await browser.submit("/sign-in/passkey", good)
        #expect(browser.page.path == "/", "\(browser.page.text)")
        let amr = try await story.server.audit(of: story.ada).last { $0.activity == .signedIn }?.details["amr"]
        #expect(amr == "hwk user mfa")
        try await browser.open("/security-info")
        #expect(browser.page.heading == "Security info", "it is a fresh proof as well")
        try await story.signOut()
        try await browser.open("/sign-in")
        try await browser.submit("/sign-in/passkey", good.merging(["ticket": hidden["ticket"]!]) { $1 })
        #expect(browser.page.says("This page was open for too long"), "used once")
    }

    @Test func `without a password: what succeeds counts for nobody's network, and an answer that is lost is given again`() async throws {
        let story = try await PasskeyStory(configure: { $0.limits.signInsPerNetwork = 10 }), browser = story.browser
        try await story.register()
        for time in 0..<12 {
            try await story.signOut()
            try await browser.open("/sign-in")
            let answer = try story.key.use(browser.page), again = browser.tab(), foreign = browser.tab()
            try await browser.submit("/sign-in/passkey", answer)
            #expect(browser.page.path == "/", "\(time): \(browser.page.text)")
            guard time == 11 else { continue }
            try await again.submit("/sign-in/passkey", answer)
            #expect(again.page.path == "/" && again.cookies["converge"] != nil, "\(again.page.text)")
            try await foreign.submit(
                "/sign-in/passkey", answer.merging(["userHandle": Base64URL.encode(Array("somebody else".utf8))]) { $1 })
            #expect(foreign.page.says("This page was open for too long"), "\(foreign.page.text)")
        }
    }

    @Test func `disabled and blocked accounts are answered as table 7a says`() async throws {
        let story = try await PasskeyStory(), browser = story.browser, instance = story.server.instance
        try await story.register()
        try await story.signOut()
        for (state, words) in [(PersonState.disabled, "You can’t sign in with that passkey"), (.blocked, "blocked")] {
            try await instance.database.write { db in
                try db.execute("UPDATE person SET state = \(state.rawValue) WHERE id = \(story.ada)")
            }
            try await browser.open("/sign-in")
            try await browser.submit("/sign-in/passkey", story.key.use(browser.page))
            #expect(browser.page.says(words) || browser.page.heading.contains(words), "\(browser.page.text)")
        }
    }

    @Test func `the page offers it only where a policy takes one`() async throws {
        let server = try await TestServer(), browser = TestBrowser(server)
        try await browser.open("/sign-in")
        #expect(!browser.page.html.contains("data-passkey") && !browser.page.html.contains("webauthn"))
        try await server.changePolicy { $0.mfa[0].allow.insert(.passkey) }
        try await browser.open("/sign-in")
        #expect(browser.page.html.contains("data-passkey=\"sign-in\"") && browser.page.html.contains("username webauthn"))
        #expect(try SoftKey.asked(browser.page).userVerification == "required")
    }

    @Test func `a registration is bound to its flow: another challenge, the same passkey twice, the eleventh`() async throws {
        let story = try await PasskeyStory(), browser = story.browser
        try await story.signIn()
        func begin() async throws {
            try await browser.open("/security-info/add")
            try await browser.submit("/security-info/add", ["method": "passkey"])
        }
        try await begin()
        let old = try story.key.create(browser.page)
        try await begin()
        try await browser.submit("/enrol", old)
        #expect(browser.page.says("That passkey did not match"))
        try await browser.submit("/enrol", ["clientData": "!", "attestation": "!"])
        #expect(browser.page.says("Nothing came from your passkey"))
        try await browser.submit("/enrol", story.key.create(browser.page, name: String(repeating: "x", count: 41)))
        #expect(browser.page.says("That name is too long"))
        try await browser.submit("/enrol", story.key.create(browser.page, name: "One"))
        #expect(browser.page.says("Your passkey is added."))
        try await begin()
        #expect(try SoftKey.asked(browser.page).excludeCredentials?.map(\.id) == [Base64URL.encode(story.key.id)])
        try await browser.submit("/enrol", story.key.create(browser.page))
        #expect(browser.page.says("You have that passkey already"), "a browser that excludes nothing")
        for number in 2...10 {
            try await begin()
            try await browser.submit("/enrol", SoftKey().create(browser.page, name: "Number \(number)"))
            #expect(browser.page.says("Your passkey is added."), "\(number): \(browser.page.text)")
        }
        try await browser.open("/security-info/add")
        #expect(!browser.page.forms.contains { form in form.buttons.contains { $0.value == "passkey" } }, "ten at most")
        #expect(try await story.reasons().contains("passkey.wrong"))
    }

    @Test func `a kind that policy shuts out can neither be registered nor used, and says so`() async throws {
        let story = try await PasskeyStory(), browser = story.browser
        story.key.kind = AAGUID("cb69481e-8ff7-4039-93ec-0a2729a154a8")!
        try await story.register()
        #expect(browser.page.says("Kept by YubiKey 5"))
        try await story.server.changePolicy { $0.methods.passkeys.blocked = [AAGUID("cb69481e-8ff7-4039-93ec-0a2729a154a8")!] }
        try await browser.open("/security-info")
        #expect(browser.page.says("Your organisation no longer accepts this kind of passkey."))
        try await browser.open("/security-info/add")
        try await browser.submit("/security-info/add", ["method": "passkey"])
        #expect(try SoftKey.asked(browser.page).attestation == "direct")
        let another = SoftKey()
        another.kind = story.key.kind
        try await browser.submit("/enrol", another.create(browser.page))
        #expect(browser.page.says("That kind of passkey is not accepted"), "\(browser.page.text)")
        try await story.signOut()
        try await browser.open("/sign-in")
        try await browser.submit("/sign-in/passkey", story.key.use(browser.page))
        #expect(browser.page.says("You can’t sign in with that passkey"))
    }

    @Test func `a check names whom a list of kinds cuts off, before it applies; an attestation needs roots`() async throws {
        let story = try await PasskeyStory(), administration = Administration(story.server.instance)
        try await story.server.changePolicy { $0.mfa[0].allow = [.passkey] }
        let id = try await story.server.add("eve"), instance = story.server.instance
        try await story.server.give(id, .passkey, content: CredentialContent(passkey: Self.content(.none)), by: .passkey)
        try await instance.database.write { db in
            try db.execute("UPDATE credential SET authenticator = \(AAGUID.none.description) WHERE method = 'passkey'")
        }
        var document = try await administration.document(nil)
        document.methods.passkeys.allowed = [AAGUID("cb69481e-8ff7-4039-93ec-0a2729a154a8")!]
        var effects: [String: [Administration.PolicyEffect]] = [:]
        _ = try await administration.check(document) { effects[$0.name] = $0.effects }
        #expect(
            effects["eve"]?.contains(.losesSecondStep) == true && effects["eve"]?.contains(.stranded) == true,
            "no bridge for a kind in doubt")
        document.methods.passkeys = AuthenticatorRules(needsAttestation: true)
        let report = try await administration.check(document)
        #expect(report.obstacles.contains { $0.contains("passkeys.attestationRoots") })
        document.methods.passkeys = AuthenticatorRules(allowed: [.none], blocked: [.none])
        #expect(try await administration.check(document).lint.contains { $0.code == "passkeys.contradiction" })
        let text = PolicyFile(groups: [:]).write(document)
        #expect(try PolicyFile(groups: [:]).read(text).methods == document.methods)
        #expect(throws: (any Error).self) { try PolicyFile(groups: [:]).read(text.replacing(AAGUID.none.description, with: "yubikey")) }
    }

    static func content(_ kind: AAGUID) -> PasskeyContent {
        PasskeyContent(id: [1], key: [], kind: kind, strength: .none, isBackupEligible: false, verifiesUser: true, transports: [])
    }

    @Test func `a proof of a reset where a setting opens it, the page being that of anybody before`() async throws {
        let story = try await PasskeyStory(), browser = story.browser
        try await story.server.changePolicy {
            $0.reset[0].allow.insert(.passkey)
            $0.reset[0].minimumAgeHours = 0
            $0.reset[0].unlockWithoutReset = false
        }
        try await story.register()
        try await story.signOut()
        try await browser.open("/reset-password")
        try await browser.submit("/reset-password", ["name": "ada"])
        #expect(!browser.page.html.contains("value=\"passkey\""), "closed by default")
        try await story.server.changePolicy { $0.reset[0].options = [.passkey] }
        var pages: [String] = []
        for name in ["nobody", "ada"] {
            try await browser.open("/reset-password")
            try await browser.submit("/reset-password", ["name": name])
            try await browser.submit("/gate", ["gate": "passkey"])
            #expect(try SoftKey.asked(browser.page).allowCredentials?.isEmpty == true)
            pages.append(browser.page.text)
            var wrong = try story.key.use(browser.page)
            wrong["signature"] = Base64URL.encode([1])
            try await browser.submit("/answer", wrong)
            #expect(browser.page.says("That passkey did not match"), "\(name): \(browser.page.text)")
            pages.append(browser.page.text)
        }
        #expect(pages[0] == pages[2] && pages[1] == pages[3], "the same for every name")
        try await browser.submit("/answer", story.key.use(browser.page))
        #expect(browser.page.says("Thank you. That was right."), "\(browser.page.text)")
        #expect(!browser.page.html.contains("passkey"), "one gate is enough of it")
    }
}
