import ConvergeCore
import Crypto
import Foundation

/// What a carrier signs its reports with: HMAC-SHA1, under the account's token, of the address as it was given to the carrier and of
/// every field with its value, in the order of their names.
enum CarrierSignature {
    static func of(_ address: String, _ fields: [String: String], token: Secret) -> String {
        let text = fields.sorted { Array($0.key.utf8).lexicographicallyPrecedes(Array($1.key.utf8)) }.reduce(address) {
            $0 + $1.key + $1.value
        }
        let code = HMAC<Insecure.SHA1>.authenticationCode(for: Data(text.utf8), using: SymmetricKey(data: token.bytes))
        return Data(code).base64EncodedString()
    }

    /// Whether a signature is right for an address below the public one.
    static func isRight(_ signature: String, path: String, _ fields: [String: String], publicURL: String, token: Secret) -> Bool {
        equalInConstantTime(Array(signature.utf8), Array(of(publicURL + path, fields, token: token).utf8))
    }
}
