import ConvergeCertificates
import ConvergeCore
import Foundation

@testable import ConvergeServer

/// The lists that administrators give, the reports of a telephone carrier, and the certificates of makers of authenticators.
extension ServerChecks {
    // MARK: lists

    private static func table(_ bytes: [UInt8], columns: [String], required: [String]) throws -> CSVTable? {
        do {
            let table = try CSVTable(bytes, columns: columns, required: required, nothing: "Nothing was added.")
            let numbers = table.rows.map(\.number) + table.problems.map(\.row), count = bytes.count { $0 == 10 } + 1
            try hold(Set(numbers).count == numbers.count && numbers.allSatisfy { (2...count).contains($0) }, "rows \(numbers)")
            try hold(table.rows.allSatisfy { row in row.values.keys.allSatisfy(columns.contains) }, "a column of its own")
            return table
        } catch let problem as AdministrationProblem {
            try isSentence(problem)
            return nil
        }
    }

    /// What is said of a list is one sentence or two, whatever stands in it.
    private static func isSentence(_ problem: AdministrationProblem) throws {
        try hold(problem.description.hasSuffix("."), problem.description)
    }

    static let tokens = ParserCheck(
        "tokens", units: ["17,GEZDGNBVGY3TQOJQ,30\n", "A", "\"a\",", "\n"],
        parse: { bytes in
            let head = Array("serial number,secret key,time interval\n".utf8)
            let table = try? CSVTable(head + bytes, columns: TokenRow.columns, required: TokenRow.required, nothing: "")
            for row in table?.rows ?? [] { _ = try? TokenRow(row, id: "i") }
        }
    ) { bytes in
        for row in try table(bytes, columns: TokenRow.columns, required: TokenRow.required)?.rows ?? [] {
            do {
                let one = try TokenRow(row, id: "i"), totp = one.token.totp
                let key = InventoryToken.key(of: one.token.serial)
                try hold((1...64).contains(key.count) && InventoryToken.key(of: key) == key, "serial number \(key)")
                try hold(TOTP.secretBytes.contains(totp.secret.bytes.count) && [30, 60].contains(totp.period), "key and interval")
                let digits = totp.digits.rawValue, hash = totp.algorithm == .sha1 ? "HmacSHA1" : "hmacsha256"
                try hold((6...8).contains(digits), "\(digits) digits")
                let written = CSV.write([
                    TokenRow.columns,
                    [
                        one.person, one.token.serial, Base32.encode(totp.secret.bytes), "\(totp.period)", one.manufacturer, one.model, hash,
                        "\(digits)",
                    ],
                ])
                let again = try CSVTable(Array(written.utf8), columns: TokenRow.columns, required: TokenRow.required, nothing: "").rows
                try hold(again.count == 1, "it reads back as \(again.count) rows")
                let back = try TokenRow(again[0], id: "i")
                try hold(back.token == one.token && back.person == one.person && back.model == one.model, "it reads back as another token")
            } catch let problem as AdministrationProblem {
                try isSentence(problem)
            }
        }
    }

    static let people = ParserCheck(
        "people", units: ["ada,helpdesk;,a;b\n", ";", "é,\n"],
        parse: { bytes in
            let table = try? CSVTable(
                Array("name,roles,groups\n".utf8) + bytes, columns: NewPerson.columns, required: ["name"], nothing: "")
            for row in table?.rows ?? [] { _ = try? NewPerson(row) }
        }
    ) { bytes in
        for row in try table(bytes, columns: NewPerson.columns, required: ["name"])?.rows ?? [] {
            do {
                let new = try NewPerson(row)
                try hold(new.groups.allSatisfy { !$0.isEmpty && !$0.utf8.contains(UInt8(ascii: ";")) }, "\(new.groups)")
                try hold(new.name == row["name"] && row["kind"].isEmpty || new.kind.rawValue == row["kind"], "another person")
                let known = Set(Role.allCases.map(\.rawValue))
                try hold(
                    row["roles"].split(separator: ";").allSatisfy { part in
                        part.trimmingSpaces().isEmpty || known.contains(part.trimmingSpaces())
                    }, "a role that there is not: \(row["roles"])")
            } catch let problem as AdministrationProblem {
                try isSentence(problem)
            }
        }
    }

    // MARK: reports of a carrier

    /// The path, the form and the signature of a report.
    static let carrier = ParserCheck(
        "carrier", units: ["a=1&", "é"],
        parse: { _ = CarrierSignature.of("https://id.example", FormText.parse(text($0)), token: Secret("t")) }
    ) { bytes in
        let parts = lines(bytes, 3), path = text(parts[0]), fields = FormText.parse(text(parts[1])), typed = text(parts[2])
        let token = Secret("carrier's own token"), site = "https://id.example"
        func isRight(_ signature: String, path: String = path, fields: [String: String] = fields, token: Secret = token) -> Bool {
            CarrierSignature.isRight(signature, path: path, fields, publicURL: site, token: token)
        }
        let right = CarrierSignature.of(site + path, fields, token: token)
        try hold(right.utf8.count == 28 && isRight(right), "its own signature is refused")
        try hold(!isRight(typed) || typed.utf8.elementsEqual(right.utf8), "a signature that nobody made")
        try hold(!isRight(right, path: path + "x") && !isRight(right, token: Secret("another")), "another path, or another token")
        var more = fields
        more["Digits", default: ""] += "#"
        try hold(!isRight(right, fields: more), "another key was pressed")
        let digits = fields["Digits"] ?? ""
        let first = CallKeys.first(digits, report: "0"), rest = CallKeys.rest(digits, report: "012")
        try hold((first == .approve) == digits.utf8.elementsEqual("#".utf8), "\(digits) approves")
        try hold(
            (first == .report) == digits.utf8.elementsEqual("0#".utf8) && (rest == .report) == digits.utf8.elementsEqual("12#".utf8), digits
        )
    }

    // MARK: certificates

    // A maker's key that nobody has any more, and an authenticator's certificate under it.
    private static let anchor = """
        MIIBWzCCAQCgAwIBAgIBATAKBggqhkjOPQQDAjAsMQswCQYDVQQGEwJHQjEOMAwG
        A1UECgwFTWFrZXIxDTALBgNVBAMMBFJvb3QwHhcNMjAwMTAxMDAwMDAwWhcNNDkw
        MTAxMDAwMDAwWjAsMQswCQYDVQQGEwJHQjEOMAwGA1UECgwFTWFrZXIxDTALBgNV
        BAMMBFJvb3QwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAATxTo5wLZ022A42kB/4
        26qtsOe8JRWPy1So/hc+FTkllUMaaSvK4m5F3UXBt3xG51Vno1o9m26kz+UcaVKu
        hs7AoxMwETAPBgNVHRMBAf8EBTADAQH/MAoGCCqGSM49BAMCA0kAMEYCIQC3WPOv
        IQd66kQ2bnxyYrtIZZWOpXoka8ruqKhnYJcZBwIhAIv00SrVCfKozZ+SwXAdG/Xo
        f58yTt5DC1M0LMrj2MWQ
        """
    private static let leaf = """
        MIIBnTCCAUOgAwIBAgIBAjAKBggqhkjOPQQDAjAsMQswCQYDVQQGEwJHQjEOMAwG
        A1UECgwFTWFrZXIxDTALBgNVBAMMBFJvb3QwHhcNMjAwMTAxMDAwMDAwWhcNNDkw
        MTAxMDAwMDAwWjBPMQswCQYDVQQGEwJHQjEOMAwGA1UECgwFTWFrZXIxIjAgBgNV
        BAsMGUF1dGhlbnRpY2F0b3IgQXR0ZXN0YXRpb24xDDAKBgNVBAMMA0tleTBZMBMG
        ByqGSM49AgEGCCqGSM49AwEHA0IABAvmQHwiovMKqT9zbDtEgTPJ4rG9vvit3RUf
        25NXYtq5uNn1RjeK/iw8alQ/sfngWrtVr5Q/TWCBXIkCHCmtkvijMzAxMAwGA1Ud
        EwEB/wQCMAAwIQYLKwYBBAGC5RwBAQQEEgQQABEiM0RVZneImaq7zN3u/zAKBggq
        hkjOPQQDAgNIADBFAiBySPOHTeZc5/57Qc7wC3yygwnSZSC/hFF4Dp0dJkf5TQIh
        AK/mmA5jjpT6s5++tz0IfJas8er4qWZrcR4FFjjKrwd2
        """

    private static let anchors = AttestationAnchors(pem: "-----BEGIN CERTIFICATE-----\n\(anchor)\n-----END CERTIFICATE-----\n")
    private static let known = [anchor, leaf].map { Data(base64Encoded: $0, options: .ignoreUnknownCharacters).map(Array.init) ?? [] }

    /// Certificates one after the other, each behind its length in two bytes; the first is the authenticator's.
    static let certificates = ParserCheck("certificates") { bytes in
        var chain: [[UInt8]] = [], rest = bytes[...]
        while rest.count > 2, chain.count < 4 {
            let length = Int(rest[rest.startIndex]) << 8 | Int(rest[rest.startIndex + 1])
            chain.append(Array(rest.dropFirst(2).prefix(length)))
            rest = rest.dropFirst(2 + length)
        }
        let anchors = try must(anchors, "the anchor of this check is broken"), now = Moment(ms: 1_800_000_000_000)
        try hold(!AttestationAnchors().isAnchored(chain, at: now), "anchored where nobody is trusted")
        if anchors.isAnchored(chain, at: now) { try hold(chain.allSatisfy(known.contains), "a certificate that the maker never made") }
        for der in chain {
            guard let certificate = anchors.certificate(der) else { continue }
            let texts = [certificate.country, certificate.organisation, certificate.unit, certificate.commonName].compactMap { $0 }
            try hold(texts.allSatisfy { $0.utf8.count <= 3 * der.count }, "longer than what it was read from")
            try hold(!certificate.key.verifies(der, of: der) && !certificate.key.verifies([], of: []), "it signed this")
            if let kind = certificate.kind { try hold(AAGUID(kind.description) == kind, "its kind does not read back") }
        }
    }
}
