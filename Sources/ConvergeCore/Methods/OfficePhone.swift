/// The desk phone that the directory knows: it counts once a call to it was answered.
public enum OfficePhone: CalledMethod {
    public static let traits = MethodTraits(
        .officePhone, icon: "office",
        capabilities: [
            CapabilityTraits(.officeCall, .answeredCall, signIn: .counts, reset: .counts, change: .counts, offeredUnconfirmed: true)
        ],
        group: .office, strength: 6, add: .administrator, change: .administrator, delete: .administrator, inWizard: true,
        needsDirectoryValue: true)

    static let kind = MethodKind.officePhone
    static let capability = Capability.officeCall
    static let takesExtension = true
}
