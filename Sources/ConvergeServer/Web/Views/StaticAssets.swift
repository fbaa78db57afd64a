import Crypto
import Foundation

/// One static file as it is served.
struct StaticAsset: Sendable {
    let bytes: [UInt8]
    let contentType: String
}

/// The static files, read once at start. Their addresses carry a version, so that browsers may keep them for ever.
struct StaticAssets: Sendable {
    /// By name, for example `converge.css`.
    let files: [String: StaticAsset]
    /// Changes when any file changes.
    let version: String

    private static let types = [
        "css": "text/css; charset=utf-8", "js": "text/javascript; charset=utf-8", "svg": "image/svg+xml",
        "png": "image/png",
    ]

    /// Reads a folder, and adds the stylesheet with the organisation's accent, if it has one.
    init(folder: String, accent: String? = nil) throws {
        var contents: [String: [UInt8]] = [:]
        for name in try FileManager.default.contentsOfDirectory(atPath: folder) where Self.type(of: name) != nil {
            contents[name] = Array(try Data(contentsOf: URL(fileURLWithPath: "\(folder)/\(name)")))
        }
        if let accent, Self.isColour(accent) { contents["accent.css"] = Array(":root { --org-accent: \(accent); }\n".utf8) }
        var hash = SHA256()
        for (name, bytes) in contents.sorted(by: { $0.key < $1.key }) {
            hash.update(data: Array("\(name)\n\(bytes.count)\n".utf8))
            hash.update(data: bytes)
        }
        let version = hash.finalize().prefix(6).map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }.joined()
        if let style = contents["converge.css"] {
            let text = String(decoding: style, as: UTF8.self).replacing("url(lines.svg)", with: "url(lines.svg?v=\(version))")
            contents["converge.css"] = Array(text.utf8)
        }
        self.version = version
        files = contents.reduce(into: [:]) { files, entry in
            files[entry.key] = StaticAsset(bytes: entry.value, contentType: Self.type(of: entry.key) ?? "application/octet-stream")
        }
    }

    /// The address of a file, with its version.
    func path(_ name: String) -> String { "/static/\(name)?v=\(version)" }

    private static func type(of name: String) -> String? { types[String(name.split(separator: ".").last ?? "")] }

    /// `#` and six hexadecimal digits; anything else could carry a rule of its own into the stylesheet.
    static func isColour(_ text: String) -> Bool {
        text.utf8.count == 7 && text.hasPrefix("#") && text.dropFirst().allSatisfy { $0.isASCII && $0.isHexDigit }
    }
}
