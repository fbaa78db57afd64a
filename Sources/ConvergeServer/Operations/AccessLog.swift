import Logging

/// One line for each request that was answered: never a query string, a name, or more of an address than the network key.
struct AccessLog: Sendable {
    let instance: Instance
    let id: String
    let method: String
    /// The pattern, never the path that was asked for.
    let route: String
    let network: String
    private let began: Int64

    init(_ instance: Instance, id: String, method: String, route: Route?, network: String, began: Int64) {
        self.instance = instance
        self.id = id
        self.method = Self.methods.contains(method) ? method : "other"
        self.route = route?.path ?? "none"
        self.network = network
        self.began = began
    }

    /// Others are whatever somebody typed.
    private static let methods: Set<String> = ["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"]

    /// The answer is on its way.
    func answered(status: Int) {
        let nanoseconds = instance.world.stopwatch() - began
        instance.metrics.request(method, route, status: status, nanoseconds: nanoseconds)
        let isNoise = route == "/static/:file" || OperationsRoutes.paths.contains(route)
        instance.log.log(
            level: isNoise ? .debug : .info, "request",
            metadata: [
                "request": "\(id)", "method": "\(method)", "route": "\(route)", "status": "\(status)",
                "milliseconds": "\(Double(nanoseconds / 10_000) / 100)", "network": "\(network)",
            ])
    }
}
