extension PolicyDocument {
    /// What a fresh installation begins with: a second step for everyone, two proofs for a reset, one registration for both.
    public static let initial = PolicyDocument(
        mfa: [
            MFARule(name: "Sign-in for everyone", required: true, allow: [.appCode, .text], rememberBrowserDays: 14)
        ],
        reset: [
            ResetRule(
                name: "Password reset", gates: 2, allow: [.appCode, .text, .emailCode], reconfirmDays: 180,
                unlockWithoutReset: true)
        ],
        registration: [
            RegistrationRule(name: "Register once", requireForMFA: true, requireForReset: true)
        ])
}
