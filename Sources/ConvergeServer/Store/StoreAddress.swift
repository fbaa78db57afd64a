public import ConvergeCore
import Foundation

/// Where a store is, as a command line names it: `sqlite:/var/lib/converge/converge.db`, `postgres:host=db1 dbname=converge` or
/// `postgresql://db1/converge`.
public enum StoreAddress: Sendable, Hashable {
    case sqlite(path: String)
    case postgres(PostgresDatabase.Settings)

    /// Why a text is none; a sentence for the operator. Never repeats the text, which may hold a password by mistake.
    public enum Problem: Error, Hashable, Sendable, CustomStringConvertible {
        case unknownEngine
        case missing(path: String)
        case postgres(PostgresAddress.Problem)

        public var description: String {
            switch self {
            case .unknownEngine: "A store is named sqlite:PATH, or postgres: with words like host=db1 dbname=converge."
            case .missing(let path): "There is no database at \(path)."
            case .postgres(.unreadable):
                "What follows postgres: is no connection string: words like host=db1 dbname=converge, or an address."
            case .postgres(.secret): "The password must not be in the address. Give it in CONVERGE_DATABASE_PASSWORD."
            case .postgres(.incomplete): "A PostgreSQL store needs host and dbname."
            }
        }
    }

    /// - Parameter password: for PostgreSQL, where it asks for one.
    public init(_ text: String, password: Secret?) throws {
        if text.utf8.starts(with: "sqlite:".utf8) {
            self = .sqlite(path: String(text.dropFirst("sqlite:".count)))
        } else if text.utf8.starts(with: "postgres:".utf8) || text.utf8.starts(with: "postgresql:".utf8) {
            let isURL = text.contains("://")
            do {
                let address = try PostgresAddress(isURL ? text : String(text.dropFirst("postgres:".count)))
                self = .postgres(PostgresDatabase.Settings(address: address, password: password, sessions: 2))
            } catch let problem as PostgresAddress.Problem {
                throw Problem.postgres(problem)
            }
        } else {
            throw Problem.unknownEngine
        }
    }

    /// Which store it is, for operators.
    var description: String {
        switch self {
        case .sqlite(let path): path
        case .postgres(let settings): settings.address.description
        }
    }

    /// Opens the store, when nobody else has it open.
    ///
    /// - Parameter mayCreate: whether a file is made where there is none.
    public func openAlone(mayCreate: Bool) async throws -> any Database {
        switch self {
        case .sqlite(let path):
            guard mayCreate || FileManager.default.fileExists(atPath: path) else { throw Problem.missing(path: path) }
            do {
                guard let lock = FileLock(beside: path, .exclusive, wait: false) else { throw StoreCopy.Problem.inUse(path) }
                withExtendedLifetime(lock) {}
            }
            return try SQLiteDatabase(path: path)
        case .postgres(let settings):
            let database = try await PostgresDatabase(settings)
            // What has just ended may still be among the server's sessions: a pg_restore a line before this in somebody's script.
            var others = try await database.others()
            for _ in 0..<20 where others > 0 {
                try await Task.sleep(for: .milliseconds(100))
                others = try await database.others()
            }
            guard others == 0 else {
                try await database.close()
                throw StoreCopy.Problem.inUse(settings.address.description)
            }
            return database
        }
    }
}
