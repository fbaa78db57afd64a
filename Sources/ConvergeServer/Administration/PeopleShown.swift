public import ConvergeCore

extension Administration {
    /// What lists and `show` tell of a person. No secrets, contact data masked.
    public struct Listed: Sendable, Codable, Hashable {
        public struct Method: Sendable, Codable, Hashable {
            public let method: MethodKind
            public let state: CredentialState
            public let source: CredentialSource
            public let hint: String
            public let countsFor: [String]
        }

        public let name: String
        public let displayName: String
        public let kind: PersonKind
        public let state: PersonState
        public let roles: [Role]
        public let groups: [String]
        public let methods: [Method]
        public let mfaState: MFAState
        /// Until when wrong passwords keep strangers, or a known browser, from trying again.
        public var lockedUntil: String?
        /// Why the account is blocked.
        public var blockedBecause: String?
    }

    /// Everybody, in the order of names, a page at a time: the list needs no memory however long it is.
    public func list(each: ([Listed]) throws -> Void) async throws {
        var walk = PeopleWalk(instance), folds = PolicyFolds(try await versions())
        let names = try await groupNames()
        while let page = try await walk.next() {
            try each(
                page.map { walked in
                    let policy = try folds.fold(for: walked.person).policy
                    let standing = Standing(person: walked.person, credentials: walked.credentials, policy: policy)
                    return Self.listed(
                        walked.name, walked.displayName, Array(zip(walked.credentials, walked.hints)), standing, names)
                })
        }
    }

    /// One person.
    public func show(_ name: String) async throws -> Listed {
        let instance = self.instance, now = self.now
        return try await instance.database.read { db in
            let record = try person(name, db), dossier = try instance.dossier(record, knownBrowser: true, now: now, db)
            var listed = Self.listed(
                record.name, record.displayName, dossier.credentials.map { ($0.credential, $0.hint) }, dossier.standing,
                try instance.groups.names(db))
            listed.lockedUntil = try locks(record, now, db).max()?.iso
            if record.person.state == .blocked { listed.blockedBecause = try lastBlock(record.id, db)?.event.details["reason"] }
            return listed
        }
    }

    /// Until when each of a person's password locks is closed.
    private func locks(_ record: PersonRecord, _ now: Moment, _ db: any Connection) throws -> [Moment] {
        try [true, false].compactMap { known in
            try instance.passwordLocks.lockedUntil(PasswordDoor.lockKey(record.id.text, known: known), now: now, db)
        }
    }

    private func lastBlock(_ person: PersonID, _ db: any Connection) throws -> AuditRecord? {
        var filter = AuditFilter(limit: 1)
        filter.person = person
        filter.activity = .blocked
        return try instance.audit.find(filter, db).first
    }

    private static func listed(
        _ name: String, _ displayName: String, _ credentials: [(Credential, hint: String)], _ standing: Standing,
        _ groups: [GroupID: String]
    ) -> Listed {
        let person = standing.person
        return Listed(
            name: name, displayName: displayName, kind: person.kind, state: person.state,
            roles: person.roles.sorted { $0.rawValue < $1.rawValue }, groups: person.groups.compactMap { groups[$0] }.sorted(),
            methods: credentials.map { credential, hint in
                let counts = [Purpose.signIn, .reset].filter { standing.counts(credential, for: $0) }
                return .init(
                    method: credential.method, state: credential.state, source: credential.source, hint: hint,
                    countsFor: counts.map(\.rawValue))
            }, mfaState: person.mfaState)
    }
}
