/// Small requests to configured addresses: no redirects, no cookies, no proxy from the environment, short
/// time-outs, small answers.
public struct OutgoingHTTP: Sendable {
    /// Limits of every request.
    public struct Settings: Sendable {
        public var connectSeconds: Int
        public var totalSeconds: Int
        /// The largest body taken, in bytes.
        public var answerLimit: Int
        /// Certificates (PEM) trusted in place of the system's.
        public var caFile: String?

        public init(connectSeconds: Int = 10, totalSeconds: Int = 30, answerLimit: Int = 65_536, caFile: String? = nil) {
            self.connectSeconds = connectSeconds
            self.totalSeconds = totalSeconds
            self.answerLimit = answerLimit
            self.caFile = caFile
        }
    }

    /// One header.
    public struct Header: Hashable, Sendable {
        public var name: String
        public var value: String

        public init(_ name: String, _ value: String) {
            self.name = name
            self.value = value
        }
    }

    /// What is asked.
    public struct Request: Sendable {
        public var method: String
        public var url: String
        public var headers: [Header]
        public var body: [UInt8]?

        public init(_ method: String, _ url: String, headers: [Header] = [], body: [UInt8]? = nil) {
            self.method = method
            self.url = url
            self.headers = headers
            self.body = body
        }
    }

    /// What was answered.
    public struct Answer: Sendable {
        public var status: Int
        public var headers: [Header]
        public var body: [UInt8]

        public var text: String { String(decoding: body, as: UTF8.self) }

        /// The first header of that name, whatever its case.
        public func header(_ name: String) -> String? {
            headers.first { $0.name.lowercased() == name.lowercased() }?.value
        }
    }

    /// Why there was no answer.
    public enum Failure: Error, Hashable, Sendable {
        case timeout
        /// The answer exceeds the limit.
        case tooLarge
        /// A header with a line end, or a method that is no word.
        case badRequest
        /// The network said no; the text is libcurl's and holds nothing of the request.
        case unreachable(String)
    }

    private let curl: Curl
    private let settings: Settings

    public init(curl: Curl, settings: Settings = Settings()) {
        self.curl = curl
        self.settings = settings
    }

    /// Sends a request; any status is an answer.
    ///
    /// - Throws: `Failure`.
    public func send(_ request: Request) async throws -> Answer {
        let texts = request.headers.flatMap { [$0.name, $0.value] } + [request.url, request.method]
        guard texts.allSatisfy({ $0.unicodeScalars.allSatisfy { $0.value >= 32 && $0.value != 127 } }),
            request.method.utf8.allSatisfy({ (65...90).contains($0) })
        else { throw Failure.badRequest }
        guard let outcome = try? await curl.run(.http(request, settings: settings)) else { throw Failure.unreachable("shutting down") }
        if outcome.tooLarge { throw Failure.tooLarge }
        // 28 is CURLE_OPERATION_TIMEDOUT.
        if outcome.code == 28 { throw Failure.timeout }
        guard outcome.code == 0 else { throw Failure.unreachable(outcome.reason) }
        let headers = outcome.lines.compactMap { line -> Header? in
            guard let colon = line.firstIndex(of: ":") else { return nil }
            return Header(String(line[..<colon]), line[line.index(after: colon)...].trimmingCharacters())
        }
        return Answer(status: outcome.status, headers: headers, body: outcome.body)
    }
}

extension Substring {
    fileprivate func trimmingCharacters() -> String {
        var text = self
        while text.first == " " || text.first == "\t" { text = text.dropFirst() }
        while text.last == " " || text.last == "\t" { text = text.dropLast() }
        return String(text)
    }
}
