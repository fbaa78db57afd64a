/// An enum with texts, whose cases are told apart by their place: hashing the text would cost more than what is looked up.
protocol Placed: CaseIterable, RawRepresentable, Hashable {}

extension Placed {
    /// The place among the cases, from 0. A case without a payload is stored as just that, in one byte.
    var place: Int { withUnsafeBytes(of: self) { Int($0[0]) } }
}
