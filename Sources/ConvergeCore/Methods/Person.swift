/// What an administrator may do. Roles are stored with the person.
public enum Role: String, CaseIterable, Codable, Sendable {
    case globalAdministrator = "global"
    case userAdministrator = "user"
    case helpdesk
}

/// Whether an account may be used.
public enum PersonState: String, Codable, Sendable {
    case enabled, disabled
    /// After a fraud report or by an administrator: named to the person once the password was right.
    case blocked
}

/// The per-person switch for MFA.
public enum MFAState: String, CaseIterable, Codable, Sendable {
    case disabled, enabled, enforced
}

/// Member of the organisation, or guest.
public enum PersonKind: String, CaseIterable, Codable, Sendable {
    case member, guest
}

/// What the decisions need to know about one person.
public struct Person: Hashable, Codable, Sendable {
    public let id: PersonID
    public var kind: PersonKind
    public var state: PersonState
    public var mfaState: MFAState
    public var roles: Set<Role>
    /// Effective membership, nested groups included.
    public var groups: Set<GroupID>
    /// When the person first held anything that can prove; empty again only after the owner deleted the last.
    public var firstHeldAt: Moment?
    /// The same for anything that can be a second step.
    public var mfaFirstHeldAt: Moment?
    /// First sign-in after a policy with grace began to apply.
    public var graceStart: Moment?
    /// How often the reset part of the wizard was put off.
    public var resetSkips: Int
    public var lastReviewAt: Moment?
    /// When a campaign was put off last, and how often in all.
    public var campaignSnoozedAt: Moment?
    public var campaignSnoozes: Int
    /// What the person wants to be asked for first, in order; empty for "automatic".
    public var preference: [CredentialUse]
    public var passwordMustChange: Bool
    public var passwordKnownToOthers: Bool
    /// Whether the directory has an office number for the person.
    public var hasDirectoryOfficePhone: Bool
    /// Rises with every change of what the person holds; changes are compare-and-set on it.
    public var securityVersion: Int64
    /// Rises with reset, revocation, block and suspension: sessions and flows begun before it end.
    public var sessionEpoch: Int64

    public init(
        id: PersonID, kind: PersonKind = .member, state: PersonState = .enabled, mfaState: MFAState = .disabled,
        roles: Set<Role> = [], groups: Set<GroupID> = [], firstHeldAt: Moment? = nil, mfaFirstHeldAt: Moment? = nil,
        graceStart: Moment? = nil, resetSkips: Int = 0, lastReviewAt: Moment? = nil,
        campaignSnoozedAt: Moment? = nil, campaignSnoozes: Int = 0, preference: [CredentialUse] = [],
        passwordMustChange: Bool = false, passwordKnownToOthers: Bool = false, hasDirectoryOfficePhone: Bool = false,
        securityVersion: Int64 = 0, sessionEpoch: Int64 = 0
    ) {
        self.id = id
        self.kind = kind
        self.state = state
        self.mfaState = mfaState
        self.roles = roles
        self.groups = groups
        self.firstHeldAt = firstHeldAt
        self.mfaFirstHeldAt = mfaFirstHeldAt
        self.graceStart = graceStart
        self.resetSkips = resetSkips
        self.lastReviewAt = lastReviewAt
        self.campaignSnoozedAt = campaignSnoozedAt
        self.campaignSnoozes = campaignSnoozes
        self.preference = preference
        self.passwordMustChange = passwordMustChange
        self.passwordKnownToOthers = passwordKnownToOthers
        self.hasDirectoryOfficePhone = hasDirectoryOfficePhone
        self.securityVersion = securityVersion
        self.sessionEpoch = sessionEpoch
    }

    /// Whether the person holds any administrator role.
    public var isAdministrator: Bool { !roles.isEmpty }
}
