/// Passwords for programs that cannot show a sign-in page: made by us, shown once, each for one program and good there only.
///
/// They are no second step and no proof: a door for old protocols of somebody of whom a second step is enforced.
public enum AppPassword: AuthenticationMethod {
    public static let traits = MethodTraits(
        .appPassword, icon: "apppw",
        capabilities: [CapabilityTraits(.appPassword, .elsewhere, signIn: .never, reset: .never, change: .never)],
        group: nil, strength: 20, limit: 40, counted: false)

    /// Symbols of the selector, which names the password and is no secret.
    static let selectorLength = 8
    /// Symbols of the secret: 5 bits each, 120 bits.
    static let secretLength = 24

    /// A new app password, before it is stored.
    public struct Made: Sendable {
        /// Names it among the person's.
        public let selector: String
        /// All of it, as it is shown once: groups of four.
        public let shown: Secret
        /// Keyed hash of all of it.
        public let hash: String
    }

    /// Makes one: letters and digits that nobody mixes up, small because phones type them so.
    public static func make(_ context: MethodContext) -> Made {
        let text = Base32.encode(context.random((selectorLength + secretLength) * 5 / 8)).lowercased()
        let groups = stride(from: 0, to: text.count, by: 4).map { start in String(text.dropFirst(start).prefix(4)) }
        return Made(
            selector: String(text.prefix(selectorLength)), shown: Secret(groups.joined(separator: "-")), hash: hash(text, context))
    }

    /// Selector and keyed hash of what a program sent, however it was typed; nil when it cannot be an app password.
    public static func read(_ typed: String, _ context: MethodContext) -> (selector: String, hash: String)? {
        guard typed.utf8.count <= 128 else { return nil }
        let text = typed.lowercased().filter { !$0.isWhitespace && $0 != "-" }
        guard text.count == selectorLength + secretLength else { return nil }
        return (String(text.prefix(selectorLength)), hash(text, context))
    }

    private static func hash(_ text: String, _ context: MethodContext) -> String { context.keyedHash("app-password:" + text) }

    public static func beginEnrolment(_ state: EnrolmentState, _ context: MethodContext) -> EnrolmentStep {
        EnrolmentStep(state, prompt(state, context))
    }

    public static func continueEnrolment(_ state: EnrolmentState, _ input: EnrolmentInput, _ context: MethodContext) -> EnrolmentStep {
        EnrolmentStep(state, prompt(state, context))
    }

    public static func prompt(_ state: EnrolmentState, _ context: MethodContext) -> Prompt {
        .code(length: selectorLength + secretLength, sentTo: nil, until: nil, canSendAgain: false)
    }

    public static func verify(_ state: ChallengeState, _ answer: Answer, _ credential: OpenCredential, _ context: MethodContext)
        -> Verification
    { .wrong }
}

extension Standing {
    /// Whether the person may make app passwords: policy has them, a second step is enforced, and there is one. During the days of grace
    /// the password alone would make doors that stay open afterwards.
    public var mayMakeAppPasswords: Bool {
        policy.methods.appPasswords.allowed && (policy.mfaRequired || person.mfaState == .enforced || person.isAdministrator)
            && anythingCountsForSignIn
    }
}
