/// What fills the gaps of a template, by name. A value that is nil is left out, so that its section does not show.
///
/// Mustache takes an empty text and a zero for "there is something": only nil, false and an empty list hide a section.
struct Slots: ExpressibleByDictionaryLiteral {
    private(set) var values: [String: Any] = [:]

    init(dictionaryLiteral elements: (String, Any?)...) {
        for (name, value) in elements { self[name] = value }
    }

    subscript(name: String) -> Any? {
        get { values[name] }
        set {
            switch newValue {
            case let slots as Slots: values[name] = slots.values
            case let list as [Slots]: values[name] = list.isEmpty ? nil : list.map(\.values)
            default: values[name] = newValue
            }
        }
    }

    /// With the slots of another, which win.
    func merging(_ other: Slots) -> Slots {
        var result = self
        result.values.merge(other.values) { _, new in new }
        return result
    }
}
