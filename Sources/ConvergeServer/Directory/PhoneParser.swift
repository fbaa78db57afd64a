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
    /// A number whose owner earns from whoever reaches it: every code would cost the organisation money.
    case premium
    /// A pager, a voicemail or a company's own number: no text can be read there.
    case noTexts
    case tooLong
}

/// A number as it is stored and as it is shown to its owner.
public struct ParsedPhone: Hashable, Sendable {
    public let number: PhoneNumber
    /// The usual international form, with spaces.
    public let display: String
    /// ISO 3166-1 alpha-2 code of the number's country.
    public let region: String
    /// False for kinds of numbers that texts never reach; an office may have one of them all the same.
    public let takesTexts: Bool
    /// Known to stay where it is.
    public let isLandline: Bool
    /// Digits behind it.
    public let `extension`: String?
}

/// What kind of number it is, as libphonenumber counts them (`PhoneNumberType` in phonenumberutil.h).
private enum NumberKind: Int32 {
    case fixedLine = 0
    case premiumRate = 4
    case sharedCost = 5
    /// Follows its owner, who may forward it anywhere at the caller's cost (070 in the United Kingdom, 0700 in Germany).
    case personal = 7
    case pager = 8
    /// One number for a whole company.
    case universalAccess = 9
    case voicemail = 10

    var isExpensive: Bool { [.premiumRate, .sharedCost, .personal].contains(self) }
}

/// Reads telephone numbers as people type them. The numbering data of the library ages, so a number that is merely
/// not known to be assigned is accepted: the code sent to it is the proof.
public enum PhoneParser {
    /// - Parameter region: the country chosen beside the field (ISO 3166-1 alpha-2); a typed `+` overrides it.
    /// - Parameter takesExtension: whether one may stand behind the number.
    public static func parse(
        _ typed: String, region: String, takesExtension: Bool = false
    ) -> Result<ParsedPhone, PhoneProblem> {
        let text = typed.trimmingSpaces()
        guard text.contains(where: \.isNumber) else { return .failure(text.isEmpty ? .empty : .impossible) }
        guard text.utf8.count <= 60, !text.utf8.contains(0) else { return .failure(.tooLong) }
        var answer = cphone_result()
        guard cphone_parse(text, text.utf8.count, region, &answer) == 0 else {
            return .failure(text.count { $0.isNumber } > 17 ? .tooLong : .impossible)
        }
        let digits = answer.has_extension != 0 ? string(answer.extension) : nil
        if let digits, !takesExtension || digits.utf8.count > 8 { return .failure(.extension) }
        let e164 = string(answer.e164)
        if e164.count > 16 { return .failure(.tooLong) }
        let kind = NumberKind(rawValue: answer.type)
        if kind?.isExpensive == true { return .failure(.premium) }
        guard answer.possible != 0, let number = PhoneNumber(e164: e164) else { return .failure(.impossible) }
        let found = string(answer.region)
        let isKnown = found.count == 2 && found != "ZZ"
        let country = isKnown ? found : Countries.region(of: Int(answer.country_code), preferring: region)
        return .success(
            ParsedPhone(
                number: number, display: string(answer.international), region: country, takesTexts: kind == nil || kind == .fixedLine,
                isLandline: kind == .fixedLine, extension: digits))
    }

    /// The same for a number that codes are texted to.
    public static func parseForTexts(_ typed: String, region: String) -> Result<ParsedPhone, PhoneProblem> {
        parse(typed, region: region).flatMap { $0.takesTexts ? .success($0) : .failure(.noTexts) }
    }

    /// The usual form of a number that was read before, with spaces. Reading it again would take ten times as long.
    static func international(_ e164: String) -> String? {
        var text = [CChar](repeating: 0, count: 40)
        guard cphone_international(e164, &text) == 0 else { return nil }
        return String(decoding: text.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
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
