import Foundation

extension String {
    /// The text with compatibility composition (NFKC, UAX #15) and capitals and small letters alike: upper case, then lower case, until
    /// nothing changes, so that `Straße` is `STRASSE` and a final sigma is a sigma.
    public var compatibilityFolded: String {
        var folded = precomposedStringWithCompatibilityMapping
        for _ in 0..<4 {
            let next = folded.uppercased().lowercased().precomposedStringWithCompatibilityMapping
            if next.utf8.elementsEqual(folded.utf8) { break }
            folded = next
        }
        return folded
    }
}
