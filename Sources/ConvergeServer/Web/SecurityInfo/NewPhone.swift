import ConvergeCore
import HTTPTypes

/// Moving to a new phone: each thing on the old one is replaced once the new one is proven, in one transaction, so that nobody is ever
/// without; and within a day it can be taken back.
enum NewPhone {
    static let path = "/security-info/new-phone"
    static let undoPath = "/security-info/undo"

    static let routes: [Route] = [
        .recentlyVerified(.get, path) { verified, instance in .page(try page(verified, instance)) },
        .recentlyVerified(.get, undoPath) { _, _ in .redirect("/security-info") },
        .recentlyVerified(.post, undoPath, undo),
    ]

    private static func page(_ verified: RecentlyVerifiedRequest, _ instance: Instance) throws -> NewPhonePage {
        let list = SecurityInfoList(verified, instance), dossier = verified.dossier
        let rows = try LostPhone.onPhone(dossier).map { record -> MethodRow in
            var row = try list.row(record)
            if dossier.standing.addability(of: record.credential.method, replacing: record.id) == .open {
                let form = Form("/security-info/replace", hidden: ["credential": record.id.text, "return": path])
                row.actions = [MethodRow.Action(label: Message("new-phone.replace"), target: .post(form))]
            }
            return row
        }
        return NewPhonePage(rows: rows, notice: SavedNotice.notice(verified.request))
    }

    /// Takes a replacement back.
    private static func undo(_ verified: RecentlyVerifiedRequest, _ instance: Instance) async throws -> Reply {
        let request = verified.request, id = CredentialID(request.form["credential"]), now = request.now
        return try await instance.database.write { db in
            guard let (dossier, _) = try instance.dossier(verified.dossier.person.id, request, db) else { throw Overtaken() }
            let all = try instance.credentials.undoable(of: dossier.person.id, now: now, db)
            guard let replacement = all.first(where: { $0.old.id == id }) else { return .redirect("/security-info") }
            guard replacement.mayBeUndone(by: try instance.liveSession(verified.signedIn, db), dossier.standing) else {
                return .redirect(SavedNotice.undoUnproven.path("/security-info"))
            }
            let old = replacement.old, new = replacement.new
            guard try instance.people.raiseSecurityVersion(dossier.person, db) else { throw Overtaken() }
            try instance.credentials.undo(old.id, new: new, at: now, db)
            let preference = dossier.person.preference.map { use in
                use.credential == new ? CredentialUse(credential: old.id, capability: use.capability) : use
            }
            try instance.people.setPreference(dossier.person.id, preference, db)
            let ledger = Ledger(instance, db, request: request), kind = old.credential.method
            try ledger.note(.undone, dossier.record, details: ["method": kind.rawValue, "credential": old.id.text])
            guard let (after, _) = try instance.dossier(dossier.person.id, request, db) else { throw Overtaken() }
            try ledger.tell(.methodRestored(kind), after, credential: old.id, except: [old.id])
            return .redirect(SavedNotice.restored(kind).path("/security-info"))
        }
    }
}
