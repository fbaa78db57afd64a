import Hummingbird
import ServiceLifecycle

/// Everything that runs while Converge serves: pages, the outbox, the sweeper. Ends gracefully on SIGTERM and Ctrl-C.
public struct Server: Sendable {
    let instance: Instance

    public init(_ instance: Instance) {
        self.instance = instance
    }

    /// Serves until told to stop.
    public func run() async throws {
        let curl = Curl()
        let application = Front(instance).application(extra: [OutboxWorker(instance, curl: curl), Sweeper(instance)])
        try await application.runService()
        try await curl.close()
        try await instance.close()
    }
}
