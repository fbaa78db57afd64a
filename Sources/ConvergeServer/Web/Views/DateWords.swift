import ConvergeCore
import Foundation

/// Says instants as people say them, in one zone, seen from one `now`. The words come from the catalogue (`date.…`).
struct DateWords: Sendable {
    let now: Moment
    let zone: TimeZone

    /// A local date and time.
    struct Civil: Equatable, Sendable {
        let year, month, day, hour, minute, second: Int
        /// Days since 1970-01-01.
        let dayNumber: Int
        /// 1 is Monday.
        let weekday: Int
    }

    /// The wall clock at an instant.
    func civil(_ moment: Moment) -> Civil {
        let offset = zone.secondsFromGMT(for: Date(timeIntervalSince1970: Double(moment.seconds)))
        return Self.civil(localSeconds: Int(moment.seconds) + offset)
    }

    private static func civil(localSeconds seconds: Int) -> Civil {
        let days = seconds >= 0 ? seconds / 86_400 : (seconds - 86_399) / 86_400
        let second = seconds - days * 86_400
        // Howard Hinnant, "chrono-compatible low-level date algorithms": civil_from_days.
        let shifted = days + 719_468
        let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
        let dayOfEra = shifted - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shiftedMonth = (5 * dayOfYear + 2) / 153
        let month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
        return Civil(
            year: yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month: month, day: dayOfYear - (153 * shiftedMonth + 2) / 5 + 1,
            hour: second / 3600, minute: second / 60 % 60, second: second % 60, dayNumber: days,
            weekday: ((days + 3) % 7 + 7) % 7 + 1)
    }

    /// Days from today: 0 today, -1 yesterday.
    func daysFromToday(_ moment: Moment) -> Int { civil(moment).dayNumber - civil(now).dayNumber }

    /// For `datetime` attributes.
    func iso(_ moment: Moment) -> String {
        let utc = Self.civil(localSeconds: Int(moment.seconds))
        func two(_ number: Int) -> String { Self.two(number) }
        return "\(utc.year)-\(two(utc.month))-\(two(utc.day))T\(two(utc.hour)):\(two(utc.minute)):\(two(utc.second))Z"
    }

    /// The words for an instant.
    func say(_ moment: Moment, _ style: DateStyle, in messages: Messages) -> String {
        func text(_ message: Message) -> String { messages.text(message, dates: self) }
        let at = civil(moment)
        switch style {
        case .time: return time(at, text)
        case .day: return relative(at, text) ?? plain(at, withYear: isFar(moment), text)
        case .onDay: return relative(at, text) ?? text(Message("date.on", ["day": .text(plain(at, withYear: isFar(moment), text))]))
        case .fullDay: return plain(at, withYear: true, text)
        case .dayAndTime: return text(Message("date.at", ["day": .text(say(moment, .day, in: messages)), "time": .text(time(at, text))]))
        case .onDayAndTime:
            return text(Message("date.at", ["day": .text(say(moment, .onDay, in: messages)), "time": .text(time(at, text))]))
        case .until: return say(moment, daysFromToday(moment) == 0 ? .time : .dayAndTime, in: messages)
        case .heading:
            let name = relative(at, text) == nil ? "weekday-\(at.weekday)" : daysFromToday(moment) == 0 ? "today" : "yesterday"
            let day = plain(at, withYear: isFar(moment), text)
            if daysFromToday(moment) == 1 { return day }
            return text(Message("date.heading", ["name": .message(Message("date.name.\(name)")), "day": .text(day)]))
        case .precise:
            let clock = "\(time(at, text)):\(Self.two(at.second))"
            return text(Message("date.precise", ["day": .text(plain(at, withYear: true, text)), "time": .text(clock)]))
        }
    }

    private func time(_ at: Civil, _ text: (Message) -> String) -> String {
        text(Message("date.time", ["hour": .text(Self.two(at.hour)), "minute": .text(Self.two(at.minute))]))
    }

    private func relative(_ at: Civil, _ text: (Message) -> String) -> String? {
        switch at.dayNumber - civil(now).dayNumber {
        case 0: text(Message("date.today"))
        case -1: text(Message("date.yesterday"))
        case 1: text(Message("date.tomorrow"))
        default: nil
        }
    }

    private func plain(_ at: Civil, withYear: Bool, _ text: (Message) -> String) -> String {
        var arguments: [String: MessageArgument] = ["day": .number(at.day), "month": .message(Message("date.month.\(at.month)"))]
        if !withYear { return text(Message("date.day-month", arguments)) }
        arguments["year"] = .number(at.year)
        return text(Message("date.day-month-year", arguments))
    }

    /// A day of another year is said with its year, unless it is less than two months away.
    private func isFar(_ moment: Moment) -> Bool {
        civil(moment).year != civil(now).year && abs(daysFromToday(moment)) > 60
    }

    private static func two(_ number: Int) -> String { number < 10 ? "0\(number)" : String(number) }
}
