import ConvergeCore

extension Administration {
    /// Puts the tokens of a CSV file into the inventory, all of them or none.
    ///
    /// - Returns: how many.
    public func importTokens(csv bytes: [UInt8]) async throws -> Int {
        let table = try CSVTable(bytes, columns: TokenRow.columns, required: TokenRow.required, nothing: TokenRow.nothing)
        let now = self.now, instance = self.instance
        return try await instance.database.write { db in
            var problems = table.problems
            for row in table.rows {
                do {
                    try insert(try TokenRow(row, id: instance.world.newToken(bytes: 16)), now, db)
                } catch let problem as Problem {
                    problems.append(.init(row: row.number, text: problem.description))
                }
            }
            // Thrown inside the transaction: nothing stays.
            try CSVTable.refuse(problems, nothing: TokenRow.nothing)
            try Ledger(instance, db, now: now).note(
                .tokensImported, nil, by: .operatorConsole, details: ["count": String(table.rows.count)])
            return table.rows.count
        }
    }

    private func insert(_ row: TokenRow, _ now: Moment, _ db: any Connection) throws {
        let owner = try row.person.isEmpty ? nil : person(row.person, db).id
        guard try instance.tokens.insert(row.token, manufacturer: row.manufacturer, model: row.model, for: owner, at: now, db) else {
            throw Problem("The serial number \(row.token.serial) is in the inventory already.")
        }
    }

    /// The inventory in the order of serial numbers, page by page.
    public func listTokens(_ page: ([ListedToken]) throws -> Void) async throws {
        var last = ""
        while true {
            let tokens = try await instance.database.read { [instance, last] db in try instance.tokens.list(after: last, limit: 500, db) }
            guard let end = tokens.last else { return }
            try page(tokens)
            last = end.serial
        }
    }

    /// Keeps a token for somebody, who activates it with a code.
    public func assignToken(_ serial: String, to name: String) async throws {
        try await changeToken(serial) { token, ledger in
            let record = try person(name, ledger.db)
            guard token.credential == nil else { throw Self.isInUse(token.token) }
            _ = try instance.tokens.assign(serial: serial, to: record.id, ledger.db)
            // Whoever gets it now has all their tries.
            try instance.budgets.clear(Budgets.tokenTries(serial, keptFor: record.id, instance), ledger.db)
            try ledger.note(.tokenAssigned, record, by: .operatorConsole, details: ["serial": token.token.serial])
        }
    }

    /// Brings a token back into the inventory: out of use, assigned to nobody. Its owner is told.
    public func returnToken(_ serial: String) async throws {
        try await changeToken(serial) { token, ledger in
            let owner = try token.person.flatMap { try instance.dossier($0, knownBrowser: true, now: ledger.now, ledger.db) }
            if let id = token.credential, let owner {
                guard try instance.people.raiseSecurityVersion(owner.person, ledger.db) else {
                    throw Problem("Somebody else changed this person just now. Try again.")
                }
                try instance.credentials.retire(id, reason: "returned", replacedBy: nil, at: ledger.now, ledger.db)
                try ledger.note(
                    .adminDeleted, owner.record, by: .operatorConsole, details: ["method": MethodKind.hardwareToken.rawValue])
                try ledger.tell(.methodRemoved(.hardwareToken), owner, gone: [id])
            }
            _ = try instance.tokens.assign(serial: serial, to: nil, ledger.db)
            try ledger.note(.tokenReturned, owner?.record, by: .operatorConsole, details: ["serial": token.token.serial])
        }
    }

    /// Takes a token out of the inventory for good.
    public func removeToken(_ serial: String) async throws {
        try await changeToken(serial) { token, ledger in
            guard token.credential == nil else { throw Self.isInUse(token.token) }
            _ = try instance.tokens.remove(serial: serial, ledger.db)
            try ledger.note(.tokenRemoved, nil, by: .operatorConsole, details: ["serial": token.token.serial])
        }
    }

    private static func isInUse(_ token: ListedToken) -> Problem {
        Problem("\(token.serial) is in use by \(token.person ?? "somebody"). Bring it back first: converge token return \(token.serial)")
    }

    private typealias FoundToken = (token: ListedToken, credential: CredentialID?, person: PersonID?)

    private func changeToken(_ serial: String, _ body: @escaping @Sendable (FoundToken, Ledger) throws -> Void) async throws {
        let now = self.now, instance = self.instance
        try await instance.database.write { db in
            guard let found = try instance.tokens.find(serial: serial, db) else {
                throw Problem("There is no token with the serial number \(serial).")
            }
            try body(found, Ledger(instance, db, now: now))
        }
    }
}
