import ConvergeCore
import HTTPTypes

/// Making an app password on Security info. Deleting one is deleting a method like any other.
enum AppPasswordRoutes {
    static let path = "/security-info/app-passwords"

    static let routes: [Route] = [
        .recentlyVerified(.get, path) { verified, _ in page(verified.dossier) },
        .recentlyVerified(.post, path, make),
    ]

    private static let longest = 60

    private static func page(_ dossier: Dossier, name: String = "", service: String = "", errors: [FieldError] = []) -> Reply {
        guard dossier.standing.mayMakeAppPasswords else { return .redirect("/security-info") }
        // A form sent twice makes one: it names the state of security info for which it was made.
        let form = Form(path, hidden: ["version": String(dossier.person.securityVersion)])
        let all = AppPasswords.all(of: dossier).count >= AppPassword.traits.limit
        let limit = all ? [FieldError(nil, Refusal(.limitReached, count: AppPassword.traits.limit))] : []
        return .page(
            NewAppPasswordPage(form: form, name: name, service: service, errors: errors + limit), status: errors.isEmpty ? 200 : 422)
    }

    private static func make(_ verified: RecentlyVerifiedRequest, _ instance: Instance) async throws -> Reply {
        let request = verified.request, name = request.form["name"].trimmingSpaces(), service = request.form["service"].trimmingSpaces()
        return try await instance.database.write { db in
            guard let (dossier, _) = try instance.dossier(verified.dossier.person.id, request, db), dossier.standing.mayMakeAppPasswords,
                request.form["version"] == String(dossier.person.securityVersion)
            else { return .redirect("/security-info") }
            let errors = errors("name", name) + errors("service", service)
            guard errors.isEmpty, AppPasswords.all(of: dossier).count < AppPassword.traits.limit else {
                return page(dossier, name: name, service: service, errors: errors)
            }
            let password = try AppPasswords.make(
                name: name, service: service, for: dossier, Ledger(instance, db, request: request))
            return .page(AppPasswordPage(password: password, name: name))
        }
    }

    private static func errors(_ field: String, _ text: String) -> [FieldError] {
        if text.isEmpty { return [FieldError(field, Refusal(.fieldEmpty))] }
        return text.count > longest ? [FieldError(field, Refusal(.fieldTooLong, count: longest))] : []
    }
}
