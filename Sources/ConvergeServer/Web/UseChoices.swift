import ConvergeCore

/// How the ways to prove it are named and listed: masked, for they are shown before the proof.
struct UseChoices {
    let dossier: Dossier
    /// Where the choice is posted, as `use`.
    let form: Form
    /// Where "I can't use any of these" leads.
    let stuck: String?

    /// What a use is called before it is proven: last digits, first letters.
    func masked(_ use: CredentialUse) -> CodeSent? {
        if MethodRegistry.traits(of: use.capability).manner == .approval { return .app }
        guard let record = dossier.credential(use.credential), !record.hint.isEmpty else { return nil }
        return use.capability == .emailCode ? .maskedAddress(record.hint) : .numberEnding(record.hint)
    }

    /// One choice for each use. Several apps are one: any of their codes will do.
    func list(_ uses: [CredentialUse]) -> Choices {
        var seen: Set<Capability> = []
        var items = uses.compactMap { use -> Choice? in
            guard ResetMachine.isSent(use.capability) || seen.insert(use.capability).inserted else { return nil }
            return Choice(
                .use(use.capability.rawValue), hint: hint(use), icon: icon(use), .button(name: "use", value: use.formValue))
        }
        if let stuck { items.append(OtherWaysPage.none(stuck)) }
        return Choices(items, form: form)
    }

    private func icon(_ use: CredentialUse) -> String {
        use.capability == .text ? "text" : dossier.standing.credential(use.credential)?.traits.icon ?? "help"
    }

    private func hint(_ use: CredentialUse) -> Message? {
        if use.capability == .recoveryCode, let left = dossier.standing.credential(use.credential)?.remaining {
            return Message("hint.codes-left", ["count": .number(left)])
        }
        return MethodRegistry.traits(of: use.capability).manner == .approval ? nil : masked(use)?.label
    }
}
