import ConvergeCore
import Foundation
import Testing

@testable import ConvergeServer

/// Who is told of what, and with which link.
@Suite struct NoticeTests {
    private static let spare = PhoneNumber(e164: "+447700900200")!

    private struct World {
        let kit: DeliveryKit
        let ada: PersonID
        let phone: CredentialID
        let mailbox: CredentialID

        /// Tells in a transaction of its own, as after a request from a known browser.
        func tell(_ event: NoticeEvent, credential: CredentialID? = nil, except: Set<CredentialID> = [], gone: Set<CredentialID> = [])
            async throws
        {
            let instance = kit.instance, now = kit.clock.now, ada = ada
            try await instance.database.write { db in
                let dossier = try #require(try instance.dossier(ada, knownBrowser: true, now: now, db))
                var ledger = Ledger(instance, db, now: now)
                ledger.agent = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
                ledger.network = "203.0.113.7"
                try ledger.tell(event, dossier, credential: credential, except: except, gone: gone)
            }
        }

        func told() async throws -> [String] { try await kit.waiting().map(\.to) }

        func link(_ message: OutboxMessage) async throws -> NoticeLink? {
            guard let match = message.body.firstMatch(of: /http:\/\/localhost:8080\/not-me\/([A-Za-z0-9_-]+)/) else { return nil }
            let instance = kit.instance, now = kit.clock.now, hash = instance.keyed(String(match.1), "notice")
            return try await instance.database.read { db in
                try NoticeLinkStore(organisation: instance.organisation).find(hash: hash, now: now, db)
            }
        }
    }

    /// Somebody with an app, a phone, and a mailbox that the directory knows.
    private func world(name: String = "ada", policy: PolicyDocument? = nil) async throws -> World {
        let kit = try await DeliveryKit(box: DemoBox(), policy: policy), ada = try await kit.server.add(name)
        let server = kit.server
        try await server.give(ada, .totpApp, content: CredentialContent(secret: Secret("x")), by: .appCode)
        let phone = try await server.give(
            ada, .mobilePhone, content: CredentialContent(phone: DeliveryKit.number), by: .text, ago: .days(91))
        let mailbox = try await server.give(
            ada, .email, content: CredentialContent(email: DeliveryKit.mailbox), by: .emailCode, state: .unconfirmed, source: .directory)
        return World(kit: kit, ada: ada, phone: phone, mailbox: mailbox)
    }

    private func reset(_ change: (inout ResetRule) -> Void) -> PolicyDocument {
        var policy = PolicyDocument.initial
        for index in policy.reset.indices { change(&policy.reset[index]) }
        return policy
    }

    @Test func `every contact point is told, with when, what, where and a link that works for seven days`() async throws {
        let world = try await world()
        try await world.tell(.methodAdded(.totpApp), credential: world.phone)
        let messages = try await world.kit.waiting()
        #expect(messages.map(\.to) == [DeliveryKit.number.e164, DeliveryKit.mailbox.address])
        let text = try #require(messages.first), mail = try #require(messages.last)
        #expect(text.body.contains("Authenticator app added") && text.body.contains("23 November 2026 09:00") && text.body.count <= 160)
        for part in [mail.body, try #require(mail.html)] {
            #expect(part.contains("Authenticator app added") && part.contains("Firefox, Linux") && part.contains("203.0.113.7"))
        }
        for message in messages {
            #expect(message.code == nil && !"\(message.subject)\(message.body)".contains("⟦"))
            #expect(
                try await world.link(message)
                    == NoticeLink(person: world.ada, credential: world.phone, what: "added.totpApp", at: world.kit.clock.now))
        }
        world.kit.clock.advance(by: Span(ms: Span.days(7).ms - 1))
        #expect(try await world.link(text) != nil)
        world.kit.clock.advance(by: Span(ms: 1))
        #expect(try await world.link(text) == nil)
        try await world.kit.close()
    }

    @Test func `the token of a link is not stored`() async throws {
        let world = try await world()
        try await world.tell(.passwordChanged)
        let text = try #require(try await world.kit.waiting().first)
        let token = try #require(text.body.split(separator: "/").last).trimmingCharacters(in: .punctuationCharacters)
        #expect(try await world.link(text) != nil && token.count > 20)
        #expect(try !world.kit.isInFiles(token))
        try await world.kit.close()
    }

    @Test func `what proved a change and what was suspended is not told`() async throws {
        let world = try await world(), instance = world.kit.instance, now = world.kit.clock.now, phone = world.phone
        try await world.tell(.passwordReset, except: [world.mailbox])
        #expect(try await world.told() == [DeliveryKit.number.e164])
        #expect(try await instance.database.write { db in try instance.credentials.suspend(phone, at: now, db) })
        try await world.tell(.passwordReset, except: [world.mailbox])
        #expect(try await world.told().count == 1)
        try await world.kit.close()
    }

    @Test func `a number that two credentials share is told once`() async throws {
        let world = try await world()
        try await world.kit.server.give(
            world.ada, .officePhone, content: CredentialContent(phone: DeliveryKit.number), by: .officeCall, source: .directory)
        try await world.tell(.passwordChanged)
        #expect(try await world.told() == [DeliveryKit.number.e164, DeliveryKit.mailbox.address])
        try await world.kit.close()
    }

    @Test func `a number that was replaced is told without the link`() async throws {
        let world = try await world()
        try await world.tell(.methodChanged(.mobilePhone), credential: world.phone, gone: [world.phone])
        let messages = try await world.kit.waiting()
        #expect(messages.map(\.to) == [DeliveryKit.number.e164, DeliveryKit.mailbox.address])
        #expect(!messages[0].body.contains("not-me") && messages[0].body.contains("helpdesk"))
        #expect(messages[1].body.contains("not-me"))
        try await world.kit.close()
    }

    @Test func `where no mailbox is registered the sign-in name is told when it is an address`() async throws {
        let world = try await world(name: "ada@example.org")
        try await world.tell(.passwordChanged)
        #expect(try await world.told() == [DeliveryKit.number.e164, DeliveryKit.mailbox.address])
        try await world.tell(.unlocked, except: [world.mailbox, world.phone])
        #expect(try await world.told().last == "ada@example.org")
        let plain = try await self.world()
        try await plain.tell(.unlocked, except: [plain.mailbox, plain.phone])
        #expect(try await plain.told().isEmpty)
        for world in [world, plain] { try await world.kit.close() }
    }

    @Test func `a policy without notices silences resets and nothing else`() async throws {
        let world = try await world(policy: reset { $0.notifyPerson = false })
        for event in [NoticeEvent.passwordReset, .unlocked, .resetStopped] { try await world.tell(event) }
        #expect(try await world.told().isEmpty)
        try await world.tell(.passwordChanged)
        #expect(try await world.told().count == 2)
        try await world.kit.close()
    }

    @Test func `spent budgets of codes hold no notice back, and a script fills no mailbox`() async throws {
        let world = try await world(), instance = world.kit.instance, now = world.kit.clock.now, ada = world.ada
        try await instance.database.write { db in
            for _ in 0...Budgets.sendsPerPerson.limit {
                _ = try instance.budgets.spend(Budgets.send(ada), Budgets.sendsPerPerson, now: now, db)
            }
        }
        for _ in 0..<30 { try await world.tell(.recoveryCodesMade) }
        #expect(try await world.told().count == 60)
        try await world.tell(.recoveryCodesMade)
        #expect(try await world.told().count == 60)
        #expect(world.kit.log.all.contains { $0.hasPrefix("warning") && $0.contains(ada.text) } && world.kit.logIsSilent)
        world.kit.clock.advance(by: .hours(1))
        try await world.tell(.recoveryCodesMade)
        #expect(try await world.told().count == 62)
        try await world.kit.close()
    }

    @Test(arguments: [
        NoticeEvent.methodAdded(.mobilePhone), .methodChanged(.email), .methodRemoved(.totpApp), .methodSuspended(.mobilePhone),
        .passwordReset,
        .passwordChanged, .unlocked, .passwordResetByAdministrator, .accessPassMade, .wiped, .resetStopped, .recoveryCodesMade,
    ])
    func `every event has its sentences`(event: NoticeEvent) async throws {
        let world = try await world()
        try await world.tell(event)
        let messages = try await world.kit.waiting()
        #expect(messages.count == 2)
        for message in messages { #expect(![message.subject, message.body, message.html ?? ""].contains { $0.contains("⟦") }) }
        try await world.kit.close()
    }
}

/// One administrator's reset is the others' business.
@Suite struct AdministratorNoticeTests {
    private func tell(_ person: PersonID, _ kit: DeliveryKit) async throws -> [OutboxMessage] {
        let instance = kit.instance, now = kit.clock.now
        try await instance.database.write { db in
            let dossier = try #require(try instance.dossier(person, knownBrowser: true, now: now, db))
            try Ledger(instance, db, now: now).tellAdministrators(about: dossier)
        }
        return try await kit.waiting()
    }

    @Test func `every other administrator is told, by mail, or by text where no mailbox is known`() async throws {
        let kit = try await DeliveryKit(box: DemoBox()), server = kit.server
        let ada = try await server.add("ada@example.org", display: "Ada Okafor", roles: [.globalAdministrator])
        try await server.add("ben@example.org", roles: [.helpdesk])
        let cleo = try await server.add("cleo", roles: [.userAdministrator])
        try await server.give(cleo, .mobilePhone, content: CredentialContent(phone: DeliveryKit.number), by: .text, ago: .days(91))
        let plain = try await server.add("dora@example.org")
        #expect(try await tell(plain, kit).isEmpty)
        let messages = try await tell(ada, kit)
        #expect(messages.map(\.to) == ["ben@example.org", DeliveryKit.number.e164])
        for message in messages {
            #expect(message.body.contains("Ada Okafor") && !message.body.contains("⟦") && !message.body.contains("not-me"))
        }
        try await kit.close()
    }

    @Test func `a policy can leave it out`() async throws {
        var policy = PolicyDocument.initial
        for index in policy.reset.indices { policy.reset[index].notifyAdministrators = false }
        let kit = try await DeliveryKit(box: DemoBox(), policy: policy)
        let ada = try await kit.server.add("ada@example.org", roles: [.globalAdministrator])
        try await kit.server.add("ben@example.org", roles: [.helpdesk])
        #expect(try await tell(ada, kit).isEmpty)
        try await kit.close()
    }
}

@Suite struct BrowserNameTests {
    @Test(arguments: [
        (
            "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36 Edg/140.0.0.0",
            "Edge, Windows"
        ),
        (
            "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) CriOS/140.0 Mobile/15E148 Safari/604.1",
            "Chrome, iPhone"
        ),
        (
            "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0 Safari/605.1.15",
            "Safari, Mac"
        ),
        (
            "Mozilla/5.0 (Linux; Android 14) AppleWebKit/537.36 (KHTML, like Gecko) SamsungBrowser/27.0 Chrome/125.0.0.0 Mobile Safari/537.36",
            "Samsung Internet, Android"
        ),
        ("call +44 20 7946 0000 to win", ""), ("", ""),
    ])
    func `a browser is named in words, never in its own`(agent: String, name: String) {
        #expect(BrowserName.of(agent) == name)
    }
}
