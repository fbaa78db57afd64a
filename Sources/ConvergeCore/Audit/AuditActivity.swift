/// The two categories of the audit log that the product shares with the system it converges with.
public enum AuditCategory: String, Codable, CaseIterable, Sendable {
    case authenticationMethods = "Authentication Methods"
    case passwordManagement = "Self-service Password Management"
    case signIn = "Sign-in"
    case administration = "Administration"
}

/// Names of what can happen; pages, exports and reports use exactly these.
public enum AuditActivity: String, Codable, CaseIterable, Sendable {
    case startedRegistration = "User started security info registration"
    case registered = "User registered security info"
    case registeredAllRequired = "User registered all required security info"
    case reviewed = "User reviewed security info"
    case postponedCampaign = "User postponed a registration campaign"
    case updated = "User updated security info"
    case deleted = "User deleted security info"
    case changedDefault = "User changed default security info"
    case reportedLost = "User reported a phone as lost"
    case undone = "User undid a change of security info"
    case reportedNotMe = "User reported a change as not theirs"
    case adminRegistered = "Admin registered security info"
    case adminDeleted = "Admin deleted security info"
    case passCreated = "Admin created a Temporary Access Pass"
    case policyUpdated = "Authentication Methods Policy Update"

    case resetProgress = "Self-service password reset flow activity progress"
    case resetPassword = "Reset password (self-service)"
    case resetByAdmin = "Reset password (by admin)"
    case changedPassword = "Change password (self-service)"
    case unlocked = "Unlock user account (self-service)"
    case resetBlocked = "Blocked from self-service password reset"
    case resetRegistered = "User registered for self-service password reset"
    case resetPolicyChanged = "Self-service password reset policy changes"

    case signedIn = "Signed in"
    case signInRefused = "Sign-in refused"
    case challengeAnswered = "Second step answered"
    case challengeSent = "Code sent"
    case deadEndShown = "Dead end shown"
    case interruptsLeftOut = "Interrupts left out"
    case signedOut = "Signed out"
    case sessionsRevoked = "Sessions revoked"
    case fraudReported = "Fraud reported"

    case personAdded = "Person added"
    case personImported = "Person imported"
    case administratorSetUp = "First administrator set up"
    case roleChanged = "Roles changed"
    case blocked = "User blocked"
    case unblocked = "User unblocked"
    case disabled = "Account disabled"
    case enabled = "Account enabled"
    case unlockedByAdmin = "Unlock user account (by admin)"
    /// After a wipe: whoever knows the password may register anew.
    case passwordAloneAllowed = "Registration with the password alone allowed"
    case tokensImported = "Hardware tokens added"
    case tokenAssigned = "Hardware token assigned"
    case tokenReturned = "Hardware token returned"
    case tokenRemoved = "Hardware token removed"
    case keyPrepared = "Sealing key prepared"
    case keyRotated = "Sealing key added"
    case keyRetired = "Sealing key taken away"
    case restored = "Store restored from a backup"

    /// Where the log files it.
    public var category: AuditCategory {
        switch self {
        case .startedRegistration, .registered, .registeredAllRequired, .reviewed, .postponedCampaign, .updated, .deleted, .changedDefault,
            .reportedLost, .undone, .reportedNotMe, .adminRegistered, .adminDeleted, .passCreated, .policyUpdated:
            .authenticationMethods
        case .resetProgress, .resetPassword, .resetByAdmin, .changedPassword, .unlocked, .resetBlocked, .resetRegistered,
            .resetPolicyChanged, .unlockedByAdmin:
            .passwordManagement
        case .signedIn, .signInRefused, .challengeAnswered, .challengeSent, .deadEndShown, .interruptsLeftOut, .signedOut,
            .sessionsRevoked, .fraudReported:
            .signIn
        case .personAdded, .personImported, .administratorSetUp, .roleChanged, .blocked, .unblocked, .disabled, .enabled,
            .passwordAloneAllowed, .tokensImported, .tokenAssigned, .tokenReturned, .tokenRemoved, .keyPrepared, .keyRotated, .keyRetired,
            .restored:
            .administration
        }
    }
}
