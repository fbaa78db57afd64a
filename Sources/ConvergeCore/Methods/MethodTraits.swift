/// How far a capability serves a purpose, a policy that allows it assumed.
public enum Usefulness: Hashable, Sendable {
    /// Offered on challenge and reset pages, and counts for plans, requirements and "last method".
    case counts
    /// Offered, but never counts.
    case offeredOnly
    /// Neither.
    case never
}

/// A condition under which a capability serves a purpose at all.
public enum ServiceCondition: Hashable, Sendable {
    /// The reset policy asks for two gates.
    case twoGates
    /// Not as the first gate of a reset.
    case secondGateOnly
    /// The person holds no administrator role.
    case notAdministrator
    /// Only where a setting of the reset policy opens it.
    case resetSetting(ResetOption)
    /// Only while no credential counts for sign-in.
    case nothingCountsForSignIn
    /// Only where MFA is enforced for the person.
    case mfaEnforced
}

/// What a proof needs to reach a person.
public enum Carrier: String, CaseIterable, Sendable, Hashable {
    case text, mail, voice, push
}

/// How a capability is answered: what a page asks for, and what has to happen before it can.
public enum Manner: Hashable, Sendable {
    /// A code that was sent is typed.
    case sentCode(Carrier)
    /// A code that the person already has is typed.
    case typedCode
    /// A call is answered and a key pressed.
    case answeredCall
    /// Another device approves.
    case approval
    /// The browser talks to an authenticator.
    case ceremony
    /// Several questions are answered at once.
    case answers
    /// Never on a page.
    case elsewhere

    /// What has to work for it.
    public var carrier: Carrier? {
        switch self {
        case .sentCode(let carrier): carrier
        case .answeredCall: .voice
        case .approval: .push
        case .typedCode, .ceremony, .answers, .elsewhere: nil
        }
    }

    /// Goes to a number or address, which is typed in full before the first gate of a reset.
    public var goesToContact: Bool {
        switch self {
        case .sentCode, .answeredCall: true
        default: false
        }
    }

    /// What is typed is one code.
    public var isCode: Bool {
        switch self {
        case .sentCode, .typedCode: true
        default: false
        }
    }
}

/// Switches of the reset policy that open a capability that is closed by default.
public enum ResetOption: String, CaseIterable, Codable, Sendable, Hashable {
    case alternatePhone, passkey, recoveryCode
}

/// One line of the table "what works for what".
public struct CapabilityTraits: Hashable, Sendable {
    public let capability: Capability
    /// How it is answered.
    public let manner: Manner
    public let signIn: Usefulness
    public let reset: Usefulness
    public let change: Usefulness
    /// Conditions per purpose, all of which must hold.
    public let conditions: [Purpose: Set<ServiceCondition>]
    /// Directory data that nobody confirmed may already be offered at a reset gate.
    public let offeredUnconfirmed: Bool
    /// A set: it counts only while it has as many as policy asks for.
    public let needsFullSet: Bool

    public init(
        _ capability: Capability, _ manner: Manner, signIn: Usefulness, reset: Usefulness, change: Usefulness,
        conditions: [Purpose: Set<ServiceCondition>] = [:], offeredUnconfirmed: Bool = false, needsFullSet: Bool = false
    ) {
        self.needsFullSet = needsFullSet
        self.capability = capability
        self.manner = manner
        self.signIn = signIn
        self.reset = reset
        self.change = change
        self.conditions = conditions
        self.offeredUnconfirmed = offeredUnconfirmed
    }

    /// How far the capability serves a purpose, conditions aside.
    public func service(for purpose: Purpose) -> Usefulness {
        switch purpose {
        case .signIn: signIn
        case .reset: reset
        case .change: change
        }
    }
}

/// Who may do a thing to a credential of a method.
public enum OwnerRight: Hashable, Sendable {
    case owner
    /// Read-only for the owner: the directory or an administrator keeps it.
    case administrator
    /// Nobody: the thing does not exist for this method.
    case nobody
}

/// Everything about a method that other parts of the product need to know. Pages, policy editor, planner, reports
/// and API read traits; nothing decides by the name of a method.
public struct MethodTraits: Hashable, Sendable {
    public let kind: MethodKind
    /// The icon in the sprite.
    public let icon: String
    public let capabilities: [CapabilityTraits]
    public let group: GateGroup?
    /// Rank for proposals and automatic choice; smaller is stronger.
    public let strength: Int
    /// Methods that share a limit name the same limit group.
    public let limitGroup: String
    /// How many credentials of the limit group one person may hold.
    public let limit: Int
    public let add: OwnerRight
    public let change: OwnerRight
    public let delete: OwnerRight
    /// Whether the wizard may propose it.
    public let inWizard: Bool
    /// Only where the directory already has a value for the person.
    public let needsDirectoryValue: Bool
    /// Whether one of these makes the person somebody who has held a proof. An administrator's pass does not.
    public let counted: Bool
    /// It is gone when the phone is.
    public let onPhone: Bool

    public init(
        _ kind: MethodKind, icon: String, capabilities: [CapabilityTraits], group: GateGroup?, strength: Int,
        limitGroup: String? = nil, limit: Int = 1, add: OwnerRight = .owner, change: OwnerRight = .nobody,
        delete: OwnerRight = .owner, inWizard: Bool = false, needsDirectoryValue: Bool = false, counted: Bool = true,
        onPhone: Bool = false
    ) {
        self.kind = kind
        self.icon = icon
        self.capabilities = capabilities
        self.group = group
        self.strength = strength
        self.limitGroup = limitGroup ?? kind.rawValue
        self.limit = limit
        self.add = add
        self.change = change
        self.delete = delete
        self.inWizard = inWizard
        self.needsDirectoryValue = needsDirectoryValue
        self.counted = counted
        self.onPhone = onPhone
    }

    /// Whether a credential of this method can prove who somebody is (the column *change* of the table).
    public var canProve: Bool { counted && capabilities.contains { $0.change != .never } }

    /// Whether a credential of this method can serve as the second step of a sign-in.
    public var canSignIn: Bool { counted && capabilities.contains { $0.signIn == .counts } }

    /// The traits of one of its capabilities.
    public func traits(of capability: Capability) -> CapabilityTraits? {
        capabilities.first { $0.capability == capability }
    }
}
