/// A second number, called when the first phone is gone. It comes after a mobile phone, and on the Security info page only.
public enum AlternatePhone: CalledMethod {
    public static let traits = MethodTraits(
        .alternatePhone, icon: "call",
        capabilities: [
            CapabilityTraits(
                .alternateCall, .answeredCall, signIn: .counts, reset: .counts, change: .counts,
                conditions: [.reset: [.resetSetting(.alternatePhone)]])
        ],
        group: .phone, strength: 5, change: .owner, needsFirst: .mobilePhone)

    static let kind = MethodKind.alternatePhone
    static let capability = Capability.alternateCall
    static let takesExtension = false
}
