import ConvergeCore
import Testing

@testable import ConvergeServer

@Suite struct MailTests {
    static let mails =
        [
            Mail.code("48192037", name: "Ada", purpose: .reset, until: Example.now + .minutes(10)),
            Mail.code("48192037", name: "Ada", purpose: .signIn, until: Example.now + .minutes(10)),
            Mail.code("48192037", name: "Ada", purpose: .change, until: Example.now + .minutes(10)),
            Mail.notice(
                .methodAdded(.mobilePhone), name: "Ada", at: Example.now, place: "Firefox on Linux",
                notMe: "https://id.harbourvale.example/not-me/abc?x=1&y=2"),
            Mail.notice(.methodRemoved(.mobilePhone), name: "<Ada>", at: Example.now, place: "Chrome & co", notMe: nil),
            Mail.notice(.passwordChanged, name: "Ada", at: Example.now, place: nil, notMe: "https://id.harbourvale.example/not-me/abc"),
            Mail.notice(.passwordReset, name: "Ada", at: Example.now, place: nil, notMe: "https://id.harbourvale.example/not-me/abc"),
            Mail.notice(.passwordResetByAdministrator, name: "Ada", at: Example.now, place: nil, notMe: nil),
            Mail.notice(.accessPassMade, name: "Ada", at: Example.now, place: nil, notMe: nil),
            Mail.notice(.unlocked, name: "Ada", at: Example.now, place: nil, notMe: "https://id.harbourvale.example/not-me/abc"),
            Mail.notice(.resetStopped, name: "Ada", at: Example.now, place: nil, notMe: "https://id.harbourvale.example/not-me/abc"),
            Mail.notice(.recoveryCodesMade, name: "Ada", at: Example.now, place: nil, notMe: "https://id.harbourvale.example/not-me/abc"),
            Mail.notice(.wiped, name: "Ada", at: Example.now, place: nil, notMe: nil),
        ]
        + AdministratorNotice.allCases.map {
            Mail.administrator($0, name: "Priya", administrator: "Ada Okafor", at: Example.now, place: nil)
        }

    @Test(arguments: mails.indices) func bothPartsSayTheSame(_ index: Int) throws {
        let mail = Self.mails[index]
        let rendered = Example.renderer.mail(mail, language: "en", now: Example.now)
        let page = try HTMLDocument(rendered.html)
        for text in [rendered.subject, rendered.text, rendered.html] { #expect(!text.contains("⟦") && !text.contains("{{")) }
        #expect(page.all("h1").map(\.text) == [rendered.subject])
        #expect(!rendered.subject.contains { $0.isNewline })
        #expect(!rendered.text.contains("&amp;") && !rendered.text.contains("&lt;") && !rendered.text.contains("\n\n\n"))
        if let code = mail.code {
            #expect(rendered.text.contains(code) && rendered.html.contains(code))
            #expect(!rendered.subject.contains(code), "a code on a locked screen is a code given away")
        }
        if let notMe = mail.notMe {
            #expect(rendered.text.contains(notMe))
            #expect(page.all("a").first?.attributes["href"] == notMe)
        }
        let say = Example.renderer.speaker(language: "en", now: Example.now)
        for paragraph in (mail.paragraphs + mail.closing).map(say.callAsFunction) {
            #expect(rendered.text.contains(paragraph) && page.root.text.contains(paragraph))
        }
    }

    @Test(arguments: Purpose.allCases) func textsEndWithTheirOrigin(_ purpose: Purpose) {
        let text = Example.renderer.codeText(
            "481920", purpose: purpose, until: Example.now + .minutes(5), host: "id.harbourvale.example", language: "en", now: Example.now)
        #expect(text.hasPrefix("481920 is your Harbour & Vale"))
        #expect(text.split(separator: "\n").last == "@id.harbourvale.example #481920")
        #expect(text.contains("14:07"))
        #expect(text.count <= 160, "one text, not two: \(text.count)")
    }

    @Test func noticesFitOneText() {
        func say(_ notMe: String?) -> String {
            Example.renderer.noticeText(
                .event("added", method: "mobilePhone"), at: Example.now, notMe: notMe, language: "en", now: Example.now)
        }
        let link = "https://id.harbourvale.example/not-me/" + String(repeating: "a", count: 32)
        #expect(say(nil).hasPrefix("Harbour & Vale: Mobile phone added, ") && say(nil).hasSuffix("call the helpdesk."))
        #expect(say(link).hasSuffix("Not you? \(link)"))
        for text in [say(nil), say(link)] { #expect(text.count <= 160 && text.allSatisfy(\.isASCII), "one text, not two: \(text)") }
    }

    @Test func assetsAreVersioned() throws {
        let plain = try StaticAssets(folder: "\(Example.resources)/static")
        let coloured = try StaticAssets(folder: "\(Example.resources)/static", accent: "#aa3300")
        #expect(plain.version != coloured.version && plain.version.count == 12)
        #expect(plain.files["accent.css"] == nil && coloured.files["accent.css"] != nil)
        #expect(try StaticAssets(folder: "\(Example.resources)/static", accent: "red; } body { display: none").files["accent.css"] == nil)
        #expect(plain.files["once.js"]?.contentType == "text/javascript; charset=utf-8")
        let style = String(decoding: try #require(plain.files["converge.css"]).bytes, as: UTF8.self)
        #expect(style.contains("url(lines.svg?v=\(plain.version))"))
    }
}
