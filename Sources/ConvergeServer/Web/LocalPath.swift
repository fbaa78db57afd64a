/// A path on this server, safe to redirect to.
enum LocalPath {
    /// Longest path taken, in bytes.
    static let longest = 2048

    /// The text itself when it is one: visible ASCII that starts with a single slash and holds no backslash.
    ///
    /// Looked at byte by byte: with a variation selector behind it, the second slash of `//` is another *character* than a slash,
    /// and a browser that drops the selector would still go to another host. Our own paths are percent-encoded.
    static func checked(_ text: String) -> String? {
        let bytes = Array(text.utf8), slash = UInt8(ascii: "/")
        guard bytes.first == slash, bytes.count < 2 || bytes[1] != slash, bytes.count <= longest,
            bytes.allSatisfy({ (33...126).contains($0) && $0 != UInt8(ascii: "\\") })
        else { return nil }
        return text
    }
}
