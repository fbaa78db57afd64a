/// What fills the gaps of a template, by name. A value that is nil is left out, so that its section does not show.
///
/// An empty text and a zero are something: only nil, false and an empty list hide a section. A list of few pairs is searched
/// faster than a dictionary, and a page has many small ones.
struct Slots: Sendable, ExpressibleByDictionaryLiteral {
    private var pairs: [(name: String, slot: Slot)] = []

    init(dictionaryLiteral elements: (String, (any SlotValue)?)...) {
        pairs.reserveCapacity(elements.count)
        for (name, value) in elements { self[name] = value }
    }

    subscript(name: String) -> (any SlotValue)? {
        get { slot(name) }
        set {
            let place = pairs.firstIndex { $0.name == name }
            guard let slot = newValue?.slot else {
                if let place { pairs.remove(at: place) }
                return
            }
            if let place { pairs[place].slot = slot } else { pairs.append((name, slot)) }
        }
    }

    /// What stands under a name.
    func slot(_ name: String) -> Slot? {
        for pair in pairs where pair.name == name { return pair.slot }
        return nil
    }

    /// With the slots of another, which win.
    func merging(_ other: Slots) -> Slots {
        var result = self
        for pair in other.pairs { result[pair.name] = pair.slot }
        return result
    }
}

/// One value as a template sees it.
enum Slot: Sendable {
    case text(String)
    case flag(Bool)
    case slots(Slots)
    case list([Slot])
}

/// What may stand in a slot.
protocol SlotValue {
    var slot: Slot { get }
}

extension Slot: SlotValue {
    var slot: Slot { self }
}
extension String: SlotValue {
    var slot: Slot { .text(self) }
}
extension Int: SlotValue {
    var slot: Slot { .text(String(self)) }
}
extension Bool: SlotValue {
    var slot: Slot { .flag(self) }
}
extension Slots: SlotValue {
    var slot: Slot { .slots(self) }
}
extension Array: SlotValue where Element: SlotValue {
    var slot: Slot { .list(map(\.slot)) }
}
