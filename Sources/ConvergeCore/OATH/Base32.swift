/// Base 32 as RFC 4648 §6 writes it, the form in which authenticator apps take a key.
public enum Base32 {
    /// Longest text that `decode` reads, unless told otherwise: far more than any key.
    public static let maximumCharacters = 1024

    private static let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567".utf8)

    /// Writes upper-case text without padding (RFC 4648 §3.2 lets a format leave it out; key URIs do).
    public static func encode(_ bytes: [UInt8]) -> String {
        var text: [UInt8] = []
        text.reserveCapacity((bytes.count * 8 + 4) / 5)
        var buffer: UInt32 = 0
        var bits = 0
        for byte in bytes {
            buffer = (buffer << 8 | UInt32(byte)) & 0xFFFF
            bits += 8
            while bits >= 5 {
                bits -= 5
                text.append(alphabet[Int(buffer >> UInt32(bits) & 31)])
            }
        }
        if bits > 0 { text.append(alphabet[Int(buffer << UInt32(5 - bits) & 31)]) }
        return String(decoding: text, as: UTF8.self)
    }

    /// Reads a key as people type it: lower case, spaces and dashes anywhere, padding complete, partial or absent.
    ///
    /// Refused: any other character, a character after padding, too much padding, a length that no byte string has,
    /// and bits left over that are not zero (RFC 4648 §3.5), so that a cut or mistyped key is noticed here.
    public static func decode(_ text: String, maximumCharacters: Int = maximumCharacters) -> [UInt8]? {
        guard text.utf8.count <= maximumCharacters else { return nil }
        var bytes: [UInt8] = []
        var buffer: UInt32 = 0
        var bits = 0
        var symbols = 0
        var padding = 0
        for character in text.utf8 {
            switch character {
            case UInt8(ascii: " "), UInt8(ascii: "-"): continue
            case UInt8(ascii: "="): padding += 1
            default:
                guard padding == 0, let value = value(of: character) else { return nil }
                symbols += 1
                buffer = (buffer << 5 | UInt32(value)) & 0xFFFF
                bits += 5
                if bits >= 8 {
                    bits -= 8
                    bytes.append(UInt8(truncatingIfNeeded: buffer >> UInt32(bits)))
                }
            }
        }
        let leftOver = buffer & ((1 << UInt32(bits)) - 1)
        guard ![1, 3, 6].contains(symbols % 8), padding <= (8 - symbols % 8) % 8, leftOver == 0 else { return nil }
        return bytes
    }

    private static func value(of character: UInt8) -> UInt8? {
        switch character {
        case 0x41...0x5A: character - 0x41
        case 0x61...0x7A: character - 0x61
        case 0x32...0x37: character - 0x32 + 26
        default: nil
        }
    }
}
