/// What a form brought, by the names of its fields; bounded before it is read.
public struct Answer: Sendable {
    private let fields: [String: String]
    /// What was hashed before the transaction.
    public let slow: SlowResults
    /// What the inventory says about the serial number that was typed.
    public var token: FoundToken?

    public init(_ fields: [String: String], slow: SlowResults = SlowResults()) {
        self.fields = fields
        self.slow = slow
    }

    /// One code.
    public init(code: String) { self.init(["code": code]) }

    /// A field, empty where there is none.
    public subscript(_ name: String) -> String { fields[name] ?? "" }

    /// The code, where one is asked for.
    public var code: String { self["code"] }
}

/// Hashing of something easily guessed: slow on purpose, so it is done before a transaction and never inside one.
public enum SlowJob: Hashable, Sendable {
    case hash(Secret)
    /// - phc: the hash to compare with.
    case compare(Secret, phc: String)
}

/// What came of slow jobs.
public struct SlowResults: Sendable {
    private var hashes: [Secret: String] = [:]
    private var matching: Set<SlowJob> = []

    public init() {}

    /// Notes a new hash.
    public mutating func note(_ secret: Secret, hash: String) { hashes[secret] = hash }

    /// Notes that a comparison succeeded.
    public mutating func noteMatch(_ job: SlowJob) { matching.insert(job) }

    /// The new hash of a secret; nil where nobody made one.
    public func hash(of secret: Secret) -> String? { hashes[secret] }

    /// Whether this very comparison was made and succeeded.
    public func matches(_ secret: Secret, phc: String) -> Bool { matching.contains(.compare(secret, phc: phc)) }
}
