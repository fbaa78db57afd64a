import ConvergeCore

extension Administration {
    /// One key of the ring, and what it sealed.
    public struct ListedKey: Sendable, Codable, Hashable {
        public let name: String
        /// Whether new values are sealed under it.
        public let sealsNow: Bool
        /// How many values of each table it sealed.
        public let uses: [String: Int]

        public var count: Int { uses.values.reduce(0, +) }
    }

    /// What resealing did.
    public struct Resealed: Sendable, Codable, Hashable {
        public internal(set) var resealed = 0
        /// Values that do not open; they stay as they are.
        public internal(set) var unreadable = 0
    }

    private var sealed: SealedStore { SealedStore(organisation: instance.organisation, keys: instance.keys) }

    /// Every key, the oldest first.
    public func listKeys() async throws -> [ListedKey] {
        let names = instance.keys.names, active = instance.keys.active, usage = try await keyUsage()
        return names.map { name in
            ListedKey(name: name, sealsNow: name == active, uses: usage.compactMapValues { $0[name] })
        }
    }

    /// Values by table and key; nil stands for keys that the ring lacks.
    func keyUsage() async throws -> [String: [String?: Int]] {
        let sealed = self.sealed
        return try await instance.database.read { db in
            try SealedStore.Table.allCases.reduce(into: [:]) { $0[$1.rawValue] = try sealed.usage(of: $1, db) }
        }
    }

    /// Adds a key that seals nothing before `rotateKey`, so that every node gets to know it first.
    public func prepareKey() async throws -> String {
        let name = try instance.keys.prepare(), now = self.now, instance = self.instance
        try await instance.database.write { db in
            try Ledger(instance, db, now: now).note(.keyPrepared, nil, by: .operatorConsole, details: ["key": name])
        }
        return name
    }

    /// Seals under the prepared key from now on, or under a new one, in a running server too; older keys open what they sealed.
    public func rotateKey() async throws -> String {
        let name = try instance.keys.rotate(), now = self.now, instance = self.instance
        try await instance.database.write { db in
            try Ledger(instance, db, now: now).note(.keyRotated, nil, by: .operatorConsole, details: ["key": name])
        }
        return name
    }

    /// Seals everything anew under the active key, a little at a time, beside a running server.
    ///
    /// - Parameter progress: called with the number of values sealed anew so far.
    public func reseal(progress: (Int) -> Void = { _ in }) async throws -> Resealed {
        var done = Resealed()
        let sealed = self.sealed
        for table in SealedStore.Table.allCases {
            var last: String? = ""
            while let after = last {
                let portion = try await instance.database.write { db in try sealed.reseal(table, after: after, limit: 200, db) }
                done.resealed += portion.resealed
                done.unreadable += portion.unreadable
                last = portion.last
                if portion.last != nil { progress(done.resealed) }
            }
        }
        return done
    }

    /// Takes a key away that seals nothing any more.
    public func retireKey(_ name: String) async throws {
        let sealed = self.sealed, now = self.now, instance = self.instance
        // Inside a write nobody else is half-way: what was sealed under the key before is counted. Nothing new is, as it seals no more.
        try await instance.database.write { db in
            guard sealed.keys.names.contains(name) else { throw Problem("There is no key \(name). converge key list shows them all.") }
            guard name != sealed.keys.active else { throw KeyRingError.inUse(name) }
            let count = try SealedStore.Table.allCases.reduce(0) { try $0 + (sealed.usage(of: $1, db)[name] ?? 0) }
            guard count == 0 else {
                throw Problem(
                    "\(count) \(count == 1 ? "value is" : "values are") sealed under \(name). Run converge key reseal first. "
                        + "Nothing was changed.")
            }
        }
        // Not before the count is confirmed, and once; the log tells what was done.
        try sealed.keys.retire(name)
        try await instance.database.write { db in
            try Ledger(instance, db, now: now).note(.keyRetired, nil, by: .operatorConsole, details: ["key": name])
        }
    }
}
