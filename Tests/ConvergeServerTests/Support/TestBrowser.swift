import ConvergeCore
import Foundation
import HTTPTypes
import Hummingbird
import Testing

@testable import ConvergeServer

/// A browser that keeps cookies, follows redirects and submits the forms that pages really have.
/// One story uses it at a time; two tabs are two of these.
final class TestBrowser: @unchecked Sendable {
    let server: TestServer
    private(set) var cookies: [String: String] = [:]
    private(set) var page = TestPage(status: 0, path: "", html: "")
    /// The headers of the last answer.
    private(set) var headers = HTTPFields()
    /// False: a redirect is an answer like any other, and `headers` say where it leads.
    var followsRedirects = true
    /// Where the browser says it is, when the server believes a proxy.
    var address: String?
    /// The browser plays the telephone carrier, which signs.
    var carrierSignature: String?

    /// Called after each answer, those of redirects too.
    var onAnswer: (HTTPRequest.Method, String) -> Void = { _, _ in }

    init(_ server: TestServer) {
        self.server = server
    }

    /// Opens an address, as typed into the address bar.
    @discardableResult
    func open(_ path: String) async throws -> TestPage { try await follow(.get, path, nil) }

    /// Fills the form that posts to an action ending so, and sends it. Hidden fields go along.
    @discardableResult
    func submit(_ action: String, _ fields: [String: String] = [:], _ place: SourceLocation = #_sourceLocation) async throws -> TestPage {
        guard let form = page.forms.first(where: { $0.action.hasSuffix(action) }) else {
            Issue.record("no form for \(action) on “\(page.heading)”, only \(page.forms.map(\.action))", sourceLocation: place)
            return page
        }
        return try await post(form.action, form.hidden.merging(fields) { $1 })
    }

    /// Sends fields to an address, as somebody could who wrote the form by hand.
    @discardableResult
    func post(_ path: String, _ fields: [String: String]) async throws -> TestPage {
        let body = fields.map { PercentEncoding.encode($0.key) + "=" + PercentEncoding.encode($0.value) }.joined(separator: "&")
        return try await follow(.post, path, body)
    }

    /// Follows the link with these words.
    @discardableResult
    func follow(link words: String, _ place: SourceLocation = #_sourceLocation) async throws -> TestPage {
        guard let link = page.links.first(where: { $0.words.contains(words) }) else {
            Issue.record("no link “\(words)” on “\(page.heading)”", sourceLocation: place)
            return page
        }
        return try await open(link.href)
    }

    /// A copy of this browser with the same cookies: another tab, or the same one after the server started again.
    func tab(on server: TestServer? = nil) -> TestBrowser {
        let other = TestBrowser(server ?? self.server)
        other.cookies = cookies
        other.page = page
        other.followsRedirects = followsRedirects
        other.address = address
        return other
    }

    private func follow(_ method: HTTPRequest.Method, _ path: String, _ body: String?) async throws -> TestPage {
        var method = method, path = path, body = body
        for _ in 0..<10 {
            var headers = HTTPFields()
            if !cookies.isEmpty { headers[.cookie] = cookies.map { "\($0.key)=\($0.value)" }.joined(separator: "; ") }
            if body != nil {
                headers[.contentType] = "application/x-www-form-urlencoded"
                headers[.origin] = server.instance.config.publicURL
            }
            if let carrierSignature { headers[.init("X-Twilio-Signature")!] = carrierSignature }
            if let address { headers[.init("X-Forwarded-For")!] = address }
            let (status, answer, html) = try await server.send(method, path, headers: headers, body: body)
            onAnswer(method, path)
            keep(answer)
            self.headers = answer
            if followsRedirects, (300..<400).contains(status), let location = answer[.location] {
                (method, path, body) = (.get, location, nil)
                continue
            }
            page = TestPage(status: status, path: path, html: html)
            return page
        }
        Issue.record("a circle of redirects at \(path)")
        return page
    }

    private func keep(_ headers: HTTPFields) {
        for value in headers[values: .setCookie] {
            let parts = value.split(separator: ";")
            let pair = parts[0].split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            let ends = parts.contains { $0.trimmingCharacters(in: .whitespaces) == "Max-Age=0" }
            cookies[String(pair[0])] = ends || pair[1].isEmpty ? nil : String(pair[1])
        }
    }

    // MARK: stories

    /// Types name and password on the sign-in page.
    @discardableResult
    func signIn(_ name: String, _ password: String = TestServer.password, returnTo: String = "/") async throws -> TestPage {
        try await open("/sign-in" + (returnTo == "/" ? "" : "?return=\(returnTo)"))
        return try await submit("/sign-in", ["name": name, "password": password])
    }

    /// The code that the app being connected shows now; its key is read from the page.
    func appCode(secret: Secret) -> String {
        let totp = TOTP(secret: secret)!
        return totp.code(step: totp.step(at: server.clock.now)).text
    }
}

/// A page as a test reads it.
struct TestPage {
    let status: Int
    let path: String
    let html: String

    struct Form {
        let action: String
        let hidden: [String: String]
        /// Names and values of its buttons.
        let buttons: [(name: String, value: String)]
    }

    var heading: String { first(#"<h1[^>]*>(.*?)</h1>"#).map(Self.words) ?? "" }
    var title: String { first(#"<title>(.*?)</title>"#).map(Self.words) ?? "" }
    var text: String { Self.words(html) }

    /// The key of the app that the page connects.
    var key: Secret? {
        first(#"<p class="key[^"]*"[^>]*>(.*?)</p>"#).map(Self.words).flatMap { Base32.decode($0) }.map { Secret(bytes: $0) }
    }

    /// "1 of 2", as the page says it.
    var step: String? { first(#"Step (\d+ of \d+)"#) }

    var links: [(href: String, words: String)] {
        all(#"<a\b[^>]*href="([^"]*)"[^>]*>(.*?)</a>"#).map { (Self.unescape($0[0]), Self.words($0[1])) }
    }

    var forms: [Form] {
        all(#"<form\b([^>]*)>(.*?)</form>"#).map { parts in
            let action = Self.attribute("action", parts[0]) ?? path
            var hidden: [String: String] = [:], buttons: [(name: String, value: String)] = []
            for input in Self.matches(#"<input\b([^>]*)>"#, parts[1]) where Self.attribute("type", input[0]) == "hidden" {
                hidden[Self.attribute("name", input[0]) ?? ""] = Self.attribute("value", input[0]) ?? ""
            }
            for button in Self.matches(#"<button\b([^>]*)>"#, parts[1]) {
                if let name = Self.attribute("name", button[0]) { buttons.append((name, Self.attribute("value", button[0]) ?? "")) }
            }
            return Form(action: action, hidden: hidden, buttons: buttons)
        }
    }

    func says(_ words: String) -> Bool { text.contains(words) }

    private func first(_ pattern: String) -> String? { all(pattern).first?.first }
    private func all(_ pattern: String) -> [[String]] { Self.matches(pattern, html) }

    private static func matches(_ pattern: String, _ text: String) -> [[String]] {
        guard let expression = try? NSRegularExpression(pattern: pattern, options: [.dotMatchesLineSeparators]) else { return [] }
        let whole = text as NSString
        return expression.matches(in: text, range: NSRange(location: 0, length: whole.length)).map { match in
            (1..<match.numberOfRanges).map { match.range(at: $0).location == NSNotFound ? "" : whole.substring(with: match.range(at: $0)) }
        }
    }

    private static func attribute(_ name: String, _ tag: String) -> String? {
        matches(#"\b\#(name)="([^"]*)""#, tag).first?.first.map(unescape)
    }

    private static func words(_ html: String) -> String {
        unescape(html.replacingOccurrences(of: #"<[^>]*>"#, with: " ", options: .regularExpression))
            .replacingOccurrences(of: #"\s+"#, with: " ", options: .regularExpression).trimmingCharacters(in: .whitespaces)
    }

    private static func unescape(_ text: String) -> String {
        text.replacingOccurrences(of: "&lt;", with: "<").replacingOccurrences(of: "&gt;", with: ">")
            .replacingOccurrences(of: "&quot;", with: "\"").replacingOccurrences(of: "&#39;", with: "'")
            .replacingOccurrences(of: "&amp;", with: "&")
    }
}
