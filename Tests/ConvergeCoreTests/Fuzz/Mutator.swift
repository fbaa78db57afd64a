/// Makes broken input out of good examples, the same again from the same seed.
struct Mutator {
    private let seeds: [[UInt8]]
    private var random: Repeatable

    /// What breaks readers: limits of numbers, separators, invisible characters, marks that join onto the character before.
    private static let pieces = texts.map { Array($0.utf8) } + notText

    private static let texts: [String] = [
        "", "0", "-1", "00", "255", "256", "65536", "2147483648", "9223372036854775807", "9223372036854775808", "1e9", "%", "%00", "%2",
        "+", "&", "=", ";", ",", ":", "::", "/", "//", "\\", "\"", "\"\"", "'", "@", ".", "..", "-", "#", "*", "[", "]", "{", "}", "<", ">",
        "~", " ", "\t", "\n", "\r", "\r\n", "\0", "\u{7F}", "\u{85}", "\u{A0}", "\u{301}", "\u{200B}", "\u{200D}", "\u{202E}",
        "\u{2028}", "\u{2212}", "\u{3000}", "\u{FE0F}", "\u{FEFF}", "\u{FF0F}", "\u{FF11}", "\u{10FFFF}", "ß", "İ", "ı", "ﬁ", "\u{212A}",
        "٣", "a", "null", "true", "10.0.0.1", "::ffff:10.0.0.1", "/0", "/129", "&a", "*a", "<<:", "!!binary", "|\n", "- ", "? ", "---\n",
        "extra: 1\n", "ext. 3",
    ]

    private static let notText: [[UInt8]] = [
        [0xFF], [0xC3], [0xC0, 0xAF], [0xED, 0xA0, 0x80], [0xEF, 0xBB, 0xBF], [0xF4, 0x90, 0x80, 0x80],
    ]

    init(seeds: [[UInt8]], seed: UInt64) {
        self.seeds = seeds.isEmpty ? [[]] : seeds
        random = Repeatable(seed: seed)
    }

    /// The next input, of a few kilobytes at most.
    mutating func next() -> [UInt8] {
        var bytes = pick(seeds)
        for _ in 0...below(4) { change(&bytes) }
        return bytes.count > 4200 ? Array(bytes.prefix(4200)) : bytes
    }

    private mutating func change(_ bytes: inout [UInt8]) {
        let place = below(bytes.count + 1), length = below(min(12, bytes.count - place) + 1), some = place..<place + length
        switch below(9) {
        case 0 where !bytes.isEmpty: bytes[below(bytes.count)] ^= 1 << UInt8(below(8))
        case 1 where !bytes.isEmpty: bytes[below(bytes.count)] = UInt8(below(256))
        case 2: bytes.removeSubrange(some)
        case 3: bytes.insert(contentsOf: bytes[some], at: below(bytes.count + 1))
        case 4: bytes.replaceSubrange(some, with: pick(Self.pieces))
        case 5: bytes = Array(bytes.prefix(place)) + pick(seeds).suffix(below(64))
        case 6 where length > 0: bytes.insert(contentsOf: repeatElement(Array(bytes[some]), count: 1 + below(40)).joined(), at: place)
        case 7: bytes.reverse(in: some)
        default: bytes.insert(contentsOf: pick(Self.pieces), at: place)
        }
    }

    private mutating func below(_ limit: Int) -> Int { Int(random.next() % UInt64(max(1, limit))) }
    private mutating func pick(_ list: [[UInt8]]) -> [UInt8] { list[below(list.count)] }
}

extension [UInt8] {
    fileprivate mutating func reverse(in range: Range<Int>) { replaceSubrange(range, with: Array(self[range].reversed())) }
}
