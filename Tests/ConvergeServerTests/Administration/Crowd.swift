import ConvergeCore

@testable import ConvergeServer

/// Many people who differ in everything that decisions look at, the same in every run.
struct Crowd {
    let groups: [GroupID]

    private struct Dice: RandomNumberGenerator {
        var state: UInt64

        mutating func next() -> UInt64 {
            state &+= 0x9E37_79B9_7F4A_7C15
            var mixed = (state ^ (state >> 30)) &* 0xBF58_476D_1CE4_E5B9
            mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
            return mixed ^ (mixed >> 31)
        }

        mutating func maybe(_ one: Int, in many: Int) -> Bool { Int.random(in: 0..<many, using: &self) < one }
        mutating func days(_ most: Int) -> Span { .days(Int.random(in: 0...most, using: &self)) }
    }

    @discardableResult
    static func add(_ count: Int, to server: TestServer, seed: UInt64 = 7) async throws -> Crowd {
        let instance = server.instance, now = server.clock.now
        return try await instance.database.write { db in
            var dice = Dice(state: seed)
            let groups = try ["Red", "Blue", "Green"].map { try instance.groups.ensure($0, id: instance.world.newID(), db) }
            for number in 0..<count { try add("person-\(10_000 + number)", groups, now, instance, &dice, db) }
            return Crowd(groups: groups)
        }
    }

    private static func add(
        _ name: String, _ groups: [GroupID], _ now: Moment, _ instance: Instance, _ dice: inout Dice, _ db: any Connection
    ) throws {
        var person = Person(id: instance.world.newID(), kind: dice.maybe(1, in: 5) ? .guest : .member)
        person.state = dice.maybe(1, in: 20) ? .blocked : dice.maybe(1, in: 20) ? .disabled : .enabled
        person.mfaState = MFAState.allCases.randomElement(using: &dice)!
        if dice.maybe(1, in: 10) { person.roles = [Role.allCases.randomElement(using: &dice)!] }
        if dice.maybe(1, in: 2) { person.firstHeldAt = now - dice.days(400) }
        if person.firstHeldAt != nil, dice.maybe(1, in: 2) { person.mfaFirstHeldAt = person.firstHeldAt }
        if dice.maybe(1, in: 3) { person.graceStart = now - dice.days(40) }
        if dice.maybe(1, in: 2) { person.lastReviewAt = now - dice.days(300) }
        person.resetSkips = Int.random(in: 0...3, using: &dice)
        person.passwordMustChange = dice.maybe(1, in: 8)
        let record = PersonRecord(person: person, organisation: instance.organisation, name: name, displayName: name, createdAt: now)
        try instance.people.insert(record, nameKey: name, db)
        for group in groups where dice.maybe(1, in: 3) { try instance.groups.add(person.id, to: group, db) }
        for kind in MethodKind.allCases where dice.maybe(1, in: 4) { try give(kind, person.id, now, instance, &dice, db) }
    }

    private static func give(
        _ kind: MethodKind, _ person: PersonID, _ now: Moment, _ instance: Instance, _ dice: inout Dice, _ db: any Connection
    ) throws {
        let states: [CredentialState] = [.active, .active, .active, .unconfirmed, .suspended, .retired]
        let state = states.randomElement(using: &dice)!
        var credential = Credential(
            id: instance.world.newID(), method: kind, state: state,
            source: state == .unconfirmed ? .directory : .person,
            serves: dice.maybe(1, in: 6) ? [.reset] : [.signIn, .reset],
            capabilities: Set(MethodRegistry.traits(of: kind).capabilities.map(\.capability)),
            channel: dice.maybe(1, in: 4) ? "shared" : "own-\(kind)", addedAt: now - dice.days(300),
            remaining: kind == .recoveryCodes ? Int.random(in: 0...10, using: &dice) : nil, inOwnMailDomain: dice.maybe(1, in: 6))
        credential.verifiedBy = state == .active ? credential.capabilities.sorted().randomElement(using: &dice) : nil
        if kind == .temporaryAccessPass { credential.validUntil = now + dice.days(2) - .days(1) }
        try instance.credentials.insert(credential, of: person, content: CredentialContent(), hint: "", db)
    }
}
