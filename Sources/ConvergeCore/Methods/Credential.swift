/// Where a credential is in its life.
public enum CredentialState: String, Codable, Sendable {
    /// Being registered; not proven yet.
    case pending
    /// Known from a directory or an import; nobody has confirmed it.
    case unconfirmed
    case active
    /// Switched off by "this wasn't me", a fraud report, or "lost or stolen"; a proof may bring it back.
    case suspended
    case retired
}

/// Who brought a credential in.
public enum CredentialSource: String, Codable, Sendable {
    case person = "self"
    case administrator = "admin"
    case directory, `import`
}

/// What the decisions need to know about one credential. Secrets and contact data are not here.
public struct Credential: Hashable, Codable, Sendable {
    public let id: CredentialID
    public let method: MethodKind
    public var state: CredentialState
    public var source: CredentialSource
    /// The features it was registered for. A former page writes only its own; confirming in the new pages adds the other.
    public var serves: Set<Purpose>
    /// What this very credential can do: a landline cannot take texts.
    public var capabilities: Set<Capability>
    /// The capability with which it was proven, when anybody did.
    public var verifiedBy: Capability?
    public var verifiedAt: Moment?
    /// Keyed hash of what the codes travel over: E.164 number, normalised mailbox, app installation.
    public var channel: String
    public var addedAt: Moment
    /// Registered in the person's first completed wizard: exempt from the minimum age for a reset.
    public var fromFirstWizard: Bool
    /// A pass works only in this time.
    public var validFrom: Moment?
    public var validUntil: Moment?
    /// How many single-use codes are left, or how many answers there are, where it is a set of them.
    public var remaining: Int?
    /// A mailbox whose domain belongs to the organisation: opening it needs the lost password.
    public var inOwnMailDomain: Bool
    /// The kind of authenticator that holds a passkey.
    public var authenticator: AAGUID?

    public init(
        id: CredentialID, method: MethodKind, state: CredentialState = .active, source: CredentialSource = .person,
        serves: Set<Purpose> = [.signIn, .reset], capabilities: Set<Capability>, verifiedBy: Capability? = nil,
        verifiedAt: Moment? = nil, channel: String, addedAt: Moment, fromFirstWizard: Bool = false,
        validFrom: Moment? = nil, validUntil: Moment? = nil, remaining: Int? = nil, inOwnMailDomain: Bool = false,
        authenticator: AAGUID? = nil
    ) {
        self.id = id
        self.method = method
        self.state = state
        self.source = source
        self.serves = serves
        self.capabilities = capabilities
        self.verifiedBy = verifiedBy
        self.verifiedAt = verifiedAt
        self.channel = channel
        self.addedAt = addedAt
        self.fromFirstWizard = fromFirstWizard
        self.validFrom = validFrom
        self.validUntil = validUntil
        self.remaining = remaining
        self.inOwnMailDomain = inOwnMailDomain
        self.authenticator = authenticator
    }

    public var traits: MethodTraits { MethodRegistry.traits(of: method) }

    /// The credential with one thing it can do.
    public func use(_ capability: Capability) -> CredentialUse { CredentialUse(credential: id, capability: capability) }

    /// Whether a pass or a set of codes can be used at this moment; everything else always can.
    public func isUsable(at now: Moment) -> Bool {
        if let validFrom, now < validFrom { return false }
        if let validUntil, now >= validUntil { return false }
        if let remaining, remaining <= 0 { return false }
        return true
    }
}
