import CQREncode

/// The text is too long for a QR code (some 2300 bytes at this level of error correction).
public struct QRCodeTooLong: Error, Hashable, Sendable {}

/// A QR code as a matrix of modules and as an SVG picture without style or script, which any content policy allows.
public struct QRCode: Hashable, Sendable {
    /// Rows of modules from the top, true is dark; the quiet zone is not included.
    public let modules: [[Bool]]

    /// Encodes text with error correction level M.
    public init(_ text: String) throws {
        guard let code = QRcode_encodeString8bit(text, 0, QR_ECLEVEL_M) else { throw QRCodeTooLong() }
        defer { QRcode_free(code) }
        let width = Int(code.pointee.width)
        guard let data = code.pointee.data else { throw QRCodeTooLong() }
        modules = (0..<width).map { row in (0..<width).map { column in data[row * width + column] & 1 == 1 } }
    }

    /// The picture: a white ground with the quiet zone of four modules that readers need, and one path of runs.
    ///
    /// - Parameter label: what a screen reader says; escaped here.
    public func svg(label: String) -> String {
        let size = modules.count + 8
        var path = ""
        for (y, row) in modules.enumerated() {
            var x = 0
            while x < row.count {
                guard row[x] else {
                    x += 1
                    continue
                }
                let start = x
                while x < row.count, row[x] { x += 1 }
                path += "M\(start + 4) \(y + 4)h\(x - start)v1h-\(x - start)z"
            }
        }
        return """
            <svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 \(size) \(size)" role="img" aria-label="\(Self.escaped(label))" \
            shape-rendering="crispEdges"><rect width="\(size)" height="\(size)" fill="#fff"/><path fill="#000" d="\(path)"/></svg>
            """
    }

    private static func escaped(_ text: String) -> String {
        text.replacing("&", with: "&amp;").replacing("<", with: "&lt;").replacing(">", with: "&gt;").replacing("\"", with: "&quot;")
    }
}
