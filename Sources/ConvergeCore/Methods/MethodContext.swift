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
