/// What a loss would end.
public struct Loss: Hashable, Sendable {
    /// What works now and would not any more: sign-in with a second step, a new password alone.
    public let purpose: Purpose
    /// What is lost.
    public let what: What

    public enum What: Hashable, Sendable {
        /// One channel: a number with everything that it takes, an app, a mailbox, a sheet of codes.
        case method(MethodKind)
        /// The phone with everything on it.
        case phone
    }

    public init(purpose: Purpose, what: What) {
        self.purpose = purpose
        self.what = what
    }
}

/// The one thing that makes a loss bearable.
public enum LossRemedy: Hashable, Sendable {
    case recoveryCodes
    case method(MethodKind)
}

/// "If any one thing is lost, can this person still sign in and still choose a new password?" Said on Security info, never asked for.
public struct LossReport: Hashable, Sendable {
    /// Which of the two works now at all: what does not is a requirement, and none of this.
    public let works: Set<Purpose>
    /// The first loss for each purpose that would end it.
    public let losses: [Loss]
    /// The one addition, cheapest first, after which no single loss ends anything; else the one that helps most. Nil: none helps.
    public let remedy: LossRemedy?

    /// Whether whatever works now survives the loss of any one thing.
    public var isSafe: Bool { losses.isEmpty }
}

extension Standing {
    /// Looks at the loss of each channel, and of the phone, which takes the number and the apps on it along.
    public var lossReport: LossReport {
        let works = self.worksNow, losses = losses(of: works)
        return LossReport(works: works, losses: losses, remedy: losses.isEmpty ? nil : remedy(works, losses))
    }

    private var worksNow: Set<Purpose> { Set([Purpose.signIn, .reset].filter(works)) }

    /// Recovery codes let in, though they never count.
    private func works(for purpose: Purpose) -> Bool {
        switch purpose {
        case .signIn: anythingCountsForSignIn || hasRecoveryCodes
        case .reset: policy.resetInScope && missingGates == 0
        case .change: false
        }
    }

    private var hasRecoveryCodes: Bool {
        policy.recoveryCodes
            && credentials.contains { isRegistered($0) && $0.capabilities.contains(.recoveryCode) && ($0.remaining ?? 0) > 0 }
    }

    private func losses(of works: Set<Purpose>) -> [Loss] {
        let registered = credentials.filter(isRegistered)
        let channels = registered.map { lost in (Loss.What.method(lost.method), without { $0.channel == lost.channel }) }
        let phone = (Loss.What.phone, without { $0.traits.onPhone })
        return works.sorted { $0.place < $1.place }.compactMap { purpose in
            (channels + [phone]).first { !$0.1.works(for: purpose) }.map { Loss(purpose: purpose, what: $0.0) }
        }
    }

    private func without(_ lost: (Credential) -> Bool) -> Standing {
        Standing(person: person, credentials: credentials.filter { !lost($0) }, policy: policy)
    }

    /// Recovery codes cost a sheet of paper; then whatever may be added, strongest first.
    private func remedy(_ works: Set<Purpose>, _ losses: [Loss]) -> LossRemedy? {
        var best: (remedy: LossRemedy, left: Int)?
        for (remedy, after) in remedies {
            let left = after.losses(of: works).count
            if left < best?.left ?? losses.count { best = (remedy, left) }
            if left == 0 { break }
        }
        return best?.remedy
    }

    private var remedies: [(LossRemedy, Standing)] {
        let codes = policy.recoveryCodes && anythingCountsForSignIn ? [(LossRemedy.recoveryCodes, adding(.recoveryCodes, count: 10))] : []
        let methods = addable.filter { $0.addability == .open }.map { (LossRemedy.method($0.kind), adding($0.kind)) }
        return codes + methods
    }
}
