import ConvergeCore

/// One token as a row of a CSV file tells it.
struct TokenRow {
    let token: InventoryToken
    let person: String
    let manufacturer: String
    let model: String

    static let required = ["serial number", "secret key", "time interval"]
    static let columns = ["upn", "serial number", "secret key", "time interval", "manufacturer", "model", "hash function", "digits"]
    static let nothing = "No token was added."
    private static let hashes: [String: OTPAlgorithm] = ["": .sha1, "hmacsha1": .sha1, "hmacsha256": .sha256]

    init(_ row: CSVTable.Row, id: String) throws {
        let serial = row["serial number"]
        guard (1...64).contains(InventoryToken.key(of: serial).count) else { throw AdministrationProblem("A serial number is missing.") }
        guard let key = Base32.decode(row["secret key"]), TOTP.secretBytes.contains(key.count) else {
            throw AdministrationProblem("The secret key is not Base 32 of 10 to 128 bytes.")
        }
        guard let period = Int(row["time interval"]), period == 30 || period == 60 else {
            throw AdministrationProblem("The time interval is 30 or 60 seconds.")
        }
        guard let algorithm = Self.hashes[row["hash function"].lowercased()] else {
            throw AdministrationProblem("The hash function is hmacsha1 or hmacsha256.")
        }
        let text = row["digits"]
        guard let digits = OTPDigits(rawValue: Int(text.isEmpty ? "6" : text) ?? 0),
            let totp = TOTP(secret: Secret(bytes: key), algorithm: algorithm, digits: digits, period: period)
        else { throw AdministrationProblem("A code has 6, 7 or 8 digits.") }
        token = InventoryToken(id: id, serial: serial, totp: totp)
        person = row["upn"]
        manufacturer = row["manufacturer"]
        model = row["model"]
    }
}
