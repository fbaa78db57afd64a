import ConvergeCore
import Foundation
import Testing

@testable import ConvergeServer

/// Every page in every important state, rendered, parsed and checked.
@Suite struct PageTests {
    @Test(arguments: Example.all) func pageIsWellFormed(_ example: Example) throws {
        let html = example.html()
        for mark in ["⟦", "⟧", "{{", "}}", "Optional(", "nil"] { #expect(!html.contains(mark), "\(mark) in \(html)") }
        let page = try HTMLDocument(html)
        let heading = try #require(page.all("h1").first)
        #expect(page.all("h1").count == 1)
        #expect(!heading.text.isEmpty)
        for name in ["h2", "h3", "button", "a", "label", "legend", "dt", "dd", "th", "summary", "li", "p", "option"] {
            for element in page.all(name) { #expect(!element.text.isEmpty, "<\(name)> is empty: \(element.attributes)") }
        }
        let title = try #require(page.all("title").first).text
        #expect(title.hasSuffix(" - Harbour & Vale"))
        #expect(title.hasPrefix("Error: ") == !example.page.frame.errors.isEmpty)
        // A screen reader begins with the title: what was just saved stands there.
        if example.page.frame.notice?.kind == .saved, example.page.frame.errors.isEmpty {
            let said = String(try #require(title.firstMatch(of: /^[^.]+\./)).output)
            #expect(page.elements.contains { $0.attributes["role"] == "status" && $0.text.contains(said) })
        }
        #expect(page.all("html").first?.attributes["lang"] == "en")
    }

    @Test(arguments: Example.all) func headingsDescendOneByOne(_ example: Example) throws {
        let levels = try HTMLDocument(example.html()).elements.filter { $0.closest("nav") == nil }.compactMap { element -> Int? in
            guard element.name.count == 2, element.name.hasPrefix("h"), !element.isInside("error-summary") else { return nil }
            return element.name.last?.wholeNumberValue
        }
        for (before, after) in zip(levels, levels.dropFirst()) { #expect(after <= before + 1) }
    }

    @Test(arguments: Example.all) func pageObeysTheContentPolicy(_ example: Example) throws {
        let page = try HTMLDocument(example.html())
        for element in page.elements {
            #expect(element.name != "style")
            if element.name == "script" {
                // The app's own files keep their addresses.
                let source = element.attributes["src"] ?? ""
                #expect(source.hasPrefix("/static/") || source.hasPrefix("/authenticator/"))
                #expect(element.text.isEmpty)
            }
            for (name, value) in element.attributes {
                #expect(name != "style" && !name.hasPrefix("on"), "\(name) on <\(element.name)>")
                #expect(!value.lowercased().contains("javascript:"))
                if ["href", "action", "src"].contains(name) {
                    let isKnown = ["/", "#", "tel:", "mailto:", "otpauth:", "https://"].contains { value.hasPrefix($0) }
                    #expect(isKnown, "\(name)=\(value)")
                }
            }
        }
    }

    @Test(arguments: Example.all) func everyReferenceResolves(_ example: Example) throws {
        let page = try HTMLDocument(example.html())
        let ids = page.elements.compactMap { $0.attributes["id"] }
        #expect(Set(ids).count == ids.count, "ids twice: \(ids)")
        for element in page.elements {
            for name in ["aria-describedby", "aria-labelledby", "for", "popovertarget"] {
                for id in element.attributes[name]?.split(separator: " ") ?? [] {
                    #expect(ids.contains(String(id)), "\(name)=\(id)")
                }
            }
            if element.name == "a", let href = element.attributes["href"], href.hasPrefix("#") {
                #expect(ids.contains(String(href.dropFirst())), "\(href)")
            }
        }
        let sprite = try String(contentsOfFile: "\(Example.resources)/static/icons.svg", encoding: .utf8)
        for use in page.all("use") {
            let icon = use.attributes["href"]?.split(separator: "#").last.map(String.init) ?? ""
            #expect(sprite.contains("id=\"\(icon)\""), "no icon \(icon)")
        }
    }

    @Test(arguments: Example.all) func everyInputHasALabel(_ example: Example) throws {
        let page = try HTMLDocument(example.html())
        let labelled = Set(page.all("label").compactMap { $0.attributes["for"] })
        for input in page.elements where ["input", "select", "textarea"].contains(input.name) {
            if input.attributes["type"] == "hidden" || input.attributes["aria-hidden"] == "true" { continue }
            let isLabelled = input.closest("label") != nil || labelled.contains(input.attributes["id"] ?? "")
            #expect(isLabelled, "\(input.attributes)")
        }
        for radio in page.elements where radio.attributes["type"] == "radio" { #expect(radio.closest("fieldset") != nil) }
    }

    @Test(arguments: Example.all) func everyPostCarriesTheToken(_ example: Example) throws {
        for form in try HTMLDocument(example.html()).all("form") {
            guard form.attributes["method"] == "post" else {
                #expect(form.attributes["method"] == "get")
                continue
            }
            let tokens = form.descendants.filter { $0.attributes["name"] == "csrf" }
            #expect(tokens.map { $0.attributes["value"] } == ["c5rf-T0ken"])
            #expect(form.descendants.contains { $0.name == "button" && $0.attributes["type"] != "button" })
            #expect(!form.descendants.contains { $0.name == "form" })
        }
    }

    @Test(arguments: Example.all) func atMostOnePrimaryAction(_ example: Example) throws {
        let page = try HTMLDocument(example.html())
        let primary = page.elements.filter { element in
            let isQuiet = ["button-secondary", "button-quiet"].contains(where: element.has)
            // Of the views of one page all but one are hidden.
            let isHidden = element.ancestors.contains { $0.attributes["hidden"] != nil }
            return element.has("button") && !isQuiet && !isHidden
        }
        #expect(primary.count <= 1, "\(primary.map(\.text))")
    }

    @Test(arguments: Example.all) func errorsAreSaidTwice(_ example: Example) throws {
        let errors = example.page.frame.errors
        guard !errors.isEmpty else { return }
        let page = try HTMLDocument(example.html())
        let summary = try #require(page.elements.first { $0.has("error-summary") })
        #expect(summary.attributes["autofocus"] != nil && summary.attributes["role"] == "alert")
        #expect(page.elements.filter { $0.attributes["autofocus"] != nil }.count == 1)
        let say = Example.renderer.speaker(language: "en", now: Example.now)
        for error in errors {
            #expect(summary.text.contains(say(error.message)))
            guard let field = error.field else { continue }
            let input = try #require(page.with(id: field))
            #expect(input.attributes["aria-invalid"] == "true" || input.name == "fieldset")
        }
    }

    @Test func dataIsEscaped() throws {
        let evil = "<script>alert('\"&')</script>"
        let page = CodePage(
            ask: .app, form: Form("/x?\"><b>", hidden: ["a\"": evil]),
            lead: Message(
                "code.lead.sent",
                [
                    "to": .text(evil), "at": .text(evil), "until": .text(evil),
                ]), who: Who(name: evil))
        let html = Example("evil", page).html()
        #expect(!html.contains("<script>alert"))
        let parsed = try HTMLDocument(html)
        #expect(parsed.all("script").count == 1)
        #expect(parsed.elements.first { $0.has("who") }?.text.contains(evil) == true)
    }

    @Test func typedValuesSurviveAnError() throws {
        let page = PasswordPage(name: "ada", errors: [FieldError("password", Refusal(.signInWrong))])
        let parsed = try HTMLDocument(Example("x", page).html())
        #expect(parsed.with(id: "name")?.attributes["value"] == "ada")
        #expect(parsed.with(id: "password")?.attributes["value"] == nil)
    }

    @Test func templatesHoldNoWordsAndRawMarkupOnlyOnce() throws {
        for (name, text) in try Templates.all where !name.hasPrefix("mail/") {
            let raw = text.matches(of: /\{\{\{([^}]*)\}\}\}/).map { String($0.1) }
            #expect(raw.isEmpty || (raw == ["content"] && name.hasPrefix("layout/")), "\(name): \(raw)")
            let words = text.replacing(/\{\{[^}]*\}\}/, with: "").replacing(/<[^>]*>/, with: "")
            #expect(words.firstMatch(of: /[A-Za-z]{2,}/) == nil, "\(name): \(words)")
        }
    }

    @Test func everyPageHasAnExample() throws {
        let shown = Set(Example.all.map { String(describing: type(of: $0.page)) })
        let folder = URL(fileURLWithPath: Example.resources).deletingLastPathComponent().path
        var pages: Set<String> = []
        for case let file as String in FileManager.default.enumerator(atPath: folder) ?? .init() where file.hasSuffix(".swift") {
            let source = try String(contentsOfFile: "\(folder)/\(file)", encoding: .utf8)
            pages.formUnion(source.matches(of: /struct (\w+): Page \{/).map { String($0.1) })
        }
        #expect(pages == shown)
    }

    @Test func everyTemplateIsUsed() throws {
        let all = try Templates.all
        var used = Set(Example.all.map { type(of: $0.page).template })
        used.formUnion(["layout/card", "layout/site", "mail/message.text", "mail/message.html"])
        for text in all.values { used.formUnion(text.matches(of: /\{\{>\s*([a-z\/\-]+)\s*\}\}/).map { String($0.1) }) }
        #expect(Set(all.keys) == used)
    }

    /// Writes every page as a file, for looking at: `CONVERGE_PREVIEW=dir swift test --filter preview`.
    @Test(.enabled(if: ProcessInfo.processInfo.environment["CONVERGE_PREVIEW"] != nil)) func preview() throws {
        let folder = try #require(ProcessInfo.processInfo.environment["CONVERGE_PREVIEW"])
        try FileManager.default.createDirectory(atPath: "\(folder)/static", withIntermediateDirectories: true)
        for example in Example.all { try Data(example.html().utf8).write(to: URL(fileURLWithPath: "\(folder)/\(example.name).html")) }
        for (name, file) in Example.renderer.assets.files {
            try Data(file.bytes).write(to: URL(fileURLWithPath: "\(folder)/static/\(name)"))
        }
        for (index, mail) in MailTests.mails.enumerated() {
            let rendered = Example.renderer.mail(mail, language: "en", now: Example.now)
            try Data(rendered.html.utf8).write(to: URL(fileURLWithPath: "\(folder)/mail-\(index).html"))
            try Data(rendered.text.utf8).write(to: URL(fileURLWithPath: "\(folder)/mail-\(index).txt"))
        }
    }
}

extension HTMLDocument.Element {
    /// The nearest element of that name around this one.
    func closest(_ name: String) -> HTMLDocument.Element? {
        var element = parent
        while let here = element {
            if here.name == name { return here }
            element = here.parent
        }
        return nil
    }

    /// Whether an element with that class is around this one.
    func isInside(_ className: String) -> Bool {
        var element = parent
        while let here = element {
            if here.has(className) { return true }
            element = here.parent
        }
        return false
    }
}

/// The templates as they are written.
enum Templates {
    static var all: [String: String] {
        get throws {
            let folder = "\(Example.resources)/templates"
            let files = FileManager.default.enumerator(atPath: folder)?.compactMap { $0 as? String } ?? []
            var result: [String: String] = [:]
            for file in files where file.hasSuffix(".mustache") {
                result[String(file.dropLast(9))] = try String(contentsOfFile: "\(folder)/\(file)", encoding: .utf8)
            }
            return result
        }
    }
}
