enum SetupRoutes {
    static let routes: [Route] = []
}
