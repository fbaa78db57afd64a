import ConvergeCore

/// What happened to a person's account, from the audit log, and "this wasn't me".
struct OwnActivity {
    let signedIn: SignedInRequest
    let instance: Instance

    /// How far back the page looks.
    private static let days = 30
    private static let pageSize = 100

    init(_ signedIn: SignedInRequest, _ instance: Instance) {
        self.signedIn = signedIn
        self.instance = instance
    }

    private var request: AnonymousRequest { signedIn.request }
    private var person: PersonID { signedIn.dossier.person.id }

    // MARK: the list

    func page() async throws -> Reply {
        var filter = AuditFilter(limit: Self.pageSize)
        filter.person = person
        filter.from = request.now - .days(Self.days)
        filter.before = Self.position(request.query["before"])
        let wanted = filter, instance = self.instance
        let found = try await instance.database.read { db in try instance.audit.find(wanted, db) }
        var page = ActivityPage(events: found.compactMap(event), days: Self.days)
        if found.count == Self.pageSize, let last = found.last { page.earlier = "/activity?before=\(last.at.ms).\(last.id)" }
        return .page(page)
    }

    private static func position(_ text: String) -> (at: Moment, id: String)? {
        let parts = text.split(separator: ".", maxSplits: 1).map(String.init)
        guard parts.count == 2, let ms = Int64(parts[0]) else { return nil }
        return (Moment(ms: ms), parts[1])
    }

    private func event(_ record: AuditRecord) -> ActivityPage.Event? {
        guard let words = ActivityWords(record.event) else { return nil }
        var event = ActivityPage.Event(icon: words.icon, title: words.title, at: record.at)
        if !record.event.success { event.badges = [.failure] }
        let isOwn = words.isOwnBrowser(record.event)
        if isOwn { event.detail = Self.place(record.event) }
        event.more = isOwn ? words.more : Message("activity.by-administrator")
        if reported(record) != nil { event.notMe = "/activity/not-me/\(PercentEncoding.encode(record.id))" }
        return event
    }

    /// Browser and network address.
    private static func place(_ event: AuditEvent) -> String? {
        let parts = [event.agent.map { BrowserName.of($0) }, event.network].compactMap { $0 }.filter { !$0.isEmpty }
        return parts.isEmpty ? nil : parts.joined(separator: ", ")
    }

    // MARK: "this wasn't me"

    /// What a report about an event is about; nil: nothing that a report could undo, or too long ago.
    private func reported(_ record: AuditRecord) -> NoticeEvent? {
        guard record.event.success, record.at + Ledger.notMeLife > request.now else { return nil }
        let kind = record.event.details["method"].flatMap { MethodKind(rawValue: $0) }
        switch (record.event.activity, kind) {
        case (.registered, .recoveryCodes?): return .recoveryCodesMade
        case (.registered, let kind?): return .methodAdded(kind)
        case (.updated, let kind?): return .methodChanged(kind)
        case (.deleted, let kind?): return .methodRemoved(kind)
        case (.changedPassword, _): return .passwordChanged
        case (.resetPassword, _): return .passwordReset
        case (.unlocked, _): return .unlocked
        default: return nil
        }
    }

    private func find(_ id: String) async throws -> (record: AuditRecord, event: NoticeEvent)? {
        let instance = self.instance, person = self.person
        let record = try await instance.database.read { db in try instance.audit.find(id: id, about: person, db) }
        guard let record, let event = reported(record) else { return nil }
        return (record, event)
    }

    /// Asks before anything is switched off.
    func ask(_ id: String) async throws -> Reply {
        guard let (record, event) = try await find(id) else { return .redirect("/activity") }
        return .page(
            NotMePage(
                form: Form("/activity/not-me/\(PercentEncoding.encode(id))"), what: event.message, at: record.at,
                place: Self.place(record.event)))
    }

    /// Carries the report out; this browser is signed out with all others.
    func report(_ id: String) async throws -> Reply {
        guard let (record, event) = try await find(id) else { return .redirect("/activity") }
        let instance = self.instance, request = self.request, person = self.person, signedIn = self.signedIn
        let credential = record.event.details["credential"].map { CredentialID($0) }
        return try await instance.database.write { db in
            _ = try instance.liveSession(signedIn, db)
            let suspended = try NotMe.report(event, credential: credential, of: person, by: nil, request, instance, db)
            var reply = Reply.page(NotMeDonePage(suspended: suspended.map { .method($0.rawValue) }))
            reply.session = Secret("")
            return reply
        }
    }
}

/// An event of the audit log as its person reads it; nil for what would only be noise.
struct ActivityWords {
    let icon: String
    let title: Message
    var more: Message?

    init?(_ event: AuditEvent) {
        let kind = event.details["method"].flatMap { MethodKind(rawValue: $0) }?.rawValue
        let known = Self.plain(event) ?? kind.flatMap { Self.ofMethod(event, $0) }
        guard let known else { return nil }
        (icon, title) = known
        if event.activity == .signedIn, let amr = event.details["amr"]?.split(separator: " ") {
            more = amr.contains("mfa") ? Message("activity.with-second-step") : amr == ["pwd"] ? Message("activity.with-password") : nil
        }
    }

    private static func plain(_ event: AuditEvent) -> (String, Message)? {
        switch (event.activity, event.success) {
        case (.signedIn, true): ("laptop", .event("signed-in"))
        case (.signInRefused, _): ("danger", .event("sign-in-refused"))
        case (.challengeAnswered, false): ("danger", .event("code-refused"))
        case (.signedOut, true): ("out", .event("signed-out"))
        case (.sessionsRevoked, true):
            switch event.details["what"] {
            case nil: ("out", .event("signed-out-everywhere"))
            case "one browser": ("out", .event("browser-signed-out"))
            default: ("laptop", .event("browsers-forgotten"))
            }
        case (.reviewed, true): ("check", .event("reviewed"))
        case (.reportedLost, true): ("flag", .event("phone-lost"))
        case (.reportedNotMe, true): ("flag", .event("reported"))
        case (.changedPassword, true): ("lock", .event("password-changed"))
        case (.resetPassword, true): ("lock", .event("password-reset"))
        case (.resetByAdmin, true): ("lock", .event("password-reset-by-administrator"))
        case (.unlocked, true), (.unlockedByAdmin, true): ("lock", .event("unlocked"))
        case (.passCreated, true): ("pass", .event("pass-made"))
        default: nil
        }
    }

    private static func ofMethod(_ event: AuditEvent, _ kind: String) -> (String, Message)? {
        let icon = MethodKind(rawValue: kind).map { MethodRegistry.traits(of: $0).icon } ?? "shield"
        switch (event.activity, event.success) {
        case (.registered, true) where kind == MethodKind.recoveryCodes.rawValue: return (icon, .event("codes-made"))
        case (.registered, true), (.adminRegistered, true): return (icon, .event("added", method: kind))
        case (.updated, true): return (icon, .event("changed", method: kind))
        case (.deleted, true), (.adminDeleted, true): return (icon, .event("deleted", method: kind))
        case (.undone, true): return (icon, .event("restored", method: kind))
        case (.changedDefault, true): return ("star", .event("default", method: kind))
        default: return nil
        }
    }

    /// Whether the browser that the log names may be the person's own: an administrator's is nobody's business here.
    func isOwnBrowser(_ event: AuditEvent) -> Bool {
        switch event.actor {
        case .person(let id, _): id == event.person
        case .anonymous: true
        case .operatorConsole, .system: false
        }
    }
}
