import CCurl
import ConvergeCore
import Foundation
import NIOPosix

/// The one user of libcurl: transfers run on a few threads of their own, because the library blocks.
public final class Curl: Sendable {
    private let threads: NIOThreadPool

    // 3 is CURL_GLOBAL_ALL, a macro that is not imported.
    private static let started: Bool = curl_global_init(3) == CURLE_OK

    /// - Parameter threads: how many transfers may run at once.
    public init(threads: Int = 8) {
        precondition(Self.started, "libcurl does not start")
        self.threads = NIOThreadPool(numberOfThreads: threads)
        self.threads.start()
    }

    /// Waits for running transfers; no call may follow.
    public func close() async throws {
        try await threads.shutdownGracefully()
    }

    /// How a transfer is done.
    struct Transfer: Sendable {
        var url: String
        var protocols: String
        var options: [Option] = []
        /// Header lines for HTTP.
        var headers: [String] = []
        /// Recipients for SMTP.
        var recipients: [String] = []
        /// Bytes handed over through the reading callback (SMTP).
        var upload: [UInt8]?
        /// Bytes of a request's body (HTTP).
        var body: [UInt8]?
        var connectSeconds: Int
        var totalSeconds: Int
        var answerLimit: Int
    }

    /// One setting; texts and numbers are what libcurl takes.
    enum Option: Sendable {
        case text(CURLoption, String)
        case number(CURLoption, Int)
    }

    /// What came of a transfer.
    struct Outcome: Sendable {
        /// libcurl's verdict; 0 is success.
        var code: UInt32
        /// The verdict in libcurl's fixed words; holds nothing of the request.
        var reason: String
        /// The last status of HTTP or reply of SMTP, 0 when there was none.
        var status: Int
        /// Header lines of HTTP, reply lines of SMTP, without line ends.
        var lines: [String]
        var body: [UInt8]
        var tooLarge: Bool
    }

    /// Runs a transfer; never throws but when the threads have ended.
    func run(_ transfer: Transfer) async throws -> Outcome {
        try await threads.runIfActive { Self.perform(transfer) }
    }

    private static func perform(_ transfer: Transfer) -> Outcome {
        guard let handle = curl_easy_init() else {
            return Outcome(code: CURLE_FAILED_INIT.rawValue, reason: "no memory", status: 0, lines: [], body: [], tooLarge: false)
        }
        defer { curl_easy_cleanup(handle) }
        let exchange = Exchange(upload: transfer.upload ?? [], limit: transfer.answerLimit)
        let lists = configure(handle, transfer, exchange)
        defer { for list in lists { curl_slist_free_all(list) } }
        let code = withExtendedLifetime(exchange) { curl_easy_perform(handle) }
        var status = 0
        _ = app_curl_get_long(handle, CURLINFO_RESPONSE_CODE, &status)
        return Outcome(
            code: code.rawValue, reason: String(cString: curl_easy_strerror(code)), status: status, lines: exchange.lines,
            body: exchange.body, tooLarge: exchange.tooLarge)
    }

    /// - Returns: lists that must live as long as the transfer.
    private static func configure(_ handle: UnsafeMutableRawPointer, _ transfer: Transfer, _ exchange: Exchange)
        -> [UnsafeMutablePointer<curl_slist>?]
    {
        let common: [Option] = [
            .text(CURLOPT_URL, transfer.url), .text(CURLOPT_PROTOCOLS_STR, transfer.protocols), .number(CURLOPT_NOSIGNAL, 1),
            .number(CURLOPT_CONNECTTIMEOUT, transfer.connectSeconds), .number(CURLOPT_TIMEOUT, transfer.totalSeconds),
            // The environment must not send mail or codes through a proxy that nobody configured.
            .text(CURLOPT_PROXY, ""), .number(CURLOPT_FOLLOWLOCATION, 0),
        ]
        for option in common + transfer.options {
            switch option {
            case .text(let name, let value): _ = app_curl_set_str(handle, name, value)
            case .number(let name, let value): _ = app_curl_set_long(handle, name, value)
            }
        }
        let context = Unmanaged.passUnretained(exchange).toOpaque()
        _ = app_curl_set_ptr(handle, CURLOPT_WRITEDATA, context)
        _ = app_curl_set_io(handle, CURLOPT_WRITEFUNCTION, takeBody)
        _ = app_curl_set_ptr(handle, CURLOPT_HEADERDATA, context)
        _ = app_curl_set_io(handle, CURLOPT_HEADERFUNCTION, takeLine)
        if transfer.upload != nil {
            _ = app_curl_set_long(handle, CURLOPT_UPLOAD, 1)
            _ = app_curl_set_ptr(handle, CURLOPT_READDATA, context)
            _ = app_curl_set_io(handle, CURLOPT_READFUNCTION, giveBytes)
        }
        if let body = transfer.body {
            _ = app_curl_set_long(handle, CURLOPT_POSTFIELDSIZE, body.count)
            // One byte more gives the empty body an address: without one, libcurl would read standard input.
            (body + [0]).withUnsafeBytes { bytes in
                _ = app_curl_set_ptr(handle, CURLOPT_COPYPOSTFIELDS, UnsafeMutableRawPointer(mutating: bytes.baseAddress))
            }
        }
        let headers = list(transfer.headers)
        let recipients = list(transfer.recipients)
        if headers != nil { _ = app_curl_set_ptr(handle, CURLOPT_HTTPHEADER, headers) }
        if recipients != nil { _ = app_curl_set_ptr(handle, CURLOPT_MAIL_RCPT, recipients) }
        return [headers, recipients]
    }

    private static func list(_ texts: [String]) -> UnsafeMutablePointer<curl_slist>? {
        texts.reduce(nil) { curl_slist_append($0, $1) }
    }
}

/// What flows during one transfer. Used on one thread only, that of the transfer.
private final class Exchange {
    let upload: [UInt8]
    let limit: Int
    var sent = 0
    var body: [UInt8] = []
    var lines: [String] = []
    var tooLarge = false

    init(upload: [UInt8], limit: Int) {
        self.upload = upload
        self.limit = limit
    }
}

private func exchange(_ context: UnsafeMutableRawPointer?) -> Exchange? {
    context.map { Unmanaged<Exchange>.fromOpaque($0).takeUnretainedValue() }
}

/// Hands the next piece of an upload to libcurl; 0 ends it.
private let giveBytes: app_curl_io = { buffer, size, count, context in
    guard let exchange = exchange(context), let buffer else { return 0 }
    let length = min(size * count, exchange.upload.count - exchange.sent)
    exchange.upload.withUnsafeBytes { bytes in
        if length > 0, let base = bytes.baseAddress { memcpy(buffer, base + exchange.sent, length) }
    }
    exchange.sent += length
    return length
}

/// Takes a piece of the answer's body; a short count makes libcurl give up.
private let takeBody: app_curl_io = { buffer, size, count, context in
    guard let exchange = exchange(context), let buffer else { return 0 }
    let length = size * count
    guard exchange.body.count + length <= exchange.limit else {
        exchange.tooLarge = true
        return 0
    }
    exchange.body.append(contentsOf: UnsafeRawBufferPointer(start: buffer, count: length))
    return length
}

/// Takes one header or reply line.
private let takeLine: app_curl_io = { buffer, size, count, context in
    guard let exchange = exchange(context), let buffer else { return 0 }
    let length = size * count
    guard exchange.lines.count < 200, length < 16_384 else {
        exchange.tooLarge = true
        return 0
    }
    let line = String(decoding: UnsafeRawBufferPointer(start: buffer, count: length), as: UTF8.self)
    exchange.lines.append(String(line.prefix { !$0.isNewline }))
    return length
}

extension Curl.Transfer {
    /// A mail to one recipient.
    static func mail(_ settings: MailTransport.Settings, from: String, to: String, message: [UInt8]) -> Curl.Transfer {
        let scheme = settings.security == .tls ? "smtps" : "smtp"
        let host = settings.host.contains(":") ? "[\(settings.host)]" : settings.host
        var options: [Curl.Option] = [
            .text(CURLOPT_MAIL_FROM, "<\(from)>"),
            // CURLUSESSL_ALL: without TLS there is no mail. CURLUSESSL_NONE for a relay on the same machine.
            .number(CURLOPT_USE_SSL, settings.security == .none ? 0 : 3),
            .number(CURLOPT_SERVER_RESPONSE_TIMEOUT, settings.totalSeconds),
        ]
        if let user = settings.user { options.append(.text(CURLOPT_USERNAME, user)) }
        if let password = settings.password { options.append(.text(CURLOPT_PASSWORD, password.text)) }
        if let caFile = settings.caFile { options.append(.text(CURLOPT_CAINFO, caFile)) }
        return Curl.Transfer(
            url: "\(scheme)://\(host):\(settings.port)/\(settings.helloName)", protocols: "smtp,smtps", options: options,
            recipients: ["<\(to)>"], upload: message, connectSeconds: settings.connectSeconds, totalSeconds: settings.totalSeconds,
            answerLimit: 65_536)
    }

    /// Greets the mail relay, with TLS and log-in where they are configured, and says nothing more.
    static func reach(_ settings: MailTransport.Settings) -> Curl.Transfer {
        var transfer = mail(settings, from: "nobody", to: "nobody", message: [])
        transfer.options.append(.number(CURLOPT_CONNECT_ONLY, 1))
        transfer.recipients = []
        transfer.upload = nil
        return transfer
    }

    /// Connects to an address, with TLS where it is https, and asks nothing.
    static func reach(_ url: String) -> Curl.Transfer {
        Curl.Transfer(
            url: url, protocols: "http,https", options: [.number(CURLOPT_CONNECT_ONLY, 1)], connectSeconds: 10, totalSeconds: 10,
            answerLimit: 1024)
    }

    /// One HTTP request.
    static func http(_ request: OutgoingHTTP.Request, settings: OutgoingHTTP.Settings) -> Curl.Transfer {
        var options: [Curl.Option] = []
        switch request.method {
        case "GET" where request.body == nil: break
        case "HEAD": options.append(.number(CURLOPT_NOBODY, 1))
        case "POST": options.append(.number(CURLOPT_POST, 1))
        default: options.append(.text(CURLOPT_CUSTOMREQUEST, request.method))
        }
        if let caFile = settings.caFile { options.append(.text(CURLOPT_CAINFO, caFile)) }
        // Without this, libcurl waits a second for leave to send larger bodies.
        let headers = request.headers.map { $0.value.isEmpty ? "\($0.name);" : "\($0.name): \($0.value)" } + ["Expect:"]
        return Curl.Transfer(
            url: request.url, protocols: "http,https", options: options, headers: headers,
            body: request.body ?? (request.method == "POST" ? [] : nil), connectSeconds: settings.connectSeconds,
            totalSeconds: settings.totalSeconds, answerLimit: settings.answerLimit)
    }
}
