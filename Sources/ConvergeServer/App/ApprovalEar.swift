import ServiceLifecycle

/// Wakes pages and apps of this node when another one has heard what somebody decided, or asked for it. Without it they ask again
/// every second.
struct ApprovalEar: Service {
    let instance: Instance

    init(_ instance: Instance) {
        self.instance = instance
    }

    func run() async throws {
        guard let told = instance.database.notifications(ApprovalStore.channel) else {
            try? await gracefulShutdown()
            return
        }
        let signal = instance.approvalSignal
        await cancelWhenGracefulShutdown {
            for await _ in told { signal.wake() }
        }
    }
}
