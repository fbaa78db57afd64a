import ConvergeCore
import HTTPTypes

/// The page that makes the first administrator, with the one-time code of the command line. Once there is one, it is not there.
enum SetupRoutes {
    static let routes: [Route] = [
        .open(.get, "/setup") { request, instance in
            guard try await isOpen(instance) else { return .page(NotFoundPage(), status: 404) }
            return .page(try await page(Fields(), [], instance))
        },
        .open(.post, "/setup", setUp),
    ]

    private static func isOpen(_ instance: Instance) async throws -> Bool {
        try await instance.database.read { db in try Administration(instance).isSetupOpen(db) }
    }

    private static func page(_ form: Fields, _ errors: [FieldError], _ instance: Instance) async throws -> SetupPage {
        let rules = PasswordChange.rules(try await policy(instance))
        return SetupPage(
            code: form["code"], name: form["name"].trimmingSpaces(), displayName: form["display"].trimmingSpaces(),
            email: form["email"].trimmingSpaces(), rule: rules[0], errors: errors)
    }

    private static func policy(_ instance: Instance) async throws -> PasswordPolicy {
        try await instance.database.read { db in try instance.policyCache.versions(instance.policies, db).current.password }
    }

    private static func setUp(_ request: AnonymousRequest, _ instance: Instance) async throws -> Reply {
        guard try await isOpen(instance) else { return .page(NotFoundPage(), status: 404) }
        let form = request.form
        // Whoever has no code learns nothing about names and passwords, and costs no hashing.
        if let refusal = try await codeRefusal(request, instance) {
            return .page(try await page(form, [FieldError("code", refusal)], instance), status: 422)
        }
        var errors = fieldErrors(form)
        let new = NewPerson(
            name: form["name"].trimmingSpaces(), displayName: form["display"].trimmingSpaces(), roles: [.globalAdministrator],
            email: form["email"].trimmingSpaces())
        let hash: Secret
        switch try await PasswordChange.check(form, for: draft(new, instance), policy: policy(instance), isReset: true, instance) {
        case .failure(let wrong): return .page(try await page(form, errors + wrong.errors, instance), status: 422)
        case .success(let made): hash = made
        }
        guard errors.isEmpty else { return .page(try await page(form, errors, instance), status: 422) }
        let refusal = try await instance.database.write { db in
            try Administration(instance).setUp(new, code: form["code"], hash: hash, ledger: Ledger(instance, db, request: request))
        }
        guard let refusal else { return .redirect("/sign-in?name=\(PercentEncoding.encode(new.name))&notice=set-up") }
        errors.append(FieldError(refusal.code == .nameTaken ? "name" : "code", refusal))
        return .page(try await page(form, errors, instance), status: 422)
    }

    private static func codeRefusal(_ request: AnonymousRequest, _ instance: Instance) async throws -> Refusal? {
        guard !request.form["code"].trimmingSpaces().isEmpty else { return Refusal(.fieldEmpty) }
        return try await instance.database.write { db in
            let budget = Budgets.from(request.network, .setup, instance)
            if let until = try instance.budgets.spend([budget], now: request.now, db) {
                return Refusal(.codeTooMany, until: until)
            }
            guard try !Administration(instance).isSetupCode(request.form["code"], now: request.now, db) else {
                try instance.budgets.clear(budget.key, db)
                return nil
            }
            try Ledger(instance, db, request: request).note(
                .administratorSetUp, nil, success: false, reason: Refusal.Code.setupCodeWrong.rawValue, by: .anonymous)
            return Refusal(.setupCodeWrong)
        }
    }

    private static func fieldErrors(_ form: Fields) -> [FieldError] {
        var errors: [FieldError] = []
        let name = form["name"].trimmingSpaces(), email = form["email"].trimmingSpaces()
        if name.isEmpty {
            errors.append(FieldError("name", Refusal(.fieldEmpty)))
        } else if SignInName(name) == nil {
            errors.append(FieldError("name", heading: Message("setup.error.heading"), message: Message("setup.error.name")))
        }
        if form["display"].trimmingSpaces().isEmpty { errors.append(FieldError("display", Refusal(.fieldEmpty))) }
        if !email.isEmpty, EmailAddress(email) == nil { errors.append(FieldError("email", Refusal(.emailWrong))) }
        return errors
    }

    /// The person to be, for the password rules that look at names.
    private static func draft(_ new: NewPerson, _ instance: Instance) -> PersonRecord {
        PersonRecord(
            person: Person(id: PersonID("new"), roles: new.roles), organisation: instance.organisation, name: new.name,
            displayName: new.displayName, createdAt: instance.world.now())
    }
}
