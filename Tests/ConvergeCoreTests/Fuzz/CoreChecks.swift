@testable import ConvergeCore

/// The parsers of the core.
enum CoreChecks {
    static let all = [
        csv, base32, base64url, hex, address, network, forwarded, signInName, email, phoneNumber, otpauth, percent, numericCode,
        readableCode, nearest, cbor, cose, clientData, authenticatorData, attestation,
        appKey, appRequest, appAnswer, pushKeys, pushHost, answerText,
    ]

    // MARK: files

    private static let limits = CSVLimits(bytes: 4096, rows: 30, columns: 6, fieldBytes: 48)

    static let csv = ParserCheck(
        "csv", units: ["\"a\"\"b\",c\r\n", "a,", "\n", "\"\"\"\"", "ab\n"], parse: { _ = try? CSV.read($0, allowsUneven: true) }
    ) { bytes in
        let separator = bytes.first == UInt8(ascii: ";") ? UInt8(ascii: ";") : UInt8(ascii: ",")
        let uneven = bytes.last == UInt8(ascii: "~"), lineCount = bytes.count { $0 == 10 } + 1
        let rows: [CSVRow]
        do throws(CSVError) {
            rows = try CSV.read(bytes, separator: separator, limits: limits, allowsUneven: uneven)
        } catch {
            try hold((1...lineCount).contains(error.row) && (1...limits.columns + 1).contains(error.column), "error at \(error)")
            try hold(error.kind != .unevenRow || !uneven, "uneven rows were allowed")
            return
        }
        try hold(rows.count <= limits.rows && bytes.count <= limits.bytes, "\(rows.count) rows of \(bytes.count) bytes")
        try hold(zip(rows, rows.dropFirst()).allSatisfy { $0.number < $1.number }, "numbers of records")
        try hold(rows.allSatisfy { (1...lineCount).contains($0.number) && (1...limits.columns).contains($0.fields.count) }, "bounds")
        try hold(uneven || rows.allSatisfy { $0.fields.count == rows[0].fields.count }, "an uneven record")
        try hold(rows.allSatisfy { $0.fields.allSatisfy { $0.utf8.count <= limits.fieldBytes && !$0.utf8.contains(0) } }, "a field")
        let written = CSV.write(rows.map(\.fields))
        let back = try CSV.read(Array(written.utf8), allowsUneven: uneven).map { $0.fields.map(CSV.unguarded) }
        try hold(back.elementsEqual(rows.map(\.fields)) { same($0, $1) }, "reads back as \(back)")
    }

    /// Strings compare canonically equivalent texts as equal; here every byte counts.
    private static func same(_ left: [String], _ right: [String]) -> Bool {
        left.count == right.count && zip(left, right).allSatisfy { $0.utf8.elementsEqual($1.utf8) }
    }

    // MARK: encodings

    static let base32 = ParserCheck(
        "base32", units: ["GEZD GNBV ", "a", "=", "-"], parse: { _ = Base32.decode(text($0), maximumCharacters: .max) }
    ) { bytes in
        let encoded = Base32.encode(bytes)
        try hold(Base32.decode(encoded, maximumCharacters: .max) == bytes, "own text reads back")
        guard let decoded = Base32.decode(text(bytes)) else { return }
        let symbols = text(bytes).uppercased().utf8.filter { !" -=".utf8.contains($0) }
        try hold(Array(Base32.encode(decoded).utf8) == symbols && bytes.count <= Base32.maximumCharacters, "another text of that key")
    }

    static let base64url = ParserCheck(
        "base64url", units: ["QUJD", "-_-_"], parse: { _ = Base64URL.decode(text($0)) }
    ) { bytes in
        try hold(Base64URL.decode(Base64URL.encode(bytes)) == bytes, "own text reads back")
        guard let decoded = Base64URL.decode(text(bytes)) else { return }
        try hold(Array(Base64URL.encode(decoded).utf8) == bytes, "two texts for one value")
    }

    static let hex = ParserCheck("hex", units: ["0aF9"], parse: { _ = Hex.decode(text($0)) }) { bytes in
        try hold(Hex.decode(Hex.encode(bytes)) == bytes, "own text reads back")
        guard let decoded = Hex.decode(text(bytes)) else { return }
        try hold(Hex.encode(decoded) == text(bytes).lowercased(), "another text of that value")
    }

    static let percent = ParserCheck("percent", units: ["a b/é"], parse: { _ = PercentEncoding.encode(text($0)) }) { bytes in
        let encoded = PercentEncoding.encode(text(bytes))
        let unreserved = encoded.utf8.filter { $0 != UInt8(ascii: "%") }
        try hold(unreserved.allSatisfy { isUnreserved($0) }, "a reserved character in \(encoded)")
        try hold(decodePercent(encoded) == Array(text(bytes).utf8), "reads back")
    }

    static func isUnreserved(_ byte: UInt8) -> Bool {
        (48...57).contains(byte) || (65...90).contains(byte) || (97...122).contains(byte) || "-._~".utf8.contains(byte)
    }

    private static func decodePercent(_ text: String) -> [UInt8] {
        var bytes: [UInt8] = [], rest = Array(text.utf8)[...]
        while let byte = rest.popFirst() {
            guard byte == UInt8(ascii: "%") else {
                bytes.append(byte)
                continue
            }
            bytes += Hex.decode(String(decoding: rest.prefix(2), as: UTF8.self)) ?? []
            rest = rest.dropFirst(2)
        }
        return bytes
    }

    // MARK: networks

    static let address = ParserCheck("address") { bytes in
        guard let address = IPAddress(text(bytes)) else { return }
        try hold(address.bytes.count == (address.isV4 ? 4 : 16), "length")
        try hold(IPAddress(address.description) == address, "\(address) reads back")
        try hold(IPAddress(bytes: address.bytes) == address && bytes.allSatisfy { $0 < 128 }, "its bytes")
        let network = try CIDR(address.networkKey)
        try hold(network.contains(address) && network.prefix == (address.isV4 ? 32 : 64), "its budget counts for it")
    }

    static let network = ParserCheck("network") { bytes in
        do throws(CIDRProblem) {
            let network = try CIDR(text(bytes))
            let again = try CIDR(network.description)
            guard again == network, network.contains(network.network), (0...128).contains(network.prefix) else { throw .notAnAddress }
        } catch {
            if case .hostBits(let meant) = error {
                let network = try CIDR(meant)
                try hold(network.description == meant, "the network that is named: \(meant)")
            } else if let once = try? CIDR(text(bytes)) {
                throw Broken(description: "\(once) was read and does not read back")
            }
        }
    }

    static let forwarded = ParserCheck(
        "forwarded", units: ["10.0.0.1, ", ",", "[::1]:1,", " "],
        parse: { bytes in
            let trusted = [try? CIDR("10.0.0.0/8")].compactMap { $0 }
            _ = ClientAddress.resolve(peer: IPAddress(bytes: [10, 0, 0, 1])!, forwardedFor: [text(bytes)], trusted: trusted)
        }
    ) { bytes in
        let parts = lines(bytes, 3)
        guard let peer = IPAddress(text(parts[0])) else { return }
        let trusted = text(parts[1]).split(separator: ",").prefix(4).compactMap { try? CIDR(String($0)) }
        let header = text(parts[2]), isTrusted = { (address: IPAddress) in trusted.contains { $0.contains(address) } }
        let client = ClientAddress.resolve(peer: peer, forwardedFor: [header], trusted: trusted)
        try hold(isTrusted(peer) || client == peer, "a stranger's header was believed")
        guard !isTrusted(client) else { return }
        let invented = ClientAddress.resolve(peer: peer, forwardedFor: ["192.0.2.66", header], trusted: trusted)
        try hold(invented == client, "a hop further left changed \(client) into \(invented)")
        let split = ClientAddress.resolve(peer: peer, forwardedFor: header.split(separator: ",").map(String.init), trusted: trusted)
        try hold(split == client || header.utf8.contains { $0 > 127 } || header.contains(",,"), "several headers are not one")
    }

    // MARK: what people type

    static let signInName = ParserCheck(
        "sign-in-name", units: [" ", "a\u{301}", "ﬁ"], parse: { _ = SignInName(text($0)) }
    ) { bytes in
        guard let name = SignInName(text(bytes)) else { return }
        try hold((1...SignInName.maximumLength).contains(name.normalised.unicodeScalars.count), "length")
        try hold(bytes.count <= SignInName.maximumBytes * 3 && name.typed.utf8.count <= SignInName.maximumBytes, "bytes")
        try hold(!name.typed.hasBlankOrControl && !name.normalised.hasBlankOrControl, "something invisible")
        let again = SignInName(name.normalised)?.normalised
        try hold(again?.utf8.elementsEqual(name.normalised.utf8) ?? false, "its normal form is another name: \(again ?? "none")")
        for variant in [name.typed.uppercased(), name.typed.lowercased(), " \(name.typed)\u{3000}"] {
            if let other = SignInName(variant) { try hold(other == name, "\(variant) is somebody else") }
        }
    }

    static let email = ParserCheck("email", units: [" ", "a.", "@"], parse: { _ = EmailAddress(text($0)) }) { bytes in
        guard let mail = EmailAddress(text(bytes)) else { return }
        let address = mail.address, sides = address.utf8.split(separator: UInt8(ascii: "@"), omittingEmptySubsequences: false)
        try hold(address.utf8.count <= 254 && sides.count == 2 && (1...64).contains(sides[0].count), "form of \(address)")
        try hold(!address.hasBlankOrControl && !address.utf8.contains { "<>,;\"\\".utf8.contains($0) }, "header of \(address)")
        try hold(Array(mail.domain.utf8) == Array(sides[1]), "domain \(mail.domain) of \(address)")
        let labels = sides[1].split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        try hold(labels.count > 1 && labels.allSatisfy { (1...63).contains($0.count) }, "labels of \(address)")
        try hold(EmailAddress(address)?.address.utf8.elementsEqual(address.utf8) ?? false, "\(address) does not read back")
        try hold("\(mail)" == mail.masked && mail.masked.count <= 6, "the mask shows \(mail.masked)")
    }

    static let phoneNumber = ParserCheck("phone-number") { bytes in
        guard let number = PhoneNumber(e164: text(bytes)) else { return }
        try hold(bytes.first == UInt8(ascii: "+") && (8...16).contains(bytes.count), "length")
        try hold(bytes.dropFirst().allSatisfy { (48...57).contains($0) } && bytes[1] != 48, "digits")
        try hold("\(number)".utf8.count { (48...57).contains($0) } == 2, "the description shows more than two digits")
    }

    static let otpauth = ParserCheck(
        "otpauth", units: ["a", " ", ":", "é"],
        parse: { _ = OtpauthURI(totp: TOTP(secret: Secret("12345678901234567890"))!, issuer: text($0), account: text($0))?.text }
    ) { bytes in
        let parts = lines(bytes, 2), totp = TOTP(secret: Secret("12345678901234567890"))!
        guard let uri = OtpauthURI(totp: totp, issuer: text(parts[0]), account: text(parts[1])) else { return }
        try hold(uri.issuer.unicodeScalars.count <= 40 && (1...113).contains(uri.account.unicodeScalars.count), "length")
        let written = uri.text.text, allowed = Set("-._~%:/?=&".utf8)
        try hold(written.utf8.allSatisfy { isUnreserved($0) || allowed.contains($0) } && written.utf8.count < 1900, written)
        let sides = written.utf8.split(separator: UInt8(ascii: "?"), omittingEmptySubsequences: false).map { String(Substring($0)) }
        try hold(sides.count == 2 && sides[0].hasPrefix("otpauth://totp/"), "form")
        let label = text(decodePercent(String(sides[0].dropFirst(15))))
        try hold(label == (uri.issuer.isEmpty ? "" : uri.issuer + ":") + uri.account, "the label is \(label)")
        try hold(sides[1].split(separator: "&").count == (uri.issuer.isEmpty ? 4 : 5), "another parameter")
        let key = try must(Base32.decode(uri.keyInGroups.text), "the key by hand")
        try hold(key == totp.secret.bytes && "\(uri.text)" == "***", "the key by hand is another, or shows")
    }

    static let numericCode = ParserCheck("numeric-code") { bytes in
        guard let code = OneTimeCode.normalise(Secret(bytes: bytes)) else { return }
        try hold((1...12).contains(code.bytes.count) && code.bytes.allSatisfy { (48...57).contains($0) }, "digits")
        try hold(OneTimeCode.normalise(code) == code && bytes.count <= 128, "once more")
    }

    static let readableCode = ParserCheck("readable-code") { bytes in
        let typed = text(bytes), symbols = Set(ReadableCode.alphabet.utf8)
        guard let normal = ReadableCode.normalise(typed) else { return }
        try hold((1...64).contains(normal.utf8.count) && normal.utf8.allSatisfy(symbols.contains), "symbols")
        try hold(ReadableCode.normalise(normal) == normal, "once more")
        for shape in [ReadableCodeShape.recoveryCode, .accessPass, .caseCode, AppActivation.shape] {
            guard let code = ReadableCode(shape, typed: typed) else { continue }
            try hold(code.canonical.text == normal && shape.lengths.contains(normal.utf8.count), "shape")
            try hold(ReadableCode(shape, typed: code.shown(shape).text) == code, "what is shown is another code")
            try hold(code.selector?.utf8.count ?? 4 == 4 && (code.selector == nil) == (normal.utf8.count < 10), "selector")
        }
    }

    static let nearest = ParserCheck(
        "nearest", units: ["trustedNetwork", "é"], parse: { _ = Nearest.nearest(to: text($0), in: ["trustedNetworks", "mfa", "reset"]) }
    ) { bytes in
        let parts = lines(bytes, 2), typed = text(parts[0]), known = ["trustedNetworks", "mfa", "reset", "", text(parts[1])]
        guard let near = Nearest.nearest(to: typed, in: known) else { return }
        try hold(known.contains(near) && typed.utf8.count <= 400, "it is none of them")
        let far = Nearest.distance(typed.lowercased(), near.lowercased())
        try hold(far <= max(1, typed.count / 3) && far == Nearest.distance(near.lowercased(), typed.lowercased()), "distance \(far)")
    }

    // MARK: passkeys

    static let cbor = ParserCheck("cbor", units: ["\u{01}", "aa", "\u{F5}"], parse: { _ = try? CBOR.read($0) }) { bytes in
        let item: CBOR
        do throws(CBORError) { item = try CBOR.read(bytes) } catch {
            guard error == .trailingBytes, let (first, rest) = try? CBOR.readFirst(bytes[...]) else { return }
            return try hold(first.encoded + rest == bytes && !rest.isEmpty, "what comes after the first item")
        }
        try hold(item.encoded == bytes, "two encodings of one item")
        try hold(depth(item) <= CBOR.maximumDepth, "too deep")
    }

    private static func depth(_ item: CBOR) -> Int {
        switch item {
        case .array(let items): 1 + (items.map(depth).max() ?? 0)
        case .map(let entries): 1 + (entries.map { depth($0.value) }.max() ?? 0)
        default: 0
        }
    }

    static let cose = ParserCheck("cose") { bytes in
        let key: SigningKey
        do throws(PasskeyProblem) { key = try SigningKey(cose: bytes) } catch {
            return try hold(error.code.utf8.count < 40 && !error.code.hasControl, "a reason for the log")
        }
        try hold(try SigningKey(cose: key.cose) == key, "what is kept of it is another key")
        try hold(!key.verifies(bytes, of: bytes) && !key.verifies([], of: []), "it signed this")
        if case .rsa(let modulus, _) = key { try hold((256...512).contains(modulus.count), "\(modulus.count) bytes") }
    }

    static let clientData = ParserCheck("client-data", units: [" ", "\"a\",", "["], parse: { _ = try? ClientData($0) }) { bytes in
        guard let data = try? ClientData(bytes) else { return }
        try hold(bytes.count <= ClientData.maximumLength && data.challenge.count < bytes.count, "bounds")
        try hold(data.origin.utf8.count <= bytes.count && (data.ceremony?.rawValue.hasPrefix("webauthn.") ?? true), "what it says")
    }

    static let authenticatorData = ParserCheck(
        "authenticator-data", units: ["a", "\u{01}"], parse: { _ = try? AuthenticatorData($0) }
    ) { bytes in
        guard let data = try? AuthenticatorData(bytes) else { return }
        try hold(data.relyingPartyHash == Array(bytes[..<32]) && (!data.isBackedUp || data.isBackupEligible), "flags")
        try hold((data.attested == nil) == (bytes[32] & 0x40 == 0) && (bytes.count == 37 || bytes[32] & 0xC0 != 0), "what follows")
        guard let attested = data.attested else { return }
        try hold((1...AuthenticatorData.maximumIDLength).contains(attested.id.count) && attested.id.count < bytes.count, "its id")
        try hold(AAGUID(attested.kind.description) == attested.kind, "its kind does not read back")
    }

    static let attestation = ParserCheck("attestation", units: ["a", "\u{01}"], parse: { _ = try? AttestationObject($0) }) { bytes in
        let expected = PasskeyExpectation(challenge: [1], origin: "o", relyingParty: "r", needsVerification: false)
        do throws(PasskeyProblem) {
            _ = try PasskeyCeremony.register(
                clientData: Array(#"{"type":"webauthn.create","challenge":"AQ","origin":"o"}"#.utf8), attestation: bytes, transports: [],
                expected, rules: AuthenticatorRules(), trust: NoAttestationTrust(), now: Moment(ms: 0))
            throw .signature
        } catch {
            // Nothing here was made for the site "r": either it is broken, or it is for another one.
            try hold(error != .signature && !error.code.hasControl && error.code.utf8.count < 80, error.code)
        }
    }
}

extension String {
    /// Whether a log would be broken by it.
    fileprivate var hasControl: Bool { unicodeScalars.contains { $0.properties.generalCategory == .control } }
}
