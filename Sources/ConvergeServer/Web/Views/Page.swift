import ConvergeCore
import Foundation

/// A page as a value: everything that it shows, typed. Handlers construct one and hand it to the `Renderer`.
protocol Page: Sendable {
    /// The template of the body, by its path under `templates/` without the suffix.
    static var template: String { get }
    /// What stands around the body.
    var frame: Frame { get }
    /// What fills the gaps of the body.
    func body(_ say: Speaker) -> Slots
}

/// What every page has in common, composed in one order: where am I, what just happened, heading, one sentence, the
/// body, the ways on.
struct Frame: Sendable {
    /// The shell around the page.
    enum Layout: Sendable, Equatable {
        /// One card, one question.
        case card, wideCard
        /// The person's portal, with the current entry of its navigation.
        case portal(PortalTab?)
        /// Administration.
        case administration(AdministrationTab?)
    }

    var layout = Layout.card
    var heading: Message
    /// The title of the window, where it says more than the heading.
    var title: Message?
    var lead: Message?
    /// The way back to the page above this one.
    var crumb: Way?
    var who: Who?
    var progress: Progress?
    var notice: Notice?
    var errors: [FieldError] = []
    /// The alternatives under the rule.
    var ways: [Way] = []
}

/// Entries of the person's navigation.
enum PortalTab: String, Sendable, CaseIterable {
    case home, security, profile, activity

    var path: String {
        switch self {
        case .home: "/"
        case .security: "/security-info"
        case .profile: "/profile"
        case .activity: "/activity"
        }
    }

    var icon: String {
        switch self {
        case .home: "home"
        case .security: "shield"
        case .profile: "user"
        case .activity: "clock"
        }
    }
}

/// Entries of the administrator's navigation.
enum AdministrationTab: String, Sendable, CaseIterable {
    case audit

    var path: String { "/admin/audit" }
    var icon: String { "log" }
}

/// The organisation as its pages show it.
struct Organisation: Sendable, Equatable {
    /// Whom a stuck person can ask.
    struct Helpdesk: Sendable, Equatable {
        /// As people read it, for example "020 7946 0100".
        var phone: String?
        /// When somebody answers, in the organisation's own words.
        var hours: String?
        var email: String?
        /// A page of the organisation.
        var url: String?
    }

    var name: String
    var zone = TimeZone(identifier: "UTC") ?? .current
    var helpdesk = Helpdesk()
    /// The organisation's own page about privacy.
    var privacyURL: String?
    /// The accent colour, `#` and six hexadecimal digits.
    var accent: String?
}

/// What a request adds to every page.
struct Visit: Sendable {
    /// Somebody who is signed in.
    struct Person: Sendable, Equatable {
        var displayName: String
        var isAdministrator = false
    }

    var now: Moment
    /// The token that every form carries back.
    var csrf: String
    var language = "en"
    var person: Person?
}
