/// Time-based one-time passwords, RFC 6238: one registered key with its parameters.
public struct TOTP: Hashable, Codable, Sendable {
    /// What became of a typed code.
    public enum Match: Hashable, Sendable {
        /// Right: the caller now spends this step, in one statement that demands that it is still unspent.
        case step(Int64)
        /// It was right, but this step or a later one is spent (RFC 6238 §5.2): "wait for the next one". Costs no try.
        case alreadySpent
        /// No step of the window has this code.
        case wrong
    }

    /// Shortest key taken: 80 bits, what older services hand out. Our own keys have 160 (RFC 4226 §4, R6).
    public static let secretBytes = 10...128
    /// Periods taken, in seconds.
    public static let periods = 15...300
    /// Steps searched to either side at enrolment, to name a wrong clock: ten minutes with the usual period.
    public static let driftWindow = 20

    /// The shared key.
    public let secret: Secret
    /// The hash.
    public let algorithm: OTPAlgorithm
    /// The length of a code.
    public let digits: OTPDigits
    /// Seconds per step (X of RFC 6238 §4.1).
    public let period: Int

    /// Returns nil when the key's length or the period is out of bounds.
    public init?(secret: Secret, algorithm: OTPAlgorithm = .sha1, digits: OTPDigits = .six, period: Int = 30) {
        guard Self.secretBytes.contains(secret.bytes.count), Self.periods.contains(period) else { return nil }
        self.secret = secret
        self.algorithm = algorithm
        self.digits = digits
        self.period = period
    }

    private enum CodingKeys: CodingKey { case secret, algorithm, digits, period }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        guard
            let totp = TOTP(
                secret: try container.decode(Secret.self, forKey: .secret),
                algorithm: try container.decode(OTPAlgorithm.self, forKey: .algorithm),
                digits: try container.decode(OTPDigits.self, forKey: .digits),
                period: try container.decode(Int.self, forKey: .period))
        else { throw DecodingError.dataCorruptedError(forKey: .secret, in: container, debugDescription: "key or period out of bounds") }
        self = totp
    }

    /// The number of the step that holds this instant: T of RFC 6238 §4.2, rounded down.
    public func step(at now: Moment) -> Int64 {
        let (quotient, rest) = now.seconds.quotientAndRemainder(dividingBy: Int64(period))
        return rest < 0 ? quotient - 1 : quotient
    }

    /// When a step begins: what "wait for the next one" counts down to.
    public func start(ofStep step: Int64) -> Moment { Moment(ms: step * Int64(period) * 1000) }

    /// The code of one step.
    public func code(step: Int64) -> Secret {
        HOTP.code(secret: secret, counter: UInt64(bitPattern: step), algorithm: algorithm, digits: digits)
    }

    /// Looks for a typed code within `window` steps of now (RFC 6238 §5.2).
    ///
    /// Every step of the window is computed and compared in constant time, whatever is found. Should two steps share
    /// a code, the later one is named: spending it spends both. Spaces, dashes and digits of other scripts are understood.
    public func matchingStep(_ typed: Secret, at now: Moment, window: Int = 1, after lastSpentStep: Int64? = nil) -> Match {
        let here = step(at: now)
        let hits = matches(typed, around: here, window: window)
        guard let latest = hits.last else { return .wrong }
        if let lastSpentStep, latest <= lastSpentStep { return .alreadySpent }
        return .step(latest)
    }

    /// At enrolment: by how many steps the person's clock is wrong, so that the page can say so. Positive: it is fast.
    ///
    /// Zero means right on time; nil means that the code fits no clock within the window. Of several the nearest.
    public func drift(_ typed: Secret, at now: Moment, window: Int = driftWindow) -> Int? {
        let here = step(at: now)
        return matches(typed, around: here, window: window).map { Int($0 - here) }.min { abs($0) < abs($1) }
    }

    private func matches(_ typed: Secret, around here: Int64, window: Int) -> [Int64] {
        let reach = Int64(max(0, window))
        let wanted = OneTimeCode.normalise(typed)?.bytes ?? []
        var found: [Int64] = []
        for step in (here - reach)...(here + reach) where step >= 0 {
            if equalInConstantTime(code(step: step).bytes, wanted) { found.append(step) }
        }
        return found
    }
}
