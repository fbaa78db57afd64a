public import ConvergeCore
import Foundation

/// A header that cannot be written safely.
public enum MIMEError: Error, Hashable, Sendable {
    /// A line end or control character in the named header: somebody tries to add headers of his own.
    case unsafeHeader(String)
}

/// A mail with a text and an HTML form of the same content.
public struct MailMessage: Sendable {
    public var fromName: String
    public var from: EmailAddress
    public var to: EmailAddress
    public var subject: String
    public var text: String
    public var html: String
    public var date: Moment
    /// Left part of the Message-ID and of the boundary: letters, digits, hyphen and underscore, unique to the
    /// message and the same for each try.
    public var key: String

    public init(
        fromName: String, from: EmailAddress, to: EmailAddress, subject: String, text: String, html: String, date: Moment, key: String
    ) {
        self.fromName = fromName
        self.from = from
        self.to = to
        self.subject = subject
        self.text = text
        self.html = html
        self.date = date
        self.key = key
    }

    /// The message as it goes over the wire (RFC 5322 and 2045): lines end in CR LF and none exceeds 78 octets, but
    /// for addresses.
    public func bytes() throws -> [UInt8] {
        guard key.utf8.count <= 60, key.wholeMatch(of: /[A-Za-z0-9_-]+/) != nil else { throw MIMEError.unsafeHeader("Message-ID") }
        let boundary = "=_\(key)"
        var lines = [
            "From: \(try MIME.encodedWords(fromName, header: "From")) <\(try MIME.safe(from.address, header: "From"))>",
            "To: <\(try MIME.safe(to.address, header: "To"))>",
            "Subject: \(try MIME.encodedWords(subject, header: "Subject"))",
            "Date: \(MIME.date(date))",
            "Message-ID: <\(key)@\(from.domain)>",
            // RFC 3834: no out-of-office answers to codes.
            "Auto-Submitted: auto-generated",
            "MIME-Version: 1.0",
            "Content-Type: multipart/alternative; boundary=\"\(boundary)\"",
            "",
        ]
        for (type, content) in [("plain", text), ("html", html)] {
            lines += [
                "--\(boundary)", "Content-Type: text/\(type); charset=utf-8", "Content-Transfer-Encoding: quoted-printable", "",
                MIME.quotedPrintable(content),
            ]
        }
        lines += ["--\(boundary)--", ""]
        return Array(lines.joined(separator: "\r\n").utf8)
    }
}

/// The encodings of mail.
enum MIME {
    /// A header's text as it is; refused when it holds a line end or another control character.
    static func safe(_ text: String, header: String) throws -> String {
        guard text.unicodeScalars.allSatisfy({ $0.value >= 32 && $0.value != 127 }) else { throw MIMEError.unsafeHeader(header) }
        return text
    }

    /// RFC 2047 for what is not plain: words of at most 75 characters, never split inside a character.
    static func encodedWords(_ text: String, header: String) throws -> String {
        let safe = try safe(text, header: header)
        // Quotes and specials would need quoting in a name; encoding is always right. A plain text that looks like
        // an encoded word must not be decoded.
        let isPlain = safe.utf8.allSatisfy { $0 < 127 && !"\"()<>@,;:\\[]".utf8.contains($0) || header == "Subject" && $0 < 127 }
        if isPlain, !safe.contains("=?"), safe.utf8.count <= 60 { return safe }
        var words: [String] = []
        var current: [UInt8] = []
        for scalar in safe.unicodeScalars {
            let bytes = Array(String(scalar).utf8)
            if current.count + bytes.count > 42 {
                words.append(encodedWord(current))
                current = []
            }
            current += bytes
        }
        return (words + [encodedWord(current)]).joined(separator: "\r\n ")
    }

    private static func encodedWord(_ bytes: [UInt8]) -> String {
        "=?utf-8?B?\(Data(bytes).base64EncodedString())?="
    }

    /// RFC 2045 section 6.7. Line ends of any kind become CR LF.
    static func quotedPrintable(_ text: String) -> String {
        let lines = text.replacing("\r\n", with: "\n").replacing("\r", with: "\n").split(separator: "\n", omittingEmptySubsequences: false)
        return lines.map(quotedPrintableLine).joined(separator: "\r\n")
    }

    private static func quotedPrintableLine(_ line: Substring) -> String {
        var result = ""
        var length = 0
        let bytes = Array(line.utf8)
        for (index, byte) in bytes.enumerated() {
            let isBlankAtEnd = (byte == 32 || byte == 9) && index == bytes.count - 1
            let isPlain = (byte == 9 || (32...126).contains(byte)) && byte != 61 && !isBlankAtEnd
            let piece = isPlain ? String(UnicodeScalar(byte)) : "=" + hexadecimal(byte)
            if length + piece.utf8.count > 75 {
                result += "=\r\n"
                length = 0
            }
            result += piece
            length += piece.utf8.count
        }
        return result
    }

    private static func hexadecimal(_ byte: UInt8) -> String {
        String(byte >> 4, radix: 16, uppercase: true) + String(byte & 15, radix: 16, uppercase: true)
    }

    /// RFC 5322 section 3.3 in UTC: `Tue, 14 Nov 2023 22:13:20 +0000`.
    static func date(_ moment: Moment) -> String {
        var seconds = time_t(moment.seconds)
        var parts = tm()
        gmtime_r(&seconds, &parts)
        let days = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"]
        let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
        func two(_ number: Int32) -> String { number < 10 ? "0\(number)" : "\(number)" }
        let day = "\(days[Int(parts.tm_wday)]), \(two(parts.tm_mday)) \(months[Int(parts.tm_mon)]) \(parts.tm_year + 1900)"
        return "\(day) \(two(parts.tm_hour)):\(two(parts.tm_min)):\(two(parts.tm_sec)) +0000"
    }
}
