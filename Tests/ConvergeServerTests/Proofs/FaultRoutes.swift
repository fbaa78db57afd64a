import ConvergeCore
import HTTPTypes
import Testing

@testable import ConvergeServer

/// What the stories of the fault walks send: addresses of routes, and for conversations their kind and the action.
enum FaultRoutes {
    static let walked: [String: Set<String>] = [
        "wizard": [
            "/sign-in", "sign-in start", "sign-in code", "sign-in phone", "sign-in again", "sign-in kept", "sign-in finish",
        ],
        "authenticator": [
            "/sign-in", "sign-in start", "/authenticator/activate", "sign-in enrol", "/authenticator/poll", "/authenticator/answer",
            "/authenticator/subscribe", "sign-in finish", "/sign-out", "sign-in answer",
        ],
        "challenge": [
            "/sign-in", "sign-in use", "sign-in answer", "/sign-out",
        ],
        "emergency": [
            "/sign-in/pass", "/security-info/codes", "/sign-in", "sign-in use", "sign-in answer",
        ],
        "reset": [
            "/reset-password", "reset reason", "reset gate", "reset contact", "reset change", "reset answer", "reset password",
        ],
        "resetOfNobody": [
            "/reset-password", "reset reason", "reset gate", "reset contact", "reset answer", "reset unlock",
        ],
        "securityInfo": [
            "/sign-in", "sign-in answer", "proof answer", "/security-info/add", "enrolment code", "/security-info/change",
            "enrolment phone", "/security-info/default", "/security-info/delete/:id", "/password", "/not-me",
        ],
        "calls": [
            "/sign-in", "sign-in start", "sign-in phone", "sign-in enrol", "sign-in finish", "sign-in answer", "/security-info/add",
            "enrolment phone", "enrolment enrol", "/sign-out", "/callbacks/voice/:handle", "/callbacks/voice/:handle/key",
            "/callbacks/voice/:handle/report", "/callbacks/voice/:handle/status", "/callbacks/text/:id", "/dev/calls",
        ],
        "passkeys": [
            "/sign-in", "sign-in start", "sign-in enrol", "sign-in kept", "sign-in finish", "/security-info/add", "enrolment enrol",
            "/security-info/rename/:id", "/sign-out", "/sign-in/passkey", "sign-in answer",
        ],
        "setUp": [
            "/setup", "/sign-in", "sign-in password",
        ],
        "wizardAside": [
            "/sign-in", "sign-in start", "sign-in choices", "sign-in no-choice", "sign-in method", "sign-in phone",
            "sign-in change", "sign-in stop",
        ],
        "campaign": [
            "/sign-in", "sign-in send", "sign-in answer", "sign-in postpone", "sign-in start", "sign-in choices", "sign-in method",
            "sign-in email", "sign-in code",
        ],
        "review": [
            "/sign-in", "sign-in answer", "sign-in review", "sign-in review-change", "sign-in confirm-start",
            "sign-in confirm-cancel", "sign-in confirm", "sign-in code",
        ],
        "resetAside": [
            "/reset-password", "reset reason", "reset gate", "reset back", "reset contact", "reset again", "reset cannot",
        ],
        "securityInfoAside": [
            "/sign-in", "sign-in review-change", "sign-in answer", "/security-info/confirm", "enrolment wrong", "enrolment phone",
            "enrolment change", "enrolment again", "enrolment code", "/security-info/codes", "/security-info/codes/kept",
            "proof use", "proof send", "proof answer", "/security-info/replace",
        ],
        "sets": [
            "/sign-in", "sign-in start", "sign-in email", "sign-in code", "sign-in enrol", "sign-in finish",
        ],
        "ownThings": [
            "/sign-in", "sign-in answer", "/security-info/app-passwords", "/security-info/add", "enrolment enrol",
        ],
        "phoneGone": [
            "/sign-in", "sign-in lost", "sign-in answer", "/security-info/replace", "enrolment code", "/security-info/undo",
            "/security-info/lost",
        ],
        "contacts": [
            "/sign-in", "sign-in answer", "/security-info/confirm", "enrolment confirm", "enrolment code", "/security-info/add",
            "enrolment email",
        ],
        "profile": [
            "/sign-in", "sign-in answer", "/profile/sessions/end", "/profile/forget-browsers", "/sign-out-everywhere",
            "/security-info/delete/:id", "/activity/not-me/:event",
        ],
    ]

    /// The address of the route that a path belongs to.
    static func pattern(of path: String) -> String? {
        let parts = path.split(separator: "/")
        return Routes.all.first { route in
            let wanted = route.path.split(separator: "/")
            return route.method == .post && wanted.count == parts.count
                && zip(wanted, parts).allSatisfy { $0.hasPrefix(":") || $0 == $1 }
        }?.path
    }

    /// The actions of each kind of conversation, read from its sources.
    static func actions() throws -> Set<String> {
        let enrolling = try cases("Enrolments.swift"), password: Set = ["password"]
        let all: [FlowKind: Set<String>] = [
            .signIn: try cases("SignIn/SignInTurn.swift").union(enrolling).union(password),
            .reset: try cases("Reset/ResetTurn.swift").union(password),
            .proof: try cases("SecurityInfo/ProofConversation.swift"),
            .enrolment: try cases("SecurityInfo/EnrolmentConversation.swift").union(enrolling),
        ]
        return Set(all.flatMap { kind, actions in actions.map { "\(kind.rawValue) \($0)" } })
    }

    private static func cases(_ file: String) throws -> Set<String> {
        let text = try #require(try SourceFile.all(in: "Sources/ConvergeServer/Web").first { $0.path.hasSuffix("/Web/" + file) }).text
        let found = Set(text.matches(of: /case "([a-z-]+)":/).map { String($0.1) })
        #expect(!found.isEmpty, "\(file) has no actions")
        return found
    }
}

@Suite("Every route fails once at each statement")
struct FaultCoverageTests {
    @Test("what the stories send is every route that takes a form, and every action of every conversation")
    func everything() throws {
        let routes = Set(Routes.all.filter { $0.method == .post && $0.path != "/flows/:id/:action" }.map(\.path))
        let wanted = try routes.union(FaultRoutes.actions()), walked = FaultRoutes.walked.values.reduce(into: Set()) { $0.formUnion($1) }
        #expect(wanted.subtracting(walked).isEmpty, "no story sends \(wanted.subtracting(walked).sorted())")
        #expect(walked.subtracting(wanted).isEmpty, "there is no \(walked.subtracting(wanted).sorted())")
    }

    @Test("every page that is looked at shows a fault page, whatever statement fails")
    func looking() async throws {
        let walk = try await FaultWalk(), story = try await ResetStory(walk.server, roles: [.globalAdministrator])
        try await walk.server.changePolicy { $0.registration = [] }
        try await walk.open("/sign-in")
        try await walk.submit("/sign-in", ["name": "ada", "password": TestServer.password])
        try await walk.submit("/answer", ["code": walk.browser.appCode(secret: ResetStory.appSecret)])
        for route in Routes.all where route.method == .get && !OperationsRoutes.paths.contains(route.path) {
            // Exports are sent while they are read.
            if route.path.hasSuffix(".csv") || route.path.hasSuffix(".json") {
                try await walk.expectCut(route.path)
                continue
            }
            let path = route.path.replacing(":id", with: story.mail.text).replacing(":event", with: "nothing")
                .replacing(":token", with: String(repeating: "t", count: 43)).replacing(":file", with: "nothing")
                .replacing(":action", with: "answer")
            try await walk.open(path)
        }
        #expect(walk.failures > 150, "\(walk.failures) failures in \(walk.steps) steps")
    }
}
