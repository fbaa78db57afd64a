import ConvergeCore

/// An input with its label, hint and error.
struct Field: Sendable {
    /// What is typed, and how keyboards and password managers understand it.
    enum Kind: Sendable, Equatable {
        case text, name, newPassword, currentPassword, phone, email, search, date
        /// A code of so many digits; nil: letters too.
        case code(digits: Int?)
    }

    var id: String
    var kind: Kind
    var label: Message
    var hint: Message?
    var value: String?
    var isRequired = true
    var takesFocus = false
    /// Overrides what the kind says.
    var autocomplete: String?
    /// The id of a sentence outside the field that belongs to it.
    var describedElsewhere: String?

    init(
        _ id: String, _ kind: Kind, label: Message, hint: Message? = nil, value: String? = nil, isRequired: Bool = true,
        takesFocus: Bool = false, autocomplete: String? = nil
    ) {
        self.id = id
        self.kind = kind
        self.label = label
        self.hint = hint
        self.value = value
        self.isRequired = isRequired
        self.takesFocus = takesFocus
        self.autocomplete = autocomplete
    }

    func slots(_ say: Speaker, errors: [FieldError]) -> Slots {
        let messages = errors.filter { $0.field == id }.map { say($0.message) }
        let error: String? = messages.isEmpty ? nil : messages.joined(separator: " ")
        let sentences = [hint.map { _ in "\(id)-hint" }, error.map { _ in "\(id)-error" }, describedElsewhere]
        let described = sentences.compactMap(\.self).joined(separator: " ")
        var slots: Slots = [
            "id": id, "label": say(label), "hint": say.optional(hint), "error": error, "value": value.flatMap { $0.isEmpty ? nil : $0 },
            "required": isRequired, "focus": takesFocus && errors.isEmpty, "described": described.isEmpty ? nil : described,
        ]
        let (type, complete, mode, more) = attributes
        slots["type"] = type
        slots["autocomplete"] = autocomplete ?? complete
        slots["inputmode"] = mode
        slots["plain"] = more
        slots["class"] = if case .code = kind { "code" } else { "input" }
        if case .code(let digits) = kind {
            // Room for the spaces and hyphens that people copy along.
            slots["maxlength"] = digits.map { $0 + 2 } ?? 24
            slots["letters"] = digits == nil
        }
        return slots
    }

    /// Type, autocomplete, inputmode, and whether spelling and capitals must be left alone.
    private var attributes: (type: String, autocomplete: String?, mode: String?, plain: Bool) {
        switch kind {
        case .text: ("text", "off", nil, false)
        case .name: ("text", "username", nil, true)
        case .newPassword: ("password", "new-password", nil, false)
        case .currentPassword: ("password", "current-password", nil, false)
        case .phone: ("tel", "tel-national", "tel", false)
        case .email: ("email", "email", "email", true)
        case .search: ("search", "off", nil, true)
        case .date: ("date", "off", nil, false)
        case .code(let digits): ("text", digits == nil ? "off" : "one-time-code", digits == nil ? nil : "numeric", true)
        }
    }
}

/// A country in the list beside a phone number.
struct CountryOption: Sendable, Equatable {
    /// ISO 3166-1 alpha-2.
    var region: String
    var name: String
    /// Without the plus sign.
    var calling: String
}

/// A phone number as people type it: the country apart, the rest as they like. Fields `country` and `number`.
struct PhoneInput: Sendable {
    var countries: [CountryOption]
    /// The chosen region.
    var region: String
    var number = ""

    func slots(_ say: Speaker, errors: [FieldError], hint: Message? = nil) -> Slots {
        var number = Field("number", .phone, label: Message("part.phone.number"), value: number, takesFocus: true)
        // It stands under both fields, and is read with the one that it is about.
        if hint != nil { number.describedElsewhere = "number-hint" }
        return [
            "options": countries.map { country in
                [
                    "value": country.region, "label": "\(country.name) +\(country.calling)", "chosen": country.region == region,
                ] as Slots
            },
            "number": number.slots(say, errors: errors), "phoneHint": say.optional(hint),
        ]
    }
}
