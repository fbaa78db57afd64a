/// An IPv4 or IPv6 address. An IPv4 address mapped into IPv6 (RFC 4291 §2.5.5.2) *is* the IPv4 address, so that a listener on
/// both families and a rule for one of them agree.
public struct IPAddress: Hashable, Codable, Sendable, CustomStringConvertible {
    /// Four or sixteen bytes, highest first.
    public let bytes: [UInt8]

    /// Returns nil unless there are four or sixteen bytes.
    public init?(bytes: [UInt8]) {
        guard bytes.count == 4 || bytes.count == 16 else { return nil }
        self.bytes = bytes.count == 16 && bytes.starts(with: Self.mappedPrefix) ? Array(bytes.suffix(4)) : bytes
    }

    /// Reads dotted decimal without leading zeros, or the text forms of RFC 4291 §2.2. Zones (`%eth0`), ports and brackets are refused.
    public init?(_ text: some StringProtocol) {
        guard text.utf8.count <= 45 else { return nil }
        guard let bytes = text.utf8.contains(UInt8(ascii: ":")) ? Self.parseV6(String(text)) : Self.parseV4(text) else { return nil }
        self.init(bytes: bytes)
    }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        guard let address = IPAddress(try container.decode(String.self)) else {
            throw DecodingError.dataCorruptedError(in: container, debugDescription: "not an IP address")
        }
        self = address
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(description)
    }

    static let mappedPrefix: [UInt8] = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF]

    /// Whether it has four bytes.
    public var isV4: Bool { bytes.count == 4 }

    /// The canonical text: dotted decimal, or RFC 5952 §4.
    public var description: String {
        guard !isV4 else { return bytes.map(String.init).joined(separator: ".") }
        let groups = stride(from: 0, to: 16, by: 2).map { UInt16(bytes[$0]) << 8 | UInt16(bytes[$0 + 1]) }
        let text = groups.map { String($0, radix: 16) }
        guard let zeros = Self.longestZeros(groups) else { return text.joined(separator: ":") }
        return text[..<zeros.lowerBound].joined(separator: ":") + "::" + text[zeros.upperBound...].joined(separator: ":")
    }

    /// What budgets count by: an IPv4 address as a whole, an IPv6 address by its /64, because one household has all of that.
    public var networkKey: String {
        guard !isV4, let network = IPAddress(bytes: bytes.prefix(8) + [UInt8](repeating: 0, count: 8)) else { return description }
        return network.description + "/64"
    }

    private static func longestZeros(_ groups: [UInt16]) -> Range<Int>? {
        var best = 0..<0
        var start = 0
        for index in groups.indices {
            if groups[index] != 0 {
                start = index + 1
            } else if index + 1 - start > best.count {
                best = start..<index + 1
            }
        }
        return best.count >= 2 ? best : nil
    }

    private static func parseV4(_ text: some StringProtocol) -> [UInt8]? {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 4 else { return nil }
        var bytes: [UInt8] = []
        for part in parts {
            guard (1...3).contains(part.utf8.count), part.utf8.allSatisfy({ (48...57).contains($0) }),
                part.utf8.count == 1 || part.first != "0", let byte = UInt8(part)
            else { return nil }
            bytes.append(byte)
        }
        return bytes
    }

    private static func parseV6(_ text: String) -> [UInt8]? {
        let halves = splitAtDoubleColon(text)
        guard let head = halves.first.flatMap({ groups($0, mayEndV4: halves.count == 1) }) else { return nil }
        guard halves.count == 2 else { return halves.count == 1 && head.count == 16 ? head : nil }
        guard let tail = groups(halves[1], mayEndV4: true), head.count + tail.count <= 14 else { return nil }
        return head + [UInt8](repeating: 0, count: 16 - head.count - tail.count) + tail
    }

    private static func splitAtDoubleColon(_ text: String) -> [String] {
        let bytes = Array(text.utf8)
        let colon = UInt8(ascii: ":")
        guard let at = bytes.indices.dropLast().first(where: { bytes[$0] == colon && bytes[$0 + 1] == colon }) else { return [text] }
        return [bytes[..<at], bytes[(at + 2)...]].map { String(decoding: $0, as: UTF8.self) }
    }

    private static func groups(_ text: String, mayEndV4: Bool) -> [UInt8]? {
        guard !text.isEmpty else { return [] }
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        var bytes: [UInt8] = []
        for (index, part) in parts.enumerated() {
            if mayEndV4, index == parts.count - 1, part.contains(".") {
                guard let v4 = parseV4(part) else { return nil }
                bytes += v4
            } else {
                guard (1...4).contains(part.utf8.count), part.utf8.allSatisfy(isHexDigit), let group = UInt16(part, radix: 16) else {
                    return nil
                }
                bytes += [UInt8(group >> 8), UInt8(group & 0xFF)]
            }
        }
        return bytes.count <= 16 ? bytes : nil
    }

    private static func isHexDigit(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x30...0x39, 0x41...0x46, 0x61...0x66: true
        default: false
        }
    }
}
