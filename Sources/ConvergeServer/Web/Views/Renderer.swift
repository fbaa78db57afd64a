import ConvergeCore
import Foundation

/// Turns pages, mails and texts into what is sent. Templates, sentences and static files are read once, at start.
struct Renderer: Sendable {
    /// Something that a release must not lack.
    enum Defect: Error {
        case template(String, Template.Malformed)
        case noTemplates(String)
    }

    let organisation: Organisation
    let assets: StaticAssets
    /// The files of the Converge app.
    let appAssets: StaticAssets
    private let languages: [String: Language]
    private let fallback: Language

    /// Sentences, and the templates with those among them that need no filling.
    private struct Language: Sendable {
        let messages: Messages
        let templates: TemplateSet
    }

    /// Reads `templates`, `messages` and `static` in the folder of resources.
    init(resources: String, organisation: Organisation) throws {
        self.organisation = organisation
        assets = try StaticAssets(folder: "\(resources)/static", accent: organisation.accent)
        appAssets = try StaticAssets(folder: "\(resources)/static/authenticator")
        let sources = try Self.sources(in: "\(resources)/templates")
        var languages: [String: Language] = [:]
        for file in try FileManager.default.contentsOfDirectory(atPath: "\(resources)/messages") where file.hasSuffix(".json") {
            let language = String(file.dropLast(5))
            let json = try Data(contentsOf: URL(fileURLWithPath: "\(resources)/messages/\(file)"))
            let messages = try Messages(language: language, json: json, always: ["organisation": organisation.name])
            languages[language] = Language(messages: messages, templates: try Self.templates(sources, messages))
        }
        guard let english = languages["en"] else { throw Defect.noTemplates("messages/en.json") }
        self.languages = languages
        fallback = english
    }

    private static func sources(in folder: String) throws -> [String: String] {
        guard let files = FileManager.default.enumerator(atPath: folder) else { throw Defect.noTemplates(folder) }
        var sources: [String: String] = [:]
        while let file = files.nextObject() as? String {
            guard file.hasSuffix(".mustache") else { continue }
            sources[String(file.dropLast(9))] = try String(contentsOfFile: "\(folder)/\(file)", encoding: .utf8)
        }
        if sources.isEmpty { throw Defect.noTemplates(folder) }
        return sources
    }

    /// Sentences that need no filling stand in the templates as `{{t.part.continue}}` and are put in once.
    private static func templates(_ sources: [String: String], _ messages: Messages) throws -> TemplateSet {
        var templates: [String: Template] = [:]
        for (name, source) in sources {
            do {
                templates[name] = try Template(source) { $0.hasPrefix("t.") ? messages.fixed(String($0.dropFirst(2))) : nil }
            } catch {
                throw Defect.template(name, error)
            }
        }
        return try TemplateSet(templates)
    }

    private func language(_ tag: String) -> Language {
        languages[tag] ?? languages[String(tag.prefix { $0 != "-" && $0 != "_" })] ?? fallback
    }

    /// The catalogue of a language (`de-AT`, or else `de`), English where there is none.
    func messages(_ tag: String) -> Messages { language(tag).messages }

    /// Says messages to somebody now.
    func speaker(language: String, now: Moment) -> Speaker {
        Speaker(
            messages: messages(language), dates: DateWords(now: now, zone: organisation.zone), organisation: organisation)
    }

    /// A whole page.
    func html(_ page: some Page, for visit: Visit) -> String {
        let say = speaker(language: visit.language, now: visit.now)
        let frame = page.frame
        let common = common(say, visit)
        let content = fill(type(of: page).template, common.merging(page.body(say)), in: visit.language)
        var slots = common.merging(self.slots(of: frame, say))
        slots["content"] = content
        switch frame.layout {
        case .card, .wideCard:
            slots["wide"] = frame.layout == .wideCard
            return fill("layout/card", slots, in: visit.language)
        case .portal(let tab):
            slots["nav"] = visit.person.map { navigation($0, say, portal: tab) }
            return fill("layout/site", slots, in: visit.language)
        case .administration(let tab):
            slots["administration"] = true
            slots["nav"] = visit.person.map { navigation($0, say, administration: tab) }
            return fill("layout/site", slots, in: visit.language)
        }
    }

    /// Fills a template that must exist; tests render every one.
    func fill(_ template: String, _ slots: Slots, in tag: String) -> String {
        language(tag).templates.render(template, slots) ?? "⟦\(template)⟧"
    }

    private func common(_ say: Speaker, _ visit: Visit) -> Slots {
        [
            "lang": say.messages.language, "dir": say.messages.direction,
            "organisation": organisation.name, "csrf": visit.csrf, "icons": assets.path("icons.svg"),
            "stylesheet": assets.path("converge.css"), "mark": assets.path("mark.svg"),
            "accentStylesheet": assets.files["accent.css"].map { _ in assets.path("accent.css") },
            "once": assets.path("once.js"), "print": assets.path("print.js"), "save": assets.path("save.js"),
            "poll": assets.path("poll.js"),
            "passkeyScript": assets.path("passkey.js"),
            "privacy": organisation.privacyURL,
        ]
    }

    private func slots(of frame: Frame, _ say: Speaker) -> Slots {
        let heading = say(frame.heading)
        let summary = frame.errors.first.map { first in
            [
                "heading": frame.errors.count == 1
                    ? say(first.heading) : say(Message("part.errors.several", ["count": .number(frame.errors.count)])),
                "items": frame.errors.map { $0.slots(say) },
            ] as Slots
        }
        return [
            "title": title(of: frame, heading: heading, say), "heading": heading, "lead": say.optional(frame.lead),
            "crumb": frame.crumb?.slots(say), "who": frame.who.map { ["name": $0.name, "notYou": $0.notYou] as Slots },
            "progress": frame.progress?.slots(say), "notice": frame.notice?.slots(say), "errors": summary,
            "ways": frame.ways.isEmpty ? nil : ["items": frame.ways.map { $0.slots(say) }] as Slots,
        ]
    }

    private func title(of frame: Frame, heading: String, _ say: Speaker) -> String {
        var title = say.optional(frame.title) ?? heading
        if let progress = frame.progress, let step = progress.current {
            title = say(
                Message("layout.title.step", ["step": .number(step), "count": .number(progress.steps.count), "title": .text(title)]))
        }
        // A status that is there when a page opens is not read out; its title is.
        if let notice = frame.notice, notice.kind == .saved, frame.errors.isEmpty {
            title = say(Message("layout.title.saved", ["saved": .message(notice.message), "title": .text(title)]))
        }
        if !frame.errors.isEmpty { title = say(Message("layout.title.error", ["title": .text(title)])) }
        return say(Message("layout.title.page", ["title": .text(title)]))
    }

    private func navigation(
        _ person: Visit.Person, _ say: Speaker, portal: PortalTab? = nil, administration: AdministrationTab? = nil
    ) -> Slots {
        func entry(_ path: String, _ icon: String, _ label: Message, _ current: Bool) -> Slots {
            ["href": path, "icon": icon, "label": say(label), "current": current]
        }
        let own = PortalTab.allCases.map { entry($0.path, $0.icon, Message("layout.nav.\($0.rawValue)"), $0 == portal) }
        let administrative = AdministrationTab.allCases.map {
            entry($0.path, $0.icon, Message("layout.nav.\($0.rawValue)"), $0 == administration)
        }
        return [
            "person": person.displayName, "own": own,
            "administrative": person.isAdministrator ? ["items": administrative] as Slots : nil,
        ]
    }
}
