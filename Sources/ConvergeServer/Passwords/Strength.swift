import CZxcvbn
public import ConvergeCore
import Foundation

/// How hard a password is to guess, by zxcvbn's estimate.
public struct Strength: Hashable, Sendable {
    /// The base-2 logarithm of the number of guesses.
    public let bits: Double

    /// zxcvbn's scale: 0 for less than 10³ guesses, then 10⁶, 10⁸, 10¹⁰, and 4 beyond.
    public var score: Int {
        // log2 of the four powers of ten.
        [9.966, 19.932, 26.575, 33.219].count { bits >= $0 }
    }

    /// Measures a password.
    ///
    /// - Parameter words: what an attacker would try first for this person: name, address, organisation.
    public init(of password: Secret, words: [String] = []) {
        // The library stops at the first NUL; such a password cannot be typed anyway. Length is capped because what
        // follows 200 bytes changes no verdict.
        let text = Array(password.bytes.prefix(200))
        guard !text.isEmpty, !text.contains(0) else {
            bits = 0
            return
        }
        let characters = text.map { CChar(bitPattern: $0) } + [0]
        let copies = words.filter { !$0.isEmpty && !$0.utf8.contains(0) }.map { strdup($0) }
        defer { for copy in copies { free(copy) } }
        var dictionary = copies.map { UnsafePointer<CChar>($0) } + [nil]
        bits = dictionary.withUnsafeMutableBufferPointer { ZxcvbnMatch(characters, $0.baseAddress, nil) }
    }
}
