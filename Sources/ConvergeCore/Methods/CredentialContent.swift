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
