/// How much of a CSV file is read at most.
public struct CSVLimits: Hashable, Sendable {
    /// The whole file.
    public let bytes: Int
    /// Records, a header included.
    public let rows: Int
    /// Fields of one record.
    public let columns: Int
    /// One field, in bytes.
    public let fieldBytes: Int

    public init(bytes: Int = 32 << 20, rows: Int = 200_000, columns: Int = 64, fieldBytes: Int = 4096) {
        self.bytes = bytes
        self.rows = rows
        self.columns = columns
        self.fieldBytes = fieldBytes
    }
}

/// One record with its number, as a spreadsheet counts it: the first is 1, empty lines count.
public struct CSVRow: Hashable, Sendable {
    public let number: Int
    public let fields: [String]

    public init(number: Int, fields: [String]) {
        self.number = number
        self.fields = fields
    }
}

/// Why a file is no CSV, and where. Nothing of the content is repeated.
public struct CSVError: Error, Hashable, Sendable {
    /// What is wrong. The raw value is stable.
    public enum Kind: String, Sendable, CaseIterable {
        case tooLarge = "csv.too-large"
        case tooManyRows = "csv.too-many-rows"
        case tooManyColumns = "csv.too-many-columns"
        case fieldTooLong = "csv.field-too-long"
        /// A record has not as many fields as the first one (RFC 4180 §2.4).
        case unevenRow = "csv.uneven-row"
        /// A quote inside a field that does not begin with one (§2.5).
        case strayQuote = "csv.stray-quote"
        /// Something other than a separator after a closing quote.
        case textAfterQuote = "csv.text-after-quote"
        /// The file ends inside a quoted field.
        case openQuote = "csv.open-quote"
        /// A carriage return alone.
        case strayReturn = "csv.stray-return"
        /// A NUL byte, as in UTF-16 files, or bytes that are no UTF-8.
        case notText = "csv.not-text"
    }

    public let kind: Kind
    /// Number of the record, from 1.
    public let row: Int
    /// Number of the field, from 1.
    public let column: Int

    public init(kind: Kind, row: Int, column: Int) {
        self.kind = kind
        self.row = row
        self.column = column
    }
}

/// Comma-separated values, RFC 4180.
public enum CSV {
    /// Reads every record. A byte order mark is skipped, LF ends a line as well as CRLF, empty lines are left out.
    ///
    /// - Parameter allowsUneven: records may have other numbers of fields than the first; the caller reports every one of them.
    public static func read(
        _ bytes: [UInt8], separator: UInt8 = UInt8(ascii: ","), limits: CSVLimits = CSVLimits(), allowsUneven: Bool = false
    ) throws(CSVError) -> [CSVRow] {
        guard bytes.count <= limits.bytes else { throw CSVError(kind: .tooLarge, row: 1, column: 1) }
        var reader = CSVReader(bytes: bytes, separator: separator, limits: limits, allowsUneven: allowsUneven)
        return try reader.rows()
    }

    /// Writes records with CRLF. A field that a spreadsheet would run as a formula gets an apostrophe in front, telephone numbers
    /// with a plus sign included; `unguarded` takes it off again.
    public static func write(_ rows: [[String]]) -> String {
        rows.map { row in row.count == 1 && row[0].isEmpty ? "\"\"" : row.map(field).joined(separator: ",") }
            .map { $0 + "\r\n" }.joined()
    }

    /// A field without the apostrophe that `write` put before a formula. For reading our own exports back.
    public static func unguarded(_ field: String) -> String {
        let rest = String(field.unicodeScalars.dropFirst())
        return field.unicodeScalars.first == "'" && startsFormula(rest) ? rest : field
    }

    private static func field(_ text: String) -> String {
        let guarded = startsFormula(text) ? "'" + text : text
        let special = guarded.utf8.contains { [0x22, 0x2C, 0x3B, 0x09, 0x0A, 0x0D].contains($0) }
        // A byte order mark at the start of a file would be skipped when it is read.
        let isMarked = guarded.unicodeScalars.first == "\u{FEFF}"
        guard special || isMarked || guarded.utf8.first == 0x20 || guarded.utf8.last == 0x20 else { return guarded }
        var quoted = "\""
        for scalar in guarded.unicodeScalars {
            if scalar == "\"" { quoted.unicodeScalars.append(scalar) }
            quoted.unicodeScalars.append(scalar)
        }
        return quoted + "\""
    }

    /// Equals, plus, minus, at, their full-width forms, tab, CR and LF: what spreadsheets take for the start of a formula, also
    /// behind spaces and behind an apostrophe of the text itself (so that taking the guard off is exact).
    private static func startsFormula(_ text: String) -> Bool {
        guard let first = text.unicodeScalars.first(where: { $0 != " " && $0 != "'" }) else { return false }
        return "=+-@\t\r\n\u{FF1D}\u{FF0B}\u{FF0D}\u{FF20}".unicodeScalars.contains(first)
    }
}

/// The state of one reading.
private struct CSVReader {
    let bytes: [UInt8]
    let separator: UInt8
    let limits: CSVLimits
    let allowsUneven: Bool
    var position = 0
    var row = 1
    var column = 1
    var result: [CSVRow] = []

    init(bytes: [UInt8], separator: UInt8, limits: CSVLimits, allowsUneven: Bool) {
        self.bytes = bytes
        self.allowsUneven = allowsUneven
        self.separator = separator
        self.limits = limits
        if bytes.starts(with: [0xEF, 0xBB, 0xBF]) { position = 3 }
    }

    mutating func rows() throws(CSVError) -> [CSVRow] {
        while position < bytes.count {
            if try endOfLine() {
                row += 1
                continue
            }
            let fields = try record()
            if !allowsUneven, let first = result.first, first.fields.count != fields.count { throw error(.unevenRow) }
            guard result.count < limits.rows else { throw error(.tooManyRows) }
            result.append(CSVRow(number: row, fields: fields))
            row += 1
            column = 1
        }
        return result
    }

    private mutating func record() throws(CSVError) -> [String] {
        var fields: [String] = []
        while true {
            column = fields.count + 1
            guard column <= limits.columns else { throw error(.tooManyColumns) }
            let isQuoted = position < bytes.count && bytes[position] == 0x22
            fields.append(try isQuoted ? quotedField() : plainField())
            if position == bytes.count { return fields }
            if bytes[position] == separator {
                position += 1
            } else if try endOfLine() {
                return fields
            } else {
                throw error(.textAfterQuote)
            }
        }
    }

    private mutating func plainField() throws(CSVError) -> String {
        let start = position
        while position < bytes.count {
            let byte = bytes[position]
            if byte == separator || byte == 0x0A || byte == 0x0D { break }
            if byte == 0x22 { throw error(.strayQuote) }
            position += 1
        }
        return try text(bytes[start..<position])
    }

    private mutating func quotedField() throws(CSVError) -> String {
        position += 1
        var content: [UInt8] = []
        while position < bytes.count {
            let byte = bytes[position]
            position += 1
            if byte == 0x22 {
                guard position < bytes.count, bytes[position] == 0x22 else { return try text(content[...]) }
                position += 1
            }
            guard content.count < limits.fieldBytes else { throw error(.fieldTooLong) }
            content.append(byte)
        }
        throw error(.openQuote)
    }

    /// Steps over the end of a line, if one is here.
    private mutating func endOfLine() throws(CSVError) -> Bool {
        switch bytes[position] {
        case 0x0A: position += 1
        case 0x0D:
            guard position + 1 < bytes.count, bytes[position + 1] == 0x0A else { throw error(.strayReturn) }
            position += 2
        default: return false
        }
        return true
    }

    private func text(_ content: ArraySlice<UInt8>) throws(CSVError) -> String {
        guard content.count <= limits.fieldBytes else { throw error(.fieldTooLong) }
        guard !content.contains(0), let text = String(validating: content, as: UTF8.self) else { throw error(.notText) }
        return text
    }

    private func error(_ kind: CSVError.Kind) -> CSVError { CSVError(kind: kind, row: row, column: column) }
}
