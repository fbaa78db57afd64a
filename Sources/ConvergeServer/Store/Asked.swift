/// What was asked of the store inside a `read` or `write`, and may not be answered yet.
///
/// Where the engine is far away, everything that was asked before the first answer is taken goes there together: one way there and
/// back. What is asked together is answered together, so that it fails together, too.
public struct Asked<Answer> {
    private let take: () throws -> Answer

    /// - Parameter take: waits for the answer, if need be.
    public init(_ take: @escaping () throws -> Answer) {
        self.take = take
    }

    /// The answer; the first one that is taken waits for all that were asked.
    public func answer() throws -> Answer { try take() }

    /// The answer in other words.
    public func map<Other>(_ change: @escaping (Answer) throws -> Other) -> Asked<Other> {
        Asked<Other> { try change(try take()) }
    }
}
