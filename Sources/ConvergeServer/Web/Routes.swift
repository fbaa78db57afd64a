import ConvergeCore
import HTTPTypes

/// What must have been proved before a route's handler runs.
enum Access: Hashable, Sendable {
    case anonymous
    case signedIn
    /// A proof younger than the policy's minutes.
    case recentlyVerified
    /// An administrator with any of these roles.
    case administrator(Set<Role>)
}

/// One line of the whole table of routes.
struct Route: Sendable {
    let method: HTTPRequest.Method
    /// Parameters as `:name`.
    let path: String
    let access: Access
    /// Only where the demo runs.
    let demoOnly: Bool
    let run: @Sendable (AnonymousRequest, Instance) async throws -> Reply
}

/// Builders: the type of the request that a handler takes says what has been proved.
extension Route {
    static func open(
        _ method: HTTPRequest.Method, _ path: String, demoOnly: Bool = false,
        _ run: @escaping @Sendable (AnonymousRequest, Instance) async throws -> Reply
    ) -> Route {
        Route(method: method, path: path, access: .anonymous, demoOnly: demoOnly, run: run)
    }

    static func signedIn(
        _ method: HTTPRequest.Method, _ path: String,
        _ run: @escaping @Sendable (SignedInRequest, Instance) async throws -> Reply
    ) -> Route {
        Route(method: method, path: path, access: .signedIn, demoOnly: false) { request, instance in
            try await instance.whenSignedIn(request) { try await run($0, instance) }
        }
    }

    static func recentlyVerified(
        _ method: HTTPRequest.Method, _ path: String,
        _ run: @escaping @Sendable (RecentlyVerifiedRequest, Instance) async throws -> Reply
    ) -> Route {
        Route(method: method, path: path, access: .recentlyVerified, demoOnly: false) { request, instance in
            try await instance.whenSignedIn(request) { signedIn in
                try await instance.whenRecentlyVerified(signedIn) { try await run($0, instance) }
            }
        }
    }

    static func administrator(
        _ method: HTTPRequest.Method, _ path: String, roles: Set<Role> = Set(Role.allCases),
        _ run: @escaping @Sendable (SignedInRequest, Instance) async throws -> Reply
    ) -> Route {
        Route(method: method, path: path, access: .administrator(roles), demoOnly: false) { request, instance in
            try await instance.whenSignedIn(request) { signedIn in
                guard !roles.isDisjoint(with: signedIn.dossier.person.roles) else { return .page(NotFoundPage(), status: 404) }
                return try await run(signedIn, instance)
            }
        }
    }
}

/// The whole table.
enum Routes {
    static let all: [Route] =
        StaticRoutes.routes + OperationsRoutes.routes + SignInRoutes.routes + FlowRoutes.routes + ProofRoutes.routes + ResetRoutes.routes
        + SecurityInfoRoutes.routes + EnrolmentRoutes.routes + AppPasswordRoutes.routes + NewPhone.routes + LostPhone.routes
        + AccountRoutes.routes + NoticeRoutes.routes + SetupRoutes.routes
        + AdministrationRoutes.routes + DemoRoutes.routes
}
