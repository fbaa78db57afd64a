import Testing

@testable import ConvergeServer

@Suite("Templates")
struct TemplateTests {
    private func render(_ text: String, _ slots: Slots, parts: [String: String] = [:]) throws -> String {
        var templates = try parts.mapValues { try Template($0) }
        templates["page"] = try Template(text)
        return try #require(try TemplateSet(templates).render("page", slots))
    }

    @Test("values, paths, and what stands around")
    func values() throws {
        let slots: Slots = ["name": "Ada", "count": 3, "yes": true, "inner": ["name": "Ben", "deep": ["a": "x"] as Slots] as Slots]
        #expect(try render("{{name}} {{ count }} {{yes}} {{missing}}.", slots) == "Ada 3 true .")
        #expect(try render("{{inner.name}} {{inner.deep.a}} {{inner.none.a}}", slots) == "Ben x ")
        #expect(try render("{{#inner}}{{name}} {{count}} {{.name}} {{.count}}{{/inner}}", slots) == "Ben 3 Ben ")
    }

    @Test("sections: a list, a flag, something, nothing")
    func sections() throws {
        let slots: Slots = [
            "list": ["a", "b"], "none": [String](), "on": true, "off": false, "empty": "", "zero": 0,
            "people": [["name": "Ada"], ["name": "Ben", "last": true]] as [Slots],
        ]
        #expect(try render("{{#list}}({{.}}){{/list}}{{#none}}x{{/none}}{{^none}}none{{/none}}", slots) == "(a)(b)none")
        #expect(try render("{{#on}}1{{/on}}{{^on}}2{{/on}}{{#off}}3{{/off}}{{^off}}4{{/off}}", slots) == "14")
        #expect(try render("{{#empty}}[{{.}}]{{/empty}}{{#zero}}[{{.}}]{{/zero}}{{^gone}}gone{{/gone}}", slots) == "[][0]gone")
        #expect(try render("{{#people}}{{.name}}{{^.last}}, {{/.last}}{{/people}}", slots) == "Ada, Ben")
    }

    @Test("a tag that stands alone takes its line with it, others leave everything as it is")
    func lines() throws {
        let slots: Slots = ["list": ["a", "b"], "x": "1"]
        #expect(
            try render("<ul>\n  {{#list}}\n  <li>{{.}}</li>\n  {{/list}}\n</ul>\n", slots) == "<ul>\n  <li>a</li>\n  <li>b</li>\n</ul>\n")
        #expect(try render("a\n{{^none}}\nb\n{{/none}}", slots) == "a\nb\n")
        #expect(try render("  {{x}}  \n{{#x}}y{{/x}}\n", slots) == "  1  \ny\n")
        #expect(try render("<p>\n{{x}}</p>\n{{#x}}\n<b>\n{{/x}}\n", slots) == "<p>\n1</p>\n<b>\n")
        #expect(try render("{{>part}}\n{{>part}}.\n", slots, parts: ["part": "[{{x}}]\n"]) == "[1]\n[1]\n.\n")
    }

    @Test("every byte that HTML takes for its own is escaped, whatever follows it")
    func escaping() throws {
        let text = "<\u{338}a href=\"\u{301}'&>\u{FE0F}", slots: Slots = ["text": text]
        #expect(try render("{{text}}", slots) == "&lt;\u{338}a href=&quot;\u{301}&#39;&amp;&gt;\u{FE0F}")
        #expect(try render("{{{text}}}", slots) == text)
    }

    @Test("what is the same on every page is put in when the template is read")
    func fixed() throws {
        let template = try Template("<b>{{t.a.b}}</b>{{t.c}}") { ["t.a.b": "A & B", "t.c": "C"][$0] }
        #expect(try TemplateSet(["page": template]).render("page", [:]) == "<b>A &amp; B</b>C")
        #expect(template.pieces.count == 3)
    }

    @Test(
        "a template that cannot be read is refused",
        arguments: ["a\n{{#x}}\nb", "{{#x}}{{/y}}", "a\n{{/x}}", "{{x", "{{}}", "{{a..b}}", "\n\n{{a b}}", "{{%X:Y}}", "{{{x}}"])
    func malformed(_ text: String) {
        #expect(throws: Template.Malformed.self) { try Template(text) }
    }

    @Test("a part that is not there is noticed when the templates are read")
    func missingPart() throws {
        let page = try Template("{{#x}}{{>gone}}{{/x}}")
        #expect(throws: Template.Malformed(reason: "there is no template gone", line: 0)) { try TemplateSet(["page": page]) }
    }
}
