import ConvergeCore

/// Everybody in the order of names, a page at a time. The next page is read while this one is looked at.
struct PeopleWalk {
    /// People on a page: enough that statements cost little, few enough that a page is nothing in memory.
    static let pageSize = 500

    private let instance: Instance
    private var reading: Task<[WalkedPerson], any Error>?

    init(_ instance: Instance) {
        self.instance = instance
        reading = Self.read(after: "", instance)
    }

    private static func read(after nameKey: String, _ instance: Instance) -> Task<[WalkedPerson], any Error> {
        let store = PeopleWalkStore(organisation: instance.organisation)
        return Task { try await instance.database.read { db in try store.page(after: nameKey, limit: pageSize, db) } }
    }

    /// The next page; nil when everybody was there.
    mutating func next() async throws -> [WalkedPerson]? {
        guard let page = try await reading?.value, let last = page.last else { return nil }
        reading = Self.read(after: last.nameKey, instance)
        return page
    }
}

/// The policy folded for many people. A fold depends on groups, kind and whether somebody is an administrator, and is made once
/// for each such combination.
struct PolicyFolds {
    private struct Key: Hashable {
        let groups: Set<GroupID>
        let kind: PersonKind
        let isAdministrator: Bool
    }

    /// As many are remembered as fit into some megabytes, in an organisation where everybody is in other groups too.
    private static let most = 2000

    private let versions: [PolicyVersion]
    private var folds: [Key: (number: Int, policy: ResolvedPolicy)] = [:]
    private var count = 0

    init(_ versions: [PolicyVersion]) {
        self.versions = versions
    }

    /// The policy for a person, with a number that equal numbers mean the same policy by.
    mutating func fold(for person: Person) throws -> (number: Int, policy: ResolvedPolicy) {
        let key = Key(groups: person.groups, kind: person.kind, isAdministrator: person.isAdministrator)
        if let known = folds[key] { return known }
        if folds.count >= Self.most { folds = [:] }
        count += 1
        let fold = (number: count, policy: try versions.resolve(for: person))
        folds[key] = fold
        return fold
    }
}

/// Plans for many people. A plan looks at no clock and at nobody's name, so people with equal facts have equal plans: what it
/// is remembered by is all that it is made from.
struct Plans {
    private struct Key: Hashable {
        let fold: Int
        let person: Person
        let credentials: [Credential]
        let requirements: Requirements
    }

    private static let most = 20_000
    private var known: [Key: PlanOutcome] = [:]

    mutating func plan(_ standing: Standing, _ requirements: Requirements, fold: Int) -> PlanOutcome {
        guard !requirements.isEmpty else { return .nothingToPlan }
        let timeless = Self.timeless(standing)
        let key = Key(fold: fold, person: timeless.person, credentials: timeless.credentials, requirements: requirements)
        if let plan = known[key] { return plan }
        if known.count >= Self.most { known = [:] }
        let plan = Planner(timeless).plan(requirements)
        known[key] = plan
        return plan
    }

    /// The same person without moments, counters and preferences. Groups and the rest of the policy are in the fold.
    private static func timeless(_ standing: Standing) -> Standing {
        let person = standing.person
        let bare = Person(
            id: person.id, kind: person.kind, mfaState: person.mfaState, roles: person.roles,
            hasDirectoryOfficePhone: person.hasDirectoryOfficePhone)
        let credentials = standing.credentials.map { credential in
            var credential = credential
            credential.addedAt = Moment(ms: 0)
            credential.verifiedAt = nil
            credential.validFrom = nil
            credential.validUntil = nil
            credential.remaining = nil
            return credential
        }
        return Standing(person: bare, credentials: credentials, policy: standing.policy)
    }
}
