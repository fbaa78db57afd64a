import ConvergeCore
import HTTPTypes

/// The first administrator: made with a one-time code that the command line printed.
enum SetupRoutes {
    static let routes: [Route] = [
        .open(.get, "/setup") { _, instance in
            guard try await isOpen(instance) else { return .page(NotFoundPage(), status: 404) }
            return .page(page(instance, Fields(), errors: []))
        },
        .open(.post, "/setup", setUp),
    ]

    private static let guesses = BudgetRule(limit: 10, window: .hours(1))

    /// There is no global administrator yet.
    private static func isOpen(_ instance: Instance) async throws -> Bool {
        try await instance.database.read { db in
            try instance.people.administrators(db).allSatisfy { !$0.person.roles.contains(.globalAdministrator) }
        }
    }

    private static func page(_ instance: Instance, _ form: Fields, errors: [FieldError]) -> SetupPage {
        SetupPage(
            name: form["name"], displayName: form["display"], email: form["email"],
            rule: PasswordChange.rules(PolicyDocument.initial.password)[0], errors: errors)
    }

    private static func setUp(_ request: AnonymousRequest, _ instance: Instance) async throws -> Reply {
        guard try await isOpen(instance) else { return .page(NotFoundPage(), status: 404) }
        let form = request.form
        if let until = try await instance.database.write({ db in
            try instance.budgets.spend("setup:" + instance.keyed(request.network, "budget"), guesses, now: request.now, db)
        }) {
            return .page(TooManyPage(until: until, again: "/setup"), status: 429)
        }
        let checked = try await check(form, instance)
        guard case .success(let hash) = checked else {
            if case .failure(let wrong) = checked { return .page(page(instance, form, errors: wrong.errors), status: 422) }
            throw Fault("unreachable")
        }
        let spent = try await instance.database.write { db -> Bool in
            let code = ReadableCode.normalise(form["code"]) ?? ""
            let won = try db.rows(
                """
                UPDATE admin_code SET used_ms = \(request.now)
                WHERE hash = \(instance.keyed("setup:" + code, "setup")) AND used_ms IS NULL AND expires_ms > \(request.now) RETURNING hash
                """)
            guard !won.isEmpty else { return false }
            let new = Administration.NewPerson(
                name: form["name"], displayName: form["display"], roles: [.globalAdministrator],
                email: form["email"].trimmingSpaces().isEmpty ? nil : form["email"])
            try Administration(instance).insert(new, hash: hash, mustChange: false, now: request.now, db)
            try Ledger(instance, db, request: request).note(
                .administratorSetUp, instance.people.find(nameKey: SignInName(form["name"])?.normalised ?? "", db))
            return true
        }
        guard spent else { return .page(page(instance, form, errors: [FieldError("code", Refusal(.setupCodeWrong))]), status: 422) }
        return .redirect("/sign-in?name=" + PercentEncoding.encode(form["name"]))
    }

    /// Everything that is wrong with what was typed, or the password's hash.
    private static func check(_ form: Fields, _ instance: Instance) async throws -> Result<Secret, PasswordChange.Wrong> {
        var errors: [FieldError] = []
        if form["code"].trimmingSpaces().isEmpty { errors.append(FieldError("code", Refusal(.fieldEmpty))) }
        let name = SignInName(form["name"])
        if name == nil { errors.append(FieldError("name", Refusal(.fieldEmpty))) }
        if !form["email"].trimmingSpaces().isEmpty, EmailAddress(form["email"]) == nil { errors.append(FieldError("email", Refusal(.emailWrong))) }
        if let name, try await instance.database.read({ db in try instance.people.find(nameKey: name.normalised, db) }) != nil {
            errors.append(FieldError("name", Refusal(.nameTaken)))
        }
        let nobody = PersonRecord(
            person: Person(id: PersonID("")), organisation: instance.organisation, name: form["name"], displayName: form["display"],
            createdAt: Moment(ms: 0))
        let checked = try await PasswordChange.check(form, for: nobody, policy: PolicyDocument.initial.password, isReset: true, instance)
        if case .failure(let wrong) = checked { errors += wrong.errors }
        return errors.isEmpty ? checked : .failure(PasswordChange.Wrong(errors: errors))
    }
}
