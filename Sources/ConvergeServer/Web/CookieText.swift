import ConvergeCore

/// The `Cookie` header as browsers send it (RFC 6265 section 4.2), bounded. Separators are bytes, as in forms.
enum CookieText {
    static let cookiesMax = 50

    /// Names and values; a name that comes twice keeps its last value.
    static func parse(_ headers: [String]) -> [String: String] {
        var found: [String: String] = [:]
        let pairs = headers.flatMap { $0.utf8.split(separator: UInt8(ascii: ";"), maxSplits: cookiesMax) }
        for pair in pairs.prefix(cookiesMax) {
            let parts = pair.split(separator: UInt8(ascii: "="), maxSplits: 1, omittingEmptySubsequences: false)
                .map { Substring($0).trimmingSpaces() }
            if parts.count == 2, !parts[0].isEmpty, !parts[1].isEmpty { found[parts[0]] = parts[1] }
        }
        return found
    }
}
