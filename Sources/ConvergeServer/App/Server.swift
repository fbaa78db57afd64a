import ConvergeCore
import Hummingbird
import Logging
import ServiceLifecycle
import UnixSignals

/// Everything that runs while Converge serves: pages, the outbox, the sweeper. Ends gracefully on SIGTERM and Ctrl-C: no new
/// requests are taken, those that have begun are answered, then the workers finish what they have in hand.
public struct Server: Sendable {
    let instance: Instance

    /// Whatever has not ended by then is cut off: a browser that never finishes its request must not keep the old program alive.
    static let patience = Duration.seconds(30)

    public init(_ instance: Instance) {
        self.instance = instance
    }

    /// Serves until told to stop.
    public func run() async throws {
        let curl = Curl()
        // Ended in reverse: first the pages, then the sweeper, then the outbox, whose last messages the pages wrote.
        let application = Front(instance).application(extra: [OutboxWorker(instance, curl: curl), Sweeper(instance), ApprovalEar(instance)])
        var configuration = ServiceGroupConfiguration(
            services: [application], gracefulShutdownSignals: [.sigterm, .sigint], logger: instance.log)
        configuration.maximumGracefulShutdownDuration = Self.patience
        try await ServiceGroup(configuration: configuration).run()
        try await curl.close()
        try await instance.close()
        instance.log.notice("stopped")
    }
}
