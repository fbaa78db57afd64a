/// A telephone number in E.164 form (ITU-T E.164): a plus sign, then 7 to 15 digits. Always checked.
public struct PhoneNumber: Hashable, Codable, Sendable, CustomStringConvertible {
    /// The number, for example `+447700900184`.
    public let e164: String

    /// Returns nil unless the text is in E.164 form.
    public init?(e164: String) {
        let digits = e164.dropFirst()
        guard e164.first == "+", (7...15).contains(digits.count), digits.first != "0",
            digits.utf8.allSatisfy({ (48...57).contains($0) })
        else { return nil }
        self.e164 = e164
    }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        guard let number = PhoneNumber(e164: try container.decode(String.self)) else {
            throw DecodingError.dataCorruptedError(in: container, debugDescription: "not an E.164 number")
        }
        self = number
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(e164)
    }

    /// The last two digits, the only part shown before proof.
    public var lastTwo: String { String(e164.suffix(2)) }

    /// Never the number: full contact data stays out of logs.
    public var description: String { "phone …\(lastTwo)" }
}

/// A number as it is called: an office may have an extension behind it, which is dialled after a pause.
public struct DialledNumber: Hashable, Codable, Sendable, CustomStringConvertible {
    public let number: PhoneNumber
    /// One to eight digits.
    public let `extension`: String?

    /// Returns nil where the extension is no short row of digits.
    public init?(_ number: PhoneNumber, extension digits: String?) {
        guard digits.map({ (1...8).contains($0.utf8.count) && $0.utf8.allSatisfy { (48...57).contains($0) } }) ?? true else { return nil }
        self.number = number
        self.extension = digits
    }

    public init(_ number: PhoneNumber) {
        self.number = number
        self.extension = nil
    }

    /// What the keyed hash of the channel is made of. Behind each extension stands another telephone.
    public var channelSource: String { "tel:" + number.e164 + (self.extension.map { ";ext=" + $0 } ?? "") }

    /// The last two digits of what is dialled.
    public var lastTwo: String { String((self.extension.map { "0" + $0 } ?? number.e164).suffix(2)) }

    /// Never the number.
    public var description: String { "phone …\(lastTwo)" }
}

/// A mailbox that was checked for form: one `@`, a local part and a domain with a dot, no spaces or controls.
public struct EmailAddress: Hashable, Codable, Sendable, CustomStringConvertible {
    /// The address as it was typed, trimmed, its domain in lower case.
    public let address: String

    /// Returns nil when the text cannot be an address that a mail server would take.
    public init?(_ text: String) {
        // Byte by byte where a separator is meant: with a combining mark behind it, `@` is another character, yet a mail
        // server splits there.
        let parts = text.trimmingSpaces().utf8.split(separator: UInt8(ascii: "@"), omittingEmptySubsequences: false).map { Substring($0) }
        guard parts.count == 2, text.utf8.count <= 1024 else { return nil }
        let local = parts[0], domain = parts[1].lowercased(), whole = "\(local)@\(domain)"
        let labels = domain.utf8.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        guard whole.unicodeScalars.allSatisfy(Self.isPlain), whole.utf8.count <= 254, (1...64).contains(local.utf8.count),
            labels.count >= 2,
            labels.allSatisfy({ (1...63).contains($0.count) && $0.first != UInt8(ascii: "-") && $0.last != UInt8(ascii: "-") })
        else { return nil }
        address = whole
    }

    private static func isPlain(_ scalar: Unicode.Scalar) -> Bool {
        if scalar.isASCII { return scalar.value > 32 && scalar.value != 127 && !"<>()[]\\,;:\"".unicodeScalars.contains(scalar) }
        return !scalar.properties.isWhitespace && scalar.properties.generalCategory != .control
    }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        guard let parsed = EmailAddress(try container.decode(String.self)) else {
            throw DecodingError.dataCorruptedError(in: container, debugDescription: "not a mail address")
        }
        self = parsed
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(address)
    }

    /// The part after the `@`, in lower case.
    public var domain: String { address.utf8.split(separator: UInt8(ascii: "@")).last.map { String(Substring($0)) } ?? "" }

    /// The form in which two addresses are compared: the local part is lower-cased too, as practically every
    /// mail server does.
    public var normalised: String { address.lowercased() }

    /// First letter and domain initial, the only part shown before proof: `a…@h…`.
    public var masked: String { "\(address.prefix(1))…@\(domain.prefix(1))…" }

    /// Never the whole address: full contact data stays out of logs.
    public var description: String { masked }
}

extension StringProtocol {
    /// Without white space at either end. A mark that joins onto a space is not lost with it.
    public func trimmingSpaces() -> String {
        var scalars = Substring(self).unicodeScalars
        while let first = scalars.first, first.properties.isWhitespace { scalars.removeFirst() }
        while let last = scalars.last, last.properties.isWhitespace { scalars.removeLast() }
        return String(Substring(scalars))
    }
}

extension DialledNumber {
    /// As somebody would type it, for reading it again.
    public var typed: String { number.e164 + (self.extension.map { " ext. " + $0 } ?? "") }
}
