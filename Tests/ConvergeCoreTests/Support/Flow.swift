import ConvergeCore

/// Sign-ins in the making.
enum Flow {
    /// After a correct password.
    static func password(_ scene: Scene, changed change: (inout SignInState) -> Void = { _ in }) -> SignInState {
        begin(scene, .password, change)
    }

    /// After a valid pass.
    static func pass(_ scene: Scene, changed change: (inout SignInState) -> Void = { _ in }) -> SignInState {
        begin(scene, .accessPass) { state in
            state.passEnds = scene.now + .hours(1)
            change(&state)
        }
    }

    /// After a passkey with user verification.
    static func passkey(_ scene: Scene) -> SignInState { begin(scene, .passkey) { _ in } }

    private static func begin(_ scene: Scene, _ factor: FirstFactor, _ change: (inout SignInState) -> Void) -> SignInState {
        var state = SignInState(person: scene.person.id, firstFactor: factor, epoch: scene.person.sessionEpoch)
        change(&state)
        return state
    }
}
