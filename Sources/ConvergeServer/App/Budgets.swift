import ConvergeCore

/// The budgets of the product, each apart, and their keys.
enum Budgets {
    /// Wrong codes against one credential from browsers that never signed in as its owner: 10 in 24 hours.
    static let strangerCodes = BudgetRule(limit: 10, window: .hours(24), lock: .hours(24))
    /// Wrong codes against one credential from a known browser.
    static let ownerCodes = BudgetRule(limit: 20, window: .hours(1), lock: .minutes(15))
    /// Wrong codes against one credential whatever the browser, until the owner proves another way.
    static let ceiling = BudgetRule(limit: 100, window: .days(36500))
    static let sendsPerPerson = BudgetRule(limit: 10, window: .hours(1), lock: nil)
    static let sendsPerDestination = BudgetRule(limit: 10, window: .hours(1), lock: nil)
    static let callsPerPerson = BudgetRule(limit: 6, window: .hours(1), lock: nil)
    /// Questions put to the apps of one person.
    static let pushesPerPerson = BudgetRule(limit: 3, window: .minutes(10), lock: nil)
    /// One of them at a time, for as long as it may be answered.
    static let openPushes = BudgetRule(limit: 1, window: ConvergeApp.approvalLife, lock: nil)
    /// Wrong pairs of serial number and code from one person, however many registrations they begin.
    static let tokenTriesPerPerson = BudgetRule(limit: 10, window: .hours(1), lock: nil)
    /// The same for one serial number, whether there is such a token or not: the answers must be alike.
    static let tokenTriesPerSerial = BudgetRule(limit: 20, window: .hours(24), lock: nil)
    /// Resets begun for one person by strangers.
    static let resetsPerPerson = BudgetRule(limit: 5, window: .hours(24), lock: .hours(24))
    static let passGuesses = BudgetRule(limit: 10, window: .hours(1), lock: .minutes(15))
    static let recoveryGuesses = BudgetRule(limit: 10, window: .hours(24), lock: .hours(1))

    /// What is counted by the network that a request comes from. What turns out right is given back, so that an office in which
    /// hundreds sit behind one address is closed by what fails there and by what is still under way, not by everybody's arrival.
    enum FromNetwork: String {
        case signIn = "sign-in"
        /// Resets in which nothing was proved.
        case reset
        /// Codes sent and not answered.
        case code = "send"
        /// Codes asked for in resets and not answered, whether they were sent or not.
        case resetCode = "reset:asks"
        /// Apps that came with a code that was none.
        case activation = "activate"
        /// With 120 random bits nobody guesses one: this spares the machine, and no stranger can lock a person's programs out.
        case appPassword = "app-password"
        /// Codes for the first administrator.
        case setup

        fileprivate func rule(_ limits: Config.Limits) -> BudgetRule {
            switch self {
            case .signIn: BudgetRule(limit: limits.signInsPerNetwork, window: .minutes(5), lock: nil)
            case .reset: BudgetRule(limit: limits.resetsPerNetwork, window: .hours(1), lock: nil)
            case .code, .resetCode: BudgetRule(limit: limits.codesPerNetwork, window: .hours(1), lock: nil)
            case .activation: BudgetRule(limit: 20, window: .minutes(10), lock: nil)
            case .appPassword: BudgetRule(limit: 30, window: .hours(1), lock: .minutes(15))
            case .setup: passGuesses
            }
        }
    }

    /// What is counted for a network; nil stands for requests of which none is known.
    static func from(_ network: String?, _ what: FromNetwork, _ instance: Instance) -> (key: String, rule: BudgetRule) {
        ("\(what.rawValue):from:" + instance.keyed(network ?? "", "budget"), what.rule(instance.config.limits))
    }

    /// Texts to one country other than the organisation's own, where most of its people are: fraud with dear numbers goes there.
    static func texts(to country: String, _ limits: Config.Limits) -> (key: String, rule: BudgetRule) {
        ("send:country:" + country, BudgetRule(limit: limits.textsPerCountry, window: .hours(1), lock: nil))
    }

    /// The same for calls.
    static func calls(to country: String, _ limits: Config.Limits) -> (key: String, rule: BudgetRule) {
        ("call:country:" + country, BudgetRule(limit: limits.callsPerCountry, window: .hours(1), lock: nil))
    }

    /// All codes of the organisation, answered or not: what they may cost.
    static func codes(_ limits: Config.Limits) -> (key: String, rule: BudgetRule) {
        ("send:all", BudgetRule(limit: limits.codes, window: .hours(1), lock: nil))
    }

    /// All its calls, which count as codes too.
    static func calls(_ limits: Config.Limits) -> (key: String, rule: BudgetRule) {
        ("call:all", BudgetRule(limit: limits.calls, window: .hours(1), lock: nil))
    }

    /// The setting that a key is counted by, if one is.
    fileprivate static func setting(of key: String) -> String? {
        let settings = [
            "sign-in:from:": "signInsPerNetwork", "reset:from:": "resetsPerNetwork", "reset:asks:from:": "codesPerNetwork",
            "send:from:": "codesPerNetwork", "send:country:": "textsPerCountry", "call:country:": "callsPerCountry", "send:all": "codes",
            "call:all": "calls",
        ]
        return settings.first { key.hasPrefix($0.key) }?.value
    }

    /// What the keys begin with that reaching a person depends on.
    static let personal = [sends, pushes, openPush, calls, reset("failed", knownBrowser: true), reset("failed", knownBrowser: false)]
    static let perCredential = [strangers, owners, ceilings]
    private static let strangers = "code:stranger:", owners = "code:owner:", ceilings = "code:all:"
    private static let sends = "send:person:", pushes = "push:person:", openPush = "push:open:", calls = "call:person:"

    static func stranger(_ id: CredentialID) -> String { strangers + id.text }
    static func owner(_ id: CredentialID) -> String { owners + id.text }
    static func ceiling(_ id: CredentialID) -> String { ceilings + id.text }
    static func send(_ person: PersonID) -> String { sends + person.text }
    static func pushes(_ person: PersonID) -> String { pushes + person.text }
    static func openPush(_ person: PersonID) -> String { openPush + person.text }
    static func calls(_ person: PersonID) -> String { calls + person.text }
    static func tokenTries(_ person: PersonID) -> String { "token:person:\(person)" }
    /// Put before the person's id: what is counted at resets, known browsers and others apart.
    static func reset(_ name: String, knownBrowser: Bool) -> String { "reset:\(name):\(knownBrowser ? "known" : "other"):" }

    /// A token that is kept for somebody has a count of its own: nobody else can use it up. Everybody else shares one for a serial number,
    /// in use, kept or unknown.
    static func tokenTries(_ serial: String, keptFor person: PersonID?, _ instance: Instance) -> String {
        let key = instance.keyed(InventoryToken.key(of: serial), "budget")
        return person.map { "token:kept:\($0):\(key)" } ?? "token:serial:\(key)"
    }

    /// What tries against a credential count against, the ceiling first.
    static func codes(_ id: CredentialID, knownBrowser: Bool) -> [(key: String, rule: BudgetRule)] {
        [(ceiling(id), ceiling), knownBrowser ? (owner(id), ownerCodes) : (stranger(id), strangerCodes)]
    }

    /// Until when a credential is closed for this kind of browser; nil when it is open.
    static func closed(
        _ id: CredentialID, knownBrowser: Bool, now: Moment, _ store: BudgetStore, _ db: any Connection
    ) throws -> Moment? {
        for (key, rule) in codes(id, knownBrowser: knownBrowser) {
            if let until = try store.exhausted(key, rule, now: now, db) { return until }
        }
        return nil
    }

    /// Counts a try against a credential, before the comparison. A try that the browser's own budget refuses is never compared, so it
    /// does not count against the ceiling: else a stranger would close the credential to its owner by guessing on and on.
    ///
    /// - Returns: nil when there was budget, else until when there is none.
    static func spendTry(
        _ id: CredentialID, knownBrowser: Bool, now: Moment, _ store: BudgetStore, _ db: any Connection
    ) throws -> Moment? {
        try store.spend(codes(id, knownBrowser: knownBrowser).reversed(), now: now, db)
    }

    /// A right answer gives the budgets of its credential back; the owner's at a sign-in lifts the ceiling of all the others.
    static func clear(_ id: CredentialID, ceilings: [CredentialID] = [], _ store: BudgetStore, _ db: any Connection) throws {
        try store.clear([stranger(id), owner(id), ceiling(id)] + ceilings.map(ceiling), db)
    }
}

extension Instance {
    /// Counts one spend of several budgets in turn. Where one says no nothing happens, so that those before it get theirs back. Operators
    /// see when it is one of theirs to set.
    ///
    /// - Returns: nil when all allowed it, else the moment from which there is budget again.
    func spend(_ spent: [(key: String, rule: BudgetRule)], now: Moment, _ db: any Connection) throws -> Moment? {
        guard let (key, until) = try budgets.firstSpent(spent, now: now, db) else { return nil }
        if let index = spent.firstIndex(where: { $0.key == key }), index > 0 { try budgets.giveBack(spent.prefix(index).map(\.key), db) }
        if let setting = Budgets.setting(of: key) {
            let metrics = self.metrics
            db.afterCommit { metrics.count(.limits, setting) }
        }
        return until
    }
}
