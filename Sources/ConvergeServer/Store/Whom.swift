public import ConvergeCore

/// A person as a statement finds them: by their id, or by something whose owner only the store knows. What is asked about the owner of a
/// session goes to the store together with the question whose session it is.
public struct Whom: Sendable {
    /// The id, as an expression of SQL; of nobody's it is empty.
    let id: SQL

    public static func person(_ id: PersonID) -> Whom { Whom(id: "\(id)") }

    /// Whoever a session belongs to, over or not.
    public static func holder(ofSession secretHash: String) -> Whom {
        Whom(id: "COALESCE((SELECT person_id FROM session WHERE secret_hash = \(secretHash)), '')")
    }

    /// Whoever has an app, or registers it.
    static func holder(ofApp id: CredentialID) -> Whom {
        Whom(id: "COALESCE((SELECT person_id FROM authenticator WHERE id = \(id)), '')")
    }

    /// Whoever has a name, in its normalised form.
    public static func named(_ key: String, in organisation: OrganisationID) -> Whom {
        Whom(id: "COALESCE((SELECT id FROM person WHERE organisation_id = \(organisation) AND name_key = \(key)), '')")
    }
}
