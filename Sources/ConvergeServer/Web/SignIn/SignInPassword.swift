import ConvergeCore

/// The password that must be changed inside a sign-in: set by an administrator, or known to others.
enum SignInPassword {
    static func page(_ flow: FlowID, _ dossier: Dossier, errors: [FieldError]) -> StoppedPage { StoppedPage() }

    static func change(_ flow: FlowRecord, _ request: AnonymousRequest, _ instance: Instance) async throws -> Reply { throw Overtaken() }
}
