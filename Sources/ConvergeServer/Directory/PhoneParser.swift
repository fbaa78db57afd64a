import CPhone
public import ConvergeCore
import Foundation

/// What is wrong with a typed number, one sentence each on the page.
public enum PhoneProblem: String, Error, Hashable, Sendable, CaseIterable {
    case empty
    /// An extension was typed; codes cannot be sent to one.
    case `extension`
    /// No such number can exist.
    case impossible
    /// A premium-rate number: every code would cost the organisation money.
    case premium
    case tooLong
}

/// A number as it is stored and as it is shown to its owner.
public struct ParsedPhone: Hashable, Sendable {
    public let number: PhoneNumber
    /// The usual international form, with spaces.
    public let display: String
    /// ISO 3166-1 alpha-2 code of the number's country.
    public let region: String
}

/// Reads telephone numbers as people type them. The numbering data of the library ages, so a number that is merely
/// not known to be assigned is accepted: the code sent to it is the proof.
public enum PhoneParser {
    /// - Parameter region: the country chosen beside the field (ISO 3166-1 alpha-2); a typed `+` overrides it.
    public static func parse(_ typed: String, region: String) -> Result<ParsedPhone, PhoneProblem> {
        let text = typed.trimmingSpaces()
        guard text.contains(where: \.isNumber) else { return .failure(text.isEmpty ? .empty : .impossible) }
        guard text.utf8.count <= 60, !text.utf8.contains(0) else { return .failure(.tooLong) }
        var answer = cphone_result()
        guard cphone_parse(text, text.utf8.count, region, &answer) == 0 else {
            return .failure(text.count { $0.isNumber } > 17 ? .tooLong : .impossible)
        }
        if answer.has_extension != 0 { return .failure(.extension) }
        let e164 = string(answer.e164)
        if e164.count > 16 { return .failure(.tooLong) }
        // 4 is libphonenumber's PREMIUM_RATE.
        if answer.type == 4 { return .failure(.premium) }
        guard answer.possible != 0, let number = PhoneNumber(e164: e164) else { return .failure(.impossible) }
        let found = string(answer.region)
        let isKnown = found.count == 2 && found != "ZZ"
        let country = isKnown ? found : Countries.region(of: Int(answer.country_code), preferring: region)
        return .success(ParsedPhone(number: number, display: string(answer.international), region: country))
    }

    /// C arrays arrive as tuples.
    private static func string<Tuple>(_ tuple: Tuple) -> String {
        withUnsafeBytes(of: tuple) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
    }
}

/// A country as the list beside a number field shows it.
public struct Country: Hashable, Sendable {
    /// ISO 3166-1 alpha-2.
    public let code: String
    /// In English.
    public let name: String
    /// Without the plus sign, for example 44.
    public let callingCode: Int

    public init(code: String, name: String, callingCode: Int) {
        self.code = code
        self.name = name
        self.callingCode = callingCode
    }
}

/// The countries that have telephone numbers.
public enum Countries {
    /// Sorted by name as people expect it, accents aside.
    public static let all: [Country] = {
        let english = Locale(identifier: "en_GB")
        let countries = Locale.Region.isoRegions.compactMap { region -> Country? in
            let code = region.identifier
            let callingCode = code.count == 2 ? Int(cphone_country_code(code)) : 0
            guard callingCode > 0, let name = english.localizedString(forRegionCode: code) else { return nil }
            return Country(code: code, name: name, callingCode: callingCode)
        }
        return countries.sorted { sortKey($0) < sortKey($1) }
    }()

    /// The calling code of a country, nil when it has none.
    public static func callingCode(of region: String) -> Int? {
        let code = Int(cphone_country_code(region))
        return code > 0 ? code : nil
    }

    /// The region of a calling code: the preferred one when it has that code, else the main one that has it. `ZZ`, no country, for
    /// satellites and networks that are nowhere: they must not pass for a number of the preferred one.
    static func region(of callingCode: Int, preferring region: String) -> String {
        var main: [CChar] = [0, 0, 0, 0]
        if self.callingCode(of: region) == callingCode { return region }
        guard cphone_main_region(Int32(callingCode), &main) == 0 else { return "ZZ" }
        return String(decoding: main.prefix(2).map(UInt8.init(bitPattern:)), as: UTF8.self)
    }

    private static func sortKey(_ country: Country) -> String {
        country.name.folding(options: [.diacriticInsensitive, .caseInsensitive], locale: nil)
    }
}
