import Foundation

/// Writes a small file of places: MaxMind DB format 2.0 (https://maxmind.github.io/MaxMind-DB/), for IPv4, records of 24 bits.
struct PlaceFile {
    /// What a file says of a network: names by language.
    struct Place {
        var city: [String: String] = [:]
        var country: [String: String] = [:]
    }

    /// A node's two records: another node, a place, or nothing.
    private enum Record {
        case nothing, node(Int), place(Int)
    }

    private var nodes: [[Record]] = [[.nothing, .nothing]]
    private var places: [[UInt8]] = []

    /// Adds a network, as four bytes and how many of their bits count.
    mutating func add(_ network: [UInt8], bits: Int, _ place: Place) {
        var node = 0
        for index in 0..<bits {
            let bit = Int(network[index / 8] >> (7 - index % 8) & 1)
            if index == bits - 1 {
                nodes[node][bit] = .place(places.count)
            } else if case .node(let next) = nodes[node][bit] {
                node = next
            } else {
                nodes.append([.nothing, .nothing])
                nodes[node][bit] = .node(nodes.count - 1)
                node = nodes.count - 1
            }
        }
        func names(_ names: [String: String]) -> [UInt8] {
            Self.map([("names", Self.map(names.sorted { $0.key < $1.key }.map { ($0.key, Self.text($0.value)) }))])
        }
        var fields: [(String, [UInt8])] = []
        if !place.city.isEmpty { fields.append(("city", names(place.city))) }
        if !place.country.isEmpty { fields.append(("country", names(place.country))) }
        places.append(Self.map(fields))
    }

    var bytes: [UInt8] {
        var offsets: [Int] = [], data: [UInt8] = []
        for place in places {
            offsets.append(data.count)
            data += place
        }
        var tree: [UInt8] = []
        for record in nodes.joined() {
            let value =
                switch record {
                case .nothing: nodes.count
                case .node(let node): node
                case .place(let place): nodes.count + 16 + offsets[place]
                }
            tree += [UInt8(value >> 16 & 255), UInt8(value >> 8 & 255), UInt8(value & 255)]
        }
        let about = Self.map([
            ("node_count", Self.number(6, nodes.count)), ("record_size", Self.number(5, 24)), ("ip_version", Self.number(5, 4)),
            ("database_type", Self.text("Places of a test")), ("languages", [0x01, 0x04] + Self.text("en")),
            ("binary_format_major_version", Self.number(5, 2)), ("binary_format_minor_version", Self.number(5, 0)),
            ("build_epoch", [0x04, 0x02] + Self.bigEndian(1_790_000_000)),
            ("description", Self.map([("en", Self.text("Places of a test"))])),
        ])
        return tree + [UInt8](repeating: 0, count: 16) + data + [0xAB, 0xCD, 0xEF] + Array("MaxMind.com".utf8) + about
    }

    // MARK: fields

    private static func map(_ fields: [(String, [UInt8])]) -> [UInt8] {
        [0xE0 | UInt8(fields.count)] + fields.flatMap { text($0.0) + $0.1 }
    }

    private static func text(_ text: String) -> [UInt8] {
        let bytes = Array(text.utf8)
        return (bytes.count < 29 ? [0x40 | UInt8(bytes.count)] : [0x40 | 29, UInt8(bytes.count - 29)]) + bytes
    }

    private static func number(_ type: UInt8, _ value: Int) -> [UInt8] {
        let bytes = bigEndian(value)
        return [type << 5 | UInt8(bytes.count)] + bytes
    }

    private static func bigEndian(_ value: Int) -> [UInt8] {
        var value = value, bytes: [UInt8] = []
        while value > 0 {
            bytes.insert(UInt8(value & 255), at: 0)
            value >>= 8
        }
        return bytes
    }
}
