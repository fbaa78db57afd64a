public import ConvergeCore

extension Administration {
    /// A person that an import added, with the first password.
    public struct Imported: Sendable {
        public let name: String
        public let password: Secret
    }

    /// One row of a file that could be read as a person.
    private struct ImportRow: Sendable {
        let number: Int
        let new: NewPerson
    }

    /// Thrown to undo a rehearsal.
    private struct Rehearsed: Error {
        let problems: [CSVTable.Problem]
    }

    /// Adds everybody of a CSV file, or nobody: every broken row is told by its number.
    ///
    /// The whole file is rehearsed before any password is hashed, because that takes its time.
    ///
    /// - Parameter progress: called now and then with how many passwords are hashed, of how many.
    public func importPeople(
        csv bytes: [UInt8], progress: @Sendable (_ done: Int, _ all: Int) -> Void = { _, _ in }
    ) async throws -> [Imported] {
        let (rows, broken) = try Self.rows(bytes)
        let problems = broken + (try await rehearse(rows))
        try CSVTable.refuse(problems, nothing: Self.nothing)
        let passwords = try await hashes(rows.count, progress: progress)
        let now = self.now
        try await instance.database.write { db in
            let late = zip(rows, passwords).compactMap { row, password in problem(of: row, hash: password.hash, now, db) }
            // Thrown inside the transaction: nothing stays.
            try CSVTable.refuse(late, nothing: Self.nothing)
        }
        return zip(rows, passwords).map { Imported(name: $0.new.name, password: $1.password) }
    }

    private static let nothing = "Nobody was added."

    // MARK: reading

    private static func rows(_ bytes: [UInt8]) throws -> ([ImportRow], [CSVTable.Problem]) {
        let table = try CSVTable(bytes, columns: NewPerson.columns, required: ["name"], nothing: nothing)
        var read: [ImportRow] = [], problems = table.problems
        for row in table.rows {
            do {
                read.append(ImportRow(number: row.number, new: try NewPerson(row)))
            } catch {
                problems.append(.init(row: row.number, text: error.description))
            }
        }
        return (read, problems)
    }

    // MARK: adding

    /// Adds everybody and takes it back, to find what is wrong.
    private func rehearse(_ rows: [ImportRow]) async throws -> [CSVTable.Problem] {
        let now = self.now
        do {
            return try await instance.database.write { db in
                throw Rehearsed(problems: rows.compactMap { problem(of: $0, hash: Secret("rehearsed"), now, db) })
            }
        } catch let rehearsed as Rehearsed {
            return rehearsed.problems
        }
    }

    /// Adds the person of a row; what is wrong with it, if anything.
    private func problem(of row: ImportRow, hash: Secret, _ now: Moment, _ db: any Connection) -> CSVTable.Problem? {
        do {
            try insert(row.new, hash: hash, mustChange: true, now: now, as: .personImported, db)
            // What is wrong is wrong with this row.
            try db.settle()
            return nil
        } catch {
            return CSVTable.Problem(row: row.number, text: "\(error)")
        }
    }

    /// Passwords with their hashes, as many at once as there are threads for it.
    private func hashes(_ count: Int, progress: (Int, Int) -> Void) async throws -> [(password: Secret, hash: Secret)] {
        let door = PasswordDoor(instance: instance), width = max(1, instance.config.passwords.workers)
        let passwords = (0..<count).map { _ in Self.generatedPassword(instance) }
        var hashed: [(password: Secret, hash: Secret)] = []
        while hashed.count < count {
            let part = passwords[hashed.count..<min(count, hashed.count + width)]
            let hashes = try await withThrowingTaskGroup(of: (Int, Secret).self) { group in
                for (position, password) in zip(part.indices, part) { group.addTask { (position, try await door.hash(password)) } }
                return try await group.reduce(into: [Int: Secret]()) { $0[$1.0] = $1.1 }
            }
            for position in part.indices { hashed.append((passwords[position], hashes[position] ?? Secret(""))) }
            progress(hashed.count, count)
        }
        return hashed
    }
}
