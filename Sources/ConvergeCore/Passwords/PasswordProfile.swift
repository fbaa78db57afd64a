public enum PasswordProfile: String, Codable, CaseIterable, Sendable { case nist, entra }
