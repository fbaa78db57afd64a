import ConvergeCore
import Foundation
import Testing

@testable import ConvergeServer

/// A page with a name, as tests and previews see it.
struct Example: Sendable, CustomTestStringConvertible {
    let name: String
    let page: any Page
    var person: Visit.Person?

    init(_ name: String, _ page: any Page, person: Visit.Person? = nil) {
        self.name = name
        self.page = page
        self.person = person
    }

    var testDescription: String { name }

    /// Every page, in its important states.
    static let all: [Example] = signIn + challenge + wizard + reset + securityInfo + portal + faults + others

    /// 23 November 2026, 14:02:30 in London.
    static let now = Moment(ms: 1_795_442_550_000)
    static let ada = Visit.Person(displayName: "Ada Okafor")
    static let priya = Visit.Person(displayName: "Priya Raman", isAdministrator: true)
    static let who = Who(name: "ada.okafor@harbourvale.example")
    static let flow = Form("/flows/q7Tn2", flow: "q7Tn2", hidden: ["version": "3"])
    static let organisation = Organisation(
        name: "Harbour & Vale", zone: TimeZone(identifier: "Europe/London")!,
        helpdesk: .init(
            phone: "020 7946 0100", hours: "Open on weekdays from 8 to 19", email: "help@harbourvale.example",
            url: "https://help.harbourvale.example"),
        privacyURL: "https://harbourvale.example/privacy")

    static let resources = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent().appendingPathComponent("Sources/ConvergeServer/Resources").path

    static let renderer = try! Renderer(resources: resources, organisation: organisation)

    func html(by renderer: Renderer = renderer) -> String {
        renderer.html(page, for: Visit(now: Self.now, csrf: "c5rf-T0ken", person: person))
    }

    static func ago(_ span: Span) -> Moment { now - span }

    static let appRow = MethodRow(
        icon: "app", title: .method("totpApp"), value: "Ada’s phone", badges: [.defaultMethod], meta: [MethodUse.both])
    static let phoneRow = MethodRow(
        icon: "phone", title: .method("mobilePhone"), value: "+44 7700 900184", isNumber: true, meta: [MethodUse.both])
    static let emailRow = MethodRow(
        icon: "mail", title: .method("email"), value: "ada@okafor-family.example", meta: [MethodUse.reset])
    static let steps = [Message.method("totpApp"), .method("mobilePhone")]
    static let countries = [
        CountryOption(region: "GB", name: "United Kingdom", calling: "44"), CountryOption(region: "BR", name: "Brasil", calling: "55"),
        CountryOption(region: "DE", name: "Deutschland", calling: "49"), CountryOption(region: "IE", name: "Ireland", calling: "353"),
    ]
    static let otherWays = Choices(
        [
            Choice(
                .use("text"), hint: CodeSent.numberEnding("84").label, icon: "text", .button(name: "use", value: "c2.text")),
            Choice(.use("recoveryCode"), icon: "codes", .button(name: "use", value: "c3.recoveryCode")),
            Choice(.use("temporaryAccessPass"), icon: "pass", .button(name: "use", value: "pass")),
            OtherWaysPage.none("/flows/q7Tn2/cannot"),
        ], form: flow)
}
