import ConvergeCore

@testable import ConvergeServer

/// The parsers of the server that stand alone.
enum ServerChecks {
    static let all = [form, cookies, localPath, policy, settings, phone, mail, password, day, tokens, people, carrier, certificates]

    // MARK: requests

    static let form = ParserCheck(
        "form", units: ["a=%41&", "&", "%", "+", "a=é&", "="], parse: { _ = FormText.parse(text($0)) }
    ) { bytes in
        let fields = FormText.parse(text(bytes))
        try hold(fields.count <= FormText.fieldsMax, "\(fields.count) fields")
        let size = fields.reduce(0) { $0 + $1.key.utf8.count + $1.value.utf8.count }
        // Bytes that are no UTF-8 become a replacement character of three.
        try hold(size <= 3 * bytes.count, "\(size) bytes out of \(bytes.count)")
        let encoded = fields.map { PercentEncoding.encode($0.key) + "=" + PercentEncoding.encode($0.value) }
        try hold(FormText.parse(encoded.joined(separator: "&")) == fields, "reads back")
        let form = Fields(fields)
        try hold(fields.allSatisfy { form[$0.key] == $0.value && form.isTicked($0.key) }, "a field is lost")
        try hold((form.tooLong == nil) == fields.values.allSatisfy { $0.utf8.count <= Fields.longest }, "too long")
    }

    static let cookies = ParserCheck(
        "cookies", units: ["a=b; ", ";", "=", " "], parse: { _ = CookieText.parse([text($0)]) }
    ) { bytes in
        let header = text(bytes), cookies = CookieText.parse([header])
        try hold(cookies.count <= CookieText.cookiesMax, "\(cookies.count) cookies")
        for (name, value) in cookies {
            try hold(!name.isEmpty && !value.isEmpty && !(name + value).utf8.contains(UInt8(ascii: ";")), "\(name)=\(value)")
            try hold(name.trimmingSpaces() == name && value.trimmingSpaces() == value, "spaces around \(name)")
        }
        let written = cookies.map { "\($0.key)=\($0.value)" }.joined(separator: "; ")
        try hold(CookieText.parse([written]) == cookies, "reads back")
        guard cookies.count < CookieText.cookiesMax else { return }
        let more = CookieText.parse([written, "converge-more=1"])
        try hold(more["converge-more"] == "1" && more.count >= cookies.count, "a second header is read too")
    }

    static let localPath = ParserCheck(
        "local-path", units: ["/a", "/\u{301}"], parse: { _ = LocalPath.checked(text($0)) }
    ) { bytes in
        guard let path = LocalPath.checked(text(bytes)) else { return }
        let kept = Array(path.utf8)
        try hold(kept == bytes && kept.count <= 2048, "another path")
        // What browsers leave out of an address before they read it: tabs, line ends, and what IDNA ignores.
        let seen = path.unicodeScalars.filter { $0.value > 32 && !$0.properties.isDefaultIgnorableCodePoint }.map { $0 == "\\" ? "/" : $0 }
        try hold(seen.first == "/" && (seen.count < 2 || seen[1] != "/"), "a browser reads another host in \(path)")
        try hold(!path.hasBlankOrControl, "a line end for the header")
    }

    static let day = ParserCheck("day") { bytes in
        guard let start = OrganisationCalendar(zone: "Europe/London").startOfDay(text(bytes)) else { return }
        // The zone is at most an hour from Greenwich, and never read before 1970 or after 9999.
        try hold((-3_600_000...253_402_300_800_000).contains(start.ms) && start.ms % 1000 == 0, "\(start)")
    }

    // MARK: files

    static let file = PolicyFile(groups: [GroupID("g1"): "Sales", GroupID("g2"): "The board"])

    static let policy = ParserCheck(
        "policy", units: ["# note\n", "k№: 1\n", "[", "{a: ", "- ", "  ", "\"", "trustedNetwork: [\n", "x", "a b\n"],
        parse: { _ = try? file.read(text($0)) }
    ) { bytes in
        let document: PolicyDocument
        do {
            document = try file.read(text(bytes))
        } catch let problems as PolicyFile.Problems {
            try hold(!problems.lines.isEmpty && problems.lines.allSatisfy { $0.hasSuffix(".") || $0.hasSuffix("?") }, "\(problems)")
            return
        }
        let written = file.write(document)
        do {
            try hold(try file.read(written) == document, "reads back as another document:\n\(written)")
        } catch let problems as PolicyFile.Problems {
            throw Broken(description: "own file refused: \(problems)\n\(written)")
        }
        try hold(document.reset.allSatisfy { (1...2).contains($0.gates) } && (0...365).contains(document.bridge.days), "bounds")
        try hold((8...64).contains(document.password.minimumLength) && (1...720).contains(document.session.absoluteHours), "bounds")
        try hold(document.trustedNetworks.allSatisfy { (try? CIDR($0)) != nil }, "a network")
    }

    static let settings = ParserCheck(
        "settings", units: ["# note\n", "k№: 1\n", "[", "{a: ", "- ", "organisation:\n", "\""],
        parse: { _ = ConfigReader(yaml: text($0), environment: [:]) }
    ) { bytes in
        var reader = ConfigReader(yaml: text(bytes), environment: [:])
        for key in ConfigKey.all {
            let before = reader.problems.count
            switch key.kind {
            case .list:
                // What is not given comes from the table.
                let most = max(bytes.count * 3, key.fallback?.utf8.count ?? 0)
                try hold(reader.list(key.name).allSatisfy { $0.utf8.count <= most }, key.name)
            case .number:
                let number = reader.number(key.name, in: 0...65_535)
                try hold((0...65_535).contains(number), "\(key.name) is \(number)")
            case .text: _ = reader.text(key.name)
            }
            try hold(reader.problems.dropFirst(before).allSatisfy { $0.hasPrefix(key.name) }, "a problem without its setting")
        }
        try hold(reader.problems.allSatisfy { !$0.isEmpty } && reader.asked.count == ConfigKey.all.count, "problems")
    }

    // MARK: contacts

    static let phone = ParserCheck(
        "phone", units: ["1", " ", "+", "ext", "٣"], parse: { _ = PhoneParser.parse(text($0), region: "GB") }
    ) { bytes in
        let parts = lines(bytes, 2), region = text(parts[0])
        if case .success(let office) = PhoneParser.parse(text(parts[1]), region: region, takesExtension: true) {
            let digits = office.extension ?? "1"
            try hold((1...8).contains(digits.utf8.count) && digits.utf8.allSatisfy { (48...57).contains($0) }, "extension \(digits)")
            try hold(DialledNumber(office.number, extension: office.extension) != nil, "a number that cannot be dialled")
        }
        guard case .success(let phone) = PhoneParser.parse(text(parts[1]), region: region) else { return }
        let e164 = phone.number.e164
        try hold(PhoneNumber(e164: e164) != nil && e164.utf8.count <= 16, e164)
        // Some countries' numbers are shown without a digit that only calls from abroad need.
        let shown = phone.display.utf8.filter { (48...57).contains($0) }
        try hold(shown.suffix(4).elementsEqual(e164.utf8.suffix(4)) && shown.first == e164.utf8.dropFirst().first, phone.display)
        let again = try? PhoneParser.parse(e164, region: "US").get().number
        try hold(again == phone.number, "\(e164) reads back as \(again?.e164 ?? "nothing")")
        let isCode = phone.region.utf8.count == 2 && phone.region.utf8.allSatisfy { (65...90).contains($0) }
        try hold(phone.region == region || isCode, "region")
    }

    static let password = ParserCheck(
        "password", units: ["a", "pass", "é", "1234"], parse: { _ = Strength(of: Secret(bytes: $0)).score }
    ) { bytes in
        let parts = lines(bytes, 2), password = Secret(bytes: parts[1]), strength = Strength(of: password, words: [text(parts[0])])
        try hold(strength.bits >= 0 && strength.bits.isFinite && (0...4).contains(strength.score), "\(strength.bits) bits")
        guard let normal = PasswordText.normalised(password) else { return }
        try hold(PasswordText.normalised(normal)?.bytes == normal.bytes || normal.bytes.count > PasswordRules.maximumBytes, "once more")
        try hold(strength.bits <= Strength(of: password).bits + 0.001, "a word of one's own makes it stronger")
        for rules in [PasswordRules.nist, .entra] {
            let facts = PasswordFacts(password: password, rules: rules, names: [text(parts[0])], banned: [text(parts[0]), "harbour"])
            let fits = (rules.minimumLength...PasswordRules.maximumLength).contains(normal.text.unicodeScalars.count)
            try hold(!facts.problems.isEmpty || fits, "too short or too long, yet nothing is wrong")
        }
    }

    /// Not read but written: names and sentences from outside into the headers and lines of a mail.
    static let mail = ParserCheck(
        "mail", units: ["é", "a", "=", "\r", "\n", " "],
        parse: { bytes in
            _ = try? message(name: "Converge", subject: "Code", body: text(bytes)).bytes()
        }
    ) { bytes in
        let parts = lines(bytes, 3), body = text(parts[2])
        let written: [UInt8]
        do {
            written = try message(name: text(parts[0]), subject: text(parts[1]), body: body).bytes()
        } catch MIMEError.unsafeHeader(let header) {
            try hold(["From", "Subject"].contains(header), header)
            return
        }
        try hold(zip([0] + written, written).allSatisfy { ($0 == 13) == ($1 == 10) }, "a line end alone")
        let wire = String(decoding: written, as: UTF8.self).split(separator: "\r\n", omittingEmptySubsequences: false)
        let address = " <id@example.org>".utf8.count
        try hold(wire.allSatisfy { $0.utf8.count <= 78 + ($0.hasSuffix(".org>") ? address : 0) }, "a line too long")
        try hold(written.allSatisfy { $0 < 128 }, "no ASCII")
        let head = wire.prefix { !$0.isEmpty }.filter { !$0.hasPrefix(" ") }.map { $0.prefix { $0 != ":" } }
        try hold(head == ["From", "To", "Subject", "Date", "Message-ID", "Auto-Submitted", "MIME-Version", "Content-Type"], "\(head)")
        try hold(wire.count { $0 == "--=_key" } == 2 && wire.count { $0 == "--=_key--" } == 1, "another part")
        let plain = wire.drop { !$0.hasPrefix("Content-Transfer-Encoding") }.dropFirst(2).prefix { !$0.hasPrefix("--=_key") }
        let unix = body.replacing("\r\n", with: "\n").replacing("\r", with: "\n")
        try hold(decodeQuotedPrintable(Array(plain)) == Array(unix.utf8), "the text reads back")
    }

    private static func message(name: String, subject: String, body: String) -> MailMessage {
        MailMessage(
            fromName: name, from: EmailAddress("id@example.org")!, to: EmailAddress("ada@mail.example")!, subject: subject, text: body,
            html: "<p></p>", date: Moment(ms: 1_700_000_000_000), key: "key")
    }

    private static func decodeQuotedPrintable(_ lines: [Substring]) -> [UInt8] {
        var bytes: [UInt8] = []
        for (number, line) in lines.enumerated() {
            var rest = Array(line.utf8)[...], isSoft = false
            while let byte = rest.popFirst() {
                if byte != UInt8(ascii: "=") {
                    bytes.append(byte)
                } else if rest.isEmpty {
                    isSoft = true
                } else {
                    bytes += Hex.decode(String(decoding: rest.prefix(2), as: UTF8.self)) ?? []
                    rest = rest.dropFirst(2)
                }
            }
            if !isSoft, number < lines.count - 1 { bytes.append(10) }
        }
        return bytes
    }
}
