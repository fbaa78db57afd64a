/// Why a text is no network.
public enum CIDRProblem: Error, Hashable, Sendable {
    case notAnAddress
    case notAPrefixLength
    /// Bits are set behind the prefix; the network that was probably meant is named. Refused, because such a network may skip MFA.
    case hostBits(network: String)
}

/// A network: an address and the length of its prefix (RFC 4632 §3.1, RFC 4291 §2.3). An address alone is a network of one.
public struct CIDR: Hashable, Codable, Sendable, CustomStringConvertible {
    /// The first address.
    public let network: IPAddress
    /// Bits that all its addresses share.
    public let prefix: Int

    /// Reads `192.0.2.0/24`, `2001:db8::/32` or an address alone.
    public init(_ text: String) throws(CIDRProblem) {
        let parts = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        guard let first = parts.first, let address = IPAddress(first) else { throw .notAnAddress }
        let mapped = address.isV4 && first.utf8.contains(UInt8(ascii: ":"))
        var length = mapped ? 128 : address.bytes.count * 8
        if parts.count == 2 {
            let digits = parts[1].utf8
            guard (1...3).contains(digits.count), digits.allSatisfy({ (48...57).contains($0) }), digits.count == 1 || digits.first != 48,
                let number = Int(parts[1]), number <= length
            else { throw .notAPrefixLength }
            length = number
        }
        if mapped {
            guard length >= 96 else { throw .notAPrefixLength }
            length -= 96
        }
        let masked = Self.masked(address.bytes, to: length)
        guard masked == address.bytes else {
            throw .hostBits(network: (IPAddress(bytes: masked)?.description ?? "") + "/\(length)")
        }
        network = address
        prefix = length
    }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        do {
            try self.init(try container.decode(String.self))
        } catch is CIDRProblem {
            throw DecodingError.dataCorruptedError(in: container, debugDescription: "not a network")
        }
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(description)
    }

    public var description: String { "\(network)/\(prefix)" }

    /// Whether the address lies in this network. Never true across families.
    public func contains(_ address: IPAddress) -> Bool {
        guard address.bytes.count == network.bytes.count else { return false }
        let whole = prefix / 8, mask = UInt8(truncatingIfNeeded: 0xFF00 >> (prefix % 8))
        for index in 0..<whole where address.bytes[index] != network.bytes[index] { return false }
        return mask == 0 || address.bytes[whole] & mask == network.bytes[whole]
    }

    private static func masked(_ bytes: [UInt8], to prefix: Int) -> [UInt8] {
        bytes.enumerated().map { index, byte in
            let bits = min(max(prefix - index * 8, 0), 8)
            return byte & UInt8(truncatingIfNeeded: 0xFF00 >> bits)
        }
    }
}

extension IPAddress {
    /// Whether a request to an address that somebody else supplied may go there: not private, loopback, link-local, shared,
    /// documentation, multicast, reserved (IANA special-purpose registries, RFC 6890), nor an IPv6 form that hides an IPv4 address.
    public var isPublic: Bool { !Self.special.contains { $0.contains(self) } && (isV4 || bytes[0] & 0xE0 == 0x20) }

    private static let special: [CIDR] = [
        "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24",
        "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4",
        "2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20",
    ].compactMap { try? CIDR($0) }
}

/// Who is really asking, when reverse proxies stand in between.
public enum ClientAddress {
    /// Hops of `X-Forwarded-For` looked at, from the right.
    public static let maximumHops = 32

    /// The right-most hop that is not a trusted proxy.
    ///
    /// The connection's own address is the last hop; only when it is trusted does the header count, read from the right, and only as
    /// long as every hop so far is trusted. A hop that is no address ends the walk: the last trusted address stands, because what lies
    /// further left may be invented. If all are trusted it is the left-most of them.
    public static func resolve(peer: IPAddress, forwardedFor headers: [String], trusted: [CIDR]) -> IPAddress {
        var client = peer
        let hops = headers.joined(separator: ",").split(separator: ",", omittingEmptySubsequences: false).suffix(maximumHops)
        for hop in hops.reversed() {
            guard trusted.contains(where: { $0.contains(client) }), let next = address(ofHop: hop) else { break }
            client = next
        }
        return client
    }

    /// An address, an IPv4 address with a port, or an IPv6 address in brackets with or without one.
    private static func address(ofHop hop: Substring) -> IPAddress? {
        let text = hop.trimmingSpaces()
        if let address = IPAddress(text) { return address }
        let (host, rest): (Substring, Substring)
        if text.hasPrefix("["), let end = text.firstIndex(of: "]") {
            host = text[text.index(after: text.startIndex)..<end]
            rest = text[text.index(after: end)...]
            guard host.contains(":") else { return nil }
            if rest.isEmpty { return IPAddress(host) }
        } else {
            let colon = text.firstIndex(of: ":") ?? text.endIndex
            host = text[..<colon]
            rest = text[colon...]
        }
        guard rest.first == ":", UInt16(rest.dropFirst()) != nil else { return nil }
        return IPAddress(host)
    }
}
