/// "Did you mean …": the nearest of the known words.
public enum Nearest {
    /// Longer texts are not compared.
    public static let maximumLength = 100

    /// The Levenshtein distance: how many characters to insert, delete or replace.
    public static func distance(_ left: String, _ right: String) -> Int {
        let right = Array(right)
        var previous = Array(0...right.count)
        for (row, character) in left.enumerated() {
            var current = [row + 1]
            for (column, other) in right.enumerated() {
                current.append(min(previous[column] + (character == other ? 0 : 1), previous[column + 1] + 1, current[column] + 1))
            }
            previous = current
        }
        return previous[right.count]
    }

    /// The candidate that was probably meant: within a third of the typed length (at least one edit), small and capital letters
    /// alike. Of equally near ones the first; nil when nothing is near.
    public static func nearest(to typed: String, in candidates: some Sequence<String>) -> String? {
        guard typed.utf8.count <= 4 * maximumLength, !typed.isEmpty, typed.count <= maximumLength else { return nil }
        let wanted = typed.lowercased()
        let reach = max(1, typed.count / 3)
        var best: (candidate: String, distance: Int)?
        for candidate in candidates where abs(candidate.count - typed.count) <= reach {
            let distance = distance(wanted, candidate.lowercased())
            if distance <= reach, distance < best?.distance ?? Int.max { best = (candidate, distance) }
        }
        return best?.candidate
    }
}
