/// A registration in progress: `Codable`, kept sealed in the flow.
public struct EnrolmentState: Codable, Sendable, Equatable {
    public let method: MethodKind
    public var secret: Secret?
    public var phone: PhoneNumber?
    public var email: EmailAddress?
    /// What was typed last, so that an error loses nothing.
    public var typed: String?
    public var region: String?
    public var code: CodeState?
    /// Digits behind the number of an office.
    public var `extension`: String?
    /// Calls placed in this registration.
    public var approvals: ApprovalState?
    /// The code that an app is waited for with.
    public var activation: AppActivation?
    /// What a passkey has to sign.
    public var challenge: [UInt8]?
    /// The questions chosen and the answers typed, until they are kept.
    public var answers: [ChosenAnswer]?
    /// The credential that the new one replaces once it is proven.
    public var replaces: CredentialID?
    /// The directory's credential that is being confirmed.
    public var confirms: CredentialID?
    public var triesLeft: Int

    public init(method: MethodKind, replaces: CredentialID? = nil, confirms: CredentialID? = nil) {
        self.method = method
        self.replaces = replaces
        self.confirms = confirms
        self.triesLeft = CodeState.triesMax
    }
}

/// What a person typed or pressed during a registration.
public enum EnrolmentInput: Sendable {
    /// `by`: how it shall be proven; nil: as the method prefers.
    case phone(typed: String, region: String, by: Capability? = nil)
    case email(String)
    case code(String)
    case sendAgain
    /// Go back to typing the number or address.
    case changeContact
    /// Whatever else a method's own prompt asks for.
    case answer(Answer)
}

/// One step of a registration.
public struct EnrolmentStep: Sendable {
    public var state: EnrolmentState
    public var prompt: Prompt
    public var refusal: Refusal?
    public var message: CodeMessage?
    public var finished: NewCredential?
    /// An app is waited for.
    public var offer: AppOffer?

    public init(
        _ state: EnrolmentState, _ prompt: Prompt, refusal: Refusal? = nil, message: CodeMessage? = nil,
        finished: NewCredential? = nil
    ) {
        self.state = state
        self.prompt = prompt
        self.refusal = refusal
        self.message = message
        self.finished = finished
    }
}

/// What a finished registration brings.
public struct NewCredential: Equatable, Sendable {
    public let method: MethodKind
    public let capabilities: Set<Capability>
    public let verifiedBy: Capability
    public let content: CredentialContent
    /// What the channel key is made of, for example `tel:+44…`; hashed by the store.
    public let channelSource: String
    /// Masked, for pages before proof.
    public let hint: String
    public let inOwnMailDomain: Bool
    /// Spent with the registration, so that the code proven now is no proof again.
    public let spentStep: Int64?
    public let replaces: CredentialID?
    public let confirms: CredentialID?
    /// What has to be spent with it.
    public let claim: Claim?
    /// The id that was promised to it; nil: any.
    public let id: CredentialID?
    /// The kind of a passkey's authenticator, which policy may look at.
    public let authenticator: AAGUID?
    /// References (RFC 8176) of the proof that the registration is.
    public let references: [String]?
    /// How many it is, where it is a set.
    public let remaining: Int?
    /// The inventory's token that becomes the person's.
    public let token: String?
    /// By how many steps its clock differs from ours.
    public let drift: Int

    public init(
        method: MethodKind, capabilities: Set<Capability>, verifiedBy: Capability, content: CredentialContent,
        channelSource: String, hint: String, inOwnMailDomain: Bool = false, spentStep: Int64? = nil,
        replaces: CredentialID? = nil, confirms: CredentialID? = nil, claim: Claim? = nil, remaining: Int? = nil,
        token: String? = nil, drift: Int = 0, authenticator: AAGUID? = nil, references: [String]? = nil,
        id: CredentialID? = nil
    ) {
        self.id = id
        self.references = references
        self.authenticator = authenticator
        self.token = token
        self.drift = drift
        self.remaining = remaining
        self.method = method
        self.capabilities = capabilities
        self.verifiedBy = verifiedBy
        self.content = content
        self.channelSource = channelSource
        self.hint = hint
        self.inOwnMailDomain = inOwnMailDomain
        self.spentStep = spentStep
        self.replaces = replaces
        self.confirms = confirms
        self.claim = claim
    }
}
