/// What a method may ask of the world while it works: everything is a value or a function without effects.
public struct MethodContext: Sendable {
    public let now: Moment
    /// Random bytes from the server's one door to randomness.
    public let random: @Sendable (Int) -> [UInt8]
    /// Keyed hash of a code; codes are stored in no other form.
    public let keyedHash: @Sendable (String) -> String
    /// Reads a number as a person types it, for a default region (ISO 3166-1 alpha-2).
    public let readPhone: @Sendable (_ typed: String, _ region: String) -> Result<PhoneNumber, Refusal>
    /// Reads a number that is called, an extension with it where one may stand there.
    public var readCalled: @Sendable (_ typed: String, _ region: String, _ takesExtension: Bool) -> Result<DialledNumber, Refusal> = {
        _, _, _ in .failure(Refusal(.phoneImpossible))
    }
    /// Whether a number is known to stay where it is: texts do not reach it.
    public var isLandline: @Sendable (PhoneNumber) -> Bool = { _ in false }
    /// What policy lets the person prove, and something carries; nil: all.
    public var ways: Set<Capability>?
    /// What was asked on a telephone or another device in the state at hand, as the store knows it.
    public var approval: Approval?
    /// The app that came with the code of the registration at hand.
    public var app: SeenApp?
    /// Calling codes open for texts; nil: all.
    public let isCountryOpen: @Sendable (PhoneNumber) -> Bool
    /// Whether a domain belongs to the organisation.
    public let isOwnMailDomain: @Sendable (String) -> Bool
    /// What policy says about single methods.
    public let settings: MethodSettings
    /// What ceremonies with passkeys are bound to.
    public let passkeys: PasskeyContext
    /// Name of the organisation, as shown in an authenticator app.
    public let issuer: String
    /// Name the person signs in with.
    public let accountName: String
    /// Host of the public address, for the origin-bound line of a text.
    public let host: String

    public init(
        now: Moment, random: @escaping @Sendable (Int) -> [UInt8], keyedHash: @escaping @Sendable (String) -> String,
        readPhone: @escaping @Sendable (String, String) -> Result<PhoneNumber, Refusal>,
        isCountryOpen: @escaping @Sendable (PhoneNumber) -> Bool = { _ in true },
        isOwnMailDomain: @escaping @Sendable (String) -> Bool = { _ in false }, settings: MethodSettings = MethodSettings(),
        passkeys: PasskeyContext = PasskeyContext(), issuer: String, accountName: String, host: String
    ) {
        self.now = now
        self.random = random
        self.keyedHash = keyedHash
        self.readPhone = readPhone
        self.isCountryOpen = isCountryOpen
        self.isOwnMailDomain = isOwnMailDomain
        self.settings = settings
        self.passkeys = passkeys
        self.issuer = issuer
        self.accountName = accountName
        self.host = host
    }
}

/// What a credential keeps to itself: sealed in the store, opened only where it is used.
public struct CredentialContent: Codable, Sendable, Equatable {
    /// Key of an authenticator app.
    public var secret: Secret?
    public var phone: PhoneNumber?
    public var email: EmailAddress?
    /// A name for people, for example that of an app installation.
    public var label: String?
    /// Digits behind the number of an office.
    public var `extension`: String?
    /// The key with which an installed app signs.
    public var appKey: AppKey?
    /// The answers of a set of security questions.
    public var answers: [HashedAnswer]?
    /// A hardware token with its key.
    public var token: InventoryToken?
    /// The site or protocol that an app password is for.
    public var service: String?
    /// Keyed hash of an app password.
    public var keyedHash: String?
    public var passkey: PasskeyContent?

    public init(
        secret: Secret? = nil, phone: PhoneNumber? = nil, email: EmailAddress? = nil, label: String? = nil, extension digits: String? = nil,
        answers: [HashedAnswer]? = nil, token: InventoryToken? = nil, service: String? = nil, keyedHash: String? = nil,
        passkey: PasskeyContent? = nil, appKey: AppKey? = nil
    ) {
        self.appKey = appKey
        self.passkey = passkey
        self.service = service
        self.keyedHash = keyedHash
        self.answers = answers
        self.token = token
        self.secret = secret
        self.phone = phone
        self.extension = digits
        self.email = email
        self.label = label
    }
}

/// A credential with its content and what was spent of it.
public struct OpenCredential: Sendable {
    public let credential: Credential
    public let content: CredentialContent
    /// The last time step of an app code that was accepted, or where the counter of a passkey stood.
    public let spentStep: Int64?
    /// By how many steps the clock of a hardware token differs from ours; positive: it is fast.
    public let drift: Int

    public init(credential: Credential, content: CredentialContent, spentStep: Int64? = nil, drift: Int = 0) {
        self.drift = drift
        self.credential = credential
        self.content = content
        self.spentStep = spentStep
    }
}

/// A code that travels to a person.
public struct CodeMessage: Hashable, Sendable {
    public enum Channel: Hashable, Sendable {
        case text(PhoneNumber)
        case email(EmailAddress)
        case call(DialledNumber)
        /// Every app of the person, or only the one that is being registered.
        case app(only: CredentialID?)
    }

    public let channel: Channel
    public let code: Secret
    /// Never delivered after this.
    public let notAfter: Moment
    public let purpose: Purpose
    /// What waits for a decision elsewhere: the code is its handle then.
    public let approval: ApprovalDraft?

    public init(channel: Channel, code: Secret, notAfter: Moment, purpose: Purpose, approval: ApprovalDraft? = nil) {
        self.channel = channel
        self.code = code
        self.notAfter = notAfter
        self.purpose = purpose
        self.approval = approval
    }
}

/// A secret that must be spent in the same transaction, in one statement that only one of many rivals wins.
public enum Claim: Hashable, Sendable {
    /// A time step of an app: won when it is later than every step spent before.
    case step(CredentialID, Int64)
    /// The same for a clock of its own, whose difference is kept.
    case driftingStep(CredentialID, Int64, drift: Int)
    /// A recovery code, by its keyed hash.
    case recoveryCode(CredentialID, hash: String)
    /// A use of an access pass, by its keyed hash.
    case pass(CredentialID, hash: String)
    /// What was approved elsewhere: won once.
    case approval(ApprovalID)
}

/// What the comparison of an answer found.
public enum Verification: Hashable, Sendable {
    /// Right, provided that the claim is won. The references (RFC 8176) say more than the capability could; nil: they do not.
    case right(Claim?, references: [String]? = nil)
    /// Wrong, and the method says more than that: which refusal it is, or why, for the log.
    case refused(Refusal)
    case wrong
    /// Right, but already used: "wait for the next one"; costs no try.
    case alreadySpent
    /// Too late: a new code is needed.
    case expired
    /// Nothing was answered yet, or it failed elsewhere: costs no try.
    case undecided(Refusal)
}

/// What a page asks for; one template per prompt serves every method.
public enum Prompt: Hashable, Sendable {
    /// Scan a QR code, or type the key, then type the code the app shows.
    case scan(uri: Secret, key: Secret)
    /// Type a phone number.
    case phone(region: String?, typed: String)
    /// Type a mail address.
    case email(typed: String)
    /// Let the browser make a passkey, and give it a name.
    case createPasskey(PasskeyCreation)
    /// Let the browser use a passkey.
    case usePasskey(PasskeyRequest)
    /// Choose questions from a pool and answer them.
    case chooseQuestions(pool: [SecurityQuestion], chosen: [ChosenAnswer])
    /// Answer these, all at once.
    case questions([SecurityQuestion])
    /// Type the serial number of a hardware token and the code it shows.
    case token(serial: String)
    /// Type a code; `sentTo` is masked or full as proof allows.
    case code(length: Int, sentTo: String?, until: Moment?, canSendAgain: Bool)
    /// Answer a call and press a key.
    case call(Calling)
    /// Scan or type a code in the app that is being registered.
    case activate(Activating)
    /// Type a number in the app.
    case approve(Approving)
}

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

/// What a form brought, by the names of its fields; bounded before it is read.
public struct Answer: Sendable {
    private let fields: [String: String]
    /// What was hashed before the transaction.
    public let slow: SlowResults
    /// What the inventory says about the serial number that was typed.
    public var token: FoundToken?

    public init(_ fields: [String: String], slow: SlowResults = SlowResults()) {
        self.fields = fields
        self.slow = slow
    }

    /// One code.
    public init(code: String) { self.init(["code": code]) }

    /// A field, empty where there is none.
    public subscript(_ name: String) -> String { fields[name] ?? "" }

    /// The code, where one is asked for.
    public var code: String { self["code"] }
}

/// Hashing of something easily guessed: slow on purpose, so it is done before a transaction and never inside one.
public enum SlowJob: Hashable, Sendable {
    case hash(Secret)
    /// - phc: the hash to compare with.
    case compare(Secret, phc: String)
}

/// What came of slow jobs.
public struct SlowResults: Sendable {
    private var hashes: [Secret: String] = [:]
    private var matching: Set<SlowJob> = []

    public init() {}

    /// Notes a new hash.
    public mutating func note(_ secret: Secret, hash: String) { hashes[secret] = hash }

    /// Notes that a comparison succeeded.
    public mutating func noteMatch(_ job: SlowJob) { matching.insert(job) }

    /// The new hash of a secret; nil where nobody made one.
    public func hash(of secret: Secret) -> String? { hashes[secret] }

    /// Whether this very comparison was made and succeeded.
    public func matches(_ secret: Secret, phc: String) -> Bool { matching.contains(.compare(secret, phc: phc)) }
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

/// A challenge in progress, kept sealed in the flow.
public struct ChallengeState: Codable, Sendable, Equatable {
    public let use: CredentialUse
    public let purpose: Purpose
    public var code: CodeState?
    /// Calls placed in this challenge.
    public var approvals: ApprovalState?
    /// What the challenges for a passkey are made of, another one for each try.
    public var seed: [UInt8]?
    /// The questions of this round.
    public var drawn: [SecurityQuestion]?
    public var triesLeft: Int
    public let startedAt: Moment

    public init(use: CredentialUse, purpose: Purpose, startedAt: Moment, code: CodeState? = nil) {
        self.use = use
        self.purpose = purpose
        self.startedAt = startedAt
        self.code = code
        self.triesLeft = CodeState.triesMax
    }
}

/// A method: a few functions over values. No HTTP, no SQL, no clock.
public protocol AuthenticationMethod: Sendable {
    static var traits: MethodTraits { get }
    /// What of its capabilities this release can register and verify; by default all.
    static var implements: Set<Capability> { get }

    /// Starts a registration.
    static func beginEnrolment(_ state: EnrolmentState, _ context: MethodContext) -> EnrolmentStep
    /// Takes the next input of a registration.
    static func continueEnrolment(_ state: EnrolmentState, _ input: EnrolmentInput, _ context: MethodContext) -> EnrolmentStep
    /// Shows where a registration stands, without changing it (reload, back button, another node).
    static func prompt(_ state: EnrolmentState, _ context: MethodContext) -> Prompt
    /// Starts a challenge; a message is an effect to be carried out by the shell.
    static func beginChallenge(
        _ state: ChallengeState, _ credential: OpenCredential, _ context: MethodContext
    ) -> (state: ChallengeState, message: CodeMessage?)
    /// What the page of a challenge asks for, without changing it; by default one code.
    static func challengePrompt(_ state: ChallengeState, _ credential: OpenCredential, _ context: MethodContext) -> Prompt
    /// Why an answer is none at all: it costs no try. By default an empty code.
    static func incomplete(_ state: ChallengeState, _ answer: Answer) -> Refusal?
    /// What has to be hashed before an input of a registration is taken; by default nothing.
    static func slowWork(_ state: EnrolmentState, _ input: EnrolmentInput, _ context: MethodContext) -> [SlowJob]
    /// What has to be hashed before an answer is compared; by default nothing.
    static func slowWork(
        _ state: ChallengeState, _ answer: Answer, _ credential: OpenCredential, _ context: MethodContext
    ) -> [SlowJob]
    /// What a challenge is after a wrong answer; by default the same.
    static func afterWrong(_ state: ChallengeState, _ credential: OpenCredential, _ context: MethodContext) -> ChallengeState
    /// Compares an answer. Tries are counted by the caller, before.
    static func verify(_ state: ChallengeState, _ answer: Answer, _ credential: OpenCredential, _ context: MethodContext) -> Verification
}

extension AuthenticationMethod {
    public static var implements: Set<Capability> { Set(traits.capabilities.map(\.capability)) }

    public static func beginChallenge(
        _ state: ChallengeState, _ credential: OpenCredential, _ context: MethodContext
    ) -> (state: ChallengeState, message: CodeMessage?) { (state, nil) }

    public static func challengePrompt(_ state: ChallengeState, _ credential: OpenCredential, _ context: MethodContext) -> Prompt {
        .code(
            length: ResetMachine.codeDigits(state.use.capability), sentTo: nil, until: state.code?.until,
            canSendAgain: state.code?.canSendAgain == true && state.triesLeft > 0)
    }

    public static func slowWork(_ state: EnrolmentState, _ input: EnrolmentInput, _ context: MethodContext) -> [SlowJob] { [] }

    public static func slowWork(
        _ state: ChallengeState, _ answer: Answer, _ credential: OpenCredential, _ context: MethodContext
    ) -> [SlowJob] { [] }

    public static func afterWrong(_ state: ChallengeState, _ credential: OpenCredential, _ context: MethodContext) -> ChallengeState {
        state
    }

    public static func incomplete(_ state: ChallengeState, _ answer: Answer) -> Refusal? {
        answer.code.trimmingSpaces().isEmpty ? Refusal(.codeEmpty) : nil
    }
}
