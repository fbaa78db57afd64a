import ConvergeCore
import Synchronization

/// The kept policy versions in memory. Every node compares the number on each request; changes take effect at once.
final class PolicyCache: Sendable {
    private let kept = Mutex<[PolicyVersion]>([])

    /// Every version, oldest first, read anew only when the number in the store moved.
    func versions(_ store: PolicyStore, _ db: any Connection) throws -> [PolicyVersion] {
        let number = try store.currentVersion(db)
        let cached = kept.withLock { $0 }
        if let last = cached.last, last.document.version == number { return cached }
        let fresh = try store.all(db)
        kept.withLock { $0 = fresh }
        return fresh
    }
}

extension [PolicyVersion] {
    /// The document in force.
    var current: PolicyDocument {
        get throws {
            guard let last else { throw Fault("no policy has been applied") }
            return last.document
        }
    }

    /// Folds the policy in force for a person, with the moments at which capabilities left it.
    func resolve(for person: Person) throws -> ResolvedPolicy {
        guard let last else { throw Fault("no policy has been applied") }
        return last.document.resolve(
            for: person, former: dropLast().map { (document: $0.document, since: $0.appliedAt) }, since: last.appliedAt)
    }
}
