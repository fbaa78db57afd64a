import ConvergeCore
import Synchronization

/// The kept policy versions in memory. Every node compares the number on each request; changes take effect at once.
final class PolicyCache: Sendable {
    private let kept = Mutex(PolicyHistory([]))

    /// The document that this node met last: for what a page merely offers after its transaction, when nothing may fail any more.
    var latest: PolicyDocument? { kept.withLock { $0.versions.last?.document } }

    /// Every version, read anew only when the number in the store moved.
    func versions(_ store: PolicyStore, _ db: any Connection) throws -> PolicyHistory { try ask(store, db).answer() }

    /// Asks for the same.
    func ask(_ store: PolicyStore, _ db: any Connection) throws -> Asked<PolicyHistory> {
        try store.askVersion(db).map { [self] number in try versions(upTo: number, store, db) }
    }

    private func versions(upTo number: Int64, _ store: PolicyStore, _ db: any Connection) throws -> PolicyHistory {
        let cached = kept.withLock { $0 }
        if let last = cached.versions.last, last.document.version == number { return cached }
        let fresh = PolicyHistory(try store.all(db))
        kept.withLock { $0 = fresh }
        return fresh
    }
}

/// The kept policy versions, oldest first, and what they come to for every sort of person that was met: a fold depends on groups, kind
/// and whether somebody is an administrator, and is made once for each such combination.
final class PolicyHistory: Sendable {
    /// A fold, with a number that equal numbers mean the same policy by.
    typealias Fold = (number: Int, policy: ResolvedPolicy)

    private struct Sort: Hashable {
        let kind: PersonKind
        let isAdministrator: Bool
        let groups: Set<GroupID>
    }

    private struct Folds {
        var known: [Sort: Fold] = [:]
        var count = 0
    }

    /// As many are remembered as fit into some megabytes, in an organisation where everybody is in other groups too.
    private static let most = 2000

    let versions: [PolicyVersion]
    /// The groups that any rule names: all others make no difference.
    private let named: Set<GroupID>
    private let folds = Mutex(Folds())

    init(_ versions: [PolicyVersion]) {
        self.versions = versions
        named = versions.reduce(into: []) { $0.formUnion($1.document.groupsNamed) }
    }

    /// The document in force.
    var current: PolicyDocument {
        get throws {
            guard let last = versions.last else { throw Fault("no policy has been applied") }
            return last.document
        }
    }

    /// Folds the policy in force for a person, with the moments at which capabilities left it.
    func resolve(for person: Person) throws -> ResolvedPolicy { try fold(for: person).policy }

    /// The same with its number.
    func fold(for person: Person) throws -> Fold {
        let groups = named.isEmpty || person.groups.isEmpty ? [] : person.groups.intersection(named)
        let sort = Sort(kind: person.kind, isAdministrator: person.isAdministrator, groups: groups)
        if let known = folds.withLock({ $0.known[sort] }) { return known }
        guard let last = versions.last else { throw Fault("no policy has been applied") }
        let policy = last.document.resolve(
            for: person, former: versions.dropLast().map { (document: $0.document, since: $0.appliedAt) }, since: last.appliedAt)
        return folds.withLock { folds in
            // Somebody else may have been faster.
            if let known = folds.known[sort] { return known }
            if folds.known.count >= Self.most { folds.known = [:] }
            folds.count += 1
            let fold: Fold = (folds.count, policy)
            folds.known[sort] = fold
            return fold
        }
    }
}
