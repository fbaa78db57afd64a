public import ConvergeCore

extension Administration {
    /// What lets somebody in whose methods were removed.
    public enum AfterWipe: Sendable {
        /// An access pass, made in the same action.
        case pass(PassOrder)
        /// Something that was not touched.
        case whatIsLeft
        /// The password alone: the person begins anew, and so does whoever knows the password. Logged.
        case passwordAlone
    }

    /// What a wipe did.
    public struct Wiped: Sendable {
        public let removed: [MethodKind]
        public let pass: MadePass?
    }

    /// Removes methods of a person, ends every session, and says what lets the person in again: all of it or nothing.
    ///
    /// That the person once held something is forgotten only with the password alone: otherwise a wipe would let whoever knows
    /// the password register.
    ///
    /// - Parameters:
    ///   - kinds: nil: everything but what the directory knows.
    ///   - reason: for the audit log.
    public func wipe(_ name: String, _ kinds: Set<MethodKind>?, then after: AfterWipe, reason: String? = nil) async throws -> Wiped {
        let prepared: PreparedPass? = if case .pass(let order) = after { try prepare(order) } else { nil }
        let removed = try await change(name) { change in
            let going = try self.going(kinds, after, change.dossier)
            let gone = Set(going.map(\.id))
            try check(after, going: going, left: change.dossier.credentials.filter { !gone.contains($0.id) }, change.record)
            try remove(going, reason, change)
            try endEverything(change.record, change.ledger)
            try letIn(after, prepared, reason, change)
            try tell(going, prepared, change)
            return Array(Set(going.map(\.credential.method))).sorted { $0.rawValue < $1.rawValue }
        }
        return Wiped(removed: removed, pass: prepared?.made)
    }

    private func going(_ kinds: Set<MethodKind>?, _ after: AfterWipe, _ dossier: Dossier) throws -> [CredentialRecord] {
        let going = dossier.credentials.filter { entry in
            kinds?.contains(entry.credential.method) ?? (entry.credential.state != .unconfirmed)
        }
        let missing = (kinds ?? []).subtracting(going.map(\.credential.method))
        guard missing.isEmpty else {
            let has = Set(dossier.credentials.map(\.credential.method.rawValue)).sorted().joined(separator: ", ")
            throw Problem(
                "\(dossier.record.name) has no \(missing.map(\.rawValue).sorted().joined(separator: ", ")). "
                    + (has.isEmpty ? "Nothing is registered." : "Registered: \(has)."))
        }
        // With nothing to remove, the tick alone still means something; everything else has a command of its own.
        if going.isEmpty, case .passwordAlone = after { return [] }
        guard !going.isEmpty else {
            throw Problem("\(dossier.record.name) has nothing that could be removed. A pass alone: converge user pass")
        }
        return going
    }

    private func check(
        _ after: AfterWipe, going: [CredentialRecord], left: [CredentialRecord], _ record: PersonRecord
    ) throws {
        let held = left.filter { [.active, .suspended].contains($0.credential.state) && $0.credential.traits.canProve }
        let names = Set(held.map(\.credential.method.rawValue)).sorted().joined(separator: ", ")
        switch after {
        case .pass: return
        case .whatIsLeft:
            // Taking away a pass, which nobody holds, changes nothing of how somebody gets in otherwise.
            guard held.contains(where: { $0.credential.state == .active }) || going.allSatisfy({ !$0.credential.traits.counted }) else {
                throw Problem("Nothing would be left that could let \(record.name) in. Leave --no-pass out, and a pass is made.")
            }
        case .passwordAlone:
            guard held.isEmpty else {
                throw Problem(
                    "\(record.name) would still have \(names). The password alone is for somebody who has nothing left: use --all.")
            }
        }
    }

    private func remove(_ going: [CredentialRecord], _ reason: String?, _ change: Change) throws {
        let ledger = change.ledger, person = change.dossier.person, gone = Set(going.map(\.id))
        for entry in going {
            try instance.credentials.retire(entry.id, reason: "wiped", replacedBy: nil, at: ledger.now, ledger.db)
            var details = ["method": entry.credential.method.rawValue, "hint": entry.hint]
            details["reason"] = reason
            try ledger.note(.adminDeleted, change.record, by: .operatorConsole, details: details)
        }
        let preference = person.preference.filter { !gone.contains($0.credential) }
        if preference != person.preference { try instance.people.setPreference(person.id, preference, ledger.db) }
    }

    private func letIn(_ after: AfterWipe, _ prepared: PreparedPass?, _ reason: String?, _ change: Change) throws {
        if let prepared { try store(prepared, change.dossier, change.ledger) }
        guard case .passwordAlone = after else { return }
        try instance.people.clearHeld(change.record.id, everything: true, change.ledger.db)
        var details: [String: String] = [:]
        details["reason"] = reason
        try change.ledger.note(.passwordAloneAllowed, change.record, by: .operatorConsole, details: details)
    }

    /// Everybody who could be told of before is told of the removal; of the pass only what is left.
    private func tell(_ going: [CredentialRecord], _ prepared: PreparedPass?, _ change: Change) throws {
        let ledger = change.ledger, kinds = Set(going.map(\.credential.method)).subtracting([.temporaryAccessPass])
        let gone = Set(going.map(\.id))
        if let kind = kinds.first {
            try ledger.tell(kinds.count == 1 ? .methodRemoved(kind) : .wiped, change.dossier, gone: gone)
            try ledger.tellAdministrators(.wiped, about: change.dossier)
        }
        guard prepared != nil else { return }
        try ledger.tell(.accessPassMade, change.dossier, except: gone)
        if kinds.isEmpty { try ledger.tellAdministrators(.passMade, about: change.dossier) }
    }
}
