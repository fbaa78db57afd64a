import ConvergeCore

/// Where a PostgreSQL server is and how it is reached, in libpq's words and without a password.
public struct PostgresAddress: Sendable, Hashable, CustomStringConvertible {
    /// Why a text is none. Never repeats the text.
    public enum Problem: Error, Hashable, Sendable {
        /// No connection string and no address.
        case unreadable
        /// It holds a password.
        case secret
        /// It leaves out host or database, so that the environment would decide.
        case incomplete
    }

    let values: [String: String]

    /// Reads a connection string (`host=db1,db2 dbname=converge user=converge`) or an address (`postgresql://db1/converge`).
    ///
    /// - Throws: `Problem`.
    public init(_ text: String) throws {
        guard let values = PostgresSession.parse(text) else { throw Problem.unreadable }
        guard values["password"] == nil, values["sslpassword"] == nil else { throw Problem.secret }
        guard values["host"] != nil || values["hostaddr"] != nil, values["dbname"] != nil else { throw Problem.incomplete }
        self.values = values
    }

    /// The database with its hosts, for the log and for operators.
    public var description: String {
        "\(values["dbname"] ?? "?") at " + (values["host"] ?? values["hostaddr"] ?? "?").split(separator: ",").joined(separator: ", ")
    }

    /// The connection goes over a socket of this machine or its loopback only, to whichever host.
    var isLocal: Bool {
        (values["hostaddr"] ?? values["host"] ?? "").split(separator: ",", omittingEmptySubsequences: false).allSatisfy { host in
            host.hasPrefix("/") || host.hasPrefix("@") || host == "localhost" || host == "::1" || host.hasPrefix("127.")
        }
    }

    /// Nobody between here and the server can read or alter what goes over the connection.
    var isProtected: Bool { isLocal || values["sslmode"] ?? "verify-full" == "verify-full" }

    /// With what Converge needs besides: a server that takes writes, a commit that is on the disk when it is confirmed, limits on
    /// waiting, a dead peer noticed. What the operator wrote stays.
    func completed(password: Secret?, statementSeconds: Int) -> [String: String] {
        let milliseconds = statementSeconds * 1000
        let wanted = [
            "target_session_attrs": "read-write", "connect_timeout": "5", "keepalives_idle": "15", "keepalives_interval": "5",
            "keepalives_count": "3", "tcp_user_timeout": "15000", "application_name": "converge",
        ]
        var all = wanted.merging(values) { $1 }
        // Whatever the server does by default.
        let settings =
            "-c synchronous_commit=on -c bytea_output=hex "
            + "-c statement_timeout=\(milliseconds) -c lock_timeout=\(milliseconds) -c idle_in_transaction_session_timeout=15000"
        // The last one wins.
        all["options"] = [settings, values["options"] ?? ""].filter { !$0.isEmpty }.joined(separator: " ")
        all["client_encoding"] = "UTF8"
        if !isLocal, values["sslmode"] == nil { all["sslmode"] = "verify-full" }
        if let password { all["password"] = password.text }
        return all
    }
}
