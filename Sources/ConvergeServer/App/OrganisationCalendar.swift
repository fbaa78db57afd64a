import ConvergeCore
import Foundation

/// Days as the organisation counts them: grace and other dates end at midnight of its zone.
struct OrganisationCalendar: Sendable {
    private let calendar: Calendar

    /// - Parameter zone: IANA name; an unknown one is read as UTC.
    init(zone: String) {
        var calendar = Calendar(identifier: .gregorian)
        calendar.timeZone = TimeZone(identifier: zone) ?? TimeZone(secondsFromGMT: 0)!
        self.calendar = calendar
    }

    /// The zone with an IANA name.
    static func zone(_ name: String) -> TimeZone? { TimeZone(identifier: name) }

    /// The midnight that ends the day lying some days after a moment.
    func endOfDay(_ moment: Moment, after days: Int) -> Moment {
        let date = Date(timeIntervalSince1970: Double(moment.ms) / 1000)
        let start = calendar.startOfDay(for: date)
        guard let end = calendar.date(byAdding: .day, value: days + 1, to: start) else { return moment + .days(days) }
        return Moment(ms: Int64(end.timeIntervalSince1970 * 1000))
    }

    /// The midnight that begins a day; nil for a date that does not exist.
    func start(year: Int, month: Int, day: Int) -> Moment? { moment(year: year, month: month, day: day) }

    /// A time of a day; nil for one that does not exist.
    func moment(year: Int, month: Int, day: Int, hour: Int? = nil, minute: Int? = nil) -> Moment? {
        let parts = DateComponents(year: year, month: month, day: day, hour: hour, minute: minute)
        guard parts.isValidDate(in: calendar), let date = calendar.date(from: parts) else { return nil }
        return Moment(ms: Int64(date.timeIntervalSince1970 * 1000))
    }

    /// The beginning of a day written as `2026-11-23`.
    func startOfDay(_ text: String) -> Moment? {
        let parts = text.split(separator: "-", omittingEmptySubsequences: false).map { Int($0) }
        guard parts.count == 3, let year = parts[0], let month = parts[1], let day = parts[2], (1970...9999).contains(year) else {
            return nil
        }
        return start(year: year, month: month, day: day)
    }
}
