import ConvergeCore

/// A sentence by name: the id of a pattern in `messages/<language>.json` and what fills its gaps.
///
/// Pages are built from messages, never from words, so that another language is another file. Data of a person (a name,
/// a number) is an argument or a plain `String` of the page model.
struct Message: Hashable, Sendable {
    /// The id of the pattern.
    let id: String
    /// What fills the gaps, by name.
    let arguments: [String: MessageArgument]

    init(_ id: String, _ arguments: [String: MessageArgument] = [:]) {
        self.id = id
        self.arguments = arguments
    }

    /// The name of a method, for example "Authenticator app", by the raw value of its kind.
    static func method(_ kind: String) -> Message { Message("method.name.\(kind)") }

    /// The name of a method inside a sentence, for example "your authenticator app".
    static func yourMethod(_ kind: String) -> Message { Message("method.yours.\(kind)") }

    /// What we do when a capability is asked for, as a choice: "Text a code to my phone".
    static func use(_ capability: String) -> Message { Message("capability.use.\(capability)") }

    /// What we ask for, as a noun: "The code from your authenticator app".
    static func asked(_ capability: String) -> Message { Message("capability.asked.\(capability)") }

    /// The sentence for a refusal, by its code.
    static func refusal(_ code: String, _ arguments: [String: MessageArgument] = [:]) -> Message {
        Message("refusal.\(code)", arguments)
    }
}

/// What fills a gap of a message.
enum MessageArgument: Hashable, Sendable, ExpressibleByIntegerLiteral {
    /// Data as it is: a name, an address, a policy's name.
    case text(String)
    /// A count, for plurals too.
    case number(Int)
    /// An instant, said as people say it.
    case date(Moment, DateStyle)
    /// Another message inside this one.
    case message(Message)
    /// A number or code that keeps its direction in a right-to-left sentence.
    case ltr(String)

    init(integerLiteral value: Int) { self = .number(value) }
}

/// How an instant is said. `now`, the organisation's zone and the language decide the words.
enum DateStyle: Hashable, Sendable, CaseIterable {
    /// "14:07"
    case time
    /// "today", "yesterday", "12 October", "3 March 2025"
    case day
    /// "today", "on 12 October"
    case onDay
    /// "3 March 2026", always with its year
    case fullDay
    /// "today at 08:41", "12 October at 16:20"
    case dayAndTime
    /// "today at 08:41", "on 12 October at 16:20"
    case onDayAndTime
    /// "14:07" on the same day, else "tomorrow at 09:00"
    case until
    /// "Today, 23 November", "Thursday, 12 November"
    case heading
    /// "23 November 2026, 14:05:11"
    case precise
}
