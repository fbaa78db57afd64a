/// Whom a rule applies to.
public struct PolicyScope: Hashable, Codable, Sendable {
    /// None / Selected / All of the roll-out and of each feature.
    public enum Extent: String, Codable, Sendable { case none, selected, all }

    public var extent: Extent
    /// With `selected`: members of any of these groups.
    public var groups: Set<GroupID>
    /// Never members of these, whatever the extent.
    public var except: Set<GroupID>

    public init(_ extent: Extent, groups: Set<GroupID> = [], except: Set<GroupID> = []) {
        self.extent = extent
        self.groups = groups
        self.except = except
    }

    /// Whether a person with these groups is inside; an exclusion wins.
    public func contains(_ person: Person) -> Bool {
        guard except.isDisjoint(with: person.groups) else { return false }
        return switch extent {
        case .none: false
        case .all: true
        case .selected: !groups.isDisjoint(with: person.groups)
        }
    }
}

/// What a person without any proof must show before registering the first one.
public enum RegistrationGuard: String, Codable, CaseIterable, Sendable, Comparable {
    /// The password alone, as in the source document.
    case password
    case trustedNetwork
    /// A code to a contact that the directory already knows.
    case directoryContact
    case accessPass

    public static func < (left: Self, right: Self) -> Bool {
        allCases.firstIndex(of: left)! < allCases.firstIndex(of: right)!
    }
}

/// A rule of the sign-in policy (MFA).
public struct MFARule: Hashable, Codable, Sendable {
    public var name: String
    public var scope: PolicyScope
    /// A second step is demanded at sign-in.
    public var required: Bool
    public var allow: Set<Capability>
    public var exclude: Set<Capability>
    /// Days in which somebody who never had a second step may still sign in with the password alone.
    public var graceDays: Int?
    /// Days for which "don't ask again on this browser" holds; nil or 0: not offered.
    public var rememberBrowserDays: Int?
    /// No second step from the organisation's own networks.
    public var exemptTrustedNetworks: Bool

    public init(
        name: String, scope: PolicyScope = PolicyScope(.all), required: Bool, allow: Set<Capability>,
        exclude: Set<Capability> = [], graceDays: Int? = nil, rememberBrowserDays: Int? = nil,
        exemptTrustedNetworks: Bool = false
    ) {
        self.name = name
        self.scope = scope
        self.required = required
        self.allow = allow
        self.exclude = exclude
        self.graceDays = graceDays
        self.rememberBrowserDays = rememberBrowserDays
        self.exemptTrustedNetworks = exemptTrustedNetworks
    }
}

/// A rule of the password reset policy (SSPR).
public struct ResetRule: Hashable, Codable, Sendable {
    public var name: String
    public var scope: PolicyScope
    public var includeGuests: Bool
    /// How many independent proofs a reset takes: 1 or 2.
    public var gates: Int
    public var allow: Set<Capability>
    public var exclude: Set<Capability>
    public var options: Set<ResetOption>
    /// Days after which security info is reviewed; nil or 0: never.
    public var reconfirmDays: Int?
    /// How often the reset part of the wizard may be put off; nil: always.
    public var skipsMax: Int?
    /// "I know my password but am locked out" unlocks without a new password.
    public var unlockWithoutReset: Bool
    public var notifyPerson: Bool
    public var notifyAdministrators: Bool
    /// A credential younger than this is no gate; 0: off.
    public var minimumAgeHours: Int
    /// Mailboxes in the organisation's own domains may count.
    public var ownMailDomainsCount: Bool

    public init(
        name: String, scope: PolicyScope = PolicyScope(.all), includeGuests: Bool = false, gates: Int,
        allow: Set<Capability>, exclude: Set<Capability> = [], options: Set<ResetOption> = [],
        reconfirmDays: Int? = nil, skipsMax: Int? = nil, unlockWithoutReset: Bool = false, notifyPerson: Bool = true,
        notifyAdministrators: Bool = true, minimumAgeHours: Int = 24, ownMailDomainsCount: Bool = false
    ) {
        self.name = name
        self.scope = scope
        self.includeGuests = includeGuests
        self.gates = gates
        self.allow = allow
        self.exclude = exclude
        self.options = options
        self.reconfirmDays = reconfirmDays
        self.skipsMax = skipsMax
        self.unlockWithoutReset = unlockWithoutReset
        self.notifyPerson = notifyPerson
        self.notifyAdministrators = notifyAdministrators
        self.minimumAgeHours = minimumAgeHours
        self.ownMailDomainsCount = ownMailDomainsCount
    }

    /// Whether the rule applies to a person. "All" leaves guests out unless the setting says otherwise; a group that
    /// was selected means every member of it.
    public func contains(_ person: Person) -> Bool {
        scope.contains(person) && (person.kind == .member || includeGuests || scope.extent == .selected)
    }
}

/// A rule about registering: who must, and what guards it.
public struct RegistrationRule: Hashable, Codable, Sendable {
    public var name: String
    public var scope: PolicyScope
    /// People in scope must register what the sign-in policy needs, even where no second step is demanded yet.
    public var requireForMFA: Bool
    /// People in scope of the reset policy must register what it needs.
    public var requireForReset: Bool
    public var guardKind: RegistrationGuard
    /// Recovery codes are shown at the end of the wizard and may be made on Security info.
    public var recoveryCodes: Bool

    public init(
        name: String, scope: PolicyScope = PolicyScope(.all), requireForMFA: Bool, requireForReset: Bool,
        guardKind: RegistrationGuard = .password, recoveryCodes: Bool = true
    ) {
        self.name = name
        self.scope = scope
        self.requireForMFA = requireForMFA
        self.requireForReset = requireForReset
        self.guardKind = guardKind
        self.recoveryCodes = recoveryCodes
    }
}

/// A registration campaign: people who proved a second step are asked to register something stronger.
public struct CampaignRule: Hashable, Codable, Sendable {
    public var name: String
    public var scope: PolicyScope
    /// What they are asked to register.
    public var register: Capability
    /// Days until somebody who put it off is asked again; 0: at the next sign-in.
    public var snoozeDays: Int
    /// How often it may be put off where a second step is demanded; nil: always.
    public var snoozesMax: Int?

    public init(
        name: String, scope: PolicyScope = PolicyScope(.all), register: Capability, snoozeDays: Int = 1, snoozesMax: Int? = nil
    ) {
        self.name = name
        self.scope = scope
        self.register = register
        self.snoozeDays = snoozeDays
        self.snoozesMax = snoozesMax
    }
}

/// The bridge: one proof with something held but no longer allowed, good for registering a replacement.
public struct BridgePolicy: Hashable, Codable, Sendable {
    /// Days after the version that removed a capability; 0: off.
    public var days: Int
    /// Capabilities that an administrator marked as compromised: never a bridge.
    public var compromised: Set<Capability>

    public init(days: Int = 30, compromised: Set<Capability> = []) {
        self.days = days
        self.compromised = compromised
    }
}

/// What follows when somebody who was asked to approve says that it was not them.
public struct FraudPolicy: Hashable, Codable, Sendable {
    /// Days for which the account is closed; 0: it is not.
    public var blockDays: Int

    public init(blockDays: Int = 0) {
        self.blockDays = blockDays
    }
}

/// Who keeps telephone numbers.
public struct PhonePolicy: Hashable, Codable, Sendable {
    /// People may add, change and delete their office number themselves; else the directory keeps it.
    public var officeByOwner: Bool

    public init(officeByOwner: Bool = false) {
        self.officeByOwner = officeByOwner
    }
}

/// How long sessions and proofs live.
public struct SessionPolicy: Hashable, Codable, Sendable {
    public var idleMinutes: Int
    public var absoluteHours: Int
    /// A proof younger than this opens security info.
    public var freshMinutes: Int

    public init(idleMinutes: Int = 60, absoluteHours: Int = 12, freshMinutes: Int = 10) {
        self.idleMinutes = idleMinutes
        self.absoluteHours = absoluteHours
        self.freshMinutes = freshMinutes
    }
}

/// Which passwords are taken.
public struct PasswordPolicy: Hashable, Codable, Sendable {
    /// `nist` or `entra`; the rules themselves are in Passwords/.
    public var profile: PasswordProfile
    public var minimumLength: Int
    public var bannedWords: [String]
    /// Whether the last password may be used again.
    public var reuseLast: Bool

    public init(profile: PasswordProfile = .nist, minimumLength: Int = 12, bannedWords: [String] = [], reuseLast: Bool = false) {
        self.profile = profile
        self.minimumLength = minimumLength
        self.bannedWords = bannedWords
        self.reuseLast = reuseLast
    }
}

/// How many security questions, and which beyond ours.
public struct QuestionPolicy: Hashable, Codable, Sendable {
    /// How many a person answers to register: 3 to 5.
    public var toRegister: Int
    /// How many of them are asked at a reset: 3 to 5, no more than are registered.
    public var toReset: Int
    /// Questions of the organisation, at most 20.
    public var custom: [String]

    public init(toRegister: Int = 3, toReset: Int = 3, custom: [String] = []) {
        self.toRegister = toRegister
        self.toReset = toReset
        self.custom = custom
    }
}

/// Passwords for programs that cannot show a sign-in page.
public struct AppPasswordPolicy: Hashable, Codable, Sendable {
    /// People of whom a second step is enforced may make them. Those made before can be deleted, and stop working, when it is off.
    public var allowed: Bool
    /// They outlive a reset of the account's password.
    public var survivesReset: Bool

    public init(allowed: Bool = false, survivesReset: Bool = false) {
        self.allowed = allowed
        self.survivesReset = survivesReset
    }
}

/// What policy says about single methods, the same for everybody.
public struct MethodSettings: Hashable, Codable, Sendable {
    public var questions: QuestionPolicy
    public var appPasswords: AppPasswordPolicy
    /// The strongest method is asked for first, whatever anybody chose.
    public var strongestFirst: Bool
    public var passkeys: AuthenticatorRules

    public init(
        questions: QuestionPolicy = QuestionPolicy(), appPasswords: AppPasswordPolicy = AppPasswordPolicy(), strongestFirst: Bool = false,
        passkeys: AuthenticatorRules = AuthenticatorRules()
    ) {
        self.passkeys = passkeys
        self.questions = questions
        self.appPasswords = appPasswords
        self.strongestFirst = strongestFirst
    }

    /// A version that was kept from a release without a setting has its default.
    public init(from decoder: any Decoder) throws {
        let values = try decoder.container(keyedBy: CodingKeys.self)
        self.init(
            questions: try values.decodeIfPresent(QuestionPolicy.self, forKey: .questions) ?? QuestionPolicy(),
            appPasswords: try values.decodeIfPresent(AppPasswordPolicy.self, forKey: .appPasswords) ?? AppPasswordPolicy(),
            strongestFirst: try values.decodeIfPresent(Bool.self, forKey: .strongestFirst) ?? false,
            passkeys: try values.decodeIfPresent(AuthenticatorRules.self, forKey: .passkeys) ?? AuthenticatorRules())
    }
}

/// All policies of an organisation: one numbered document, so that a version is one number in flows, decisions,
/// audit and simulation.
public struct PolicyDocument: Hashable, Codable, Sendable {
    public var version: Int64
    /// Roll-out of the one registration. Only `all` until the former pages exist.
    public var rollOut: PolicyScope
    public var mfa: [MFARule]
    public var reset: [ResetRule]
    public var registration: [RegistrationRule]
    public var campaigns: [CampaignRule]
    public var bridge: BridgePolicy
    public var fraud: FraudPolicy
    public var phones: PhonePolicy
    public var session: SessionPolicy
    public var password: PasswordPolicy
    public var methods: MethodSettings
    /// Networks of the organisation, CIDR notation.
    public var trustedNetworks: [String]
    /// Accounts that must always get in; simulation watches them.
    public var emergencyAccounts: [String]

    public init(
        version: Int64 = 1, rollOut: PolicyScope = PolicyScope(.all), mfa: [MFARule], reset: [ResetRule],
        registration: [RegistrationRule], campaigns: [CampaignRule] = [], bridge: BridgePolicy = BridgePolicy(),
        fraud: FraudPolicy = FraudPolicy(), phones: PhonePolicy = PhonePolicy(),
        session: SessionPolicy = SessionPolicy(), password: PasswordPolicy = PasswordPolicy(),
        methods: MethodSettings = MethodSettings(), trustedNetworks: [String] = [], emergencyAccounts: [String] = []
    ) {
        self.version = version
        self.rollOut = rollOut
        self.mfa = mfa
        self.reset = reset
        self.registration = registration
        self.campaigns = campaigns
        self.bridge = bridge
        self.fraud = fraud
        self.phones = phones
        self.session = session
        self.password = password
        self.methods = methods
        self.trustedNetworks = trustedNetworks
        self.emergencyAccounts = emergencyAccounts
    }
}

extension PolicyDocument {
    /// Versions kept from an earlier release lack what came since.
    public init(from decoder: any Decoder) throws {
        let values = try decoder.container(keyedBy: CodingKeys.self)
        self.init(
            version: try values.decode(Int64.self, forKey: .version), rollOut: try values.decode(PolicyScope.self, forKey: .rollOut),
            mfa: try values.decode([MFARule].self, forKey: .mfa), reset: try values.decode([ResetRule].self, forKey: .reset),
            registration: try values.decode([RegistrationRule].self, forKey: .registration),
            campaigns: try values.decodeIfPresent([CampaignRule].self, forKey: .campaigns) ?? [],
            bridge: try values.decode(BridgePolicy.self, forKey: .bridge),
            fraud: try values.decodeIfPresent(FraudPolicy.self, forKey: .fraud) ?? FraudPolicy(),
            phones: try values.decodeIfPresent(PhonePolicy.self, forKey: .phones) ?? PhonePolicy(),
            session: try values.decode(SessionPolicy.self, forKey: .session),
            password: try values.decode(PasswordPolicy.self, forKey: .password),
            methods: try values.decodeIfPresent(MethodSettings.self, forKey: .methods) ?? MethodSettings(),
            trustedNetworks: try values.decode([String].self, forKey: .trustedNetworks),
            emergencyAccounts: try values.decode([String].self, forKey: .emergencyAccounts))
    }
}
