import Crypto
import Foundation

/// The content coding `aes128gcm`, RFC 8188: what a push service carries without being able to read it.
enum ContentEncoding {
    static let saltLength = 16
    /// Bytes that the tag and the delimiter of a record add.
    static let overhead = 17

    /// Seals records, each of which ends with its delimiter and its padding already.
    ///
    /// - Parameters:
    ///   - keyID: stands in clear in front of the records; at most 255 bytes.
    ///   - recordSize: of each sealed record but the last.
    /// - Returns: nil when a length is out of bounds.
    static func seal(_ records: [[UInt8]], key: [UInt8], salt: [UInt8], keyID: [UInt8], recordSize: Int) -> [UInt8]? {
        guard salt.count == saltLength, keyID.count <= 255, recordSize > overhead, recordSize <= Int(UInt32.max), !records.isEmpty,
            records.dropLast().allSatisfy({ $0.count == recordSize - 16 }), records.last!.count <= recordSize - 16
        else { return nil }
        let secret = HKDF<SHA256>.extract(inputKeyMaterial: SymmetricKey(data: key), salt: salt)
        let content = HKDF<SHA256>.expand(pseudoRandomKey: secret, info: Data("Content-Encoding: aes128gcm\0".utf8), outputByteCount: 16)
        let base = HKDF<SHA256>.expand(pseudoRandomKey: secret, info: Data("Content-Encoding: nonce\0".utf8), outputByteCount: 12)
        let nonce = base.withUnsafeBytes { Array($0) }
        var body = salt + withUnsafeBytes(of: UInt32(recordSize).bigEndian) { Array($0) } + [UInt8(keyID.count)] + keyID
        for (number, record) in records.enumerated() {
            guard let nonce = try? AES.GCM.Nonce(data: counted(nonce, UInt64(number))),
                let box = try? AES.GCM.seal(record, using: content, nonce: nonce)
            else { return nil }
            body += Array(box.ciphertext) + Array(box.tag)
        }
        return body
    }

    /// The nonce of a record: the base with the record's number added bit by bit.
    private static func counted(_ base: [UInt8], _ number: UInt64) -> [UInt8] {
        var nonce = base
        for (offset, byte) in withUnsafeBytes(of: number.bigEndian, Array.init).enumerated() { nonce[nonce.count - 8 + offset] ^= byte }
        return nonce
    }
}
