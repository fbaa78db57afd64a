import ConvergeCore

/// Groups of people, nested without circles, with effective membership kept ready.
struct GroupStore: Sendable {
    let organisation: OrganisationID

    /// The group with a name, made when there is none.
    func ensure(_ name: String, id: GroupID, _ db: any Connection) throws -> GroupID {
        try db.execute(
            """
            INSERT INTO person_group (id, organisation_id, name) VALUES (\(id), \(organisation), \(name))
            ON CONFLICT (organisation_id, name) DO NOTHING
            """)
        guard let found = try find(name, db) else { throw Fault("a group vanished while it was made") }
        return found
    }

    func find(_ name: String, _ db: any Connection) throws -> GroupID? {
        try db.row("SELECT id FROM person_group WHERE organisation_id = \(organisation) AND name = \(name)")?
            .id("id", as: GroupSubject.self)
    }

    /// Names of every group by id.
    func names(_ db: any Connection) throws -> [GroupID: String] {
        try db.rows("SELECT id, name FROM person_group WHERE organisation_id = \(organisation)")
            .reduce(into: [:]) { $0[try $1.id("id", as: GroupSubject.self)] = try $1.text("name") }
    }

    /// Puts a group into another. A circle is refused.
    ///
    /// - Returns: false when the parent already is inside the group.
    func nest(_ group: GroupID, in parent: GroupID, _ db: any Connection) throws -> Bool {
        guard group != parent, try !ancestors(of: parent, db).keys.contains(group) else { return false }
        try db.execute(
            "INSERT INTO group_parent (group_id, parent_id) VALUES (\(group), \(parent)) ON CONFLICT DO NOTHING")
        let members = try db.rows(
            "SELECT DISTINCT person_id FROM effective_membership WHERE group_id = \(group)"
        ).map { try $0.id("person_id", as: PersonSubject.self) }
        for member in members { try refresh(member, db) }
        return true
    }

    func add(_ person: PersonID, to group: GroupID, _ db: any Connection) throws {
        try db.execute(
            "INSERT INTO group_member (group_id, person_id) VALUES (\(group), \(person)) ON CONFLICT DO NOTHING")
        try refresh(person, db)
    }

    /// Writes a person's effective membership anew, each with the path by which it came.
    private func refresh(_ person: PersonID, _ db: any Connection) throws {
        var paths: [GroupID: String] = [:]
        for row in try db.rows("SELECT group_id FROM group_member WHERE person_id = \(person)") {
            let group = try row.id("group_id", as: GroupSubject.self)
            paths[group] = group.text
            for (ancestor, path) in try ancestors(of: group, db) where paths[ancestor] == nil { paths[ancestor] = path }
        }
        try db.execute("DELETE FROM effective_membership WHERE person_id = \(person)")
        for (group, path) in paths.sorted(by: { $0.key < $1.key }) {
            try db.execute(
                "INSERT INTO effective_membership (person_id, group_id, path) VALUES (\(person), \(group), \(path))")
        }
    }

    private func ancestors(of group: GroupID, _ db: any Connection) throws -> [GroupID: String] {
        var found: [GroupID: String] = [:], queue = [(group, group.text)]
        while let (next, path) = queue.popLast() {
            for row in try db.rows("SELECT parent_id FROM group_parent WHERE group_id = \(next)") {
                let parent = try row.id("parent_id", as: GroupSubject.self)
                guard found[parent] == nil else { continue }
                found[parent] = "\(path)>\(parent)"
                queue.append((parent, "\(path)>\(parent)"))
            }
        }
        return found
    }
}
