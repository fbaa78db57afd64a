/// What a credential can do. A credential may have several: one phone can take texts and calls.
public enum Capability: String, CaseIterable, Placed, Codable, Sendable, Comparable, CodingKeyRepresentable {
    case appNotification, appCode, hardwareCode, text, call, alternateCall, officeCall, emailCode
    case securityQuestions, passkey, recoveryCode, temporaryAccessPass, appPassword

    public static func < (left: Self, right: Self) -> Bool { left.place < right.place }
    public func hash(into hasher: inout Hasher) { hasher.combine(place) }
}

/// What a proof is for.
public enum Purpose: String, CaseIterable, Placed, Codable, Sendable {
    /// The second step of a sign-in (MFA).
    case signIn
    /// A gate of a self-service password reset (SSPR).
    case reset
    /// Opening or altering security info.
    case change

    public func hash(into hasher: inout Hasher) { hasher.combine(place) }
}

/// A kind of credential.
public enum MethodKind: String, CaseIterable, Placed, Codable, Sendable {
    /// The Converge app: push and code from one registration.
    case convergeApp
    /// Any other authenticator app (OATH TOTP).
    case totpApp
    case hardwareToken, passkey, mobilePhone, alternatePhone, officePhone, email, securityQuestions
    case recoveryCodes, temporaryAccessPass, appPassword

    public func hash(into hasher: inout Hasher) { hasher.combine(place) }
}

/// Gates of a reset are counted in groups: two credentials of one group are one gate.
public enum GateGroup: String, CaseIterable, Placed, Codable, Sendable {
    case app, phone, office, email, questions, token
    /// Gates only where a setting of the reset policy makes them one.
    case passkey, recovery

    public func hash(into hasher: inout Hasher) { hasher.combine(place) }
}

/// A credential together with one thing it can do: what is offered, chosen, proven and preferred.
public struct CredentialUse: Hashable, Codable, Sendable {
    public let credential: CredentialID
    public let capability: Capability

    public init(credential: CredentialID, capability: Capability) {
        self.credential = credential
        self.capability = capability
    }
}
