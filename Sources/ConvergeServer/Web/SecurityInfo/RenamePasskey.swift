import ConvergeCore

/// Gives a passkey a name, so that its owner can tell it from the others. Nothing else of it changes.
enum RenamePasskey {
    static func path(_ id: CredentialID) -> String { "/security-info/rename/\(id)" }

    private static func find(_ verified: RecentlyVerifiedRequest, _ dossier: Dossier) -> CredentialRecord? {
        dossier.credential(CredentialID(verified.request.parameters["id"] ?? "")).flatMap {
            $0.credential.method == .passkey && $0.credential.state == .active ? $0 : nil
        }
    }

    static func page(_ verified: RecentlyVerifiedRequest, _ instance: Instance) throws -> Reply {
        guard let record = find(verified, verified.dossier) else { return .redirect("/security-info") }
        return .page(RenamePage(form: Form(path(record.id)), name: try instance.credentials.open(record).content.label ?? ""))
    }

    static func run(_ verified: RecentlyVerifiedRequest, _ instance: Instance) async throws -> Reply {
        let request = verified.request, name = request.form["name"].trimmingSpaces()
        return try await instance.database.write { db in
            guard let (dossier, _) = try instance.dossier(verified.dossier.person.id, request, db), let record = find(verified, dossier)
            else { return .redirect("/security-info") }
            let refusal: Refusal? =
                name.isEmpty
                ? Refusal(.fieldEmpty) : name.count > Passkey.nameLength ? Refusal(.nameTooLong, count: Passkey.nameLength) : nil
            if let refusal {
                return .page(RenamePage(form: Form(path(record.id)), name: name, errors: [FieldError("name", refusal)]), status: 422)
            }
            var content = try instance.credentials.open(record).content
            content.label = name
            guard try instance.people.raiseSecurityVersion(dossier.person, db), try instance.credentials.setContent(content, of: record, db)
            else { throw Overtaken() }
            try Ledger(instance, db, request: request).note(
                .updated, dossier.record, details: ["method": MethodKind.passkey.rawValue, "credential": record.id.text, "what": "name"])
            return .redirect(SavedNotice.renamed.path("/security-info"))
        }
    }
}
