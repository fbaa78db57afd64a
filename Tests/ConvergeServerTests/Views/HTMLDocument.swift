/// A page read back: enough of HTML to check what we write ourselves. Unbalanced tags are an error.
struct HTMLDocument {
    /// One element with its place in the tree.
    final class Element {
        let name: String
        let attributes: [String: String]
        private(set) weak var parent: Element?
        fileprivate(set) var children: [Node] = []

        init(name: String, attributes: [String: String], parent: Element?) {
            self.name = name
            self.attributes = attributes
            self.parent = parent
        }

        /// All text inside, white space made single.
        var text: String {
            children.map { node in
                switch node {
                case .text(let text): text
                case .element(let element): element.text
                }
            }.joined().split(whereSeparator: \.isWhitespace).joined(separator: " ")
        }

        var descendants: [Element] {
            children.flatMap { node in
                if case .element(let element) = node { [element] + element.descendants } else { [Element]() }
            }
        }

        var ancestors: [Element] { parent.map { [$0] + $0.ancestors } ?? [] }

        func has(_ className: String) -> Bool { attributes["class"]?.split(separator: " ").contains { $0 == className } ?? false }
    }

    enum Node {
        case text(String)
        case element(Element)
    }

    struct Broken: Error, CustomStringConvertible {
        let description: String
    }

    /// Holds the whole tree; parents are weak.
    let root: Element
    let elements: [Element]

    private static let void: Set<String> = ["meta", "link", "input", "br", "hr", "img"]

    init(_ html: String) throws {
        root = Element(name: "", attributes: [:], parent: nil)
        var open = root
        var rest = html[...]
        while !rest.isEmpty {
            guard rest.first == "<" else {
                let text = rest.prefix { $0 != "<" }
                open.children.append(.text(try Self.unescape(text)))
                rest = rest.dropFirst(text.count)
                continue
            }
            guard let end = Self.endOfTag(rest) else { throw Broken(description: "a tag is not closed: \(rest.prefix(60))") }
            let tag = rest[rest.index(after: rest.startIndex)..<end]
            rest = rest[rest.index(after: end)...]
            if tag.hasPrefix("!") { continue }
            if tag.hasPrefix("/") {
                guard tag.dropFirst() == open.name, let parent = open.parent else {
                    throw Broken(description: "</\(tag.dropFirst())> closes <\(open.name)>: \(open.attributes)")
                }
                open = parent
                continue
            }
            let isClosed = tag.hasSuffix("/")
            let element = try Self.element(isClosed ? tag.dropLast() : tag, parent: open)
            open.children.append(.element(element))
            if !isClosed, !Self.void.contains(element.name) { open = element }
        }
        guard open === root else { throw Broken(description: "<\(open.name)> is never closed") }
        elements = root.descendants
    }

    func all(_ name: String) -> [Element] { elements.filter { $0.name == name } }

    func with(id: String) -> Element? { elements.first { $0.attributes["id"] == id } }

    private static func endOfTag(_ text: Substring) -> String.Index? {
        var quoted = false
        for index in text.indices {
            if text[index] == "\"" { quoted.toggle() }
            if text[index] == ">", !quoted { return index }
        }
        return nil
    }

    private static func element(_ tag: Substring, parent: Element) throws -> Element {
        let name = tag.prefix { !$0.isWhitespace }
        var attributes: [String: String] = [:]
        var rest = tag.dropFirst(name.count)
        while true {
            rest = rest.drop { $0.isWhitespace }
            if rest.isEmpty { break }
            let key = String(rest.prefix { !$0.isWhitespace && $0 != "=" })
            rest = rest.dropFirst(key.count)
            var value = ""
            if rest.first == "=" {
                rest = rest.dropFirst()
                guard rest.first == "\"", let end = rest.dropFirst().firstIndex(of: "\"") else {
                    throw Broken(description: "\(key) of <\(name)> is not quoted")
                }
                value = try unescape(rest[rest.index(after: rest.startIndex)..<end])
                rest = rest[rest.index(after: end)...]
            }
            guard attributes.updateValue(value, forKey: key) == nil else { throw Broken(description: "\(key) twice in <\(name)>") }
        }
        return Element(name: String(name), attributes: attributes, parent: parent)
    }

    private static func unescape(_ text: Substring) throws -> String {
        let plain = text.replacing("&lt;", with: "<").replacing("&gt;", with: ">").replacing("&quot;", with: "\"")
            .replacing("&#39;", with: "'")
        let rest = plain.replacing("&amp;", with: "\u{0}")
        guard !rest.contains("&") else { throw Broken(description: "a bare & in \(text.prefix(60))") }
        return String(rest.replacing("\u{0}", with: "&"))
    }
}
