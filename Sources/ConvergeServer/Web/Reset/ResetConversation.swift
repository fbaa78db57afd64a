import ConvergeCore

enum ResetConversation: Conversation {
    static let kind = FlowKind.reset
    static let start = "/reset-password"

    static func show(_ flow: FlowRecord, _ request: AnonymousRequest, _ instance: Instance) async throws -> Reply {
        .page(NotFoundPage(), status: 404)
    }

    static func act(
        _ flow: FlowRecord, _ action: String, _ request: AnonymousRequest, _ instance: Instance
    ) async throws -> Reply {
        .page(NotFoundPage(), status: 404)
    }

    static func after(_ flow: FlowRecord, _ request: AnonymousRequest) -> Reply { .redirect("/") }
}
