public import ConvergeCore
import Foundation

/// Moments as an operator types and reads them, in the organisation's zone.
public struct WhenText: Sendable {
    private let calendar: OrganisationCalendar
    private let dates: DateWords

    /// - Parameter now: seen from when.
    init(zone: String, now: Moment) {
        calendar = OrganisationCalendar(zone: zone)
        dates = DateWords(now: now, zone: OrganisationCalendar.zone(zone) ?? .gmt)
    }

    /// Reads `2026-11-23 09:00`; with a `Z` at the end it is meant in UTC. Nil for anything else.
    public func read(_ text: String) -> Moment? {
        let shape = /(\d{4})-(\d{2})-(\d{2})[T ](\d{2}):(\d{2})(Z?)/
        guard let found = text.trimmingSpaces().wholeMatch(of: shape)?.output, let year = Int(found.1), let month = Int(found.2),
            let day = Int(found.3), let hour = Int(found.4), let minute = Int(found.5)
        else { return nil }
        let calendar = found.6.isEmpty ? calendar : OrganisationCalendar(zone: "UTC")
        return calendar.moment(year: year, month: month, day: day, hour: hour, minute: minute)
    }

    /// The same shape, for reading.
    public func say(_ moment: Moment) -> String {
        let at = dates.civil(moment)
        func two(_ number: Int) -> String { number < 10 ? "0\(number)" : String(number) }
        return "\(at.year)-\(two(at.month))-\(two(at.day)) \(two(at.hour)):\(two(at.minute))"
    }

    /// The zone's name, which a list of times says once.
    public var zone: String { dates.zone.identifier }
}
