enum DemoRoutes {
    static let routes: [Route] = []
}
