/// The number of a kind of authenticator; all zeros where it does not say.
public struct AAGUID: Hashable, Sendable, Comparable, CustomStringConvertible {
    public static let length = 16
    public static let none = AAGUID(bytes: Array(repeating: 0, count: length))!

    public let bytes: [UInt8]

    public init?(bytes: [UInt8]) {
        guard bytes.count == Self.length else { return nil }
        self.bytes = bytes
    }

    /// Reads the form with four dashes, in either case.
    public init?(_ text: some StringProtocol) {
        let parts = text.split(separator: "-", omittingEmptySubsequences: false)
        guard parts.map(\.utf8.count) == [8, 4, 4, 4, 12], let bytes = Hex.decode(parts.joined()) else { return nil }
        self.init(bytes: bytes)
    }

    public var description: String {
        var text = Hex.encode(bytes), place = text.startIndex
        for length in [8, 4, 4, 4] {
            place = text.index(place, offsetBy: length)
            text.insert("-", at: place)
            place = text.index(after: place)
        }
        return text
    }

    public static func < (left: Self, right: Self) -> Bool { left.bytes.lexicographicallyPrecedes(right.bytes) }
}

extension AAGUID: Codable {
    public init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        guard let value = AAGUID(try container.decode(String.self)) else {
            throw DecodingError.dataCorruptedError(in: container, debugDescription: "not the number of a kind of authenticator")
        }
        self = value
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(description)
    }
}

/// Names of authenticators that many people have, as their makers call them. Everything else is "a passkey".
public enum AuthenticatorNames {
    public static func name(of kind: AAGUID) -> String? { names[kind.description] }

    private static let names: [String: String] = [
        "ea9b8d66-4d01-1d21-3ce4-b6b48cb575d4": "Google Password Manager", "adce0002-35bc-c60a-648b-0b25f1f05503": "Chrome on Mac",
        "08987058-cadc-4b81-b6e1-30de50dcbe96": "Windows Hello", "9ddd1817-af5a-4672-a2b9-3e3dd95000a9": "Windows Hello",
        "6028b017-b1d4-4c02-b4b3-afcdafc96bb2": "Windows Hello", "fbfc3007-154e-4ecc-8c0b-6e020557d7bd": "Apple Passwords",
        "dd4ec289-e01d-41c9-bb89-70fa845d4bf2": "iCloud Keychain (Managed)", "53414d53-554e-4700-0000-000000000000": "Samsung Pass",
        "bada5566-a7aa-401f-bd96-45619a55120d": "1Password", "d548826e-79b4-db40-a3d8-11116f7e8349": "Bitwarden",
        "531126d6-e717-415c-9320-3d9aa6981239": "Dashlane", "b84e4048-15dc-4dd0-8640-f4f60813c8af": "NordPass",
        "0ea242b4-43c4-4a1b-8b17-dd6d0b6baec6": "Keeper", "f3809540-7f14-49c1-a8b3-8f813b225541": "Enpass",
        "cb69481e-8ff7-4039-93ec-0a2729a154a8": "YubiKey 5", "ee882879-721c-4913-9775-3dfcce97072a": "YubiKey 5",
        "fa2b99dc-9e39-4257-8f92-4a30d23c4118": "YubiKey 5 NFC", "2fc0579f-8113-47ea-b116-bb5a8db9202a": "YubiKey 5 NFC",
        "c5ef55ff-ad9a-4b9f-b580-adebafe026d0": "YubiKey 5Ci", "73bb0cd4-e502-49b8-9c6f-b59445bf720b": "YubiKey 5 FIPS",
        "c1f9a0bc-1dd2-404a-b27f-8e29047a43fd": "YubiKey 5 NFC FIPS", "d8522d9f-575b-4866-88a9-ba99fa02f35b": "YubiKey Bio",
        "f8a011f3-8c0a-4d15-8006-17111f9edc7d": "Security Key by Yubico", "b92c3f9a-c014-4056-887f-140a2501163b": "Security Key by Yubico",
        "6d44ba9b-f6ec-2e49-b930-0c8fe920cb73": "Security Key NFC by Yubico",
    ]
}
