import ConvergeCore
import Foundation
import HTTPTypes
import Hummingbird

/// What arrived, before any handler: who the browser is, and what it sent.
struct Arrival: Sendable {
    let id: String
    let path: String
    let query: Fields
    var form = Fields()
    let browserSecret: Secret
    /// The cookie has to be set.
    let isNewBrowser: Bool
    let browserHash: String
    let sessionSecret: Secret?
    let csrf: String
    let network: String
    let address: IPAddress?
    let mayReadMetrics: Bool
    let agent: String
    let now: Moment
    let language: String
    let carrierSignature: String?

    func request(_ context: FrontContext) -> AnonymousRequest {
        var parameters: [String: String] = [:]
        for (name, value) in context.parameters { parameters[String(name)] = FormText.withoutNUL(String(value)) }
        return AnonymousRequest(
            id: id, path: path, parameters: parameters, query: query, form: form, browserHash: browserHash,
            sessionSecret: sessionSecret, csrf: csrf, network: network, address: address, mayReadMetrics: mayReadMetrics, agent: agent,
            now: now, language: language, carrierSignature: carrierSignature)
    }
}

/// The checks that belong to every route: host, forgery, cookies, headers.
struct Gate: Sendable {
    let instance: Instance
    private let cookiePrefix: String
    private let trustedProxies: [CIDR]
    private let plainHeaders: HTTPFields
    private let storedHeaders: HTTPFields

    init(_ instance: Instance) {
        self.instance = instance
        cookiePrefix = instance.config.isSecure ? "__Host-converge" : "converge"
        trustedProxies = instance.config.trustedProxies
        plainHeaders = Self.headers(isSecure: instance.config.isSecure, mayBeStored: false)
        storedHeaders = Self.headers(isSecure: instance.config.isSecure, mayBeStored: true)
    }

    private static let forwardedFor = HTTPField.Name("X-Forwarded-For")!, fetchSite = HTTPField.Name("Sec-Fetch-Site")!
    private static let signature = HTTPField.Name("X-Twilio-Signature")!

    private var config: Config { instance.config }

    // MARK: arriving

    func arrival(_ request: Request, _ context: FrontContext, id: String) -> Arrival {
        let cookies = CookieText.parse(request.headers[values: .cookie])
        let known = cookies[cookiePrefix + "-browser"].flatMap { $0.utf8.count == 43 ? Secret($0) : nil }
        let browser = known ?? Secret(instance.world.newToken(bytes: 32))
        let session = cookies[cookiePrefix].flatMap { $0.isEmpty ? nil : Secret($0) }
        let address = clientAddress(request, context)
        return Arrival(
            id: id, path: request.uri.string, query: Fields(FormText.parse(request.uri.query ?? "")), browserSecret: browser,
            isNewBrowser: known == nil, browserHash: instance.keyed(browser.text, "browser"), sessionSecret: session,
            csrf: instance.keyed((session ?? browser).text, "csrf"), network: address?.networkKey ?? "unknown",
            address: address, mayReadMetrics: mayReadMetrics(request, context, address),
            agent: String((request.headers[.userAgent] ?? "").prefix(300)), now: instance.world.now(), language: "en",
            carrierSignature: request.headers[Self.signature])
    }

    private func clientAddress(_ request: Request, _ context: FrontContext) -> IPAddress? {
        guard let peer = IPAddress(context.peer) else { return nil }
        let forwarded = request.headers[values: Self.forwardedFor].flatMap { $0.split(separator: ",").map { $0.trimmingSpaces() } }
        return ClientAddress.resolve(peer: peer, forwardedFor: forwarded, trusted: trustedProxies)
    }

    /// Loopback, or the networks of the configuration. What a proxy passed on comes from elsewhere, whatever its address: a proxy
    /// that is not named in `trustedProxies` gives itself away by its headers, or by the public name.
    private func mayReadMetrics(_ request: Request, _ context: FrontContext, _ address: IPAddress?) -> Bool {
        guard let address, config.metricsNetworks.contains(where: { $0.contains(address) }) else { return false }
        let isProxyTrusted = IPAddress(context.peer).map { peer in trustedProxies.contains { $0.contains(peer) } } ?? false
        let isForwarded = ["X-Forwarded-For", "Forwarded", "X-Real-IP", "Via"].contains { request.headers[.init($0)!] != nil }
        if isForwarded, !isProxyTrusted { return false }
        return config.isLoopback || isForwarded || request.head.authority?.lowercased() != config.publicAuthority
    }

    // MARK: refusing

    /// Other names than the public one are misdirected (RFC 9110 section 15.5.20); health checks come by address.
    func refuseHost(_ request: Request, _ route: Route?) -> Reply? {
        if let route, OperationsRoutes.paths.contains(route.path) { return nil }
        guard request.head.authority?.lowercased() != config.publicAuthority else { return nil }
        return .text("This server answers as \(config.publicURL) only.\n", status: 421)
    }

    /// Every change is a post from our own pages: fetch metadata, then origin, then the token of the form.
    func refuseForgery(_ request: Request, _ arrival: Arrival, _ route: Route?) -> Reply? {
        // A carrier has no page of ours and no cookie: it signs what it sends.
        if route?.access == .carrier { return arrival.form.tooLong == nil ? nil : .text("", status: 413) }
        let site = request.headers[Self.fetchSite]
        let origin = request.headers[.origin]
        let fromElsewhere = site.map { $0 != "same-origin" && $0 != "none" } ?? (origin.map { $0 != config.publicURL } ?? false)
        let token = Array(arrival.form["csrf"].utf8)
        guard !fromElsewhere, equalInConstantTime(token, Array(arrival.csrf.utf8)) else {
            // A browser that we know and a form of ours: it was opened under the session before this one.
            let isOlder = !fromElsewhere && !arrival.isNewBrowser
            return .page(ExpiredPage(kind: isOlder ? .older : .form, start: "/"), status: 403)
        }
        if arrival.form.tooLong != nil { return .page(TooLargePage(again: arrival.path), status: 413) }
        return nil
    }

    // MARK: answering

    static let contentPolicy = [
        "default-src 'none'", "style-src 'self'", "script-src 'self'", "img-src 'self' data:", "font-src 'self'",
        "connect-src 'self'", "form-action 'self'", "frame-ancestors 'none'", "base-uri 'none'", "manifest-src 'self'",
    ].joined(separator: "; ")

    /// The headers of every answer.
    func headers(_ reply: Reply) -> HTTPFields { reply.mayBeStored ? storedHeaders : plainHeaders }

    private static func headers(isSecure: Bool, mayBeStored: Bool) -> HTTPFields {
        let texts: [(String, String?)] = [
            ("Content-Security-Policy", contentPolicy), ("Referrer-Policy", "same-origin"),
            ("X-Content-Type-Options", "nosniff"), ("X-Frame-Options", "DENY"), ("Cross-Origin-Opener-Policy", "same-origin"),
            ("Cross-Origin-Resource-Policy", "same-origin"),
            ("Permissions-Policy", "camera=(), geolocation=(), microphone=(), payment=(), usb=()"),
            ("Cache-Control", mayBeStored ? "public, max-age=31536000, immutable" : "no-store"),
            ("Strict-Transport-Security", isSecure ? "max-age=31536000; includeSubDomains" : nil),
        ]
        var headers = HTTPFields()
        for (name, value) in texts { if let name = HTTPField.Name(name) { headers[name] = value } }
        return headers
    }

    /// The cookies of an answer: the browser's, when it has none yet, and the session's, when it changed.
    func cookies(_ reply: Reply, _ arrival: Arrival) -> [String] {
        var cookies: [String] = []
        if arrival.isNewBrowser, !reply.mayBeStored {
            cookies.append(cookie("-browser", arrival.browserSecret.text, maxAgeSeconds: 400 * 86_400))
        }
        if let session = reply.session {
            cookies.append(cookie("", session.text, maxAgeSeconds: session.bytes.isEmpty ? 0 : nil))
        }
        return cookies
    }

    private func cookie(_ suffix: String, _ value: String, maxAgeSeconds: Int?) -> String {
        var parts = ["\(cookiePrefix)\(suffix)=\(value)", "Path=/", "HttpOnly", "SameSite=Lax"]
        if config.isSecure { parts.append("Secure") }
        if let maxAgeSeconds { parts.append("Max-Age=\(maxAgeSeconds)") }
        return parts.joined(separator: "; ")
    }
}
