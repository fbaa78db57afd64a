import ConvergeCore

@testable import ConvergeServer

/// People and policies drawn by chance, for the proof that a simulation tells what a sign-in does.
struct SimulationPeople {
    static let groups = ["Staff", "Warehouse", "Board"]

    let server: TestServer
    /// Groups by name; the warehouse is inside the staff.
    let groupIDs: [GroupID]

    init(_ server: TestServer) async throws {
        self.server = server
        let instance = server.instance
        groupIDs = try await instance.database.write { db in
            let ids = try Self.groups.map { try instance.groups.ensure($0, id: instance.world.newID(), db) }
            _ = try instance.groups.nest(ids[1], in: ids[0], db)
            return ids
        }
    }

    // MARK: policies

    func policy(_ chance: inout Seeded) -> PolicyDocument {
        PolicyDocument(
            mfa: (0..<chance.number(0...2)).map { mfaRule($0, &chance) }, reset: (0..<chance.number(0...2)).map { resetRule($0, &chance) },
            registration: (0..<chance.number(0...2)).map { registrationRule($0, &chance) },
            bridge: BridgePolicy(days: chance.one([0, 5, 30]), compromised: Set(chance.some([.appCode, .text], 20))),
            trustedNetworks: chance.some(["192.0.2.0/24", "198.51.100.0/24"], 30))
    }

    private func scope(_ chance: inout Seeded) -> PolicyScope {
        if chance.chance(50) { return PolicyScope(.all, except: Set(chance.some(groupIDs, 15))) }
        return PolicyScope(.selected, groups: [chance.one(groupIDs), chance.one(groupIDs)], except: Set(chance.some(groupIDs, 15)))
    }

    private static let signIn: [Capability] = [
        .appCode, .text, .appNotification, .hardwareCode, .passkey, .call, .alternateCall, .officeCall,
    ]
    private static let reset: [Capability] = [.appCode, .text, .emailCode, .appNotification, .call, .officeCall, .securityQuestions]

    private func mfaRule(_ index: Int, _ chance: inout Seeded) -> MFARule {
        MFARule(
            name: "Sign-in \(index)", scope: scope(&chance), required: chance.chance(70), allow: Set(chance.some(Self.signIn, 60)),
            exclude: Set(chance.some(Self.signIn, 10)), graceDays: chance.maybe(0...20, 40),
            rememberBrowserDays: chance.maybe(0...20), exemptTrustedNetworks: chance.chance(30))
    }

    private func resetRule(_ index: Int, _ chance: inout Seeded) -> ResetRule {
        ResetRule(
            name: "Reset \(index)", scope: scope(&chance), includeGuests: chance.chance(50), gates: chance.number(1...2),
            allow: Set(chance.some(Self.reset, 60)), options: Set(chance.some([.recoveryCode])),
            reconfirmDays: chance.maybe(0...200), skipsMax: chance.maybe(0...3), ownMailDomainsCount: chance.chance(30))
    }

    private func registrationRule(_ index: Int, _ chance: inout Seeded) -> RegistrationRule {
        RegistrationRule(
            name: "Registration \(index)", scope: scope(&chance), requireForMFA: chance.chance(60), requireForReset: chance.chance(60),
            guardKind: chance.chance(60) ? .password : chance.one(RegistrationGuard.allCases), recoveryCodes: chance.chance(70))
    }

    // MARK: people

    /// Adds somebody who held, holds, may do and must do whatever chance says.
    func add(_ name: String, _ hash: Secret, _ chance: inout Seeded) async throws {
        let instance = server.instance, now = server.clock.now, id: PersonID = instance.world.newID()
        let formerly = chance.chance(25)
        var person = Person(
            id: id, kind: chance.chance(20) ? .guest : .member,
            state: chance.one([.enabled, .enabled, .enabled, .enabled, .disabled, .blocked]),
            mfaState: chance.one([.disabled, .disabled, .enabled, .enforced]), roles: chance.chance(20) ? [chance.one(Role.allCases)] : [],
            firstHeldAt: formerly ? now - .days(300) : nil, mfaFirstHeldAt: formerly && chance.chance(50) ? now - .days(300) : nil,
            graceStart: chance.chance(30) ? now - .days(chance.number(0...25)) : nil, resetSkips: chance.number(0...3),
            lastReviewAt: chance.chance(50) ? now - .days(chance.number(0...250)) : nil)
        person.passwordMustChange = chance.chance(15)
        person.passwordKnownToOthers = chance.chance(10)
        let credentials = credentials(&chance, now: now)
        person.preference = chance.chance(30) ? credentials.prefix(1).map { $0.0.use($0.0.capabilities.sorted()[0]) } : []
        let record = PersonRecord(
            person: person, organisation: instance.organisation, name: name, displayName: name, passwordHash: hash, passwordSetAt: now,
            createdAt: now - .days(400))
        let member = chance.some(groupIDs, 40)
        try await instance.database.write { db in
            try instance.people.insert(record, nameKey: SignInName(name)!.normalised, db)
            for group in member { try instance.groups.add(id, to: group, db) }
            for (credential, content) in credentials {
                try instance.credentials.insert(credential, of: id, content: content, hint: "…", db)
                let traits = credential.traits
                guard credential.state == .active || credential.state == .suspended, traits.canProve else { continue }
                try instance.people.noteHeld(id, at: credential.addedAt, canSignIn: traits.canSignIn, db)
            }
        }
    }

    private func credentials(_ chance: inout Seeded, now: Moment) -> [(Credential, CredentialContent)] {
        var made: [(Credential, CredentialContent)] = []
        let key = chance.number(10_000...99_999)
        if chance.chance(40) { made.append(credential(.totpApp, CredentialContent(secret: Secret("0123456789\(key)01234")), now, &chance)) }
        if chance.chance(50) {
            let phone = PhoneNumber(e164: "+4477009\(key)"), content = CredentialContent(phone: phone)
            made.append(credential(.mobilePhone, content, now, &chance))
            if chance.chance(20) { made.append(credential(.officePhone, content, now, &chance)) }
            if chance.chance(10) {
                let second = CredentialContent(phone: PhoneNumber(e164: "+4477008\(key)"))
                made.append(credential(.alternatePhone, second, now, &chance))
            }
        }
        for kind: MethodKind in [.convergeApp, .hardwareToken, .passkey, .securityQuestions] where chance.chance(12) {
            made.append(credential(kind, CredentialContent(secret: Secret("0123456789\(key)01234")), now, &chance))
        }
        if chance.chance(45) {
            let own = chance.chance(20), email = EmailAddress("p\(key)@\(own ? "example.org" : "mail.example")")
            made.append(credential(.email, CredentialContent(email: email), now, own: own, &chance))
        }
        if chance.chance(20) { made.append(credential(.recoveryCodes, CredentialContent(), now, &chance)) }
        if chance.chance(15) { made.append(credential(.temporaryAccessPass, CredentialContent(), now, &chance)) }
        return made
    }

    private func credential(
        _ method: MethodKind, _ content: CredentialContent, _ now: Moment, own: Bool = false, _ chance: inout Seeded
    ) -> (Credential, CredentialContent) {
        let traits = MethodRegistry.traits(of: method)
        let isMadeHere = ![.totpApp, .mobilePhone, .alternatePhone, .officePhone, .email].contains(method)
        let source = isMadeHere ? CredentialSource.person : chance.one([.person, .person, .person, .directory, .administrator, .import])
        let state: CredentialState =
            if source == .directory || source == .import || method == .officePhone { .unconfirmed } else {
                chance.one([.active, .active, .active, .active, .suspended])
            }
        let added = now - .days(chance.number(0...250)), capabilities = Set(traits.capabilities.map(\.capability))
        let instance = server.instance, id: CredentialID = instance.world.newID()
        let channel = content.phone.map { "tel:" + $0.e164 } ?? content.email.map { "mail:" + $0.normalised } ?? "app:\(id)"
        let verified = state == .active && source == .person ? traits.capabilities[0].capability : nil
        var credential = Credential(
            id: id, method: method, state: state, source: source, serves: chance.chance(80) ? [.signIn, .reset] : [.reset],
            capabilities: capabilities, verifiedBy: verified, verifiedAt: verified.map { _ in added },
            channel: instance.credentials.channelKey(channel), addedAt: added, inOwnMailDomain: own)
        if method == .recoveryCodes { credential.remaining = chance.number(0...3) }
        if method == .temporaryAccessPass { credential.validUntil = now + .days(chance.number(-3...60)) }
        return (credential, content)
    }
}
