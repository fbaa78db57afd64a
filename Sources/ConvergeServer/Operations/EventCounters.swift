import ConvergeCore

extension Metrics {
    /// Counts an event of the audit log, once it is committed.
    func count(_ event: AuditEvent) {
        switch event.activity {
        case .signedIn: count(.signIns, "signed-in")
        case .signInRefused: count(.signIns, Self.reason(event))
        case .deadEndShown: count(.signIns, "dead-end")
        case .challengeAnswered: countChallenge(event)
        case .resetProgress where event.details["step"]?.hasPrefix("gate ") == true && event.details["capability"] != nil:
            countChallenge(event)
        case .resetPassword: count(.resets, event.success ? "reset" : Self.reason(event))
        case .unlocked: count(.resets, "unlocked")
        case .resetBlocked: count(.resets, "blocked")
        // Stopped for good: it has a code by which the helpdesk finds it.
        case .resetProgress where event.caseCode != nil: count(.resets, Self.reason(event))
        case .resetByAdmin: count(.resets, "by-administrator")
        default: break
        }
    }

    private func countChallenge(_ event: AuditEvent) {
        let capability = event.details["capability"].flatMap { Capability(rawValue: $0) }?.rawValue ?? "other"
        count(.challenges, capability, event.success ? "right" : Self.reason(event))
    }

    /// The reason as a label: one of the refusals' codes, never a text that somebody typed.
    private static func reason(_ event: AuditEvent) -> String {
        guard let reason = event.reason else { return "refused" }
        if let code = Refusal.Code(rawValue: reason) { return code.rawValue }
        return reason == PersonState.disabled.rawValue ? reason : "other"
    }
}
