import ConvergeCore

/// What a request says, whoever sends it: nothing has been proved.
struct AnonymousRequest: Sendable {
    let id: String
    let path: String
    let parameters: [String: String]
    let query: Fields
    var form: Fields
    /// Keyed hash of the browser's long-lived cookie.
    let browserHash: String
    /// The secret in the session cookie, when there is one.
    let sessionSecret: Secret?
    let csrf: String
    /// Address of the client, IPv6 by /64.
    let network: String
    /// The same in full; nil when the peer has none.
    let address: IPAddress?
    /// Comes from a network that may read what the server counts.
    let mayReadMetrics: Bool
    let agent: String
    let now: Moment
    let language: String
    /// Who is signed in, where that was read with something else already.
    var visitor: Visitor = .unread

    enum Visitor: Sendable {
        case unread
        case nobody
        case somebody(SessionRecord, Dossier)
    }
    /// What the telephone carrier signed its request with.
    let carrierSignature: String?

    /// Where to go afterwards: a local path, nothing else.
    var returnTo: String { LocalPath.checked(query["return"].isEmpty ? form["return"] : query["return"]) ?? "/" }

    /// Whether it comes from a network that a policy names as the organisation's own.
    func isFromNetwork(of policy: PolicyDocument) -> Bool {
        guard let address else { return false }
        return policy.trustedNetworks.contains { (try? CIDR($0))?.contains(address) ?? false }
    }
}

/// A request of somebody who is signed in.
struct SignedInRequest: Sendable {
    let request: AnonymousRequest
    let session: SessionRecord
    let dossier: Dossier

    var person: PersonRecord { dossier.record }
}

/// A request of somebody who proved who they are within the last minutes: may open and alter security info.
struct RecentlyVerifiedRequest: Sendable {
    let signedIn: SignedInRequest

    var request: AnonymousRequest { signedIn.request }
    var session: SessionRecord { signedIn.session }
    var dossier: Dossier { signedIn.dossier }
}

/// What a handler answers.
struct Reply: Sendable {
    /// Hands over the pieces of an answer; each is waited for until it is on its way.
    typealias Pieces = @Sendable (_ write: (String) async throws -> Void) async throws -> Void

    enum Body: Sendable {
        case page(any Page)
        case redirect(String)
        case bytes([UInt8], type: String)
        /// Written piece by piece as the browser takes it, so that a long answer needs no memory.
        case stream(type: String, Pieces)
    }

    var status: Int
    var body: Body
    var headers: [(name: String, value: String)] = []
    /// A session secret to set, or "" to take the cookie away.
    var session: Secret?
    /// Who is signed in, for the page's navigation.
    var person: Visit.Person?
    /// Whether the answer is written piece by piece.
    var isStream: Bool { if case .stream = body { true } else { false } }
    /// Answers of personal pages are never stored; static files are.
    var mayBeStored = false

    /// Leads on, with the cookie of a session.
    static func redirect(_ path: String, opening session: OpenedSession) -> Reply {
        var reply = redirect(path)
        reply.session = session.secret
        return reply
    }

    static func page(_ page: some Page, status: Int = 200) -> Reply { Reply(status: status, body: .page(page)) }
    static func redirect(_ path: String) -> Reply { Reply(status: 303, body: .redirect(path)) }

    static func text(_ text: String, type: String = "text/plain; charset=utf-8", status: Int = 200) -> Reply {
        Reply(status: status, body: .bytes(Array(text.utf8), type: type))
    }
}
