import ConvergeCore

/// What was just done, carried to the page that follows as a name from a fixed list: an address can make the page say nothing else.
enum SavedNotice: Sendable, Hashable {
    case added(MethodKind), changed(MethodKind), confirmed(MethodKind), deleted(MethodKind), restored(MethodKind)
    case defaultChanged(Capability)
    case codes, password, forgotten, sessionEnded, renamed
    /// Nothing was done: it takes a proof with what the person has now.
    case undoUnproven

    /// As the query of an address carries it.
    var query: String {
        switch self {
        case .added(let kind): "added.\(kind.rawValue)"
        case .changed(let kind): "changed.\(kind.rawValue)"
        case .confirmed(let kind): "confirmed.\(kind.rawValue)"
        case .deleted(let kind): "deleted.\(kind.rawValue)"
        case .restored(let kind): "restored.\(kind.rawValue)"
        case .defaultChanged(let capability): "default.\(capability.rawValue)"
        case .codes: "codes"
        case .password: "password"
        case .forgotten: "forgotten"
        case .sessionEnded: "session-ended"
        case .renamed: "renamed"
        case .undoUnproven: "undo-unproven"
        }
    }

    init?(query: String) {
        let parts = query.split(separator: ".", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        let kind = parts.count == 2 ? MethodKind(rawValue: parts[1]) : nil
        switch (parts.first, kind) {
        case ("added", let kind?): self = .added(kind)
        case ("changed", let kind?): self = .changed(kind)
        case ("confirmed", let kind?): self = .confirmed(kind)
        case ("deleted", let kind?): self = .deleted(kind)
        case ("restored", let kind?): self = .restored(kind)
        case ("default", nil):
            guard parts.count == 2, let capability = Capability(rawValue: parts[1]) else { return nil }
            self = .defaultChanged(capability)
        case ("codes", nil): self = .codes
        case ("password", nil): self = .password
        case ("forgotten", nil): self = .forgotten
        case ("session-ended", nil): self = .sessionEnded
        case ("renamed", nil): self = .renamed
        case ("undo-unproven", nil): self = .undoUnproven
        default: return nil
        }
    }

    var notice: Notice {
        switch self {
        case .added(let kind): .added(kind.rawValue)
        case .changed(let kind): .changed(kind.rawValue)
        case .confirmed(let kind): .confirmed(kind.rawValue)
        case .deleted(let kind): .deleted(kind.rawValue)
        case .restored(let kind): .saved(Message("saved.restored", ["method": .message(.yourMethod(kind.rawValue))]))
        case .defaultChanged(let capability): .defaultChanged(capability.rawValue)
        case .renamed: .saved(Message("saved.renamed"))
        case .undoUnproven: Notice(kind: .warning, message: Message("saved.undo-unproven"))
        case .codes: .codesKept
        case .password: .passwordChanged
        case .forgotten: .saved(Message("saved.forgotten"))
        case .sessionEnded: .saved(Message("saved.session-ended"))
        }
    }

    /// An address with the notice on it.
    func path(_ page: String) -> String { "\(page)?saved=\(query)" }

    /// The notice of a request's address.
    static func notice(_ request: AnonymousRequest) -> Notice? {
        SavedNotice(query: request.query["saved"])?.notice
    }
}
