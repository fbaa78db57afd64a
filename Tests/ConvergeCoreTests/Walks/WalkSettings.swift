import ConvergeCore

/// Everything that is fixed when a sign-in begins: the policy, the person, what they hold, the browser and the world.
struct WalkSetting {
    var document = policy(registerMFA: false, registerReset: false)
    var person = Person(id: PersonID("ada"))
    var credentials: [Credential] = []
    /// When whatever policy does not allow for sign-in left it; nil: it never was allowed.
    var removedAt: Moment?
    var request = RequestFacts()
    var trouble = WalkTrouble.none
    var factor = FirstFactor.password
    /// What the table says about this situation, as literals: is a second step demanded of somebody who never had one, and of
    /// somebody who had?
    var demanded = (never: false, had: false)
}

/// What cannot be reached. A capability that this release cannot verify never can, as the server says it.
enum WalkTrouble: String, CaseIterable {
    case none, gateways, telephone, budgets

    /// Whether a use of some capability is out of reach.
    func cuts(_ capability: Capability) -> Bool {
        guard MethodRegistry.implementedCapabilities.contains(capability) else { return true }
        return switch self {
        case .none: false
        case .gateways: capability == .text || capability == .emailCode
        // Neither calls nor approvals: what travels over a network that is down.
        case .telephone: [.text, .call, .alternateCall, .officeCall, .appNotification].contains(capability)
        case .budgets: capability == .text || capability == .emailCode || capability == .appCode
        }
    }
}

/// One named value of a dimension.
struct WalkChoice: Sendable {
    let name: String
    let apply: @Sendable (inout WalkSetting) -> Void

    init(_ name: String, _ apply: @escaping @Sendable (inout WalkSetting) -> Void) {
        self.name = name
        self.apply = apply
    }
}

/// One dimension of the product.
struct WalkDimension: Sendable {
    let name: String
    let choices: [WalkChoice]
}

// MARK: - the values that matter

/// The dimensions of a sign-in. Policies allow only what this release implements, as the policy reader does.
enum WalkSpace {
    /// Whether a second step is demanded: policy, its grace, the person's own switch, roles, the browser, the application.
    static let demand = WalkDimension(
        name: "demand",
        choices: [
            WalkChoice("off") { demand(&$0, false, false) },
            WalkChoice("off, application asks") { demand(&$0, true, true) { $0.request.applicationDemandsMFA = true } },
            WalkChoice("off, person enforced") { demand(&$0, true, true) { $0.person.mfaState = .enforced } },
            WalkChoice("off, administrator") { demand(&$0, true, true) { $0.person.roles = [.helpdesk] } },
            WalkChoice("on") { demand(&$0, true, true) { on(&$0) } },
            WalkChoice("on, exempt network") {
                demand(&$0, false, false) {
                    on(&$0); exempt(&$0)
                }
            },
            WalkChoice("on, trusted network, not exempt") {
                demand(&$0, true, true) {
                    on(&$0); $0.request.inTrustedNetwork = true
                }
            },
            WalkChoice("on, remembered browser") {
                demand(&$0, false, false) {
                    on(&$0); $0.request.rememberedBrowser = true
                }
            },
            WalkChoice("on, remembered browser, administrator") {
                demand(&$0, true, true) {
                    on(&$0); $0.request.rememberedBrowser = true; $0.person.roles = [.userAdministrator]
                }
            },
            WalkChoice("on, exempt network, application asks") {
                demand(&$0, true, true) {
                    on(&$0); exempt(&$0); $0.request.applicationDemandsMFA = true
                }
            },
            WalkChoice("on, exempt network, person enforced") {
                demand(&$0, false, false) {
                    on(&$0); exempt(&$0); $0.person.mfaState = .enforced
                }
            },
            WalkChoice("grace not begun") { demand(&$0, false, true) { grace(&$0, nil) } },
            WalkChoice("grace running") { demand(&$0, false, true) { grace(&$0, noon - .days(3)) } },
            WalkChoice("grace over") { demand(&$0, true, true) { grace(&$0, noon - .days(20)) } },
            WalkChoice("grace running, administrator") {
                demand(&$0, true, true) {
                    grace(&$0, noon - .days(3)); $0.person.roles = [.globalAdministrator]
                }
            },
        ])

    /// What counts for sign-in. The empty set is what several rules leave of each other.
    static let allow = WalkDimension(
        name: "allowed for sign-in",
        choices: [
            WalkChoice("nothing") { $0.document.mfa[0].allow = [] },
            WalkChoice("text") { $0.document.mfa[0].allow = [.text] },
            WalkChoice("app") { $0.document.mfa[0].allow = [.appCode] },
            WalkChoice("app and text") { $0.document.mfa[0].allow = [.appCode, .text] },
            WalkChoice("everything") { $0.document.mfa[0].allow = Set(Capability.allCases.filter(canSignIn)) },
        ])

    /// What has to be registered, beside what is demanded.
    static let wants = WalkDimension(
        name: "registration",
        choices: [
            WalkChoice("nothing") { _ in },
            WalkChoice("sign-in") { register(&$0, mfa: true, reset: false) },
            WalkChoice("reset, one gate") {
                register(&$0, mfa: false, reset: true); reset(&$0, 1, [.text, .emailCode])
            },
            WalkChoice("both, one gate, a guest") {
                register(&$0, mfa: true, reset: true)
                reset(&$0, 1, [.text, .emailCode])
                $0.person.kind = .guest
            },
            WalkChoice("both, two gates") {
                register(&$0, mfa: true, reset: true)
                reset(&$0, 2, [.appCode, .text, .emailCode])
            },
            WalkChoice("reset, two gates, no codes") {
                register(&$0, mfa: false, reset: true)
                reset(&$0, 2, [.appCode, .text, .emailCode])
                $0.document.registration[0].recoveryCodes = false
            },
            WalkChoice("both, two gates that nobody can pass") {
                register(&$0, mfa: true, reset: true)
                reset(&$0, 2, [.emailCode])
            },
            WalkChoice("reset, skips used up") {
                register(&$0, mfa: false, reset: true)
                reset(&$0, 1, [.text, .emailCode]) { $0.skipsMax = 3 }
                $0.person.resetSkips = 3
            },
            WalkChoice("both, a skip left, review due") {
                register(&$0, mfa: true, reset: true)
                reset(&$0, 2, [.appCode, .text, .emailCode]) {
                    $0.skipsMax = 3; $0.reconfirmDays = 30
                }
                $0.person.resetSkips = 2
            },
            WalkChoice("reset, review due, outside the roll-out") {
                register(&$0, mfa: true, reset: true)
                reset(&$0, 1, [.appCode, .emailCode]) { $0.reconfirmDays = 30 }
                $0.document.rollOut = PolicyScope(.none)
            },
        ])

    /// What the person holds, and what that and their history leave behind.
    static let holding = WalkDimension(
        name: "credentials",
        choices: [
            WalkChoice("nothing ever") { _ in },
            WalkChoice("directory phone") { $0.credentials = [directory(.mobilePhone)] },
            WalkChoice("directory phone and mailbox") { $0.credentials = [directory(.mobilePhone), directory(.email)] },
            WalkChoice("imported phone") { $0.credentials = [directory(.mobilePhone) { $0.source = .import }] },
            WalkChoice("questions") { $0.credentials = [credential(.securityQuestions)] },
            WalkChoice("pass, nothing ever") { $0.credentials = [pass()] },
            WalkChoice("app") { holds(&$0, [.totpApp]) },
            WalkChoice("phone") { holds(&$0, [.mobilePhone]) },
            WalkChoice("phone entered by an administrator") { holds(&$0, [.mobilePhone]) { $0.source = .administrator } },
            WalkChoice("phone for reset only") { holds(&$0, [.mobilePhone]) { $0.serves = [.reset] } },
            WalkChoice("phone, chosen default is a call") {
                holds(&$0, [.mobilePhone])
                $0.person.preference = [$0.credentials[0].use(.call)]
            },
            WalkChoice("mailbox") { holds(&$0, [.email]) },
            WalkChoice("mailbox, had a second step") {
                holds(&$0, [.email])
                $0.person.mfaFirstHeldAt = noon - .days(90)
            },
            WalkChoice("mailbox of the organisation") { holds(&$0, [.email]) { $0.inOwnMailDomain = true } },
            WalkChoice("app and phone") { holds(&$0, [.totpApp, .mobilePhone]) },
            WalkChoice("phone and mailbox") { holds(&$0, [.mobilePhone, .email]) },
            WalkChoice("app and mailbox") { holds(&$0, [.totpApp, .email]) },
            WalkChoice("app, phone, mailbox") { holds(&$0, [.totpApp, .mobilePhone, .email]) },
            WalkChoice("app, recovery codes") { holds(&$0, [.totpApp, .recoveryCodes]) },
            WalkChoice("phone, recovery codes") { holds(&$0, [.mobilePhone, .recoveryCodes]) },
            WalkChoice("app, directory phone") {
                holds(&$0, [.totpApp])
                $0.credentials.append(directory(.mobilePhone))
            },
            WalkChoice("app, pass") {
                holds(&$0, [.totpApp]); $0.credentials.append(pass())
            },
            WalkChoice("phone, pass run out") {
                holds(&$0, [.mobilePhone])
                $0.credentials.append(pass { $0.validUntil = noon })
            },
            WalkChoice("passkey") { holds(&$0, [.passkey]) },
            WalkChoice("passkey, directory office phone") {
                holds(&$0, [.passkey])
                $0.credentials.append(directory(.officePhone))
                $0.person.hasDirectoryOfficePhone = true
            },
            WalkChoice("Converge app") { holds(&$0, [.convergeApp]) },
            WalkChoice("hardware token and questions") { holds(&$0, [.hardwareToken, .securityQuestions]) },
            WalkChoice("phone, second phone, office phone") { holds(&$0, [.mobilePhone, .alternatePhone, .officePhone]) },
            WalkChoice("suspended Converge app, app password") {
                holds(&$0, [.convergeApp]) { $0.state = .suspended }
                $0.credentials.append(credential(.appPassword))
            },
            WalkChoice("wiped") { wiped(&$0) },
            WalkChoice("wiped, pass") {
                wiped(&$0); $0.credentials = [pass()]
            },
            WalkChoice("wiped but for recovery codes") {
                wiped(&$0); $0.credentials = [credential(.recoveryCodes)]
            },
            WalkChoice("suspended app") { holds(&$0, [.totpApp]) { $0.state = .suspended } },
            WalkChoice("suspended phone, mailbox") {
                holds(&$0, [.mobilePhone]) { $0.state = .suspended }
                $0.credentials.append(credential(.email))
            },
            WalkChoice("suspended app, directory phone") {
                holds(&$0, [.totpApp]) { $0.state = .suspended }
                $0.credentials.append(directory(.mobilePhone))
            },
        ])

    /// What opens the first registration, and what carries over the removal of a method.
    static let door = WalkDimension(
        name: "guard and bridge",
        choices: [
            WalkChoice("password") { _ in },
            WalkChoice("trusted network") { $0.document.registration[0].guardKind = .trustedNetwork },
            WalkChoice("directory contact") { $0.document.registration[0].guardKind = .directoryContact },
            WalkChoice("access pass") { $0.document.registration[0].guardKind = .accessPass },
            WalkChoice("bridge fresh") { $0.removedAt = noon - .days(10) },
            WalkChoice("bridge over") { $0.removedAt = noon - .days(40) },
            WalkChoice("bridge off") {
                $0.document.bridge.days = 0; $0.document.registration[0].guardKind = .trustedNetwork
            },
            WalkChoice("compromised") {
                $0.document.bridge.compromised = [.text, .appCode]
                $0.document.registration[0].guardKind = .directoryContact
            },
        ])

    static let trouble = WalkDimension(
        name: "reach", choices: WalkTrouble.allCases.map { trouble in WalkChoice(trouble.rawValue) { $0.trouble = trouble } })

    static let password = WalkDimension(
        name: "password", choices: [WalkChoice("stays") { _ in }, WalkChoice("must change") { $0.person.passwordMustChange = true }])

    static let campaign = WalkDimension(
        name: "campaign",
        choices: [
            WalkChoice("none") { _ in },
            WalkChoice("for apps") { $0.document.campaigns = [CampaignRule(name: "apps", register: .appCode)] },
            WalkChoice("for apps, put off as often as allowed") {
                $0.document.campaigns = [CampaignRule(name: "apps", register: .appCode, snoozesMax: 2)]
                $0.person.campaignSnoozes = 2
            },
        ])

    static let dimensions = [demand, allow, wants, holding, door, trouble, password, campaign]

    // MARK: how a value is made

    private static func canSignIn(_ capability: Capability) -> Bool {
        MethodRegistry.implementedCapabilities.contains(capability) && MethodRegistry.traits(of: capability).signIn == .counts
    }

    private static func demand(
        _ setting: inout WalkSetting, _ never: Bool, _ had: Bool, _ change: (inout WalkSetting) -> Void = { _ in }
    ) {
        setting.document.mfa[0].required = false
        setting.document.mfa[0].rememberBrowserDays = 14
        change(&setting)
        setting.demanded = (never, had)
    }

    private static func on(_ setting: inout WalkSetting) { setting.document.mfa[0].required = true }

    private static func grace(_ setting: inout WalkSetting, _ start: Moment?) {
        on(&setting)
        setting.document.mfa[0].graceDays = 14
        setting.person.graceStart = start
    }

    private static func exempt(_ setting: inout WalkSetting) {
        setting.document.mfa[0].exemptTrustedNetworks = true
        setting.request.inTrustedNetwork = true
    }

    private static func register(_ setting: inout WalkSetting, mfa: Bool, reset: Bool) {
        setting.document.registration[0].requireForMFA = mfa
        setting.document.registration[0].requireForReset = reset
    }

    private static func reset(
        _ setting: inout WalkSetting, _ gates: Int, _ allow: Set<Capability>, _ change: (inout ResetRule) -> Void = { _ in }
    ) {
        var rule = ResetRule(name: "reset", gates: gates, allow: allow)
        change(&rule)
        setting.document.reset = [rule]
    }

    private static func holds(_ setting: inout WalkSetting, _ kinds: [MethodKind], _ change: (inout Credential) -> Void = { _ in }) {
        setting.credentials = kinds.map { kind in
            credential(kind) {
                if kind == .recoveryCodes { $0.remaining = 10 }
                change(&$0)
            }
        }
        if kinds.contains(where: { MethodRegistry.traits(of: $0).canProve }) { setting.person.firstHeldAt = noon - .days(90) }
        if kinds.contains(where: { MethodRegistry.traits(of: $0).canSignIn }) { setting.person.mfaFirstHeldAt = noon - .days(90) }
    }

    private static func wiped(_ setting: inout WalkSetting) {
        setting.person.firstHeldAt = noon - .days(90)
        setting.person.mfaFirstHeldAt = noon - .days(90)
    }

    private static func directory(_ kind: MethodKind, _ change: (inout Credential) -> Void = { _ in }) -> Credential {
        credential(kind, "directory " + kind.rawValue) {
            $0.state = .unconfirmed
            $0.source = .directory
            $0.verifiedBy = nil
            $0.verifiedAt = nil
            change(&$0)
        }
    }

    private static func pass(_ change: (inout Credential) -> Void = { _ in }) -> Credential {
        credential(.temporaryAccessPass) {
            $0.source = .administrator
            $0.validUntil = noon + .hours(1)
            change(&$0)
        }
    }
}
