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

    /// What is wrong with a row; nil: with the whole file.
    private struct RowProblem: Sendable {
        let row: Int
        let text: String
    }

    /// Thrown to undo a rehearsal.
    private struct Rehearsed: Error {
        let problems: [RowProblem]
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
        try Self.refuse(problems)
        let passwords = try await hashes(rows.count, progress: progress)
        let now = self.now
        try await instance.database.write { db in
            let late = zip(rows, passwords).compactMap { row, password in problem(of: row, hash: password.hash, now, db) }
            // Thrown inside the transaction: nothing stays.
            try Self.refuse(late)
        }
        return zip(rows, passwords).map { Imported(name: $0.new.name, password: $1.password) }
    }

    private static func refuse(_ problems: [RowProblem]) throws {
        guard !problems.isEmpty else { return }
        let lines = problems.sorted { $0.row < $1.row }.map { "Row \($0.row): \($0.text)" }
        throw Problem((lines + ["Nobody was added."]).joined(separator: "\n"))
    }

    // MARK: reading

    private static let columns = ["name", "displayName", "kind", "roles", "groups", "mobile", "email", "officePhone"]

    private static func rows(_ bytes: [UInt8]) throws -> ([ImportRow], [RowProblem]) {
        let rows: [CSVRow]
        do {
            rows = try CSV.read(bytes, allowsUneven: true)
        } catch {
            throw Problem("Row \(error.row), column \(error.column): the file is not CSV (\(error.kind.rawValue)). Nobody was added.")
        }
        guard let header = rows.first?.fields.map({ $0.trimmingSpaces() }) else { throw Problem("The file is empty.") }
        try check(header)
        var read: [ImportRow] = [], problems: [RowProblem] = []
        for row in rows.dropFirst() {
            guard row.fields.count == header.count else {
                problems.append(RowProblem(row: row.number, text: "\(row.fields.count) fields instead of \(header.count)."))
                continue
            }
            let values = Dictionary(zip(header, row.fields.map { CSV.unguarded($0).trimmingSpaces() }), uniquingKeysWith: { $1 })
            do {
                read.append(ImportRow(number: row.number, new: try person(values)))
            } catch let problem as Problem {
                problems.append(RowProblem(row: row.number, text: problem.description))
            }
        }
        return (read, problems)
    }

    private static func check(_ header: [String]) throws {
        for column in header where !columns.contains(column) {
            let near = Nearest.nearest(to: column, in: columns).map { " Did you mean “\($0)”?" } ?? ""
            throw Problem("There is no column “\(column)”.\(near) Nobody was added.")
        }
        guard Set(header).count == header.count else { throw Problem("A column stands there twice. Nobody was added.") }
        guard header.contains("name") else { throw Problem("The column “name” is missing. Nobody was added.") }
    }

    private static func person(_ values: [String: String]) throws -> NewPerson {
        let kind = values["kind"] ?? ""
        guard kind.isEmpty || PersonKind(rawValue: kind) != nil else { throw Problem("kind is member or guest, not “\(kind)”.") }
        let roles = try list(values["roles"]).map { text in
            guard let role = Role(rawValue: text) else {
                throw Problem("“\(text)” is not a role. Roles: \(Role.allCases.map(\.rawValue).joined(separator: ", ")).")
            }
            return role
        }
        return NewPerson(
            name: values["name"] ?? "", displayName: values["displayName"] ?? "", kind: PersonKind(rawValue: kind) ?? .member,
            roles: Set(roles), groups: list(values["groups"]), mobile: values["mobile"], email: values["email"],
            officePhone: values["officePhone"])
    }

    private static func list(_ text: String?) -> [String] {
        (text ?? "").split(separator: ";").map { $0.trimmingSpaces() }.filter { !$0.isEmpty }
    }

    // MARK: adding

    /// Adds everybody and takes it back, to find what is wrong.
    private func rehearse(_ rows: [ImportRow]) async throws -> [RowProblem] {
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
    private func problem(of row: ImportRow, hash: Secret, _ now: Moment, _ db: any Connection) -> RowProblem? {
        do {
            try insert(row.new, hash: hash, mustChange: true, now: now, as: .personImported, db)
            return nil
        } catch {
            return RowProblem(row: row.number, text: "\(error)")
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
