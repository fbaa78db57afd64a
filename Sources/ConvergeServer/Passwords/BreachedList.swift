public import ConvergeCore
import Crypto
import Foundation

/// Why a list of breached passwords was not imported or opened.
public enum BreachedListError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The first bad lines (20 at most), counted from 1; nothing was changed.
    case badLines([Int])
    case unreadable(path: String)
    case notWritten(path: String)
    case notAList(path: String)

    public var description: String {
        switch self {
        case .badLines(let lines):
            "Not of the form SHA1:COUNT in line \(lines.map(String.init).joined(separator: ", ")). The list in use was not changed."
        case .unreadable(let path): "\(path) cannot be read."
        case .notWritten(let path): "\(path) cannot be written."
        case .notAList(let path): "\(path) is not a list made by Converge. Import the downloaded file first."
        }
    }
}

/// Passwords known from breaches, as a sorted file of the first eight bytes of each SHA-1 digest. A lookup reads
/// some thirty places of the file, however long it is. That two passwords share eight bytes happens once in 10^10.
public final class BreachedList: Sendable {
    private static let magic = Array("CNVBRCH1".utf8)

    private let descriptor: Int32
    /// How many digests the list holds.
    public let count: Int

    /// Opens a list made by `importing`.
    public init(path: String) throws {
        descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else {
            count = 0
            throw BreachedListError.unreadable(path: path)
        }
        let size = Int(lseek(descriptor, 0, SEEK_END))
        count = size / 8 - 1
        var head = [UInt8](repeating: 0, count: 8)
        guard size >= 8, size % 8 == 0, pread(descriptor, &head, 8, 0) == 8, head == Self.magic else {
            throw BreachedListError.notAList(path: path)
        }
    }

    deinit { if descriptor >= 0 { close(descriptor) } }

    /// True when the password is on the list. Reads the file: call it off the event loop.
    public func contains(_ password: Secret) -> Bool {
        let wanted = Self.prefix(of: Array(Insecure.SHA1.hash(data: password.bytes)))
        var low = 0
        var high = count
        while low < high {
            let middle = (low + high) / 2
            var found: UInt64 = 0
            guard pread(descriptor, &found, 8, off_t(8 * (middle + 1))) == 8 else { return false }
            found = UInt64(littleEndian: found)
            if found == wanted { return true }
            if found < wanted { low = middle + 1 } else { high = middle }
        }
        return false
    }

    private static func prefix(of digest: [UInt8]) -> UInt64 {
        digest.prefix(8).reduce(0) { $0 << 8 | UInt64($1) }
    }

    /// Imports a file of `SHA1HEX:count` lines, as "Have I Been Pwned" offers it, in any order. The new list takes
    /// the place of the old one only when every line was good.
    ///
    /// - Parameter progress: called with the number of lines read, every ten millions.
    /// - Returns: how many digests were imported.
    public static func importing(from source: String, to target: String, progress: (Int) -> Void = { _ in }) throws -> Int {
        guard let input = fopen(source, "r") else { throw BreachedListError.unreadable(path: source) }
        defer { fclose(input) }
        let temporary = target + ".new"
        guard let output = fopen(temporary, "w+") else { throw BreachedListError.notWritten(path: target) }
        var kept = false
        defer {
            fclose(output)
            if !kept { unlink(temporary) }
        }
        guard fwrite(magic, 1, 8, output) == 8 else { throw BreachedListError.notWritten(path: target) }
        let (count, sorted) = try copy(input, to: output, target: target, progress: progress)
        guard fflush(output) == 0, sorted || sort(output, count: count), fsync(fileno(output)) == 0, rename(temporary, target) == 0
        else { throw BreachedListError.notWritten(path: target) }
        kept = true
        return count
    }

    private static func copy(
        _ input: UnsafeMutablePointer<FILE>, to output: UnsafeMutablePointer<FILE>, target: String, progress: (Int) -> Void
    ) throws -> (count: Int, sorted: Bool) {
        var line: UnsafeMutablePointer<CChar>?
        var room = 0
        defer { free(line) }
        var number = 0
        var count = 0
        var sorted = true
        var last: UInt64 = 0
        var bad: [Int] = []
        while bad.count < 20 {
            let length = getline(&line, &room, input)
            guard length >= 0, let line else { break }
            number += 1
            if number % 10_000_000 == 0 { progress(number) }
            guard let value = parse(UnsafeRawBufferPointer(start: line, count: length)) else {
                bad.append(number)
                continue
            }
            if value < last { sorted = false }
            last = value
            count += 1
            var stored = value.littleEndian
            guard fwrite(&stored, 8, 1, output) == 1 else { throw BreachedListError.notWritten(path: target) }
        }
        guard bad.isEmpty else { throw BreachedListError.badLines(bad) }
        return (count, sorted)
    }

    /// Forty hexadecimal digits, a colon, a decimal number, perhaps a line end.
    private static func parse(_ line: UnsafeRawBufferPointer) -> UInt64? {
        var end = line.count
        while end > 0, line[end - 1] == 10 || line[end - 1] == 13 { end -= 1 }
        guard end > 41, line[40] == UInt8(ascii: ":"), line[41..<end].allSatisfy({ (48...57).contains($0) }) else { return nil }
        var value: UInt64 = 0
        for index in 0..<40 {
            guard let digit = hexadecimal(line[index]) else { return nil }
            if index < 16 { value = value << 4 | UInt64(digit) }
        }
        return value
    }

    private static func hexadecimal(_ byte: UInt8) -> UInt8? {
        switch byte {
        case 48...57: byte - 48
        case 65...70: byte - 55
        case 97...102: byte - 87
        default: nil
        }
    }

    /// Sorts the digests where they lie, through a mapping, so that a list larger than memory can be sorted too.
    private static func sort(_ file: UnsafeMutablePointer<FILE>, count: Int) -> Bool {
        let length = 8 * (count + 1)
        guard let base = mmap(nil, length, PROT_READ | PROT_WRITE, MAP_SHARED, fileno(file), 0), base != MAP_FAILED else { return false }
        defer { munmap(base, length) }
        var values = UnsafeMutableBufferPointer(start: (base + 8).assumingMemoryBound(to: UInt64.self), count: count)
        values.sort { UInt64(littleEndian: $0) < UInt64(littleEndian: $1) }
        return true
    }
}
