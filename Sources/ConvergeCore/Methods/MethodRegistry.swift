/// The methods that Converge knows, each described by its traits, and those that can be used in this release.
///
/// Planner and policies reason over all of them; a policy may allow only what is implemented.
public enum MethodRegistry {
    /// Every method of the matrix, strongest first.
    public static let all: [MethodTraits] = [
        Passkey.traits, ConvergeApp.traits, TOTPApp.traits, HardwareToken.traits, MobilePhone.traits,
        AlternatePhone.traits, OfficePhone.traits, EmailMethod.traits, SecurityQuestions.traits,
        RecoveryCodes.traits, TemporaryAccessPass.traits, AppPassword.traits,
    ]

    /// Methods a person can register and answer in this release.
    public static let implemented: [any AuthenticationMethod.Type] = [
        Passkey.self, ConvergeApp.self, TOTPApp.self, HardwareToken.self, MobilePhone.self, AlternatePhone.self, OfficePhone.self,
        EmailMethod.self,
        SecurityQuestions.self, RecoveryCodes.self, TemporaryAccessPass.self, AppPassword.self,
    ]

    /// Capabilities that this release can verify.
    public static let implementedCapabilities: Set<Capability> = implemented.reduce(into: []) { $0.formUnion($1.implements) }

    /// The traits of each kind, by its place.
    private static let byKind: [MethodTraits] = MethodKind.allCases.map { kind in all.first { $0.kind == kind }! }

    /// The line of each capability, by its place: that of the strongest method which has it.
    private static let byCapability: [CapabilityTraits] = Capability.allCases.map { capability in
        all.lazy.compactMap { $0.traits(of: capability) }.first!
    }

    /// The traits of a method.
    public static func traits(of kind: MethodKind) -> MethodTraits { byKind[kind.place] }

    /// The line of the table for a capability.
    public static func traits(of capability: Capability) -> CapabilityTraits { byCapability[capability.place] }

    /// The implementation of a method, where this release has one.
    public static func method(_ kind: MethodKind) -> (any AuthenticationMethod.Type)? {
        implemented.first { $0.traits.kind == kind }
    }
}
