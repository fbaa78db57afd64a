import Foundation

/// An IP network in CIDR form; a bare address is a network of one.
public struct Network: Hashable, Sendable {
    /// The address's bytes, 4 or 16.
    let bytes: [UInt8]
    /// How many leading bits belong to the network.
    let bits: Int

    /// Returns nil unless the text is an address, perhaps with a prefix length that fits it.
    public init?(_ text: String) {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count <= 2, let address = Self.parse(String(parts[0])) else { return nil }
        bytes = address
        guard parts.count == 2 else {
            bits = address.count * 8
            return
        }
        guard let length = Int(parts[1]), (0...address.count * 8).contains(length) else { return nil }
        bits = length
    }

    /// True when the address (text, IPv4 or IPv6) lies in this network. IPv4 written as IPv6 counts as IPv4.
    public func contains(_ address: String) -> Bool {
        guard let other = Self.parse(address), other.count == bytes.count else { return false }
        for index in 0..<bits where (bytes[index / 8] ^ other[index / 8]) & (0x80 >> UInt8(index % 8)) != 0 { return false }
        return true
    }

    private static func parse(_ text: String) -> [UInt8]? {
        var four = in_addr()
        var six = in6_addr()
        if inet_pton(AF_INET, text, &four) == 1 { return withUnsafeBytes(of: four) { Array($0) } }
        guard inet_pton(AF_INET6, text, &six) == 1 else { return nil }
        let bytes = withUnsafeBytes(of: six) { Array($0) }
        let mapped = bytes.prefix(10).allSatisfy { $0 == 0 } && bytes[10] == 255 && bytes[11] == 255
        return mapped ? Array(bytes[12...]) : bytes
    }
}
