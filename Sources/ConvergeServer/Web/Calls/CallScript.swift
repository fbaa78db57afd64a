import ConvergeCore

/// What a call says and listens to next.
struct CallScript: Sendable, Equatable {
    /// Sentences, spoken one after the other.
    var say: [String]
    /// Said again, once, when nobody presses anything.
    var repeats = true
    /// What is listened for; nil: the call ends after what is said.
    var listen: Listen?
    /// The voice's language.
    var voice: String

    /// Which keys a call waits for.
    struct Listen: Sendable, Equatable {
        /// Nil: the first key, the approval's; else what follows the first digit of a fraud report.
        var step: String
        var count: Int
    }
}

/// What calls say, in the language of whom they call.
struct CallWords {
    let speaker: Speaker
    let fraudDigits: String

    private func text(_ id: String, _ arguments: [String: MessageArgument] = [:]) -> String { speaker(Message(id, arguments)) }

    private var voice: String { text("call.voice") }

    /// Each digit by itself: nobody presses "twenty".
    private var spoken: String { fraudDigits.map(String.init).joined(separator: " ") }

    /// What somebody hears who answers.
    func ask(_ purpose: Purpose) -> CallScript {
        let report = text("call.not-you", ["digits": .text(spoken)])
        return CallScript(say: [text("call.ask.\(purpose.rawValue)"), report], listen: .init(step: "key", count: 1), voice: voice)
    }

    /// After a key that means nothing.
    func wrongKey(_ purpose: Purpose) -> CallScript {
        var script = ask(purpose)
        script.say.insert(text("call.wrong-key"), at: 0)
        script.repeats = false
        return script
    }

    /// After the first digit of a fraud report.
    var report: CallScript {
        let rest = fraudDigits.dropFirst()
        let words =
            rest.isEmpty
            ? text("call.report") : text("call.report-rest", ["digits": .text(rest.map(String.init).joined(separator: " "))])
        return CallScript(say: [words], listen: .init(step: "report", count: CallKeys.restCount(report: fraudDigits)), voice: voice)
    }

    /// The last words of a call.
    func end(_ id: String) -> CallScript { CallScript(say: [text(id)], voice: voice) }
}

/// A script in the carrier's markup (TwiML).
enum CallMarkup {
    static let type = "text/xml; charset=utf-8"

    /// - Parameter action: where the keys of a step are sent.
    static func render(_ script: CallScript, action: (String) -> String) -> String {
        let said = script.say.map { "<Say language=\"\(escape(script.voice))\">\(escape($0))</Say>" }.joined()
        guard let listen = script.listen else { return whole(said + "<Hangup/>") }
        // Every key is a key: without its own setting, # would end the input instead of being it.
        let gather =
            "<Gather input=\"dtmf\" numDigits=\"\(listen.count)\" finishOnKey=\"\" timeout=\"8\" method=\"POST\" "
            + "action=\"\(escape(action(listen.step)))\">\(said)</Gather>"
        return whole((script.repeats ? gather + gather : gather) + "<Hangup/>")
    }

    /// Ends a call without a word.
    static let hangUp = whole("<Hangup/>")

    private static func whole(_ inner: String) -> String { "<?xml version=\"1.0\" encoding=\"UTF-8\"?><Response>\(inner)</Response>" }

    private static func escape(_ text: String) -> String {
        text.replacing("&", with: "&amp;").replacing("<", with: "&lt;").replacing(">", with: "&gt;").replacing("\"", with: "&quot;")
    }
}
