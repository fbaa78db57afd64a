/// Something that was asked cannot be done; one sentence for the person who asked.
public struct AdministrationProblem: Error, Hashable, Sendable, CustomStringConvertible {
    public let description: String

    public init(_ description: String) {
        self.description = description
    }
}
