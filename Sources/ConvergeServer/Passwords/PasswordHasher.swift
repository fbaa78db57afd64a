import CSodium
public import ConvergeCore
import Foundation
import NIOPosix
import Synchronization

/// More hashing is asked for than the machine can do; answered as 503 with Retry-After.
public struct Overloaded: Error, Hashable, Sendable {
    /// When trying again makes sense, in seconds.
    public let retryAfterSeconds: Int
}

/// Hashing itself failed: no memory, or a library that does not start.
public struct HashingFault: Error, Hashable, Sendable {
    public let reason: String
}

/// What one Argon2id hash costs.
public struct HashingCost: Hashable, Sendable {
    /// Passes over the memory (Argon2's t).
    public let passes: Int
    /// Memory in KiB (Argon2's m).
    public let kibibytes: Int

    public init(passes: Int, kibibytes: Int) {
        self.passes = passes
        self.kibibytes = kibibytes
    }

    /// m = 19 MiB, t = 2, p = 1: the OWASP recommendation.
    public static let standard = HashingCost(passes: 2, kibibytes: 19 * 1024)
    /// The least the library takes, for tests whose subject is not hashing.
    public static let cheap = HashingCost(passes: 1, kibibytes: 8)
}

/// Argon2id on a few threads of its own. A hash takes tens of milliseconds of CPU, so it must run neither on an
/// event loop nor without limit: beyond the queue's length callers are told to come back.
public final class PasswordHasher: Sendable {
    private let cost: HashingCost
    private let threads: NIOThreadPool
    private let workers: Int
    private let capacity: Int
    private let admitted = Mutex((now: 0, refused: 0, total: 0))
    private let random: @Sendable (Int) -> [UInt8]
    /// What a password for nobody is compared with; it costs what a real one costs.
    let dummy: String

    private static let sodiumStarts = sodium_init() >= 0

    /// - Parameters:
    ///   - workers: threads, at most as many as cores make sense.
    ///   - queue: how many callers may wait beyond those being served.
    public init(cost: HashingCost = .standard, workers: Int, queue: Int, world: World) throws {
        guard Self.sodiumStarts else { throw HashingFault(reason: "libsodium does not start") }
        self.cost = cost
        self.workers = max(1, workers)
        capacity = max(1, workers) + max(0, queue)
        random = world.random
        dummy = try Self.hash(Secret(bytes: world.random(16)), cost: cost, salt: world.random(16))
        threads = NIOThreadPool(numberOfThreads: max(1, workers))
        // Named, so that who looks at the threads sees what hashing costs.
        threads._start(threadNamePrefix: "hash-")
    }

    /// How much is asked for now, and how many callers were sent away since the start.
    struct Load: Equatable {
        let running: Int
        let waiting: Int
        let refused: Int
    }

    var load: Load {
        admitted.withLock { Load(running: min($0.now, workers), waiting: max(0, $0.now - workers), refused: $0.refused) }
    }

    /// Callers let in since the start: a password, or a round of answers.
    var rounds: Int { admitted.withLock { $0.total } }

    /// Ends the threads; no call may follow.
    public func close() async throws {
        try await threads.shutdownGracefully()
    }

    /// The PHC string of a secret with a new salt.
    public func hash(_ secret: Secret) async throws -> String {
        try await hash(all: [secret])[0]
    }

    /// The PHC strings of several secrets (a round of answers) in one admission.
    public func hash(all secrets: [Secret]) async throws -> [String] {
        let jobs = secrets.map { ($0, random(16)) }
        return try await admit { [cost] in try jobs.map { try Self.hash($0.0, cost: cost, salt: $0.1) } }
    }

    /// True when the secret made this PHC string. A string that is none is simply wrong.
    public func verify(_ secret: Secret, against phc: String) async throws -> Bool {
        try await verify(all: [(secret, phc)])[0]
    }

    /// Several comparisons in one admission; all are made, whatever the first ones give.
    public func verify(all pairs: [(secret: Secret, phc: String)]) async throws -> [Bool] {
        try await admit { pairs.map { Self.verify($0.secret, $0.phc) } }
    }

    /// A round of jobs in one admission; all are done, whatever the first ones give.
    func work(_ jobs: [SlowJob]) async throws -> SlowResults {
        guard !jobs.isEmpty else { return SlowResults() }
        let salted = jobs.map { ($0, random(16)) }
        return try await admit { [cost] in
            var results = SlowResults()
            for (job, salt) in salted {
                switch job {
                case .hash(let secret): results.note(secret, hash: try Self.hash(secret, cost: cost, salt: salt))
                case .compare(let secret, let phc): if Self.verify(secret, phc) { results.noteMatch(job) }
                }
            }
            return results
        }
    }

    /// Costs what `verify` costs and is false: for names that do not exist, so that the duration tells nothing.
    @discardableResult
    public func verifyDummy(_ secret: Secret) async throws -> Bool {
        _ = try await verify(secret, against: dummy)
        return false
    }

    /// True when a PHC string is weaker than what is made now, or is none of ours.
    public func needsRehash(_ phc: String) -> Bool {
        guard let found = Self.parameters(phc) else { return true }
        return found.passes < cost.passes || found.kibibytes < cost.kibibytes
    }

    private func admit<T: Sendable>(_ body: @escaping @Sendable () throws -> T) async throws -> T {
        let isAdmitted = admitted.withLock { admitted -> Bool in
            guard admitted.now < capacity else {
                admitted.refused += 1
                return false
            }
            admitted.now += 1
            admitted.total += 1
            return true
        }
        // A queue of this length is worked off at some 20 hashes a second and thread.
        guard isAdmitted else { throw Overloaded(retryAfterSeconds: max(1, capacity / (20 * workers))) }
        defer { admitted.withLock { $0.now -= 1 } }
        return try await threads.runIfActive(body)
    }

    /// The library would draw the salt itself; drawing it from `World` keeps one door to randomness.
    private static func hash(_ secret: Secret, cost: HashingCost, salt: [UInt8]) throws -> String {
        var key = [UInt8](repeating: 0, count: 32)
        let failed = crypto_pwhash(
            &key, UInt64(key.count), characters(secret), UInt64(secret.bytes.count), salt,
            UInt64(cost.passes), cost.kibibytes * 1024, crypto_pwhash_alg_argon2id13())
        guard failed == 0 else { throw HashingFault(reason: "no memory for Argon2id") }
        return "$argon2id$v=19$m=\(cost.kibibytes),t=\(cost.passes),p=1$\(unpadded(salt))$\(unpadded(key))"
    }

    /// One byte more than the secret, so that the empty secret has an address too.
    private static func characters(_ secret: Secret) -> [CChar] {
        secret.bytes.map { CChar(bitPattern: $0) } + [0]
    }

    private static func unpadded(_ bytes: [UInt8]) -> String {
        Data(bytes).base64EncodedString().replacing("=", with: "")
    }

    private static func verify(_ secret: Secret, _ phc: String) -> Bool {
        // The library reads up to its fixed length, so the text is put into a buffer of that length.
        var text = [CChar](repeating: 0, count: crypto_pwhash_strbytes())
        let bytes = Array(phc.utf8)
        guard bytes.count < text.count, !bytes.contains(0) else { return false }
        for (index, byte) in bytes.enumerated() { text[index] = CChar(bitPattern: byte) }
        return crypto_pwhash_str_verify(text, characters(secret), UInt64(secret.bytes.count)) == 0
    }

    private static func parameters(_ phc: String) -> HashingCost? {
        let parts = phc.split(separator: "$", omittingEmptySubsequences: true)
        guard parts.count == 5, parts[0] == "argon2id", parts[1] == "v=19" else { return nil }
        var values: [Substring: Int] = [:]
        for pair in parts[2].split(separator: ",") {
            let sides = pair.split(separator: "=")
            guard sides.count == 2, let value = Int(sides[1]) else { return nil }
            values[sides[0]] = value
        }
        guard let memory = values["m"], let passes = values["t"] else { return nil }
        return HashingCost(passes: passes, kibibytes: memory)
    }
}
