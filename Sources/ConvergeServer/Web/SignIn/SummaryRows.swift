import ConvergeCore

/// What a person has, as the wizard's last page and the review list it: full values, after proof.
struct SummaryRows {
    let instance: Instance
    let dossier: Dossier

    /// One row for each credential that people think of as a method of theirs.
    ///
    /// - Parameter confirm: what confirms a value that the directory knows; nil: no such button.
    func rows(confirm: ((CredentialID) -> Target)? = nil) throws -> [MethodRow] {
        let standing = dossier.standing
        let first = standing.usualDefault
        return try dossier.credentials.filter { $0.credential.traits.counted && $0.credential.state != .suspended }.map { record in
            let credential = record.credential, content = try instance.credentials.open(record).content
            var row = MethodRow(icon: credential.traits.icon, title: title(credential))
            row.value = content.phone.map(\.e164).map(PhoneText.shown) ?? content.email?.address ?? content.label
            row.isNumber = content.phone != nil
            if credential.id == first?.credential { row.badges.append(.defaultMethod) }
            row.meta = meta(credential, record)
            if credential.state == .unconfirmed {
                row.badges.append(.unconfirmed)
                if let confirm {
                    row.actions.append(MethodRow.Action(label: Message("part.confirm"), target: confirm(credential.id)))
                }
            }
            return row
        }
    }

    private func title(_ credential: Credential) -> Message {
        credential.verifiedBy == .text ? Message("method.by-text") : .method(credential.method.rawValue)
    }

    private func meta(_ credential: Credential, _ record: CredentialRecord) -> [Message] {
        if let left = credential.remaining { return [Message("hint.codes-left", ["count": .number(left)])] }
        let signIn = dossier.standing.counts(credential, for: .signIn), reset = dossier.standing.counts(credential, for: .reset)
        let use: Message =
            switch (signIn, reset) {
            case (true, true): MethodUse.both
            case (true, false): MethodUse.signIn
            case (false, true): MethodUse.reset
            case (false, false): MethodUse.none
            }
        return [use]
    }
}

/// Numbers as people read them.
enum PhoneText {
    /// International format of an E.164 number, the number itself when it cannot be read.
    static func shown(_ e164: String) -> String {
        PhoneParser.international(e164) ?? e164
    }
}
