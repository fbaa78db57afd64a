/// The Key URI format that authenticator apps read from a QR code: `otpauth://totp/Issuer:account?secret=…`.
///
/// It is a de facto standard (google-authenticator wiki, "Key Uri Format"). Every parameter is written even where it has
/// its default value, because some apps guess differently.
public struct OtpauthURI: Hashable, Sendable {
    /// Longest issuer and account written, in Unicode scalars: what a QR code carries and an app still shows.
    public static let maximumIssuer = 40, maximumAccount = 113

    /// The key and its parameters.
    public let totp: TOTP
    /// The organisation, cleaned; empty when it has no name.
    public let issuer: String
    /// The account, cleaned.
    public let account: String

    /// Returns nil when no account name is left after cleaning.
    ///
    /// Neither name may contain a colon (it separates the two, encoded or not) or a control character: both become a
    /// space, and runs of white space become one.
    public init?(totp: TOTP, issuer: String, account: String) {
        self.totp = totp
        self.issuer = Self.clean(issuer, maximum: Self.maximumIssuer)
        self.account = Self.clean(account, maximum: Self.maximumAccount)
        guard !self.account.isEmpty else { return nil }
    }

    /// The URI. It carries the key, so it prints as `***`.
    public var text: Secret {
        let issuer = PercentEncoding.encode(issuer)
        let prefix = issuer.isEmpty ? "" : issuer + ":"
        var query = ["secret=" + Base32.encode(totp.secret.bytes)]
        if !issuer.isEmpty { query.append("issuer=" + issuer) }
        query.append("algorithm=" + totp.algorithm.rawValue)
        query.append("digits=\(totp.digits.rawValue)")
        query.append("period=\(totp.period)")
        return Secret("otpauth://totp/" + prefix + PercentEncoding.encode(account) + "?" + query.joined(separator: "&"))
    }

    /// The key for typing by hand, in groups of four: `GEZD GNBV …`. `Base32.decode` reads it back.
    public var keyInGroups: Secret { Secret(Base32.encode(totp.secret.bytes).grouped(by: 4, separator: " ")) }

    private static func clean(_ name: String, maximum: Int) -> String {
        var scalars = String.UnicodeScalarView()
        for scalar in name.unicodeScalars {
            let properties = scalar.properties
            let blank = scalar == ":" || properties.isWhitespace || properties.generalCategory == .control
            if !blank {
                scalars.append(scalar)
            } else if let last = scalars.last, last != " " {
                scalars.append(" ")
            }
            if scalars.count == maximum { break }
        }
        return String(scalars).trimmingSpaces()
    }
}

/// Percent-encoding, RFC 3986 §2.1.
public enum PercentEncoding {
    /// Everything but the unreserved characters of RFC 3986 §2.3 is encoded, so the result fits a path segment, a query
    /// key or a query value; a space becomes `%20`, never a plus sign.
    public static func encode(_ text: String) -> String {
        let hex = Array("0123456789ABCDEF".utf8)
        var encoded: [UInt8] = []
        for byte in text.utf8 {
            switch byte {
            case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2D, 0x2E, 0x5F, 0x7E: encoded.append(byte)
            default: encoded += [0x25, hex[Int(byte >> 4)], hex[Int(byte & 15)]]
            }
        }
        return String(decoding: encoded, as: UTF8.self)
    }
}

extension String {
    /// The text cut into groups of so many characters.
    func grouped(by size: Int, separator: String) -> String {
        guard size > 0 else { return self }
        var groups: [Substring] = []
        var rest = self[...]
        while !rest.isEmpty {
            groups.append(rest.prefix(size))
            rest = rest.dropFirst(size)
        }
        return groups.joined(separator: separator)
    }
}
